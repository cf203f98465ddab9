import { abortedError, throwIfAborted } from "../../deadline.js";

/** Lets a few at a time do something, in the order in which they asked. */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(atATime: number) {
    this.#free = atATime;
  }

  /**
   * Runs `work` when it is its turn; who aborts while waiting gives up its place.
   *
   * @throws NETWORK_ABORTED, and what `work` throws
   */
  async run<Result>(signal: AbortSignal | undefined, what: string, work: () => Promise<Result>): Promise<Result> {
    throwIfAborted(signal, what);
    if (this.#free > 0) this.#free--;
    else await this.#wait(signal, what);
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }

  #wait(signal: AbortSignal | undefined, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const start = (): void => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      };
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(start), 1);
        reject(abortedError(what, signal?.reason));
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiting.push(start);
    });
  }
}
