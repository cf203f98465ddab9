import { initEccLib } from "bitcoinjs-lib/src/ecc_lib";
import { Psbt, type Signer } from "bitcoinjs-lib/src/psbt";
import { publicKeyOf, signEcdsa } from "../../../src/crypto/ecdsa.js";
import { isXOnlyPoint, signSchnorr } from "../../../src/crypto/schnorr.js";
import { addTweak, taprootOutputKey, tweakPrivateKey, xOnlyPublicKeyOf } from "../../../src/crypto/taproot.js";
import type { PlannedTransaction } from "../../../src/plan/psbt.js";

// bitcoinjs-lib checks these with known values before it takes them.
initEccLib({
  isXOnlyPoint,
  xOnlyPointAddTweak: (key, tweak) => {
    const tweaked = addTweak(key, tweak);
    return tweaked === null ? null : { parity: tweaked.parity, xOnlyPubkey: tweaked.xOnly };
  },
});

/** bitcoinjs-lib's own signing code over a key, as an independent wallet. */
export function signerOf(privateKey: Uint8Array): { readonly p2wpkh: Signer; readonly p2tr: Signer } {
  const outputKey = taprootOutputKey(xOnlyPublicKeyOf(privateKey));
  return {
    p2wpkh: { publicKey: publicKeyOf(privateKey), sign: (hash) => signEcdsa(hash, privateKey) },
    p2tr: {
      publicKey: outputKey,
      sign: () => {
        throw new Error("P2TR takes no ECDSA signature");
      },
      signSchnorr: (hash) => signSchnorr(hash, tweakPrivateKey(privateKey), new Uint8Array(32)),
    },
  };
}

/** A planned transaction signed by bitcoinjs-lib, with another sighash type where one is given. */
export function signByOracle(planned: PlannedTransaction, privateKey: Uint8Array, sighashType?: number): Psbt {
  const psbt = Psbt.fromBuffer(planned.psbt);
  const signers = signerOf(privateKey);
  for (const [index, { tapInternalKey }] of psbt.data.inputs.entries()) {
    if (sighashType !== undefined) psbt.updateInput(index, { sighashType });
    const signer = tapInternalKey === undefined ? signers.p2wpkh : signers.p2tr;
    psbt.signInput(index, signer, sighashType === undefined ? undefined : [sighashType]);
  }
  return psbt;
}

/** What makes up a PSBT, to be changed before it is built again. */
export interface PsbtParts {
  version: number;
  lockTime: number;
  inputs: Parameters<Psbt["addInput"]>[0][];
  outputs: { script: Uint8Array; value: bigint }[];
}

/** A planned transaction's PSBT with something changed, as a wallet could do before it signs. */
export function rebuild(planned: PlannedTransaction, change: (parts: PsbtParts) => void): Uint8Array {
  const original = Psbt.fromBuffer(planned.psbt);
  const parts: PsbtParts = {
    version: original.version,
    lockTime: original.locktime,
    inputs: original.txInputs.map((input, index) => ({ ...input, ...original.data.inputs[index] })),
    outputs: original.txOutputs.map(({ script, value }) => ({ script, value })),
  };
  change(parts);
  const psbt = new Psbt();
  psbt.setVersion(parts.version);
  psbt.setLocktime(parts.lockTime);
  for (const input of parts.inputs) psbt.addInput(input);
  for (const output of parts.outputs) psbt.addOutput(output);
  return psbt.toBuffer();
}
