import { type Transaction as ContainedTransaction, Psbt } from "bip174";
import { Transaction as SigningTransaction } from "bitcoinjs-lib/src/transaction";
import { concatBytes } from "../bytes/bytes.js";
import { decodeHex, reversed } from "../bytes/hex.js";
import { parseTransaction, type Transaction, type TransactionOutput } from "../chain/transaction.js";
import { HawserError } from "../errors.js";
import type { OperationKind } from "../name/operation.js";
import { assertCoin, type FundingCoin, outpointKey } from "./coin-selection.js";

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
 * @throws CHAIN_TRANSACTION_INVALID when an input is not what its transaction says, or is there twice
 */
export function createPsbt(
  inputs: readonly PlannedInput[],
  outputs: readonly TransactionOutput[],
): { readonly psbt: Uint8Array; readonly transaction: Transaction } {
  const unsigned = new SigningTransaction();
  unsigned.version = VERSION;
  const psbt = new Psbt(contained(unsigned));
  for (const input of inputs) {
    assertCoin(input);
    const { outpoint, valueSats, account, previousTransaction } = input;
    psbt.addInput({
      hash: reversed(decodeHex(outpoint.txid, 32, "txid")),
      index: outpoint.vout,
      sequence: input.sequence ?? SEQUENCE_REPLACEABLE,
      witnessUtxo: { script: account.script, value: valueSats },
      ...(account.kind === "p2tr"
        ? { tapInternalKey: account.publicKey }
        : { nonWitnessUtxo: previousTransaction.raw }),
    });
  }
  for (const { script, valueSats } of outputs) psbt.addOutput({ script, value: valueSats });
  const transaction = parseTransaction(psbt.getTransaction());
  assertSpendsOnce(transaction);
  return { psbt: psbt.toBuffer(), transaction };
}

/**
 * A PSBT and its unsigned transaction, which has inputs, none of them twice, and outputs (BIP174 version 0). Of the
 * fields only the form is checked, and unknown ones are kept; bytes after the last map are ignored.
 *
 * @throws whatever bip174 throws, and HawserErrors: callers turn everything into a code of their own
 */
export function parsePsbt(bytes: Uint8Array): { readonly psbt: Psbt; readonly transaction: Transaction } {
  const psbt = Psbt.fromBuffer(bytes, (raw) => contained(SigningTransaction.fromBuffer(raw)));
  const transaction = parseTransaction(psbt.getTransaction());
  for (const { scriptSig, witness } of transaction.inputs) {
    // BIP174: signatures are in the maps, so that there is one transaction to look at.
    if (scriptSig.length > 0 || witness.length > 0)
      throw invalid("its inputs are signed, which those of a PSBT are not");
  }
  assertSpendsOnce(transaction);
  return { psbt, transaction };
}

function assertSpendsOnce({ inputs }: Transaction): void {
  const spent = new Set(inputs.map(({ outpoint }) => outpointKey(outpoint)));
  if (spent.size < inputs.length) throw invalid("it spends an output twice");
}

/** A transaction as bip174 handles it. */
function contained(transaction: SigningTransaction): ContainedTransaction {
  return {
    getInputOutputCounts: () => ({ inputCount: transaction.ins.length, outputCount: transaction.outs.length }),
    addInput: ({ hash, index, sequence }: { hash: Uint8Array; index: number; sequence: number }) => {
      transaction.addInput(hash, index, sequence);
    },
    addOutput: ({ script, value }: { script: Uint8Array; value: bigint }) => {
      transaction.addOutput(script, value);
    },
    toBuffer: () => transaction.toBuffer(),
  };
}

/** BIP143: the script code of P2WPKH, `OP_DUP OP_HASH160 <program> OP_EQUALVERIFY OP_CHECKSIG`. */
export function keyHashScript(program: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(0x76, 0xa9, program.length), program, Uint8Array.of(0x88, 0xac));
}

function invalid(reason: string): HawserError<"CHAIN_TRANSACTION_INVALID"> {
  return new HawserError("CHAIN_TRANSACTION_INVALID", `The transaction cannot be used: ${reason}.`, { reason });
}
