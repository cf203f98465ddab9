import type { PsbtInput } from "bip174";
import { decode as decodeDerSignature } from "bitcoinjs-lib/src/script_signature";
import { Transaction as SigningTransaction } from "bitcoinjs-lib/src/transaction";
import { equalBytes } from "../bytes/bytes.js";
import { Cursor, CursorError } from "../bytes/cursor.js";
import { invalidArgument } from "../bytes/guards.js";
import { scriptKind } from "../chain/script.js";
import { parseTransaction, type Transaction } from "../chain/transaction.js";
import { verifyEcdsa } from "../crypto/ecdsa.js";
import { hash160 } from "../crypto/hash.js";
import { verifySchnorr } from "../crypto/schnorr.js";
import { HawserError } from "../errors.js";
import { limits } from "../limits.js";
import { assertFeeAllowed, estimateVbytes, type FeeGuards, type InputKind } from "./fee.js";
import { keyHashScript, parsePsbt } from "./psbt.js";

/** A transaction that is ready to be sent. */
export interface SignedTransaction {
  /** With witness. */
  readonly raw: Uint8Array;
  /** Display order, hex: that of the planned transaction. */
  readonly txid: string;
  readonly feeSats: bigint;
}

/** What an input of the planned transaction spends, from our own PSBT. */
interface Prevout {
  readonly kind: InputKind;
  readonly script: Uint8Array;
  readonly valueSats: bigint;
}

const SIGHASH_DEFAULT = 0;
const SIGHASH_ALL = 1;

/**
 * Checks what a wallet returned before it is sent (W9). The transaction is built here, from the planned one and the
 * wallet's signatures alone, each of which is verified; nothing else that the wallet returned is used.
 *
 * @param request - The planned transaction; its PSBT is trusted.
 * @param signedPsbt - What the wallet returned: a BIP174 PSBT, finalised or not.
 * @param guards - The limits on fees, asked again.
 * @throws WALLET_ANSWER_INVALID
 * @throws INPUT_FEE_TOO_HIGH
 * @throws INPUT_INVALID when the request's own PSBT is not one that this library made
 */
export function checkSigned(
  request: { readonly psbt: Uint8Array },
  signedPsbt: Uint8Array,
  guards?: FeeGuards,
): SignedTransaction {
  const { transaction, prevouts, feeSats } = readRequest(request.psbt);
  const answer = readAnswer(signedPsbt);
  assertSameTransaction(transaction, answer.unsigned);

  const signing = SigningTransaction.fromBuffer(transaction.raw);
  for (const [index, prevout] of prevouts.entries()) {
    const signed = answer.inputs[index];
    // Native segwit has no scriptSig, and one would change the txid.
    if (signed === undefined || signed.finalScriptSig !== undefined) throw invalid(`input ${index} has a scriptSig`);
    const witness =
      prevout.kind === "p2tr"
        ? taprootWitness(signing, index, prevouts, signed)
        : keyHashWitness(signing, index, prevout, signed);
    signing.setWitness(index, witness);
  }
  const { raw, txid } = parseTransaction(signing.toBuffer());

  const outputs = transaction.outputs.map(({ script }) => script);
  const vbytes = estimateVbytes({ inputs: prevouts.map(({ kind }) => kind), outputs });
  assertFeeAllowed({ feeSats, vbytes }, guards);
  return { raw, txid, feeSats };
}

function readRequest(psbtBytes: Uint8Array): {
  readonly transaction: Transaction;
  readonly prevouts: readonly Prevout[];
  readonly feeSats: bigint;
} {
  let parsed: ReturnType<typeof parsePsbt>;
  try {
    parsed = parsePsbt(psbtBytes);
  } catch {
    throw invalidArgument("request.psbt", "a PSBT", psbtBytes);
  }
  const { psbt, transaction } = parsed;
  const prevouts = psbt.inputs.map(({ witnessUtxo }, index) => {
    const kind = witnessUtxo === undefined ? null : scriptKind(witnessUtxo.script);
    if (witnessUtxo === undefined || kind === null || kind === "p2wsh" || witnessUtxo.value < 0n) {
      throw invalidArgument(`request.psbt input ${index}`, "witnessUtxo that is P2WPKH or P2TR", witnessUtxo);
    }
    return { kind, script: witnessUtxo.script, valueSats: witnessUtxo.value };
  });
  const feeSats = sumOf(prevouts) - sumOf(transaction.outputs);
  if (feeSats < 0n) throw invalidArgument("request.psbt", "a PSBT that pays no more than it spends", psbtBytes);
  return { transaction, prevouts, feeSats };
}

const sumOf = (list: readonly { readonly valueSats: bigint }[]): bigint =>
  list.reduce((sum, { valueSats }) => sum + valueSats, 0n);

function readAnswer(psbtBytes: Uint8Array): { readonly unsigned: Transaction; readonly inputs: readonly PsbtInput[] } {
  if (psbtBytes.length > limits.transactionMaxBytes) throw invalid("it is larger than a transaction can be");
  try {
    const { psbt, transaction } = parsePsbt(psbtBytes);
    return { unsigned: transaction, inputs: psbt.inputs };
  } catch (cause) {
    throw invalid("it is not a PSBT", cause);
  }
}

