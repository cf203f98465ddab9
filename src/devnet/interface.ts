import type { Clock, Outpoint } from "../ports.js";
import type { Reorganisation, ReorgOptions } from "./reorg.js";
import type { Tamper } from "./tamper.js";

/** When blocks are mined. */
export type MinePolicy = "on-transaction" | "manual" | { readonly intervalMs: number };

/** Options of `startDevnet`. */
export interface DevnetOptions {
  /** Esplora servers over the one chain, 1 to 16. @defaultValue as last time in `dataDir`, else 1 */
  readonly sources?: number | undefined;
  /** Storage servers, each with its own files, 0 to 16. @defaultValue as last time in `dataDir`, else 1 */
  readonly stores?: number | undefined;
  /** A block per accepted transaction, on demand only, or at an interval. @defaultValue "on-transaction" */
  readonly mine?: MinePolicy | undefined;
  /** Whether `POST /control` may make servers misbehave. Needs a loopback host. @defaultValue false */
  readonly control?: boolean | undefined;
  /** Address to listen on. @defaultValue "127.0.0.1" */
  readonly host?: string | undefined;
  /**
   * Port of the first source; the others and then the stores follow. 0 takes those of last time in `dataDir` as far as
   * they are free, else free ones.
   *
   * @defaultValue 0
   */
  readonly port?: number | undefined;
  /** @defaultValue the system's clock */
  readonly clock?: Clock | undefined;
  /**
   * A directory that keeps chain, mempool, files and ports, so that the devnet goes on where it was, however its process
   * ended. What servers were told by `tamper` is not kept. One devnet has it at a time. @defaultValue none, in memory
   */
  readonly dataDir?: string | undefined;
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
  /** Base URLs of the Esplora servers; the first also answers `/devnet/...` and `/control`. */
  readonly sourceUrls: readonly string[];
  readonly storeUrls: readonly string[];
  /** The server that answers `POST /control`, or null where it is off. */
  readonly controlUrl: string | null;
  /** Sentences about what was not as it should be at the start, such as a port of last time that is taken. */
  readonly notices: readonly string[];
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
  /**
   * Replaces the last blocks by a branch with more work. Transactions of the removed blocks go back to the mempool where
   * they are still valid and wait for the next block, in every {@link MinePolicy}.
   *
   * @throws INPUT_INVALID, CHAIN_BROADCAST_REFUSED (one of `transactions`); the chain is then as it was
   */
  reorg(options: ReorgOptions): Promise<Reorganisation>;
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
