import { Psbt } from "bitcoinjs-lib/src/psbt";
import { Transaction as TransactionBuilder } from "bitcoinjs-lib/src/transaction";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes } from "../../src/bytes/bytes.js";
import { encodeHex } from "../../src/bytes/hex.js";
import { isHawserError } from "../../src/errors.js";
import { checkSigned } from "../../src/plan/check-signed.js";
import { createPsbt } from "../../src/plan/psbt.js";
import { coinsOf, testWallet } from "../unit/plan/coins.js";
import { buildByOracle, compareParsers, extractByOracle } from "../unit/plan/oracle.js";
import { numRuns } from "./runs.js";

const own = await testWallet();
const values = fc.array(fc.bigInt({ min: 1n, max: 2_100_000_000_000_000n }), { maxLength: 4 });
const coins = fc
  .tuple(values, values)
  .filter(([taproot, keyHash]) => taproot.length + keyHash.length > 0)
  .map(([taproot, keyHash]) => [
    ...(keyHash.length > 0 ? coinsOf(own.p2wpkh, keyHash, "k") : []),
    ...(taproot.length > 0 ? coinsOf(own.p2tr, taproot, "t") : []),
  ]);
const output = fc.record({
  script: fc.uint8Array({ maxLength: 300 }),
  valueSats: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
});
const u32 = fc.nat(0xffffffff);

const sized = (bytes: Uint8Array): Uint8Array => {
  const { length } = bytes;
  return concatBytes(length < 0xfd ? Uint8Array.of(length) : Uint8Array.of(0xfd, length & 255, length >> 8), bytes);
};
interface Field {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}
const mapOf = (fields: readonly Field[]): Uint8Array =>
  concatBytes(...fields.flatMap(({ key, value }) => [sized(key), sized(value)]), Uint8Array.of(0));

/** Bytes that are often of the length and form that some field has. */
const value = fc.oneof(
  ...[4, 8, 20, 32, 33, 64, 65].map((length) => fc.uint8Array({ minLength: length, maxLength: length })),
  fc.uint8Array({ maxLength: 80 }),
  fc.uint8Array({ maxLength: 40 }).map((script) => concatBytes(new Uint8Array(8).fill(1), sized(script))),
);
const keyData = fc.oneof(
  { weight: 6, arbitrary: fc.constant(new Uint8Array()) },
  { weight: 2, arbitrary: value.map((bytes) => concatBytes(Uint8Array.of(2), bytes.subarray(0, 32))) },
  { weight: 1, arbitrary: value },
);
const type = fc.oneof(
  { weight: 3, arbitrary: fc.nat(0x1a) },
  { weight: 1, arbitrary: fc.constantFrom(0x60, 0xfb, 0xfc) },
);
const field = fc
  .record({ type, data: keyData, value })
  .map(
    ({ type: first, data, value: bytes }): Field => ({ key: concatBytes(Uint8Array.of(first), data), value: bytes }),
  );
const fields = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Field[]>([]) },
  { weight: 2, arbitrary: fc.array(field, { maxLength: 3 }) },
  // The same key twice.
  { weight: 1, arbitrary: fc.tuple(field, field).map(([one, other]) => [one, { ...one, value: other.value }]) },
);

/** A PSBT whose parts are well-formed by themselves, more or less. */
const psbts = fc
  .record({
    version: u32,
    lockTime: u32,
    inputs: fc.array(
      fc.record({ vout: fc.nat(5), sequence: u32, signed: fc.constantFrom("", "", "", "", "script", "witness") }),
      {
        maxLength: 3,
      },
    ),
    outputs: fc.array(output, { maxLength: 3 }),
    globals: fields,
    maps: fc.array(fields, { minLength: 6, maxLength: 6 }),
    mapsMore: fc.constantFrom(0, 0, 0, 0, -1, 1),
    tail: fc.uint8Array({ maxLength: 2 }),
  })
  .map(({ version, lockTime, inputs, outputs, globals, maps, mapsMore, tail }) => {
    const builder = new TransactionBuilder();
    builder.version = version;
    builder.locktime = lockTime;
    for (const [index, { vout, sequence, signed }] of inputs.entries()) {
      builder.addInput(new Uint8Array(32).fill(9), vout, sequence);
      if (signed === "script") builder.setInputScript(index, Uint8Array.of(0x51));
      if (signed === "witness") builder.setWitness(index, [Uint8Array.of(1)]);
    }
    for (const { script, valueSats } of outputs) builder.addOutput(script, valueSats);
    const count = Math.max(0, inputs.length + outputs.length + mapsMore);
    const transaction = { key: Uint8Array.of(0), value: builder.toBuffer() };
    return concatBytes(
      Uint8Array.of(0x70, 0x73, 0x62, 0x74, 0xff),
      mapOf([transaction, ...globals]),
      ...maps.slice(0, count).map(mapOf),
      tail,
    );
  });
