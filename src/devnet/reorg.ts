import { assertBytes, assertInteger, invalidArgument } from "../bytes/guards.js";
import { isHex } from "../bytes/hex.js";
import type { Chain, ChainBlock } from "./chain.js";
import { decodeTransaction, inputKeys, type KnownTransaction } from "./known-transaction.js";
import type { Mempool } from "./mempool.js";
import { branchOf, type Miner } from "./miner.js";

/** What a reorganisation takes off and puts in its place. */
export interface ReorgOptions {
  /** How many blocks are taken off: 1 to 9,999, and never the genesis block. */
  readonly depth: number;
  /** How many blocks the new branch has: at least one more, so that it has more work, and at most 10,000. Default: depth + 1. */
  readonly blocks?: number | undefined;
  /**
   * Which transactions are gone for good, and what spends from them with them: `true` for all of the removed blocks, or
   * txids out of those blocks and the mempool. Default: none; all go back to the mempool.
   */
  readonly drop?: boolean | readonly string[] | undefined;
  /** Raw transactions that the first new block holds; what conflicts with them is gone. Default: none. */
  readonly transactions?: readonly Uint8Array[] | undefined;
  /**
   * Whether the new branch holds again what the removed blocks and the mempool held, each transaction as early as it is
   * valid. Else its blocks hold `transactions` alone, and the rest waits in the mempool. Default: false.
   */
  readonly remine?: boolean | undefined;
}

/** What a reorganisation did. */
export interface Reorganisation {
  /** Of the new tip. */
  readonly height: number;
  /** Of the last block that both branches share. */
  readonly forkHeight: number;
  /** Hashes, lowest block first. */
  readonly removedBlocks: readonly string[];
  /** Hashes, lowest block first. */
  readonly newBlocks: readonly string[];
  /** txids out of the removed blocks and the mempool that the new branch holds. */
  readonly mined: readonly string[];
  /** txids that wait in the mempool. */
  readonly waiting: readonly string[];
  /** txids that are in neither: dropped, replaced, or no longer valid. The coinbases of the removed blocks are not listed. */
  readonly gone: readonly string[];
}

/** Options of which nothing has been checked. */
export type UncheckedReorg = { readonly [Member in keyof ReorgOptions]?: unknown };

const MOST_NEW_BLOCKS = 10_000;

/** The parts of a devnet that a reorganisation changes. */
export interface ReorgParts {
  readonly chain: Chain;
  readonly mempool: Mempool;
  readonly miner: Miner;
}

/**
 * Replaces the chain's last blocks by a branch with more work, as a node does that learns of one: transactions of the
 * removed blocks go back to the mempool where they are still valid, coinbases and what spends them do not, nor does a
 * transaction whose relative time lock is open only some blocks after a parent that is now unconfirmed (BIP68).
 *
 * @throws INPUT_INVALID, CHAIN_BROADCAST_REFUSED (one of `transactions`); the chain is then as it was.
 */
export function reorganise(parts: ReorgParts, options: UncheckedReorg): Reorganisation {
  const { chain, mempool, miner } = parts;
  const { depth, blocks, drop, transactions, remine } = checked(options, chain.height);
  const forkHeight = chain.height - depth;
  const branch = branchOf(chain.tip) + 1;
  const candidates = candidatesOf(parts, forkHeight);
  const dropped = droppedOf(drop, candidates);
  const replaced = spentBy(transactions);
  const staying = [...candidates.values()].filter(
    ({ txid, tx }) => !dropped.has(txid) && !inputKeys(tx).some((key) => replaced.has(key)),
  );
  const removed = chain.truncate(forkHeight);
  const waitedBefore = mempool.clear();
  const restoreAll = (): void => {
    for (const known of staying) if (chain.transaction(known.txid) === null) mempool.restore(known);
  };
  restoreAll();
  let first: readonly string[];
  try {
    first = transactions.map((raw) => mempool.accept(raw).txid);
  } catch (error) {
    mempool.clear();
    for (const { block } of removed) chain.connect(block);
    for (const known of waitedBefore) mempool.restore(known);
    throw error;
  }
  const newBlocks: ChainBlock[] = [];
  for (let i = 0; i < blocks; i++) {
    if (remine && i > 0) restoreAll();
    const own = i === 0 ? first : [];
    newBlocks.push(miner.mineWith(remine ? mempool.forBlock(own) : mempool.withAncestors(own), branch));
  }
  // Once more in the old order, on the new tip: what was not valid yet may be so now, and the other way round.
  mempool.clear();
  restoreAll();
  const txids = [...candidates.keys()];
  const isMined = (txid: string): boolean => chain.transaction(txid) !== null;
  const waits = (txid: string): boolean => mempool.entry(txid) !== null;
  return {
    height: chain.height,
    forkHeight,
    removedBlocks: removed.map(({ hash }) => hash),
    newBlocks: newBlocks.map(({ hash }) => hash),
    mined: txids.filter(isMined),
    waiting: txids.filter(waits),
    gone: txids.filter((txid) => !isMined(txid) && !waits(txid)),
  };
}

