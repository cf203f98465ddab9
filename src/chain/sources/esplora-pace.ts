import { abortedError, throwIfAborted } from "../../deadline.js";
import type { Clock, Random } from "../../ports.js";
import { statusError } from "../../runtime/http-client.js";
import { parseRetryAfter } from "../../runtime/retry-after.js";

/** ms - the longest that a request waits for its turn; more would not leave the call the time to be answered. */
const LONGEST_WAIT_MS = 8_000;
/** ms - after "too many requests" without a word on when to ask again. */
const DEFAULT_RETRY_MS = 1_000;
/** ms - a server cannot keep a source from asking for longer than this. */
const LONGEST_BAN_MS = 600_000;
/** ms - between two requests after the first "too many requests", and at most. */
const FIRST_SPACING_MS = 100;
const LONGEST_SPACING_MS = 2_000;

/** What one server is to be spared. */
export interface PaceOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Requests at the same time. */
  readonly maxConcurrent: number;
  /** ms - between two requests. */
  readonly spacingMs: number;
}

/**
 * Lets requests to one server go one after the other as fast as it takes them: a number of them at once, further apart
 * after it said "too many", and none before the time that it named.
 */
export class Pace {
  readonly #options: PaceOptions;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #spacingMs: number;
  #nextAtMs = 0;
  #bannedUntilMs = 0;

  constructor(options: PaceOptions) {
    this.#options = options;
    this.#spacingMs = options.spacingMs;
  }

  /** @throws NETWORK_STATUS where the server would have the request wait too long, NETWORK_ABORTED */
  async run<T>(url: string, signal: AbortSignal, send: () => Promise<T>): Promise<T> {
    await this.#enter(url, signal);
    try {
      const { clock } = this.#options;
      const nowMs = clock.nowMs();
      const startMs = Math.max(this.#nextAtMs, this.#bannedUntilMs, nowMs);
      if (startMs - nowMs > LONGEST_WAIT_MS) {
        const seconds = Math.ceil((startMs - nowMs) / 1_000);
        throw statusError(url, 429, `too many requests before; the next one may go in ${seconds} s`);
      }
      this.#nextAtMs = startMs + this.#spacingMs;
      if (startMs > nowMs) await clock.delay(startMs - nowMs, signal);
      return await send();
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  /** The server said "too many requests", and perhaps for how long. */
  slowDown(retryAfter: string | null): void {
    const { clock } = this.#options;
    const waitMs = Math.min(
      parseRetryAfter(retryAfter, clock.nowMs()) ?? this.jitter(DEFAULT_RETRY_MS),
      LONGEST_BAN_MS,
    );
    this.#bannedUntilMs = Math.max(this.#bannedUntilMs, clock.nowMs() + waitMs);
    this.#spacingMs = Math.min(LONGEST_SPACING_MS, Math.max(FIRST_SPACING_MS, 2 * this.#spacingMs));
  }

  /** A request went well: the next ones may come a little closer again. */
  speedUp(): void {
    const { spacingMs } = this.#options;
    if (this.#spacingMs > spacingMs) this.#spacingMs = Math.max(spacingMs, this.#spacingMs * 0.95 - 1);
  }

  /** Between `ms` and one and a half times that, so that readers who were refused together do not come back together. */
  jitter(ms: number): number {
    return ms * (1 + (this.#options.random.bytes(1)[0] ?? 0) / 512);
  }

  async #enter(url: string, signal: AbortSignal): Promise<void> {
    throwIfAborted(signal, url);
    if (this.#running < this.#options.maxConcurrent) {
      this.#running++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const onTurn = (): void => {
        signal.removeEventListener("abort", onAbort);
        this.#running++;
        resolve();
      };
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(onTurn), 1);
        reject(abortedError(url, signal.reason));
      };
      this.#waiting.push(onTurn);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }
}
