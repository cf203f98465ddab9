import { throwIfAborted } from "../deadline.js";
import { type Attempt, isHawserError } from "../errors.js";
import { limits } from "../limits.js";
import { attemptOfAnything, type FetchOptions, readCapped, timeoutOf } from "./fetch.js";
import type { Replica } from "./replicas.js";

/** How {@link fetchFirstValid} asks, and how it fails. */
export interface FetchFirstOptions extends FetchOptions {
  /**
   * ms after which the next replica is asked beside the one that has not answered. Default: the policy's, or 1,500.
   */
  readonly hedgeDelayMs?: number | undefined;
  /** Makes the error when no replica is left. `anyWrong`: at least one answered with bytes that were not accepted. */
  readonly fail: (attempts: readonly Attempt[], anyWrong: boolean) => Error;
}

const nobody: ReadonlyMap<Replica, Attempt> = new Map();

/** The first value that was accepted. */
export interface FirstValid<T> {
  readonly value: T;
  /** The replica that it came from. */
  readonly label: string;
  /** Replicas that failed before, in the order in which they did. */
  readonly attempts: readonly Attempt[];
}

/** A replica's bytes that were accepted, or why there are none. */
type Tried<T> = { readonly value: T } | { readonly attempt: Attempt; readonly error: unknown; readonly wrong: boolean };

interface Running<T> {
  readonly replica: Replica;
  readonly startedAtMs: number;
  readonly done: Promise<Tried<T>>;
}

/**
 * The first value that `accept` returns for a replica's bytes. Replicas are asked in order: the next one when one
 * fails, or beside it after a delay, a few at a time. Under a policy those that failed of late come last, and where all
 * fail those are asked again whose failure may be over soon. Only for bytes that prove themselves, such as objects
 * under their hash: for a record the first valid answer may be an old one (M8).
 *
 * @param accept - verifies; whatever it throws makes the replica's answer a wrong one.
 * @throws what `fail` makes; NETWORK_TIME_LIMIT when the budget ended before the replicas did; NETWORK_ABORTED
 */
export async function fetchFirstValid<T>(
  replicas: readonly Replica[],
  accept: (bytes: Uint8Array) => T,
  options: FetchFirstOptions,
): Promise<FirstValid<T>> {
  const { clock, policy } = options;
  const losers = new AbortController();
  const signal = options.signal === undefined ? losers.signal : AbortSignal.any([options.signal, losers.signal]);
  const first = new FirstOf(accept, { ...options, signal });
  const { queue, resting } = policy?.health?.order(replicas, clock.nowMs()) ?? { queue: replicas, resting: nobody };
  for (const [replica, attempt] of resting) first.attempts.set(replica, attempt);
  const alone = queue.filter((replica) => resting.has(replica));
  try {
    let found = await first.ask(queue.filter((replica) => !resting.has(replica)));
    found ??= await first.ask(alone);
    for (let tries = 1; found === null && first.failed.size > 0; tries++) {
      const failed = [...first.failed].map(([replica, error]) => ({ replica, error }));
      const again = await policy?.health?.again(failed, tries, options);
      if (again === undefined || again.length === 0) break;
      first.failed.clear();
      found = await first.ask(again, true);
    }
    if (found !== null) return { ...found, attempts: [...first.attempts.values()] };
  } finally {
    losers.abort();
  }
  throwIfAborted(options.signal, "The read");
  if (first.exhausted !== null) throw first.exhausted;
  throw options.fail([...first.attempts.values()], first.anyWrong);
}

/** One search for bytes that are accepted. */
class FirstOf<T> {
  /** Replicas that failed, or are left alone, in the order in which they did. */
  readonly attempts = new Map<Replica, Attempt>();
  /** Those that failed since this was emptied last. */
  readonly failed = new Map<Replica, unknown>();
  anyWrong = false;
  exhausted: Error | null = null;
  readonly #accept: (bytes: Uint8Array) => T;
  readonly #options: FetchFirstOptions;

  constructor(accept: (bytes: Uint8Array) => T, options: FetchFirstOptions) {
    this.#accept = accept;
    this.#options = options;
  }

