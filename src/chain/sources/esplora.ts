import { utf8 } from "../../bytes/bytes.js";
import { assertBytes, assertInteger, invalidArgument } from "../../bytes/guards.js";
import { decodeHex, encodeHex, isHex, reversed } from "../../bytes/hex.js";
import { sha256 } from "../../crypto/hash.js";
import { HawserError } from "../../errors.js";
import { limits } from "../../limits.js";
import type {
  CallOptions,
  ChainSource,
  Clock,
  HistoryEntry,
  HistoryOptions,
  InclusionClaim,
  Outpoint,
  Outspend,
  Random,
  SourceTip,
  UnspentOutput,
} from "../../ports.js";
import { systemClock } from "../../runtime/clock.js";
import { type HttpHeaders, parseHttpBase } from "../../runtime/http-base.js";
import { statusError } from "../../runtime/http-client.js";
import { systemRandom } from "../../runtime/random.js";
import { parseTransaction } from "../transaction.js";
import {
  confirmedHeight,
  feesAnswer,
  invalidAnswer,
  merkleProofAnswer,
  outspendAnswer,
  parseAnswer,
  parseHash,
  parseText,
  unspentAnswer,
} from "./esplora-answers.js";
import { BLOCKS_PER_PAGE, fetchHeaders, fetchTip } from "./esplora-headers.js";
import { fetchHistory, fetchHistoryBefore } from "./esplora-history.js";
import { EsploraHttp } from "./esplora-http.js";

/** Options of {@link esplora}. */
export interface EsploraOptions {
  /** Name in verdicts. Default: host and path of the base URL. */
  readonly label?: string | undefined;
  /** Credentials and other request headers, sent to the base URL's origin only. In browsers they cause a preflight. */
  readonly headers?: HttpHeaders | undefined;
  /** Requests to the server at the same time. Default 8. */
  readonly maxConcurrentRequests?: number | undefined;
  /** Default: as fast as answers come, until the server says that it is too fast. */
  readonly requestsPerSecond?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}

/** requests - at the same time: browsers send six to a host, and servers count those of a second. */
const MAX_CONCURRENT_REQUESTS = 8;

/**
 * A chain source that speaks Esplora's HTTP interface (Blockstream/electrs and its forks), in Node and browsers.
 *
 * The mempool part of a history holds at most the 50 transactions that such servers list; the confirmed part is
 * complete or the call fails. A history `before` a transaction that is not among the newest costs the raw block of that
 * transaction, up to 4 MB, since such servers do not list a block in its order. Redirects are followed within the origin
 * of the base URL only. Where the server says that it is asked too much (429, or 503 with Retry-After), or a connection
 * breaks, a GET is sent again within a few seconds, and further requests come more slowly.
 *
 * All methods throw `NETWORK_UNREACHABLE`, `NETWORK_STATUS`, `NETWORK_TOO_LARGE`, `NETWORK_ANSWER_INVALID` and
 * `NETWORK_ABORTED`; `history` also `NETWORK_TIME_LIMIT` above 2,000 entries, and `broadcast` `CHAIN_BROADCAST_REFUSED`.
 *
 * @throws INPUT_URL_INVALID, INPUT_INVALID
 */
export function esplora(baseUrl: string, options: EsploraOptions = {}): ChainSource {
  const { clock = systemClock, random = systemRandom, requestsPerSecond } = options;
  const { maxConcurrentRequests = MAX_CONCURRENT_REQUESTS } = options;
  assertInteger("maxConcurrentRequests", maxConcurrentRequests, 1);
  if (requestsPerSecond !== undefined && !(requestsPerSecond > 0)) {
    throw invalidArgument("requestsPerSecond", "a number above 0", requestsPerSecond);
  }
  const base = parseHttpBase(baseUrl.replace(/\/+$/, ""));
  const { headers } = options;
  const http = new EsploraHttp(base, { headers, clock, random, maxConcurrentRequests, requestsPerSecond });
  return new EsploraSource(options.label ?? base.label, http);
}

class EsploraSource implements ChainSource {
  readonly label: string;
  readonly headersPerRequest = BLOCKS_PER_PAGE;
  readonly #http: EsploraHttp;

  constructor(label: string, http: EsploraHttp) {
    this.label = label;
    this.#http = http;
  }

