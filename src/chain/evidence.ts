import { equalBytes } from "../bytes/bytes.js";
import type { Verified } from "../crypto/verified.js";
import { HawserError } from "../errors.js";
import type { InclusionClaim } from "../ports.js";
import type { HeaderChain } from "./header-chain.js";
import { type ProvenTransaction, verifyBlockInclusions } from "./merkle.js";
import { parseTransaction, type Transaction } from "./transaction.js";
import { ask, type Panel, type Seat, spend } from "./union.js";

/** A transaction that some source reported at a height. */
export interface Report {
  readonly txid: string;
  readonly height: number;
  readonly seat: Seat;
}

/** A transaction with the place that is claimed for it, as it is stored between reads. */
export interface StoredTransaction {
  readonly raw: Uint8Array;
  readonly height: number;
  readonly position: number;
  readonly branch: readonly Uint8Array[];
}

interface PlacedTransaction {
  readonly tx: Transaction;
  readonly position: number;
  readonly branch: readonly Uint8Array[];
}

/**
 * Everything that the sources reported and that was proven on one chain (V2 to V4). What any one source proves is in,
 * whoever else leaves it out.
 */
export class Evidence {
  readonly #panel: Panel;
  readonly #raw = new Map<string, Promise<Transaction | null>>();
  readonly #claims = new Map<string, Promise<InclusionClaim | null>>();
  readonly #blocks = new Map<number, Map<string, PlacedTransaction>>();
  readonly #coinbases = new Map<number, PlacedTransaction>();
  readonly #proven = new Map<string, Verified<ProvenTransaction>>();
  readonly #previous = new Map<string, Transaction>();

  constructor(panel: Panel) {
    this.#panel = panel;
  }