  /** Asks replicas until one has what is accepted; null if none has. @param again - whether they were asked before */
  async ask(
    replicas: readonly Replica[],
    again = false,
  ): Promise<{ readonly value: T; readonly label: string } | null> {
    const { policy, clock, hedgeDelayMs } = this.#options;
    const queue = [...replicas];
    const running: Running<T>[] = [];
    const start = (): void => {
      const replica = queue.shift();
      if (replica === undefined || !this.#spend(replica, queue, again)) return;
      running.push({ replica, startedAtMs: clock.nowMs(), done: this.#try(replica, again) });
    };
    const mostInFlight = policy?.settings.hedgeMaxInFlight ?? limits.storageHedgeMaxInFlight;
    start();
    for (let newest = running.at(-1); newest !== undefined; newest = running.at(-1)) {
      const defaultMs = policy?.settings.hedgeDelayMs ?? limits.storageHedgeMs;
      const delayMs = hedgeDelayMs ?? policy?.health?.hedgeDelayMs(newest.replica.place) ?? defaultMs;
      const mayHedge = queue.length > 0 && running.length < mostInFlight;
      const next = await nextOf(running, mayHedge ? clock : null, delayMs);
      if (next === null) {
        // What it is good for is told at the end; nothing waits for it.
        void policy?.load();
        start();
        continue;
      }
      const { replica } = next.of;
      running.splice(running.indexOf(next.of), 1);
      this.attempts.delete(replica);
      if ("value" in next.tried) {
        policy?.health?.noteAnswer(replica.place, clock.nowMs() - next.of.startedAtMs);
        for (const { replica: late, startedAtMs } of running) {
          if (startedAtMs < next.of.startedAtMs) policy?.health?.noteOvertaken(late.place, clock.nowMs());
        }
        return { value: next.tried.value, label: replica.label };
      }
      this.attempts.set(replica, next.tried.attempt);
      // One that used up its time has none left.
      const tookMs = clock.nowMs() - next.of.startedAtMs;
      if (tookMs < timeoutOf(this.#options)) this.failed.set(replica, next.tried.error);
      this.anyWrong ||= next.tried.wrong;
      start();
    }
    return null;
  }

  #spend(replica: Replica, queue: Replica[], again: boolean): boolean {
    const { budget } = this.#options;
    if (again) return budget.spendAgain();
    try {
      if (replica.opens) budget.spend(replica.label);
      return true;
    } catch (error) {
      if (!isHawserError(error)) throw error;
      // Requests that are already under way may still succeed.
      this.exhausted = error;
      queue.length = 0;
      return false;
    }
  }

  async #try(replica: Replica, again: boolean): Promise<Tried<T>> {
    const { policy, clock } = this.#options;
    const { label, place } = replica;
    const call = { place, operation: "object", clock } as const;
    const startedAtMs = clock.nowMs();
    let isRead = false;
    try {
      const stored = await readCapped(replica, this.#options);
      isRead = true;
      const value = stored === null ? null : { value: this.#accept(stored.bytes) };
      policy?.health?.note(call, null, startedAtMs);
      if (value !== null) return value;
      const attempt = { label, code: "absent", message: "The server says that it does not have it." };
      return { attempt, error: null, wrong: false };
    } catch (error) {
      const health = await policy?.load();
      if (isRead) health?.noteWrong(call, error, startedAtMs);
      // One read is one failure, however often it asks.
      else if (!again && replica.opens) health?.note(call, error, startedAtMs);
      return { attempt: attemptOfAnything(label, error), error, wrong: isRead };
    }
  }
}

/** The first of several that ends; null if none does within the delay after which another one is asked as well. */
async function nextOf<T>(
  running: readonly Running<T>[],
  clock: FetchOptions["clock"] | null,
  hedgeDelayMs: number,
): Promise<{ readonly of: Running<T>; readonly tried: Tried<T> } | null> {
  const ends = running.map(async (of) => ({ of, tried: await of.done }));
  if (clock === null) return Promise.race(ends);
  const timer = new AbortController();
  const hedge = clock.delay(hedgeDelayMs, timer.signal).then(
    () => null,
    () => new Promise<never>(() => undefined),
  );
  try {
    return await Promise.race([...ends, hedge]);
  } finally {
    timer.abort();
  }
}
