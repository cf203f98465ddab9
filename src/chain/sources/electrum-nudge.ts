import type { Clock } from "../../ports.js";
import { electrumLimits } from "./electrum-limits.js";

/** bytes - of spaces before a message's last bracket, which no encoder writes for another reason. */
const MIN_PADDING = 8;

/**
 * bytes - of the spaces that a message was filled up with, before its last bracket. Servers that do so
 * (spesmilo/electrumx, over TCP and TLS) send packets of a power of two, from 1,024 bytes on, and keep what makes less
 * back for up to a second, in case more comes.
 */
export function paddingBytes(message: string): number {
  let start = message.length - 1;
  while (start > 0 && message.charCodeAt(start - 1) === 0x20) start--;
  return Math.max(0, message.length - 1 - start);
}

/** Whether so many spaces are there to fill a packet up. */
export function isPadding(bytes: number): boolean {
  return bytes >= MIN_PADDING;
}

/** bytes - of the largest packet that an answer of `bytes` may be filled up to, with others before it. */
export function paddedBytes(bytes: number): number {
  return 2 ** (Math.ceil(Math.log2(bytes)) + 1);
}

/**
 * Has a server that keeps small answers back send them: once nothing came for a while after a question, one more question
 * is asked, with an answer that is long enough to make the server send all that it has. Who listens on the way learns no
 * more from it: what is sent is filled up as before.
 */
export class Nudger {
  readonly #clock: Clock;
  readonly #isWaiting: () => boolean;
  readonly #nudge: () => void;
  #timer: AbortController | null = null;

  /**
   * @param isWaiting - whether an answer other than to a nudge is still to come
   * @param nudge - sends the further question
   */
  constructor(clock: Clock, isWaiting: () => boolean, nudge: () => void) {
    this.#clock = clock;
    this.#isWaiting = isWaiting;
    this.#nudge = nudge;
  }

  /** A question was sent. */
  asked(): void {
    this.stop();
    const timer = new AbortController();
    this.#timer = timer;
    this.#run(timer.signal).catch(() => undefined);
  }

  stop(): void {
    this.#timer?.abort();
    this.#timer = null;
  }

  async #run(signal: AbortSignal): Promise<void> {
    for (const delayMs of electrumLimits.nudgeDelaysMs) {
      await this.#clock.delay(delayMs, signal);
      if (!this.#isWaiting()) return;
      this.#nudge();
    }
  }
}
