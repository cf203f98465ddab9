import { concatBytes } from "../bytes/bytes.js";
import { Cursor, CursorError } from "../bytes/cursor.js";
import { encodeHex, reversed } from "../bytes/hex.js";
import { hash256 } from "../crypto/hash.js";
import { HawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { Outpoint } from "../ports.js";

/** An input. Nothing may be concluded from `witness` but what C11 allows: no txid commits to it. */
export interface TransactionInput {
  readonly outpoint: Outpoint;
  readonly scriptSig: Uint8Array;
  readonly sequence: number;
  /** Empty where the input has none. */
  readonly witness: readonly Uint8Array[];
}

/** An output. Values are not range-checked. */
export interface TransactionOutput {
  readonly valueSats: bigint;
  readonly script: Uint8Array;
}

/** A transaction whose `txid` was computed from `raw`; made by {@link parseTransaction} only. */
export interface Transaction {
  /** Display order, hex. */
  readonly txid: string;
  /** As an unsigned 32-bit integer. */
  readonly version: number;
  readonly inputs: readonly TransactionInput[];
  readonly outputs: readonly TransactionOutput[];
  readonly lockTime: number;
  /** Bytes without marker, flag and witnesses: what the txid covers. */
  readonly strippedSize: number;
  /** The bytes that were parsed, witness included. */
  readonly raw: Uint8Array;
}

const NULL_TXID = "00".repeat(32);
const MARKER = 0;
const FLAG = 1;

/**
 * A raw transaction, with or without witness, at most 4,000,000 bytes; `raw` is copied.
 *
 * V2's strict form: shortest compact sizes, at least one input and one output, flag 1, a witness wherever there is a
 * marker, no byte left over.
 *
 * @throws CHAIN_TRANSACTION_INVALID
 */
export function parseTransaction(raw: Uint8Array): Transaction {
  if (raw.length > limits.transactionMaxBytes) {
    throw invalid(`expected at most ${limits.transactionMaxBytes} bytes, got ${raw.length}`);
  }
  const cursor = new Cursor(raw.slice());
  try {
    const tx = readTransaction(cursor);
    if (cursor.remaining > 0) throw invalid(`${cursor.remaining} bytes after the end`);
    return tx;
  } catch (error) {
    if (error instanceof CursorError) throw invalid(error.message);
    throw error;
  }
}

/**
 * The transaction that begins where `cursor` is, in V2's strict form; its `raw` is a view of the cursor's bytes.
 *
 * @throws CHAIN_TRANSACTION_INVALID, CursorError
 */
export function readTransaction(cursor: Cursor): Transaction {
  const start = cursor.offset;
  const versionBytes = cursor.take(4);
  const version = new Cursor(versionBytes).u32();
  const segwit = cursor.peek() === MARKER;
  if (segwit) {
    cursor.take(1);
    const flag = cursor.u8();
    // Without a flag this is a transaction with no input, which V2 does not know either.
    if (flag !== FLAG) throw invalid(`expected an input or witness flag 1, got ${flag}`);
  }
  const bodyStart = cursor.offset;
  const inputs = readInputs(cursor);
  const outputs = readOutputs(cursor);
  const body = cursor.since(bodyStart);
  const witnesses = segwit ? inputs.map(() => readWitness(cursor)) : [];
  // V2: a marker without a witness would give one transaction two raw forms.
  if (segwit && witnesses.every((witness) => witness.length === 0)) throw invalid("witness marker without a witness");
  const lockTimeBytes = cursor.take(4);
  const stripped = concatBytes(versionBytes, body, lockTimeBytes);
  return {
    txid: encodeHex(reversed(hash256(stripped))),
    version,
    inputs: inputs.map((input, index) => ({ ...input, witness: witnesses[index] ?? [] })),
    outputs,
    lockTime: new Cursor(lockTimeBytes).u32(),
    strippedSize: stripped.length,
    raw: cursor.since(start),
  };
}

function readInputs(cursor: Cursor): Omit<TransactionInput, "witness">[] {
  const count = cursor.compactSize();
  if (count === 0) throw invalid("no input");
  const inputs: Omit<TransactionInput, "witness">[] = [];
  for (let i = 0; i < count; i++) {
    const txid = encodeHex(reversed(cursor.take(32)));
    const vout = cursor.u32();
    const scriptSig = cursor.take(cursor.compactSize());
    inputs.push({ outpoint: { txid, vout }, scriptSig, sequence: cursor.u32() });
  }
  return inputs;
}

function readOutputs(cursor: Cursor): TransactionOutput[] {
  const count = cursor.compactSize();
  if (count === 0) throw invalid("no output");
  const outputs: TransactionOutput[] = [];
  for (let i = 0; i < count; i++) {
    const valueSats = cursor.u64();
    outputs.push({ valueSats, script: cursor.take(cursor.compactSize()) });
  }
  return outputs;
}

function readWitness(cursor: Cursor): readonly Uint8Array[] {
  const count = cursor.compactSize();
  const items: Uint8Array[] = [];
  for (let i = 0; i < count; i++) items.push(cursor.take(cursor.compactSize()));
  return items;
}

function invalid(reason: string): HawserError<"CHAIN_TRANSACTION_INVALID"> {
  return new HawserError("CHAIN_TRANSACTION_INVALID", `Not a transaction: ${reason}.`, { reason });
}

/** Whether a transaction is a block's coinbase: one input that spends the null outpoint. */
export function isCoinbase(tx: Transaction): boolean {
  const outpoint = tx.inputs.length === 1 ? tx.inputs[0]?.outpoint : undefined;
  return outpoint?.txid === NULL_TXID && outpoint.vout === 0xffffffff;
}

/**
 * Whether 64 bytes, the two halves of an inner Merkle node, are also a stripped transaction (V2): one input, one
 * output, shortest compact sizes, no byte left over. 60 bytes are fixed, so the two scripts share the other four.
 */
export function parsesAsTransaction64(bytes: Uint8Array): boolean {
  const scriptSigSize = bytes[41];
  if (bytes.length !== 64 || bytes[4] !== 1 || scriptSigSize === undefined) return false;
  const outputs = 42 + scriptSigSize + 4;
  return bytes[outputs] === 1 && bytes[outputs + 9] === 4 - scriptSigSize;
}
