import type { Clock } from "../../ports.js";
import { electrumLimits } from "./electrum-limits.js";

/** An answer that was filled up with spaces ends in at least as many, before its last bracket. */
const PADDING = " ".repeat(8);

/**
 * Whether a message was filled up. Servers that do so (spesmilo/electrumx, over TCP and TLS) send at once only what makes
 * 1,024 bytes, and keep less for up to a second, in case more comes.
 */
export function isPadded(message: string): boolean {
  return message.at(-2) === " " && message.slice(0, -1).endsWith(PADDING);
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
