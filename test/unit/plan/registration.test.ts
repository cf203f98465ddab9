import { beforeAll, describe, expect, it } from "vitest";
import { getNetwork, networks } from "../../../src/chain/network.js";
import { parseTransaction } from "../../../src/chain/transaction.js";
import { beaconScript, parseName } from "../../../src/name/name.js";
import { decodePayload, preorderCommitment } from "../../../src/name/operation.js";
import { checkSigned } from "../../../src/plan/check-signed.js";
import { createCoin, outpointKey } from "../../../src/plan/coin-selection.js";
import { registerOutputs } from "../../../src/plan/operations.js";
import { planRegistration, type RegistrationOptions } from "../../../src/plan/registration.js";
import { planUpdate } from "../../../src/plan/update.js";
import { coinsOf, regtest, sign, type TestWallet, testWallet, vbytesOf } from "./coins.js";

const salt = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
const profileHash = new Uint8Array(32).fill(9);
const alice = parseName("alice");
let own: TestWallet;
beforeAll(async () => {
  own = await testWallet();
});

function options(changes: Partial<RegistrationOptions> = {}): RegistrationOptions {
  return {
    network: regtest,
    name: alice,
    salt,
    owner: own.p2tr,
    profileHash,
    coins: coinsOf(own.p2tr, [100_000n, 60_000n]),
    changeScript: own.p2tr.script,
    feeRateSatsPerVbyte: 2,
    ...changes,
  };
}

