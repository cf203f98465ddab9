import { assertBytes, assertInteger, invalidArgument } from "../bytes/guards.js";
import { isHawserError } from "../errors.js";
import type { Clock, Outpoint } from "../ports.js";
import { systemClock } from "../runtime/clock.js";
import { Chain } from "./chain.js";
import { ChainView } from "./chain-view.js";
import { answerControl } from "./control.js";
import { answerEsplora } from "./esplora-server.js";
import { Faucet } from "./faucet.js";
import { startServer, type WebAnswer, type WebHandler, type WebServer } from "./http-server.js";
import { Mempool } from "./mempool.js";
import { Miner } from "./miner.js";
import { scriptOfAddress } from "./script-kind.js";
import { Store } from "./store.js";
import { answerStore } from "./store-server.js";
import {
  parseSourceTamper,
  parseStoreTamper,
  type SourceWord,
  type StoreWord,
  serverAt,
  type Tamper,
  type TamperMode,
} from "./tamper.js";

/** When blocks are mined. */
export type MinePolicy = "on-transaction" | "manual" | { readonly intervalMs: number };

/** Options of {@link startDevnet}. */
export interface DevnetOptions {
  /** Esplora servers over the one chain, 1 to 16. @defaultValue 1 */
  readonly sources?: number | undefined;
  /** Storage servers, each with its own files, 0 to 16. @defaultValue 1 */
  readonly stores?: number | undefined;
  /** A block per accepted transaction, on demand only, or at an interval. @defaultValue "on-transaction" */
  readonly mine?: MinePolicy | undefined;
  /** Whether `POST /control` may make servers misbehave. Needs a loopback host. @defaultValue false */
  readonly control?: boolean | undefined;
  /** Address to listen on. @defaultValue "127.0.0.1" */
  readonly host?: string | undefined;
  /** Port of the first source; the others and then the stores follow. 0 takes free ones. @defaultValue 0 */
  readonly port?: number | undefined;
  /** @defaultValue the system's clock */
  readonly clock?: Clock | undefined;
}

/** What a reader needs to use a devnet; plain data. */
export interface DevnetReaderOptions {
  readonly network: "regtest";
  readonly sourceUrls: readonly string[];
  readonly storeUrls: readonly string[];
  /** `host:port` of every store, which routes may lead to although it is a loopback address. */
  readonly allowHosts: readonly string[];
}

/** A running devnet. */
export interface Devnet extends AsyncDisposable {
  readonly network: "regtest";
  /** Base URLs of the Esplora servers; the first also answers `/devnet/mine`, `/devnet/faucet` and `/control`. */
  readonly sourceUrls: readonly string[];
  readonly storeUrls: readonly string[];
  /** The server that answers `POST /control`, or null where it is off. */
  readonly controlUrl: string | null;
  height(): number;
  /** Mines blocks (0 to 10,000) with what the mempool holds; gives the new height. @throws INPUT_INVALID */
  mine(blocks: number): Promise<number>;
  /** The same as {@link Devnet.mine}. */
  advance(blocks: number): Promise<number>;
  /**
   * Pays 1 to 100,000,000,000 sat to an output script or regtest address, confirmed by one block.
   *
   * @throws INPUT_INVALID, CHAIN_BROADCAST_REFUSED (a dust value), WALLET_FUNDS_INSUFFICIENT
   */
  faucet(to: Uint8Array | string, valueSats: bigint): Promise<Outpoint>;
  /** Makes a server misbehave, or behave again. @throws INPUT_INVALID */
  tamper(what: Tamper): void;
  /**
   * Sends a raw transaction as a source's `POST /tx` does; gives its txid.
   *
   * @throws CHAIN_BROADCAST_REFUSED with the reason in `attempts[0].message`
   */
  submit(raw: Uint8Array): Promise<string>;
  readerOptions(): DevnetReaderOptions;
  /** Stops every server; may be called again. */
  close(): Promise<void>;
}

const MOST_SERVERS = 16;
const MOST_BLOCKS_AT_ONCE = 10_000;
const LOOPBACK_HOST = /^(?:127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost|::1)$/;

/**
 * Starts a regtest chain of 101 blocks with its servers in this process.
 *
 * @throws INPUT_INVALID, INPUT_CONFIG_INVALID (a port that is taken)
 */
