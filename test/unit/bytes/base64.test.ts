import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBase64, encodeBase64 } from "../../../src/bytes/base64.js";
import { numRuns } from "../../property/runs.js";

describe("M3: base64 with one spelling", () => {
  it("agrees with another implementation, both ways", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const text = Buffer.from(bytes).toString("base64");
        expect(encodeBase64(bytes)).toBe(text);
        expect(decodeBase64(text)).toEqual(bytes);
      }),
      { numRuns: 10 * numRuns },
    );
  });

  it("admits no bytes", () => {
    expect(encodeBase64(new Uint8Array())).toBe("");
    expect(decodeBase64("")).toEqual(new Uint8Array());
  });

  it.each([
    "A",
    "AA",
    "AAA",
    "AA=",
    "=",
    "==",
    "====",
    "A===",
    "AA==AA==",
    "AAA=AAAA",
    "AA=A",
    "AAAA=",
    "AAAA====",
    " AAA",
    "AAA\n",
    "AAAA\n",
    "AA\nAA",
    "AA-_",
    "AA*A",
    "AA\u00e9A",
    "AA\u{10041}",
    // Pad bits that are not zero: a second spelling of one byte and of two.
    "AB==",
    "AP==",
    "AAB=",
    "AAD=",
    "//==",
    "///=",
  ])("refuses %j", (text) => {
    expect(decodeBase64(text)).toBeNull();
  });

  it("every text that it admits is the one that it writes", () => {
    const character = fc.constantFrom(...Array.from("ABgw/+=9-_ "));
    fc.assert(
      fc.property(fc.array(character, { maxLength: 12 }), (characters) => {
        const text = characters.join("");
        const bytes = decodeBase64(text);
        if (bytes !== null) expect(encodeBase64(bytes)).toBe(text);
      }),
      { numRuns: 40 * numRuns },
    );
  });
});