describe("planRegistration", () => {
  it("C2, C4, C5: makes a PREORDER and a REGISTER that the protocol reads", async () => {
    const plan = planRegistration(options());
    const signed = await sign(own.wallet, plan.transactions);
    const [preorder, register] = plan.transactions.map((planned, index) => {
      const { raw, txid } = checkSigned(planned, signed[index] ?? new Uint8Array());
      expect(txid).toBe(planned.txid);
      return parseTransaction(raw);
    });
    if (preorder === undefined || register === undefined) throw new Error("expected two transactions");

    expect(preorder.txid).toBe(plan.tenure);
    expect(preorder).toMatchObject({ version: 2, lockTime: 0 });
    expect(preorder.inputs.map(({ sequence }) => sequence)).toEqual([0xfffffffd]);
    const [commitmentOutput, ownerOutput, change] = preorder.outputs;
    if (commitmentOutput === undefined || ownerOutput === undefined) throw new Error("expected outputs");
    expect(decodePayload(commitmentOutput.script, commitmentOutput.valueSats)).toEqual({
      is: "known",
      payload: {
        kind: "preorder",
        commitment: preorderCommitment({ network: regtest, name: alice, salt, ownerScript: own.p2tr.script }),
      },
    });
    expect(ownerOutput.script).toEqual(own.p2tr.script);
    expect(change).toEqual({ valueSats: plan.change?.valueSats, script: own.p2tr.script });
    expect(plan.change?.outpoint).toEqual({ txid: plan.tenure, vout: 2 });

    expect(register).toMatchObject({ version: 2, lockTime: 0 });
    expect(register.inputs).toHaveLength(1);
    expect(register.inputs[0]?.outpoint).toEqual({ txid: plan.tenure, vout: 1 });
    expect(plan.preorderOutpoint).toEqual({ txid: plan.tenure, vout: 1 });
    const [payload, seal, beacon] = register.outputs;
    if (payload === undefined || seal === undefined || beacon === undefined) throw new Error("expected outputs");
    expect(register.outputs).toHaveLength(3);
    expect(decodePayload(payload.script, payload.valueSats)).toEqual({
      is: "known",
      payload: { kind: "register", salt, profileHash, name: "alice" },
    });
    expect(seal).toEqual({ valueSats: plan.seal.valueSats, script: own.p2tr.script });
    expect(plan.seal.outpoint).toEqual({ txid: register.txid, vout: 1 });
    expect(beacon).toEqual({ valueSats: 330n, script: beaconScript(alice, regtest) });
  });

  it("funds the REGISTER exactly, with the bond and 20 UPDATEs at this rate", () => {
    const { transactions, cost, seal, change } = planRegistration(options());
    const [preorder, register] = transactions;
    expect(seal.valueSats).toBe(1_000n + 20n * 316n);
    expect(cost).toEqual({ feeSats: 402n + 428n, bondSats: 1_000n, reserveSats: 6_320n, beaconSats: 330n });
    expect([preorder.feeSats, register.feeSats]).toEqual([402n, 428n]);
    expect(preorder.transaction.outputs[1]?.valueSats).toBe(7_320n + 330n + 428n);
    expect(change?.valueSats).toBe(100_000n - 402n - 8_078n);
    expect(preorder.inputsToSign).toEqual([0]);
    expect(register.inputsToSign).toEqual([0]);
    expect(planRegistration(options({ reserveUpdates: 0 })).seal.valueSats).toBe(1_000n);
  });

  it("the reserve pays for exactly that many UPDATEs", () => {
    const plan = planRegistration(options({ reserveUpdates: 3 }));
    let seal = createCoin(plan.transactions[1].transaction, 1, own.p2tr);
    const update = () =>
      planUpdate({ network: regtest, kind: "update", name: alice, seal, profileHash, feeRateSatsPerVbyte: 2 });
    for (let i = 0; i < 3; i++) seal = createCoin(update().transactions[0].transaction, 1, own.p2tr);
    expect(seal.valueSats).toBe(1_000n);
    expect(update).toThrow(expect.objectContaining({ code: "WALLET_FUNDS_INSUFFICIENT" }));
  });

  it.each(Object.values(networks))("W9: REGISTER's vin 0 has nSequence = MIN_AGE on $id", (network) => {
    const { transactions } = planRegistration(options({ network }));
    expect(transactions[1].transaction.inputs[0]?.sequence).toBe(network.minAgeBlocks);
    expect(transactions[0].transaction.inputs[0]?.sequence).toBe(0xfffffffd);
  });

  it.each([
    ["p2tr", "a", 201, 210],
    ["p2tr", "a".repeat(31), 201, 240],
    ["p2wpkh", "a", 188, 209],
    ["p2wpkh", "a".repeat(31), 188, 239],
  ] as const)("measured sizes, %s, %s: %s and %s vB", async (kind, name, preorderVbytes, registerVbytes) => {
    const account = own[kind];
    const plan = planRegistration(
      options({
        name: parseName(name),
        owner: account,
        coins: coinsOf(account, [100_000n]),
        changeScript: account.script,
      }),
    );
    const signed = await sign(own.wallet, plan.transactions);
    const sizes = plan.transactions.map((planned, index) =>
      vbytesOf(checkSigned(planned, signed[index] ?? new Uint8Array()).raw),
    );
    expect(plan.transactions.map(({ vbytes }) => vbytes)).toEqual([preorderVbytes, registerVbytes]);
    // A short signature can save a vbyte where the size lies on the border.
    for (const [index, planned] of plan.transactions.entries()) {
      expect(planned.vbytes - (sizes[index] ?? 0)).toBeGreaterThanOrEqual(0);
      expect(planned.vbytes - (sizes[index] ?? 0)).toBeLessThanOrEqual(kind === "p2tr" ? 0 : 1);
    }
  });

  it("takes several coins of both kinds", async () => {
    const coins = [...coinsOf(own.p2tr, [4_000n, 3_000n]), ...coinsOf(own.p2wpkh, [3_500n], "other")];
    const plan = planRegistration(options({ coins }));
    expect(plan.transactions[0].inputsToSign).toEqual([0, 1, 2]);
    const [signed = new Uint8Array()] = await sign(own.wallet, [plan.transactions[0]]);
    expect(checkSigned(plan.transactions[0], signed).txid).toBe(plan.tenure);
  });

  it("is the same for the same input", () => {
    expect(planRegistration(options())).toEqual(planRegistration(options({ coins: [...options().coins].reverse() })));
  });

  it("W9: spends no reserved output", () => {
    const coins = coinsOf(own.p2tr, [100_000n, 60_000n]);
    const reserved = new Set(coins.map(({ outpoint }) => outpointKey(outpoint)));
    expect(() => planRegistration(options({ coins, reserved }))).toThrow(
      expect.objectContaining({ code: "WALLET_FUNDS_INSUFFICIENT" }),
    );
  });

  it("W9: refuses rates and fees above the guards", () => {
    const tooHigh = expect.objectContaining({ code: "INPUT_FEE_TOO_HIGH" });
    const coins = coinsOf(own.p2tr, [100_000_000n]);
    expect(() => planRegistration(options({ coins, feeRateSatsPerVbyte: 501 }))).toThrow(tooHigh);
    expect(() => planRegistration(options({ coins, feeRateSatsPerVbyte: 500 }))).not.toThrow();
    expect(() => planRegistration(options({ feeGuards: { maxFeeRateSatsPerVbyte: 1.9 } }))).toThrow(tooHigh);
    // Both transactions together: 402 + 428.
    expect(() => planRegistration(options({ feeGuards: { maxFeeSats: 829n } }))).toThrow(tooHigh);
    expect(() => planRegistration(options({ feeGuards: { maxFeeSats: 830n } }))).not.toThrow();
  });

  it("refuses arguments that are not what they should be", () => {
    const invalid = expect.objectContaining({ code: "INPUT_INVALID" });
    expect(() => planRegistration(options({ salt: salt.subarray(1) }))).toThrow(invalid);
    expect(() => planRegistration(options({ profileHash: profileHash.subarray(1) }))).toThrow(invalid);
    for (const reserveUpdates of [-1, 0.5, 10_001]) {
      expect(() => planRegistration(options({ reserveUpdates }))).toThrow(invalid);
    }
    expect(() => planRegistration(options({ owner: { ...own.p2tr, script: new Uint8Array(25) } }))).toThrow(invalid);
  });

  it("C2: makes no seal below the bond", () => {
    const terms = { network: getNetwork("mainnet"), name: alice, salt, profileHash, ownerScript: own.p2tr.script };
    expect(() => registerOutputs({ ...terms, sealSats: 10_000n })).not.toThrow();
    expect(() => registerOutputs({ ...terms, sealSats: 9_999n })).toThrow(
      expect.objectContaining({ code: "INPUT_INVALID" }),
    );
  });
});
