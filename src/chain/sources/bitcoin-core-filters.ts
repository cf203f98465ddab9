import { encodeHex } from "../../bytes/hex.js";
import type { HawserError } from "../../errors.js";
import { limits } from "../../limits.js";
import type { CallOptions, Clock } from "../../ports.js";
import { matchesBlockFilter } from "../block-filter.js";
import { filterResult, parseHexResult, parseResult, scanBlocksResult } from "./bitcoin-core-answers.js";
import type { CoreBlocks } from "./bitcoin-core-blocks.js";
import { type CoreRpc, METHOD_NOT_FOUND, type RpcCall, type RpcReply } from "./bitcoin-core-rpc.js";
import { Turns } from "./bitcoin-core-turns.js";

/** Which blocks are looked through. */
export interface BlockRange {
  readonly from: number;
  readonly to: number;
  /** Hash of the block at `to`. */
  readonly toHash: string;
}

/** filters - of up to some 50 kB of hex each, in one batch. */
const FILTERS_PER_BATCH = 50;
/** ms - between two tries while another client's scan goes on. */
const SCAN_POLL_MS = 250;
/** tries - before a server that is always scanning for others has not answered. */
const SCAN_TRIES = 100;
/** What makes a server keep block filters. */
export const FILTER_SETTING = "blockfilterindex=1";

/**
 * Finds blocks by their filters (BIP158): by `scanblocks` in the server, or, where that is missing (btcd, Core before
 * 25), by the filters themselves.
 */
export class CoreFilters {
  readonly #rpc: CoreRpc;
  readonly #blocks: CoreBlocks;
  readonly #clock: Clock;
  /** Core runs one scan at a time. */
  readonly #scans = new Turns(1);

  constructor(rpc: CoreRpc, blocks: CoreBlocks, clock: Clock) {
    this.#rpc = rpc;
    this.#blocks = blocks;
    this.#clock = clock;
  }

  /**
   * Hashes of the blocks in a range, of at most 10,000 blocks, that may pay the script or spend an output of it; null
   * where the range's last block is no longer known.
   *
   * @throws CHAIN_SOURCE_UNABLE without a filter index, and while it is being built
   */
  async relevant(script: Uint8Array, range: BlockRange, options: CallOptions): Promise<readonly string[] | null> {
    if (!this.#rpc.lacks("scanblocks")) {
      const found = await this.#scans.run(options.signal, this.#rpc.label, () => this.#scan(script, range, options));
      if (!this.#rpc.lacks("scanblocks")) return found;
    }
    return this.#matchFilters(script, range, options);
  }

  async #scan(script: Uint8Array, range: BlockRange, options: CallOptions): Promise<readonly string[] | null> {
    const { from, to, toHash } = range;
    const scan: RpcCall = {
      method: "scanblocks",
      params: ["start", [`raw(${encodeHex(script)})`], from, to, "basic"],
    };
    for (let tries = 0; tries < SCAN_TRIES; tries++) {
      // V5: of blocks that the index has not reached `scanblocks` says that nothing matches. The filter of the last one
      // shows that it has reached them all.
      const calls = [{ method: "getblockfilter", params: [toHash] }, scan];
      const [filter, reply] = await this.#rpc.batch(calls, options);
      if (filter === undefined || reply === undefined) break;
      if (!reply.ok && reply.code === METHOD_NOT_FOUND) return null;
      if (!reply.ok && /already in progress/i.test(reply.message)) {
        await this.#clock.delay(SCAN_POLL_MS, options.signal);
        continue;
      }
      if (!filter.ok && /block not found/i.test(filter.message)) return null;
      this.#assertIndexed(filter);
      const result = parseResult(this.#rpc, "scanblocks", scanBlocksResult, this.#rpc.resultOf("scanblocks", reply));
      const isWhole = result.completed !== false && result.from_height === from && result.to_height === to;
      if (!isWhole) throw this.#rpc.unable(null, "the scan of its block filters was broken off");
      if (result.relevant_blocks.length > to - from + 1) throw this.#rpc.invalid("more blocks than were scanned");
      return result.relevant_blocks;
    }
    throw this.#rpc.unable(null, "it scans block filters for others");
  }

  async #matchFilters(script: Uint8Array, { from, to }: BlockRange, options: CallOptions): Promise<readonly string[]> {
    const relevant: string[] = [];
    for (let low = from; low <= to; low += FILTERS_PER_BATCH) {
      const hashes = await this.#blocks.hashesFrom(low, Math.min(low + FILTERS_PER_BATCH - 1, to), options);
      const filters = await this.#fetchFilters(hashes, options);
      hashes.forEach((hash, i) => {
        const fail = (reason: string): HawserError => this.#rpc.invalid(`the filter of block ${hash}: ${reason}`);
        if (matchesBlockFilter(filters[i] ?? new Uint8Array(0), hash, script, fail)) relevant.push(hash);
      });
    }
    return relevant;
  }

  async #fetchFilters(hashes: readonly string[], options: CallOptions): Promise<readonly Uint8Array[]> {
    const maxBytes = 2 * limits.sourceAnswerMaxBytes;
    if (!this.#rpc.lacks("getblockfilter")) {
      const calls = hashes.map((hash) => ({ method: "getblockfilter", params: [hash] }));
      const replies = await this.#rpc.batch(calls, { ...options, maxBytes });
      const isKnown = replies.every((reply) => reply.ok || reply.code !== METHOD_NOT_FOUND);
      if (isKnown) return replies.map((reply) => this.#readFilter(reply));
    }
    // btcd numbers the kinds of filters; 0 is the basic one.
    const calls = hashes.map((hash) => ({ method: "getcfilter", params: [hash, 0] }));
    const replies = await this.#rpc.batch(calls, { ...options, maxBytes });
    return replies.map((reply) => {
      if (!reply.ok) throw this.#rpc.unable(FILTER_SETTING, `it keeps no block filters: ${reply.message}`);
      return parseHexResult(this.#rpc, "getcfilter", reply.result);
    });
  }

  #readFilter(reply: RpcReply): Uint8Array {
    this.#assertIndexed(reply);
    const result = this.#rpc.resultOf("getblockfilter", reply);
    const { filter } = parseResult(this.#rpc, "getblockfilter", filterResult, result);
    return parseHexResult(this.#rpc, "getblockfilter", filter);
  }

  #assertIndexed(reply: RpcReply): void {
    if (reply.ok) return;
    if (/not enabled/i.test(reply.message)) {
      throw this.#rpc.unable(FILTER_SETTING, "it keeps no block filters, so that it cannot tell a script's history");
    }
    throw this.#rpc.unable(null, `its block filters do not reach the tip yet: ${reply.message}`);
  }
}
