import { withDeadline } from "../deadline.js";
import { HawserError, isHawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { ChainSource, Clock } from "../ports.js";
import type { HeaderChain } from "./header-chain.js";

/**
 * What a source was worth to one read (V4, V5). `agreed`: it answered everything on the best chain. `withheld`: it
 * left out what another source proved. `lied`: it reported what nobody could prove. `behind`: its chain does not reach
 * the height that was read. `other-chain`: its chain is not the best one. `unreachable`: it gave no complete answer.
 */
export type SourceVerdict = "agreed" | "behind" | "withheld" | "lied" | "other-chain" | "unreachable";

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
  withheld: boolean;
  lied: boolean;
  transactions: number;
  bytes: number;
}

/** Where the reads of one resolution go: every source, each call bounded in time, bytes and count. */
export interface Panel {
  readonly seats: readonly Seat[];
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

export function createPanel(sources: readonly ChainSource[], clock: Clock, signal: AbortSignal | undefined): Panel {
  const seats = sources.map((source) => ({
    source,
    label: source.label,
    chain: null,
    reach: -1,
    failure: null,
    withheld: false,
    lied: false,
    transactions: 0,
    bytes: 0,
  }));
  return { seats, clock, signal };
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
  const { clock, signal } = panel;
  try {
    const value = await withDeadline({ clock, timeoutMs: limits.sourceTimeoutMs, signal, what: seat.label }, (inner) =>
      run(seat.source, inner),
    );
    return { value };
  } catch (error) {
    if (signal?.aborted === true) throw error;
    seat.failure = isHawserError(error) ? error : unreachableSource(seat, error);
    return null;
  }
}

function unreachableSource(seat: Seat, cause: unknown): HawserError {
  const reason = cause instanceof Error ? cause.message : "unknown failure";
  const details = { url: seat.label, reason };
  return new HawserError("NETWORK_UNREACHABLE", `${seat.label} gave no answer: ${reason}.`, details, { cause });
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
  seat.failure = new HawserError("NETWORK_ANSWER_INVALID", `${seat.label} reported ${reason}.`, {
    url: seat.label,
    reason,
  });
  return false;
}

/** Whether a source may witness absence: its chain agrees with the best one up to `height` and reaches it (V4). */
export function witnesses(seat: Seat, best: HeaderChain, height: number): boolean {
  return seat.chain !== null && seat.reach >= height && seat.chain.hashAt(height) === best.hashAt(height);
}

/** The verdict on a source at the end of a read. */
export function verdictOf(seat: Seat, best: HeaderChain, height: number, complete: boolean): SourceVerdict {
  if (seat.chain === null) return "unreachable";
  const shared = Math.min(seat.reach, height);
  if (seat.chain.hashAt(shared) !== best.hashAt(shared)) return "other-chain";
  if (seat.reach < height) return "behind";
  if (seat.lied) return "lied";
  if (seat.withheld) return "withheld";
  return complete ? "agreed" : "unreachable";
}
