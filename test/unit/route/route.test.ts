import { describe, expect, it } from "vitest";
import { decodeHex } from "../../../src/bytes/hex.js";
import { assertEpochReachable, effectiveKey, nextEpoch, requireEffectiveKey } from "../../../src/route/route.js";

const a = "aa".repeat(32);
const b = "bb".repeat(32);
const ownerKey = decodeHex("cc".repeat(32));

describe("the key that must have signed", () => {
  it("M2: the key is the route's before the profile's before the owner's", () => {
    expect(effectiveKey({ pubkey: a }, { pubkey: b }, ownerKey)).toEqual(decodeHex(a));
    expect(effectiveKey({ pubkey: null }, { pubkey: b }, ownerKey)).toEqual(decodeHex(b));
    expect(effectiveKey({ pubkey: null }, { pubkey: null }, ownerKey)).toEqual(ownerKey);
    expect(effectiveKey({ pubkey: null }, { pubkey: null }, null)).toBeNull();
  });

  it("P5: the key is the route's even if that is no point", () => {
    const noPoint = "ff".repeat(32);
    expect(effectiveKey({ pubkey: noPoint }, { pubkey: b }, ownerKey)).toEqual(decodeHex(noPoint));
  });

  it("M2: without any key there is nothing to read", () => {
    const route = { id: "settings", pubkey: null };
    expect(() => requireEffectiveKey(route, { pubkey: null }, null)).toThrow(
      expect.objectContaining({ code: "ROUTE_NO_KEY", details: { id: "settings" } }),
    );
    expect(requireEffectiveKey(route, { pubkey: null }, ownerKey)).toBe(ownerKey);
  });
});

describe("epochs", () => {
  it("M6: a reader refuses an epoch above the height of its operation, and no other", () => {
    expect(() => assertEpochReachable({ id: "x", epoch: 100 }, 100)).not.toThrow();
    expect(() => assertEpochReachable({ id: "x", epoch: 101 }, 100)).toThrow(
      expect.objectContaining({ code: "ROUTE_EPOCH_INVALID", details: { id: "x", epoch: 101, height: 100 } }),
    );
  });

  it.each([
    ["a new id", 100, 6, [], { epoch: 95, waitForTip: null }],
    ["an id with an older epoch", 100, 6, [90], { epoch: 95, waitForTip: null }],
    ["an id with a newer epoch", 100, 6, [90, 97, 94], { epoch: 98, waitForTip: null }],
    ["an epoch of the next block", 100, 6, [100], { epoch: 101, waitForTip: null }],
    ["an epoch that the next block cannot hold", 100, 6, [101], { epoch: 102, waitForTip: 101 }],
    ["a chain shorter than the depth", 2, 6, [], { epoch: 0, waitForTip: null }],
    ["a chain of depth 1", 0, 1, [], { epoch: 0, waitForTip: null }],
  ])("M6: gives %s its epoch", (_, tipHeight, minConfirmations, knownEpochs, expected) => {
    expect(nextEpoch({ tipHeight, minConfirmations, knownEpochs })).toEqual(expected);
  });

  it("M6: a depth below 1 is refused", () => {
    expect(() => nextEpoch({ tipHeight: 5, minConfirmations: 0, knownEpochs: [] })).toThrow(
      expect.objectContaining({ code: "INPUT_INVALID" }),
    );
  });
});
