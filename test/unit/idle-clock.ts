import { abortedError } from "../../src/deadline.js";
import type { Clock } from "../../src/ports.js";

/**
 * A clock on which a delay is over, its time included, as soon as nothing else happens: waits take no time, and the
 * deadlines of calls that end never pass.
 */
export class IdleClock implements Clock {
  /** Those that came to their end. */
  readonly delays: number[] = [];
  #nowMs = 1_700_000_000_000;

  nowMs(): number {
    return this.#nowMs;
  }

  async delay(ms: number, signal?: AbortSignal): Promise<void> {
    for (let turns = 0; turns < 10; turns++) {
      if (signal?.aborted === true) throw abortedError("delay", signal.reason);
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (signal?.aborted === true) throw abortedError("delay", signal.reason);
    this.delays.push(ms);
    this.#nowMs += ms;
  }
}
