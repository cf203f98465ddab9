import { Psbt } from "bitcoinjs-lib/src/psbt";
import { Transaction as TransactionBuilder } from "bitcoinjs-lib/src/transaction";
import { describe, expect, it } from "vitest";
import { concatBytes } from "../../../src/bytes/bytes.js";
import { createPsbt, parsePsbt } from "../../../src/plan/psbt.js";
import { coinsOf, testWallet } from "./coins.js";
import { buildByOracle, compareParsers } from "./oracle.js";

const invalid = (reason: RegExp) =>
  expect.objectContaining({
    code: "CHAIN_TRANSACTION_INVALID",
    details: { reason: expect.stringMatching(reason) as string },
  });

describe("createPsbt", () => {
  it("gives wallets what they need to sign and to show the fee", async () => {
    const own = await testWallet();
    const coins = [...coinsOf(own.p2wpkh, [2_000n], "a"), ...coinsOf(own.p2tr, [1_000n], "b")];
    const outputs = [{ script: own.p2tr.script, valueSats: 2_500n }];
    const { psbt, transaction } = createPsbt(coins, outputs);
    const parsed = Psbt.fromBuffer(psbt);
    expect(parsed.data.inputs).toEqual([
      {
        witnessUtxo: { script: own.p2wpkh.script, value: 2_000n },
        // Some hardware wallets warn without it.
        nonWitnessUtxo: coins[0]?.previousTransaction.raw,
      },
      { witnessUtxo: { script: own.p2tr.script, value: 1_000n }, tapInternalKey: own.p2tr.publicKey },
    ]);
    expect(transaction).toMatchObject({ version: 2, lockTime: 0, outputs });
    expect(transaction.inputs.map(({ outpoint, sequence }) => ({ outpoint, sequence }))).toEqual(
      coins.map(({ outpoint }) => ({ outpoint, sequence: 0xfffffffd })),
    );
  });

  it("gives the bytes that bitcoinjs-lib gives", async () => {
    const own = await testWallet();
    const coins = [...coinsOf(own.p2wpkh, [2_000n, 3_000n], "a"), ...coinsOf(own.p2tr, [1_000n], "b")];
    const inputs = coins.map((coin, index) => (index === 1 ? { ...coin, sequence: 12 } : coin));
    const outputs = [
      { script: Uint8Array.of(0x6a, 1, 7), valueSats: 0n },
      { script: own.p2tr.script, valueSats: 5_000n },
    ];
    const { psbt, transaction } = createPsbt(inputs, outputs);
    const oracle = buildByOracle(inputs, outputs);
    expect(psbt).toEqual(oracle.toBuffer());
    expect(transaction.raw).toEqual(oracle.data.getTransaction());
  });

  it("V3: refuses an input that is not what its transaction says", async () => {
    const own = await testWallet();
    const [coin] = coinsOf(own.p2tr, [1_000n]);
    if (coin === undefined) throw new Error("expected a coin");
    const outputs = [{ script: own.p2tr.script, valueSats: 500n }];
    expect(() => createPsbt([{ ...coin, valueSats: 999n }], outputs)).toThrow(invalid(/not what its transaction says/));
  });

  it("refuses to spend an output twice, as bitcoinjs-lib does", async () => {
    const own = await testWallet();
    const [coin] = coinsOf(own.p2tr, [1_000n]);
    if (coin === undefined) throw new Error("expected a coin");
    const outputs = [{ script: own.p2tr.script, valueSats: 1_500n }];
    expect(() => createPsbt([coin, coin], outputs)).toThrow(invalid(/twice/));
    expect(() => buildByOracle([coin, coin], outputs)).toThrow(/Duplicate/);
  });
});

