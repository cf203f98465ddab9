import { abortedError } from "../../src/deadline.js";
import type { Clock } from "../../src/ports.js";

interface Timer {
  readonly atMs: number;
  fire(): void;
}

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  #nowMs: number;
  readonly #timers = new Set<Timer>();

  constructor(nowMs = 1_700_000_000_000) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  delay(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#timers.delete(timer);
        reject(abortedError("delay", signal?.reason));
      };
      const timer: Timer = {
        atMs: this.#nowMs + ms,
        fire: () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      if (signal?.aborted === true) {
        onAbort();
        return;
      }
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#timers.add(timer);
    });
  }

  /** How many delays are waited for. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Lets `ms` pass: fires the delays that end in it, each at its time, and lets what they wake run first. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      await settle();
      const due = [...this.#timers].filter(({ atMs }) => atMs <= endMs);
      if (due.length === 0) break;
      const next = due.reduce((first, timer) => (timer.atMs < first.atMs ? timer : first));
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.fire();
    }
    this.#nowMs = endMs;
    await settle();
  }

  /** Moves the time without firing anything, as a corrected system clock does. */
  jumpTo(nowMs: number): void {
    this.#nowMs = nowMs;
  }
}

/** Lets everything that is ready run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
