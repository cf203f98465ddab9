import { type Attempt, attemptOf, HawserError, isHawserError } from "../errors.js";
import type { Clock, Random } from "../ports.js";
import type { ReadBudget } from "./budget.js";
import type { StorageCall, StorageOperation, StorageSettings } from "./policy-options.js";
import type { Replica } from "./replicas.js";

/** Answers of a place that are remembered, and how many of them are enough to go by. */
const MOST_ANSWERS = 20;
const ENOUGH_ANSWERS = 5;

interface Trouble {
  readonly failures: number;
  readonly last: Attempt;
  readonly notedAtMs: number;
  readonly pauseMs: number;
  untilMs: number;
}

/** What a call that failed is judged by. */
type Noted = Pick<StorageCall, "place" | "operation" | "clock">;

/** A place that failed to give an object. */
export interface FailedReplica {
  readonly replica: Replica;
  readonly error: unknown;
}

/**
 * How places fared of late: which calls are worth repeating, and which places are left alone (a circuit breaker for each
 * place and operation). After several failures in a row a place is left alone for a time that grows; then one call tries
 * it, and a success ends it. Bytes that do not verify count as more than one failure.
 *
 * Loaded once something failed. Times are of the caller's clock.
 */
export class StorageHealth {
  readonly #settings: StorageSettings;
  readonly #random: Random;
  readonly #troubles = new Map<string, Trouble>();
  readonly #answers = new Map<string, number[]>();
  readonly #slowUntilMs = new Map<string, number>();

  constructor(settings: StorageSettings, random: Random) {
    this.#settings = settings;
    this.#random = random;
  }

  /** Repeats a call that failed, as long as that makes sense. @throws what the last call throws, NETWORK_ABORTED */
  async recover<T>(
    first: unknown,
    call: StorageCall,
    startedAtMs: number,
    run: (timeoutMs: number) => Promise<T>,
  ): Promise<T> {
    let error = first;
    for (let tries = 1; call.mayRepeat !== undefined; tries++) {
      const leftMs = await this.waitToRepeat(error, tries, call, startedAtMs);
      if (leftMs === null) break;
      try {
        const result = await run(leftMs);
        this.note(call, null, startedAtMs);
        return result;
      } catch (again) {
        error = again;
      }
    }
    this.note(call, error, startedAtMs);
    throw error;
  }

  /**
   * Waits until a call may be repeated.
   *
   * @param tries - how often it was made
   * @returns the ms that are left for it then, or null where it is not to be repeated
   * @throws NETWORK_ABORTED
   */
  async waitToRepeat(
    error: unknown,
    tries: number,
    { clock, timeoutMs, signal, mayRepeat }: Omit<StorageCall, "place" | "operation">,
    startedAtMs: number,
  ): Promise<number | null> {
    const leftMs = (): number => Math.min(timeoutMs, startedAtMs + timeoutMs - clock.nowMs());
    const waitMs = tries < this.#settings.attempts ? this.#delayMs(error, this.#jitterMs(tries)) : null;
    if (waitMs === null || waitMs >= leftMs() || mayRepeat?.() === false) return null;
    await clock.delay(waitMs, signal);
    return leftMs() > 0 ? leftMs() : null;
  }

