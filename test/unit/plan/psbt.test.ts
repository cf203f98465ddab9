import { Psbt } from "bitcoinjs-lib/src/psbt";
import { describe, expect, it } from "vitest";
import { createPsbt } from "../../../src/plan/psbt.js";
import { coinsOf, testWallet } from "./coins.js";

describe("createPsbt", () => {
  it("gives wallets what they need to sign and to show the fee", async () => {
    const own = await testWallet();
    const coins = [...coinsOf(own.p2wpkh, [2_000n], "a"), ...coinsOf(own.p2tr, [1_000n], "b")];
    const outputs = [{ script: own.p2tr.script, valueSats: 2_500n }];
    const { psbt, transaction } = createPsbt(coins, outputs);
    const parsed = Psbt.fromBuffer(psbt);
    expect(parsed.data.inputs).toEqual([
      {
        witnessUtxo: { script: own.p2wpkh.script, value: 2_000n },
        // Some hardware wallets warn without it.
        nonWitnessUtxo: coins[0]?.previousTransaction.raw,
      },
      { witnessUtxo: { script: own.p2tr.script, value: 1_000n }, tapInternalKey: own.p2tr.publicKey },
    ]);
    expect(transaction).toMatchObject({ version: 2, lockTime: 0, outputs });
    expect(transaction.inputs.map(({ outpoint, sequence }) => ({ outpoint, sequence }))).toEqual(
      coins.map(({ outpoint }) => ({ outpoint, sequence: 0xfffffffd })),
    );
  });
});
