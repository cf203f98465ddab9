import { equalBytes } from "../bytes/bytes.js";
import type { Verified } from "../crypto/verified.js";
import { HawserError, isHawserError } from "../errors.js";
import type { InclusionClaim } from "../ports.js";
import { BlockProofs } from "./block-proofs.js";
import type { HeaderChain } from "./header-chain.js";
import type { ProvenTransaction } from "./merkle.js";
import { askCoinbase, askInclusion, askTransaction } from "./source-calls.js";
import { parseTransaction, type Transaction } from "./transaction.js";
import { dismiss, firstAnswer, type Panel, type Seat, spend } from "./union.js";

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

/** What is kept so that a later read can prove the same transactions again without asking. */
export interface StoredEvidence {
  readonly transactions: readonly StoredTransaction[];
  /** Coinbase proofs that V2 needed. */
  readonly coinbases: readonly StoredTransaction[];
  /** Transactions that vin 0 of others spends (V3). */
  readonly previous: readonly Uint8Array[];
}

/** `absent`: the source says that there is none. `unanswered`: it said nothing that can be used (V5). */
type Silence = "absent" | "unanswered";

/**
 * Everything that the sources reported and that was proven on one chain (V2 to V4). What any one source proves is in,
 * whoever else leaves it out.
 */
export class Evidence {
  readonly #panel: Panel;
  readonly #proofs = new BlockProofs();
  readonly #known = new Map<string, Transaction>();
  readonly #fetches = new Map<string, Promise<Transaction | Silence>>();
  readonly #claims = new Map<string, Promise<InclusionClaim | Silence>>();

  constructor(panel: Panel) {
    this.#panel = panel;
  }

  get proven(): readonly Verified<ProvenTransaction>[] {
    return this.#proofs.proven;
  }

  /** Transactions whose hash is their txid (V3): proven ones and those fetched for an input's script. */
  get previous(): ReadonlyMap<string, Transaction> {
    return this.#known;
  }

  isProven(txid: string): boolean {
    return this.#proofs.get(txid) !== null;
  }

  /** The height of a proven transaction, or null. */
  heightOf(txid: string): number | null {
    return this.#proofs.get(txid)?.height ?? null;
  }

  /** The height at which one source says that a transaction is, or null if it names none. Nothing is proven by it. */
  async claimedHeight({ txid, height, seat }: Report): Promise<number | null> {
    const claim = await this.#claim(seat, txid, height);
    return typeof claim === "string" ? null : claim.height;
  }

