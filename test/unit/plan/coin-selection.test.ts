import { beforeAll, describe, expect, it } from "vitest";
import { assertCoin, createCoin, outpointKey, selectCoins } from "../../../src/plan/coin-selection.js";
import { coinsOf, payingTransaction, type TestWallet, testWallet } from "./coins.js";

let own: TestWallet;
beforeAll(async () => {
  own = await testWallet();
});

const target = (valueSats: bigint) => [{ script: own.p2tr.script, valueSats }];

describe("selectCoins", () => {
  it("takes the largest coins first, whatever their order, and gives change", () => {
    const coins = coinsOf(own.p2wpkh, [1_000n, 50_000n, 20_000n]);
    const input = { outputs: target(60_000n), feeRateSatsPerVbyte: 1, changeScript: own.p2wpkh.script };
    const selection = selectCoins({ ...input, coins });
    expect(selection.coins.map(({ valueSats }) => valueSats)).toEqual([50_000n, 20_000n]);
    // 10.5 + 2 * 68 + 43 + 31 = 220.5
    expect(selection).toMatchObject({ vbytes: 221, feeSats: 221n, change: { valueSats: 9_779n } });
    expect(selectCoins({ ...input, coins: [...coins].reverse() })).toEqual(selection);
    expect(selectCoins({ ...input, coins: [...coins, ...coins] })).toEqual(selection);
  });

  it("orders equal values by txid, then vout", () => {
    const coins = [...coinsOf(own.p2tr, [9_000n, 9_000n], "a"), ...coinsOf(own.p2tr, [9_000n, 9_000n], "b")];
    const { coins: chosen } = selectCoins({
      coins: [...coins].reverse(),
      outputs: target(26_000n),
      feeRateSatsPerVbyte: 1,
      changeScript: own.p2tr.script,
    });
    const expected = coins.map(({ outpoint }) => outpointKey(outpoint)).sort();
    expect(chosen.map(({ outpoint }) => outpointKey(outpoint))).toEqual(expected.slice(0, 3));
  });

  it("makes change only above dust after its own cost", () => {
    // One P2TR input, one P2TR output: 111 vB; with P2TR change 154 vB.
    const at = (leftSats: bigint) =>
      selectCoins({
        coins: coinsOf(own.p2tr, [10_000n + leftSats]),
        outputs: target(10_000n),
        feeRateSatsPerVbyte: 1,
        changeScript: own.p2tr.script,
      });
    expect(at(154n + 330n)).toMatchObject({ change: null, feeSats: 484n, vbytes: 111 });
    expect(at(154n + 331n)).toMatchObject({ change: { valueSats: 331n }, feeSats: 154n, vbytes: 154 });
    expect(at(111n)).toMatchObject({ change: null, feeSats: 111n });
    expect(() => at(110n)).toThrow(
      expect.objectContaining({
        code: "WALLET_FUNDS_INSUFFICIENT",
        details: { neededSats: "10111", availableSats: "10110" },
      }),
    );
  });

  it("leaves coins alone that cost more than they bring", () => {
    const input = { outputs: target(1_000n), feeRateSatsPerVbyte: 10, changeScript: own.p2tr.script };
    expect(() => selectCoins({ ...input, coins: coinsOf(own.p2tr, [580n, 580n, 580n]) })).toThrow(
      expect.objectContaining({ details: { neededSats: "2110", availableSats: "0" } }),
    );
    const coins = coinsOf(own.p2tr, [2_000n, 581n, 580n]);
    expect(() => selectCoins({ ...input, coins })).toThrow(
      expect.objectContaining({ details: { neededSats: "2690", availableSats: "2581" } }),
    );
  });

  it("W9: never takes a reserved outpoint", () => {
    const coins = coinsOf(own.p2tr, [90_000n, 5_000n]);
    const [seal, other] = coins.map(({ outpoint }) => outpointKey(outpoint));
    const input = { coins, outputs: target(1_000n), feeRateSatsPerVbyte: 1, changeScript: own.p2tr.script };
    const { coins: chosen } = selectCoins({ ...input, reserved: new Set([String(seal)]) });
    expect(chosen.map(({ outpoint }) => outpointKey(outpoint))).toEqual([other]);
    expect(() => selectCoins({ ...input, reserved: new Set([String(seal), String(other)]) })).toThrow(
      expect.objectContaining({ code: "WALLET_FUNDS_INSUFFICIENT" }),
    );
  });

  it("counts the fixed inputs' values and sizes, and does not spend them twice", () => {
    const [first, ...coins] = coinsOf(own.p2tr, [10_000n, 3_000n]);
    if (first === undefined) throw new Error("expected a coin");
    const input = { fixed: [first], outputs: target(12_000n), feeRateSatsPerVbyte: 1, changeScript: own.p2tr.script };
    expect(selectCoins({ ...input, coins: [first, ...coins] })).toMatchObject({
      coins,
      vbytes: 212,
      change: { valueSats: 788n },
    });
    expect(() => selectCoins({ ...input, coins: [first] })).toThrow(
      expect.objectContaining({ details: { neededSats: "2169", availableSats: "0" } }),
    );
    const both = { ...input, fixed: [first, ...coins] };
    expect(selectCoins({ ...both, coins: [first, ...coins] })).toMatchObject({
      coins: [],
      change: { valueSats: 788n },
    });
  });

  it("takes no coin where the fixed inputs pay", () => {
    const fixed = coinsOf(own.p2tr, [10_000n]);
    const coins = coinsOf(own.p2tr, [90_000n], "more");
    const input = { fixed, coins, outputs: target(9_000n), feeRateSatsPerVbyte: 1, changeScript: own.p2tr.script };
    expect(selectCoins(input)).toMatchObject({ coins: [], change: { valueSats: 846n } });
  });
});

describe("V3: coins are what their transactions say", () => {
  const refused = expect.objectContaining({ code: "CHAIN_TRANSACTION_INVALID" });

  it("refuses another value, script, vout or txid", () => {
    const [coin] = coinsOf(own.p2tr, [10_000n, 20_000n]);
    if (coin === undefined) throw new Error("expected a coin");
    for (const lie of [
      { ...coin, valueSats: 9_000n },
      { ...coin, account: own.p2wpkh },
      { ...coin, outpoint: { ...coin.outpoint, vout: 1 } },
      { ...coin, outpoint: { ...coin.outpoint, vout: 2 } },
      { ...coin, previousTransaction: payingTransaction(coin.previousTransaction.outputs, "other") },
    ]) {
      expect(() => {
        assertCoin(lie);
      }).toThrow(refused);
      expect(() =>
        selectCoins({ coins: [lie], outputs: target(1_000n), feeRateSatsPerVbyte: 1, changeScript: own.p2tr.script }),
      ).toThrow(refused);
    }
  });

  it("refuses an output that is not there, or has more than all coins", () => {
    const script = own.p2tr.script;
    const transaction = payingTransaction([{ script, valueSats: 2_100_000_000_000_000n }]);
    expect(createCoin(transaction, 0, own.p2tr).valueSats).toBe(2_100_000_000_000_000n);
    expect(() => createCoin(transaction, 1, own.p2tr)).toThrow(refused);
    const [output] = transaction.outputs;
    if (output === undefined) throw new Error("expected an output");
    const inflated = { ...transaction, outputs: [{ ...output, valueSats: 2_100_000_000_000_001n }] };
    expect(() => createCoin(inflated, 0, own.p2tr)).toThrow(refused);
  });
});