describe("parsePsbt", () => {
  const MAGIC = Uint8Array.of(0x70, 0x73, 0x62, 0x74, 0xff);
  const sized = (bytes: Uint8Array): Uint8Array => concatBytes(Uint8Array.of(bytes.length), bytes);
  const field = (key: readonly number[], value: Uint8Array): Uint8Array =>
    concatBytes(sized(Uint8Array.from(key)), sized(value));
  const map = (...fields: readonly Uint8Array[]): Uint8Array => concatBytes(...fields, Uint8Array.of(0));

  /** The bytes of an unsigned transaction with these outpoints. */
  function unsigned(vouts: readonly number[], change: (builder: TransactionBuilder) => void = () => undefined) {
    const builder = new TransactionBuilder();
    builder.version = 2;
    for (const vout of vouts) builder.addInput(new Uint8Array(32).fill(1), vout);
    builder.addOutput(Uint8Array.of(0x51), 5n);
    change(builder);
    return builder.toBuffer();
  }
  const psbtOf = (transaction: Uint8Array, ...maps: readonly Uint8Array[]): Uint8Array =>
    concatBytes(MAGIC, map(field([0], transaction)), ...maps);

  it("gives the transaction and the fields, and keeps those that it does not know", () => {
    const transaction = unsigned([0, 1]);
    const unknown = field([0xf0, 1], Uint8Array.of(2));
    const bytes = psbtOf(transaction, map(field([3], Uint8Array.of(1, 0, 0, 0)), unknown), map(), map(unknown));
    const { psbt, transaction: parsed } = parsePsbt(bytes);
    expect(parsed.raw).toEqual(transaction);
    expect(psbt.inputs.map(({ sighashType }) => sighashType)).toEqual([1, undefined]);
    expect(psbt.toBuffer()).toEqual(bytes);
    expect(compareParsers(bytes)).toBe("accepted");
  });

  it.each<[string, RegExp, Uint8Array]>([
    [
      "a scriptSig",
      /signed/,
      unsigned([0], (builder) => {
        builder.setInputScript(0, Uint8Array.of(0x51));
      }),
    ],
    [
      "a witness",
      /signed/,
      unsigned([0], (builder) => {
        builder.setWitness(0, [Uint8Array.of(1)]);
      }),
    ],
    ["an output that is spent twice", /twice/, unsigned([7, 7])],
  ])("refuses a transaction with %s, as bitcoinjs-lib does", (_, reason, transaction) => {
    const { length } = TransactionBuilder.fromBuffer(transaction).ins;
    const bytes = psbtOf(transaction, ...Array.from({ length: length + 1 }, () => map()));
    expect(() => parsePsbt(bytes)).toThrow(invalid(reason));
    expect(compareParsers(bytes)).toBe("refused");
  });

  it("refuses a transaction without inputs or outputs, of which nothing could be signed", () => {
    for (const vouts of [[], [0]]) {
      const transaction = unsigned(vouts, (builder) => {
        builder.outs = [];
      });
      const bytes = psbtOf(transaction, ...vouts.map(() => map()));
      expect(() => parsePsbt(bytes)).toThrow(expect.objectContaining({ code: "CHAIN_TRANSACTION_INVALID" }));
      expect(compareParsers(bytes)).toBe("transaction without inputs or outputs");
    }
  });

  it.each<[string, Uint8Array]>([
    ["fewer maps than inputs and outputs", psbtOf(unsigned([0]), map())],
    ["a field twice", psbtOf(unsigned([0]), map(field([0xf0], MAGIC), field([0xf0], MAGIC)), map())],
    ["a field of a signature with a key that is none", psbtOf(unsigned([0]), map(field([2, 1], MAGIC)), map())],
    ["a Taproot signature of another length", psbtOf(unsigned([0]), map(field([0x13], new Uint8Array(63))), map())],
    ["a type with more than its byte", psbtOf(unsigned([0]), map(field([8, 0], MAGIC)), map())],
    [
      "two transactions",
      concatBytes(MAGIC, map(field([0], unsigned([0])), field([0, 0], unsigned([0]))), map(), map()),
    ],
    ["no transaction", concatBytes(MAGIC, map(), map(), map())],
    ["bytes after the transaction", psbtOf(concatBytes(unsigned([0]), Uint8Array.of(0)), map(), map())],
    ["another magic number", psbtOf(unsigned([0]), map(), map()).map((byte, index) => (index === 0 ? 0x71 : byte))],
    ["another separator", psbtOf(unsigned([0]), map(), map()).map((byte, index) => (index === 4 ? 0xfe : byte))],
  ])("refuses %s, as bitcoinjs-lib does", (_, bytes) => {
    expect(() => parsePsbt(bytes)).toThrow();
    expect(compareParsers(bytes)).toBe("refused");
  });
});
