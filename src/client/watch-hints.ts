import { equalBytes } from "../bytes/bytes.js";
import type { ChainSource, Clock } from "../ports.js";

/** What one source was asked to tell. */
interface Subscription {
  readonly source: ChainSource;
  readonly ending: AbortController;
  /** When the source ended it; null while it lasts. */
  endedAtMs: number | null;
}

/**
 * What the sources of a watch tell by themselves. A hint carries nothing and proves nothing: it only makes the next read
 * come sooner, so that a source which gives too many, too few or none changes when is read, and never what.
 */
export class WatchHints {
  readonly #clock: Clock;
  readonly #retryMs: number;
  readonly #onHint: () => void;
  #scripts: readonly Uint8Array[] = [];
  #subscriptions: readonly Subscription[];

  constructor(sources: readonly ChainSource[], clock: Clock, retryMs: number, onHint: () => void) {
    this.#clock = clock;
    this.#retryMs = retryMs;
    this.#onHint = onHint;
    this.#subscriptions = sources
      .filter((source) => source.watch !== undefined)
      .map((source) => ({ source, ending: new AbortController(), endedAtMs: Number.NEGATIVE_INFINITY }));
  }

  /** Asks the sources to tell of these scripts: all of them where the scripts are others, else those that gave up. */
  follow(scripts: readonly Uint8Array[]): void {
    const isSame =
      scripts.length === this.#scripts.length &&
      scripts.every((script, i) => equalBytes(script, this.#scripts[i] ?? new Uint8Array(0)));
    this.#scripts = scripts;
    const nowMs = this.#clock.nowMs();
    this.#subscriptions = this.#subscriptions.map((subscription) => {
      const { source, ending, endedAtMs } = subscription;
      if (isSame && (endedAtMs === null || Math.abs(nowMs - endedAtMs) < this.#retryMs)) return subscription;
      ending.abort();
      return this.#subscribe(source);
    });
  }

  /** Ends every subscription. */
  close(): void {
    for (const { ending } of this.#subscriptions) ending.abort();
    this.#subscriptions = [];
  }

  #subscribe(source: ChainSource): Subscription {
    const ending = new AbortController();
    const { signal } = ending;
    const subscription: Subscription = { source, ending, endedAtMs: null };
    const end = (): void => {
      subscription.endedAtMs = this.#clock.nowMs();
    };
    const onChange = (): void => {
      // Sources may be anybody's code: one that goes on after it was told to end is not heard.
      if (!signal.aborted) this.#onHint();
    };
    // In an async function, so that a source that throws at once has given up like any other.
    (async () => source.watch?.(this.#scripts, onChange, { signal }))().then(end, end);
    return subscription;
  }
}
