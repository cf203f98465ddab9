import { abortedError, throwIfAborted } from "../../deadline.js";

interface Flight<T> {
  readonly answer: Promise<T>;
  readonly over: AbortController;
  waiting: number;
}

/** Answers that several callers wait for at the same time. One who gives up does not end it for the others. */
export class Flights<T> {
  readonly #flights = new Map<string, Flight<T>>();

  /**
   * The answer of what is under way for `key`, or of `start`. `joined` tells whether it was asked for before this call.
   *
   * @throws NETWORK_ABORTED, and what `start` throws
   */
  async share(
    key: string,
    signal: AbortSignal | undefined,
    start: (signal: AbortSignal) => Promise<T>,
  ): Promise<{ readonly value: T; readonly joined: boolean }> {
    throwIfAborted(signal, key);
    const known = this.#flights.get(key);
    const flight = known ?? this.#begin(key, start);
    flight.waiting++;
    let onAbort = (): void => undefined;
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => {
        reject(abortedError(key, signal?.reason));
      };
      signal?.addEventListener("abort", onAbort, { once: true });
    });
    try {
      return { value: await Promise.race([flight.answer, aborted]), joined: known !== undefined };
    } finally {
      signal?.removeEventListener("abort", onAbort);
      flight.waiting--;
      if (flight.waiting === 0) {
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
        flight.over.abort();
      }
    }
  }

  #begin(key: string, start: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const over = new AbortController();
    const answer = start(over.signal);
    const flight = { answer, over, waiting: 0 };
    this.#flights.set(key, flight);
    const end = (): void => {
      // Nothing is kept: who asks now wants what the server says now.
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    };
    answer.then(end, end);
    return flight;
  }
}
