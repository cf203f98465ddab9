import { type ElectrumOptions, type ElectrumSource, electrum } from "../../../../src/chain/sources/electrum.js";
import type { ViewedChain } from "../../../doubles/chain-view.js";
import { partsFeed } from "../../../doubles/devnet-feed.js";
import { ElectrumDouble, type ElectrumDoubleOptions } from "../../../doubles/electrum-server.js";
import { IndexedChain } from "../../../doubles/indexed-chain.js";
import { TestKey } from "../../devnet/wallet.js";
import { World } from "../../devnet/world.js";

/** A chain without a devnet's servers, and doubles and sources over it that are closed together. */
export class ElectrumWorld implements AsyncDisposable {
  readonly chain = new World();
  readonly viewed: ViewedChain = new IndexedChain(partsFeed(this.chain.chain, this.chain.mempool));
  #keys = 0;
  readonly #open: { close(): Promise<void> }[] = [];

  /** A key that no other test has used. */
  key(): TestKey {
    return new TestKey(`electrum ${this.#keys++}`);
  }

  async double(options: ElectrumDoubleOptions = {}): Promise<ElectrumDouble> {
    const double = await ElectrumDouble.start(this.viewed, options);
    this.#open.push(double);
    return double;
  }

  source(double: { readonly url: string }, options: ElectrumOptions = {}): ElectrumSource {
    const source = electrum(double.url, options);
    this.#open.push(source);
    return source;
  }

  async close(): Promise<void> {
    for (const one of this.#open.splice(0).reverse()) await one.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Waits, without any timer, until something is so. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
