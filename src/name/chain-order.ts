import type { ProvenTransaction } from "../chain/merkle.js";
import type { Transaction } from "../chain/transaction.js";
import type { Verified } from "../crypto/verified.js";
import type { Outpoint } from "../ports.js";

/** Where a transaction is in the chain. The Merkle proof says so, never a server's word (C6). */
export interface Place {
  readonly height: number;
  readonly position: number;
}

/** A proven transaction at its place. */
export interface PlacedTransaction {
  readonly place: Place;
  readonly tx: Transaction;
  /** The same transaction as each source gave it: a txid commits to no witness, so witnesses may differ (C11). */
  readonly copies: readonly Transaction[];
}

/** The input that spends an output. */
export interface Spend {
  readonly by: PlacedTransaction;
  readonly vin: number;
}

/** C6: negative when `a` is before `b` in the chain. */
export function comparePlaces(a: Place, b: Place): number {
  return a.height - b.height || a.position - b.position;
}

/** Proven transactions up to a height, in chain order, with what each spends. */
export class ChainOrder {
  readonly ordered: readonly PlacedTransaction[];
  readonly #byTxid = new Map<string, PlacedTransaction>();
  readonly #spends = new Map<string, Spend>();

  constructor(transactions: readonly Verified<ProvenTransaction>[], maxHeight: number) {
    // V6: what is above is pending and moves nothing.
    const applied = transactions.filter((entry) => entry.height <= maxHeight).sort(comparePlaces);
    const copies = new Map<string, Transaction[]>();
    for (const { tx, height, position } of applied) {
      const known = copies.get(tx.txid);
      if (known !== undefined) {
        known.push(tx);
        continue;
      }
      const all = [tx];
      copies.set(tx.txid, all);
      this.#byTxid.set(tx.txid, { place: { height, position }, tx, copies: all });
    }
    this.ordered = [...this.#byTxid.values()];
    for (const by of this.ordered) {
      by.tx.inputs.forEach((input, vin) => {
        const key = outpointKey(input.outpoint);
        if (!this.#spends.has(key)) this.#spends.set(key, { by, vin });
      });
    }
  }

  get(txid: string): PlacedTransaction | null {
    return this.#byTxid.get(txid) ?? null;
  }

  /** The input that spends `outpoint`, or null if no known transaction does. */
  spendOf(outpoint: Outpoint): Spend | null {
    return this.#spends.get(outpointKey(outpoint)) ?? null;
  }
}

function outpointKey({ txid, vout }: Outpoint): string {
  return `${txid}:${vout}`;
}
