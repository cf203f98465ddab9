import { Block } from "bitcoinjs-lib/src/block";
import { assertInteger, invalidArgument, unreachable } from "../bytes/guards.js";
import { decodeHex, encodeHex } from "../bytes/hex.js";
import { sha256 } from "../crypto/hash.js";
import {
  type Coin,
  coinsOf,
  displayHash,
  inputKeys,
  isUnspendable,
  type KnownTransaction,
  outpointKey,
} from "./known-transaction.js";

/** A transaction in a block. */
export interface MinedTransaction extends KnownTransaction {
  readonly height: number;
  readonly position: number;
}

/** A block with its place; its transactions hold the coins that it spent. */
export interface ChainBlock {
  readonly height: number;
  /** Display order. */
  readonly hash: string;
  readonly block: Block;
  /** 80 bytes. */
  readonly header: Uint8Array;
  readonly raw: Uint8Array;
  readonly transactions: readonly MinedTransaction[];
  /** Median time of this block and the ten before it, in seconds. */
  readonly medianTimeSec: number;
}

/** The input that spends an output. */
export interface Spend {
  readonly txid: string;
  readonly vin: number;
  readonly height: number;
}

/** The bits of every regtest header. */
export const REGTEST_BITS = 0x207fffff;

/** Regtest's genesis block, whose coinbase output nobody can spend. */
const GENESIS =
  "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a" +
  "51323a9fb8aa4b1e5e4adae5494dffff7f20020000000101000000010000000000000000000000000000000000000000000000000000000000" +
  "000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b" +
  "206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a671" +
  "30b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000";

/** The key under which an Esplora server indexes a script: plain hex of its SHA-256. */
export function scriptHash(script: Uint8Array): string {
  return encodeHex(sha256(script));
}

/** A regtest chain of real blocks with the indexes that a server needs. Blocks come from a `Miner`. */
export class Chain {
  readonly #blocks: ChainBlock[] = [];
  readonly #heights = new Map<string, number>();
  readonly #transactions = new Map<string, MinedTransaction>();
  readonly #coins = new Map<string, Coin>();
  readonly #spends = new Map<string, Spend>();
  readonly #scripts = new Map<string, string[]>();

  constructor() {
    this.#append(Block.fromBuffer(decodeHex(GENESIS)), new Map());
  }

  /** The same chain once more, which does not follow what becomes of this one. */
  copy(): Chain {
    const copy = new Chain();
    copy.#rebuild(this.#blocks);
    return copy;
  }

  get height(): number {
    return this.#blocks.length - 1;
  }

  get tip(): ChainBlock {
    return this.#blocks.at(-1) ?? unreachable("a chain without genesis");
  }

  /** The block at a height, or null above the tip. */
  blockAt(height: number): ChainBlock | null {
    return this.#blocks[height] ?? null;
  }

  /** The height of a block, by its hash in display order. */
  heightOf(hash: string): number | null {
    return this.#heights.get(hash) ?? null;
  }

  transaction(txid: string): MinedTransaction | null {
    return this.#transactions.get(txid) ?? null;
  }

  /** An unspent output, or null. */
  coin(key: string): Coin | null {
    return this.#coins.get(key) ?? null;
  }

  /** All unspent outputs, oldest first. */
  coins(): Iterable<Coin> {
    return this.#coins.values();
  }

  /** The mined spend of an output, or null. */
  spendOf(key: string): Spend | null {
    return this.#spends.get(key) ?? null;
  }

  /** txids of the mined transactions that pay or spend a script, oldest first. */
  historyOf(hash: string): readonly string[] {
    return this.#scripts.get(hash) ?? [];
  }

  /**
   * Adds a block on the tip.
   *
   * @throws INPUT_INVALID when its links, Merkle roots or proof of work are wrong, or it spends what is not there.
   */
  connect(block: Block): ChainBlock {
    const wrong = (what: string): Error => invalidArgument("block", what, block);
    if (block.prevHash === undefined || displayHash(block.prevHash) !== this.tip.hash)
      throw wrong("a child of the tip");
    if (block.bits !== REGTEST_BITS || !block.checkProofOfWork()) throw wrong("a block with regtest proof of work");
    if (!block.checkTxRoots()) throw wrong("a block whose Merkle root and witness commitment are its transactions'");
    if (block.timestamp <= this.tip.medianTimeSec) throw wrong("a block later than the median of eleven");
    return this.#append(block, this.#coinsSpentBy(block, wrong));
  }

