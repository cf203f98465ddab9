import { describe, expect, it } from "vitest";
import { bumpFee } from "../../../src/plan/bump.js";

const paid = (feeSats: bigint, vbytes: number) => ({ feeSats, vbytes });

describe("bumpFee", () => {
  it("is the rate's alone, where nothing else asks for more", () => {
    expect(bumpFee({ feeRateSatsPerVbyte: 10, parents: [], replaced: null })(158)).toBe(1580n);
    expect(bumpFee({ feeRateSatsPerVbyte: 10, parents: [], replaced: paid(158n, 158) })(158)).toBe(1580n);
  });

  it("BIP125, rules 3 and 4: pays what it replaces and its own relay", () => {
    expect(bumpFee({ feeRateSatsPerVbyte: 1, parents: [], replaced: paid(790n, 158) })(158)).toBe(948n);
  });

  it("pays a higher rate than what it replaces, also where it is larger", () => {
    const fee = bumpFee({ feeRateSatsPerVbyte: 1, parents: [], replaced: paid(1580n, 158) });
    expect(fee(259)).toBe(2591n);
    // 1580 + 259 would be less for each vbyte than before.
    expect(Number(fee(259)) / 259).toBeGreaterThan(10);
  });

  it("pays what those below it lack", () => {
    const parents = [paid(158n, 158), paid(158n, 158)];
    expect(bumpFee({ feeRateSatsPerVbyte: 5, parents, replaced: null })(158)).toBe(5n * 3n * 158n - 2n * 158n);
  });

  it("does not take what one below pays beyond the rate for what others lack: a miner takes that one alone", () => {
    const rich = paid(15_800n, 158);
    const poor = paid(158n, 158);
    const fee = (parents: readonly ReturnType<typeof paid>[]) =>
      bumpFee({ feeRateSatsPerVbyte: 5, parents, replaced: null })(158);
    expect(fee([rich])).toBe(790n);
    expect(fee([rich, poor])).toBe(790n + 632n);
    // What is above pays for the poor one already.
    expect(fee([poor, rich])).toBe(790n);
  });
});
