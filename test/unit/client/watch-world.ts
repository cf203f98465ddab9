import type { ChainSource } from "../../../src/ports.js";
import { type MinedChain, sourceOf, unreachable } from "../name/chain-world.js";

/** A source whose chain a test replaces, and that tells of changes when the test says so. */
export class LiveSource implements ChainSource {
  readonly label: string;
  chain: MinedChain;
  isDown = false;
  /** How often it was asked for its tip, which every read does once. */
  reads = 0;
  /** What it was asked to watch, one entry for each subscription that has not ended. */
  readonly watched = new Set<{ readonly scripts: readonly Uint8Array[]; readonly onChange: () => void }>();
  /** How many subscriptions it was ever asked for. */
  subscriptions = 0;
  /** Ends each subscription as soon as it begins. */
  refusesToWatch = false;

  constructor(label: string, chain: MinedChain) {
    this.label = label;
    this.chain = chain;
  }

  tip: ChainSource["tip"] = (options) => {
    this.reads += 1;
    if (this.isDown) return Promise.reject(unreachable(this.label));
    return this.#now().tip(options);
  };
  headers: ChainSource["headers"] = (...args) => this.#now().headers(...args);
  history: ChainSource["history"] = (...args) => this.#now().history(...args);
  transaction: ChainSource["transaction"] = (...args) => this.#now().transaction(...args);
  inclusion: ChainSource["inclusion"] = (...args) => this.#now().inclusion(...args);
  coinbaseTxid: ChainSource["coinbaseTxid"] = (...args) => this.#now().coinbaseTxid(...args);
  outspend: ChainSource["outspend"] = (...args) => this.#now().outspend(...args);
  unspent: ChainSource["unspent"] = (...args) => this.#now().unspent(...args);
  feeRate: ChainSource["feeRate"] = (...args) => this.#now().feeRate(...args);
  broadcast: ChainSource["broadcast"] = (...args) => this.#now().broadcast(...args);

  watch(
    scripts: readonly Uint8Array[],
    onChange: () => void,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ) {
    this.subscriptions += 1;
    if (this.refusesToWatch) throw unreachable(this.label);
    const entry = { scripts, onChange };
    this.watched.add(entry);
    return new Promise<void>((resolve) => {
      options.signal?.addEventListener(
        "abort",
        () => {
          this.watched.delete(entry);
          resolve();
        },
        { once: true },
      );
    });
  }

  /** Says that something changed. */
  hint(): void {
    for (const { onChange } of this.watched) onChange();
  }

  #now(): ChainSource {
    return sourceOf(this.label, this.chain);
  }
}
