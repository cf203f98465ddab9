import { concatBytes, equalBytes } from "../bytes/bytes.js";
import { assertInteger } from "../bytes/guards.js";
import { decodeHex, reversed } from "../bytes/hex.js";
import { hash256 } from "../crypto/hash.js";
import { mintVerified, type Verified } from "../crypto/verified.js";
import { limits } from "../limits.js";
import type { BlockHeader } from "./header.js";
import { isCoinbase, parsesAsTransaction64, type Transaction } from "./transaction.js";

/** A transaction and where it was proven to be. */
export interface ProvenTransaction {
  readonly tx: Transaction;
  readonly height: number;
  /** Index in the block: with `height` the chain order of C6. */
  readonly position: number;
  /** Display order, hex. */
  readonly blockHash: string;
  /** Internal order, leaf upwards. */
  readonly branch: readonly Uint8Array[];
}

/** A transaction and where a source says it is. `branch` is in internal order, leaf upwards. */
export interface InclusionToVerify {
  readonly tx: Transaction;
  readonly position: number;
  readonly branch: readonly Uint8Array[];
}

/** Every claim about one block, which must be judged together: their depths have to agree (V2). */
export interface BlockInclusionsInput {
  /** Of the block at `height` of a header chain that V1 accepted. */
  readonly header: BlockHeader;
  readonly height: number;
  /** Transactions as `parseTransaction` made them. */
  readonly claims: readonly InclusionToVerify[];
  /** The block's coinbase, when known; a coinbase among the claims serves as well. */
  readonly coinbase: { readonly tx: Transaction; readonly branch: readonly Uint8Array[] } | null;
}

/** What stood and what did not. */
export interface BlockInclusions {
  /** In the order of the claims. */
  readonly proven: readonly Verified<ProvenTransaction>[];
  /** With one reason each; a coinbase that was given and does not prove is among them. */
  readonly refused: readonly { readonly txid: string; readonly reason: string }[];
  /** Whether a valid coinbase proof could still make a refused claim stand. */
  readonly coinbaseWouldHelp: boolean;
}

/**
 * V2: which claims about one block are proven by its header. Never throws on what a source sent.
 */
export function verifyBlockInclusions(input: BlockInclusionsInput): BlockInclusions {
  const { header, height, claims } = input;
  const refused: { txid: string; reason: string }[] = [];
  const folded: { claim: InclusionToVerify; pairIsTransaction: boolean }[] = [];
  for (const claim of claims) {
    const result = fold(claim, header.merkleRoot);
    if (typeof result === "string") refused.push({ txid: claim.tx.txid, reason: result });
    else folded.push({ claim, ...result });
  }

  let coinbase: InclusionToVerify | undefined;
  if (input.coinbase !== null) {
    const candidate = { ...input.coinbase, position: 0 };
    const result = isCoinbase(candidate.tx) ? fold(candidate, header.merkleRoot) : "not a coinbase";
    if (typeof result === "string") refused.push({ txid: candidate.tx.txid, reason: result });
    else coinbase = candidate;
  }
  coinbase ??= folded.find(({ claim }) => claim.position === 0 && isCoinbase(claim.tx))?.claim;

  const depth = coinbase?.branch.length ?? null;
  const depths = new Set(folded.map(({ claim }) => claim.branch.length));
  const proven: Verified<ProvenTransaction>[] = [];
  let coinbaseWouldHelp = false;
  for (const { claim, pairIsTransaction } of folded) {
    let reason: string | null = null;
    // V2: one tree has one depth; a leaf claimed above or below it is an inner node or lies under a leaf.
    if (depth !== null && claim.branch.length !== depth) reason = "not at the coinbase's depth";
    else if (depth === null && depths.size > 1) reason = "proofs of one block differ in depth";
    // V2: a 64-byte transaction read as an inner node would carry a forged leaf (CVE-2017-12842). The first bytes of a
    // coinbase cannot be ground, so a coinbase proof of the same depth shows that the pair is no leaf.
    else if (depth === null && pairIsTransaction) reason = "an inner node parses as a transaction";
    if (reason === null) {
      const { tx, position, branch } = claim;
      proven.push(mintVerified({ tx, height, position, blockHash: header.hash, branch }));
    } else {
      refused.push({ txid: claim.tx.txid, reason });
      coinbaseWouldHelp ||= depth === null;
    }
  }
  return { proven, refused, coinbaseWouldHelp };
}

/** V2 for one branch by itself, except for the pairs that parse as a transaction; a string is the refusal. */
function fold(claim: InclusionToVerify, root: Uint8Array): { readonly pairIsTransaction: boolean } | string {
  const { tx, branch, position } = claim;
  // V2: a stripped transaction of 64 bytes is also an inner node (CVE-2017-12842).
  if (tx.strippedSize === 64) return "stripped size is 64 bytes";
  if (branch.length > limits.merkleMaxLevels) return `branch has more than ${limits.merkleMaxLevels} levels`;
  // V2: a position that the branch does not consume would place one leaf in many places.
  if (!Number.isSafeInteger(position) || position < 0 || position >= 2 ** branch.length) {
    return "position lies outside the branch";
  }
  let node = reversed(decodeHex(tx.txid, 32));
  let rest = position;
  let pairIsTransaction = false;
  for (const sibling of branch) {
    if (sibling.length !== 32) return "branch holds an item that is no hash";
    const isRight = rest % 2 === 1;
    // V2: the copy that balances an odd row is no leaf of its own (CVE-2012-2459).
    if (isRight && equalBytes(sibling, node)) return "node equals its left sibling";
    const pair = isRight ? concatBytes(sibling, node) : concatBytes(node, sibling);
    if (parsesAsTransaction64(pair)) pairIsTransaction = true;
    node = hash256(pair);
    rest = Math.floor(rest / 2);
  }
  return equalBytes(node, root) ? { pairIsTransaction } : "branch does not lead to the block's Merkle root";
}

/**
 * The Merkle root, in internal order, of a block with these txids (display order, at least one).
 *
 * @throws INPUT_INVALID
 */
export function merkleRoot(txids: readonly string[]): Uint8Array {
  assertInteger("txids.length", txids.length, 1);
  let row = leaves(txids);
  while (row.length > 1) row = parents(row);
  return row[0] ?? new Uint8Array();
}

/**
 * The branch, in internal order, that leads from `txids[position]` (display order) to their {@link merkleRoot}.
 *
 * @throws INPUT_INVALID
 */
export function merkleBranch(txids: readonly string[], position: number): Uint8Array[] {
  assertInteger("position", position, 0, txids.length - 1);
  const branch: Uint8Array[] = [];
  let index = position;
  for (let row = leaves(txids); row.length > 1; row = parents(row)) {
    // An odd row's last node is paired with itself.
    const sibling = row[index ^ 1] ?? row[index];
    if (sibling !== undefined) branch.push(sibling);
    index >>= 1;
  }
  return branch;
}

function leaves(txids: readonly string[]): Uint8Array[] {
  return txids.map((txid) => reversed(decodeHex(txid, 32, "txid")));
}

function parents(row: readonly Uint8Array[]): Uint8Array[] {
  const above: Uint8Array[] = [];
  for (let i = 0; i < row.length; i += 2) {
    const left = row[i] ?? new Uint8Array();
    above.push(hash256(concatBytes(left, row[i + 1] ?? left)));
  }
  return above;
}
