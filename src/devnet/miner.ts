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

  #mineAt(timeSec: number): ChainBlock {
    const { tip } = this.#chain;
    const block = createBlock(tip, this.#mempool.forBlock(), Math.max(timeSec, tip.medianTimeSec + 1));
    const added = this.#chain.connect(block);
    this.#mempool.blockConnected(added);
    return added;
  }
}

/** A block on `parent` that holds a coinbase and `transactions`, in this order. */
export function createBlock(parent: ChainBlock, transactions: readonly KnownTransaction[], timeSec: number): Block {
  const block = new Block();
  const fees = transactions.reduce((sum, known) => sum + feeOf(known), 0n);
  const coinbase = createCoinbase(parent.height + 1, fees);
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

function createCoinbase(height: number, fees: bigint): Transaction {
  const coinbase = new Transaction();
  coinbase.version = 2;
  // BIP34 wants the height first; the zero keeps the script of low heights at two bytes, the least that is valid.
  const heightScript = scripts.compile([scripts.number.encode(height), 0x00]);
  coinbase.addInput(new Uint8Array(32), 0xffffffff, 0xffffffff, heightScript);
  // BIP141: the witness reserved value.
  coinbase.setWitness(0, [new Uint8Array(32)]);
  coinbase.addOutput(minerScript, (SUBSIDY_SATS >> BigInt(Math.floor(height / HALVING_BLOCKS))) + fees);
  return coinbase;
}