  get proven(): readonly Verified<ProvenTransaction>[] {
    return [...this.#proven.values()];
  }

  /** Transactions whose hash is their txid (V3): proven ones and those fetched for an input's script. */
  get previous(): ReadonlyMap<string, Transaction> {
    return this.#previous;
  }

  isProven(txid: string): boolean {
    return this.#proven.has(txid);
  }

  /** What to keep so that a later read can prove the same transactions again without asking. */
  stored(): { transactions: StoredTransaction[]; coinbases: StoredTransaction[]; previous: Uint8Array[] } {
    const transactions = this.proven.map((entry) => ({
      raw: entry.tx.raw,
      height: entry.height,
      position: entry.position,
      branch: entry.branch,
    }));
    const coinbases = [...this.#coinbases].map(([height, { tx, position, branch }]) => {
      return { raw: tx.raw, height, position, branch };
    });
    const previous = [...this.#previous.values()].filter((tx) => !this.#proven.has(tx.txid)).map((tx) => tx.raw);
    return { transactions, coinbases, previous };
  }

  /** Proves stored transactions again on `chain` (V6); what a reorganisation removed is dropped. */
  restore(
    chain: HeaderChain,
    stored: {
      readonly transactions: readonly StoredTransaction[];
      readonly coinbases: readonly StoredTransaction[];
      readonly previous: readonly Uint8Array[];
    },
  ): void {
    for (const raw of stored.previous) this.#keep(parseTransaction(raw));
    for (const { raw, height, position, branch } of stored.coinbases) {
      this.#coinbases.set(height, { tx: parseTransaction(raw), position, branch });
    }
    const heights = new Set<number>();
    for (const { raw, height, position, branch } of stored.transactions) {
      const tx = this.#keep(parseTransaction(raw));
      this.#block(height).set(tx.txid, { tx, position, branch });
      heights.add(height);
    }
    for (const height of heights) this.#verifyBlock(chain, height);
  }

  /**
   * A transaction by its txid from the first source that has it, those given first. Its hash is checked (V3), so it
   * does not matter who sends it. Null when no source does.
   */
  transaction(txid: string, first: readonly Seat[]): Promise<Transaction | null> {
    const known = this.#previous.get(txid);
    if (known !== undefined) return Promise.resolve(known);
    let pending = this.#raw.get(txid);
    if (pending === undefined) {
      pending = this.#fetchTransaction(txid, first);
      this.#raw.set(txid, pending);
    }
    return pending;
  }

  /**
   * Takes a proven transaction's bytes from one given source, for its witness, which no txid commits to (C11).
   *
   * @returns whether the bytes differ from those that were known
   */
  async refetch(chain: HeaderChain, txid: string, seat: Seat): Promise<boolean> {
    const known = this.#previous.get(txid);
    const entry = this.#proven.get(txid);
    const answer = await ask(this.#panel, seat, (source, signal) => source.transaction(txid, { signal }));
    const raw = answer?.value;
    if (known === undefined || entry === undefined || raw === undefined || raw === null) return false;
    if (!spend(seat, 1, raw.length) || equalBytes(raw, known.raw)) return false;
    try {
      const tx = parseTransaction(raw);
      if (tx.txid !== txid) return false;
      this.#block(entry.height).set(txid, { tx: this.#keep(tx), position: entry.position, branch: entry.branch });
      this.#verifyBlock(chain, entry.height);
      return true;
    } catch {
      return false;
    }
  }

  async #fetchTransaction(txid: string, first: readonly Seat[]): Promise<Transaction | null> {
    for (const seat of this.#order(first)) {
      const answer = await ask(this.#panel, seat, (source, signal) => source.transaction(txid, { signal }));
      const raw = answer?.value;
      if (raw === undefined || raw === null || !spend(seat, 1, raw.length)) continue;
      try {
        const tx = parseTransaction(raw);
        // V3: the hash of the bytes is the outpoint's txid, else a source could invent any previous output.
        if (tx.txid === txid) return this.#keep(tx);
        seat.failure = new HawserError("CHAIN_TRANSACTION_INVALID", `${seat.label} sent another transaction.`, {
          reason: `asked for ${txid}, got ${tx.txid}`,
        });
      } catch (error) {
        seat.failure = error as HawserError;
      }
      seat.lied = true;
    }
    this.#raw.delete(txid);
    return null;
  }

  /** Starts fetching what {@link prove} will need, so that it travels beside other answers. */
  prefetch(report: Report): void {
    void this.transaction(report.txid, [report.seat]).catch(() => null);
    void this.#claim(report.seat, report.txid, report.height).catch(() => null);
  }

  /**
   * Proves what was reported. A report that does not prove is dropped and counts against its source (V4).
   *
   * @returns the txids that are proven now and were not before
   */
  async prove(chain: HeaderChain, reports: readonly Report[]): Promise<ReadonlySet<string>> {
    const byTxid = new Map<string, Report[]>();
    for (const report of reports) {
      if (this.#proven.has(report.txid)) continue;
      byTxid.set(report.txid, [...(byTxid.get(report.txid) ?? []), report]);
    }
    await Promise.all(
      [...byTxid].map(async ([txid, [report]]) => {
        if (report === undefined) return;
        await Promise.all([this.transaction(txid, [report.seat]), this.#claim(report.seat, txid, report.height)]);
      }),
    );
    const added = new Set<string>();
    for (const [txid, reporters] of byTxid) {
      if (await this.#proveOne(chain, txid, reporters)) added.add(txid);
      else for (const { seat } of reporters) seat.lied = true;
    }
    return added;
  }

  /** Asks every source where a transaction is, before {@link proveSearched} needs the answers. */
  async locate(txid: string, nearHeight: number, seats: readonly Seat[]): Promise<void> {
    await Promise.all(seats.map((seat) => this.#claim(seat, txid, nearHeight)));
  }

  /** Proves a transaction that nobody reported but that must exist, wherever a source finds it near a height. */
  async proveSearched(chain: HeaderChain, txid: string, nearHeight: number, seats: readonly Seat[]): Promise<boolean> {
    if (this.#proven.has(txid)) return true;
    return this.#proveOne(
      chain,
      txid,
      seats.map((seat) => ({ txid, height: nearHeight, seat })),
    );
  }

  async #proveOne(chain: HeaderChain, txid: string, reporters: readonly Report[]): Promise<boolean> {
    const tx = await this.transaction(
      txid,
      reporters.map((report) => report.seat),
    );
    if (tx === null) return false;
    for (const { seat, height } of reporters) {
      const claim = await this.#claim(seat, txid, height);
      if (claim === null || chain.headerAt(claim.height) === null) continue;
      const block = this.#block(claim.height);
      block.set(txid, { tx, position: claim.position, branch: claim.branch });
      if (this.#verifyBlock(chain, claim.height).coinbaseWouldHelp) {
        await this.#fetchCoinbase(claim.height, seat);
        this.#verifyBlock(chain, claim.height);
      }
      if (this.#proven.has(txid)) return true;
      block.delete(txid);
    }
    return false;
  }

  /** Checks all proofs of a block together, since their depths must agree (V2). */
  #verifyBlock(chain: HeaderChain, height: number): { coinbaseWouldHelp: boolean } {
    const block = this.#block(height);
    for (const txid of block.keys()) this.#proven.delete(txid);
    const header = chain.headerAt(height);
    if (header === null) return { coinbaseWouldHelp: false };
    const result = verifyBlockInclusions({
      header,
      height,
      claims: [...block.values()],
      coinbase: this.#coinbases.get(height) ?? null,
    });
    for (const entry of result.proven) this.#proven.set(entry.tx.txid, entry);
    return result;
  }

  async #fetchCoinbase(height: number, seat: Seat): Promise<void> {
    if (this.#coinbases.has(height)) return;
    const id = await ask(this.#panel, seat, (source, signal) => source.coinbaseTxid(height, { signal }));
    if (id === null) return;
    const [tx, claim] = await Promise.all([this.transaction(id.value, [seat]), this.#claim(seat, id.value, height)]);
    if (tx === null || claim === null || claim.height !== height) return;
    this.#coinbases.set(height, { tx, position: claim.position, branch: claim.branch });
  }

  #claim(seat: Seat, txid: string, height: number): Promise<InclusionClaim | null> {
    const key = `${this.#panel.seats.indexOf(seat)}/${height}/${txid}`;
    let pending = this.#claims.get(key);
    if (pending === undefined) {
      pending = ask(this.#panel, seat, (source, signal) => source.inclusion(txid, height, { signal })).then(
        (answer) => {
          const claim = answer?.value ?? null;
          return claim !== null && spend(seat, 0, 32 * claim.branch.length) ? claim : null;
        },
      );
      this.#claims.set(key, pending);
    }
    return pending;
  }

  #order(first: readonly Seat[]): readonly Seat[] {
    return [...first, ...this.#panel.seats.filter((seat) => !first.includes(seat))];
  }

  #keep(tx: Transaction): Transaction {
    this.#previous.set(tx.txid, tx);
    return tx;
  }

  #block(height: number): Map<string, PlacedTransaction> {
    let block = this.#blocks.get(height);
    if (block === undefined) {
      block = new Map();
      this.#blocks.set(height, block);
    }
    return block;
  }
}
