import { Transaction as BitcoinTransaction } from "bitcoinjs-lib";
import { describe, expect, test } from "vitest";
import { decodeHex, encodeHex, reversed } from "../../src/bytes/hex.js";
import { isCoinbase, parseTransaction } from "../../src/chain/transaction.js";
import { readJson } from "./chain-files.js";
import { hasSharedVectors } from "./shared.js";

interface TransactionVectors {
  readonly valid: readonly {
    readonly description: string;
    readonly id: string;
    readonly hex: string;
    readonly whex?: string;
    readonly coinbase?: boolean;
    readonly raw: {
      readonly version: number;
      readonly locktime: number;
      readonly ins: readonly {
        readonly hash?: string;
        readonly txId?: string;
        readonly index: number;
        readonly sequence?: number;
      }[];
      readonly outs: readonly { readonly value: number }[];
    };
  }[];
  readonly hashForSignature: readonly { readonly txHex: string }[];
  readonly hashForWitnessV0: readonly { readonly txHex: string }[];
  readonly taprootSigning: readonly { readonly txHex: string }[];
  readonly invalid: { readonly fromBuffer: readonly { readonly exception: string; readonly hex: string }[] };
}

function agree(hex: string): void {
  const ours = parseTransaction(decodeHex(hex));
  const theirs = BitcoinTransaction.fromHex(hex);
  expect(ours.txid).toBe(theirs.getId());
  expect(ours.strippedSize).toBe(theirs.byteLength(false));
  expect(ours.version).toBe(theirs.version);
  expect(ours.lockTime).toBe(theirs.locktime);
  expect(isCoinbase(ours)).toBe(theirs.isCoinbase());
  expect(
    ours.inputs.map(({ outpoint, scriptSig, sequence, witness }) => ({
      ...outpoint,
      scriptSig: encodeHex(scriptSig),
      sequence,
      witness: witness.map(encodeHex),
    })),
  ).toEqual(
    theirs.ins.map((input) => ({
      txid: encodeHex(reversed(input.hash)),
      vout: input.index,
      scriptSig: encodeHex(input.script),
      sequence: input.sequence,
      witness: input.witness.map(encodeHex),
    })),
  );
  expect(ours.outputs.map(({ valueSats, script }) => [valueSats, encodeHex(script)])).toEqual(
    theirs.outs.map((output) => [output.value, encodeHex(output.script)]),
  );
}

describe.skipIf(!hasSharedVectors())("bitcoinjs-lib's transactions", () => {
  const vectors = hasSharedVectors()
    ? (readJson("bitcoinjs-lib/transaction.json") as TransactionVectors)
    : ({ valid: [] as readonly never[] } as unknown as TransactionVectors);

  test.each(vectors.valid.map((vector) => [vector.description, vector] as const))("V2: %s", (_, vector) => {
    for (const hex of [vector.hex, vector.whex]) {
      if (hex === undefined || hex === "") continue;
      const tx = parseTransaction(decodeHex(hex));
      expect(tx.txid).toBe(vector.id);
      expect(encodeHex(tx.raw)).toBe(hex);
      expect(tx).toMatchObject({ version: vector.raw.version, lockTime: vector.raw.locktime });
      expect(tx.inputs.map(({ outpoint }) => outpoint.vout)).toEqual(
        vector.raw.ins.map(({ index }) => (index === -1 ? 0xffffffff : index)),
      );
      expect(tx.outputs.map(({ valueSats }) => valueSats)).toEqual(vector.raw.outs.map(({ value }) => BigInt(value)));
      agree(hex);
    }
  });

  test("V2: the transactions of the signature vectors", () => {
    const { hashForSignature, hashForWitnessV0, taprootSigning } = vectors;
    for (const { txHex } of [...hashForSignature, ...hashForWitnessV0, ...taprootSigning]) {
      const theirs = BitcoinTransaction.fromHex(txHex);
      if (theirs.ins.length > 0 && theirs.outs.length > 0) agree(txHex);
      else
        expect(() => parseTransaction(decodeHex(txHex))).toThrow(
          expect.objectContaining({ code: "CHAIN_TRANSACTION_INVALID" }),
        );
    }
  });

  test("V2: what bitcoinjs-lib refuses is refused", () => {
    expect(vectors.invalid.fromBuffer.length).toBeGreaterThan(0);
    for (const { hex } of vectors.invalid.fromBuffer) {
      expect(() => parseTransaction(decodeHex(hex))).toThrow(
        expect.objectContaining({ code: "CHAIN_TRANSACTION_INVALID" }),
      );
    }
  });
});
