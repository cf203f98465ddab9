import { assertInteger } from "../bytes/guards.js";
import { abortedError, throwIfAborted } from "../deadline.js";
import type { Clock } from "../ports.js";

/** ms - the longest gap between two writes of one key. */
export const WRITE_GAP_MAX_MS = 60_000;

/** How writes are paced. */
export interface WriteGapOptions {
  /** ms - 0 to 60,000; with 0 nothing waits. */
  readonly minWriteGapMs: number;
  readonly clock: Clock;
  /** Who writes, for errors. */
  readonly label: string;
}

/**
 * Keeps writes of one key apart, for services that take only so many of them. They are sent one after the other, in the
 * order in which they were asked for; those of different keys do not wait for each other.
 *
 * Every one is sent: leaving out one that another follows would make its outcome a guess, and if the other then fails,
 * nothing is stored.
 */
export class WriteGap {
  /** ms */
  readonly minWriteGapMs: number;
  readonly #clock: Clock;
  readonly #label: string;
  /** Those that wait behind the one whose turn it is; keys without one are not in it. */
  readonly #waiting = new Map<string, (() => void)[]>();
  /** When the last write of a key ended, the earliest first. */
  readonly #endedMs = new Map<string, number>();
  #seenMs: number;
  #elapsedMs = 0;

  /** @throws INPUT_INVALID */
  constructor({ minWriteGapMs, clock, label }: WriteGapOptions) {
    assertInteger("minWriteGapMs", minWriteGapMs, 0, WRITE_GAP_MAX_MS);
    this.minWriteGapMs = minWriteGapMs;
    this.#clock = clock;
    this.#label = label;
    this.#seenMs = clock.nowMs();
  }

  /** How many keys are remembered. */
  get remembered(): number {
    return new Set([...this.#waiting.keys(), ...this.#endedMs.keys()]).size;
  }

  /**
   * Sends when it is the turn of this write and the gap has passed since the one before it, however that ended: the service
   * may have counted it. An abort gives up the place in the row.
   *
   * @throws NETWORK_ABORTED, and what `send` throws
   */
  async run<Result>(key: string, signal: AbortSignal | undefined, send: () => Promise<Result>): Promise<Result> {
    if (this.minWriteGapMs === 0) return send();
    throwIfAborted(signal, this.#label);
    await this.#enter(key, signal);
    let isSent = false;
    let hasLeft = false;
    const leave = (): void => {
      if (hasLeft) return;
      hasLeft = true;
      if (isSent) this.#remember(key);
      this.#next(key);
    };
    // A `send` that does not heed its signal must not hold up those behind it.
    signal?.addEventListener("abort", leave, { once: true });
    try {
      await this.#pause(key, signal);
      isSent = true;
      return await send();
    } finally {
      signal?.removeEventListener("abort", leave);
      leave();
    }
  }

  async #enter(key: string, signal: AbortSignal | undefined): Promise<void> {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) {
      this.#waiting.set(key, []);
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const start = (): void => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      };
      const onAbort = (): void => {
        waiting.splice(waiting.indexOf(start), 1);
        reject(abortedError(this.#label, signal?.reason));
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      waiting.push(start);
    });
  }

  #next(key: string): void {
    const next = this.#waiting.get(key)?.shift();
    if (next === undefined) this.#waiting.delete(key);
    else next();
  }

  async #pause(key: string, signal: AbortSignal | undefined): Promise<void> {
    const nowMs = this.#nowMs();
    this.#forgetBefore(nowMs);
    const endedMs = this.#endedMs.get(key);
    try {
      if (endedMs !== undefined) await this.#clock.delay(endedMs + this.minWriteGapMs - nowMs, signal);
    } catch (error) {
      throwIfAborted(signal, this.#label);
      throw error;
    }
    throwIfAborted(signal, this.#label);
  }

  #remember(key: string): void {
    // Behind those of earlier ends, also where it was among them.
    this.#endedMs.delete(key);
    this.#endedMs.set(key, this.#nowMs());
  }

  /** Drops what has no gap left to keep. */
  #forgetBefore(nowMs: number): void {
    for (const [key, endedMs] of this.#endedMs) {
      if (endedMs + this.minWriteGapMs > nowMs) break;
      this.#endedMs.delete(key);
    }
  }

  /** Never goes back: a clock that is set back must make nothing wait longer than the gap. */
  #nowMs(): number {
    const nowMs = this.#clock.nowMs();
    this.#elapsedMs += Math.max(0, nowMs - this.#seenMs);
    this.#seenMs = nowMs;
    return this.#elapsedMs;
  }
}
