import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseHeader } from "../../src/chain/header.js";
import { merkleBranch, merkleRoot, verifyBlockInclusions } from "../../src/chain/merkle.js";
import { parsesAsTransaction64, parseTransaction, type Transaction } from "../../src/chain/transaction.js";
import { isHawserError } from "../../src/errors.js";
import { coinbase, payment } from "../unit/chain/transactions.js";
import { numRuns } from "./runs.js";

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const changed = bytes.slice();
  const at = Math.floor(bit / 8) % bytes.length;
  changed[at] = (changed[at] ?? 0) ^ (1 << (bit % 8));
  return changed;
}

function headerBytes(txids: readonly string[]): Uint8Array {
  const bytes = new Uint8Array(80);
  bytes.set(merkleRoot(txids), 36);
  return bytes;
}

const blocks = fc.integer({ min: 2, max: 40 }).map((count) => {
  const txs = [coinbase(1), ...Array.from({ length: count - 1 }, (_, i) => payment(i + 1, { witness: i % 2 === 0 }))];
  return { txs, txids: txs.map((tx) => tx.txid) };
});

const someClaim = fc.record({ block: blocks, pick: fc.nat(), bit: fc.nat() }).map(({ block, pick, bit }) => {
  const position = pick % block.txs.length;
  const tx = block.txs[position] as Transaction;
  return {
    header: headerBytes(block.txids),
    bit,
    claim: { tx, position, branch: merkleBranch(block.txids, position) },
  };
});

describe("Merkle proofs", () => {
  test("V2: an honest proof stands; one flipped bit in branch, root or position does not", () => {
    fc.assert(
      fc.property(someClaim, fc.nat(), ({ header, bit, claim }, pick) => {
        const stands = (changed: typeof claim, bytes = header): number =>
          verifyBlockInclusions({ header: parseHeader(bytes), height: 1, claims: [changed], coinbase: null }).proven
            .length;
        expect(stands(claim)).toBe(1);
        const level = pick % claim.branch.length;
        const branch = claim.branch.map((item, i) => (i === level ? flip(item, bit) : item));
        expect(stands({ ...claim, branch })).toBe(0);
        expect(stands(claim, flip(header, 8 * 36 + (bit % 256)))).toBe(0);
        expect(stands({ ...claim, position: claim.position ^ (1 << (bit % 31)) })).toBe(0);
        expect(stands({ ...claim, branch: claim.branch.slice(1) })).toBe(0);
      }),
      { numRuns },
    );
  });

  test("V2: one flipped bit in a transaction is refused, or lies in its witness", () => {
    fc.assert(
      fc.property(someClaim, ({ header, bit, claim }) => {
        let tx: Transaction;
        try {
          tx = parseTransaction(flip(claim.tx.raw, bit));
        } catch (error) {
          expect(isHawserError(error, "CHAIN_TRANSACTION_INVALID")).toBe(true);
          return;
        }
        const claims = [{ ...claim, tx }];
        const { proven } = verifyBlockInclusions({ header: parseHeader(header), height: 1, claims, coinbase: null });
        expect(proven.length === 1).toBe(tx.txid === claim.tx.txid);
        if (proven.length === 1) expect(tx.inputs[0]?.witness).not.toEqual(claim.tx.inputs[0]?.witness);
      }),
      { numRuns },
    );
  });

  test("V2: claims of any form are refused without an exception", () => {
    const claims = fc.array(
      fc.record({
        tx: fc.integer({ min: 1, max: 20 }).map((mark) => payment(mark)),
        position: fc.oneof(fc.integer(), fc.double(), fc.nat(40)),
        branch: fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 40 }),
      }),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(claims, fc.uint8Array({ minLength: 80, maxLength: 80 }), (list, bytes) => {
        const header = parseHeader(bytes);
        const result = verifyBlockInclusions({ header, height: 1, claims: list, coinbase: list[0] ?? null });
        expect(result.proven).toHaveLength(0);
        expect(result.refused).toHaveLength(list.length === 0 ? 0 : list.length + 1);
      }),
      { numRuns },
    );
  });

  test("V2: the 64-byte test agrees with the strict parser", () => {
    const shaped = fc
      .record({
        bytes: fc.uint8Array({ minLength: 64, maxLength: 64 }),
        size: fc.nat(5),
        other: fc.nat(5),
        spoil: fc.nat(8),
      })
      .map(({ bytes, size, other, spoil }) => {
        bytes[4] = spoil === 1 ? 2 : 1;
        bytes[41] = size;
        bytes[46 + size] = spoil === 2 ? 2 : 1;
        bytes[55 + size] = spoil > 4 ? 4 - size : other;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(shaped, fc.uint8Array({ minLength: 64, maxLength: 64 })), (bytes) => {
        let parses = true;
        try {
          parses = parseTransaction(bytes).strippedSize === 64;
        } catch {
          parses = false;
        }
        expect(parsesAsTransaction64(bytes)).toBe(parses);
      }),
      { numRuns: numRuns * 10 },
    );
  });
});
