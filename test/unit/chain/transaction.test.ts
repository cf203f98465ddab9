import { Transaction as BitcoinTransaction } from "bitcoinjs-lib";
import { describe, expect, test } from "vitest";
import { concatBytes } from "../../../src/bytes/bytes.js";
import { decodeHex, encodeHex } from "../../../src/bytes/hex.js";
import { isCoinbase, parsesAsTransaction64, parseTransaction } from "../../../src/chain/transaction.js";
import { limits } from "../../../src/limits.js";
import { coinbase, payment, payment64 } from "./transactions.js";

const VERSION = "02000000";
const OUTPOINT = `${"11".repeat(32)}05000000`;
const SEQUENCE = "fdffffff";
const INPUT = `${OUTPOINT}00${SEQUENCE}`;
const OUTPUT = "e80300000000000001 51".replace(" ", "");
const LOCK_TIME = "10270000";

const refusal = (pattern: RegExp): unknown =>
  expect.objectContaining({ code: "CHAIN_TRANSACTION_INVALID", message: expect.stringMatching(pattern) as string });

function parse(...hex: readonly string[]): ReturnType<typeof parseTransaction> {
  return parseTransaction(decodeHex(hex.join("")));
}

describe("transactions", () => {
  test("V2: reads every field and computes the txid of the stripped bytes", () => {
    const plain = parse(VERSION, "01", INPUT, "01", OUTPUT, LOCK_TIME);
    expect(plain).toMatchObject({ version: 2, lockTime: 10_000, strippedSize: 61 });
    expect(plain.inputs).toEqual([
      { outpoint: { txid: "11".repeat(32), vout: 5 }, scriptSig: new Uint8Array(), sequence: 0xfffffffd, witness: [] },
    ]);
    expect(plain.outputs).toEqual([{ valueSats: 1000n, script: Uint8Array.of(0x51) }]);
    expect(plain.txid).toBe(BitcoinTransaction.fromBuffer(plain.raw).getId());

    const segwit = parse(VERSION, "0001", "01", INPUT, "01", OUTPUT, "02", "03aabbcc", "00", LOCK_TIME);
    expect(segwit.inputs[0]?.witness.map(encodeHex)).toEqual(["aabbcc", ""]);
    expect(segwit).toMatchObject({ txid: plain.txid, strippedSize: 61, lockTime: 10_000 });
    expect(segwit.raw).toHaveLength(61 + 2 + 6);
  });

  test("V2: a txid does not depend on the witness", () => {
    expect(payment(3, { witness: true }).txid).toBe(payment(3).txid);
  });

  test("V2: the version is unsigned, values are not range-checked", () => {
    const tx = parse("ffffffff", "01", INPUT, "01", "ffffffffffffffff", "00", LOCK_TIME);
    expect(tx.version).toBe(0xffffffff);
    expect(tx.outputs[0]?.valueSats).toBe(2n ** 64n - 1n);
  });

  test("V2: what was parsed does not change with the bytes that were given", () => {
    const raw = payment(4, { witness: true }).raw.slice();
    const tx = parseTransaction(raw);
    const expected = parseTransaction(raw.slice());
    raw.fill(0);
    expect(tx).toEqual(expected);
  });

  test.each([
    ["no input", [VERSION, "0000", "01", OUTPUT, LOCK_TIME], /flag 1, got 0/],
    ["no input behind a witness marker", [VERSION, "0001", "00", "01", OUTPUT, LOCK_TIME], /no input/],
    ["no output", [VERSION, "01", INPUT, "00", LOCK_TIME], /no output/],
    ["flag 2", [VERSION, "0002", "01", INPUT, "01", OUTPUT, "0101", LOCK_TIME], /flag 1, got 2/],
    ["a marker without a witness", [VERSION, "0001", "01", INPUT, "01", OUTPUT, "00", LOCK_TIME], /without a witness/],
    ["a byte after the end", [VERSION, "01", INPUT, "01", OUTPUT, LOCK_TIME, "00"], /1 bytes after the end/],
    ["a long input count", [VERSION, "fd0100", INPUT, "01", OUTPUT, LOCK_TIME], /not minimal/],
    ["a long output count", [VERSION, "01", INPUT, "fd0100", OUTPUT, LOCK_TIME], /not minimal/],
    ["a long script size", [VERSION, "01", INPUT, "01", "e803000000000000", "fd0100", "51", LOCK_TIME], /not minimal/],
    [
      "a long scriptSig size",
      [VERSION, "01", OUTPOINT, "fe00000000", SEQUENCE, "01", OUTPUT, LOCK_TIME],
      /not minimal/,
    ],
    ["a long witness count", [VERSION, "0001", "01", INPUT, "01", OUTPUT, "fd0100", "0151", LOCK_TIME], /not minimal/],
    [
      "a long witness item size",
      [VERSION, "0001", "01", INPUT, "01", OUTPUT, "01", "fd0100", "51", LOCK_TIME],
      /not minimal/,
    ],
    ["more inputs than bytes", [VERSION, "feffffffff", INPUT], /more bytes/],
    ["a count above the safe integers", [VERSION, "ffffffffffffffffff", INPUT], /out of range/],
    ["an empty string", [], /more bytes/],
  ])("V2: refuses %s", (_, parts, pattern) => {
    expect(() => parse(...parts)).toThrow(refusal(pattern));
  });

  test("V2: refuses every prefix of a transaction", () => {
    const { raw } = payment(9, { witness: true });
    for (let length = 0; length < raw.length; length++) {
      expect(() => parseTransaction(raw.subarray(0, length))).toThrow(
        expect.objectContaining({ code: "CHAIN_TRANSACTION_INVALID" }),
      );
    }
  });

  test("V2: refuses more bytes than a block can hold before it copies them", () => {
    expect(() => parseTransaction(new Uint8Array(limits.transactionMaxBytes + 1))).toThrow(refusal(/at most 4000000/));
  });

  test("V2: a coinbase has one input, which spends the null outpoint", () => {
    expect(isCoinbase(coinbase(1))).toBe(true);
    expect(isCoinbase(payment(1))).toBe(false);
    const nullOutpoint = `${"00".repeat(32)}ffffffff00ffffffff`;
    expect(isCoinbase(parse(VERSION, "01", nullOutpoint, "01", OUTPUT, LOCK_TIME))).toBe(true);
    expect(isCoinbase(parse(VERSION, "02", nullOutpoint, INPUT, "01", OUTPUT, LOCK_TIME))).toBe(false);
    const other = `${"00".repeat(32)}0000000000ffffffff`;
    expect(isCoinbase(parse(VERSION, "01", other, "01", OUTPUT, LOCK_TIME))).toBe(false);
    const hashed = `${"01".repeat(32)}ffffffff00ffffffff`;
    expect(isCoinbase(parse(VERSION, "01", hashed, "01", OUTPUT, LOCK_TIME))).toBe(false);
  });

  test("V2: 64 bytes that are a transaction are recognised wherever the four free bytes lie", () => {
    for (const size of [0, 1, 2, 3, 4]) {
      const tx = payment64(size);
      expect(tx.strippedSize).toBe(64);
      expect(parsesAsTransaction64(tx.raw)).toBe(true);
    }
  });

  test("V2: 64 bytes are no transaction when one count or size is off", () => {
    for (const size of [0, 2, 4]) {
      const { raw } = payment64(size);
      for (const at of [4, 41, 46 + size, 55 + size]) {
        for (const value of [0, 2, 3, 5, 0xfd, 0xff]) {
          const changed = raw.slice();
          if (changed[at] === value) continue;
          changed[at] = value;
          expect(parsesAsTransaction64(changed)).toBe(false);
          expect(() => parseTransaction(changed)).toThrow();
        }
      }
      expect(parsesAsTransaction64(raw.subarray(0, 63))).toBe(false);
      expect(parsesAsTransaction64(concatBytes(raw, new Uint8Array(1)))).toBe(false);
    }
  });
});
