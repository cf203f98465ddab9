import { initEccLib } from "bitcoinjs-lib/src/ecc_lib";
import { Psbt, type Signer } from "bitcoinjs-lib/src/psbt";
import { expect } from "vitest";
import { equalBytes } from "../../../src/bytes/bytes.js";
import type { TransactionOutput } from "../../../src/chain/transaction.js";
import { publicKeyOf, signEcdsa } from "../../../src/crypto/ecdsa.js";
import { isXOnlyPoint, signSchnorr } from "../../../src/crypto/schnorr.js";
import { addTweak, taprootOutputKey, tweakPrivateKey, xOnlyPublicKeyOf } from "../../../src/crypto/taproot.js";
import { type PlannedInput, type PlannedTransaction, parsePsbt } from "../../../src/plan/psbt.js";

// bitcoinjs-lib checks these with known values before it takes them.
initEccLib({
  isXOnlyPoint,
  xOnlyPointAddTweak: (key, tweak) => {
    const tweaked = addTweak(key, tweak);
    return tweaked === null ? null : { parity: tweaked.parity, xOnlyPubkey: tweaked.xOnly };
  },
});

/** bitcoinjs-lib's own signing code over a key, as an independent wallet. */
function signerOf(privateKey: Uint8Array): { readonly p2wpkh: Signer; readonly p2tr: Signer } {
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

/** What `createPsbt` is to make, made by bitcoinjs-lib. */
export function buildByOracle(inputs: readonly PlannedInput[], outputs: readonly TransactionOutput[]): Psbt {
  const psbt = new Psbt();
  psbt.setVersion(2);
  for (const { outpoint, valueSats, account, previousTransaction, sequence = 0xfffffffd } of inputs) {
    psbt.addInput({
      hash: outpoint.txid,
      index: outpoint.vout,
      sequence,
      witnessUtxo: { script: account.script, value: valueSats },
      ...(account.kind === "p2tr"
        ? { tapInternalKey: account.publicKey }
        : { nonWitnessUtxo: previousTransaction.raw }),
    });
  }
  for (const { script, valueSats } of outputs) psbt.addOutput({ script, value: valueSats });
  return psbt;
}

const orNull = <T>(run: () => T): T | null => {
  try {
    return run();
  } catch {
    return null;
  }
};

/**
 * Whether our parser and bitcoinjs-lib's accept these bytes. What both accept must be the same PSBT and be written in
 * the same bytes; what bitcoinjs-lib refuses must be refused here, and what it accepts may be refused for one reason.
 */
export function compareParsers(bytes: Uint8Array): "accepted" | "refused" | "transaction without inputs or outputs" {
  const ours = orNull(() => parsePsbt(bytes));
  const theirs = orNull(() => Psbt.fromBuffer(bytes));
  if (theirs === null) {
    expect(ours, "accepted here alone").toBe(null);
    return "refused";
  }
  const { inputCount, outputCount } = theirs.data.globalMap.unsignedTx.getInputOutputCounts();
  if (inputCount === 0 || outputCount === 0) {
    expect(ours).toBe(null);
    return "transaction without inputs or outputs";
  }
  if (ours === null) throw new Error("refused here alone");
  const { psbt, transaction } = ours;
  expect(transaction.raw).toEqual(theirs.data.getTransaction());
  expect(psbt.inputs).toEqual(theirs.data.inputs);
  expect(psbt.outputs).toEqual(theirs.data.outputs);
  expect({ ...psbt.globalMap, unsignedTx: null }).toEqual({ ...theirs.data.globalMap, unsignedTx: null });
  expect(orNull(() => psbt.toBuffer())).toEqual(orNull(() => theirs.toBuffer()));
  return "accepted";
}

/**
 * The transaction (hex) that bitcoinjs-lib makes of a request's transaction and of what it spends, with the signatures
 * in an answer.
 */
export function extractByOracle(request: Uint8Array, answer: Uint8Array, publicKey: Uint8Array): string {
  const planned = Psbt.fromBuffer(request);
  const signed = Psbt.fromBuffer(answer).data.inputs;
  const psbt = new Psbt().setVersion(planned.version).setLocktime(planned.locktime);
  // Nothing but what is spent: other fields would say how to finalise an input, and may contradict its script.
  psbt.addInputs(
    planned.txInputs.map((input, index) => {
      const { witnessUtxo } = planned.data.inputs[index] ?? {};
      return witnessUtxo === undefined ? input : { ...input, witnessUtxo };
    }),
  );
  psbt.addOutputs(planned.txOutputs.map(({ script, value }) => ({ script, value })));
  for (const [index, { finalScriptWitness, tapKeySig, partialSig = [] }] of signed.entries()) {
    if (finalScriptWitness !== undefined) {
      psbt.data.updateInput(index, { finalScriptWitness });
      continue;
    }
    const own = partialSig.filter(({ pubkey }) => equalBytes(pubkey, publicKey));
    const isTaproot = psbt.data.inputs[index]?.witnessUtxo?.script[0] === 0x51;
    psbt.updateInput(index, isTaproot && tapKeySig !== undefined ? { tapKeySig } : { partialSig: own });
    psbt.finalizeInput(index);
  }
  return psbt.extractTransaction(true).toHex();
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
