import { equalBytes } from "../../bytes/bytes.js";
import { encodeHex } from "../../bytes/hex.js";
import { HawserError } from "../../errors.js";
import { limits } from "../../limits.js";
import type { CallOptions } from "../../ports.js";
import type { Transaction } from "../transaction.js";
import type { CoreBlocks, Place } from "./bitcoin-core-blocks.js";
import type { BlockRange, CoreFilters } from "./bitcoin-core-filters.js";
import type { KnownPlaces } from "./bitcoin-core-places.js";
import type { CoreRpc } from "./bitcoin-core-rpc.js";
import { Turns } from "./bitcoin-core-turns.js";

/** An output of a script, and the mined transaction that spends it. */
export interface FoundOutput {
  readonly txid: string;
  readonly vout: number;
  readonly height: number;
  readonly valueSats: bigint;
  readonly spentBy: { readonly txid: string; readonly height: number } | null;
}

/** What was found of a script in the blocks that were looked through. */
export interface FoundHistory {
  /** Transactions that pay the script or spend an output of it, in chain order. */
  readonly entries: readonly { readonly txid: string; readonly height: number }[];
  /** By `txid:vout`. */
  readonly outputs: ReadonlyMap<string, FoundOutput>;
}

/** Up to where a script is looked for. */
export interface ScanUntil {
  readonly to: Place;
  /** Blocks below are left out, if they have not been looked through before. */
  readonly from: number;
  /** Ends the search early: what is wanted was found. */
  readonly done?: ((found: FoundHistory) => boolean) | undefined;
}

/**
 * blocks - of one scan: a second or two of mainnet's filters. Core breaks off no shorter one, so that an abort is kept by
 * starting no other.
 */
const BLOCKS_PER_SCAN = 2_000;
/** blocks - whose hashes are kept, newest first, to find what a reorganisation left. */
const MOST_MARKS = 64;
/** scripts - whose blocks are remembered; the one that was asked for longest ago is forgotten first. */
const MOST_SCRIPTS = 256;
/** times - that a reorganisation may come between the steps of one scan. */
const MOST_REORGS = 5;

/** Looks for scripts in the chain, and remembers what was looked through. */
export class CoreScan {
  readonly #rpc: CoreRpc;
  readonly #blocks: CoreBlocks;
  readonly #filters: CoreFilters;
  readonly #places: KnownPlaces;
  readonly #scripts = new Map<string, ScriptScan>();

  constructor(rpc: CoreRpc, blocks: CoreBlocks, filters: CoreFilters, places: KnownPlaces) {
    this.#rpc = rpc;
    this.#blocks = blocks;
    this.#filters = filters;
    this.#places = places;
  }

