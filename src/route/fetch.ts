import { throwIfAborted, withDeadline } from "../deadline.js";
import { type Attempt, attemptOf, HawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { Clock, StoredBytes } from "../ports.js";
import type { ReadBudget } from "./budget.js";
import type { Replica } from "./replicas.js";

/** How replicas are asked. */
export interface FetchOptions {
  readonly clock: Clock;
  /** Every replica that is asked costs one request of it, and none may take longer than what is left. */
  readonly budget: ReadBudget;
  readonly kind: "record" | "object";
  /** A body with more bytes is an error, whether or not the provider stopped there by itself. */
  readonly maxBytes: number;
  /** ms that each replica has. Default 15,000 for records, 30,000 for objects. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What one replica said. */
export type ReplicaReply =
  | { readonly label: string; readonly outcome: "bytes"; readonly bytes: Uint8Array; readonly tag: string | null }
  | { readonly label: string; readonly outcome: "absent" }
  | { readonly label: string; readonly outcome: "unreachable"; readonly attempt: Attempt };

/**
 * Asks every replica at once and waits for all of them or their deadlines (M8: the first answer alone is never enough,
 * a lagging replica that answers first would make new data stale). Replies are in the order of `replicas`. Whatever a
 * replica throws makes it unreachable.
 *
 * @throws NETWORK_TIME_LIMIT before anything is asked, if the budget does not suffice for all; NETWORK_ABORTED
 */
export async function fetchAll(replicas: readonly Replica[], options: FetchOptions): Promise<readonly ReplicaReply[]> {
  throwIfAborted(options.signal, "The read");
  for (const replica of replicas) if (replica.opens) options.budget.spend(replica.label);
  const replies = await Promise.all(replicas.map((replica) => fetchOne(replica, options)));
  throwIfAborted(options.signal, "The read");
  return replies;
}

/** What one replica says within its deadline. Never rejects, and counts nothing against the budget. */
export async function fetchOne(replica: Replica, options: FetchOptions): Promise<ReplicaReply> {
  const { label } = replica;
  try {
    const stored = await readCapped(replica, options);
    return stored === null ? { label, outcome: "absent" } : { label, outcome: "bytes", ...stored };
  } catch (error) {
    return { label, outcome: "unreachable", attempt: attemptOfAnything(label, error) };
  }
}

async function readCapped(replica: Replica, options: FetchOptions): Promise<StoredBytes | null> {
  const { clock, budget, kind, maxBytes, signal } = options;
  const url = replica.label;
  if (!replica.opens) {
    throw new HawserError("NETWORK_HOST_REFUSED", `Nothing here opens ${url}.`, { url, reason: "nothing opens it" });
  }
  const ownMs = options.timeoutMs ?? (kind === "record" ? limits.recordTimeoutMs : limits.objectTimeoutMs);
  const answer: unknown = await withDeadline(
    { clock, timeoutMs: Math.min(ownMs, budget.remainingMs()), signal, what: url },
    (inner) => replica.read({ kind, maxBytes, signal: inner }),
  );
  if (answer === null) return null;
  const { bytes, tag } = answer as { readonly bytes?: unknown; readonly tag?: unknown };
  if (!(bytes instanceof Uint8Array)) {
    const reason = "neither bytes nor absent";
    throw new HawserError("NETWORK_ANSWER_INVALID", `${url} returned ${reason}.`, { url, reason });
  }
  if (bytes.length > maxBytes) {
    throw new HawserError("NETWORK_TOO_LARGE", `${url} returned more than ${maxBytes} bytes.`, { url, maxBytes });
  }
  // A copy: a provider that reuses its buffer must not change bytes after they were verified.
  return { bytes: new Uint8Array(bytes), tag: typeof tag === "string" ? tag : null };
}

/** As `attemptOf`, for values so odd that even looking at them throws. */
export function attemptOfAnything(label: string, error: unknown): Attempt {
  try {
    return attemptOf(label, error);
  } catch {
    return { label, code: "NETWORK_UNREACHABLE", message: "It failed with a value that cannot be read." };
  }
}
