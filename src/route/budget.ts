import { throwIfAborted } from "../deadline.js";
import { HawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { Clock } from "../ports.js";

/** What a {@link ReadBudget} is made of. */
export interface ReadBudgetOptions {
  readonly clock: Clock;
  /** Requests to storage. Default 64 (U1). */
  readonly maxRequests?: number | undefined;
  /** ms for the whole read. Default 60,000. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What one read may still cost (U1): servers that fail one after the other cannot hold a reader for ever. */
export class ReadBudget {
  readonly signal: AbortSignal | undefined;
  readonly #clock: Clock;
  readonly #maxRequests: number;
  readonly #timeoutMs: number;
  readonly #startedMs: number;
  #spent = 0;

  constructor({ clock, maxRequests, timeoutMs, signal }: ReadBudgetOptions) {
    this.#clock = clock;
    this.#maxRequests = maxRequests ?? limits.readMaxRequests;
    this.#timeoutMs = timeoutMs ?? limits.readTimeoutMs;
    this.#startedMs = clock.nowMs();
    this.signal = signal;
  }

  /**
   * Counts one request. Call it before the request.
   *
   * @param what - label or URL of what is asked.
   * @throws NETWORK_TIME_LIMIT, NETWORK_ABORTED
   */
  spend(what: string): void {
    throwIfAborted(this.signal, what);
    if (this.remainingMs() <= 0) throw this.#exhausted("time", this.#timeoutMs, `${this.#timeoutMs} ms`);
    if (this.#spent >= this.#maxRequests) {
      throw this.#exhausted("requests", this.#maxRequests, `${this.#maxRequests} requests`);
    }
    this.#spent++;
  }

  /**
   * Counts one request that repeats another, if half of all are left: places that were not asked yet come first.
   *
   * @returns whether it may be made
   */
  spendAgain(): boolean {
    const mayRepeat = 2 * this.#spent < this.#maxRequests && this.remainingMs() > 0;
    if (mayRepeat) this.#spent++;
    return mayRepeat;
  }

  /** ms that are left, 0 when there are none. */
  remainingMs(): number {
    const leftMs = this.#startedMs + this.#timeoutMs - this.#clock.nowMs();
    // A clock that is set back must not give a read more time than it was given.
    return Math.min(this.#timeoutMs, Math.max(0, leftMs));
  }

  #exhausted(limit: string, max: number, words: string): HawserError<"NETWORK_TIME_LIMIT"> {
    return new HawserError("NETWORK_TIME_LIMIT", `The read used up its ${words}.`, { limit, max });
  }
}
