import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { decodeHex, encodeHex } from "../../../src/bytes/hex.js";
import { hash160, hash256, sha256, taggedHash } from "../../../src/crypto/hash.js";
import { numRuns } from "../../property/runs.js";

const native = (algorithm: string, ...parts: Uint8Array[]): Uint8Array => {
  const hash = createHash(algorithm);
  for (const part of parts) hash.update(part);
  return Uint8Array.from(hash.digest());
};

describe("hashes", () => {
  it("agree with another implementation", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const once = native("sha256", bytes);
        expect(sha256(bytes)).toEqual(once);
        expect(hash256(bytes)).toEqual(native("sha256", once));
        const tag = native("sha256", utf8("hawser/record"));
        expect(taggedHash("hawser/record", bytes)).toEqual(native("sha256", tag, tag, bytes));
      }),
      { numRuns: 4 * numRuns },
    );
  });

  it("hash160 is the one of a known key", () => {
    // The generator point, whose address every explorer shows.
    const key = decodeHex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
    expect(encodeHex(hash160(key))).toBe("751e76e8199196d454941c45d1b3a323f1433bd6");
  });

  it("tags keep hashes of one message apart, on first and later use", () => {
    const message = utf8("m");
    const first = taggedHash("a", message);
    expect(taggedHash("b", message)).not.toEqual(first);
    expect(taggedHash("a", message)).toEqual(first);
    expect(taggedHash("", message)).not.toEqual(sha256(message));
  });
});
