import { beforeAll, describe, expect, it } from "vitest";
import { parseTransaction } from "../../../src/chain/transaction.js";
import { beaconScript, parseName } from "../../../src/name/name.js";
import { decodePayload } from "../../../src/name/operation.js";
import { addressOf } from "../../../src/plan/address.js";
import { checkSigned } from "../../../src/plan/check-signed.js";
import { type FundingCoin, outpointKey } from "../../../src/plan/coin-selection.js";
import { planRecover, type RecoverOptions } from "../../../src/plan/recover.js";
import { planRelease, type ReleaseOptions } from "../../../src/plan/release.js";
import { planUpdate, type UpdateOptions } from "../../../src/plan/update.js";
import type { WalletAccount } from "../../../src/ports.js";
import { coinsOf, regtest, sign, type TestWallet, testWallet, vbytesOf } from "./coins.js";

const profileHash = new Uint8Array(32).fill(5);
const name = parseName("alice");
let own: TestWallet;
let other: TestWallet;
beforeAll(async () => {
  own = await testWallet();
  other = await testWallet("other");
});

function coinOf(account: WalletAccount, valueSats: bigint, label = "seal"): FundingCoin {
  const [coin] = coinsOf(account, [valueSats], label);
  if (coin === undefined) throw new Error("expected a coin");
  return coin;
}

function payloadOf(raw: Uint8Array): unknown {
  const [output] = parseTransaction(raw).outputs;
  return output === undefined ? null : decodePayload(output.script, output.valueSats);
}

const insufficient = expect.objectContaining({ code: "WALLET_FUNDS_INSUFFICIENT" }) as Error;
const tooHigh = expect.objectContaining({ code: "INPUT_FEE_TOO_HIGH" }) as Error;
const invalid = expect.objectContaining({ code: "INPUT_INVALID" }) as Error;

describe("a TRANSFER", () => {
  const transfer = (changes: Partial<UpdateOptions> = {}): UpdateOptions => ({
    network: regtest,
    kind: "transfer",
    name,
    seal: coinOf(own.p2tr, 5_000n),
    newOwnerScript: other.p2wpkh.script,
    profileHash,
    feeRateSatsPerVbyte: 1,
    ...changes,
  });

  it.each([
    ["p2tr", "p2tr", 158],
    ["p2tr", "p2wpkh", 146],
    ["p2wpkh", "p2wpkh", 157],
    ["p2wpkh", "p2tr", 169],
  ] as const)("C2: pays the new owner out of the seal, %s to %s: %s vB measured", async (from, to, vbytes) => {
    const newOwnerScript = other[to].script;
    const plan = planUpdate(transfer({ seal: coinOf(own[from], 5_000n), newOwnerScript }));
    const [planned] = plan.transactions;
    const [signed = new Uint8Array()] = await sign(own.wallet, [planned]);
    const { raw } = checkSigned(planned, signed);
    expect(vbytesOf(raw)).toBe(vbytes);
    expect(payloadOf(raw)).toEqual({ is: "known", payload: { kind: "transfer", profileHash } });
    expect(parseTransaction(raw).outputs[1]).toEqual({ script: newOwnerScript, valueSats: 5_000n - BigInt(vbytes) });
    expect(planned).toMatchObject({
      kind: "transfer",
      description: `Transfer "alice" to ${addressOf(newOwnerScript, regtest)} on regtest: fee ${vbytes} sat`,
    });
  });

  it("returns change of coins to the old owner, never to the new one", () => {
    const plan = planUpdate(transfer({ seal: coinOf(own.p2tr, 1_000n), coins: coinsOf(own.p2wpkh, [20_000n]) }));
    expect(plan.transactions[0].transaction.outputs[1]?.script).toEqual(other.p2wpkh.script);
    expect(plan.transactions[0].transaction.outputs[2]?.script).toEqual(own.p2tr.script);
  });

  it("needs a new owner, as an UPDATE must have none", () => {
    expect(() => planUpdate(transfer({ newOwnerScript: undefined }))).toThrow(invalid);
    expect(() => planUpdate(transfer({ kind: "update" }))).toThrow(invalid);
    expect(() => planUpdate(transfer({ newOwnerScript: Uint8Array.of(0x6a) }))).toThrow(invalid);
  });
});

describe("W9: what has to be made void", () => {
  it("is spent behind vin 0, also where the seal could pay alone", async () => {
    const lost = coinOf(own.p2wpkh, 3_000n, "lost");
    const seal = coinOf(own.p2tr, 5_000n);
    const terms = { network: regtest, name, seal, profileHash, feeRateSatsPerVbyte: 1, voids: [lost] };
    const plan = planUpdate({ ...terms, kind: "update" });
    const [planned] = plan.transactions;
    expect(planned.transaction.inputs.map(({ outpoint }) => outpoint)).toEqual([seal.outpoint, lost.outpoint]);
    expect(plan.seal.valueSats).toBe(5_000n);
    expect(plan.change?.valueSats).toBe(3_000n - planned.feeSats);
    const [signed = new Uint8Array()] = await sign(own.wallet, [planned]);
    expect(checkSigned(planned, signed).txid).toBe(planned.txid);
    const release = planRelease(terms).transactions[0].transaction;
    expect(release.inputs.map(({ outpoint }) => outpoint)).toEqual([seal.outpoint, lost.outpoint]);
    const authority = coinOf(own.p2tr, 90_000n, "authority");
    const recover = planRecover({ ...terms, authority }).transactions[0].transaction;
    expect(recover.inputs.map(({ outpoint }) => outpoint)).toEqual([authority.outpoint, lost.outpoint]);
  });
});

