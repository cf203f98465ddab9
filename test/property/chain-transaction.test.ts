import { Transaction as BitcoinTransaction } from "bitcoinjs-lib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeHex, reversed } from "../../src/bytes/hex.js";
import { parseTransaction } from "../../src/chain/transaction.js";
import { isHawserError } from "../../src/errors.js";
import { numRuns } from "./runs.js";

const script = fc.uint8Array({ maxLength: 300 });
const transactions = fc
  .record({
    version: fc.nat(0xffffffff),
    lockTime: fc.nat(0xffffffff),
    inputs: fc.array(
      fc.record({
        hash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
        vout: fc.nat(0xffffffff),
        sequence: fc.nat(0xffffffff),
        script,
        witness: fc.array(script, { maxLength: 3 }),
      }),
      { minLength: 1, maxLength: 5 },
    ),
    outputs: fc.array(fc.record({ value: fc.bigInt({ min: 0n, max: 21_000_000n * 10n ** 8n }), script }), {
      minLength: 1,
      maxLength: 5,
    }),
  })
  .map(({ version, lockTime, inputs, outputs }) => {
    const tx = new BitcoinTransaction();
    tx.version = version;
    tx.locktime = lockTime;
    for (const input of inputs) tx.addInput(input.hash, input.vout, input.sequence, input.script);
    inputs.forEach((input, i) => {
      tx.setWitness(i, input.witness);
    });
    for (const output of outputs) tx.addOutput(output.script, output.value);
    return tx;
  });

/** The only code that bytes may produce. */
function parsesOrRefuses(bytes: Uint8Array): void {
  try {
    parseTransaction(bytes);
  } catch (error) {
    expect(isHawserError(error, "CHAIN_TRANSACTION_INVALID")).toBe(true);
  }
}

describe("transactions", () => {
  test("V2: what bitcoinjs-lib writes is read the same", () => {
    fc.assert(
      fc.property(transactions, (theirs) => {
        const raw = theirs.toBuffer();
        const ours = parseTransaction(raw);
        expect(ours.txid).toBe(theirs.getId());
        expect(ours.strippedSize).toBe(theirs.byteLength(false));
        expect([ours.version, ours.lockTime]).toEqual([theirs.version, theirs.locktime]);
        expect(
          ours.inputs.map((i) => [
            i.outpoint.txid,
            i.outpoint.vout,
            encodeHex(i.scriptSig),
            i.sequence,
            i.witness.map(encodeHex),
          ]),
        ).toEqual(
          theirs.ins.map((i) => [
            encodeHex(reversed(i.hash)),
            i.index,
            encodeHex(i.script),
            i.sequence,
            i.witness.map(encodeHex),
          ]),
        );
        expect(ours.outputs.map((o) => [o.valueSats, encodeHex(o.script)])).toEqual(
          theirs.outs.map((o) => [o.value, encodeHex(o.script)]),
        );
      }),
      { numRuns },
    );
  });

  test("V2: one form only: what parses is what would be written", () => {
    fc.assert(
      fc.property(transactions, fc.nat(), fc.nat(255), (theirs, at, value) => {
        const raw = theirs.toBuffer().slice();
        raw[at % raw.length] = value;
        try {
          parseTransaction(raw);
        } catch {
          return;
        }
        expect(encodeHex(BitcoinTransaction.fromBuffer(raw).toBuffer())).toBe(encodeHex(raw));
      }),
      { numRuns: numRuns * 4 },
    );
  });

  test("V2: mutated and random bytes produce one error code only", () => {
    fc.assert(
      fc.property(
        transactions,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        fc.nat(),
        (tx, edits, cut) => {
          const raw = tx.toBuffer().slice();
          for (const [at, value] of edits) raw[at % raw.length] = value;
          parsesOrRefuses(raw);
          parsesOrRefuses(raw.subarray(0, cut % raw.length));
        },
      ),
      { numRuns },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        parsesOrRefuses(bytes);
        parsesOrRefuses(Uint8Array.of(2, 0, 0, 0, 0, 1, 1, ...bytes));
      }),
      { numRuns },
    );
  });
});
