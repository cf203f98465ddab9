import { limits } from "../limits.js";
import type { StoredKind } from "../ports.js";
import { ReadBudget } from "../route/budget.js";
import { type FetchOptions, timeoutOf } from "../route/fetch.js";
import type { ReaderCore } from "./reader-core.js";

/** Who looks after all items of a name, and how long each may take. */
export interface ItemReader {
  readonly core: ReaderCore;
  /** ms - for each item. Default 60,000. */
  readonly timeoutMs?: number | undefined;
}

/** How the replicas of one item are asked: with the time of a read of its own, and as many requests as it has replicas. */
export function fetchOptions(
  { core, timeoutMs }: ItemReader,
  kind: StoredKind,
  maxBytes: number,
  signal: AbortSignal | undefined,
  replicas = 0,
): FetchOptions & { readonly timeoutMs: number } {
  const { clock, policy } = core.parts;
  const callMs = timeoutOf({ kind, policy });
  const maxRequests = Math.max(limits.readMaxRequests, replicas);
  return {
    clock,
    kind,
    maxBytes,
    signal,
    policy,
    // Whether a place that failed of late has the data is what is to be found out.
    everybody: true,
    timeoutMs: Math.min(callMs, timeoutMs ?? callMs),
    budget: new ReadBudget({ clock, timeoutMs, maxRequests, signal }),
  };
}
