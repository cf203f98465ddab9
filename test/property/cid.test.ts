import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBase32, encodeBase32 } from "../../src/bytes/base32.js";
import { encodeHex } from "../../src/bytes/hex.js";
import { decodeRawCid, encodeRawCid } from "../../src/immutable/cid.js";
import { numRuns } from "./runs.js";

const base32Text = fc.string({
  unit: fc.constantFrom(...Array.from("abcdefghijklmnopqrstuvwxyz234567")),
  maxLength: 40,
});

describe("base32 and CIDs", () => {
  it("base32 gives every byte string back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const text = encodeBase32(bytes);
        expect(text).toMatch(/^[a-z2-7]*$/);
        expect(decodeBase32(text)).toEqual(bytes);
      }),
      { numRuns },
    );
  });

  it("every text is the one spelling of its bytes, or none of any", () => {
    fc.assert(
      fc.property(base32Text, (text) => {
        const bytes = decodeBase32(text);
        if (bytes !== null) expect(encodeBase32(bytes)).toBe(text);
      }),
      { numRuns: numRuns * 20 },
    );
  });

  it("I1: hash and CID lead to each other without loss, and a changed CID is another or none", () => {
    const change = fc.record({
      at: fc.nat(58),
      to: fc.constantFrom(...Array.from("abcdefghijklmnopqrstuvwxyz234567ABC018=-")),
    });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), change, (bytes, { at, to }) => {
        const hash = encodeHex(bytes);
        const cid = encodeRawCid(hash);
        expect(cid).toMatch(/^bafkrei[a-z2-7]{52}$/);
        expect(decodeRawCid(cid)).toBe(hash);
        const changed = cid.slice(0, at) + to + cid.slice(at + 1);
        const read = decodeRawCid(changed);
        if (changed === cid) return;
        expect(read).not.toBe(hash);
        if (read !== null) expect(encodeRawCid(read)).toBe(changed);
      }),
      { numRuns: numRuns * 4 },
    );
  });
});
