import { concatBytes, equalBytes } from "../../../src/bytes/bytes.js";
import { decodeHex } from "../../../src/bytes/hex.js";
import { parseHeader } from "../../../src/chain/header.js";
import { HeaderChain } from "../../../src/chain/header-chain.js";
import { merkleBranch, merkleRoot } from "../../../src/chain/merkle.js";
import { type Network, networks } from "../../../src/chain/network.js";
import type { Transaction } from "../../../src/chain/transaction.js";
import { HawserError } from "../../../src/errors.js";
import type { ChainSource, HistoryEntry, Outspend } from "../../../src/ports.js";
import { GENESIS_TIME_SEC, mineHeader } from "../chain/mining.js";
import { coinbase } from "../chain/transactions.js";
import type { World } from "./builder.js";

/** Regtest on which a name lapses within few blocks. */
export const shortNetwork: Network = { ...networks.regtest, termBlocks: 8, graceBlocks: 2, cooldownBlocks: 2 };

/** A block with real proof of work; block 0 is regtest's own and holds nothing here. */
interface MinedBlock {
  readonly header: Uint8Array;
  readonly hash: string;
  /** Coinbase first. */
  readonly txs: readonly Transaction[];
}

const GENESIS: MinedBlock = {
  header: decodeHex(networks.regtest.checkpoint.header ?? ""),
  hash: networks.regtest.genesisHash,
  txs: [],
};

/** How a chain is mined. */
export interface Mining {
  /** The chain that this one shares its blocks with, up to and including height `upTo`. */
  readonly onto?: { readonly chain: MinedChain; readonly upTo: number };
  /** Tells branches apart. */
  readonly version?: number;
  readonly mempool?: readonly Transaction[];
  /** Time and bits of the blocks for which it gives any; others come 600 s apart with the easiest target. */
  readonly header?: (height: number) => { readonly timeSec?: number; readonly bits?: number };
}

/** A chain of real headers and Merkle trees over the transactions of a {@link World}. */
export class MinedChain {
  readonly blocks: readonly MinedBlock[];
  readonly mempool: readonly Transaction[];
  /** Transactions that are served without a place: what inputs spend and the world keeps outside the chain. */
  readonly #outside: ReadonlyMap<string, Transaction>;
  readonly #places = new Map<string, { readonly height: number; readonly position: number }>();

  private constructor(blocks: readonly MinedBlock[], mempool: readonly Transaction[], world: World) {
    this.blocks = blocks;
    this.mempool = mempool;
    this.#outside = world.previous;
    blocks.forEach(({ txs }, height) => {
      txs.forEach(({ txid }, position) => this.#places.set(txid, { height, position }));
    });
  }

  /** Mines what the world holds up to `tipHeight`, each transaction at its height. */
  static of(
    world: World,
    tipHeight: number,
    { onto, version = 4, mempool = [], header: chosen }: Mining = {},
  ): MinedChain {
    const blocks = onto?.chain.blocks.slice(0, onto.upTo + 1) ?? [GENESIS];
    for (let height = blocks.length; height <= tipHeight; height++) {
      const own = world.transactions.filter((entry) => entry.height === height);
      const ordered = own.sort((a, b) => a.position - b.position).map(({ tx }) => tx);
      const txs = [coinbase(height % 256), ...ordered];
      const header = mineHeader({
        previousHash: blocks.at(-1)?.hash ?? "",
        timeSec: GENESIS_TIME_SEC + 600 * height,
        merkleRoot: merkleRoot(txs.map(({ txid }) => txid)),
        version,
        ...chosen?.(height),
      });
      blocks.push({ header, hash: parseHeader(header).hash, txs });
    }
    return new MinedChain(blocks, mempool, world);
  }

  get tipHeight(): number {
    return this.blocks.length - 1;
  }

  hashAt(height: number): string {
    return this.#block(height).hash;
  }

  /** At most `count` headers from `start` on. */
  headers(start: number, count: number): Uint8Array {
    return concatBytes(...this.blocks.slice(start, start + count).map(({ header }) => header));
  }

  placeOf(txid: string): { readonly height: number; readonly position: number } | null {
    return this.#places.get(txid) ?? null;
  }

  txids(height: number): readonly string[] {
    return this.#block(height).txs.map(({ txid }) => txid);
  }

  find(txid: string): Transaction | null {
    return this.#all().find((tx) => tx.txid === txid) ?? this.#outside.get(txid) ?? null;
  }

  history(script: Uint8Array): readonly HistoryEntry[] {
    const pays = (tx: Transaction): boolean => tx.outputs.some((output) => equalBytes(output.script, script));
    return this.#all()
      .filter(pays)
      .map(({ txid }) => ({ txid, height: this.placeOf(txid)?.height ?? null }));
  }

  outspend(txid: string, vout: number): Outspend {
    const by = this.#all().find(({ inputs }) =>
      inputs.some(({ outpoint }) => outpoint.txid === txid && outpoint.vout === vout),
    );
    if (by === undefined) return { spent: false };
    return { spent: true, txid: by.txid, height: this.placeOf(by.txid)?.height ?? null };
  }

