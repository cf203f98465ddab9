import { throwIfAborted, withDeadline } from "../deadline.js";
import { type Attempt, attemptOf, HawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { Clock, StoredBytes } from "../ports.js";
import type { ReadBudget } from "./budget.js";
import { callPlace, type StoragePolicy } from "./policy.js";
import type { StorageCall } from "./policy-options.js";
import type { Replica } from "./replicas.js";

/** How replicas are asked. */
export interface FetchOptions {
  readonly clock: Clock;
  /** Every replica that is asked costs one request of it, and none may take longer than what is left. */
  readonly budget: ReadBudget;
  readonly kind: "record" | "object";
  /** A body with more bytes is an error, whether or not the provider stopped there by itself. */
  readonly maxBytes: number;
  /** ms that each replica has. Default: the policy's, which is 15,000 for records and 30,000 for objects. */
  readonly timeoutMs?: number | undefined;
  /** Which calls are repeated, and which replicas are left alone. Default: none. */
  readonly policy?: StoragePolicy | undefined;
  /** Whether replicas that the policy would leave alone are asked as well. Default false. */
  readonly everybody?: boolean | undefined;
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
 * A provider that failed several times in a row is left alone for a time, as long as another replica is asked. It then
 * counts as unreachable, which whoever stands between could have made it too. Replicas cannot do that to one another:
 * only a provider's own failures count, never what it serves, nor URLs, since a profile may name any.
 *
 * @throws NETWORK_TIME_LIMIT before anything is asked, if the budget does not suffice for all; NETWORK_ABORTED
 */
export async function fetchAll(replicas: readonly Replica[], options: FetchOptions): Promise<readonly ReplicaReply[]> {
  throwIfAborted(options.signal, "The read");
  const { policy, kind, clock, budget, everybody = false } = options;
  const resting = everybody ? undefined : policy?.health?.leftAlone(replicas, kind, clock.nowMs());
  for (const replica of replicas) if (replica.opens && resting?.has(replica) !== true) budget.spend(replica.label);
  const replies = await Promise.all(
    replicas.map(async (replica): Promise<ReplicaReply> => {
      const attempt = resting?.get(replica);
      if (attempt === undefined) return fetchOne(replica, options);
      return { label: replica.label, outcome: "unreachable", attempt };
    }),
  );
  throwIfAborted(options.signal, "The read");
  return replies;
}

/**
 * What one replica says within its deadline. Never rejects, and counts nothing against the budget but calls that are
 * repeated.
 */
export async function fetchOne(replica: Replica, options: FetchOptions): Promise<ReplicaReply> {
  const { label } = replica;
  const { policy, clock, signal } = options;
  try {
    const call: StorageCall = {
      place: replica.provider === null ? null : replica.place,
      operation: options.kind,
      clock,
      timeoutMs: timeoutOf(options),
      signal,
      mayRepeat: () => replica.opens && options.budget.spendAgain(),
    };
    const stored = await callPlace(policy, call, (timeoutMs) => readCapped(replica, { ...options, timeoutMs }));
    return stored === null ? { label, outcome: "absent" } : { label, outcome: "bytes", ...stored };
  } catch (error) {
    return { label, outcome: "unreachable", attempt: attemptOfAnything(label, error) };
  }
}

/** ms that one replica has. */
export function timeoutOf({ timeoutMs, policy, kind }: Pick<FetchOptions, "timeoutMs" | "policy" | "kind">): number {
  if (timeoutMs !== undefined) return timeoutMs;
  if (kind === "record") return policy?.settings.recordTimeoutMs ?? limits.recordTimeoutMs;
  return policy?.settings.objectTimeoutMs ?? limits.objectTimeoutMs;
}

/** One call, within its byte cap and its deadline. @throws what the replica throws, NETWORK_TIMEOUT, NETWORK_TOO_LARGE */
export async function readCapped(replica: Replica, options: FetchOptions): Promise<StoredBytes | null> {
  const { clock, budget, kind, maxBytes, signal } = options;
  const url = replica.label;
  if (!replica.opens) {
    throw new HawserError("NETWORK_HOST_REFUSED", `Nothing here opens ${url}.`, { url, reason: "nothing opens it" });
  }
  const answer: unknown = await withDeadline(
    { clock, timeoutMs: Math.min(timeoutOf(options), budget.remainingMs()), signal, what: url },
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
