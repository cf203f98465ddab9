import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { type Bencoded, decodeBencode, encodeBencode } from "../../../src/storage/dht-bencode.js";
import { numRuns } from "../../property/runs.js";

const text = (value: Bencoded): string => Buffer.from(encodeBencode(value)).toString("latin1");

describe("bencode", () => {
  it("BEP3: is written and read", () => {
    const value = new Map<string, Bencoded>([
      ["spam", [utf8("a"), 0, -3]],
      ["\xff", utf8("")],
      ["cow", new Map()],
    ]);
    expect(text(value)).toBe("d3:cowde4:spaml1:ai0ei-3ee1:\xff0:e");
    expect(decodeBencode(encodeBencode(value))).toEqual(value);
    // Not every node of the network sorts its keys.
    expect(decodeBencode(utf8("d1:b1:x1:a1:ye"))).toEqual(
      new Map([
        ["b", utf8("x")],
        ["a", utf8("y")],
      ]),
    );
  });

  it.each([
    "",
    "i1",
    "ie",
    "i-0e",
    "i01e",
    "i+1e",
    "i1.5e",
    "i9007199254740992e",
    `i${"1".repeat(30)}e`,
    "1:",
    "01:a",
    "-1:a",
    "2:a",
    "x",
    ":",
    "l",
    "l1:a",
    "d",
    "d1:a",
    "d1:ae",
    "di1e1:ae",
    "d1:a1:x1:a1:ye",
    `d65:${"a".repeat(65)}1:xe`,
    "1:ab",
    "i1ei2e",
    `${"l".repeat(10)}${"e".repeat(10)}`,
  ])("refuses %j", (given) => {
    expect(decodeBencode(utf8(given))).toBeNull();
  });

  it("takes any bytes without an error, and what it takes it gives back", () => {
    const value = fc.letrec<{ value: Bencoded }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.uint8Array({ maxLength: 8 }),
        fc.integer(),
        fc.array(tie("value"), { maxLength: 3 }),
        fc
          .array(fc.tuple(fc.stringMatching(/^[a-z]{0,4}$/), tie("value")), { maxLength: 3 })
          .map((all) => new Map(all)),
      ),
    })).value;
    fc.assert(
      fc.property(value, (given) => {
        expect(decodeBencode(encodeBencode(given))).toEqual(given);
      }),
      { numRuns },
    );
    const change = fc.tuple(fc.nat(), fc.nat(255));
    fc.assert(
      fc.property(value, fc.array(change, { maxLength: 4 }), (given, changes) => {
        const bytes = encodeBencode(given);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        const read = decodeBencode(bytes);
        if (read !== null) expect(decodeBencode(encodeBencode(read))).toEqual(read);
      }),
      { numRuns: numRuns * 20 },
    );
  });
});