const changes = fc.array(fc.record({ at: fc.nat(), to: fc.nat(255) }), { maxLength: 2 });
const changed = (bytes: Uint8Array, list: readonly { readonly at: number; readonly to: number }[]): Uint8Array => {
  const copy = bytes.slice();
  for (const { at, to } of list) copy[at % copy.length] = to;
  return copy;
};

describe("PSBTs", () => {
  it("are written in the bytes that bitcoinjs-lib writes", () => {
    fc.assert(
      fc.property(coins, fc.array(output, { minLength: 1, maxLength: 4 }), u32, (funding, outputs, sequence) => {
        const inputs = funding.map((coin, index) => (index === 0 ? { ...coin, sequence } : coin));
        const { psbt, transaction } = createPsbt(inputs, outputs);
        const oracle = buildByOracle(inputs, outputs);
        expect(psbt).toEqual(oracle.toBuffer());
        expect(transaction.raw).toEqual(oracle.data.getTransaction());
        expect(compareParsers(psbt)).toBe("accepted");
      }),
      { numRuns: numRuns * 2 },
    );
  });

  it("are read as bitcoinjs-lib reads them, whatever the bytes", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(psbts, changes, (bytes, list) => {
        seen.add(compareParsers(bytes));
        compareParsers(changed(bytes, list));
      }),
      { numRuns: numRuns * 40 },
    );
    expect([...seen].sort()).toEqual(["accepted", "refused", "transaction without inputs or outputs"]);
  });
});

describe("the private-key wallet", () => {
  /** A PSBT of ours with fields added to any of its maps. */
  const requests = fc
    .record({ funding: coins, added: fc.array(fields, { minLength: 9, maxLength: 9 }), changes })
    .map(({ funding, added, changes: list }) => {
      const { psbt } = createPsbt(funding, [{ script: own.p2tr.script, valueSats: 1n }]);
      const { data } = Psbt.fromBuffer(psbt);
      const [globals = [], outputs = [], ...inputs] = added;
      data.globalMap.unknownKeyVals = globals;
      for (const [index, input] of data.inputs.entries()) input.unknownKeyVals = inputs[index] ?? [];
      for (const map of data.outputs) map.unknownKeyVals = outputs;
      return { psbt: changed(data.toBuffer(), list), inputs: funding.map((_, index) => index) };
    });

  it("W9: signs what bitcoinjs-lib reads, adds nothing but signatures, or refuses with a type", async () => {
    let signings = 0;
    await fc.assert(
      fc.asyncProperty(requests, async ({ psbt, inputs }) => {
        let signed: Uint8Array | undefined;
        try {
          [signed] = await own.wallet.signPsbts([{ psbt, inputs, description: "" }]);
        } catch (error) {
          if (!isHawserError(error)) throw error;
        }
        if (signed === undefined) return;
        signings++;
        const oracle = Psbt.fromBuffer(psbt);
        for (const [index, { tapKeySig, partialSig }] of Psbt.fromBuffer(signed).data.inputs.entries()) {
          oracle.updateInput(index, {
            ...(tapKeySig === undefined ? {} : { tapKeySig }),
            ...(partialSig === undefined ? {} : { partialSig }),
          });
        }
        expect(signed).toEqual(oracle.toBuffer());
        const guards = { maxFeeSats: 2n ** 63n, maxFeeRateSatsPerVbyte: Number.MAX_SAFE_INTEGER };
        let raw: Uint8Array | undefined;
        try {
          ({ raw } = checkSigned({ psbt }, signed, guards));
        } catch (error) {
          // An input of another kind, or more spent than there is.
          if (!isHawserError(error)) throw error;
          expect(error.code).not.toBe("WALLET_ANSWER_INVALID");
        }
        if (raw !== undefined) expect(encodeHex(raw)).toBe(extractByOracle(psbt, signed, own.p2wpkh.publicKey));
      }),
      { numRuns: numRuns * 2 },
    );
    expect(signings).toBeGreaterThan(0);
  });
});
