import { Block } from "bitcoinjs-lib/src/block";
import * as scripts from "bitcoinjs-lib/src/script";
import { Transaction } from "bitcoinjs-lib/src/transaction";
import { concatBytes, utf8 } from "../bytes/bytes.js";
import { decodeHex } from "../bytes/hex.js";
import { publicKeyOf } from "../crypto/ecdsa.js";
import { hash160, sha256 } from "../crypto/hash.js";
import type { Clock } from "../ports.js";
import { type Chain, type ChainBlock, REGTEST_BITS } from "./chain.js";
import { feeOf, type KnownTransaction } from "./known-transaction.js";
import type { Mempool } from "./mempool.js";

/** The key that coinbases pay to. It is no secret: the coins are worthless, and equal runs give equal chains. */
export const minerPrivateKey = sha256(utf8("hawser devnet miner"));
/** HASH160 of the miner's public key. */
export const minerKeyHash = hash160(publicKeyOf(minerPrivateKey));
/** The P2WPKH script that coinbases pay to. */
export const minerScript = concatBytes(Uint8Array.of(0x00, 0x14), minerKeyHash);

const SUBSIDY_SATS = 5_000_000_000n;
/** Regtest halves its subsidy every 150 blocks. */
const HALVING_BLOCKS = 150;
const START_BLOCKS = 101;
const START_SPACING_SEC = 600;
const COMMITMENT_HEAD = decodeHex("6a24aa21a9ed");

/** Makes blocks out of the mempool, with real proof of work at regtest's difficulty (two tries on average). */
export class Miner {
  readonly #chain: Chain;
  readonly #mempool: Mempool;
  readonly #clock: Clock;

  constructor(chain: Chain, mempool: Mempool, clock: Clock) {
    this.#chain = chain;
    this.#mempool = mempool;
    this.#clock = clock;
  }

  /** The blocks that every devnet starts with: 101, ten minutes apart, the last one now, so that one coinbase is ripe. */
  mineStart(): void {
    const nowSec = this.#nowSec();
    for (let left = START_BLOCKS - 1; left >= 0; left--) this.#mineAt(nowSec - left * START_SPACING_SEC);
  }

  /** Mines one block with what the mempool holds. Its time is now, or just above the median where now is not. */
  mine(): ChainBlock {
    return this.#mineAt(this.#nowSec());
  }

  #nowSec(): number {
    return Math.floor(this.#clock.nowMs() / 1000);
  }

  /**
   * Mines one block with these transactions of the mempool.
   *
   * @param branch - Sets the block apart from those of other branches; that of the tip by default.
   */
  mineWith(transactions: readonly KnownTransaction[], branch?: number): ChainBlock {
    return this.#mineAt(this.#nowSec(), transactions, branch);
  }

  #mineAt(timeSec: number, transactions = this.#mempool.forBlock(), branch?: number): ChainBlock {
    const { tip } = this.#chain;
    const block = createBlock(tip, transactions, Math.max(timeSec, tip.medianTimeSec + 1), branch);
    const added = this.#chain.connect(block);
    this.#mempool.blockConnected(added);
    return added;
  }
}

/**
 * A block on `parent` that holds a coinbase and `transactions`, in this order.
 *
 * @param branch - Stands in the coinbase, so that blocks of two branches differ whatever else they share.
 */
export function createBlock(
  parent: ChainBlock,
  transactions: readonly KnownTransaction[],
  timeSec: number,
  branch = branchOf(parent),
): Block {
  const block = new Block();
  const fees = transactions.reduce((sum, known) => sum + feeOf(known), 0n);
  const coinbase = createCoinbase(parent.height + 1, fees, branch);
  block.version = 0x20000000;
  block.prevHash = parent.block.getHash();
  block.timestamp = timeSec;
  block.bits = REGTEST_BITS;
  block.transactions = [coinbase, ...transactions.map(({ tx }) => tx)];
  const commitment = Block.calculateMerkleRoot(block.transactions, true);
  coinbase.addOutput(concatBytes(COMMITMENT_HEAD, commitment), 0n);
  block.witnessCommit = commitment;
  block.merkleRoot = Block.calculateMerkleRoot(block.transactions);
  while (!block.checkProofOfWork()) block.nonce++;
  return block;
}

/** The number of the branch that a block was mined on: 0 for the first, and for genesis. */
export function branchOf({ height, block }: ChainBlock): number {
  if (height === 0) return 0;
  const pushed = scripts.decompile(block.transactions?.[0]?.ins[0]?.script ?? new Uint8Array(0))?.[1] ?? 0x00;
  if (typeof pushed !== "number") return scripts.number.decode(pushed);
  return pushed === 0x00 ? 0 : pushed - 0x50;
}

function createCoinbase(height: number, fees: bigint, branch: number): Transaction {
  const coinbase = new Transaction();
  coinbase.version = 2;
  // BIP34 wants the height first; a second number keeps the script of low heights at two bytes, the least that is valid.
  const heightScript = scripts.compile([scripts.number.encode(height), scripts.number.encode(branch)]);
  coinbase.addInput(new Uint8Array(32), 0xffffffff, 0xffffffff, heightScript);
  // BIP141: the witness reserved value.
  coinbase.setWitness(0, [new Uint8Array(32)]);
  coinbase.addOutput(minerScript, (SUBSIDY_SATS >> BigInt(Math.floor(height / HALVING_BLOCKS))) + fees);
  return coinbase;
}
