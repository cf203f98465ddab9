import { hash256 } from "bitcoinjs-lib/src/crypto";
import { concatBytes } from "../bytes/bytes.js";
import { unreachable } from "../bytes/guards.js";

/** The sibling hashes from a leaf up to below the root, internal order; an odd row repeats its last hash. */
export function merkleBranch(leaves: readonly Uint8Array[], position: number): readonly Uint8Array[] {
  const branch: Uint8Array[] = [];
  let row = leaves;
  for (let at = position; row.length > 1; at >>= 1) {
    const below = row;
    const node = (i: number): Uint8Array => below[i] ?? below.at(-1) ?? unreachable("an empty row");
    branch.push(node(at ^ 1));
    row = Array.from({ length: Math.ceil(below.length / 2) }, (_, i) =>
      hash256(concatBytes(node(2 * i), node(2 * i + 1))),
    );
  }
  return branch;
}
