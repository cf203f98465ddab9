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

const bytesOf = (...lengths: readonly number[]) =>
  fc.constantFrom(...lengths).chain((length) => fc.uint8Array({ minLength: length, maxLength: length }));
const any = fc.uint8Array({ maxLength: 80 });
const none = fc.constant(new Uint8Array());
const publicKey = bytesOf(32).map((x) => concatBytes(Uint8Array.of(2), x));
const witnessUtxo = any.map((script) => concatBytes(new Uint8Array(8).fill(1), sized(script)));
const fieldOf = (type: number, data: fc.Arbitrary<Uint8Array>, value: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Field> =>
  fc.tuple(data, value).map(([rest, bytes]) => ({ key: concatBytes(Uint8Array.of(type), rest), value: bytes }));

// Fields as BIP174 and BIP371 have them, by their types.
const unknown = fc.oneof(fieldOf(0x60, any, any), fieldOf(0xfc, any, any));
const soundInput = fc.oneof(
  unknown,
  fieldOf(0x00, none, any),
  fieldOf(0x01, none, witnessUtxo),
  fieldOf(0x02, publicKey, any),
  fieldOf(0x03, none, bytesOf(4)),
  fieldOf(0x04, none, any),
  fieldOf(0x06, publicKey, bytesOf(4, 8, 24)),
  fieldOf(0x07, none, any),
  fieldOf(0x08, none, any),
  fieldOf(0x13, none, bytesOf(64, 65)),
  fieldOf(0x14, bytesOf(64), bytesOf(64, 65)),
  fieldOf(0x17, none, bytesOf(32)),
  fieldOf(0x18, none, bytesOf(32)),
);
const soundOutput = fc.oneof(
  unknown,
  fieldOf(0x00, none, any),
  fieldOf(0x02, publicKey, bytesOf(4, 8, 24)),
  fieldOf(0x05, none, bytesOf(32)),
);
/** Bytes that are often of the length and form that some field has, under any type. */
const value = fc.oneof(bytesOf(4, 8, 20, 32, 33, 64, 65), any, witnessUtxo);
const wildField = fc.nat(0x1a).chain((type) => fieldOf(type, fc.oneof(none, publicKey, value), value));

/** The fields of a map: mostly sound, sometimes the same key twice, sometimes wild. */
const fieldsOf = (sound: fc.Arbitrary<Field>): fc.Arbitrary<Field[]> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constant<Field[]>([]) },
    { weight: 12, arbitrary: fc.uniqueArray(sound, { maxLength: 3, selector: ({ key }) => encodeHex(key) }) },
    { weight: 1, arbitrary: sound.map((one) => [one, { ...one, value: Uint8Array.of(1) }]) },
    { weight: 1, arbitrary: fc.array(wildField, { minLength: 1, maxLength: 2 }) },
  );
const rarely = <T>(usual: T, ...others: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 12, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) });

