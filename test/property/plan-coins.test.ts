import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { networks } from "../../src/chain/network.js";
import { isHawserError } from "../../src/errors.js";
import { parseName } from "../../src/name/name.js";
import { decodePayload } from "../../src/name/operation.js";
import { checkSigned } from "../../src/plan/check-signed.js";
import { type FundingCoin, outpointKey, selectCoins } from "../../src/plan/coin-selection.js";
import { dustSats, estimateVbytes, feeOf } from "../../src/plan/fee.js";
import { planRegistration } from "../../src/plan/registration.js";
import { planUpdate } from "../../src/plan/update.js";
import { coinsOf, sign, testWallet, vbytesOf } from "../unit/plan/coins.js";
import { numRuns } from "./runs.js";

const own = await testWallet();
const kind = fc.constantFrom("p2tr" as const, "p2wpkh" as const);
const values = fc.array(fc.bigInt({ min: 1n, max: 60_000n }), { maxLength: 8 });
const coins = fc
  .tuple(values, values)
  .map(([taproot, keyHash]) => [
    ...(taproot.length > 0 ? coinsOf(own.p2tr, taproot, "t") : []),
    ...(keyHash.length > 0 ? coinsOf(own.p2wpkh, keyHash, "k") : []),
  ]);
const rate = fc.double({ min: 0.1, max: 60, noNaN: true });
const sum = (list: readonly { readonly valueSats: bigint }[]): bigint =>
  list.reduce((total, { valueSats }) => total + valueSats, 0n);
const keys = (list: readonly FundingCoin[]): string[] => list.map(({ outpoint }) => outpointKey(outpoint));

/** The value, or null when the coins did not suffice. */
function unlessInsufficient<T>(run: () => T): T | null {
  try {
    return run();
  } catch (error) {
    if (isHawserError(error, "WALLET_FUNDS_INSUFFICIENT")) {
      const { neededSats, availableSats } = error.details;
      expect(BigInt(neededSats)).toBeGreaterThan(BigInt(availableSats));
      return null;
    }
    throw error;
  }
}

describe("W9: coin selection", () => {
  it("balances, pays the rate, makes no dust, takes nothing reserved and does not depend on order", () => {
    fc.assert(
      fc.property(
        coins,
        fc.bigInt({ min: 330n, max: 90_000n }),
        rate,
        kind,
        fc.nat(),
        (all, target, atRate, to, pick) => {
          const reserved = new Set(keys(all).filter((_, index) => (pick >> index) % 2 === 1));
          const outputs = [{ script: own.p2tr.script, valueSats: target }];
          const changeScript = own[to].script;
          const input = { outputs, feeRateSatsPerVbyte: atRate, changeScript, reserved };
          const selection = unlessInsufficient(() => selectCoins({ ...input, coins: all }));
          const again = unlessInsufficient(() => selectCoins({ ...input, coins: [...all].reverse() }));
          expect(again).toEqual(selection);
          if (selection === null) return;
          const { coins: chosen, change, feeSats, vbytes } = selection;
          expect(sum(chosen)).toBe(target + feeSats + (change?.valueSats ?? 0n));
          for (const key of keys(chosen)) expect(reserved.has(key)).toBe(false);
          expect(new Set(keys(chosen)).size).toBe(chosen.length);
          const scripts = [...outputs, ...(change === null ? [] : [change])].map(({ script }) => script);
          expect(estimateVbytes({ inputs: chosen.map(({ account }) => account.kind), outputs: scripts })).toBe(vbytes);
          expect(feeSats).toBeGreaterThanOrEqual(feeOf(atRate, vbytes));
          if (change === null) {
            const changeCost = feeOf(atRate, vbytes + 44) - feeOf(atRate, vbytes);
            expect(feeSats).toBeLessThanOrEqual(feeOf(atRate, vbytes) + changeCost + dustSats(changeScript));
          } else {
            expect(change.valueSats).toBeGreaterThan(dustSats(changeScript));
            expect(feeSats).toBe(feeOf(atRate, vbytes));
          }
        },
      ),
      { numRuns: numRuns * 4 },
    );
  });
});

