import { readFileSync } from "node:fs";
import { Psbt } from "bitcoinjs-lib/src/psbt";
import { Transaction } from "bitcoinjs-lib/src/transaction";
import { describe, expect, it } from "vitest";
import { decodeHex, encodeHex } from "../../src/bytes/hex.js";
import { networks } from "../../src/chain/network.js";
import { verifySchnorr } from "../../src/crypto/schnorr.js";
import { taprootOutputKey, tweakPrivateKey, xOnlyPublicKeyOf } from "../../src/crypto/taproot.js";
import { addressOf } from "../../src/plan/address.js";
import { privateKeyWallet } from "../../src/wallet/private-key.js";
import { hasSharedVectors, sharedVectors } from "./shared.js";

interface Vectors {
  readonly scriptPubKey: readonly {
    readonly given: { readonly internalPubkey: string };
    readonly intermediary: { readonly merkleRoot: string | null; readonly tweakedPubkey: string };
    readonly expected: { readonly scriptPubKey: string; readonly bip350Address: string };
  }[];
  readonly keyPathSpending: readonly {
    readonly given: {
      readonly rawUnsignedTx: string;
      readonly utxosSpent: readonly { readonly scriptPubKey: string; readonly amountSats: number }[];
    };
    readonly inputSpending: readonly {
      readonly given: {
        readonly txinIndex: number;
        readonly internalPrivkey: string;
        readonly merkleRoot: string | null;
        readonly hashType: number;
      };
      readonly intermediary: {
        readonly internalPubkey: string;
        readonly tweakedPrivkey: string;
        readonly sigHash: string;
      };
    }[];
  }[];
}

const load = (): Vectors =>
  JSON.parse(readFileSync(`${sharedVectors}bips/bip-0341_wallet-test-vectors.json`, "utf8")) as Vectors;
const rootOf = (merkleRoot: string | null): Uint8Array | undefined =>
  merkleRoot === null ? undefined : decodeHex(merkleRoot);

describe.skipIf(!hasSharedVectors())("BIP341 wallet vectors", () => {
  it("output keys, scripts and addresses", () => {
    const { scriptPubKey } = load();
    expect(scriptPubKey.length).toBeGreaterThan(5);
    for (const { given, intermediary, expected } of scriptPubKey) {
      const outputKey = taprootOutputKey(decodeHex(given.internalPubkey), rootOf(intermediary.merkleRoot));
      expect(encodeHex(outputKey)).toBe(intermediary.tweakedPubkey);
      expect(expected.scriptPubKey).toBe(`5120${intermediary.tweakedPubkey}`);
      expect(addressOf(decodeHex(expected.scriptPubKey), networks.mainnet)).toBe(expected.bip350Address);
    }
  });

  it("private keys", () => {
    for (const { inputSpending } of load().keyPathSpending) {
      for (const { given, intermediary } of inputSpending) {
        const privateKey = decodeHex(given.internalPrivkey);
        expect(encodeHex(xOnlyPublicKeyOf(privateKey))).toBe(intermediary.internalPubkey);
        expect(encodeHex(tweakPrivateKey(privateKey, rootOf(given.merkleRoot)))).toBe(intermediary.tweakedPrivkey);
      }
    }
  });

  it("what our wallet signs is the vector's sighash, or refused where it is neither DEFAULT nor ALL", async () => {
    const outcomes: string[] = [];
    for (const { given, inputSpending } of load().keyPathSpending) {
      const unsigned = Transaction.fromHex(given.rawUnsignedTx);
      for (const spending of inputSpending) {
        const { txinIndex, internalPrivkey, merkleRoot, hashType } = spending.given;
        // Our accounts have no script tree (BIP86).
        if (merkleRoot !== null) continue;
        const psbt = new Psbt();
        psbt.setVersion(unsigned.version).setLocktime(unsigned.locktime);
        for (const [index, { hash, index: vout, sequence }] of unsigned.ins.entries()) {
          const { scriptPubKey = "", amountSats = 0 } = given.utxosSpent[index] ?? {};
          psbt.addInput({
            hash,
            index: vout,
            sequence,
            witnessUtxo: { script: decodeHex(scriptPubKey), value: BigInt(amountSats) },
          });
        }
        for (const { script, value } of unsigned.outs) psbt.addOutput({ script, value });
        if (hashType !== 0) psbt.updateInput(txinIndex, { sighashType: hashType });
        const wallet = privateKeyWallet({
          privateKey: decodeHex(internalPrivkey),
          network: "mainnet",
          random: { bytes: (length) => new Uint8Array(length) },
        });
        const request = { psbt: psbt.toBuffer(), inputs: [txinIndex], description: "vector" };
        if (hashType > 1) {
          await expect(wallet.signPsbts([request])).rejects.toMatchObject({ code: "WALLET_REFUSED" });
          outcomes.push("refused");
          continue;
        }
        const [signed = new Uint8Array()] = await wallet.signPsbts([request]);
        const signature = Psbt.fromBuffer(signed).data.inputs[txinIndex]?.tapKeySig ?? new Uint8Array();
        const outputKey = decodeHex(given.utxosSpent[txinIndex]?.scriptPubKey ?? "").subarray(2);
        const sigHash = decodeHex(spending.intermediary.sigHash);
        expect(verifySchnorr(signature.subarray(0, 64), sigHash, outputKey)).toBe(true);
        outcomes.push("signed");
      }
    }
    expect(outcomes).toContain("refused");
  });
});
