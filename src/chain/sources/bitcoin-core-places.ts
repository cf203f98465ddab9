import type { Outpoint } from "../../ports.js";
import type { Place } from "./bitcoin-core-blocks.js";

/** A mined transaction that spends an output of another. */
export interface KnownSpender extends Place {
  readonly txid: string;
}

/** A transaction, as far as it tells what it spends. */
interface SpendingTransaction {
  readonly txid: string;
  readonly inputs: readonly { readonly outpoint: Outpoint }[];
}

/** transactions - that are remembered; the oldest are forgotten first. */
const MOST_REMEMBERED = 20_000;

/**
 * Where transactions are, by the server's own earlier answers: with it a server needs no transaction index. What a
 * reorganisation moved is found out when it is asked for.
 */
export class KnownPlaces {
  readonly #places = new Map<string, Place>();
  readonly #spenders = new Map<string, KnownSpender>();

  note(txid: string, place: Place): void {
    remember(this.#places, txid, place);
  }

  /** Takes down where a transaction is, and that it spends outputs of others. */
  noteTransaction({ txid, inputs }: SpendingTransaction, place: Place): void {
    this.note(txid, place);
    for (const { outpoint } of inputs) remember(this.#spenders, outpoint.txid, { ...place, txid });
  }

  get(txid: string): Place | null {
    return this.#places.get(txid) ?? null;
  }

  forget(txid: string): void {
    this.#places.delete(txid);
  }

  /** A mined transaction that spends an output of this one, or null. */
  spenderOf(txid: string): KnownSpender | null {
    return this.#spenders.get(txid) ?? null;
  }
}

function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= MOST_REMEMBERED) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
