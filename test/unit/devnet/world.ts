import { Chain } from "../../../src/devnet/chain.js";
import { Faucet } from "../../../src/devnet/faucet.js";
import { Mempool } from "../../../src/devnet/mempool.js";
import { Miner } from "../../../src/devnet/miner.js";
import { type Reorganisation, reorganise, type UncheckedReorg } from "../../../src/devnet/reorg.js";
import { HawserError, isHawserError } from "../../../src/errors.js";
import type { Clock } from "../../../src/ports.js";
import type { TestCoin } from "./wallet.js";

/** 2026-01-01, in milliseconds. */
export const START_MS = Date.UTC(2026, 0, 1);

/** A clock that a test moves. `delay` waits until the test releases it or the caller aborts. */
export class TestClock implements Clock {
  ms = START_MS;
  readonly waiting: { readonly ms: number; readonly release: () => void }[] = [];

  nowMs(): number {
    return this.ms;
  }

  delay(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ ms, release: resolve });
      signal?.addEventListener("abort", () => {
        reject(new HawserError("NETWORK_ABORTED", "aborted", { operation: "delay" }));
      });
    });
  }
}

/** A chain with mempool, miner and faucet, without servers. */
export class World {
  readonly clock = new TestClock();
  readonly chain = new Chain();
  readonly mempool = new Mempool(this.chain);
  readonly miner = new Miner(this.chain, this.mempool, this.clock);
  readonly faucet = new Faucet(this.chain, this.mempool, this.miner);

  constructor() {
    this.miner.mineStart();
  }

  mine(blocks: number): void {
    for (let i = 0; i < blocks; i++) this.miner.mine();
  }

  /** A confirmed coin. */
  fund(script: Uint8Array, valueSats = 100_000n): TestCoin {
    return { ...this.faucet.pay(script, valueSats), valueSats, script };
  }

  /** Replaces the last blocks. */
  reorg(options: UncheckedReorg): Reorganisation {
    return reorganise(this, options);
  }

  /** A block's transactions without its coinbase, by its height. */
  txidsAt(height: number): readonly string[] {
    return (this.chain.blockAt(height)?.transactions ?? []).slice(1).map(({ txid }) => txid);
  }

  /** The code and reason with which the mempool refuses a transaction, or null when it takes it. */
  refusal(raw: Uint8Array): { readonly code: string; readonly reason: string } | null {
    try {
      this.mempool.accept(raw);
      return null;
    } catch (error) {
      if (!isHawserError(error, "CHAIN_BROADCAST_REFUSED")) throw error;
      const attempt = error.details.attempts[0];
      return { code: attempt?.code ?? "", reason: attempt?.message ?? "" };
    }
  }
}
