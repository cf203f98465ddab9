import { throwIfAborted } from "../../src/deadline.js";
import type { Clock } from "../../src/ports.js";

/** A clock on which every delay is over at once, its time included. */
export class HastyClock implements Clock {
  readonly delays: number[] = [];
  #nowMs: number;

  constructor(nowMs = 1_700_000_000_000) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  delay(ms: number, signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal, "delay");
    this.delays.push(ms);
    this.#nowMs += ms;
    return Promise.resolve();
  }
}
