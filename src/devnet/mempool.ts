import { unreachable } from "../bytes/guards.js";
import type { Chain, ChainBlock } from "./chain.js";
import {
  type Coin,
  coinsOf,
  decodeTransaction,
  feeOf,
  inputKeys,
  type KnownTransaction,
  outpointKey,
} from "./known-transaction.js";
import { type RpcCode, refused } from "./refusal.js";
import { checkInput } from "./script-check.js";
import { invalidReason, nonstandardReason } from "./standard.js";
import { isFinal, sequenceLocksPass } from "./timelock.js";

/** A transaction that waits for a block. */
export interface MempoolEntry {
  readonly known: KnownTransaction;
  readonly feeSats: bigint;
  readonly vsize: number;
  /** txids of the unconfirmed transactions that it spends from. */
  readonly parents: ReadonlySet<string>;
  /** BIP125: whether one of its own inputs says that it may be replaced. */
  readonly signals: boolean;
}

const COINBASE_MATURITY = 100;
const MOST_RELATIVES = 25;
const MOST_REPLACED = 100;
const MOST_BLOCK_WEIGHT = 3_996_000;

/**
 * Unconfirmed transactions, each fully checked. The rules are those of a cautious node, so that what the devnet takes
 * every node would take: relay floor and replacement step of 1 sat/vB, replacement only of what signals it (BIP125),
 * one OP_RETURN of at most 83 bytes. Reasons are in the words of Bitcoin Core.
 */
export class Mempool {
  readonly #chain: Chain;
  /** In the order of arrival, so that parents stand before their children. */
  readonly #entries = new Map<string, MempoolEntry>();
  readonly #spenders = new Map<string, { readonly txid: string; readonly vin: number }>();

  constructor(chain: Chain) {
    this.#chain = chain;
  }

