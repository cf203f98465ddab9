import { Cursor, CursorError } from "../bytes/cursor.js";
import { decodeHex, reversed } from "../bytes/hex.js";
import type { HawserError } from "../errors.js";

/** Bits of a Golomb-Rice remainder (BIP158, basic filter). */
const P = 19;
/** One in this many scripts that a block does not touch seems to match (BIP158, basic filter). */
const M = 784_931;
const MASK = 0xffff_ffff_ffff_ffffn;

/**
 * Whether a block's basic filter (BIP158) matches a script: always when the block pays the script or spends an output of
 * it, and by chance once in 784,931 blocks otherwise. An empty script and OP_RETURN outputs are in no filter.
 *
 * @param filter - as `getblockfilter` and `getcfilter` answer it
 * @param blockHash - display order
 * @throws what `fail` makes of the reason
 */
export function matchesBlockFilter(
  filter: Uint8Array,
  blockHash: string,
  script: Uint8Array,
  fail: (reason: string) => HawserError,
): boolean {
  // btcd answers an empty filter as nothing at all.
  if (filter.length === 0) return false;
  const cursor = new Cursor(filter);
  let count: number;
  try {
    count = cursor.compactSize();
  } catch (error) {
    if (error instanceof CursorError) throw fail(error.message);
    throw error;
  }
  if (count === 0) return false;
  const key = new Cursor(reversed(decodeHex(blockHash, 32)));
  const range = BigInt(count) * BigInt(M);
  const wanted = Number((sipHash(key.u64(), key.u64(), script) * range) >> 64n);
  const bits = new BitReader(cursor.take(cursor.remaining));
  let value = 0;
  for (let i = 0; i < count; i++) {
    const delta = bits.golombRice();
    if (delta === null) throw fail("a filter that was cut short");
    value += delta;
    if (value >= wanted) return value === wanted;
  }
  return false;
}

/** Reads bits from the top of each byte down. */
class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** A number in Golomb-Rice code: its high part in ones up to a zero, then P bits; null at the end. */
  golombRice(): number | null {
    let value = 0;
    // Past the end there are only zeros.
    while (this.#bit() === 1) value++;
    if (this.#at + P > this.#bytes.length * 8) return null;
    for (let i = 0; i < P; i++) value = value * 2 + this.#bit();
    return value;
  }

  #bit(): number {
    const bit = ((this.#bytes[this.#at >> 3] ?? 0) >> (7 - (this.#at % 8))) & 1;
    this.#at++;
    return bit;
  }
}

/** SipHash-2-4 with 64 bits of output. */
function sipHash(k0: bigint, k1: bigint, message: Uint8Array): bigint {
  let [a, b, c, d] = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ];
  const rotate = (value: bigint, by: bigint): bigint => ((value << by) | (value >> (64n - by))) & MASK;
  const rounds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      a = (a + b) & MASK;
      b = rotate(b, 13n) ^ a;
      a = rotate(a, 32n);
      c = (c + d) & MASK;
      d = rotate(d, 16n) ^ c;
      a = (a + d) & MASK;
      d = rotate(d, 21n) ^ a;
      c = (c + b) & MASK;
      b = rotate(b, 17n) ^ c;
      c = rotate(c, 32n);
    }
  };
  const absorb = (word: bigint): void => {
    d ^= word;
    rounds(2);
    a ^= word;
  };
  const whole = message.length - (message.length % 8);
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  for (let at = 0; at < whole; at += 8) absorb(view.getBigUint64(at, true));
  let last = BigInt(message.length & 0xff) << 56n;
  for (let at = whole; at < message.length; at++) last |= BigInt(message[at] ?? 0) << BigInt(8 * (at - whole));
  absorb(last);
  c ^= 0xffn;
  rounds(4);
  return a ^ b ^ c ^ d;
}
