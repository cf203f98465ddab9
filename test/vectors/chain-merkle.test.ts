import { describe, expect, test } from "vitest";
import { decodeHex, encodeHex, reversed } from "../../src/bytes/hex.js";
import { type BlockHeader, parseHeader } from "../../src/chain/header.js";
import { verifyBlockInclusions } from "../../src/chain/merkle.js";
import { parseTransaction } from "../../src/chain/transaction.js";
import { leafOf } from "../unit/chain/transactions.js";
import { readJson } from "./chain-files.js";
import { hasSharedVectors } from "./shared.js";

interface AttackCase {
  readonly case: string;
  readonly expect: "accept" | "reject";
  readonly tx?: string;
  readonly txid: string;
  readonly branch: readonly string[];
  readonly position: number;
  readonly merkle_root: string;
}

interface SpvProof {
  readonly input: { readonly proof: string; readonly index: number };
  readonly output: boolean;
}

function headerWith(root: Uint8Array): BlockHeader {
  return { ...parseHeader(new Uint8Array(80)), merkleRoot: root };
}

function internal(hash: string): Uint8Array {
  return reversed(decodeHex(hash, 32));
}

describe.skipIf(!hasSharedVectors())("Merkle vectors", () => {
  const cases = hasSharedVectors()
    ? (readJson("merkle/electrum_merkle_attacks.json") as { readonly cases: readonly AttackCase[] }).cases
    : [];

  // The real 64-byte leaf is honest, and V2 refuses it all the same, by its size.
  const reasons: Readonly<Record<string, string | null>> = {
    "mined-64-byte-tx-is-a-real-leaf": "stripped size is 64 bytes",
    "fake-leaf-odd-under-64-byte-tx": "an inner node parses as a transaction",
    "balancing-duplicate-on-the-right": null,
    "phantom-leaf-duplicate-on-the-left": "node equals its left sibling",
  };

  test.each(cases.map((attack) => [attack.case, attack] as const))("V2: %s", (name, attack) => {
    const tx = attack.tx === undefined ? leafOf(internal(attack.txid)) : parseTransaction(decodeHex(attack.tx));
    expect(tx.txid).toBe(attack.txid);
    const claims = [{ tx, position: attack.position, branch: attack.branch.map(internal) }];
    const header = headerWith(internal(attack.merkle_root));
    const { proven, refused } = verifyBlockInclusions({ header, height: 1, claims, coinbase: null });
    expect(refused[0]?.reason ?? null).toBe(reasons[name]);
    expect(proven).toHaveLength(reasons[name] === null ? 1 : 0);
  });

  test("V2: all four attack cases are there", () => {
    expect(cases.map((attack) => attack.case).sort()).toEqual(Object.keys(reasons).sort());
  });

  test("V2: the proofs of bitcoin-spv fold as it says", () => {
    const { verifyHash256Merkle } = readJson("headers/bitcoin-spv_testVectors.json") as {
      readonly verifyHash256Merkle: readonly SpvProof[];
    };
    expect(verifyHash256Merkle).toHaveLength(8);
    for (const { input, output } of verifyHash256Merkle) {
      const bytes = decodeHex(input.proof.slice(2));
      // The form that project uses: leaf, siblings, root. Without a leaf there is nothing to prove.
      const hashes = Array.from({ length: bytes.length / 32 }, (_, i) => bytes.subarray(32 * i, 32 * (i + 1)));
      const [leaf] = hashes;
      const root = hashes.at(-1);
      if (leaf === undefined || root === undefined) {
        expect(output).toBe(false);
        continue;
      }
      const claim = { tx: leafOf(leaf), position: input.index, branch: hashes.slice(1, -1) };
      const result = verifyBlockInclusions({ header: headerWith(root), height: 1, claims: [claim], coinbase: null });
      expect([encodeHex(leaf), result.proven.length === 1]).toEqual([encodeHex(leaf), output]);
    }
  });
});
