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

  it("V7: says what a source failed with, and for how long it is left alone", () => {
    const reason = { code: "NETWORK_TIMEOUT", message: `b was late with ${"ab".repeat(32)}.` };
    const rows = (more: object): unknown =>
      sourceRows({ sources: [{ label: "b", verdict: "unreachable", reason: { ...reason, ...more } }] })[0]?.[2];
    expect(rows({})).toBe("NETWORK_TIMEOUT: b was late with abababab....");
    expect(rows({ restsForMs: 1_001 })).toBe("not asked for 2 s: NETWORK_TIMEOUT: b was late with abababab....");
  });
});
