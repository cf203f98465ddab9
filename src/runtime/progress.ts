import { HawserError } from "../errors.js";
import type { Clock } from "../ports.js";

/** How long a server may be silent. A total time bounds one that sends a byte now and then. */
export interface Progress {
  /** ms - until the head of its answer is there, connecting included. */
  readonly firstByteMs: number;
  /** ms - between any two parts of the body. */
  readonly idleMs: number;
}

/** Watches one answer arrive. */
export interface ProgressWatch {
  /** Aborts with the caller's signal, and when the server was silent for too long. */
  readonly signal: AbortSignal;
  /** The server sent something. */
  readonly arrived: () => void;
  /** The error, where it was silent for too long; else null. */
  stalled(): HawserError<"NETWORK_TIMEOUT"> | null;
  /** Ends the timer. */
  end(): void;
}

/** Starts to wait for the first byte. */
export function watchProgress(
  { firstByteMs, idleMs }: Progress,
  clock: Clock,
  url: string,
  outer: AbortSignal | undefined,
): ProgressWatch {
  const stall = new AbortController();
  const ended = new AbortController();
  let error: HawserError<"NETWORK_TIMEOUT"> | null = null;
  let waitMs = firstByteMs;
  let sinceMs = clock.nowMs();
  // One timer that looks again, since bodies arrive in thousands of parts.
  const watch = async (): Promise<void> => {
    for (;;) {
      const leftMs = sinceMs + waitMs - clock.nowMs();
      if (leftMs <= 0) {
        error = new HawserError("NETWORK_TIMEOUT", `${url} sent nothing for ${waitMs} ms.`, { url, timeoutMs: waitMs });
        stall.abort(error);
        return;
      }
      // A clock that is set back must not make it wait longer.
      await clock.delay(Math.min(leftMs, waitMs), ended.signal);
    }
  };
  watch().catch(() => undefined);
  return {
    signal: outer === undefined ? stall.signal : AbortSignal.any([outer, stall.signal]),
    arrived: () => {
      waitMs = idleMs;
      sinceMs = clock.nowMs();
    },
    stalled: () => error,
    end: () => {
      ended.abort();
    },
  };
}
