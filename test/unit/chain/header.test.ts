import { describe, expect, test } from "vitest";
import { decodeHex, encodeHex, reversed } from "../../../src/bytes/hex.js";
import {
  bitsOfTarget,
  hashHeader,
  parseHeader,
  retargetBits,
  targetOfBits,
  workOfBits,
} from "../../../src/chain/header.js";
import { mainnetGenesisHeader } from "./mining.js";

const LIMIT = 0x1d00ffff;
const FORTNIGHT = 14 * 24 * 60 * 60;

describe("headers", () => {
  test("parseHeader reads every field of the genesis block", () => {
    const bytes = decodeHex(mainnetGenesisHeader);
    const header = parseHeader(bytes);
    expect(header).toMatchObject({
      version: 1,
      previousHash: "00".repeat(32),
      timeSec: 1231006505,
      bits: LIMIT,
      nonce: 2083236893,
      hash: "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
    });
    expect(encodeHex(reversed(header.merkleRoot))).toBe(
      "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b",
    );
    expect(encodeHex(reversed(hashHeader(bytes)))).toBe(header.hash);
    bytes.fill(0);
    expect(header.merkleRoot[0]).toBe(0x3b);
  });

  test("parseHeader takes 80 bytes and no other number", () => {
    for (const length of [0, 79, 81, 160]) {
      expect(() => parseHeader(new Uint8Array(length))).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
    }
  });

  test.each([
    [0x1d00ffff, "ffff0000000000000000000000000000000000000000000000000000"],
    [0x207fffff, "7fffff0000000000000000000000000000000000000000000000000000000000"],
    [0x03123456, "123456"],
    [0x02123456, "1234"],
    [0x01123456, "12"],
    [0x04123456, "12345600"],
    [0x2100ffff, "ffff000000000000000000000000000000000000000000000000000000000000"],
  ])("V1: compact %i is a target", (bits, target) => {
    expect(targetOfBits(bits)).toBe(BigInt(`0x${target}`));
  });

  test.each([
    ["zero", 0],
    ["zero with an exponent", 0x20000000],
    ["cut to zero", 0x01003456],
    ["negative", 0x1d80ffff],
    ["negative at the limit", 0x04923456],
    ["above 256 bits", 0x2200ffff],
    ["far above 256 bits", 0xff7fffff],
    ["just above 256 bits", 0x21010000],
  ])("V1: a compact form that is %s is no target and no work", (_, bits) => {
    expect(targetOfBits(bits)).toBeNull();
    expect(workOfBits(bits)).toBe(0n);
  });

  test("V1: the compact form avoids the sign bit and cuts low bits off", () => {
    expect(bitsOfTarget(0x80n)).toBe(0x02008000);
    expect(bitsOfTarget(0x7fn)).toBe(0x017f0000);
    expect(bitsOfTarget(0x123456789an)).toBe(0x05123456);
    expect(bitsOfTarget((1n << 224n) - 1n)).toBe(LIMIT);
    for (const bits of [LIMIT, 0x207fffff, 0x170240c3, 0x1e0377ae]) {
      expect(bitsOfTarget(targetOfBits(bits) ?? 0n)).toBe(bits);
    }
  });

  test("V1: work of one block", () => {
    expect(workOfBits(LIMIT)).toBe(0x100010001n);
    expect(workOfBits(0x207fffff)).toBe(2n);
  });

  test("V1: the retarget scales by the period's length, within 1/4 and 4, and stops at the limit", () => {
    const bits = 0x1b0404cb;
    const target = targetOfBits(bits) ?? 0n;
    expect(retargetBits(bits, 1000, 1000 + FORTNIGHT, LIMIT)).toBe(bits);
    expect(retargetBits(bits, 1000, 1000 + FORTNIGHT / 2, LIMIT)).toBe(bitsOfTarget(target / 2n));
    expect(retargetBits(bits, 1000, 1000 + FORTNIGHT / 8, LIMIT)).toBe(bitsOfTarget(target / 4n));
    expect(retargetBits(bits, 1000, 500, LIMIT)).toBe(bitsOfTarget(target / 4n));
    expect(retargetBits(bits, 1000, 1000 + FORTNIGHT * 8, LIMIT)).toBe(bitsOfTarget(target * 4n));
    expect(retargetBits(LIMIT, 1000, 1000 + FORTNIGHT * 2, LIMIT)).toBe(LIMIT);
    expect(retargetBits(0x1c7fffff, 1000, 1000 + FORTNIGHT * 4, LIMIT)).toBe(LIMIT);
  });
});
