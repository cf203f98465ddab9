import { beforeAll, describe, expect, it } from "vitest";
import { parseTransaction } from "../../../src/chain/transaction.js";
import { decodePayload } from "../../../src/name/operation.js";
import { checkSigned } from "../../../src/plan/check-signed.js";
import { type FundingCoin, outpointKey } from "../../../src/plan/coin-selection.js";
import { planUpdate, type UpdateOptions } from "../../../src/plan/update.js";
import type { WalletAccount } from "../../../src/ports.js";
import { coinsOf, regtest, sign, type TestWallet, testWallet, vbytesOf } from "./coins.js";

const profileHash = new Uint8Array(32).fill(5);
let own: TestWallet;
beforeAll(async () => {
  own = await testWallet();
});

function sealOf(account: WalletAccount, valueSats: bigint): FundingCoin {
  const [seal] = coinsOf(account, [valueSats], "seal");
  if (seal === undefined) throw new Error("expected a coin");
  return seal;
}

function options(changes: Partial<UpdateOptions> = {}): UpdateOptions {
  return {
    network: regtest,
    kind: "update",
    name: "alice",
    seal: sealOf(own.p2tr, 5_000n),
    profileHash,
    feeRateSatsPerVbyte: 1,
    ...changes,
  };
}

describe("planUpdate", () => {
  it.each([
    ["p2tr", 158],
    ["p2wpkh", 157],
  ] as const)("the seal pays alone, %s: %s vB measured", async (kind, vbytes) => {
    const seal = sealOf(own[kind], 5_000n);
    const plan = planUpdate(options({ seal, coins: coinsOf(own.p2tr, [90_000n]) }));
    const [planned] = plan.transactions;
    const [signed = new Uint8Array()] = await sign(own.wallet, [planned]);
    const { raw, txid, feeSats } = checkSigned(planned, signed);
    expect(vbytesOf(raw)).toBe(vbytes);
    expect(planned).toMatchObject({ vbytes, feeSats: BigInt(vbytes), inputsToSign: [0], txid });
    expect(feeSats).toBe(planned.feeSats);

    const { version, lockTime, inputs, outputs } = parseTransaction(raw);
    expect({ version, lockTime }).toEqual({ version: 2, lockTime: 0 });
    expect(inputs.map(({ outpoint, sequence }) => ({ outpoint, sequence }))).toEqual([
      { outpoint: seal.outpoint, sequence: 0xfffffffd },
    ]);
    const [payload, newSeal] = outputs;
    if (payload === undefined || newSeal === undefined) throw new Error("expected outputs");
    expect(outputs).toHaveLength(2);
    expect(decodePayload(payload.script, payload.valueSats)).toEqual({
      is: "known",
      payload: { kind: "update", profileHash },
    });
    expect(newSeal).toEqual({ script: own[kind].script, valueSats: 5_000n - BigInt(vbytes) });
    expect(plan).toMatchObject({
      seal: { outpoint: { txid, vout: 1 }, valueSats: newSeal.valueSats },
      cost: { feeSats, bondSats: 0n, reserveSats: 0n, beaconSats: 0n },
      change: null,
    });
  });

  it("C7: pays from the seal down to the bond and not below", async () => {
    expect(planUpdate(options({ seal: sealOf(own.p2tr, 1_158n) })).seal.valueSats).toBe(1_000n);
    const short = options({ seal: sealOf(own.p2tr, 1_157n) });
    expect(() => planUpdate(short)).toThrow(
      // 158 + 57.5 vB for one more input.
      expect.objectContaining({
        code: "WALLET_FUNDS_INSUFFICIENT",
        details: { neededSats: "216", availableSats: "0" },
      }),
    );
    const plan = planUpdate({ ...short, coins: coinsOf(own.p2wpkh, [20_000n]) });
    const [planned] = plan.transactions;
    expect(planned.inputsToSign).toEqual([0, 1]);
    expect(planned.transaction.inputs[0]?.outpoint).toEqual(short.seal.outpoint);
    expect(plan.seal.valueSats).toBe(1_157n);
    expect(plan.change).toEqual({ outpoint: { txid: planned.txid, vout: 2 }, valueSats: 20_000n - planned.feeSats });
    expect(planned.transaction.outputs[2]?.script).toEqual(own.p2tr.script);
    const [signed = new Uint8Array()] = await sign(own.wallet, [planned]);
    expect(checkSigned(planned, signed).txid).toBe(planned.txid);
  });

  it("256 vB with P2WPKH funding and change, to the change script asked for", () => {
    const { transactions } = planUpdate(
      options({
        seal: sealOf(own.p2wpkh, 1_000n),
        coins: coinsOf(own.p2wpkh, [20_000n]),
        changeScript: own.p2wpkh.script,
      }),
    );
    expect(transactions[0].vbytes).toBe(256);
  });

  it("refills the reserve when coins have to pay", () => {
    const coins = coinsOf(own.p2tr, [20_000n]);
    const refilled = planUpdate(options({ seal: sealOf(own.p2tr, 1_100n), coins, reserveUpdates: 10 }));
    expect(refilled.seal.valueSats).toBe(1_000n + 1_580n);
    expect(refilled.cost.reserveSats).toBe(1_480n);
    // A seal that can pay is never topped up, and never loses value to its own reserve.
    expect(planUpdate(options({ coins, reserveUpdates: 10 })).transactions[0].inputsToSign).toEqual([0]);
    const high = planUpdate(options({ seal: sealOf(own.p2tr, 1_157n), coins, reserveUpdates: 0 }));
    expect(high.seal.valueSats).toBe(1_157n);
  });

  it("W9: funds with no reserved output, and not with the seal itself", () => {
    const seal = sealOf(own.p2tr, 1_000n);
    const coins = coinsOf(own.p2tr, [20_000n]);
    const reserved = new Set(coins.map(({ outpoint }) => outpointKey(outpoint)));
    const insufficient = expect.objectContaining({ code: "WALLET_FUNDS_INSUFFICIENT" });
    expect(() => planUpdate(options({ seal, coins, reserved }))).toThrow(insufficient);
    expect(() => planUpdate(options({ seal, coins: [seal] }))).toThrow(insufficient);
  });

  it("W9: refuses rates and fees above the guards", () => {
    const tooHigh = expect.objectContaining({ code: "INPUT_FEE_TOO_HIGH" });
    expect(() => planUpdate(options({ feeRateSatsPerVbyte: 501 }))).toThrow(tooHigh);
    expect(() => planUpdate(options({ feeGuards: { maxFeeSats: 157n } }))).toThrow(tooHigh);
    expect(() => planUpdate(options({ feeGuards: { maxFeeSats: 158n } }))).not.toThrow();
  });

  it("refuses a seal that is none, or not what its transaction says", () => {
    expect(() => planUpdate(options({ seal: sealOf(own.p2tr, 999n) }))).toThrow(
      expect.objectContaining({ code: "INPUT_INVALID" }),
    );
    const seal = { ...sealOf(own.p2tr, 5_000n), valueSats: 6_000n };
    expect(() => planUpdate(options({ seal }))).toThrow(expect.objectContaining({ code: "CHAIN_TRANSACTION_INVALID" }));
    for (const reserveUpdates of [-1, 0.5, 10_001]) {
      const spent = { seal: sealOf(own.p2tr, 1_000n), coins: coinsOf(own.p2tr, [900_000_000n]) };
      expect(() => planUpdate(options({ ...spent, reserveUpdates }))).toThrow(
        expect.objectContaining({ code: "INPUT_INVALID" }),
      );
    }
    expect(() => planUpdate(options({ profileHash: new Uint8Array(31) }))).toThrow(
      expect.objectContaining({ code: "INPUT_INVALID" }),
    );
  });
});