  /** What to keep: the proven transactions and what their first inputs spend; nothing of what proved to be foreign. */
  stored(): StoredEvidence {
    const transactions = this.proven.map(({ tx: { raw }, height, position, branch }) => {
      return { raw, height, position, branch };
    });
    const coinbases = [...this.#proofs.coinbases].map(([height, { tx, position, branch }]) => {
      return { raw: tx.raw, height, position, branch };
    });
    const spent = new Set(this.proven.flatMap(({ tx }) => tx.inputs[0]?.outpoint.txid ?? []));
    const previous = [...spent].flatMap((txid) => (this.isProven(txid) ? [] : (this.#known.get(txid)?.raw ?? [])));
    return { transactions, coinbases, previous };
  }

  /**
   * Proves stored transactions again on `chain` (V6); what a reorganisation removed is dropped, and so is what does not
   * parse: a damaged cache costs a longer read, never a wrong one.
   */
  restore(chain: HeaderChain, stored: StoredEvidence): void {
    for (const raw of stored.previous) this.#keepStored(raw);
    for (const { raw, height, position, branch } of stored.coinbases) {
      const tx = this.#keepStored(raw);
      if (tx !== null) this.#proofs.addCoinbase(chain, height, { tx, position, branch });
    }
    for (const { raw, height, position, branch } of stored.transactions) {
      const tx = this.#keepStored(raw);
      if (tx !== null) this.#proofs.add(chain, height, { tx, position, branch });
    }
  }

  /**
   * A transaction by its txid from the first of these sources that has it. Its hash is checked (V3), so it does not
   * matter who sends it. Null when none of them does.
   */
  async transaction(txid: string, seats: readonly Seat[]): Promise<Transaction | null> {
    const known = this.#known.get(txid);
    if (known !== undefined) return known;
    return firstAnswer(this.#panel, seats, async (seat) => {
      const fetched = await this.#fetch(seat, txid);
      return typeof fetched === "string" ? null : fetched;
    });
  }

  /** Starts fetching, from the source that reported it alone, what {@link prove} will need. */
  prefetch({ txid, height, seat }: Report): void {
    void this.#fetch(seat, txid).catch(() => undefined);
    void this.#claim(seat, txid, height).catch(() => undefined);
  }

  /**
   * Proves a transaction by what those that reported it say. A report that does not prove is dropped and counts against
   * its source (V4).
   */
  async prove(chain: HeaderChain, txid: string, reports: readonly Report[]): Promise<boolean> {
    if (this.isProven(txid)) return true;
    const [first] = reports;
    if (first !== undefined) this.prefetch(first);
    // V8: of those that reported it alone, or liars could have an honest source use up what it may send.
    const tx = await this.transaction(
      txid,
      reports.map(({ seat }) => seat),
    );
    if (tx !== null && (await this.#proveAny(chain, tx, reports))) return true;
    await Promise.all(reports.map((report) => this.#blame(report)));
    return false;
  }

  /** Proves a transaction that nobody reported but that must exist, wherever any source finds it near a height. */
  async search(chain: HeaderChain, txid: string, nearHeight: number): Promise<boolean> {
    if (this.isProven(txid)) return true;
    const { seats } = this.#panel;
    const [first] = seats;
    if (first !== undefined) this.prefetch({ txid, height: nearHeight, seat: first });
    const tx = await this.transaction(txid, seats);
    const anywhere = seats.map((seat) => ({ txid, height: nearHeight, seat }));
    return tx !== null && this.#proveAny(chain, tx, anywhere);
  }

  /**
   * Takes a proven transaction's bytes from one given source, for its witness, which no txid commits to (C11).
   *
   * @returns whether the bytes differ from those that were known
   */
  async refetch(chain: HeaderChain, txid: string, seat: Seat): Promise<boolean> {
    const entry = this.#proofs.get(txid);
    const answer = await askTransaction(this.#panel, seat, txid);
    if (entry === null || answer === null || answer.value === null) return false;
    if (!spend(seat, 1, answer.value.length) || equalBytes(answer.value, entry.tx.raw)) return false;
    const tx = parseOrNull(answer.value);
    if (tx?.txid !== txid) return false;
    this.#known.set(txid, tx);
    return this.#proofs.add(chain, entry.height, { tx, position: entry.position, branch: entry.branch }) === "proven";
  }

  /** What one source sends for a txid; asked once. */
  #fetch(seat: Seat, txid: string): Promise<Transaction | Silence> {
    const key = `${this.#panel.seats.indexOf(seat)}/${txid}`;
    let fetching = this.#fetches.get(key);
    if (fetching === undefined) {
      fetching = this.#fetchNow(seat, txid);
      this.#fetches.set(key, fetching);
    }
    return fetching;
  }

  async #fetchNow(seat: Seat, txid: string): Promise<Transaction | Silence> {
    const answer = await askTransaction(this.#panel, seat, txid);
    if (answer === null) return "unanswered";
    if (answer.value === null) return "absent";
    if (!spend(seat, 1, answer.value.length)) return "unanswered";
    const tx = parseOrNull(answer.value);
    // V3: the hash of the bytes is the outpoint's txid, else a source could invent any previous output.
    if (tx?.txid === txid) {
      // The first copy stays: its witness may be the one that tells the owner's key.
      const known = this.#known.get(txid) ?? tx;
      this.#known.set(txid, known);
      return known;
    }
    const reason = `asked for ${txid}, got ${tx === null ? "no transaction" : tx.txid}`;
    seat.failure = new HawserError("CHAIN_TRANSACTION_INVALID", `${seat.label} sent something else: ${reason}.`, {
      reason,
    });
    seat.lies++;
    return "absent";
  }

  /** Where one source says that a transaction is; asked once. */
  #claim(seat: Seat, txid: string, height: number): Promise<InclusionClaim | Silence> {
    const key = `${this.#panel.seats.indexOf(seat)}/${height}/${txid}`;
    let claiming = this.#claims.get(key);
    if (claiming === undefined) {
      claiming = askInclusion(this.#panel, seat, txid, height).then((answer) => {
        if (answer === null) return "unanswered";
        if (answer.value === null) return "absent";
        return spend(seat, 0, 32 * answer.value.branch.length) ? answer.value : "unanswered";
      });
      this.#claims.set(key, claiming);
    }
    return claiming;
  }

  async #proveAny(chain: HeaderChain, tx: Transaction, reports: readonly Report[]): Promise<boolean> {
    const heights = new Map(reports.map(({ seat, height }) => [seat, height]));
    const proven = await firstAnswer(this.#panel, [...heights.keys()], async (seat) => {
      const claim = await this.#claim(seat, tx.txid, heights.get(seat) ?? 0);
      if (typeof claim === "string") return null;
      return (await this.#proveClaim(chain, tx, claim, seat)) ? true : null;
    });
    return proven === true;
  }

  async #proveClaim(
    chain: HeaderChain,
    tx: Transaction,
    { height, position, branch }: InclusionClaim,
    seat: Seat,
  ): Promise<boolean> {
    // C11: a copy with a better witness may have come in the meantime.
    const place = { tx: this.#known.get(tx.txid) ?? tx, position, branch };
    let outcome = this.#proofs.add(chain, height, place);
    if (outcome === "open" && (await this.#findCoinbase(chain, height, seat))) {
      outcome = this.#proofs.add(chain, height, place);
    }
    return outcome === "proven";
  }

  /** V2: any source's coinbase proof will do, since it proves itself. */
  async #findCoinbase(chain: HeaderChain, height: number, first: Seat): Promise<boolean> {
    const found = await firstAnswer(this.#panel, this.#inOrder([first]), async (seat) => {
      const txid = await askCoinbase(this.#panel, seat, height);
      if (txid === null) return null;
      const [tx, claim] = await Promise.all([this.#fetch(seat, txid), this.#claim(seat, txid, height)]);
      if (typeof tx === "string" || typeof claim === "string") return null;
      const { position, branch } = claim;
      return this.#proofs.addCoinbase(chain, height, { tx, position, branch }) ? true : null;
    });
    return found === true;
  }

  /** V4: a report that nobody could prove. Where the source failed to answer, it has not answered; else it lied. */
  async #blame({ seat, txid, height }: Report): Promise<void> {
    if (seat.gone) return;
    const key = this.#panel.seats.indexOf(seat);
    const said = [await this.#fetches.get(`${key}/${txid}`), await this.#claims.get(`${key}/${height}/${txid}`)];
    if (!said.includes("unanswered")) {
      seat.lies++;
      return;
    }
    const reason = `it does not prove ${txid}, which it reported`;
    const details = { url: seat.label, reason };
    const unproven = new HawserError(
      "NETWORK_ANSWER_INVALID",
      `The answer of ${seat.label} is wrong: ${reason}.`,
      details,
    );
    dismiss(seat, seat.failure ?? unproven);
  }

  #inOrder(first: readonly Seat[]): readonly Seat[] {
    return [...first, ...this.#panel.seats.filter((seat) => !first.includes(seat))];
  }

  #keepStored(raw: Uint8Array): Transaction | null {
    const tx = parseOrNull(raw);
    if (tx !== null) this.#known.set(tx.txid, tx);
    return tx;
  }
}

function parseOrNull(raw: Uint8Array): Transaction | null {
  try {
    return parseTransaction(raw);
  } catch (error) {
    if (isHawserError(error, "CHAIN_TRANSACTION_INVALID")) return null;
    throw error;
  }
}
