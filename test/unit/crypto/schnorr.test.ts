import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { decodeHex } from "../../../src/bytes/hex.js";
import { isXOnlyPoint, signSchnorr, verifySchnorr } from "../../../src/crypto/schnorr.js";
import { hasSharedVectors, sharedVectors } from "../../vectors/shared.js";

interface Vector {
  readonly index: string;
  readonly secretKey: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly auxRand: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  readonly valid: boolean;
}

function vectors(): readonly Vector[] {
  const lines = readFileSync(join(sharedVectors, "bips/bip-0340_test-vectors.csv"), "utf8").trim().split(/\r?\n/);
  return lines.slice(1).map((line) => {
    const [index = "", ...fields] = line.split(",");
    const [secretKey, publicKey, auxRand, message, signature] = fields
      .slice(0, 5)
      .map((field) => decodeHex(field.toLowerCase()));
    if (!secretKey || !publicKey || !auxRand || !message || !signature) throw new Error(`vector ${index} is cut off`);
    return { index, secretKey, publicKey, auxRand, message, signature, valid: fields[5] === "TRUE" };
  });
}

describe.skipIf(!hasSharedVectors())("BIP340: the published vectors", () => {
  const all = hasSharedVectors() ? vectors() : [];

  it("are all there", () => {
    expect(all).toHaveLength(19);
    expect(all.filter(({ valid }) => valid)).toHaveLength(9);
  });

  it.each(all)("verification of vector $index", ({ signature, message, publicKey, valid }) => {
    expect(verifySchnorr(signature, message, publicKey)).toBe(valid);
  });

  it.each(all.filter(({ secretKey }) => secretKey.length > 0))("signature of vector $index", (vector) => {
    expect(signSchnorr(vector.message, vector.secretKey, vector.auxRand)).toEqual(vector.signature);
  });

  it("public keys that are no point are told", () => {
    const points = new Map(all.map(({ index, publicKey }) => [index, isXOnlyPoint(publicKey)]));
    expect([...points].filter(([, point]) => !point).map(([index]) => index)).toEqual(["5", "14"]);
  });
});

describe("BIP340", () => {
  const secretKey = new Uint8Array(32).fill(7);
  const message = new Uint8Array(32).fill(1);
  const signature = signSchnorr(message, secretKey, new Uint8Array(32));
  // x of 7...7 G, from the signature of which verification succeeds below.
  const publicKey = decodeHex("989c0b76cb563971fdc9bef31ec06c3560f3249d6ee9e5d83c57625596e05f6f");

  it("verifies what it signed, and nothing with one bit flipped", () => {
    expect(verifySchnorr(signature, message, publicKey)).toBe(true);
    for (const part of [signature, message, publicKey]) {
      for (const at of [0, 1, part.length - 1]) {
        part[at] = (part[at] ?? 0) ^ 1;
        expect(verifySchnorr(signature, message, publicKey)).toBe(false);
        part[at] = (part[at] ?? 0) ^ 1;
      }
    }
  });

  it.each([0, 63, 65])("a signature of %i bytes verifies nothing", (length) => {
    expect(verifySchnorr(new Uint8Array(length), message, publicKey)).toBe(false);
  });

  it.each([0, 31, 33])("a public key of %i bytes verifies nothing", (length) => {
    expect(verifySchnorr(signature, message, new Uint8Array(length))).toBe(false);
    expect(isXOnlyPoint(new Uint8Array(length))).toBe(false);
  });

  it("P5: a key that is no point verifies nothing and throws nothing", () => {
    for (const key of [new Uint8Array(32), new Uint8Array(32).fill(255)]) {
      expect(isXOnlyPoint(key)).toBe(false);
      expect(verifySchnorr(signature, message, key)).toBe(false);
    }
  });
});