/** A PSBT whose parts are well-formed by themselves, more or less. */
const psbts = fc
  .record({
    version: u32,
    lockTime: u32,
    inputs: fc.array(
      fc.record({
        vout: fc.oneof({ weight: 1, arbitrary: fc.nat(1) }, { weight: 5, arbitrary: u32 }),
        sequence: u32,
        signed: rarely("", "script", "witness"),
        fields: fieldsOf(soundInput),
      }),
      { maxLength: 3 },
    ),
    outputs: fc.array(fc.record({ output, fields: fieldsOf(soundOutput) }), { maxLength: 3 }),
    globals: fieldsOf(unknown),
    mapsMore: rarely(0, -1, 1),
    tail: rarely(new Uint8Array(), Uint8Array.of(0), Uint8Array.of(1, 2)),
  })
  .map(({ version, lockTime, inputs, outputs, globals, mapsMore, tail }) => {
    const builder = new TransactionBuilder();
    builder.version = version;
    builder.locktime = lockTime;
    for (const [index, { vout, sequence, signed }] of inputs.entries()) {
      builder.addInput(new Uint8Array(32).fill(9), vout, sequence);
      if (signed === "script") builder.setInputScript(index, Uint8Array.of(0x51));
      if (signed === "witness") builder.setWitness(index, [Uint8Array.of(1)]);
    }
    for (const { script, valueSats } of outputs.map((each) => each.output)) builder.addOutput(script, valueSats);
    const transaction = { key: Uint8Array.of(0), value: builder.toBuffer() };
    const maps = [[transaction, ...globals], ...[...inputs, ...outputs].map(({ fields }) => fields), []].map(mapOf);
    return concatBytes(Uint8Array.of(0x70, 0x73, 0x62, 0x74, 0xff), ...maps.slice(0, maps.length - 1 + mapsMore), tail);
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
  /** A PSBT of ours with fields added to any of its maps; now and then some of its bytes are changed. */
  const requests = fc
    .record({
      values: fc.tuple(...[0, 1].map(() => fc.array(fc.bigInt({ min: 400n, max: 90_000n }), { maxLength: 2 }))),
      globals: fieldsOf(unknown),
      inputs: fc.array(fieldsOf(fc.oneof({ weight: 4, arbitrary: unknown }, soundInput)), {
        minLength: 4,
        maxLength: 4,
      }),
      outputs: fieldsOf(soundOutput),
      list: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, changes),
    })
    .filter(({ values: [first = [], second = []] }) => first.length + second.length > 0)
    .map(({ values: [first = [], second = []], globals, inputs, outputs, list }) => {
      const funding = [
        ...(first.length > 0 ? coinsOf(own.p2wpkh, first, "k") : []),
        ...(second.length > 0 ? coinsOf(own.p2tr, second, "t") : []),
      ];
      const { data } = Psbt.fromBuffer(createPsbt(funding, [{ script: own.p2tr.script, valueSats: 330n }]).psbt);
      data.globalMap.unknownKeyVals = globals;
      for (const [index, input] of data.inputs.entries()) input.unknownKeyVals = inputs[index] ?? [];
      for (const map of data.outputs) map.unknownKeyVals = outputs;
      return { psbt: changed(data.toBuffer(), list), inputs: funding.map((_, index) => index) };
    });

  it("W9: signs what bitcoinjs-lib reads, adds nothing but signatures, or refuses with a type", async () => {
    let extracted = 0;
    await fc.assert(
      fc.asyncProperty(requests, async ({ psbt, inputs }) => {
        let signed: Uint8Array | undefined;
        try {
          [signed] = await own.wallet.signPsbts([{ psbt, inputs, description: "" }]);
        } catch (error) {
          if (!isHawserError(error)) throw error;
        }
        if (signed === undefined) return;
        const oracle = Psbt.fromBuffer(psbt);
        for (const [index, { tapKeySig, partialSig }] of Psbt.fromBuffer(signed).data.inputs.entries()) {
          oracle.updateInput(index, {
            ...(tapKeySig === undefined ? {} : { tapKeySig }),
            ...(partialSig === undefined ? {} : { partialSig }),
          });
        }
        expect(signed).toEqual(oracle.toBuffer());
        const guards = { maxFeeSats: 2n ** 63n, maxFeeRateSatsPerVbyte: 21e6 };
        let raw: Uint8Array | undefined;
        try {
          ({ raw } = checkSigned({ psbt }, signed, guards));
        } catch (error) {
          // A changed input of another kind, or a value that makes the fee too high.
          if (!isHawserError(error, "INPUT_INVALID") && !isHawserError(error, "INPUT_FEE_TOO_HIGH")) throw error;
        }
        if (raw === undefined) return;
        extracted++;
        expect(encodeHex(raw)).toBe(extractByOracle(psbt, signed, own.p2wpkh.publicKey));
      }),
      { numRuns: numRuns * 2 },
    );
    expect(extracted).toBeGreaterThan(0);
  });
});