  /**
   * Takes down how a call ended; null: the place answered.
   *
   * @param startedAtMs - calls beside one another meet the same outage, which counts once
   */
  note({ place, operation, clock }: Noted, error: unknown, startedAtMs: number): void {
    if (place === null) return;
    // A write that is still to be read back has not succeeded yet.
    if (error === null) {
      if (operation !== "write" || !this.#settings.confirmWrites) this.forgive({ place, operation });
    } else if (isOutage(error)) this.#fail(place, operation, error, startedAtMs, clock.nowMs(), 1);
  }

  /** Takes down that a place is well again. */
  forgive({ place, operation }: Pick<Noted, "place" | "operation">): void {
    if (place !== null) this.#troubles.delete(keyOf(place, operation));
  }

  /**
   * Takes down bytes that are not those of the path, served or kept: the place is left alone at once, and for longer than
   * after an outage.
   */
  noteWrong({ place, operation, clock }: Noted, error: unknown, startedAtMs: number): void {
    if (place === null) return;
    const failures = this.#troubles.get(keyOf(place, operation))?.failures ?? 0;
    const jump = Math.max(2, this.#settings.failuresBeforePause - failures);
    this.#fail(place, operation, error, startedAtMs, clock.nowMs(), jump);
  }

  /** Takes down how long a place took to answer. */
  noteAnswer(place: string, tookMs: number): void {
    const answers = [...(this.#answers.get(place) ?? []), tookMs];
    this.#answers.set(place, answers.slice(-MOST_ANSWERS));
    this.#slowUntilMs.delete(place);
  }

  /** Takes down that a place did not answer while another one did that was asked later. */
  noteOvertaken(place: string, nowMs: number): void {
    this.#slowUntilMs.set(place, nowMs + (this.#settings.pausesMs[0] ?? 0));
  }

  /** ms after which another place is asked beside one: what nine of ten of its answers take, within bounds. */
  hedgeDelayMs(place: string): number {
    const { hedgeDelayMs, hedgeMinDelayMs } = this.#settings;
    const answers = this.#answers.get(place) ?? [];
    if (answers.length < ENOUGH_ANSWERS) return hedgeDelayMs;
    const p90 = [...answers].sort((a, b) => a - b)[Math.ceil(answers.length * 0.9) - 1] ?? hedgeDelayMs;
    // A server that is slow on purpose must not make others wait for it longer.
    return Math.min(hedgeDelayMs, Math.max(hedgeMinDelayMs, p90));
  }

  /**
   * The places that are left alone, the best of them last, and of those with the reason; `needed` of `places` are not
   * among them in any case.
   */
  resting(
    places: readonly string[],
    operation: StorageOperation,
    needed: number,
    nowMs: number,
  ): ReadonlyMap<string, Attempt> {
    const resting: (readonly [string, Trouble])[] = [];
    for (const place of new Set(places)) {
      const trouble = this.#troubles.get(keyOf(place, operation));
      if (trouble === undefined || trouble.pauseMs === 0) continue;
      const forMs = trouble.untilMs - nowMs;
      // Above its own length the clock was set back.
      if (forMs > 0 && forMs <= trouble.pauseMs) resting.push([place, trouble]);
      // One call tries a place whose time is over; those beside it leave it alone until that is decided.
      else trouble.untilMs = nowMs + Math.min(trouble.pauseMs, this.#trialMs(operation));
    }
    resting.sort(([, a], [, b]) => b.failures - a.failures || b.untilMs - a.untilMs);
    const awake = new Set(places).size - resting.length;
    const spare = Math.max(0, resting.length - Math.max(0, needed - awake));
    return new Map(
      resting.slice(0, spare).map(([place, trouble]) => [place, pausedAttempt(place, operation, trouble)]),
    );
  }

  /** Providers that are left alone, with the reason; not all that can be asked, and no URLs, which profiles name. */
  leftAlone(replicas: readonly Replica[], kind: StorageOperation, nowMs: number): ReadonlyMap<Replica, Attempt> {
    const open = replicas.filter(({ opens }) => opens);
    const places = open.flatMap(({ provider, place }) => (provider === null ? [] : [place]));
    const needed = open.some(({ provider }) => provider === null) ? 0 : 1;
    const resting = this.resting(places, kind, needed, nowMs);
    return new Map(
      open.flatMap((replica) => {
        const attempt = replica.provider === null ? undefined : resting.get(replica.place);
        return attempt === undefined ? [] : [[replica, attempt] as const];
      }),
    );
  }

  /**
   * Replicas in the order in which they are asked for an object: as they are, but those that were overtaken of late
   * behind the others, and those that are left alone last, the best of them first.
   */
  order(replicas: readonly Replica[], nowMs: number): OrderedReplicas {
    const resting = this.resting(
      replicas.flatMap(({ opens, place }) => (opens ? [place] : [])),
      "object",
      0,
      nowMs,
    );
    const worst = [...resting.keys()];
    const rank = ({ place }: Replica): number => {
      if (resting.has(place)) return 1 + worst.length - worst.indexOf(place);
      return (this.#slowUntilMs.get(place) ?? 0) > nowMs ? 1 : 0;
    };
    return {
      queue: [...replicas].sort((a, b) => rank(a) - rank(b)),
      resting: new Map(
        replicas.flatMap((replica) => {
          const attempt = resting.get(replica.place);
          return attempt === undefined ? [] : [[replica, { ...attempt, label: replica.label }] as const];
        }),
      ),
    };
  }

  /**
   * Waits until some of the replicas that failed are worth another try.
   *
   * @param tries - how often they were asked
   * @returns those to ask again; none where that makes no sense
   * @throws NETWORK_ABORTED
   */
  async again(
    failed: readonly FailedReplica[],
    tries: number,
    { clock, budget, signal }: { clock: Clock; budget: ReadBudget; signal?: AbortSignal | undefined },
  ): Promise<readonly Replica[]> {
    if (tries >= this.#settings.attempts) return [];
    const jitterMs = this.#jitterMs(tries);
    const delays = failed.flatMap(({ replica, error }) => {
      const delayMs = this.#delayMs(error, jitterMs);
      return delayMs === null ? [] : [{ replica, delayMs }];
    });
    const waitMs = delays.reduce((least, { delayMs }) => Math.min(least, delayMs), Number.POSITIVE_INFINITY);
    if (waitMs >= budget.remainingMs()) return [];
    await clock.delay(waitMs, signal);
    return delays.flatMap(({ replica, delayMs }) => (delayMs <= waitMs ? [replica] : []));
  }

  /** ms to wait before a call is repeated; null where it is not to be. */
  #delayMs(error: unknown, jitterMs: number): number | null {
    if (!isTransient(error)) return null;
    const { retryAfterMs } = error.details as { readonly retryAfterMs?: unknown };
    if (typeof retryAfterMs !== "number") return jitterMs;
    return retryAfterMs > this.#settings.retryAfterMaxMs ? null : Math.max(retryAfterMs, jitterMs);
  }

  /** Full jitter: readers that met the same outage do not come back at the same time. */
  #jitterMs(tries: number): number {
    const { retryDelayMs, retryMaxDelayMs } = this.#settings;
    const [a = 0, b = 0] = this.#random.bytes(2);
    return Math.floor(Math.min(retryMaxDelayMs, retryDelayMs * 2 ** (tries - 1)) * ((a * 256 + b) / 65_536));
  }

  #fail(
    place: string,
    operation: StorageOperation,
    error: unknown,
    startedAtMs: number,
    nowMs: number,
    count: number,
  ): void {
    const key = keyOf(place, operation);
    const before = this.#troubles.get(key);
    if (before !== undefined && startedAtMs < before.notedAtMs) return;
    const { failuresBeforePause, pausesMs } = this.#settings;
    const failures = (before?.failures ?? 0) + count;
    const level = Math.min(failures - failuresBeforePause, pausesMs.length - 1);
    const pauseMs = level < 0 ? 0 : (pausesMs[level] ?? 0);
    const last = attemptOf(place, error);
    this.#troubles.set(key, { failures, last, notedAtMs: nowMs, pauseMs, untilMs: nowMs + pauseMs });
  }

  #trialMs(operation: StorageOperation): number {
    const { recordTimeoutMs, objectTimeoutMs } = this.#settings;
    return operation === "record" ? recordTimeoutMs : objectTimeoutMs;
  }
}

/** Replicas in the order in which they are asked. */
export interface OrderedReplicas {
  readonly queue: readonly Replica[];
  /** Those that are left alone unless all others fail. */
  readonly resting: ReadonlyMap<Replica, Attempt>;
}

function keyOf(place: string, operation: StorageOperation): string {
  return `${operation} ${place}`;
}

function pausedAttempt(place: string, operation: StorageOperation, { failures, last, untilMs }: Trouble): Attempt {
  const why = `it failed ${failures} times in a row, the last time with ${last.code}`;
  const message = `${place} is left alone until ${new Date(untilMs).toISOString()}: ${why}.`;
  const kind = operation === "write" ? "write" : "read";
  return attemptOf(place, new HawserError("STORAGE_PAUSED", message, { label: place, operation: kind, untilMs }));
}

/** Whether the same call may succeed a little later: the server is busy, starting, or out of reach for the moment. */
function isTransient(error: unknown): error is HawserError {
  if (isHawserError(error, "NETWORK_STATUS")) {
    const { status } = error.details;
    return status === 408 || status === 429 || status >= 500;
  }
  return isHawserError(error, "NETWORK_UNREACHABLE") || isHawserError(error, "NETWORK_TIMEOUT");
}

/**
 * Whether a failure says that the place is out of order. Not: what the caller did, what it cannot do at all, and an answer
 * that is too large, since whoever may write at a place can make it have such a one.
 */
function isOutage(error: unknown): boolean {
  if (!isHawserError(error)) return true;
  const { code, outcome } = error;
  return outcome !== "input" && !NO_OUTAGE.includes(code);
}

const NO_OUTAGE: readonly string[] = [
  "NETWORK_ABORTED",
  "NETWORK_TIME_LIMIT",
  "NETWORK_TOO_LARGE",
  "NETWORK_HOST_REFUSED",
];
