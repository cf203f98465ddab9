import { Transaction as BitcoinTransaction } from "bitcoinjs-lib";
import { decodeHex, encodeHex, reversed } from "../../../src/bytes/hex.js";
import { parseTransaction, type Transaction } from "../../../src/chain/transaction.js";

/** A plain payment; `mark` tells transactions apart. */
export function payment(mark: number, options: { readonly witness?: boolean } = {}): Transaction {
  const tx = new BitcoinTransaction();
  tx.version = 2;
  tx.addInput(new Uint8Array(32).fill(mark), mark, 0xfffffffd);
  tx.addOutput(decodeHex(`0014${"ab".repeat(20)}`), 1_000n + BigInt(mark));
  if (options.witness === true) tx.setWitness(0, [new Uint8Array(64).fill(mark), new Uint8Array(0)]);
  return parseTransaction(tx.toBuffer());
}

/** A coinbase for a block of that height. */
export function coinbase(mark: number): Transaction {
  const tx = new BitcoinTransaction();
  tx.addInput(new Uint8Array(32), 0xffffffff, 0xffffffff, Uint8Array.of(3, mark, 0, 0, mark));
  tx.addOutput(decodeHex(`0014${"cd".repeat(20)}`), 5_000_000_000n);
  return parseTransaction(tx.toBuffer());
}

/** A transaction whose stripped form has 64 bytes; `scriptSigSize` of the four free bytes are in the input. */
export function payment64(scriptSigSize = 4, mark = 7): Transaction {
  const tx = new BitcoinTransaction();
  tx.version = 2;
  tx.addInput(new Uint8Array(32).fill(mark), 0, 0xfffffffd, new Uint8Array(scriptSigSize).fill(0x51));
  tx.addOutput(new Uint8Array(4 - scriptSigSize).fill(0x51), 5n);
  return parseTransaction(tx.toBuffer());
}

/** Something with that txid (internal order) that is no leaf of any real block: for trees made by hand. */
export function leafOf(hash: Uint8Array): Transaction {
  return { ...payment(1), txid: encodeHex(reversed(hash)) };
}
