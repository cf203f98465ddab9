import { esplora } from "../chain/sources/esplora.js";
import { createReader, type Reader, type ReaderOptions } from "../index.js";
import type { Cache, Signer } from "../ports.js";
import { systemRandom } from "../runtime/random.js";
import { http } from "../storage/http.js";
import { createPrivateKey, type PrivateKeyWallet, privateKeySigner, privateKeyWallet } from "../wallet/private-key.js";
import { createWriter, type Writer } from "../writer.js";
import { type DevnetOptions, type Devnet as DevnetServers, startDevnet as startServers } from "./devnet.js";

/** A writer with coins, and everything that it is made of. */
export interface FundedWriter {
  readonly writer: Writer;
  /** The reader under the writer; its cache holds the journal. */
  readonly reader: Reader;
  readonly wallet: PrivateKeyWallet;
  readonly signer: Signer;
  readonly privateKey: Uint8Array;
}

/** How to make a funded writer. */
export interface FundedWriterOptions {
  /** sat - paid to its first account. Default 1,000,000. */
  readonly valueSats?: bigint | undefined;
  /** 32 bytes. Default: a new one. */
  readonly privateKey?: Uint8Array | undefined;
  /** Default: in memory. */
  readonly cache?: Cache | undefined;
}

/** A running devnet with readers and writers for it. */
export interface Devnet extends Omit<DevnetServers, "readerOptions"> {
  /** Options of a reader over all sources and stores. */
  readerOptions(options?: { readonly cache?: Cache | undefined }): ReaderOptions;
  /**
   * A writer over all sources and stores whose wallet has coins.
   *
   * @throws INPUT_INVALID, WALLET_FUNDS_INSUFFICIENT
   */
  fundedWriter(options?: FundedWriterOptions): Promise<FundedWriter>;
}

/** ms - a devnet mines at once, so there is no reason to wait longer between two looks. */
const POLL_INTERVAL_MS = 50;

/**
 * Starts a regtest chain with its servers in this process, for tests of one's own: of 101 blocks, or where `dataDir`
 * left it.
 *
 * @throws INPUT_INVALID, INPUT_CONFIG_INVALID (a port that is taken), INPUT_FILE_UNUSABLE (`dataDir` is in use, holds
 * something else, is damaged, or cannot be read or written)
 */
export async function startDevnet(options: DevnetOptions = {}): Promise<Devnet> {
  const servers = await startServers(options);
  const readerOptions = ({ cache }: { readonly cache?: Cache | undefined } = {}): ReaderOptions => ({
    network: "regtest",
    sources: servers.sourceUrls.map((url) => esplora(url)),
    storage: servers.storeUrls.map((url) => http(url)),
    allowHosts: servers.readerOptions().allowHosts,
    cache,
  });
  const fundedWriter = async (given: FundedWriterOptions = {}): Promise<FundedWriter> => {
    const { valueSats = 1_000_000n, privateKey = createPrivateKey(systemRandom), cache } = given;
    const wallet = privateKeyWallet({ privateKey, network: "regtest", random: systemRandom });
    const signer = privateKeySigner({ privateKey, random: systemRandom });
    const [account] = await wallet.accounts();
    if (account !== undefined) await servers.faucet(account.script, valueSats);
    const reader = createReader(readerOptions({ cache }));
    const storage = servers.storeUrls.map((url) => http(url, { writable: true }));
    const writer = createWriter({ reader, storage, wallet, signer, pollIntervalMs: POLL_INTERVAL_MS });
    return { writer, reader, wallet, signer, privateKey };
  };
  return {
    network: servers.network,
    sourceUrls: servers.sourceUrls,
    storeUrls: servers.storeUrls,
    controlUrl: servers.controlUrl,
    notices: servers.notices,
    height: () => servers.height(),
    mine: (blocks) => servers.mine(blocks),
    advance: (blocks) => servers.advance(blocks),
    faucet: (to, valueSats) => servers.faucet(to, valueSats),
    reorg: (options) => servers.reorg(options),
    tamper: (what) => {
      servers.tamper(what);
    },
    submit: (raw) => servers.submit(raw),
    close: () => servers.close(),
    readerOptions,
    fundedWriter,
    [Symbol.asyncDispose]: () => servers.close(),
  };
}

export type { DevnetOptions, MinePolicy } from "./devnet.js";
export type { Reorganisation, ReorgOptions } from "./reorg.js";
export type { SourceTamper, StoreTamper, Tamper } from "./tamper.js";