describe("a RELEASE", () => {
  const release = (changes: Partial<ReleaseOptions> = {}): ReleaseOptions => ({
    network: regtest,
    name,
    seal: coinOf(own.p2tr, 5_000n),
    feeRateSatsPerVbyte: 1,
    ...changes,
  });

  it.each([
    ["p2tr", 126],
    ["p2wpkh", 125],
  ] as const)("pays back what the seal holds, %s: %s vB measured", async (kind, vbytes) => {
    const plan = planRelease(release({ seal: coinOf(own[kind], 5_000n) }));
    const [planned] = plan.transactions;
    const [signed = new Uint8Array()] = await sign(own.wallet, [planned]);
    const { raw } = checkSigned(planned, signed);
    expect(vbytesOf(raw)).toBe(vbytes);
    expect(payloadOf(raw)).toEqual({ is: "known", payload: { kind: "release" } });
    expect(parseTransaction(raw).outputs.slice(1)).toEqual([
      { script: own[kind].script, valueSats: 5_000n - BigInt(vbytes) },
    ]);
    expect(plan).toMatchObject({
      seal: null,
      cost: { feeSats: BigInt(vbytes), bondSats: -1_000n, reserveSats: -4_000n, beaconSats: 0n },
      change: { outpoint: { txid: planned.txid, vout: 1 }, valueSats: 5_000n - BigInt(vbytes) },
    });
  });

  it("pays to the script asked for", () => {
    const { transactions } = planRelease(release({ changeScript: other.p2tr.script }));
    expect(transactions[0].transaction.outputs[1]?.script).toEqual(other.p2tr.script);
  });

  it("C1: has one output where what is left is dust, and coins pay where the seal does not", () => {
    // 83 vB without the second output.
    const dust = planRelease(release({ seal: coinOf(own.p2tr, 1_000n), feeRateSatsPerVbyte: 6 }));
    expect(dust.transactions[0].transaction.outputs).toHaveLength(1);
    expect(dust).toMatchObject({ change: null, cost: { feeSats: 1_000n } });
    const dear = release({ seal: coinOf(own.p2tr, 1_000n), feeRateSatsPerVbyte: 20 });
    expect(() => planRelease(dear)).toThrow(insufficient);
    const paid = planRelease({ ...dear, coins: coinsOf(own.p2tr, [50_000n]) });
    expect(paid.transactions[0].inputsToSign).toEqual([0, 1]);
    expect(paid.change?.valueSats).toBe(51_000n - paid.cost.feeSats);
  });

  it("W9: refuses rates and fees above the guards, and what is no seal", () => {
    expect(() => planRelease(release({ feeRateSatsPerVbyte: 501 }))).toThrow(tooHigh);
    expect(() => planRelease(release({ feeGuards: { maxFeeSats: 125n } }))).toThrow(tooHigh);
    expect(() => planRelease(release({ seal: coinOf(own.p2tr, 999n) }))).toThrow(invalid);
  });
});

describe("a RECOVER", () => {
  const recover = (changes: Partial<RecoverOptions> = {}): RecoverOptions => ({
    network: regtest,
    name,
    authority: coinOf(own.p2tr, 90_000n),
    profileHash,
    feeRateSatsPerVbyte: 1,
    ...changes,
  });

  it.each([
    ["p2tr", 244],
    ["p2wpkh", 231],
  ] as const)("C2, C8: seals anew and pays the beacon, %s: %s vB measured with change", async (kind, vbytes) => {
    const plan = planRecover(recover({ authority: coinOf(own[kind], 90_000n) }));
    const [planned] = plan.transactions;
    const [signed = new Uint8Array()] = await sign(own.wallet, [planned]);
    const { raw } = checkSigned(planned, signed);
    expect(vbytesOf(raw)).toBe(vbytes);
    expect(payloadOf(raw)).toEqual({ is: "known", payload: { kind: "recover", profileHash } });
    const { outputs } = parseTransaction(raw);
    expect(outputs[1]).toEqual({ script: own[kind].script, valueSats: plan.seal.valueSats });
    expect(outputs[2]).toEqual({ script: beaconScript(name, regtest), valueSats: 330n });
    const reserveSats = 20n * (kind === "p2tr" ? 158n : 157n);
    expect(plan.cost).toEqual({ feeSats: BigInt(vbytes), bondSats: 1_000n, reserveSats, beaconSats: 330n });
    expect(plan.seal).toEqual({ outpoint: { txid: planned.txid, vout: 1 }, valueSats: 1_000n + reserveSats });
  });

  it("takes more coins where the authority does not suffice, and none that is reserved", () => {
    const authority = coinOf(own.p2tr, 400n, "small");
    const coins = coinsOf(own.p2tr, [20_000n]);
    const reserved = new Set(coins.map(({ outpoint }) => outpointKey(outpoint)));
    expect(planRecover(recover({ authority, coins })).transactions[0].inputsToSign).toEqual([0, 1]);
    expect(() => planRecover(recover({ authority, coins, reserved }))).toThrow(insufficient);
    expect(planRecover(recover({ reserveUpdates: 0 })).seal.valueSats).toBe(1_000n);
  });

  it("W9: refuses rates, fees and reserves that are out of bounds", () => {
    expect(() => planRecover(recover({ feeRateSatsPerVbyte: 501 }))).toThrow(tooHigh);
    expect(() => planRecover(recover({ feeGuards: { maxFeeSats: 100n } }))).toThrow(tooHigh);
    for (const reserveUpdates of [-1, 0.5, 10_001]) {
      expect(() => planRecover(recover({ reserveUpdates }))).toThrow(invalid);
    }
  });
});
