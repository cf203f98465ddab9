import { describe, expect, it } from "vitest";
import { decodeHex } from "../../../src/bytes/hex.js";
import { sha256 } from "../../../src/crypto/hash.js";
import {
  addPrivateTweak,
  addTweak,
  isPrivateKey,
  privateKeyOfDigest,
  taprootOutputKey,
  tweakPrivateKey,
  xOnlyPublicKeyOf,
} from "../../../src/crypto/taproot.js";

const ORDER = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
const GENERATOR = decodeHex("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
const zero = new Uint8Array(32);
const keyInvalid = expect.objectContaining({ code: "INPUT_KEY_INVALID" });

describe("addTweak", () => {
  it("leaves a key with tweak zero alone", () => {
    expect(addTweak(GENERATOR, zero)).toEqual({ parity: 0, xOnly: GENERATOR });
  });

  it("is null for a tweak out of range, a sum at infinity and a key that is no point", () => {
    expect(addTweak(GENERATOR, decodeHex(ORDER))).toBeNull();
    expect(addTweak(GENERATOR, decodeHex(`${ORDER.slice(0, -2)}40`))).toBeNull();
    expect(addTweak(zero, zero)).toBeNull();
    expect(addTweak(GENERATOR.subarray(1), zero)).toBeNull();
    expect(addTweak(GENERATOR, zero.subarray(1))).toBeNull();
  });
});

describe("addPrivateTweak", () => {
  it("gives the key of addTweak's result", () => {
    const tweak = sha256(zero);
    for (let i = 0; i < 4; i++) {
      const key = sha256(Uint8Array.of(i));
      const sum = addPrivateTweak(key, tweak) ?? zero;
      expect(xOnlyPublicKeyOf(sum)).toEqual(addTweak(xOnlyPublicKeyOf(key), tweak)?.xOnly);
    }
  });

  it("is null for a tweak out of range and a sum of zero", () => {
    const one = Uint8Array.of(...zero.subarray(1), 1);
    expect(addPrivateTweak(one, decodeHex(ORDER))).toBeNull();
    expect(addPrivateTweak(one, decodeHex(`${ORDER.slice(0, -2)}40`))).toBeNull();
    expect(addPrivateTweak(one, zero)).toEqual(one);
    expect(() => addPrivateTweak(zero, one)).toThrow(keyInvalid);
  });
});

describe("Taproot keys", () => {
  it("the tweaked private key belongs to the tweaked public key, for odd and even points", () => {
    for (let i = 0; i < 8; i++) {
      const key = sha256(Uint8Array.of(i));
      const root = i % 2 === 0 ? undefined : sha256(key);
      expect(xOnlyPublicKeyOf(tweakPrivateKey(key, root))).toEqual(taprootOutputKey(xOnlyPublicKeyOf(key), root));
    }
  });

  it("refuses keys that are none", () => {
    expect(() => taprootOutputKey(zero)).toThrow(keyInvalid);
    expect(() => tweakPrivateKey(zero)).toThrow(keyInvalid);
    expect(() => xOnlyPublicKeyOf(decodeHex(ORDER))).toThrow(keyInvalid);
    expect(isPrivateKey(decodeHex(ORDER))).toBe(false);
    expect(isPrivateKey(GENERATOR)).toBe(true);
    expect(isPrivateKey("00")).toBe(false);
  });

  it("reduces a digest to a key", () => {
    expect(privateKeyOfDigest(GENERATOR)).toEqual(GENERATOR);
    expect(privateKeyOfDigest(decodeHex(`${ORDER.slice(0, -2)}43`))).toEqual(Uint8Array.of(...zero.subarray(1), 2));
    expect(() => privateKeyOfDigest(decodeHex(ORDER))).toThrow(keyInvalid);
    expect(() => privateKeyOfDigest(zero.subarray(1))).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
  });
});