  /** As a reader holds it, up to `height`. */
  headerChain(network: Network = networks.regtest, height = this.tipHeight): HeaderChain {
    const raw = this.headers(network.checkpoint.height + 1, height - network.checkpoint.height);
    return HeaderChain.fromStored(network, raw, Number.MAX_SAFE_INTEGER);
  }

  #all(): readonly Transaction[] {
    return [...this.blocks.flatMap(({ txs }) => txs), ...this.mempool];
  }

  #block(height: number): MinedBlock {
    const block = this.blocks[height];
    if (block === undefined) throw new Error(`no block at ${height}`);
    return block;
  }
}

/** A source that counts how often each of its methods is called. */
export interface CountingSource extends ChainSource {
  /** Method names, in the order of the calls. */
  readonly calls: (keyof ChainSource)[];
}

/** How a source differs from an honest one, method by method. */
export type Twist = (honest: ChainSource) => Partial<ChainSource>;

/** A source over a mined chain, honest in everything that `twist` does not replace. */
export function sourceOf(label: string, chain: MinedChain, twist: Twist = () => ({})): CountingSource {
  const honest = honestSource(label, chain);
  const source = { ...honest, ...twist(honest) };
  const calls: (keyof ChainSource)[] = [];
  return {
    label,
    calls,
    tip: (options) => {
      calls.push("tip");
      return source.tip(options);
    },
    headers: (start, count, options) => {
      calls.push("headers");
      return source.headers(start, count, options);
    },
    history: (script, options) => {
      calls.push("history");
      return source.history(script, options);
    },
    transaction: (txid, options) => {
      calls.push("transaction");
      return source.transaction(txid, options);
    },
    inclusion: (txid, height, options) => {
      calls.push("inclusion");
      return source.inclusion(txid, height, options);
    },
    coinbaseTxid: (height, options) => {
      calls.push("coinbaseTxid");
      return source.coinbaseTxid(height, options);
    },
    outspend: (outpoint, script, options) => {
      calls.push("outspend");
      return source.outspend(outpoint, script, options);
    },
    unspent: (script, options) => source.unspent(script, options),
    feeRate: (targetBlocks, options) => source.feeRate(targetBlocks, options),
    broadcast: (raw, options) => source.broadcast(raw, options),
  };
}

/** headers - that an honest source sends along with its tip. */
const RECENT_HEADERS = 3;

function honestSource(label: string, chain: MinedChain): ChainSource {
  const unsupported = (): Promise<never> => Promise.reject(new Error("not a part of this world"));
  return {
    label,
    tip: () => {
      const height = chain.tipHeight;
      const start = Math.max(0, height - RECENT_HEADERS + 1);
      return Promise.resolve({
        height,
        hash: chain.hashAt(height),
        recentHeaders: chain.headers(start, RECENT_HEADERS),
      });
    },
    headers: (start, count) => {
      if (start <= chain.tipHeight) return Promise.resolve(chain.headers(start, count));
      return Promise.reject(unreachable(label, `no header at ${start}`));
    },
    history: (script) => Promise.resolve(chain.history(script)),
    transaction: (txid) => Promise.resolve(chain.find(txid)?.raw ?? null),
    inclusion: (txid) => {
      const place = chain.placeOf(txid);
      if (place === null) return Promise.resolve(null);
      return Promise.resolve({ ...place, branch: merkleBranch(chain.txids(place.height), place.position) });
    },
    coinbaseTxid: (height) => Promise.resolve(chain.txids(height)[0] ?? ""),
    outspend: ({ txid, vout }) => Promise.resolve(chain.outspend(txid, vout)),
    unspent: unsupported,
    feeRate: unsupported,
    broadcast: unsupported,
  };
}

/** What a source throws when it gave no answer. */
export function unreachable(label: string, reason = "out of order"): HawserError<"NETWORK_UNREACHABLE"> {
  return new HawserError("NETWORK_UNREACHABLE", `${label}: ${reason}.`, { url: label, reason });
}

/** A promise that nothing ever settles. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}

/** A source that shows nothing of these transactions: histories end without them, what they spend is unspent. */
export function hiding(...hidden: readonly Transaction[]): Twist {
  const isHidden = (txid: string): boolean => hidden.some((tx) => tx.txid === txid);
  return (honest) => ({
    history: async (script) => (await honest.history(script)).filter(({ txid }) => !isHidden(txid)),
    transaction: (txid) => (isHidden(txid) ? Promise.resolve(null) : honest.transaction(txid)),
    inclusion: (txid, height) => (isHidden(txid) ? Promise.resolve(null) : honest.inclusion(txid, height)),
    outspend: async (outpoint, script) => {
      const spend = await honest.outspend(outpoint, script);
      return spend.spent && isHidden(spend.txid) ? { spent: false } : spend;
    },
  });
}
