import { HawserError } from "./errors.js";
import type { Clock } from "./ports.js";

/** How long a call may take and what to say when it takes longer. */
export interface DeadlineOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** What is being waited for: a URL or a label. */
  readonly what: string;
}

/** The error for a call that the caller gave up. */
export function abortedError(operation: string, cause?: unknown): HawserError<"NETWORK_ABORTED"> {
  return new HawserError("NETWORK_ABORTED", `${operation} was aborted by the caller.`, { operation }, { cause });
}

/** Fails when the caller has aborted. @throws NETWORK_ABORTED */
export function throwIfAborted(signal: AbortSignal | undefined, operation: string): void {
  if (signal?.aborted === true) throw abortedError(operation, signal.reason);
}

/**
 * Runs `run` with a signal that aborts on the caller's abort or after `timeoutMs`. A source or provider that ignores
 * its signal cannot hold the caller: the result is then an error all the same.
 *
 * @throws NETWORK_TIMEOUT, NETWORK_ABORTED, and what `run` throws
 */
export async function withDeadline<T>(options: DeadlineOptions, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { clock, timeoutMs, signal, what } = options;
  throwIfAborted(signal, what);
  const inner = new AbortController();
  const timer = new AbortController();
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => {
      inner.abort(signal?.reason);
      reject(abortedError(what, signal?.reason));
    };
    signal?.addEventListener("abort", onAbort, { once: true });
  });
  const timedOut = clock.delay(timeoutMs, timer.signal).then(
    () => {
      inner.abort();
      throw new HawserError("NETWORK_TIMEOUT", `${what} did not answer within ${timeoutMs} ms.`, { url: what, timeoutMs });
    },
    () => new Promise<never>(() => undefined),
  );
  try {
    return await Promise.race([run(inner.signal), timedOut, aborted]);
  } finally {
    timer.abort();
    if (onAbort !== undefined) signal?.removeEventListener("abort", onAbort);
  }
}
