import type { Chain, ChainBlock, MinedTransaction } from "./chain.js";
import { scriptHash } from "./chain.js";
import { type Coin, coinsOf, isUnspendable, type KnownTransaction, outpointKey } from "./known-transaction.js";
import type { Mempool } from "./mempool.js";

/** What a source keeps back. */
export interface ViewLimits {
  /** The source's chain ends here; null: at the tip. */
  readonly tipHeight: number | null;
  /** The source hides every transaction above this height and the mempool, but not the headers; null: none. */
  readonly hideAbove: number | null;
}

/** A transaction as a source shows it. */
export interface SeenTransaction {
  readonly known: KnownTransaction;
  /** null in the mempool. */
  readonly block: ChainBlock | null;
}

/** An input that spends an output, as a source shows it. */
export interface SeenSpend {
  readonly txid: string;
  readonly vin: number;
  readonly block: ChainBlock | null;
}

/** The chain and mempool as one source shows them: all of it, or less where it lies or lags. */
export class ChainView {
  readonly #chain: Chain;
  readonly #mempool: Mempool;
  readonly #limits: ViewLimits;

  constructor(chain: Chain, mempool: Mempool, limits: ViewLimits) {
    this.#chain = chain;
    this.#mempool = mempool;
    this.#limits = limits;
  }

  get height(): number {
    return Math.min(this.#chain.height, this.#limits.tipHeight ?? Number.MAX_SAFE_INTEGER);
  }

  blockAt(height: number): ChainBlock | null {
    return height <= this.height ? this.#chain.blockAt(height) : null;
  }

  blockOf(hash: string): ChainBlock | null {
    const height = this.#chain.heightOf(hash);
    return height === null ? null : this.blockAt(height);
  }

  /** The transactions of a block, or null when the source hides them. */
  transactionsOf(block: ChainBlock): readonly MinedTransaction[] | null {
    return this.#shows(block.height) ? block.transactions : null;
  }

  transaction(txid: string): SeenTransaction | null {
    const mined = this.#chain.transaction(txid);
    if (mined !== null && this.#shows(mined.height)) return { known: mined, block: this.blockAt(mined.height) };
    const pending = this.#showsMempool ? this.#mempool.entry(txid) : null;
    return pending === null ? null : { known: pending.known, block: null };
  }

  spendOf(txid: string, vout: number): SeenSpend | null {
    const key = outpointKey(txid, vout);
    const mined = this.#chain.spendOf(key);
    if (mined !== null && this.#shows(mined.height)) {
      return { txid: mined.txid, vin: mined.vin, block: this.blockAt(mined.height) };
    }
    const pending = this.#showsMempool ? this.#mempool.spendOf(key) : null;
    return pending === null ? null : { ...pending, block: null };
  }

  /**
   * Mined transactions of a script as an Esplora server sorts them: by height, then by txid, newest first. This is not
   * the order of the chain: within a block, position alone is (C6).
   */
  history(hash: string): readonly SeenTransaction[] {
    const seen: (SeenTransaction & { readonly height: number })[] = [];
    for (const txid of this.#chain.historyOf(hash)) {
      const known = this.#chain.transaction(txid);
      if (known === null || !this.#shows(known.height)) continue;
      seen.push({ known, height: known.height, block: this.blockAt(known.height) });
    }
    return seen.sort((a, b) => b.height - a.height || (a.known.txid < b.known.txid ? 1 : -1));
  }

  /** Mempool transactions of a script, newest first. */
  pendingHistory(hash: string): readonly SeenTransaction[] {
    const touches = (known: KnownTransaction): boolean =>
      [...known.spent, ...coinsOf(known, null)].some(({ script }) => scriptHash(script) === hash);
    return this.pending()
      .filter(touches)
      .map((known) => ({ known, block: null }))
      .reverse();
  }

  /** Mempool transactions, oldest first. */
  pending(): readonly KnownTransaction[] {
    return this.#showsMempool ? this.#mempool.entries().map(({ known }) => known) : [];
  }

  /** Every output to a script that the source shows, with its spend. */
  outputs(
    hash: string,
  ): readonly { readonly coin: Coin; readonly made: SeenTransaction; readonly spend: SeenSpend | null }[] {
    return [...this.history(hash), ...this.pendingHistory(hash)].flatMap((made) =>
      coinsOf(made.known, made.block?.height ?? null)
        .filter(({ script }) => !isUnspendable(script) && scriptHash(script) === hash)
        .map((coin) => ({ coin, made, spend: this.spendOf(coin.txid, coin.vout) })),
    );
  }

  get #showsMempool(): boolean {
    return this.#limits.tipHeight === null && this.#limits.hideAbove === null;
  }

  #shows(height: number): boolean {
    return height <= Math.min(this.height, this.#limits.hideAbove ?? Number.MAX_SAFE_INTEGER);
  }
}
