import { assertBytes, assertInteger } from "../bytes/guards.js";
import { isHawserError } from "../errors.js";
import type { Clock, Outpoint } from "../ports.js";
import { Chain } from "./chain.js";
import { ChainView } from "./chain-view.js";
import { answerControl } from "./control.js";
import type { DataDir } from "./data-dir.js";
import { answerEsplora } from "./esplora-server.js";
import { Faucet } from "./faucet.js";
import { startServer, type WebAnswer, type WebHandler, type WebServer } from "./http-server.js";
import type { Devnet, DevnetReaderOptions, MinePolicy } from "./interface.js";
import { Mempool } from "./mempool.js";
import { Miner } from "./miner.js";
import { type Reorganisation, reorganise, type UncheckedReorg } from "./reorg.js";
import { scriptOfAddress } from "./script-kind.js";
import { Store } from "./store.js";
import { answerStore } from "./store-server.js";
import {
  parseSourceTamper,
  parseStoreTamper,
  type SourceWord,
  type StoreWord,
  serverAt,
  type TamperMode,
} from "./tamper.js";

/** A port to listen on; 0 is any. Where it need not be this one, another is as good when it is taken. */
export interface WantedPort {
  readonly port: number;
  readonly must: boolean;
}

interface SourceState {
  mode: TamperMode<SourceWord>;
  /** What a source that is frozen shows. */
  frozen: { readonly chain: Chain; readonly mempool: Mempool } | null;
  server: WebServer | null;
}

interface StoreState {
  readonly store: Store;
  mode: TamperMode<StoreWord>;
  server: WebServer | null;
}

/** A server that is to listen. */
interface Listener {
  readonly name: string;
  readonly wanted: WantedPort;
  readonly state: { server: WebServer | null };
  readonly handler: WebHandler;
}

const HONEST = { word: "honest", amount: 0 } as const;
const MOST_BLOCKS_AT_ONCE = 10_000;

/** A devnet in this process: first {@link LocalDevnet.restore}, then {@link LocalDevnet.listen}. */
export class LocalDevnet implements Devnet {
  readonly network = "regtest" as const;
  readonly #chain = new Chain();
  readonly #mempool = new Mempool(this.#chain);
  readonly #miner: Miner;
  readonly #faucet: Faucet;
  readonly #minePolicy: MinePolicy;
  readonly #control: boolean;
  readonly #clock: Clock;
  readonly #data: DataDir | null;
  readonly #sources: SourceState[] = [];
  readonly #stores: StoreState[] = [];
  readonly #notices: string[] = [];
  readonly #closing = new AbortController();

  constructor(mine: MinePolicy, control: boolean, clock: Clock, data: DataDir | null) {
    this.#minePolicy = mine;
    this.#control = control;
    this.#clock = clock;
    this.#data = data;
    this.#miner = new Miner(this.#chain, this.#mempool, clock);
    this.#faucet = new Faucet(this.#chain, this.#mempool, this.#miner);
  }

