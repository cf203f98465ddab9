import { describe, expect, it } from "vitest";
import {
  assertFeeAllowed,
  assertFeeRateAllowed,
  dustSats,
  estimateVbytes,
  feeOf,
  medianFeeRate,
} from "../../../src/plan/fee.js";

const script = (...head: number[]): ((length: number) => Uint8Array) => {
  return (length) => Uint8Array.from({ length }, (_, i) => head[i] ?? 7);
};
const p2wpkh = script(0x00, 20)(22);
const p2wsh = script(0x00, 32)(34);
const p2tr = script(0x51, 32)(34);
const p2pkh = script(0x76, 0xa9, 20)(25);
const p2sh = script(0xa9, 20)(23);
const opReturn = (payloadBytes: number): Uint8Array => script(0x6a, payloadBytes)(payloadBytes + 2);
const register = (nameLength: number): Uint8Array => opReturn(44 + nameLength);

describe("estimateVbytes", () => {
  it.each([
    ["PREORDER, all P2WPKH", ["p2wpkh"], [opReturn(36), p2wpkh, p2wpkh], 188],
    ["PREORDER, P2TR owner", ["p2wpkh"], [opReturn(36), p2tr, p2wpkh], 200],
    ["PREORDER, all P2TR", ["p2tr"], [opReturn(36), p2tr, p2tr], 201],
    ["PREORDER, P2PKH change", ["p2wpkh"], [opReturn(36), p2wpkh, p2pkh], 191],
    ["REGISTER, P2WPKH, 8 characters", ["p2wpkh"], [register(8), p2wpkh, p2wsh], 216],
    ["REGISTER, P2TR, 8 characters", ["p2tr"], [register(8), p2tr, p2wsh], 217],
    ["REGISTER, P2TR, 3 characters", ["p2tr"], [register(3), p2tr, p2wsh], 212],
    ["REGISTER, P2TR, 31 characters", ["p2tr"], [register(31), p2tr, p2wsh], 240],
    ["UPDATE, P2WPKH", ["p2wpkh"], [opReturn(36), p2wpkh], 157],
    ["UPDATE, P2TR", ["p2tr"], [opReturn(36), p2tr], 158],
    ["UPDATE with funding and change", ["p2wpkh", "p2wpkh"], [opReturn(36), p2wpkh, p2wpkh], 256],
  ] as const)("%s: %s vB", (_, inputs, outputs, vbytes) => {
    expect(estimateVbytes({ inputs, outputs })).toBe(vbytes);
  });

  it("counts longer compact sizes", () => {
    const one = estimateVbytes({ inputs: ["p2tr"], outputs: [p2tr] });
    expect(estimateVbytes({ inputs: ["p2tr"], outputs: [...new Array<Uint8Array>(253).fill(p2tr)] })).toBe(
      one + 252 * 43 + 2,
    );
    expect(estimateVbytes({ inputs: ["p2tr"], outputs: [new Uint8Array(253)] })).toBe(one - 34 + 253 + 2);
  });
});

describe("feeOf", () => {
  it.each([
    [1, 158, 158n],
    [1.1, 160, 176n],
    [0.1, 188, 19n],
    [2.345, 200, 469n],
    [8.2, 1000, 8200n],
    [2.007, 1000, 2007n],
    [500, 158, 79_000n],
  ])("%s sat/vB over %s vB is %s sat", (rate, vbytes, fee) => {
    expect(feeOf(rate, vbytes)).toBe(fee);
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, "1"])("refuses %s as a rate", (rate) => {
    expect(() => feeOf(rate as number, 100)).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
  });
});

describe("dustSats", () => {
  it.each([
    ["P2WPKH", p2wpkh, 294n],
    ["P2WSH", p2wsh, 330n],
    ["P2TR", p2tr, 330n],
    ["P2PKH", p2pkh, 546n],
    ["P2SH", p2sh, 540n],
    ["OP_RETURN", opReturn(36), 0n],
  ])("%s: %s", (_, output, dust) => {
    expect(dustSats(output)).toBe(dust);
  });
});

describe("W9: fee guards", () => {
  const tooHigh = expect.objectContaining({ code: "INPUT_FEE_TOO_HIGH" });

  it("refuses a rate above 500 sat/vB unless the caller raises it", () => {
    expect(() => {
      assertFeeRateAllowed(500);
      assertFeeRateAllowed(501, { maxFeeRateSatsPerVbyte: 501 });
    }).not.toThrow();
    expect(() => {
      assertFeeRateAllowed(500.1);
    }).toThrow(tooHigh);
    expect(() => {
      assertFeeRateAllowed(11, { maxFeeRateSatsPerVbyte: 10 });
    }).toThrow(tooHigh);
    expect(() => {
      assertFeeRateAllowed(1, { maxFeeRateSatsPerVbyte: Number.NaN });
    }).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
  });

  it("refuses a fee that the size does not explain", () => {
    const guards = { maxFeeRateSatsPerVbyte: 10 };
    expect(() => {
      assertFeeAllowed({ feeSats: 1580n, vbytes: 158 }, guards);
      assertFeeAllowed({ feeSats: 1580n + 430n + 546n, vbytes: 158 }, guards);
      assertFeeAllowed({ feeSats: 2n * (1580n + 430n + 546n), vbytes: 316, transactions: 2 }, guards);
    }).not.toThrow();
    expect(() => {
      assertFeeAllowed({ feeSats: 1580n + 430n + 547n, vbytes: 158 }, guards);
    }).toThrow(tooHigh);
    expect(() => {
      assertFeeAllowed({ feeSats: 500n * (158n + 43n) + 547n, vbytes: 158 });
    }).toThrow(tooHigh);
  });

  it("refuses a fee above maxFeeSats", () => {
    expect(() => {
      assertFeeAllowed({ feeSats: 158n, vbytes: 158 }, { maxFeeSats: 158n });
    }).not.toThrow();
    expect(() => {
      assertFeeAllowed({ feeSats: 159n, vbytes: 158 }, { maxFeeSats: 158n });
    }).toThrow(tooHigh);
  });
});

describe("W9: medianFeeRate", () => {
  it.each([
    [[], null],
    [[3], 3],
    [[1, 900], 1],
    [[900, 2, 1], 2],
    [[Number.NaN, -1, 0, Number.POSITIVE_INFINITY], null],
    [[10, Number.NaN, 9, 100], 10],
    [[0.001, 30], 1],
  ])("of %j is %s", (rates, median) => {
    expect(medianFeeRate(rates)).toBe(median);
  });
});
