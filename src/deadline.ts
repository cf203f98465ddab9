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
  let onAbort = (): void => undefined;
  const stopped = new Promise<never>((_, reject) => {
    // Rejected before `run` is told: what it makes of its signal must not be taken for the outcome.
    onAbort = () => {
      reject(abortedError(what, signal?.reason));
      inner.abort(signal?.reason);
    };
    clock.delay(timeoutMs, timer.signal).then(
      () => {
        const message = `${what} did not answer within ${timeoutMs} ms.`;
        reject(new HawserError("NETWORK_TIMEOUT", message, { url: what, timeoutMs }));
        inner.abort();
      },
      () => undefined,
    );
  });
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    // In an async function, so that a `run` that throws at once is a rejection too and leaves no other unheard.
    return await Promise.race([stopped, (async () => run(inner.signal))()]);
  } finally {
    timer.abort();
    signal?.removeEventListener("abort", onAbort);
  }
}