  /**
   * Everything of a script in the blocks of the server's best chain up to `to` that pay it or spend it. Blocks that an
   * earlier call looked through are not asked for again, also where that call was aborted or failed.
   *
   * @throws CHAIN_SOURCE_UNABLE; NETWORK_TIME_LIMIT above `limits.historyMaxEntries`
   */
  async find(script: Uint8Array, until: ScanUntil, options: CallOptions): Promise<FoundHistory> {
    const scan = this.#scanOf(script, until.from);
    // Two callers that want the same would read the same blocks twice.
    return scan.turns.run(options.signal, this.#rpc.label, () => this.#advance(scan, until, options));
  }

  #scanOf(script: Uint8Array, from: number): ScriptScan {
    const key = encodeHex(script);
    const known = this.#scripts.get(key);
    // Spends are told by the outputs below them, so that an earlier start begins anew.
    const scan = known !== undefined && known.from <= from ? known : new ScriptScan(script, from);
    this.#scripts.delete(key);
    this.#scripts.set(key, scan);
    const [oldest] = this.#scripts.keys();
    if (this.#scripts.size > MOST_SCRIPTS && oldest !== undefined) this.#scripts.delete(oldest);
    return scan;
  }

  async #advance(scan: ScriptScan, { to: wanted, done }: ScanUntil, options: CallOptions): Promise<FoundHistory> {
    let to = wanted;
    let reorgs = 0;
    await this.#dropStale(scan, to, options);
    while (scan.next <= to.height && done?.(scan.found) !== true) {
      // V8: before more blocks of a flood are read.
      if (scan.found.entries.length > limits.historyMaxEntries) throw this.#tooLong();
      const height = Math.min(scan.next + BLOCKS_PER_SCAN - 1, to.height);
      const end = { height, hash: height === to.height ? to.hash : await this.#blocks.hashAt(height, options) };
      const range = { from: scan.next, to: end.height, toHash: end.hash };
      const hashes = await this.#filters.relevant(scan.script, range, options);
      // V6: what was found is of one chain only if both ends of it are in the best chain now.
      const isOneChain = hashes !== null && (await this.#isStill([...scan.marks.slice(-1), end], options));
      if (isOneChain && (await this.#readBlocks(scan, hashes, range, options))) {
        scan.commit(null, end);
        continue;
      }
      if (++reorgs > MOST_REORGS) throw this.#rpc.unable(null, "its chain kept changing");
      const best = await this.#blocks.best(options);
      to = best.height < wanted.height ? best : { ...wanted, hash: await this.#blocks.hashAt(wanted.height, options) };
      await this.#dropStale(scan, to, options);
    }
    return scan.found;
  }

  /** Forgets what was found in blocks that have left the best chain. */
  async #dropStale(scan: ScriptScan, to: Place, options: CallOptions): Promise<void> {
    const newest = scan.marks.at(-1);
    if (newest === undefined || (newest.height === to.height && newest.hash === to.hash)) return;
    while (scan.marks.length > 0 && !(await this.#isStill(scan.marks.slice(-1), options))) scan.dropNewest();
  }

  /** Whether these blocks are in the best chain. */
  async #isStill(places: readonly Place[], options: CallOptions): Promise<boolean> {
    const calls = places.map(({ height }) => ({ method: "getblockhash", params: [height] }));
    const replies = await this.#rpc.batch(calls, options);
    return places.every(({ hash }, i) => {
      const reply = replies[i];
      return reply?.ok === true && reply.result === hash;
    });
  }

  /** Takes down what these blocks hold of the script, one by one; false when one of them has left the chain. */
  async #readBlocks(
    scan: ScriptScan,
    hashes: readonly string[],
    { from, to }: BlockRange,
    options: CallOptions,
  ): Promise<boolean> {
    const heights = await this.#blocks.heightsOf(hashes, options);
    const places = hashes.flatMap((hash, i) => {
      const height = heights[i] ?? null;
      return height === null ? [] : [{ hash, height }];
    });
    if (places.length < hashes.length) return false;
    if (places.some(({ height }) => height < from || height > to)) throw this.#rpc.invalid("a block out of range");
    for (const place of places.sort((a, b) => a.height - b.height)) {
      const { transactions } = await this.#blocks.block(place.hash, options);
      // What was read stays, whatever becomes of the call: a reader that has no more time goes on here the next time.
      for (const tx of scan.commit(transactions, place)) this.#places.noteTransaction(tx, place);
      if (scan.found.entries.length > limits.historyMaxEntries) throw this.#tooLong();
    }
    return true;
  }

  #tooLong(): HawserError<"NETWORK_TIME_LIMIT"> {
    const max = limits.historyMaxEntries;
    const message = `A history at ${this.#rpc.label} is too long to be read completely.`;
    return new HawserError("NETWORK_TIME_LIMIT", message, { limit: "history entries", max });
  }
}

/** What is known of one script. */
class ScriptScan {
  readonly script: Uint8Array;
  readonly from: number;
  readonly turns = new Turns(1);
  /** Ends of what was looked through, lowest first. */
  marks: readonly Place[] = [];
  #touching: { readonly tx: SlimTransaction; readonly height: number }[] = [];
  #found: Matcher;

  constructor(script: Uint8Array, from: number) {
    this.script = script.slice();
    this.from = from;
    this.#found = new Matcher(this.script);
  }

  /** The lowest height that was not looked through. */
  get next(): number {
    return (this.marks.at(-1)?.height ?? this.from - 1) + 1;
  }

  get found(): FoundHistory {
    return this.#found;
  }

  /** Takes a block down, or that there is nothing up to it; gives the transactions that touch the script. */
  commit(transactions: readonly Transaction[] | null, place: Place): readonly SlimTransaction[] {
    const touching = (transactions ?? []).filter((tx) => this.#found.takes(tx, place.height)).map(slim);
    for (const tx of touching) this.#touching.push({ tx, height: place.height });
    const marks = this.marks.filter(({ height }) => height < place.height);
    this.marks = [...marks, place].slice(-MOST_MARKS);
    return touching;
  }

  /** Forgets what lies above the last mark but one. */
  dropNewest(): void {
    this.marks = this.marks.slice(0, -1);
    this.#touching = this.#touching.filter(({ height }) => height < this.next);
    this.#found = new Matcher(this.script);
    for (const { tx, height } of this.#touching) this.#found.takes(tx, height);
  }
}

/** What is kept of a transaction: no view of the block's bytes, which would keep all of them. */
type SlimTransaction = Pick<Transaction, "txid" | "outputs"> & {
  readonly inputs: readonly Pick<Transaction["inputs"][number], "outpoint">[];
};

function slim({ txid, inputs, outputs }: Transaction): SlimTransaction {
  return {
    txid,
    inputs: inputs.map(({ outpoint }) => ({ outpoint })),
    outputs: outputs.map(({ script, valueSats }) => ({ script: script.slice(), valueSats })),
  };
}

/** Tells which transactions pay a script or spend an output of it, block by block. */
class Matcher implements FoundHistory {
  readonly #script: Uint8Array;
  readonly entries: { readonly txid: string; readonly height: number }[] = [];
  readonly outputs = new Map<string, FoundOutput>();

  constructor(script: Uint8Array) {
    this.#script = script;
  }

  /** Takes a transaction down where it touches the script; whether it does. */
  takes({ txid, inputs, outputs }: SlimTransaction, height: number): boolean {
    let touches = false;
    for (const { outpoint } of inputs) {
      const key = `${outpoint.txid}:${outpoint.vout}`;
      const spent = this.outputs.get(key);
      if (spent === undefined) continue;
      this.outputs.set(key, { ...spent, spentBy: { txid, height } });
      touches = true;
    }
    outputs.forEach(({ script, valueSats }, vout) => {
      if (!equalBytes(script, this.#script)) return;
      this.outputs.set(`${txid}:${vout}`, { txid, vout, height, valueSats, spentBy: null });
      touches = true;
    });
    if (touches) this.entries.push({ txid, height });
    return touches;
  }
}
