import type { HawserError } from "../../errors.js";
import { limits } from "../../limits.js";
import type { CallOptions, InclusionClaim } from "../../ports.js";
import { merkleBranch } from "../merkle.js";
import { type MerkleBlock, parseMerkleBlock } from "../merkle-block.js";
import { outputResult, parseHexResult, parseResult, placeResult, previousResult } from "./bitcoin-core-answers.js";
import type { CoreBlocks, Place } from "./bitcoin-core-blocks.js";
import type { KnownPlaces } from "./bitcoin-core-places.js";
import type { CoreRpc, RpcReply } from "./bitcoin-core-rpc.js";

/** bytes - of JSON around a result. */
const JSON_ROOM = 1_024;
/** The words for "nowhere" of servers that can tell it: they have a transaction index, and it is complete. */
const NOWHERE = /no such mempool or blockchain transaction|no information available about transaction/i;
const TXINDEX = "txindex=1";
const INVALID_PARAMS = -32_602;
const GENESIS_HEIGHT = 0;
/** outputs - of a transaction whose coins are asked for. */
const COINS_TRIED = 8;

/** Transactions and their proofs, without a transaction index wherever the block is known or can be found out. */
export class CoreTransactions {
  readonly #rpc: CoreRpc;
  readonly #blocks: CoreBlocks;
  readonly #places: KnownPlaces;
  /** Whether `getrawtransaction` takes a block's hash; btcd's does not. */
  #takesBlock = true;

  constructor(rpc: CoreRpc, blocks: CoreBlocks, places: KnownPlaces) {
    this.#rpc = rpc;
    this.#blocks = blocks;
    this.#places = places;
  }

