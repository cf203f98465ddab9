import { equalBytes } from "../bytes/bytes.js";
import { unreachable } from "../bytes/guards.js";
import { decodeHex, reversed } from "../bytes/hex.js";
import { HawserError, isHawserError } from "../errors.js";
import { limits } from "../limits.js";
import { bitsOfTarget, hashHeader, PERIOD_BLOCKS, retargetBits, targetOfBits, workOfBits } from "./header.js";
import { type HeaderList, HeaderListBuilder } from "./header-list.js";
import type { Network } from "./network.js";

const AHEAD_OF_TIME = "has a time more than 2 hours ahead";
const MEDIAN_SPAN = 11;
/** s - a testnet4 block that comes later than this after its parent has the easiest target (BIP94). */
const MIN_DIFFICULTY_AFTER_SEC = 1_200;
/** s - by which the first block of a testnet4 period may be dated before its parent (BIP94). */
const MAX_STEP_BACK_SEC = 600;

/** Why a header is not taken, with its height where it breaks a rule. */
export type HeaderRefusal = HawserError<"CHAIN_HEADER_INVALID"> | HawserError<"CHAIN_WORK_INSUFFICIENT">;

/** A target, and the headers that were accepted under it and whose work is not yet counted. */
class Difficulty {
  readonly bits: number;
  /** Big-endian, 32 bytes. */
  readonly target: Uint8Array;
  accepted = 0;

  constructor(bits: number) {
    const target = targetOfBits(bits) ?? unreachable("a target that no rule can give");
    this.bits = bits;
    this.target = decodeHex(target.toString(16).padStart(64, "0"));
  }

  get work(): bigint {
    return this.accepted === 0 ? 0n : BigInt(this.accepted) * workOfBits(this.bits);
  }
}

/**
 * Checks headers one after the other against V1 and collects them, without a bigint or a string per header: a first
 * read checks tens of thousands.
 */
export class HeaderVerifier {
  readonly #builder: HeaderListBuilder;
  readonly #network: Network;
  readonly #base: Uint8Array | null;
  readonly #maxTimeSec: number;
  /** Times of the headers before the next one, at `height % 11`; the first ones may be missing. */
  readonly #times = new Float64Array(MEDIAN_SPAN).fill(-1);
  #timesKnown = 0;
  readonly #previousHash: Uint8Array;
  /** -1 where it is not known. */
  #previousTimeSec = -1;
  #height: number;
  readonly #isBip94: boolean;
  /** That of the present period; null until the first header is looked at. */
  #period: Difficulty | null = null;
  readonly #easiest: Difficulty;
  /** Of the periods that are over. */
  #work = 0n;

  /** `height` is that of the next header; `list` holds those from the checkpoint (`base` where known) up to it. */
  constructor(network: Network, base: Uint8Array | null, list: HeaderList, height: number, nowMs: number) {
    this.#network = network;
    this.#base = base;
    this.#height = height;
    this.#isBip94 = network.rules === "testnet4";
    this.#easiest = new Difficulty(network.powLimitBits);
    this.#maxTimeSec = (nowMs + limits.headerMaxAheadMs) / 1000;
    const baseHeight = network.checkpoint.height;
    const keep = height - baseHeight - 1;
    this.#builder = new HeaderListBuilder(list, keep);
    this.#previousHash =
      keep === 0 ? reversed(decodeHex(network.checkpoint.hash, 32)) : this.#builder.hash(keep - 1).slice();
    const firstKnown = base === null ? baseHeight + 1 : baseHeight;
    for (let h = Math.max(firstKnown, height - MEDIAN_SPAN); h < height; h++) this.#addTime(h, this.#timeAt(h));
  }