export async function startDevnet(options: DevnetOptions = {}): Promise<Devnet> {
  const { sources = 1, stores = 1, mine = "on-transaction", control = false, host = "127.0.0.1", port = 0 } = options;
  assertInteger("sources", sources, 1, MOST_SERVERS);
  assertInteger("stores", stores, 0, MOST_SERVERS);
  assertInteger("port", port, 0, 65_536 - sources - stores);
  if (typeof mine === "object") assertInteger("mine.intervalMs", mine.intervalMs, 1);
  if (control && !LOOPBACK_HOST.test(host))
    throw invalidArgument("host", "a loopback address while control is on", host);
  const devnet = new LocalDevnet(mine, control, options.clock ?? systemClock);
  try {
    await devnet.listen(sources, stores, host, port);
  } catch (error) {
    await devnet.close();
    throw error;
  }
  return devnet;
}

interface SourceState {
  mode: TamperMode<SourceWord>;
  server: WebServer | null;
}

interface StoreState {
  readonly store: Store;
  mode: TamperMode<StoreWord>;
  server: WebServer | null;
}

const HONEST = { word: "honest", amount: 0 } as const;

class LocalDevnet implements Devnet {
  readonly network = "regtest" as const;
  readonly #chain = new Chain();
  readonly #mempool = new Mempool(this.#chain);
  readonly #miner: Miner;
  readonly #faucet: Faucet;
  readonly #minePolicy: MinePolicy;
  readonly #control: boolean;
  readonly #clock: Clock;
  readonly #sources: SourceState[] = [];
  readonly #stores: StoreState[] = [];
  readonly #closing = new AbortController();

  constructor(mine: MinePolicy, control: boolean, clock: Clock) {
    this.#minePolicy = mine;
    this.#control = control;
    this.#clock = clock;
    this.#miner = new Miner(this.#chain, this.#mempool, clock);
    this.#faucet = new Faucet(this.#chain, this.#mempool, this.#miner);
    this.#miner.mineStart();
    if (typeof mine === "object") void this.#mineEvery(mine.intervalMs);
  }

  async listen(sources: number, stores: number, host: string, firstPort: number): Promise<void> {
    let next = firstPort;
    const port = (): number => (firstPort === 0 ? 0 : next++);
    for (let i = 0; i < sources; i++) {
      const source: SourceState = { mode: HONEST, server: null };
      this.#sources.push(source);
      source.server = await startServer(host, port(), this.#sourceHandler(source, i === 0));
    }
    for (let i = 0; i < stores; i++) {
      const state: StoreState = { store: new Store(), mode: HONEST, server: null };
      this.#stores.push(state);
      state.server = await startServer(host, port(), (request, signal) =>
        this.#gated(state.mode, signal, () => answerStore(state.store, request)),
      );
    }
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

  height(): number {
    return this.#chain.height;
  }

  async mine(blocks: number): Promise<number> {
    assertInteger("blocks", blocks, 0, MOST_BLOCKS_AT_ONCE);
    for (let i = 0; i < blocks; i++) this.#miner.mine();
    return this.#chain.height;
  }

  advance(blocks: number): Promise<number> {
    return this.mine(blocks);
  }

  async faucet(to: Uint8Array | string, valueSats: bigint): Promise<Outpoint> {
    return this.#faucet.pay(typeof to === "string" ? scriptOfAddress(to) : to, valueSats);
  }

  async submit(raw: Uint8Array): Promise<string> {
    assertBytes("raw", raw);
    return this.#accept(raw);
  }

  tamper(
    what: { readonly source: unknown; readonly how: unknown } | { readonly store: unknown; readonly how: unknown },
  ): void {
    if ("source" in what) {
      serverAt("source", this.#sources, what.source).mode = parseSourceTamper(what.how);
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
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(raw: Uint8Array): string {
    const { txid } = this.#mempool.accept(raw);
    if (this.#minePolicy === "on-transaction") this.#miner.mine();
    return txid;
  }

  #sourceHandler(source: SourceState, first: boolean): WebHandler {
    return async (request, signal) => {
      // Not gated: a source that is down or slow can be called back.
      const controlled = first ? await answerControl(this, this.#control, request) : null;
      return (
        controlled ??
        this.#gated(source.mode, signal, () => {
          const view = new ChainView(this.#chain, this.#mempool, limitsOf(source.mode));
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

  async #mineEvery(intervalMs: number): Promise<void> {
    const { signal } = this.#closing;
    try {
      for (;;) {
        await this.#clock.delay(intervalMs, signal);
        this.#miner.mine();
      }
    } catch (error) {
      // Closing ends the wait; anything else is a defect that must not go unseen.
      if (!isHawserError(error, "NETWORK_ABORTED")) throw error;
    }
  }
}

function limitsOf({ word, amount }: TamperMode<SourceWord>): {
  readonly tipHeight: number | null;
  readonly hideAbove: number | null;
} {
  return { tipHeight: word === "lag" ? amount : null, hideAbove: word === "hide-after" ? amount : null };
}
