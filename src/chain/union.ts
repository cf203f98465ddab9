import { abortedError, withDeadline } from "../deadline.js";
import { HawserError, isHawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { ChainSource, Clock } from "../ports.js";
import type { HeaderChain } from "./header-chain.js";

/**
 * What a source was worth to one read (V4, V5). `agreed`: it answered everything on the best chain. `withheld`: it
 * left out what another source proved. `lied`: it reported what nobody could prove. `behind`: its chain does not reach
 * the height that was read. `other-chain`: its chain is not the best one. `other-network`: it serves another network.
 * `unreachable`: it gave no complete answer.
 */
export type SourceVerdict = "agreed" | "behind" | "withheld" | "lied" | "other-chain" | "other-network" | "unreachable";

/** Why a source is left alone for now: what it failed with when it was last asked, and for how much longer. */
export interface SourceRest {
  readonly failure: HawserError;
  readonly forMs: number;
}

/** One source in one read: its answers so far and what they cost. */
export interface Seat {
  readonly source: ChainSource;
  readonly label: string;
  /** A chain that holds the valid part of what it serves, up to `reach`; null until its tip is known. */
  chain: HeaderChain | null;
  /** The greatest height at which `chain` is what the source itself serves. */
  reach: number;
  /** Why it has not answered; the last failure stands. */
  failure: HawserError | null;
  /** It was not asked at all; it has not answered (V5). */
  readonly rest: SourceRest | null;
  withheld: boolean;
  /** How often it reported what nobody could prove, or sent other bytes than it was asked for. */
  lies: number;
  /** It was too slow or too costly: it is asked no more and has not answered (V5). */
  gone: boolean;
  transactions: number;
  bytes: number;
  readonly leaving: AbortController;
}

/** Where the reads of one resolution go: every source, each call bounded in time, bytes and count. */
export interface Panel {
  readonly seats: readonly Seat[];
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
  /** ms - for which this read will still wait for sources that others were faster than. */
  latenessMs: number;
  /** Up to when waiting for latecomers is counted in `latenessMs`. */
  countedUpToMs: number;
}

/** What a panel may be told beside whom to ask. */
export interface PanelOptions {
  /** Sources that are not asked, by label. */
  readonly resting?: ReadonlyMap<string, SourceRest> | undefined;
  /** ms - for which the caller waits in all. Default {@link limits.readTimeoutMs}. */
  readonly timeoutMs?: number | undefined;
}

export function createPanel(
  sources: readonly ChainSource[],
  clock: Clock,
  signal: AbortSignal | undefined,
  { resting, timeoutMs = limits.readTimeoutMs }: PanelOptions = {},
): Panel {
  const seats = sources.map((source) => {
    const rest = resting?.get(source.label) ?? null;
    return {
      source,
      label: source.label,
      chain: null,
      reach: -1,
      failure: rest === null ? null : rest.failure,
      rest,
      withheld: false,
      lies: 0,
      gone: rest !== null,
      transactions: 0,
      bytes: 0,
      leaving: new AbortController(),
    };
  });
  // A read that has little time must still have some of it when latecomers are given up.
  return { seats, clock, signal, latenessMs: Math.min(limits.sourceLatenessMs, timeoutMs / 3), countedUpToMs: 0 };
}

/** Ends what is still under way: nothing that a source says any more is of use. */
export function dissolve(panel: Panel): void {
  for (const seat of panel.seats) seat.leaving.abort();
}

/**
 * One call to one source. A failure is written on the seat and comes back as null: it means "not answered", never
 * "none" (V5). Only the caller's own abort is thrown.
 *
 * @throws NETWORK_ABORTED
 */
export async function ask<T>(
  panel: Panel,
  seat: Seat,
  run: (source: ChainSource, signal: AbortSignal) => Promise<T>,
): Promise<{ readonly value: T } | null> {
  if (seat.gone) return null;
  const { clock } = panel;
  const leaving = seat.leaving.signal;
  // One of its own for each call: Node warns of a leak when many calls listen to one signal.
  const signal = AbortSignal.any(panel.signal === undefined ? [leaving] : [leaving, panel.signal]);
  try {
    const value = await withDeadline({ clock, timeoutMs: limits.sourceTimeoutMs, signal, what: seat.label }, (inner) =>
      run(seat.source, inner),
    );
    return { value };
  } catch (error) {
    if (panel.signal?.aborted === true) throw abortedError(`Asking ${seat.label}`, error);
    if (leaving.aborted) return null;
    const failure = isHawserError(error) ? error : unreachableSource(seat, error);
    // A source that let one call run out of time would let the next ones, too.
    if (failure.code === "NETWORK_TIMEOUT") dismiss(seat, failure);
    else seat.failure = failure;
    return null;
  }
}

/** Asks a source no more: for this read it has not answered (V5). */
export function dismiss(seat: Seat, failure: HawserError): void {
  if (seat.gone) return;
  seat.failure = failure;
  seat.gone = true;
  seat.leaving.abort();
}

/** What a source threw, as an error of this library. */
export function unreachableSource({ label }: Pick<Seat, "label">, cause: unknown): HawserError {
  const reason = cause instanceof Error ? cause.message : "unknown failure";
  const details = { url: label, reason };
  return new HawserError("NETWORK_UNREACHABLE", `${label} gave no answer: ${reason}.`, details, { cause });
}

/**
 * Runs the same for several sources at once. Once one is done the others have what is left of the read's patience with
 * latecomers, and are dismissed when that has passed: hanging sources, however they take turns, cannot hold a read that
 * others answer.
 *
 * @param run - resolves to whether the source answered
 */
export async function askEach(
  panel: Panel,
  seats: readonly Seat[],
  run: (seat: Seat) => Promise<boolean>,
): Promise<void> {
  const { clock } = panel;
  const open = new Set(seats.filter((seat) => !seat.gone));
  if (open.size === 0) return;
  const timer = new AbortController();
  const first: { atMs: number | null } = { atMs: null };
  try {
    await new Promise<void>((resolve, reject) => {
      const finish = (seat: Seat, answered: boolean): void => {
        open.delete(seat);
        if (open.size === 0) resolve();
        else if (answered && first.atMs === null) {
          first.atMs = clock.nowMs();
          const patienceMs = Math.max(limits.sourceMinLatenessMs, panel.latenessMs);
          clock.delay(patienceMs, timer.signal).then(
            () => {
              for (const late of open) dismiss(late, tooLate(late, patienceMs));
              resolve();
            },
            () => undefined,
          );
        }
      };
      for (const seat of [...open]) {
        run(seat).then((answered) => {
          finish(seat, answered);
        }, reject);
      }
    });
  } finally {
    timer.abort();
    if (first.atMs !== null) {
      // Steps that wait at the same time use up the read's patience once.
      const nowMs = clock.nowMs();
      panel.latenessMs -= Math.max(0, nowMs - Math.max(first.atMs, panel.countedUpToMs));
      panel.countedUpToMs = nowMs;
    }
  }
}

function tooLate({ label }: Seat, timeoutMs: number): HawserError<"NETWORK_TIMEOUT"> {
  const message = `${label} was still not done ${timeoutMs} ms after another source.`;
  return new HawserError("NETWORK_TIMEOUT", message, { url: label, timeoutMs });
}

/**
 * The first value that an attempt gives; the next source is tried when one gives null, and beside one that hesitates.
 * Only for values that prove themselves.
 */
export function firstAnswer<T>(
  { clock }: Panel,
  seats: readonly Seat[],
  attempt: (seat: Seat) => Promise<T | null>,
): Promise<T | null> {
  const queue = seats.filter((seat) => !seat.gone);
  const timer = new AbortController();
  return new Promise<T | null>((resolve, reject) => {
    let running = 0;
    const next = (): void => {
      const seat = queue.shift();
      if (seat === undefined) {
        if (running === 0) resolve(null);
        return;
      }
      running++;
      attempt(seat).then((value) => {
        running--;
        if (value === null) next();
        else resolve(value);
      }, reject);
      if (queue.length > 0) clock.delay(limits.sourceHedgeMs, timer.signal).then(next, () => undefined);
    };
    next();
  }).finally(() => {
    timer.abort();
  });
}

/**
 * Counts work that a source causes. Past the cap the source has not answered (V8): a flood of real transactions costs
 * a bounded amount of time and memory.
 */
export function spend(seat: Seat, transactions: number, bytes: number): boolean {
  seat.transactions += transactions;
  seat.bytes += bytes;
  if (seat.transactions <= limits.sourceMaxTransactions && seat.bytes <= limits.sourceMaxBytes) return true;
  const reason = `more than ${limits.sourceMaxTransactions} transactions or ${limits.sourceMaxBytes} bytes for one name`;
  const details = { url: seat.label, reason };
  dismiss(seat, new HawserError("NETWORK_ANSWER_INVALID", `${seat.label} reported ${reason}.`, details));
  return false;
}

/** Whether a source may witness absence: its chain agrees with the best one up to `height` and reaches it (V4). */
export function witnesses(seat: Seat, best: HeaderChain, height: number): boolean {
  return seat.chain !== null && seat.reach >= height && seat.chain.hashAt(height) === best.hashAt(height);
}

/** The verdict on a source at the end of a read. */
export function verdictOf(seat: Seat, best: HeaderChain, height: number, complete: boolean): SourceVerdict {
  if (seat.chain === null) return withoutChain(seat.failure);
  const shared = Math.min(seat.reach, height);
  if (seat.chain.hashAt(shared) !== best.hashAt(shared)) return "other-chain";
  if (seat.reach < height) return "behind";
  if (seat.lies > 0) return "lied";
  if (seat.withheld) return "withheld";
  return complete ? "agreed" : "unreachable";
}

/**
 * Why a source has another verdict than `agreed`, in its own words or those of whoever asked it; absent where the verdict
 * says it all.
 */
export interface SourceReason {
  /** The code of the error that it ended with. */
  readonly code: string;
  /** One sentence for a person. */
  readonly message: string;
  /** ms - it failed several times in a row and was not asked in this read; after so long it is asked again. */
  readonly restsForMs?: number | undefined;
}

/** What one source was worth to one read. */
export interface SourceAnswer {
  readonly label: string;
  readonly verdict: SourceVerdict;
  readonly reason?: SourceReason | undefined;
}

/** {@link verdictOf} with its reason. */
export function judgeSeat(seat: Seat, best: HeaderChain, height: number, complete: boolean): SourceAnswer {
  const { label, failure, rest } = seat;
  const verdict = verdictOf(seat, best, height, complete);
  if (verdict === "agreed" || failure === null) return { label, verdict };
  const reason = { code: failure.code, message: failure.message };
  return { label, verdict, reason: rest === null ? reason : { ...reason, restsForMs: rest.forMs } };
}

function withoutChain(failure: HawserError | null): SourceVerdict {
  if (failure?.code === "CHAIN_NETWORK_MISMATCH") return "other-network";
  return failure?.code === "CHAIN_SOURCE_BEHIND" ? "behind" : "unreachable";
}
