import { concatBytes } from "../../bytes/bytes.js";
import { encodeHex, reversed } from "../../bytes/hex.js";
import type { HawserError } from "../../errors.js";
import { limits } from "../../limits.js";
import type { CallOptions, SourceTip } from "../../ports.js";
import { type Block, parseBlock } from "../block.js";
import { HEADER_BYTES, hashHeader } from "../header.js";
import {
  blockResult,
  chainInfoResult,
  hashResult,
  headerResult,
  parseHexResult,
  parseResult,
} from "./bitcoin-core-answers.js";
import type { CoreRest } from "./bitcoin-core-rest.js";
import type { CoreRpc, RpcReply } from "./bitcoin-core-rpc.js";

/** headers - that `/rest/headers` gives at most. */
const REST_MAX_HEADERS = 2_000;
/** calls - in one batch: some 100 kB of answers. */
const CALLS_PER_BATCH = 500;
/** headers - shown with the tip, so that a reader who lacks a few need not ask again. */
const RECENT_HEADERS = 12;
/** bytes - of JSON around a result. */
const JSON_ROOM = 1_024;

/** A block's place in the server's best chain. */
export interface Place {
  readonly height: number;
  /** Display order. */
  readonly hash: string;
}

/** The server's best chain: hashes, headers and whole blocks. */
export class CoreBlocks {
  readonly #rpc: CoreRpc;
  readonly #rest: CoreRest;
  #tip: SourceTip | null = null;

  constructor(rpc: CoreRpc, rest: CoreRest) {
    this.#rpc = rpc;
    this.#rest = rest;
  }

