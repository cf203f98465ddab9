import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeHex } from "../../src/bytes/hex.js";
import { isHawserError } from "../../src/errors.js";
import { encodeRecord, parseRecord, recordDigest } from "../../src/mutable/record.js";
import { verifyRecord } from "../../src/mutable/verify.js";
import { context, signed, writer } from "../unit/mutable/world.js";
import { numRuns } from "./runs.js";

const segment = fc.stringMatching(/^[a-z0-9_~-]{1,12}$/);
const id = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
const ver = fc.oneof(
  fc.integer({ min: 1, max: 1000 }),
  fc.maxSafeNat().map((n) => Math.max(1, n)),
);
const record = fc.record({
  id,
  data: fc.uint8Array({ maxLength: 300 }),
  ver,
  sig: fc.uint8Array({ minLength: 64, maxLength: 64 }).map(encodeHex),
});

/** `parseRecord`, with null for the one error that untrusted bytes may cause. */
function tryParse(bytes: Uint8Array) {
  try {
    return parseRecord(bytes);
  } catch (error) {
    if (isHawserError(error, "RECORD_INVALID")) return null;
    throw error;
  }
}

describe("records", () => {
  it("M3: records are read as they were written", () => {
    fc.assert(
      fc.property(record, (value) => {
        const body = encodeRecord(value);
        const parsed = parseRecord(body);
        expect(parsed).toEqual(value);
        expect(encodeRecord(parsed)).toEqual(body);
      }),
      { numRuns },
    );
  });

  it("M3: any bytes cause RECORD_INVALID or nothing", () => {
    const mutated = fc
      .tuple(record.map(encodeRecord), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }))
      .map(([body, edits]) => {
        for (const [at, byte] of edits) body[at % body.length] = byte;
        return body;
      });
    const cut = fc.tuple(record.map(encodeRecord), fc.nat()).map(([body, at]) => body.subarray(0, at % body.length));
    fc.assert(
      fc.property(fc.oneof(mutated, cut, fc.uint8Array({ maxLength: 200 })), (bytes) => {
        const parsed = tryParse(bytes);
        if (parsed !== null) expect(parseRecord(encodeRecord(parsed))).toEqual(parsed);
      }),
      { numRuns: numRuns * 8 },
    );
  });

  it("M4: no flipped bit is accepted as other data, version or id", () => {
    const body = signed(123, "some data of the writer");
    const honest = parseRecord(body);
    fc.assert(
      fc.property(fc.nat(body.length * 8 - 1), (bit) => {
        const flipped = body.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const parsed = tryParse(flipped);
        if (parsed === null) return;
        try {
          verifyRecord(parsed, context, writer.publicKey);
        } catch (error) {
          expect(isHawserError(error, "RECORD_INVALID") || isHawserError(error, "RECORD_SIGNATURE_INVALID")).toBe(true);
          return;
        }
        expect(parsed).toEqual(honest);
      }),
      { numRuns: numRuns * 8 },
    );
  });

  it("M4: two places or contents never share what is signed", () => {
    const place = fc.record({ id, epoch: fc.nat(2 ** 32 - 1), ver, data: fc.uint8Array({ maxLength: 8 }) });
    const digest = (p: { id: string; epoch: number; ver: number; data: Uint8Array }): string =>
      encodeHex(recordDigest({ ...context, id: p.id, epoch: p.epoch }, p.ver, p.data));
    fc.assert(
      fc.property(place, place, (a, b) => {
        const same =
          JSON.stringify([a.id, a.epoch, a.ver, [...a.data]]) === JSON.stringify([b.id, b.epoch, b.ver, [...b.data]]);
        expect(digest(a) === digest(b)).toBe(same);
      }),
      { numRuns: numRuns * 4 },
    );
  });
});
