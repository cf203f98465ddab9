import { Cursor } from "../bytes/cursor.js";
import { assertBytes } from "../bytes/guards.js";
import { encodeHex, reversed } from "../bytes/hex.js";
import { hash256 } from "../crypto/hash.js";

/** Bytes of a block header. */
export const HEADER_BYTES = 80;
/** Blocks that share one target (V1). */
export const PERIOD_BLOCKS = 2_016;
const PERIOD_SECONDS = 14 * 24 * 60 * 60;

/** A block header's fields. Being parsed proves nothing; only a `HeaderChain` does. */
export interface BlockHeader {
  readonly version: number;
  /** Display order, hex. */
  readonly previousHash: string;
  /** Internal order. */
  readonly merkleRoot: Uint8Array;
  readonly timeSec: number;
  /** Compact target. */
  readonly bits: number;
  readonly nonce: number;
  /** Hash of the 80 bytes; display order, hex. */
  readonly hash: string;
}

/**
 * The fields of an 80-byte header; any 80 bytes are one.
 *
 * @throws INPUT_INVALID when there are not exactly 80 bytes
 */
export function parseHeader(bytes: Uint8Array): BlockHeader {
  assertBytes("header", bytes, HEADER_BYTES);
  const cursor = new Cursor(bytes);
  return {
    version: cursor.i32(),
    previousHash: encodeHex(reversed(cursor.take(32))),
    merkleRoot: cursor.take(32).slice(),
    timeSec: cursor.u32(),
    bits: cursor.u32(),
    nonce: cursor.u32(),
    hash: encodeHex(reversed(hashHeader(bytes))),
  };
}

/** Double SHA-256 of a header, internal order. */
export function hashHeader(bytes: Uint8Array): Uint8Array {
  return hash256(bytes);
}

/** The target that a compact form stands for, or null for one that is zero, negative or above 256 bits. */
export function targetOfBits(bits: number): bigint | null {
  const size = bits >>> 24;
  const mantissa = BigInt(bits & 0x7fffff);
  const target = size <= 3 ? mantissa >> BigInt(8 * (3 - size)) : mantissa << BigInt(8 * (size - 3));
  const negative = (bits & 0x800000) !== 0;
  return negative || target === 0n || target >> 256n !== 0n ? null : target;
}

/** The compact form of a target, low bits cut off as consensus does. */
export function bitsOfTarget(target: bigint): number {
  let size = Math.ceil(target.toString(16).length / 2);
  let mantissa = Number(size <= 3 ? target << BigInt(8 * (3 - size)) : target >> BigInt(8 * (size - 3)));
  // The mantissa's top bit is a sign.
  if (mantissa >= 0x800000) {
    mantissa >>= 8;
    size++;
  }
  return ((size << 24) | mantissa) >>> 0;
}

/** Hashes that a block of this compact target stands for on average; 0 for a target that no block can have. */
export function workOfBits(bits: number): bigint {
  const target = targetOfBits(bits);
  return target === null ? 0n : (1n << 256n) / (target + 1n);
}

/**
 * V1: the compact target of the period after one that began at `firstTimeSec`, ended at `lastTimeSec` and had
 * `bits`. The span counts as at least a quarter of and at most four times 14 days.
 */
export function retargetBits(bits: number, firstTimeSec: number, lastTimeSec: number, powLimitBits: number): number {
  const seconds = Math.min(Math.max(lastTimeSec - firstTimeSec, PERIOD_SECONDS / 4), PERIOD_SECONDS * 4);
  const target = ((targetOfBits(bits) ?? 0n) * BigInt(seconds)) / BigInt(PERIOD_SECONDS);
  const limit = targetOfBits(powLimitBits) ?? 0n;
  return bitsOfTarget(target > limit ? limit : target);
}