  async tip(options: CallOptions = {}): Promise<SourceTip> {
    return fetchTip(this.#http, options);
  }

  async headers(start: number, count: number, options: CallOptions = {}): Promise<Uint8Array> {
    assertInteger("start", start);
    assertInteger("count", count, 1);
    return fetchHeaders(this.#http, start, count, options);
  }

  async history(script: Uint8Array, options: HistoryOptions = {}): Promise<readonly HistoryEntry[]> {
    const { before } = options;
    const path = scriptPath(script);
    if (before === undefined) return fetchHistory(this.#http, path, options);
    checkedTxid(before.txid);
    assertInteger("before.height", before.height);
    return fetchHistoryBefore(this.#http, { script, path, before }, options);
  }

  async transaction(txid: string, options: CallOptions = {}): Promise<Uint8Array | null> {
    return this.#http.find(`tx/${checkedTxid(txid)}/raw`, {
      ...options,
      maxBytes: limits.transactionMaxBytes,
      shared: true,
      binary: true,
    });
  }

  async inclusion(txid: string, _height: number, options: CallOptions = {}): Promise<InclusionClaim | null> {
    const path = `tx/${checkedTxid(txid)}/merkle-proof`;
    const bytes = await this.#http.find(path, { ...options, shared: true });
    if (bytes === null) return null;
    const { block_height: height, merkle, pos } = parseAnswer(merkleProofAnswer, bytes, this.#http.urlOf(path));
    return { height, position: pos, branch: merkle.map((hash) => reversed(decodeHex(hash, 32))) };
  }

  async coinbaseTxid(height: number, options: CallOptions = {}): Promise<string> {
    assertInteger("height", height);
    const blockPath = `block-height/${height}`;
    const blockHash = parseHash(await this.#http.get(blockPath, options), this.#http.urlOf(blockPath));
    const path = `block/${blockHash}/txid/0`;
    return parseHash(await this.#http.get(path, options), this.#http.urlOf(path));
  }

  async outspend(outpoint: Outpoint, _script: Uint8Array, options: CallOptions = {}): Promise<Outspend> {
    assertInteger("vout", outpoint.vout, 0, 0xffff_ffff);
    const path = `tx/${checkedTxid(outpoint.txid)}/outspend/${outpoint.vout}`;
    const url = this.#http.urlOf(path);
    const { spent, txid, status } = parseAnswer(outspendAnswer, await this.#http.get(path, options), url);
    if (!spent) return { spent: false };
    if (txid === undefined || txid === null || status === undefined || status === null) {
      throw invalidAnswer(url, "spent without a spending transaction");
    }
    return { spent: true, txid, height: confirmedHeight(status, url) };
  }

  async unspent(script: Uint8Array, options: CallOptions = {}): Promise<readonly UnspentOutput[]> {
    const path = `${scriptPath(script)}/utxo`;
    const url = this.#http.urlOf(path);
    const outputs = parseAnswer(unspentAnswer, await this.#http.get(path, options), url);
    return outputs.map(({ txid, vout, value, status }) => ({
      txid,
      vout,
      valueSats: BigInt(value),
      height: confirmedHeight(status, url),
    }));
  }

  async feeRate(targetBlocks: number, options: CallOptions = {}): Promise<number> {
    assertInteger("targetBlocks", targetBlocks, 1);
    const url = this.#http.urlOf("fee-estimates");
    const bytes = await this.#http.find("fee-estimates", options);
    if (bytes === null) return this.#recommendedFee(targetBlocks, options);
    const answer = parseAnswer(feesAnswer, bytes, url);
    const estimates = Object.entries(answer)
      .map(([target, feeRate]) => ({ target: Number(target), feeRate }))
      .filter(({ target, feeRate }) => Number.isSafeInteger(target) && target > 0 && feeRate > 0)
      .sort((a, b) => a.target - b.target);
    const chosen = estimates.find(({ target }) => target >= targetBlocks) ?? estimates[estimates.length - 1];
    if (chosen === undefined) throw invalidAnswer(url, "no estimate");
    return chosen.feeRate;
  }

  /** Servers of mempool/mempool without the estimates of Esplora name a few rates. */
  async #recommendedFee(targetBlocks: number, options: CallOptions): Promise<number> {
    const path = "v1/fees/recommended";
    const rates = parseAnswer(feesAnswer, await this.#http.get(path, options), this.#http.urlOf(path));
    const rate = rates[targetBlocks <= 2 ? "fastestFee" : targetBlocks <= 5 ? "halfHourFee" : "hourFee"] ?? 0;
    if (rate > 0) return rate;
    throw invalidAnswer(this.#http.urlOf(path), "no estimate");
  }

  async broadcast(raw: Uint8Array, options: CallOptions = {}): Promise<void> {
    const { txid } = parseTransaction(raw);
    const url = this.#http.urlOf("tx");
    const answer = await this.#http.post("tx", utf8(encodeHex(raw)), options);
    if (answer.status === 200) {
      if (parseHash(answer.bytes, url) !== txid) throw invalidAnswer(url, "the txid of another transaction");
      return;
    }
    if (answer.status !== 400) throw statusError(url, answer.status, "the transaction may or may not have been taken");
    const reason = parseText(answer.bytes, url).replace(/[^\x20-\x7e]+/g, " ");
    if (ALREADY_KNOWN.test(reason)) return;
    const message = reason === "" ? "no reason given" : reason.slice(0, 300);
    throw new HawserError("CHAIN_BROADCAST_REFUSED", `${this.label} refused transaction ${txid}: ${message}`, {
      txid,
      attempts: [{ label: this.label, code: "CHAIN_BROADCAST_REFUSED", message }],
    });
  }
}

// The words of Bitcoin Core for a transaction that is in its mempool or chain; older and newer versions differ.
const ALREADY_KNOWN =
  /txn-already-(?:in-mempool|known)|already in (?:the )?(?:block chain|blockchain|mempool|utxo set)|outputs already in utxo set/i;

function scriptPath(script: Uint8Array): string {
  assertBytes("script", script);
  return `scripthash/${encodeHex(sha256(script))}`;
}

/** Keeps what is no txid out of request paths. */
function checkedTxid(txid: string): string {
  if (!isHex(txid, 32)) throw invalidArgument("txid", "64 lower-case hex digits", txid);
  return txid;
}
