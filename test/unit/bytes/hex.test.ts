import { describe, expect, it } from "vitest";
import { decodeHex, encodeHex, isHex, reversed } from "../../../src/bytes/hex.js";
import { parseTransaction } from "../../../src/chain/transaction.js";

describe("hex", () => {
  it("is lower case, whole bytes, and of the length that is asked for", () => {
    expect(encodeHex(Uint8Array.of(0, 15, 255))).toBe("000fff");
    expect(decodeHex("000fff")).toEqual(Uint8Array.of(0, 15, 255));
    for (const wrong of ["0", "0F", "zz", " 00", "0x00"]) {
      expect(isHex(wrong)).toBe(false);
      expect(() => decodeHex(wrong)).toThrow(/expected lower-case hex/);
    }
    expect(() => decodeHex("00", 2)).toThrow(/expected 4 lower-case hex digits/);
  });
});

describe("reversed", () => {
  it("is a copy, of a Node Buffer too, whose own slices are views", () => {
    for (const bytes of [Uint8Array.of(1, 2, 3), Buffer.from([1, 2, 3]), Buffer.from([0, 1, 2, 3]).subarray(1)]) {
      expect([...reversed(bytes)]).toEqual([3, 2, 1]);
      expect([...bytes]).toEqual([1, 2, 3]);
    }
  });

  it("V2: a source that answers with a Buffer gives the same transaction, and keeps its bytes", () => {
    const raw = `0100000001${"3b".repeat(16)}${"a3".repeat(16)}0000000000ffffffff01e803000000000000016a00000000`;
    const buffer = Buffer.from(raw, "hex");
    expect(parseTransaction(buffer).txid).toBe(parseTransaction(new Uint8Array(buffer)).txid);
    expect(buffer.toString("hex")).toBe(raw);
  });
});
