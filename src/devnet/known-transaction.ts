import { Transaction } from "bitcoinjs-lib/src/transaction";
import { concatBytes, equalBytes } from "../bytes/bytes.js";
import { encodeHex, reversed } from "../bytes/hex.js";

/** An output that can be spent, or that was. */
export interface Coin {
  /** Display order. */
  readonly txid: string;
  readonly vout: number;
  readonly valueSats: bigint;
  readonly script: Uint8Array;
  /** Height of the block that made it; null in the mempool. */
  readonly height: number | null;
  readonly coinbase: boolean;
}

/** A transaction with what its inputs spend, in the order of the inputs; a coinbase spends nothing. */
export interface KnownTransaction {
  readonly tx: Transaction;
  /** Display order. */
  readonly txid: string;
  /** With witness. */
  readonly raw: Uint8Array;
  readonly spent: readonly Coin[];
}

/** The key of an output in the devnet's maps. */
export function outpointKey(txid: string, vout: number): string {
  return `${txid}:${vout}`;
}

/** A hash as servers show it: reversed hex. */
export function displayHash(internal: Uint8Array): string {
  return encodeHex(reversed(internal));
}

/** The keys of the outputs that a transaction's inputs spend. */
export function inputKeys(tx: Transaction): readonly string[] {
  return tx.ins.map((input) => outpointKey(displayHash(input.hash), input.index));
}

/** The outputs of a transaction as coins. */
export function coinsOf(known: KnownTransaction, height: number | null): readonly Coin[] {
  const coinbase = known.tx.isCoinbase();
  return known.tx.outs.map(({ value, script }, vout) => ({
    txid: known.txid,
    vout,
    valueSats: value,
    script,
    height,
    coinbase,
  }));
}

/** What a transaction leaves to the miner. */
export function feeOf(known: KnownTransaction): bigint {
  const paidIn = known.spent.reduce((sum, coin) => sum + coin.valueSats, 0n);
  return paidIn - known.tx.outs.reduce((sum, output) => sum + output.value, 0n);
}

/** The transaction that `raw` is, or null when it is none, or not in its one shortest form. */
export function decodeTransaction(raw: Uint8Array): Transaction | null {
  try {
    const tx = Transaction.fromBuffer(concatBytes(raw));
    return tx.ins.length > 0 && equalBytes(tx.toBuffer(), raw) ? tx : null;
  } catch {
    // The decoder's errors are of many kinds and all mean the same.
    return null;
  }
}

/** Whether an output can never be spent, so that no node keeps it. */
export function isUnspendable(script: Uint8Array): boolean {
  return script[0] === 0x6a || script.length > 10_000;
}
