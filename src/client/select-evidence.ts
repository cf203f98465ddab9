import type { StoredEvidence, StoredTransaction } from "../chain/evidence.js";
import type { Network } from "../chain/network.js";
import { isCoinbase, parseTransaction, type Transaction } from "../chain/transaction.js";
import { isHawserError } from "../errors.js";
import { comparePlaces } from "../name/chain-order.js";
import type { Name } from "../name/name.js";
import { candidateRecover, candidateRegister } from "../name/thread.js";
import type { Bundle } from "./bundle-form.js";

/** A transaction as a bundle places it. */
interface Placed {
  readonly entry: StoredTransaction;
  readonly tx: Transaction;
}

/** What a bundle reports of its name. */
export interface BundleEvidence extends StoredEvidence {
  /** txid, display order, of the last REGISTER or RECOVER among the transactions, as far as their own bytes tell. */
  readonly lastInBeacon: string | undefined;
}

/**
 * Those transactions of a bundle that can be part of the name's thread, as far as their own bytes tell. Any others are
 * left out, however real they are: what a reader proves it keeps, and a bundle full of the chain's other transactions
 * would fill its cache for good (V8).
 */
export function selectEvidence({ txs, prev }: Bundle, network: Network, name: Name): BundleEvidence {
  const placed = [...txs].sort(comparePlaces).flatMap(parsed);
  const registers = placed.filter(({ tx }) => candidateRegister(tx, name, network));
  const preorders = new Set(registers.map(({ tx }) => tx.inputs[0]?.outpoint.txid));
  const kept = new Set<string>();
  const heights = new Set<number>();
  let lastInBeacon: string | undefined;
  const transactions = placed.flatMap(({ entry, tx }) => {
    // C1: a seal is always vout 1, whatever spends it.
    const spendsSeal = tx.inputs.some(({ outpoint }) => outpoint.vout === 1 && kept.has(outpoint.txid));
    const isInBeacon = candidateRegister(tx, name, network) || candidateRecover(tx, name, network);
    if (!spendsSeal && !isInBeacon && !preorders.has(tx.txid)) return [];
    if (isInBeacon) lastInBeacon = tx.txid;
    kept.add(tx.txid);
    heights.add(entry.height);
    return [entry];
  });
  const coinbases = placed.filter(({ entry, tx }) => isCoinbase(tx) && heights.has(entry.height));
  // V3: of these the evidence keeps what vin 0 of a proven transaction spends.
  return { transactions, coinbases: coinbases.map(({ entry }) => entry), previous: prev, lastInBeacon };
}

function parsed(entry: StoredTransaction): readonly Placed[] {
  try {
    return [{ entry, tx: parseTransaction(entry.raw) }];
  } catch (error) {
    if (isHawserError(error, "CHAIN_TRANSACTION_INVALID")) return [];
    throw error;
  }
}