  /**
   * Takes off every block above `height`; gives them, lowest first.
   *
   * @param height - 0 (genesis stays) to the chain's height.
   * @throws INPUT_INVALID
   */
  truncate(height: number): readonly ChainBlock[] {
    assertInteger("height", height, 0, this.height);
    const removed = this.#blocks.slice(height + 1);
    // Undoing block by block would leave coins and histories in another order than a chain that never had the blocks.
    if (removed.length > 0) this.#rebuild(this.#blocks.slice(0, height + 1));
    return removed;
  }

  #rebuild(blocks: readonly ChainBlock[]): void {
    const kept = blocks.slice();
    this.#blocks.length = 0;
    for (const block of kept) this.#blocks.push(block);
    for (const map of [this.#heights, this.#transactions, this.#coins, this.#spends, this.#scripts]) map.clear();
    for (const { hash, height, transactions } of kept) {
      this.#heights.set(hash, height);
      for (const transaction of transactions) this.#index(transaction);
    }
  }

  #coinsSpentBy(block: Block, wrong: (what: string) => Error): ReadonlyMap<string, Coin> {
    const spent = new Map<string, Coin>();
    const fresh = new Map<string, Coin>();
    for (const tx of block.transactions ?? []) {
      if (!tx.isCoinbase()) {
        for (const key of inputKeys(tx)) {
          const coin = this.#coins.get(key) ?? fresh.get(key);
          if (coin === undefined || spent.has(key)) throw wrong("a block that spends only what is unspent");
          spent.set(key, coin);
        }
      }
      const known: KnownTransaction = { tx, txid: tx.getId(), raw: new Uint8Array(0), spent: [] };
      for (const coin of coinsOf(known, this.height + 1)) fresh.set(outpointKey(coin.txid, coin.vout), coin);
    }
    return spent;
  }

  #append(block: Block, spent: ReadonlyMap<string, Coin>): ChainBlock {
    const height = this.#blocks.length;
    const transactions = (block.transactions ?? []).map((tx, position): MinedTransaction => {
      const keys = tx.isCoinbase() ? [] : inputKeys(tx);
      const coins = keys.map((key) => spent.get(key) ?? unreachable("a spent coin that was not found"));
      return { tx, txid: tx.getId(), raw: tx.toBuffer(), spent: coins, height, position };
    });
    for (const transaction of transactions) this.#index(transaction);
    const times = this.#blocks.slice(-10).map((earlier) => earlier.block.timestamp);
    times.push(block.timestamp);
    times.sort((a, b) => a - b);
    const added: ChainBlock = {
      height,
      hash: block.getId(),
      block,
      header: block.toBuffer(true),
      raw: block.toBuffer(),
      transactions,
      medianTimeSec: times[Math.floor(times.length / 2)] ?? block.timestamp,
    };
    this.#blocks.push(added);
    this.#heights.set(added.hash, height);
    return added;
  }

  #index(transaction: MinedTransaction): void {
    const { txid, height, spent } = transaction;
    this.#transactions.set(txid, transaction);
    const touched = new Set<string>();
    spent.forEach((coin, vin) => {
      const key = outpointKey(coin.txid, coin.vout);
      this.#coins.delete(key);
      this.#spends.set(key, { txid, vin, height });
      touched.add(scriptHash(coin.script));
    });
    for (const coin of coinsOf(transaction, height)) {
      if (isUnspendable(coin.script)) continue;
      if (height > 0) this.#coins.set(outpointKey(txid, coin.vout), coin);
      touched.add(scriptHash(coin.script));
    }
    for (const hash of touched) {
      const history = this.#scripts.get(hash);
      if (history === undefined) this.#scripts.set(hash, [txid]);
      else history.push(txid);
    }
  }
}