  /** The list with the accepted headers, and their work; the verifier must not be used afterwards. */
  finish(): { readonly list: HeaderList; readonly work: bigint } {
    return { list: this.#builder.finish(), work: this.#work + (this.#period?.work ?? 0n) + this.#easiest.work };
  }

  /** Accepts the header (80 bytes), or says why it cannot be the next one. */
  push(raw: Uint8Array): HeaderRefusal | null {
    const height = this.#height;
    if (!equalBytes(raw.subarray(4, 36), this.#previousHash)) {
      // V1: a chain that does not contain the checkpoint is refused whatever its work.
      if (this.#builder.length === 0) return forksBelowCheckpoint(this.#network);
      return invalidAt(height, "does not name the header before it");
    }
    const bits = readBits(raw);
    const timeSec = readTime(raw);
    const startsPeriod = height % PERIOD_BLOCKS === 0;
    let period = this.#period;
    if (period === null || startsPeriod) {
      const expected = this.#isWeakStart() ? this.#claimedBits(bits) : this.#periodBits();
      if (expected === null) return invalidAt(height, `has bits ${hex32(bits)}, which are no target within the limit`);
      period = this.#beginPeriod(expected);
    }
    // V1: bits that the sender chose would let it mine a long chain cheaply.
    const difficulty = this.#isException(timeSec, startsPeriod) ? this.#easiest : period;
    if (bits !== difficulty.bits) {
      return invalidAt(height, `has bits ${hex32(bits)}, expected ${hex32(difficulty.bits)}`);
    }
    const hash = hashHeader(raw);
    if (!isAtMost(hash, difficulty.target)) return invalidAt(height, "has a hash above its target");
    // V1: times that run backwards would stretch a period and lower the difficulty.
    if (!this.#isAboveMedian(timeSec)) return invalidAt(height, "has a time at or below the median before it");
    if (timeSec > this.#maxTimeSec) return invalidAt(height, AHEAD_OF_TIME);
    // V1 (BIP94): a period that begins far in the past would seem long and lower the difficulty of the next one.
    if (this.#isBip94 && startsPeriod && timeSec < this.#previousTimeSec - MAX_STEP_BACK_SEC) {
      return invalidAt(height, "begins a period more than 600 s before the header before it");
    }

    this.#builder.push(raw, hash);
    this.#addTime(height, timeSec);
    this.#previousHash.set(hash);
    difficulty.accepted++;
    this.#height++;
    return null;
  }

  #beginPeriod(bits: number): Difficulty {
    this.#work += this.#period?.work ?? 0n;
    this.#period = new Difficulty(bits);
    return this.#period;
  }

  /** Whether the next header is the first one above a checkpoint whose next bits are not known (section 9). */
  #isWeakStart(): boolean {
    const { height, nextBits, weakStart } = this.#network.checkpoint;
    return weakStart && nextBits === null && this.#height === height + 1;
  }

  /** Section 9: bits that the first header above a weak checkpoint may claim, or null. */
  #claimedBits(bits: number): number | null {
    const target = targetOfBits(bits);
    const limit = targetOfBits(this.#network.powLimitBits) ?? unreachable("a network without a limit");
    // A target easier than the limit costs nothing, and retargets write each target in one form only.
    return target === null || target > limit || bitsOfTarget(target) !== bits ? null : bits;
  }

  /** The bits that hold in the period of the next header. */
  #periodBits(): number {
    const { powLimitBits, rules, checkpoint } = this.#network;
    if (rules === "regtest") return powLimitBits;
    const height = this.#height;
    if (height === checkpoint.height + 1 && checkpoint.nextBits !== null) return checkpoint.nextBits;
    const inPeriod = height % PERIOD_BLOCKS;
    const begins = inPeriod === 0 ? height - PERIOD_BLOCKS : height - inPeriod;
    // BIP94: the first header of a period alone cannot be an exception, so its bits are the real ones.
    const bits = readBits(this.#rawAt(this.#isBip94 ? begins : height - 1));
    return inPeriod === 0 ? retargetBits(bits, this.#timeAt(begins), this.#timeAt(height - 1), powLimitBits) : bits;
  }

  /** V1 (BIP94): whether the next header comes so late that it must have the easiest target. */
  #isException(timeSec: number, startsPeriod: boolean): boolean {
    if (!this.#isBip94 || startsPeriod) return false;
    return timeSec > this.#previousTimeSec + MIN_DIFFICULTY_AFTER_SEC;
  }

  /**
   * Whether `timeSec` is above the median of the 11 headers before. Where fewer are known the median is that of all
   * since genesis, and above any other checkpoint the rule begins later (V1).
   */
  #isAboveMedian(timeSec: number): boolean {
    const known = this.#timesKnown;
    if (known < MEDIAN_SPAN && known < this.#height) return true;
    let below = 0;
    for (const time of this.#times) if (time >= 0 && time < timeSec) below++;
    // Above sorted[floor(n / 2)] is what having more than floor(n / 2) of the times below means.
    return below > Math.floor(known / 2);
  }

  #addTime(height: number, timeSec: number): void {
    this.#times[height % MEDIAN_SPAN] = timeSec;
    this.#timesKnown = Math.min(MEDIAN_SPAN, this.#timesKnown + 1);
    this.#previousTimeSec = timeSec;
  }

  #timeAt(height: number): number {
    return readTime(this.#rawAt(height));
  }

  #rawAt(height: number): Uint8Array {
    const index = height - this.#network.checkpoint.height - 1;
    if (index >= 0) return this.#builder.raw(index);
    return (index === -1 ? this.#base : null) ?? unreachable(`the header at ${height} below the checkpoint`);
  }
}

/** Whether a hash (internal order, so its last byte is the most significant) is at most a big-endian target. */
function isAtMost(hash: Uint8Array, target: Uint8Array): boolean {
  for (let i = 0; i < 32; i++) {
    const difference = (hash[31 - i] ?? 0) - (target[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return true;
}

/** The compact target in a header. */
export function readBits(header: Uint8Array): number {
  return readU32(header, 72);
}

function readTime(header: Uint8Array): number {
  return readU32(header, 68);
}

function readU32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0
  );
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, "0");
}

/** The refusal of a header that breaks a rule. `reason` continues "The header at height 7 ...". */
export function invalidAt(height: number, reason: string): HawserError<"CHAIN_HEADER_INVALID"> {
  return new HawserError("CHAIN_HEADER_INVALID", `The header at height ${height} ${reason}.`, { height, reason });
}

/** The refusal of headers that do not build on the checkpoint. */
export function forksBelowCheckpoint(network: Network): HawserError<"CHAIN_WORK_INSUFFICIENT"> {
  const { checkpoint, minimumWork } = network;
  return new HawserError(
    "CHAIN_WORK_INSUFFICIENT",
    `The headers do not build on the checkpoint ${checkpoint.hash} at height ${checkpoint.height}.`,
    // Work counts from the checkpoint, on which nothing of these headers builds.
    { work: "0", minimumWork: minimumWork.toString(16) },
  );
}

/** Whether headers end, for now, because the next one is ahead of the clock. */
export function isAheadOfTime(refusal: unknown): boolean {
  return isHawserError(refusal, "CHAIN_HEADER_INVALID") && refusal.details.reason === AHEAD_OF_TIME;
}

/** The error for a clock by which nothing of the present can be read. */
export function clockBehind(height: number, nowMs: number): HawserError<"CHAIN_CLOCK_BEHIND"> {
  const shown = new Date(nowMs).toISOString();
  const message = `Block ${height} is more than 2 hours ahead of this machine's clock, ${shown}; set the clock.`;
  return new HawserError("CHAIN_CLOCK_BEHIND", message, { height, nowMs });
}