interface CheckedReorg {
  readonly depth: number;
  readonly blocks: number;
  readonly drop: boolean | readonly string[];
  readonly transactions: readonly Uint8Array[];
  readonly remine: boolean;
}

function checked(options: UncheckedReorg, height: number): CheckedReorg {
  const { depth, drop = false, transactions = [], remine = false } = options;
  assertInteger("depth", depth, 1, Math.min(height, MOST_NEW_BLOCKS - 1));
  const { blocks = depth + 1 } = options;
  assertInteger("blocks", blocks, depth + 1, MOST_NEW_BLOCKS);
  if (typeof remine !== "boolean") throw invalidArgument("remine", "boolean", remine);
  if (!isRawList(transactions)) throw invalidArgument("transactions", "array of Uint8Array", transactions);
  if (typeof drop !== "boolean" && !isTxidList(drop)) throw invalidArgument("drop", "boolean or array of txids", drop);
  return { depth, blocks, drop, transactions, remine };
}

function isTxidList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => isHex(one, 32));
}

function isRawList(value: unknown): value is readonly Uint8Array[] {
  if (!Array.isArray(value)) return false;
  for (const raw of value) assertBytes("transactions", raw);
  return true;
}

interface Candidate extends KnownTransaction {
  readonly wasMined: boolean;
}

/** What may go back: of the removed blocks in the order of the chain, then of the mempool. */
function candidatesOf({ chain, mempool }: ReorgParts, forkHeight: number): ReadonlyMap<string, Candidate> {
  const candidates = new Map<string, Candidate>();
  for (let height = forkHeight + 1; height <= chain.height; height++) {
    for (const known of chain.blockAt(height)?.transactions.slice(1) ?? []) {
      candidates.set(known.txid, { ...known, wasMined: true });
    }
  }
  for (const { known } of mempool.entries()) candidates.set(known.txid, { ...known, wasMined: false });
  return candidates;
}

function droppedOf(drop: boolean | readonly string[], candidates: ReadonlyMap<string, Candidate>): ReadonlySet<string> {
  if (typeof drop === "boolean") {
    return new Set(drop ? [...candidates.values()].filter(({ wasMined }) => wasMined).map(({ txid }) => txid) : []);
  }
  const unknown = drop.find((txid) => !candidates.has(txid));
  if (unknown !== undefined) {
    throw invalidArgument("drop", "txids of the removed blocks (no coinbases) and the mempool", unknown);
  }
  return new Set(drop);
}

/** What the given transactions spend. @throws INPUT_INVALID when two of them conflict */
function spentBy(transactions: readonly Uint8Array[]): ReadonlySet<string> {
  const spent = new Set<string>();
  // The mempool refuses what cannot be decoded.
  for (const tx of new Map(transactions.map(decodeTransaction).map((tx) => [tx?.getId(), tx])).values()) {
    for (const key of tx === null ? [] : inputKeys(tx)) {
      if (spent.has(key)) throw invalidArgument("transactions", "transactions that do not conflict", transactions);
      spent.add(key);
    }
  }
  return spent;
}
