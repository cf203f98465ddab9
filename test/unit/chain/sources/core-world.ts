import { afterEach } from "vitest";
import { type BitcoinCoreOptions, bitcoinCore } from "../../../../src/chain/sources/bitcoin-core.js";
import type { ChainSource } from "../../../../src/ports.js";
import { type CoreDouble, type CoreFeatures, startCoreDouble } from "../../../doubles/core-server.js";
import { partsFeed } from "../../../doubles/devnet-feed.js";
import { IndexedChain } from "../../../doubles/indexed-chain.js";
import { payment, type TestCoin, TestKey, txidOf } from "../../devnet/wallet.js";
import { World } from "../../devnet/world.js";

/** Servers that a source must get the same answers from. */
export const servers: Readonly<Record<string, Partial<CoreFeatures>>> = {
  "Core with REST and every index": {},
  "Core by RPC alone": { rest: false },
  "Core without transaction and spender index": { txIndex: false, spenderIndex: false },
  "Core 27": { version: 27, spenderIndex: false },
  "Core 24": { version: 24, rest: false, txIndex: false, spenderIndex: false },
  btcd: { kind: "btcd", rest: false },
  "btcd without transaction index": { kind: "btcd", rest: false, txIndex: false },
};

/** A chain with a short history of one script, as it is told by {@link CoreWorld.entries}. */
export class CoreWorld extends World {
  readonly key = new TestKey("core");
  readonly script = this.key.p2tr;
  readonly other = this.key.p2wpkh;
  readonly feed = new IndexedChain(partsFeed(this.chain, this.mempool));
  readonly coin: TestCoin;
  readonly mined: string;
  readonly pending: string;
  readonly coinHeight: number;
  readonly minedHeight: number;

  constructor() {
    super();
    this.coin = this.fund(this.script);
    this.coinHeight = this.chain.height;
    this.mine(2);
    this.mined = this.pay(
      [this.coin],
      [
        [this.script, 60_000n],
        [this.other, 30_000n],
      ],
    );
    this.mine(1);
    this.minedHeight = this.chain.height;
    this.mine(2);
    this.pending = this.pay([this.output(this.mined, 0, 60_000n)], [[this.script, 50_000n]]);
  }

  /** What a source must tell of the script. */
  get entries(): readonly { readonly txid: string; readonly height: number | null }[] {
    return [
      { txid: this.coin.txid, height: this.coinHeight },
      { txid: this.mined, height: this.minedHeight },
      { txid: this.pending, height: null },
    ];
  }

  output(txid: string, vout: number, valueSats: bigint, script = this.script): TestCoin {
    return { txid, vout, valueSats, script };
  }

  /** Sends a payment; gives its txid. */
  pay(coins: readonly TestCoin[], outputs: readonly (readonly [Uint8Array, bigint])[]): string {
    const raw = payment(this.key, coins, outputs);
    this.mempool.accept(raw);
    return txidOf(raw);
  }
}

const running: CoreDouble[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((double) => double.close()));
});

/** A double of a server over a world's chain; it ends with the test. */
export async function serveCore(world: CoreWorld, features: Partial<CoreFeatures> = {}): Promise<CoreDouble> {
  const double = await startCoreDouble(world.feed, features);
  running.push(double);
  return double;
}

/** A source of a double. */
export function sourceOf(double: CoreDouble, options: Partial<BitcoinCoreOptions> = {}): ChainSource {
  const { user, password } = double;
  return bitcoinCore(double.url, { user, password, ...options } as BitcoinCoreOptions);
}

/** How often a method was called. */
export function countOf(double: CoreDouble, method: string): number {
  return double.calls.filter((call) => call.method === method).length;
}