  /** The newest block. */
  async best(options: CallOptions): Promise<Place> {
    return this.readBest(await this.#rpc.try("getblockchaininfo", [], options));
  }

  /** The newest block, in a reply to `getblockchaininfo`. */
  readBest(reply: RpcReply): Place {
    const result = this.#rpc.resultOf("getblockchaininfo", reply);
    const { blocks, bestblockhash } = parseResult(this.#rpc, "getblockchaininfo", chainInfoResult, result);
    return { height: blocks, hash: bestblockhash };
  }

  async tip(options: CallOptions): Promise<SourceTip> {
    const { height, hash } = await this.best(options);
    if (this.#tip?.hash === hash) return this.#tip;
    const start = Math.max(0, height - RECENT_HEADERS + 1);
    const headers = await this.headers(start, height - start + 1, options);
    const last = headers.subarray(headers.length - HEADER_BYTES);
    // A block came, or a reorganisation, between the two answers: the tip's own header will do.
    const isWhole = encodeHex(reversed(hashHeader(last))) === hash;
    const recentHeaders = isWhole ? headers : await this.#header(hash, options);
    this.#tip = { height, hash, recentHeaders };
    return this.#tip;
  }

  /** At most 2,000 headers from `start` on. */
  async headers(start: number, count: number, options: CallOptions): Promise<Uint8Array> {
    const most = Math.min(count, REST_MAX_HEADERS);
    const first = await this.hashAt(start, options);
    const raw = await this.#rest.find(`headers/${first}.bin?count=${most}`, most * HEADER_BYTES, options);
    if (raw !== null && raw.length > 0 && raw.length % HEADER_BYTES === 0) return raw;
    return this.#headersByRpc(start, most, options);
  }

  /** The hash of the block at a height. @throws CHAIN_SOURCE_UNABLE above the tip */
  async hashAt(height: number, options: CallOptions): Promise<string> {
    const result = await this.#rpc.call("getblockhash", [height], options);
    return parseResult(this.#rpc, "getblockhash", hashResult, result);
  }

  /** The hashes of the blocks from one height to another. */
  async hashesFrom(from: number, to: number, options: CallOptions): Promise<readonly string[]> {
    const heights = Array.from({ length: to - from + 1 }, (_, i) => from + i);
    const replies = await this.#each(
      "getblockhash",
      heights.map((height) => [height]),
      options,
    );
    return replies.map((reply) => {
      return parseResult(this.#rpc, "getblockhash", hashResult, this.#rpc.resultOf("getblockhash", reply));
    });
  }

  /** The heights of blocks of the best chain; null for one that is not in it. */
  async heightsOf(hashes: readonly string[], options: CallOptions): Promise<readonly (number | null)[]> {
    const replies = await this.#each(
      "getblockheader",
      hashes.map((hash) => [hash, true]),
      options,
    );
    return replies.map((reply, i) => {
      const result = this.#rpc.resultOf("getblockheader", reply);
      const { hash, height, confirmations } = parseResult(this.#rpc, "getblockheader", headerResult, result);
      if (hash !== hashes[i]) throw this.#rpc.invalid("the header of another block");
      return confirmations < 0 ? null : height;
    });
  }

  /** The whole block of that hash. @throws CHAIN_SOURCE_UNABLE where it was pruned */
  async block(hash: string, options: CallOptions): Promise<Block> {
    const found = await this.#rest.find(`block/${hash}.bin`, limits.blockMaxBytes, options);
    const raw = found ?? (await this.#blockByRpc(hash, options));
    const block = parseBlock(raw, (reason): HawserError => this.#rpc.invalid(`block ${hash}: ${reason}`));
    if (block.hash !== hash) throw this.#rpc.invalid(`block ${block.hash} instead of ${hash}`);
    return block;
  }

  /** The txids of a block, in its order. @throws CHAIN_SOURCE_UNABLE where it was pruned */
  async txids(hash: string, options: CallOptions): Promise<readonly string[]> {
    const reply = await this.#rpc.try("getblock", [hash, 1], options);
    const block = parseResult(this.#rpc, "getblock", blockResult, await this.blockResultOf(hash, reply, options));
    if (block.hash !== hash) throw this.#rpc.invalid(`block ${block.hash} instead of ${hash}`);
    return block.tx;
  }

  /** The result of a call that needs a block's data. @throws CHAIN_SOURCE_UNABLE, which names the prune height */
  async blockResultOf(hash: string, reply: RpcReply, options: CallOptions): Promise<unknown> {
    if (reply.ok || !/not available|pruned|not found on disk/i.test(reply.message)) {
      return this.#rpc.resultOf("getblock", reply);
    }
    const info = await this.#rpc.call("getblockchaininfo", [], options);
    const { pruned, pruneheight } = parseResult(this.#rpc, "getblockchaininfo", chainInfoResult, info);
    if (pruned !== true) return this.#rpc.resultOf("getblock", reply);
    const kept = pruneheight === undefined ? "" : `: it keeps those from height ${pruneheight} on`;
    throw this.#rpc.unable("prune=0", `it has pruned block ${hash}${kept}`);
  }

  async #blockByRpc(hash: string, options: CallOptions): Promise<Uint8Array> {
    const maxBytes = 2 * limits.blockMaxBytes + JSON_ROOM;
    const reply = await this.#rpc.try("getblock", [hash, 0], { ...options, maxBytes });
    return parseHexResult(this.#rpc, "getblock", await this.blockResultOf(hash, reply, options));
  }

  async #header(hash: string, options: CallOptions): Promise<Uint8Array> {
    return this.#readHeader(await this.#rpc.try("getblockheader", [hash, false], options));
  }

  async #headersByRpc(start: number, count: number, options: CallOptions): Promise<Uint8Array> {
    const heights = Array.from({ length: count }, (_, i) => [start + i]);
    const hashes: string[] = [];
    for (const reply of await this.#each("getblockhash", heights, options)) {
      // Above the tip there is none.
      if (!reply.ok && hashes.length > 0) break;
      hashes.push(parseResult(this.#rpc, "getblockhash", hashResult, this.#rpc.resultOf("getblockhash", reply)));
    }
    const replies = await this.#each(
      "getblockheader",
      hashes.map((hash) => [hash, false]),
      options,
    );
    return concatBytes(...replies.map((reply) => this.#readHeader(reply)));
  }

  #readHeader(reply: RpcReply): Uint8Array {
    const result = this.#rpc.resultOf("getblockheader", reply);
    const header = parseHexResult(this.#rpc, "getblockheader", result);
    if (header.length !== HEADER_BYTES) throw this.#rpc.invalid("a header that has not 80 bytes");
    return header;
  }

  /** The replies to one method, called once for each of these parameters. */
  async #each(
    method: string,
    params: readonly (readonly unknown[])[],
    options: CallOptions,
  ): Promise<readonly RpcReply[]> {
    const replies: RpcReply[] = [];
    for (let at = 0; at < params.length; at += CALLS_PER_BATCH) {
      const calls = params.slice(at, at + CALLS_PER_BATCH).map((given) => ({ method, params: given }));
      replies.push(...(await this.#rpc.batch(calls, options)));
      // Above the tip there is nothing more.
      if (replies.at(-1)?.ok === false) break;
    }
    return replies;
  }
}