  /** All entries, parents before children. */
  entries(): readonly MempoolEntry[] {
    return [...this.#entries.values()];
  }

  entry(txid: string): MempoolEntry | null {
    return this.#entries.get(txid) ?? null;
  }

  /** The unconfirmed input that spends an output, or null. */
  spendOf(key: string): { readonly txid: string; readonly vin: number } | null {
    return this.#spenders.get(key) ?? null;
  }

  /**
   * Takes a raw transaction, or takes notice that it is here already.
   *
   * @throws CHAIN_BROADCAST_REFUSED with a node's code and reason in `attempts[0]`.
   */
  accept(raw: Uint8Array): KnownTransaction {
    const tx = decodeTransaction(raw);
    if (tx === null) throw refused("", -22, "TX decode failed. Make sure the tx has at least one input.");
    const txid = tx.getId();
    const refuse = (reason: string, code: RpcCode = -26): Error => refused(txid, code, reason);
    const check = (reason: string | null): void => {
      if (reason !== null) throw refuse(reason);
    };
    if (tx.outs.some((_, vout) => this.#chain.coin(outpointKey(txid, vout)) !== null)) {
      throw refuse("Transaction outputs already in utxo set", -27);
    }
    const present = this.#entries.get(txid);
    if (present !== undefined) return present.known;
    check(invalidReason(tx));
    check(nonstandardReason(tx));
    if (!isFinal(tx, this.#chain)) throw refuse("non-final");
    const keys = inputKeys(tx);
    const rivals = this.#rivals(keys);
    if (!rivals.every((rival) => this.#replaceable(rival))) throw refuse("txn-mempool-conflict");
    const spent = keys.map((key) => this.#findCoin(key));
    if (!spent.every((coin) => coin !== null)) throw refuse("bad-txns-inputs-missingorspent", -25);
    const known: KnownTransaction = { tx, txid, raw: raw.slice(), spent };
    if (!sequenceLocksPass(tx, spent, this.#chain)) throw refuse("non-BIP68-final");
    check(this.#valueReason(known));
    const entry = entryOf(known);
    check(feeReason(entry));
    const replaced = rivals.length === 0 ? [] : this.#withDescendants(rivals);
    check(this.#chainLengthReason(entry, new Set(replaced)));
    if (rivals.length > 0) check(this.#replacementReason(entry, rivals, replaced));
    tx.ins.forEach((_, vin) => {
      check(checkInput(tx, vin, spent));
    });
    for (const gone of replaced) this.#remove(gone);
    this.#add(entry);
    return known;
  }

  /**
   * Puts a transaction back that was checked before, which is no matter of policy; false where it is not, or not yet,
   * valid on top of the tip, or conflicts with what waits.
   */
  restore({ tx, txid, raw }: KnownTransaction): boolean {
    const keys = inputKeys(tx);
    if (this.#rivals(keys).length > 0 || !isFinal(tx, this.#chain)) return false;
    const spent = keys.map((key) => this.#findCoin(key));
    if (!spent.every((coin) => coin !== null)) return false;
    const known: KnownTransaction = { tx, txid, raw, spent };
    if (!sequenceLocksPass(tx, spent, this.#chain) || this.#valueReason(known) !== null) return false;
    this.#add(entryOf(known));
    return true;
  }

  /** Takes everything out and gives it, parents before children. */
  clear(): readonly KnownTransaction[] {
    const taken = this.entries().map(({ known }) => known);
    this.#entries.clear();
    this.#spenders.clear();
    return taken;
  }

  /** The same transactions over another chain of the same blocks. */
  copy(chain: Chain): Mempool {
    const copy = new Mempool(chain);
    for (const entry of this.#entries.values()) copy.#add(entry);
    return copy;
  }

  /** These transactions and the unconfirmed ones that they spend from, parents before children. */
  withAncestors(txids: readonly string[]): readonly KnownTransaction[] {
    const wanted = new Set([...txids, ...this.#ancestors(txids)]);
    return this.entries().flatMap(({ known }) => (wanted.has(known.txid) ? [known] : []));
  }

  /** What the next block holds, parents before children; `first` before all else. */
  forBlock(first: readonly string[] = []): readonly KnownTransaction[] {
    const chosen = new Map(this.withAncestors(first).map((known) => [known.txid, known]));
    let weight = [...chosen.values()].reduce((sum, { tx }) => sum + tx.weight(), 0);
    for (const { known, parents } of this.#entries.values()) {
      if (chosen.has(known.txid)) continue;
      const heavier = weight + known.tx.weight();
      if (heavier > MOST_BLOCK_WEIGHT || ![...parents].every((txid) => chosen.has(txid))) continue;
      weight = heavier;
      chosen.set(known.txid, known);
    }
    return [...chosen.values()];
  }

  /** Drops what a block confirmed, and what it made impossible. */
  blockConnected(block: ChainBlock): void {
    for (const { txid } of block.transactions) this.#remove(txid);
    for (const { tx } of block.transactions.slice(1)) {
      for (const gone of this.#withDescendants(this.#rivals(inputKeys(tx)))) this.#remove(gone);
    }
    // A coin out of this block has a height from now on.
    for (const [txid, entry] of this.#entries) {
      const spent = entry.known.spent.map((coin) => this.#chain.coin(outpointKey(coin.txid, coin.vout)) ?? coin);
      const parents = new Set([...entry.parents].filter((parent) => this.#entries.has(parent)));
      this.#entries.set(txid, { ...entry, known: { ...entry.known, spent }, parents });
    }
  }

  #add(entry: MempoolEntry): void {
    const { tx, txid } = entry.known;
    this.#entries.set(txid, entry);
    inputKeys(tx).forEach((key, vin) => this.#spenders.set(key, { txid, vin }));
  }

  #remove(txid: string): void {
    const entry = this.#entries.get(txid);
    if (entry === undefined) return;
    this.#entries.delete(txid);
    for (const key of inputKeys(entry.known.tx)) this.#spenders.delete(key);
  }

  /** An output that is unspent but for the mempool, or null. */
  #findCoin(key: string): Coin | null {
    const mined = this.#chain.coin(key);
    if (mined !== null) return mined;
    const separator = key.indexOf(":");
    const parent = this.#entries.get(key.slice(0, separator));
    return parent === undefined ? null : (coinsOf(parent.known, null)[Number(key.slice(separator + 1))] ?? null);
  }

  /** Entries that spend one of these outputs. */
  #rivals(keys: readonly string[]): readonly string[] {
    return [...new Set(keys.flatMap((key) => this.#spenders.get(key)?.txid ?? []))];
  }

  #need(txid: string): MempoolEntry {
    return this.#entries.get(txid) ?? unreachable("a mempool entry that is gone");
  }

  #ancestors(parents: Iterable<string>): ReadonlySet<string> {
    const found = new Set<string>();
    const left = [...parents];
    for (let txid = left.pop(); txid !== undefined; txid = left.pop()) {
      if (found.has(txid)) continue;
      found.add(txid);
      left.push(...this.#need(txid).parents);
    }
    return found;
  }

  /** These entries and all that spend from them, in the order of arrival. */
  #withDescendants(roots: readonly string[]): readonly string[] {
    const found = new Set(roots);
    for (const [txid, { parents }] of this.#entries) {
      if ([...parents].some((parent) => found.has(parent))) found.add(txid);
    }
    return [...found];
  }

  /** BIP125: an entry may be replaced when it or one of its unconfirmed ancestors says so. */
  #replaceable(txid: string): boolean {
    return [txid, ...this.#ancestors(this.#need(txid).parents)].some((one) => this.#need(one).signals);
  }

  #valueReason(known: KnownTransaction): string | null {
    const next = this.#chain.height + 1;
    for (const coin of known.spent) {
      const depth = next - (coin.height ?? next);
      if (coin.coinbase && depth < COINBASE_MATURITY) {
        return `bad-txns-premature-spend-of-coinbase, tried to spend coinbase at depth ${depth}`;
      }
    }
    const paidIn = known.spent.reduce((sum, coin) => sum + coin.valueSats, 0n);
    const paidOut = paidIn - feeOf(known);
    return paidIn < paidOut ? `bad-txns-in-belowout, value in (${btc(paidIn)}) < value out (${btc(paidOut)})` : null;
  }

  #chainLengthReason(entry: MempoolEntry, replaced: ReadonlySet<string>): string | null {
    const ancestors = this.#ancestors(entry.parents);
    if (ancestors.size + 1 > MOST_RELATIVES) {
      return `too-long-mempool-chain, too many unconfirmed ancestors [limit: ${MOST_RELATIVES}]`;
    }
    for (const ancestor of ancestors) {
      const relatives = this.#withDescendants([ancestor]).filter((txid) => !replaced.has(txid));
      if (relatives.length + 1 > MOST_RELATIVES) {
        return `too-long-mempool-chain, too many descendants for tx ${ancestor} [limit: ${MOST_RELATIVES}]`;
      }
    }
    return null;
  }

  /** BIP125, rules 2 to 5, and a fee rate above each transaction that is replaced directly. */
  #replacementReason(entry: MempoolEntry, rivals: readonly string[], replaced: readonly string[]): string | null {
    const { txid } = entry.known;
    const ancestors = this.#ancestors(entry.parents);
    const spentRival = replaced.find((one) => ancestors.has(one));
    if (spentRival !== undefined) {
      return `bad-txns-spends-conflicting-tx, ${txid} spends conflicting transaction ${spentRival}`;
    }
    if (replaced.length > MOST_REPLACED) {
      return `too many potential replacements, rejecting replacement ${txid}; too many potential replacements (${replaced.length} > ${MOST_REPLACED})`;
    }
    const insufficient = `insufficient fee, rejecting replacement ${txid}`;
    for (const rival of rivals.map((one) => this.#need(one))) {
      if (entry.feeSats * BigInt(rival.vsize) <= rival.feeSats * BigInt(entry.vsize)) {
        return `${insufficient}; new feerate ${feeRate(entry)} <= old feerate ${feeRate(rival)}`;
      }
    }
    const knownParents = new Set(rivals.flatMap((one) => [...this.#need(one).parents]));
    const added = entry.known.spent.findIndex((coin) => coin.height === null && !knownParents.has(coin.txid));
    if (added !== -1) return `replacement-adds-unconfirmed, replacement ${txid} adds unconfirmed input, idx ${added}`;
    const oldFees = replaced.reduce((sum, one) => sum + this.#need(one).feeSats, 0n);
    if (entry.feeSats < oldFees) {
      return `${insufficient}, less fees than conflicting txs; ${btc(entry.feeSats)} < ${btc(oldFees)}`;
    }
    const step = entry.feeSats - oldFees;
    return step < BigInt(entry.vsize)
      ? `${insufficient}, not enough additional fees to relay; ${btc(step)} < ${btc(BigInt(entry.vsize))}`
      : null;
  }
}

function entryOf(known: KnownTransaction): MempoolEntry {
  const { tx, spent } = known;
  const parents = new Set(spent.filter(({ height }) => height === null).map((coin) => coin.txid));
  const signals = tx.ins.some(({ sequence }) => sequence <= 0xfffffffd);
  return { known, feeSats: feeOf(known), vsize: tx.virtualSize(), parents, signals };
}

function feeReason({ feeSats, vsize }: MempoolEntry): string | null {
  return feeSats < BigInt(vsize) ? `min relay fee not met, ${feeSats} < ${vsize}` : null;
}

function feeRate({ feeSats, vsize }: MempoolEntry): string {
  return `${btc((feeSats * 1000n) / BigInt(vsize))} BTC/kvB`;
}

function btc(sats: bigint): string {
  return `${sats / 100_000_000n}.${(sats % 100_000_000n).toString().padStart(8, "0")}`;
}
