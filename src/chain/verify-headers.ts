import { equalBytes } from "../bytes/bytes.js";
import { unreachable } from "../bytes/guards.js";
import { decodeHex, reversed } from "../bytes/hex.js";
import { HawserError } from "../errors.js";
import { limits } from "../limits.js";
import { hashHeader, PERIOD_BLOCKS, retargetBits, targetOfBits, workOfBits } from "./header.js";
import { type HeaderList, HeaderListBuilder } from "./header-list.js";
import type { Network } from "./network.js";

const MEDIAN_SPAN = 11;

/** Why a header is not taken, with its height where it breaks a rule. */
export type HeaderRefusal = HawserError<"CHAIN_HEADER_INVALID"> | HawserError<"CHAIN_WORK_INSUFFICIENT">;

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
  #height: number;
  #bits = -1;
  #target: Uint8Array = new Uint8Array(32);
  /** Headers accepted with the present bits, not yet counted in `#work`. */
  #sameBits = 0;
  #work = 0n;

  /** `height` is that of the next header; `list` holds those from the checkpoint (`base` where known) up to it. */
  constructor(network: Network, base: Uint8Array | null, list: HeaderList, height: number, nowMs: number) {
    this.#network = network;
    this.#base = base;
    this.#height = height;
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
    return { list: this.#builder.finish(), work: this.#acceptedWork() };
  }

  /** Accepts the header (80 bytes), or says why it cannot be the next one. */
  push(raw: Uint8Array): HeaderRefusal | null {
    const height = this.#height;
    if (!equalBytes(raw.subarray(4, 36), this.#previousHash)) {
      // V1: a chain that does not contain the checkpoint is refused whatever its work.
      if (this.#builder.length === 0) return forksBelowCheckpoint(this.#network);
      return invalidAt(height, "does not name the header before it");
    }
    // V1: bits that the sender chose would let it mine a long chain cheaply.
    if (this.#sameBits === 0 || height % PERIOD_BLOCKS === 0) this.#setBits(this.#expectedBits());
    const bits = readBits(raw);
    if (bits !== this.#bits) return invalidAt(height, `has bits ${hex32(bits)}, expected ${hex32(this.#bits)}`);
    const hash = hashHeader(raw);
    if (!isAtMost(hash, this.#target)) return invalidAt(height, "has a hash above its target");
    const timeSec = readTime(raw);
    // V1: times that run backwards would stretch a period and lower the difficulty.
    if (!this.#isAboveMedian(timeSec)) return invalidAt(height, "has a time at or below the median before it");
    if (timeSec > this.#maxTimeSec) return invalidAt(height, "has a time more than 2 hours ahead");

    this.#builder.push(raw, hash);
    this.#addTime(height, timeSec);
    this.#previousHash.set(hash);
    this.#sameBits++;
    this.#height++;
    return null;
  }

  #acceptedWork(): bigint {
    return this.#work + BigInt(this.#sameBits) * workOfBits(this.#bits);
  }

  #setBits(bits: number): void {
    if (bits === this.#bits) return;
    this.#work = this.#acceptedWork();
    this.#sameBits = 0;
    this.#bits = bits;
    const target = targetOfBits(bits) ?? unreachable("a target that no rule can give");
    this.#target = decodeHex(target.toString(16).padStart(64, "0"));
  }

  #expectedBits(): number {
    const { powLimitBits, rules, checkpoint } = this.#network;
    if (rules === "regtest") return powLimitBits;
    const height = this.#height;
    if (height === checkpoint.height + 1 && checkpoint.nextBits !== null) return checkpoint.nextBits;
    const bits = readBits(this.#rawAt(height - 1));
    if (height % PERIOD_BLOCKS !== 0) return bits;
    return retargetBits(bits, this.#timeAt(height - PERIOD_BLOCKS), this.#timeAt(height - 1), powLimitBits);
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
