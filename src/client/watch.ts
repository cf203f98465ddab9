import { assertInteger, unreachable } from "../bytes/guards.js";
import { type HawserError, isHawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { Resolution } from "../name/resolution.js";
import type { MutableReadOptions } from "./read-options.js";
import type { ReaderParts } from "./reader-core.js";
import { changesBetween, type Sight } from "./watch-changes.js";
import type { NameWatch, WatchChange, WatchEvent, WatchOptions, WatchResult } from "./watch-events.js";
import { WatchHints } from "./watch-hints.js";

/** ms - the longest that timers count; about 25 days. */
const MAX_INTERVAL_MS = 2_147_483_647;

/** What a watch is made of. */
export interface WatchInput<Result extends WatchResult> {
  readonly parts: Pick<ReaderParts, "sources" | "clock">;
  /** Script of the name's beacon (N3). */
  readonly beacon: Uint8Array;
  readonly options: WatchOptions;
  /** One read of the network, and what it resolved the name to. */
  readonly read: (options: MutableReadOptions, onResolution: (resolution: Resolution) => void) => Promise<Result>;
}

type Step<Result extends WatchResult> = IteratorResult<WatchEvent<Result>, undefined>;

/** Builds a watch, which has no effect before its first `next()`. @throws INPUT_INVALID */
export function createWatch<Result extends WatchResult>(input: WatchInput<Result>): NameWatch<Result> {
  const { pollIntervalMs, minIntervalMs } = input.options;
  if (pollIntervalMs !== undefined) assertInteger("pollIntervalMs", pollIntervalMs, 1, MAX_INTERVAL_MS);
  if (minIntervalMs !== undefined) assertInteger("minIntervalMs", minIntervalMs, 1, MAX_INTERVAL_MS);
  return new Watch(input);
}

/**
 * Reads only while somebody waits for the outcome. So nothing is ever queued: whoever is slow gets the newest state, and
 * all hints that came meanwhile are one read.
 */
class Watch<Result extends WatchResult> implements NameWatch<Result> {
  readonly #in: WatchInput<Result>;
  readonly #minMs: number;
  readonly #pollMs: number;
  readonly #ending = new AbortController();
  readonly #hints: WatchHints;
  readonly #stop = (): void => {
    this.#end();
  };
  #steps: Promise<unknown> = Promise.resolve();
  #begun = false;
  #hinted = false;
  /** Ends the present wait before its time. */
  #wake: (() => void) | null = null;
  #shown: Sight<Result> | null = null;
  #readAtMs: number | null = null;
  #failures = 0;

  constructor(input: WatchInput<Result>) {
    this.#in = input;
    this.#minMs = input.options.minIntervalMs ?? limits.watchMinIntervalMs;
    this.#pollMs = Math.max(this.#minMs, input.options.pollIntervalMs ?? limits.watchPollMs);
    const { sources, clock } = input.parts;
    this.#hints = new WatchHints(sources, clock, this.#pollMs, () => {
      this.#hinted = true;
      this.#wake?.();
    });
  }

  next(): Promise<Step<Result>> {
    const step = this.#steps.then(() => this.#step());
    this.#steps = step.catch(() => undefined);
    return step;
  }

  async return(): Promise<Step<Result>> {
    this.#end();
    await this.#steps;
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #step(): Promise<Step<Result>> {
    this.#begin();
    try {
      for (;;) {
        await this.#turn();
        if (this.#isOver()) break;
        const event = await this.#look();
        if (this.#isOver()) break;
        if (event !== null) return { done: false, value: event };
      }
    } catch (error) {
      this.#end();
      throw error;
    }
    return { done: true, value: undefined };
  }

  #isOver(): boolean {
    return this.#ending.signal.aborted;
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    const { signal } = this.#in.options;
    if (signal?.aborted === true) this.#end();
    // A watch that was ended before it began has nothing that would remove it.
    else if (!this.#isOver()) signal?.addEventListener("abort", this.#stop, { once: true });
  }

  #end(): void {
    this.#in.options.signal?.removeEventListener("abort", this.#stop);
    this.#ending.abort();
    this.#hints.close();
    this.#wake?.();
  }

  /** Waits until the next read is due. */
  async #turn(): Promise<void> {
    if (this.#readAtMs === null) return;
    // However often sources say that something changed, and however often a read fails.
    await this.#wait(this.#failures === 0 ? this.#minMs : this.#backoffMs(), false);
    if (this.#failures === 0 && !this.#hinted) await this.#wait(this.#pollMs, true);
    this.#hinted = false;
  }

  #backoffMs(): number {
    return Math.min(this.#pollMs, this.#minMs * 2 ** (this.#failures - 1));
  }

  /** Waits until `ms` after the last read, or until a hint where that counts. */
  async #wait(ms: number, forHints: boolean): Promise<void> {
    const { clock } = this.#in.parts;
    // A clock that was set back must not make it longer.
    const restMs = Math.min(ms, (this.#readAtMs ?? 0) + ms - clock.nowMs());
    if (restMs <= 0 || this.#isOver()) return;
    const timer = new AbortController();
    await new Promise<void>((resolve) => {
      this.#wake = () => {
        if (forHints || this.#isOver()) resolve();
      };
      clock.delay(restMs, timer.signal).then(resolve, resolve);
    });
    this.#wake = null;
    timer.abort();
  }

  /** Reads once. Null where nothing is new. */
  async #look(): Promise<WatchEvent<Result> | null> {
    const { clock } = this.#in.parts;
    try {
      const sight = await this.#read();
      return this.#tell(sight);
    } catch (error) {
      if (this.#isOver()) return null;
      if (!isPassing(error)) throw error;
      this.#failures += 1;
      return { type: "failed", error, failures: this.#failures, retryInMs: this.#backoffMs() };
    } finally {
      this.#readAtMs = clock.nowMs();
    }
  }

  async #read(): Promise<Sight<Result>> {
    const { options, beacon } = this.#in;
    const seen: Resolution[] = [];
    // Of what a hint leads to the cache knows all after one read.
    const hint = this.#shown === null ? options.hint : undefined;
    const result = await this.#in.read(
      { ...options, policy: "network", hint, signal: this.#ending.signal },
      (found) => {
        seen.push(found);
      },
    );
    const resolution = seen.at(-1) ?? unreachable("a read that resolved no name");
    // What changes between this read and the subscription is found by the next read.
    const { seal, ownerScript } = resolution.tipState;
    const owner = seal?.script ?? ownerScript;
    if (!this.#isOver()) this.#hints.follow([beacon, ...(owner === null ? [] : [owner])]);
    return { result, resolution };
  }

  #tell(sight: Sight<Result>): WatchEvent<Result> | null {
    const [shown, failures] = [this.#shown, this.#failures];
    this.#shown = sight;
    this.#failures = 0;
    const { result } = sight;
    if (shown === null) return { type: "present", result };
    const recovered: readonly WatchChange[] = failures === 0 ? [] : [{ what: "recovered" }];
    const changes = [...recovered, ...changesBetween(shown, sight)];
    return changes.length === 0 ? null : { type: "changed", changes, result };
  }
}

/** Whether a later read may succeed without anybody changing anything on this side. */
function isPassing(error: unknown): error is HawserError {
  return isHawserError(error) && !["input", "bug"].includes(error.outcome) && !/^CACHE_/.test(error.code);
}
