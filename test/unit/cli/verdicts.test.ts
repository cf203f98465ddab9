import { describe, expect, it } from "vitest";
import { asOfLine, sourceRows } from "../../../src/cli/verdicts.js";
import type { AsOf } from "../../../src/name/resolution.js";

const asOf: AsOf = {
  height: 290_400,
  hash: "00".repeat(32),
  time: 1_700_000_000,
  tipHeight: 290_401,
  tipAgeMs: 60_000,
  partial: false,
  weakStart: false,
  signaturesUnchecked: false,
  sources: [
    { label: "a", verdict: "agreed" },
    { label: "b", verdict: "other-network" },
  ],
};

describe("asOfLine", () => {
  it("V7: says what an answer rests on, reserves included", () => {
    const begin = "as of block 290400 (tip 290401, 60 s old), 1 of 2 sources agreed";
    expect(asOfLine(asOf)).toBe(begin);
    expect(asOfLine({ ...asOf, partial: true })).toBe(`${begin}, not all answered`);
    expect(asOfLine({ ...asOf, weakStart: true })).toBe(`${begin}, weak start`);
    expect(asOfLine({ ...asOf, weakStart: true, signaturesUnchecked: true })).toBe(
      `${begin}, weak start, block signatures not checked`,
    );
  });
});

describe("sourceRows", () => {
  it("V4: has a row for each source, one of another network in red", () => {
    expect(sourceRows(asOf)).toEqual([
      ["a", { text: "agreed", tone: "good" }],
      ["b", { text: "other-network", tone: "bad" }],
    ]);
  });
});
