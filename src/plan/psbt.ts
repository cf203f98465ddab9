import { Psbt } from "bitcoinjs-lib/src/psbt";
import { concatBytes } from "../bytes/bytes.js";
import { parseTransaction, type Transaction, type TransactionOutput } from "../chain/transaction.js";
import type { OperationKind } from "../name/operation.js";
import { assertCoin, type FundingCoin } from "./coin-selection.js";

/** A transaction to be signed. Everything about it is known: all inputs are segwit, so signing changes no txid. */
export interface PlannedTransaction {
  readonly kind: OperationKind;
  /** BIP174 version 0, unsigned. */
  readonly psbt: Uint8Array;
  /** Display order, hex; stays the same when it is signed. */
  readonly txid: string;
  /** The unsigned transaction. */
  readonly transaction: Transaction;
  /** One line for the person who approves. */
  readonly description: string;
  /** Indexes of the inputs that the wallet is to sign: all of them. */
  readonly inputsToSign: readonly number[];
  readonly feeSats: bigint;
  /** The greatest virtual size that it can have when it is signed. */
  readonly vbytes: number;
}

/** An input of a planned transaction. */
export interface PlannedInput extends FundingCoin {
  /** Default: signals replacement and nothing else. */
  readonly sequence?: number | undefined;
}

/** Replaceable (BIP125), with no lock time of its own. */
const SEQUENCE_REPLACEABLE = 0xfffffffd;
/** From version 2 on a sequence is a relative lock time (BIP68). */
const VERSION = 2;

/**
 * An unsigned PSBT: version 2, lock time 0, inputs and outputs in the order given. Every input carries `witnessUtxo`;
 * P2WPKH also `nonWitnessUtxo`, without which some hardware wallets warn, and P2TR its internal key.
 *
 * @throws CHAIN_TRANSACTION_INVALID when an input is not what its transaction says
 */
export function createPsbt(
  inputs: readonly PlannedInput[],
  outputs: readonly TransactionOutput[],
): { readonly psbt: Uint8Array; readonly transaction: Transaction } {
  const psbt = new Psbt();
  psbt.setVersion(VERSION);
  for (const input of inputs) {
    assertCoin(input);
    const { outpoint, valueSats, account, previousTransaction } = input;
    psbt.addInput({
      hash: outpoint.txid,
      index: outpoint.vout,
      sequence: input.sequence ?? SEQUENCE_REPLACEABLE,
      witnessUtxo: { script: account.script, value: valueSats },
      ...(account.kind === "p2tr"
        ? { tapInternalKey: account.publicKey }
        : { nonWitnessUtxo: previousTransaction.raw }),
    });
  }
  for (const { script, valueSats } of outputs) psbt.addOutput({ script, value: valueSats });
  return { psbt: psbt.toBuffer(), transaction: parseTransaction(psbt.data.getTransaction()) };
}

/** BIP143: the script code of P2WPKH, `OP_DUP OP_HASH160 <program> OP_EQUALVERIFY OP_CHECKSIG`. */
export function keyHashScript(program: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(0x76, 0xa9, program.length), program, Uint8Array.of(0x88, 0xac));
}
