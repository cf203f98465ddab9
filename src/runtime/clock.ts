import { abortedError } from "../deadline.js";
import type { Clock } from "../ports.js";

// Timers hold 31 bits; a longer delay would fire at once.
const LONGEST_TIMER_MS = 2 ** 31 - 1;

function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(abortedError("delay", signal?.reason));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** The time of this machine. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  async delay(ms, signal) {
    let rest = ms;
    while (rest > LONGEST_TIMER_MS) {
      await wait(LONGEST_TIMER_MS, signal);
      rest -= LONGEST_TIMER_MS;
    }
    await wait(Math.max(0, rest), signal);
  },
};
