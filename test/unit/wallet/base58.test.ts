import { describe, expect, it } from "vitest";
import { encodeHex } from "../../../src/bytes/hex.js";
import { decodeBase58Check } from "../../../src/wallet/base58.js";
import { encodeBase58Check } from "./encode-base58.js";

describe("decodeBase58Check", () => {
  // The address of the genesis block's key, and that of twenty zero bytes.
  it.each([
    ["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "0062e907b15cbf27d5425399ebf6f0fb50ebb88f18"],
    ["1111111111111111111114oLvT2", "000000000000000000000000000000000000000000"],
  ])("%s", (text, hex) => {
    const bytes = decodeBase58Check(text);
    expect(bytes === null ? null : encodeHex(bytes)).toBe(hex);
  });

  it.each([
    ["a wrong checksum", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"],
    ["a leading zero byte too many", "11A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"],
    ["a character outside the alphabet", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfN0"],
    ["no checksum", "1"],
    ["nothing", ""],
    ["too much", "1".repeat(129)],
  ])("is null for %s", (_, text) => {
    expect(decodeBase58Check(text)).toBeNull();
  });

  it("reads up to 128 characters", () => {
    const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(255);
    expect(encodeBase58Check(bytes(89))).toHaveLength(128);
    expect(decodeBase58Check(encodeBase58Check(bytes(89)))).toEqual(bytes(89));
    expect(encodeBase58Check(bytes(90))).toHaveLength(129);
    expect(decodeBase58Check(encodeBase58Check(bytes(90)))).toBeNull();
  });
});