  /** Brings the chain to its start, or to where it was. @throws INPUT_FILE_UNUSABLE */
  async restore(): Promise<void> {
    const begin = (): void => {
      this.#miner.mineStart();
    };
    if (this.#data === null) begin();
    else this.#notices.push(...(await this.#data.restore(this.#chain, this.#mempool, begin)));
  }

  /** Starts the servers. @throws INPUT_CONFIG_INVALID, INPUT_FILE_UNUSABLE, STORAGE_REFUSED */
  async listen(sources: readonly WantedPort[], stores: readonly WantedPort[], host: string): Promise<void> {
    const listeners: Listener[] = [];
    for (const [i, wanted] of sources.entries()) {
      const state: SourceState = { mode: HONEST, frozen: null, server: null };
      this.#sources.push(state);
      listeners.push({ name: `source ${i}`, wanted, state, handler: this.#sourceHandler(state, i === 0) });
    }
    for (const [i, wanted] of stores.entries()) {
      const state: StoreState = { store: new Store(this.#data?.store(i)), mode: HONEST, server: null };
      this.#stores.push(state);
      const handler: WebHandler = (request, signal) =>
        this.#gated(state.mode, signal, () => answerStore(state.store, request));
      listeners.push({ name: `store ${i}`, wanted, state, handler });
    }
    await this.#startAll(listeners, host);
    this.#data?.saveLayout({ sources: this.#sources.map(portOf), stores: this.#stores.map(portOf) });
    if (typeof this.#minePolicy === "object") void this.#mineEvery(this.#minePolicy.intervalMs);
  }

  get sourceUrls(): readonly string[] {
    return this.#sources.flatMap(({ server }) => server?.url ?? []);
  }

  get storeUrls(): readonly string[] {
    return this.#stores.flatMap(({ server }) => server?.url ?? []);
  }

  get controlUrl(): string | null {
    return this.#control ? (this.sourceUrls[0] ?? null) : null;
  }

  get notices(): readonly string[] {
    return this.#notices;
  }

  height(): number {
    return this.#chain.height;
  }

  async mine(blocks: number): Promise<number> {
    assertInteger("blocks", blocks, 0, MOST_BLOCKS_AT_ONCE);
    return this.#step(() => {
      for (let i = 0; i < blocks; i++) this.#miner.mine();
      return this.#chain.height;
    });
  }

  advance(blocks: number): Promise<number> {
    return this.mine(blocks);
  }

  async faucet(to: Uint8Array | string, valueSats: bigint): Promise<Outpoint> {
    return this.#step(() => this.#faucet.pay(typeof to === "string" ? scriptOfAddress(to) : to, valueSats));
  }

  async reorg(options: UncheckedReorg): Promise<Reorganisation> {
    const parts = { chain: this.#chain, mempool: this.#mempool, miner: this.#miner };
    return this.#step(() => reorganise(parts, options));
  }

  async submit(raw: Uint8Array): Promise<string> {
    assertBytes("raw", raw);
    return this.#accept(raw);
  }

  tamper(
    what: { readonly source: unknown; readonly how: unknown } | { readonly store: unknown; readonly how: unknown },
  ): void {
    if ("source" in what) {
      const source = serverAt("source", this.#sources, what.source);
      source.mode = parseSourceTamper(what.how);
      // Freezing twice keeps the first moment, as with stores.
      source.frozen = source.mode.word === "freeze" ? (source.frozen ?? this.#snapshot()) : null;
      return;
    }
    const state = serverAt("store", this.#stores, what.store);
    state.mode = parseStoreTamper(what.how);
    state.store.tamper(state.mode.word);
  }

  readerOptions(): DevnetReaderOptions {
    const { network, sourceUrls, storeUrls } = this;
    const allowHosts = this.#stores.flatMap(({ server }) => server?.authority ?? []);
    return { network, sourceUrls, storeUrls, allowHosts };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([...this.#sources, ...this.#stores].map(async ({ server }) => server?.close()));
    await this.#data?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(raw: Uint8Array): string {
    return this.#step(() => {
      const { txid } = this.#mempool.accept(raw);
      if (this.#minePolicy === "on-transaction") this.#miner.mine();
      return txid;
    });
  }

  /** Runs what changes chain or mempool; it is on disk before anybody is told, also where it went only half the way. */
  #step<T>(act: () => T): T {
    try {
      return act();
    } finally {
      this.#data?.save();
    }
  }

  #snapshot(): { readonly chain: Chain; readonly mempool: Mempool } {
    const chain = this.#chain.copy();
    return { chain, mempool: this.#mempool.copy(chain) };
  }

  #sourceHandler(source: SourceState, first: boolean): WebHandler {
    return async (request, signal) => {
      // Not gated: a source that is down or slow can be called back.
      const controlled = first ? await answerControl(this, this.#control, request) : null;
      return (
        controlled ??
        this.#gated(source.mode, signal, () => {
          const { chain, mempool } = source.frozen ?? { chain: this.#chain, mempool: this.#mempool };
          const view = new ChainView(chain, mempool, limitsOf(source.mode));
          return answerEsplora(view, request, (raw) => this.#accept(raw));
        })
      );
    };
  }

  async #gated(mode: TamperMode<string>, signal: AbortSignal, answer: () => WebAnswer): Promise<WebAnswer> {
    if (mode.word === "down") return "destroy";
    if (mode.word === "slow") await this.#clock.delay(mode.amount, signal);
    return answer();
  }

  /** Those that want a certain port go first, so that no free one which is given to another happens to be theirs. */
  async #startAll(listeners: readonly Listener[], host: string): Promise<void> {
    const left: Listener[] = [];
    for (const listener of listeners) {
      const { name, wanted, state, handler } = listener;
      try {
        if (wanted.port === 0) left.push(listener);
        else state.server = await startServer(host, wanted.port, handler);
      } catch (error) {
        if (wanted.must || !isHawserError(error, "INPUT_CONFIG_INVALID")) throw error;
        left.push(listener);
        this.#notices.push(
          `Port ${wanted.port}, where ${name} was last time, is taken: it listens on another, and what was published under the old URL is not found there.`,
        );
      }
    }
    for (const { state, handler } of left) state.server = await startServer(host, 0, handler);
  }

  async #mineEvery(intervalMs: number): Promise<void> {
    const { signal } = this.#closing;
    try {
      for (;;) {
        await this.#clock.delay(intervalMs, signal);
        this.#step(() => this.#miner.mine());
      }
    } catch (error) {
      // Closing ends the wait; anything else is a defect that must not go unseen.
      if (!isHawserError(error, "NETWORK_ABORTED")) throw error;
    }
  }
}

function portOf({ server }: { readonly server: WebServer | null }): number {
  return server === null ? 0 : server.port;
}

function limitsOf({ word, amount }: TamperMode<SourceWord>): {
  readonly tipHeight: number | null;
  readonly hideAbove: number | null;
} {
  return { tipHeight: word === "lag" ? amount : null, hideAbove: word === "hide-after" ? amount : null };
}
