import { concatBytes, equalBytes } from "../bytes/bytes.js";
import { Cursor, CursorError } from "../bytes/cursor.js";
import { encodeHex, reversed } from "../bytes/hex.js";
import { hash256 } from "../crypto/hash.js";
import type { HawserError } from "../errors.js";
import { limits } from "../limits.js";
import { HEADER_BYTES, parseHeader } from "./header.js";

/** A transaction that a partial Merkle tree leads to. Nothing is proven by it but that it leads to the header's root. */
export interface MerkleBlockMatch {
  /** Display order, hex. */
  readonly txid: string;
  readonly position: number;
  /** Internal order, leaf upwards; an odd row's last hash stands for its missing sibling. */
  readonly branch: readonly Uint8Array[];
}

/** A header with the partial Merkle tree below it (BIP37). */
export interface MerkleBlock {
  /** Display order, hex. */
  readonly hash: string;
  readonly transactionCount: number;
  /** In the order of the block. */
  readonly matches: readonly MerkleBlockMatch[];
}

/** Four million weight units hold no more transactions of 60 stripped bytes than this. */
const MOST_TRANSACTIONS = Math.floor(limits.blockMaxBytes / (4 * 60));

interface Node {
  readonly hash: Uint8Array;
  readonly matches: readonly { readonly txid: string; readonly position: number; readonly branch: Uint8Array[] }[];
}

/**
 * The bytes of a `merkleblock` message, which `gettxoutproof` answers. Every hash and every flag must be used, the
 * padding be zero, no row hold one node twice (CVE-2012-2459), and the tree lead to the header's Merkle root.
 *
 * @throws what `fail` makes of the reason
 */
export function parseMerkleBlock(raw: Uint8Array, fail: (reason: string) => HawserError): MerkleBlock {
  const cursor = new Cursor(raw);
  try {
    const { hash, merkleRoot } = parseHeader(cursor.take(HEADER_BYTES));
    const transactionCount = cursor.u32();
    if (transactionCount === 0 || transactionCount > MOST_TRANSACTIONS) {
      throw fail(`expected 1 to ${MOST_TRANSACTIONS} transactions, got ${transactionCount}`);
    }
    const hashCount = cursor.compactSize();
    if (hashCount > transactionCount) throw fail("more hashes than transactions");
    const hashes = Array.from({ length: hashCount }, () => cursor.take(32));
    const flags = cursor.take(cursor.compactSize());
    if (cursor.remaining > 0) throw fail(`${cursor.remaining} bytes after the proof`);
    const root = new PartialTree(transactionCount, hashes, flags, fail).read();
    if (!equalBytes(root.hash, merkleRoot)) throw fail("the proof does not lead to the header's Merkle root");
    return { hash, transactionCount, matches: root.matches };
  } catch (error) {
    if (error instanceof CursorError) throw fail(error.message);
    throw error;
  }
}

/** Walks a partial tree depth first, as BIP37 lays it out. */
class PartialTree {
  readonly #count: number;
  readonly #hashes: readonly Uint8Array[];
  readonly #flags: Uint8Array;
  readonly #fail: (reason: string) => HawserError;
  #hashAt = 0;
  #flagAt = 0;

  constructor(count: number, hashes: readonly Uint8Array[], flags: Uint8Array, fail: (reason: string) => HawserError) {
    this.#count = count;
    this.#hashes = hashes;
    this.#flags = flags;
    this.#fail = fail;
  }

  read(): Node {
    let height = 0;
    while (this.#width(height) > 1) height++;
    const root = this.#node(height, 0);
    if (this.#hashAt !== this.#hashes.length) throw this.#fail("hashes that no flag asks for");
    if (Math.ceil(this.#flagAt / 8) !== this.#flags.length) throw this.#fail("flags that no node asks for");
    while (this.#flagAt % 8 !== 0) if (this.#flag()) throw this.#fail("padding that is not zero");
    return root;
  }

  #width(height: number): number {
    return Math.ceil(this.#count / 2 ** height);
  }

  #node(height: number, position: number): Node {
    const isParent = this.#flag();
    if (height === 0 || !isParent) {
      const hash = this.#hashes[this.#hashAt++];
      if (hash === undefined) throw this.#fail("fewer hashes than the flags ask for");
      const isMatch = isParent && height === 0;
      return { hash, matches: isMatch ? [{ txid: encodeHex(reversed(hash)), position, branch: [] }] : [] };
    }
    const left = this.#node(height - 1, 2 * position);
    const hasRight = 2 * position + 1 < this.#width(height - 1);
    const right = hasRight ? this.#node(height - 1, 2 * position + 1) : { hash: left.hash, matches: [] };
    // V2: the copy that balances an odd row is no node of its own (CVE-2012-2459).
    if (hasRight && equalBytes(left.hash, right.hash)) throw this.#fail("a node equals its left sibling");
    for (const { branch } of left.matches) branch.push(right.hash);
    for (const { branch } of right.matches) branch.push(left.hash);
    return { hash: hash256(concatBytes(left.hash, right.hash)), matches: [...left.matches, ...right.matches] };
  }

  #flag(): boolean {
    const byte = this.#flags[this.#flagAt >> 3];
    if (byte === undefined) throw this.#fail("fewer flags than the tree has nodes");
    return ((byte >> (this.#flagAt++ % 8)) & 1) === 1;
  }
}