/** W9: a wallet that changes anything would void the operation, or pay somebody else. */
function assertSameTransaction(planned: Transaction, got: Transaction): void {
  if (got.version !== planned.version) throw invalid("the version was changed");
  if (got.lockTime !== planned.lockTime) throw invalid("the lock time was changed");
  if (got.inputs.length !== planned.inputs.length) throw invalid("inputs were added or removed");
  for (const [index, { outpoint, sequence }] of planned.inputs.entries()) {
    const other = got.inputs[index];
    // C1: vin 0 authorises. The others are in the txid, which the next transaction builds on.
    if (other?.outpoint.txid !== outpoint.txid || other.outpoint.vout !== outpoint.vout) {
      throw invalid(`input ${index} was changed`);
    }
    // C5, BIP68: without its nSequence a REGISTER could be mined too early to count.
    if (other.sequence !== sequence) throw invalid(`the sequence of input ${index} was changed`);
  }
  if (got.outputs.length !== planned.outputs.length) throw invalid("outputs were added or removed");
  for (const [index, { script, valueSats }] of planned.outputs.entries()) {
    const other = got.outputs[index];
    if (other?.valueSats !== valueSats || !equalBytes(other.script, script)) {
      throw invalid(`output ${index} was changed`);
    }
  }
}

/** P2TR, key path: one signature. */
function taprootWitness(
  signing: SigningTransaction,
  index: number,
  prevouts: readonly Prevout[],
  signed: PsbtInput,
): Uint8Array[] {
  const witness = finalWitness(signed, index) ?? (signed.tapKeySig === undefined ? [] : [signed.tapKeySig]);
  const [signature] = witness;
  if (signature === undefined) throw invalid(`input ${index} is not signed`);
  if (witness.length !== 1) throw invalid(`input ${index} has a witness that is not one signature`);
  const hashType = signature.length === 64 ? SIGHASH_DEFAULT : signature[64];
  // W9: DEFAULT or ALL. Any other signature would let others change what it does not cover. BIP341 forbids to write
  // DEFAULT as a byte.
  if (signature.length > 65 || hashType === undefined || (signature.length === 65 && hashType !== SIGHASH_ALL)) {
    throw invalid(`input ${index} is signed with another sighash type than DEFAULT or ALL`);
  }
  const scripts = prevouts.map(({ script }) => script);
  const values = prevouts.map(({ valueSats }) => valueSats);
  const digest = signing.hashForWitnessV1(index, scripts, values, hashType);
  const outputKey = (scripts[index] ?? new Uint8Array()).subarray(2);
  if (!verifySchnorr(signature.subarray(0, 64), digest, outputKey)) throw invalid(`input ${index} is signed wrongly`);
  return witness;
}

/** P2WPKH: signature and public key. */
function keyHashWitness(
  signing: SigningTransaction,
  index: number,
  { script, valueSats }: Prevout,
  signed: PsbtInput,
): Uint8Array[] {
  const program = script.subarray(2);
  const isOwn = (publicKey: Uint8Array): boolean => publicKey.length === 33 && equalBytes(hash160(publicKey), program);
  const partial = signed.partialSig?.find(({ pubkey }) => isOwn(pubkey));
  const witness = finalWitness(signed, index) ?? (partial === undefined ? [] : [partial.signature, partial.pubkey]);
  const [signature, publicKey] = witness;
  if (signature === undefined) throw invalid(`input ${index} is not signed`);
  if (publicKey === undefined || witness.length !== 2 || !isOwn(publicKey)) {
    throw invalid(`input ${index} has a witness that is not a signature and the output's public key`);
  }
  // W9: ALL only, read from the signature itself and not from a field beside it.
  if (signature.at(-1) !== SIGHASH_ALL) throw invalid(`input ${index} is signed with another sighash type than ALL`);
  const digest = signing.hashForWitnessV0(index, keyHashScript(program), valueSats, SIGHASH_ALL);
  const compact = decodeSignature(signature);
  if (compact === null || !verifyEcdsa(compact, digest, publicKey)) throw invalid(`input ${index} is signed wrongly`);
  return witness;
}

function decodeSignature(signature: Uint8Array): Uint8Array | null {
  try {
    return decodeDerSignature(signature).signature;
  } catch {
    return null;
  }
}

/** The items of a finalised input's witness, or null when it is not finalised. */
function finalWitness({ finalScriptWitness }: PsbtInput, index: number): Uint8Array[] | null {
  if (finalScriptWitness === undefined) return null;
  const cursor = new Cursor(finalScriptWitness);
  const items: Uint8Array[] = [];
  try {
    const count = cursor.compactSize();
    for (let i = 0; i < count; i++) items.push(cursor.take(cursor.compactSize()).slice());
  } catch (error) {
    if (error instanceof CursorError) throw invalid(`input ${index} has a malformed witness`, error);
    throw error;
  }
  if (cursor.remaining > 0) throw invalid(`input ${index} has a malformed witness`);
  return items;
}

function invalid(reason: string, cause?: unknown): HawserError<"WALLET_ANSWER_INVALID"> {
  const message = `What the wallet returned cannot be used: ${reason}.`;
  return new HawserError("WALLET_ANSWER_INVALID", message, { reason }, cause === undefined ? {} : { cause });
}
