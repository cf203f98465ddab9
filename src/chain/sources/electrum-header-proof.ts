import { concatBytes, equalBytes } from "../../bytes/bytes.js";
import { hash256 } from "../../crypto/hash.js";
import { hashHeader } from "../header.js";

/** That a header is in a list of block headers of which only the Merkle root is known. */
export interface HeaderProof {
  /** 80 bytes. */
  readonly header: Uint8Array;
  readonly height: number;
  /** The list holds the headers from 0 up to this one. */
  readonly proofHeight: number;
  /** Internal order, leaf upwards. */
  readonly branch: readonly Uint8Array[];
  /** Internal order. */
  readonly root: Uint8Array;
}

/**
 * Whether a `cp_height` proof of an Electrum server leads from a header, at its height and nowhere else, to the root of
 * the headers from block 0 to `proofHeight`. Leaves are block hashes; a row of odd length repeats its last hash.
 *
 * The root is no more than the server's word unless the caller has it from a place that it trusts: two proofs under one
 * root show that two headers are of one list.
 */
export function isHeaderProven({ header, height, proofHeight, branch, root }: HeaderProof): boolean {
  if (height < 0 || height > proofHeight) return false;
  let node = hashHeader(header);
  let at = height;
  let width = proofHeight + 1;
  for (const sibling of branch) {
    if (width === 1 || sibling.length !== 32) return false;
    const isCopied = at === width - 1 && width % 2 === 1;
    // Where the row has another hash beside this one they differ; only the last of an odd row is its own sibling.
    if (equalBytes(sibling, node) !== isCopied) return false;
    node = hash256(at % 2 === 1 ? concatBytes(sibling, node) : concatBytes(node, sibling));
    at = Math.floor(at / 2);
    width = Math.ceil(width / 2);
  }
  return width === 1 && equalBytes(node, root);
}
