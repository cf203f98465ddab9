import { describe, expect, it } from "vitest";
import { decodeHex, encodeHex } from "../../../src/bytes/hex.js";
import { publicKeyOf, signEcdsa, verifyEcdsa } from "../../../src/crypto/ecdsa.js";

// The second input of BIP143's first example (native P2WPKH).
const privateKey = decodeHex("619c335025c7f4012e556c2a58b2506e30b8511b53ade95ea316fd8c3286feb9");
const publicKey = decodeHex("025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee6357");
const digest = decodeHex("c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670");
const signature = decodeHex(
  "3609e17b84f6a7d30c80bfa610b5b4542f32a8a0d5447a12fb1366d7f01cc44a" +
    "573a954c4518331561406f90300e8f3358f51928d43c212a8caed02de67eebee",
);
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

describe("ECDSA", () => {
  it("signs as BIP143's example does", () => {
    expect(encodeHex(publicKeyOf(privateKey))).toBe(encodeHex(publicKey));
    expect(encodeHex(signEcdsa(digest, privateKey))).toBe(encodeHex(signature));
  });

  it("verifies that signature and no other digest, key or bytes", () => {
    expect(verifyEcdsa(signature, digest, publicKey)).toBe(true);
    const flip = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
    expect(verifyEcdsa(flip(signature, 3), digest, publicKey)).toBe(false);
    expect(verifyEcdsa(signature, flip(digest, 0), publicKey)).toBe(false);
    expect(verifyEcdsa(signature, digest, flip(publicKey, 0))).toBe(false);
    expect(verifyEcdsa(signature, digest, new Uint8Array(33))).toBe(false);
    expect(verifyEcdsa(new Uint8Array(64), digest, publicKey)).toBe(false);
  });

  it("refuses the same signature with a high S, which anyone can make of it", () => {
    const s = ORDER - BigInt(`0x${encodeHex(signature.slice(32))}`);
    const high = decodeHex(encodeHex(signature.slice(0, 32)) + s.toString(16).padStart(64, "0"));
    expect(verifyEcdsa(high, digest, publicKey)).toBe(false);
  });

  it("refuses wrong lengths", () => {
    expect(verifyEcdsa(signature.slice(1), digest, publicKey)).toBe(false);
    expect(verifyEcdsa(signature, digest.slice(1), publicKey)).toBe(false);
    expect(verifyEcdsa(signature, digest, publicKey.slice(1))).toBe(false);
    expect(() => signEcdsa(digest.slice(1), privateKey)).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
  });

  it("refuses what is no private key", () => {
    for (const key of [new Uint8Array(32), new Uint8Array(32).fill(0xff), privateKey.slice(1)]) {
      expect(() => publicKeyOf(key)).toThrow(expect.objectContaining({ code: "INPUT_KEY_INVALID" }));
      expect(() => signEcdsa(digest, key)).toThrow(expect.objectContaining({ code: "INPUT_KEY_INVALID" }));
    }
  });
});