  /** A raw transaction; null where the server can tell that there is none. @throws CHAIN_SOURCE_UNABLE */
  async fetch(txid: string, options: CallOptions): Promise<Uint8Array | null> {
    const place = this.#places.get(txid);
    const placed = place === null ? null : await this.#fetchFrom(txid, place, options);
    if (placed !== null) return placed;
    const reply = await this.#fetchPlain(txid, options);
    if (reply.ok) return parseHexResult(this.#rpc, "getrawtransaction", reply.result);
    if (NOWHERE.test(reply.message)) return null;
    const found = (await this.#findBySpender(txid, options)) ?? (await this.#findByCoin(txid, options));
    const raw = found === null ? null : await this.#fetchFrom(txid, found, options);
    if (raw === null) throw this.#unfound(txid, reply.message);
    return raw;
  }

  /** Where a transaction is; null for one of the mempool, and where the server can tell that there is none. */
  async include(txid: string, nearHeight: number, options: CallOptions): Promise<InclusionClaim | null> {
    const known = this.#places.get(txid);
    const claimed = known === null ? null : await this.#prove(txid, known, options);
    if (claimed !== null) return claimed;
    const near = await this.#proveNear(txid, nearHeight, options);
    if (near !== null) return near;
    const maxBytes = 2 * limits.sourceAnswerMaxBytes;
    const reply = await this.#rpc.try("getrawtransaction", [txid, 1], { ...options, maxBytes });
    if (!reply.ok && NOWHERE.test(reply.message)) return null;
    const said = reply.ok ? parseResult(this.#rpc, "getrawtransaction", placeResult, reply.result) : null;
    // One of the mempool is in no block.
    if (said !== null && said.blockhash === undefined) return null;
    const found =
      said?.blockhash === undefined
        ? ((await this.#findBySpender(txid, options)) ?? (await this.#findByCoin(txid, options)))
        : await this.#placeOf(said.blockhash, options);
    const proven = found === null ? null : await this.#prove(txid, found, options);
    if (proven !== null) return proven;
    throw this.#unfound(txid, reply.ok ? "its answers contradict each other" : reply.message);
  }

  #fetchPlain(txid: string, options: CallOptions): Promise<RpcReply> {
    const maxBytes = 2 * limits.transactionMaxBytes + JSON_ROOM;
    return this.#rpc.try("getrawtransaction", [txid, 0], { ...options, maxBytes });
  }

  /** A transaction out of a block; null when it is not there (any more). */
  async #fetchFrom(txid: string, { hash }: Place, options: CallOptions): Promise<Uint8Array | null> {
    if (this.#takesBlock) {
      const maxBytes = 2 * limits.transactionMaxBytes + JSON_ROOM;
      const reply = await this.#rpc.try("getrawtransaction", [txid, 0, hash], { ...options, maxBytes });
      if (reply.ok) return parseHexResult(this.#rpc, "getrawtransaction", reply.result);
      if (isAbsent(reply)) {
        this.#places.forget(txid);
        return null;
      }
      if (reply.code !== INVALID_PARAMS) await this.#blocks.blockResultOf(hash, reply, options);
      this.#takesBlock = false;
    }
    const plain = await this.#fetchPlain(txid, options);
    if (plain.ok) return parseHexResult(this.#rpc, "getrawtransaction", plain.result);
    const { transactions } = await this.#blocks.block(hash, options);
    return transactions.find((tx) => tx.txid === txid)?.raw.slice() ?? null;
  }

  async #proveNear(txid: string, height: number, options: CallOptions): Promise<InclusionClaim | null> {
    if (height <= GENESIS_HEIGHT) return null;
    const reply = await this.#rpc.try("getblockhash", [height], options);
    // A height that another source named may be above this one's tip.
    if (!reply.ok || typeof reply.result !== "string") return null;
    return this.#prove(txid, { height, hash: reply.result }, options);
  }

  /** The proof that a block holds a transaction; null when it does not. */
  async #prove(txid: string, place: Place, options: CallOptions): Promise<InclusionClaim | null> {
    const { height, hash } = place;
    const reply = await this.#rpc.try("gettxoutproof", [[txid], hash], options);
    if (!reply.ok && this.#rpc.lacks("gettxoutproof")) return this.#proveByList(txid, place, options);
    if (isAbsent(reply)) {
      this.#places.forget(txid);
      return null;
    }
    const proof = this.#parseProof(txid, await this.#blocks.blockResultOf(hash, reply, options));
    if (proof.hash !== hash) throw this.#rpc.invalid(`a proof for block ${proof.hash} instead of ${hash}`);
    this.#places.note(txid, place);
    const { position, branch } = proof;
    return { height, position, branch };
  }

  async #proveByList(txid: string, place: Place, options: CallOptions): Promise<InclusionClaim | null> {
    const txids = await this.#blocks.txids(place.hash, options);
    const position = txids.indexOf(txid);
    if (position === -1) {
      this.#places.forget(txid);
      return null;
    }
    this.#places.note(txid, place);
    return { height: place.height, position, branch: merkleBranch(txids, position) };
  }

  async #placeOf(hash: string, options: CallOptions): Promise<Place | null> {
    const [height] = await this.#blocks.heightsOf([hash], options);
    return height === undefined || height === null ? null : { hash, height };
  }

  /** The undo data of a known spender tells at which height what it spends was mined (Core 25). */
  async #findBySpender(txid: string, options: CallOptions): Promise<Place | null> {
    const spender = this.#places.spenderOf(txid);
    if (spender === null || !this.#takesBlock) return null;
    const maxBytes = 2 * limits.sourceAnswerMaxBytes;
    const params = [spender.txid, 2, spender.hash];
    const reply = await this.#rpc.try("getrawtransaction", params, { ...options, maxBytes });
    if (!reply.ok) return null;
    const { vin } = parseResult(this.#rpc, "getrawtransaction", previousResult, reply.result);
    const height = vin.find((input) => input.txid === txid)?.prevout?.height;
    return height === undefined ? null : { height, hash: await this.#blocks.hashAt(height, options) };
  }

  /**
   * An unspent output tells how deep its transaction lies. Not asked of `gettxoutproof`, which looks for it among all
   * outputs that a transaction could have: seconds of the server's time where all are spent.
   */
  async #findByCoin(txid: string, options: CallOptions): Promise<Place | null> {
    const calls = Array.from({ length: COINS_TRIED }, (_, vout) => ({
      method: "gettxout",
      params: [txid, vout, false],
    }));
    for (const reply of await this.#rpc.batch(calls, options)) {
      const coin = reply.ok ? parseResult(this.#rpc, "gettxout", outputResult, reply.result) : null;
      if (coin === null) continue;
      const tip = await this.#placeOf(coin.bestblock, options);
      const height = (tip?.height ?? -1) - coin.confirmations + 1;
      return height < 0 ? null : { height, hash: await this.#blocks.hashAt(height, options) };
    }
    return null;
  }

  #parseProof(
    txid: string,
    result: unknown,
  ): MerkleBlock & { readonly position: number; readonly branch: readonly Uint8Array[] } {
    const raw = parseHexResult(this.#rpc, "gettxoutproof", result);
    const proof = parseMerkleBlock(raw, (reason): HawserError => this.#rpc.invalid(`gettxoutproof: ${reason}`));
    const match = proof.matches.find((candidate) => candidate.txid === txid);
    if (match === undefined) throw this.#rpc.invalid("gettxoutproof: a proof of another transaction");
    return { ...proof, position: match.position, branch: match.branch };
  }

  #unfound(txid: string, said: string): HawserError<"CHAIN_SOURCE_UNABLE"> {
    return this.#rpc.unable(TXINDEX, `it cannot tell whether there is a transaction ${txid} (${said})`);
  }
}

/** Whether the reply is that a block does not hold a transaction, or that there is no such block. */
function isAbsent(reply: RpcReply): boolean {
  return (
    !reply.ok &&
    /no such transaction found in the provided block|not all transactions found|block (?:hash )?not found$/i.test(
      reply.message,
    )
  );
}