describe("W9: planned transactions", () => {
  const name = fc.stringMatching(/^[a-z0-9]([a-z0-9]{0,29}[a-z0-9])?$/).map((text) => parseName(text));
  const network = fc.constantFrom(...Object.values(networks));

  it("a registration balances, is read as planned and keeps its txids when it is signed", async () => {
    await fc.assert(
      fc.asyncProperty(coins, name, network, kind, kind, rate, async (all, alice, net, owner, to, atRate) => {
        const plan = unlessInsufficient(() =>
          planRegistration({
            network: net,
            name: alice,
            salt: new Uint8Array(8).fill(3),
            owner: own[owner],
            profileHash: new Uint8Array(32).fill(4),
            coins: all,
            changeScript: own[to].script,
            feeRateSatsPerVbyte: atRate,
            reserveUpdates: 2,
          }),
        );
        if (plan === null) return;
        const [preorder, register] = plan.transactions;
        const { cost, seal } = plan;
        const funded = preorder.transaction.outputs[1]?.valueSats ?? 0n;
        expect(funded).toBe(sum(register.transaction.outputs) + register.feeSats);
        expect(cost.feeSats).toBe(preorder.feeSats + register.feeSats);
        expect(seal.valueSats).toBe(net.bondSats + cost.reserveSats);
        const signed = await sign(own.wallet, plan.transactions);
        for (const [index, planned] of plan.transactions.entries()) {
          const { raw, txid, feeSats } = checkSigned(planned, signed[index] ?? new Uint8Array());
          expect(txid).toBe(planned.txid);
          expect(feeSats).toBe(planned.feeSats);
          expect(vbytesOf(raw)).toBeLessThanOrEqual(planned.vbytes);
          const [payload] = planned.transaction.outputs;
          const decoded = decodePayload(payload?.script ?? new Uint8Array(), payload?.valueSats ?? 1n);
          expect(decoded).toMatchObject({ is: "known", payload: { kind: planned.kind } });
        }
      }),
      { numRuns },
    );
  });

  it("an UPDATE balances and never takes the seal below the bond", () => {
    fc.assert(
      fc.property(coins, fc.bigInt({ min: 1_000n, max: 9_000n }), kind, rate, (all, sealSats, owner, atRate) => {
        const [seal] = coinsOf(own[owner], [sealSats], "seal");
        if (seal === undefined) throw new Error("expected a coin");
        const profileHash = new Uint8Array(32);
        const plan = unlessInsufficient(() =>
          planUpdate({
            network: networks.regtest,
            kind: "update",
            name: "alice",
            seal,
            profileHash,
            coins: all,
            feeRateSatsPerVbyte: atRate,
          }),
        );
        if (plan === null) return;
        const [{ transaction, feeSats, inputsToSign }] = plan.transactions;
        expect(transaction.inputs[0]?.outpoint).toEqual(seal.outpoint);
        expect(transaction.outputs[1]).toEqual({ script: own[owner].script, valueSats: plan.seal.valueSats });
        expect(plan.seal.valueSats).toBeGreaterThanOrEqual(1_000n);
        const byOutpoint = new Map([seal, ...all].map((coin) => [outpointKey(coin.outpoint), coin.valueSats]));
        const spent = transaction.inputs.reduce((total, { outpoint }) => {
          return total + (byOutpoint.get(outpointKey(outpoint)) ?? 0n);
        }, 0n);
        expect(spent).toBe(sum(transaction.outputs) + feeSats);
        if (inputsToSign.length > 1) expect(plan.seal.valueSats).toBe(sealSats);
      }),
      { numRuns: numRuns * 4 },
    );
  });
});
