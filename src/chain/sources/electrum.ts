import { choosesCertificates, openChannel, transports } from "#electrum-channel";
import { assertBytes, assertInteger, invalidArgument } from "../../bytes/guards.js";
import { isHex } from "../../bytes/hex.js";
import { HawserError } from "../../errors.js";
import type {
  CallOptions,
  ChainSource,
  Clock,
  HistoryEntry,
  HistoryOptions,
  InclusionClaim,
  Outpoint,
  Outspend,
  SourceTip,
  UnspentOutput,
} from "../../ports.js";
import { systemClock } from "../../runtime/clock.js";
import { quietTimer } from "../../runtime/quiet-timer.js";
import { parseTransaction } from "../transaction.js";
import { ElectrumCalls } from "./electrum-calls.js";
import type { ElectrumTls } from "./electrum-channel.js";
import { type ClientParts, closedSource, ElectrumClient } from "./electrum-client.js";
import { invalidAnswer, serverRefusal } from "./electrum-error.js";
import { ElectrumHeaders } from "./electrum-headers.js";
import { fetchInclusion } from "./electrum-inclusion.js";
import { ElectrumOutspends } from "./electrum-outspend.js";
import { ElectrumTransactions } from "./electrum-transactions.js";
import { type ElectrumPlace, parseElectrumUrl } from "./electrum-url.js";
import { watchScripts } from "./electrum-watch.js";

export type { ElectrumTls } from "./electrum-channel.js";

/** Options of {@link electrum}. */
export interface ElectrumOptions {
  /** Name in verdicts. Default: host and port, of a WebSocket also its path. */
  readonly label?: string | undefined;
  /** Which certificates of a `tls:` or `wss:` server are accepted; Node only. Default: those that the system trusts. */
  readonly tls?: ElectrumTls | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
}

/** A chain source that holds a connection. */
export interface ElectrumSource extends ChainSource, AsyncDisposable {
  /** {@inheritDoc ChainSource.watch} */
  watch(scripts: readonly Uint8Array[], onChange: () => void, options?: CallOptions): Promise<void>;
  /** Closes the connection at once; later calls fail with `NETWORK_UNREACHABLE`. May be called again. */
  close(): Promise<void>;
}

/**
 * A chain source that speaks the Electrum protocol, versions 1.4 to 1.7: `tcp://host:port` and `tls://host:port` in Node,
 * `ws://` and `wss://` in Node and browsers. `tcp:` and `ws:` are neither private nor authenticated, which the reader
 * does not need; `tls:` and `wss:` accept only certificates that verify.
 *
 * It connects with the first call, again whenever that is needed, and closes a connection that was idle for 10 seconds,
 * which meanwhile keeps no Node process from ending. Up to 16 requests are under way at once.
 *
 * Histories are complete or the call fails: "history too large" is a failure, as every other refusal. `outspend` asks a
 * server of protocol 1.7 for the output's status, any other for the unspent outputs and the history of its script.
 *
 * All methods throw `NETWORK_UNREACHABLE`, `NETWORK_TIMEOUT` (15 seconds a request), `NETWORK_STATUS` (the server's own
 * error, with its code as `status`), `NETWORK_TOO_LARGE`, `NETWORK_ANSWER_INVALID` and `NETWORK_ABORTED`; `outspend` also
 * `NETWORK_TIME_LIMIT`, and `broadcast` `CHAIN_BROADCAST_REFUSED`.
 *
 * @throws INPUT_URL_INVALID, INPUT_INVALID
 */
export function electrum(url: string, options: ElectrumOptions = {}): ElectrumSource {
  const { clock = systemClock, tls } = options;
  const place = parseElectrumUrl(url);
  if (!transports.includes(place.transport)) {
    const details = { url: place.href, reason: `this runtime has no ${place.transport}: connections` };
    throw new HawserError("INPUT_URL_INVALID", `${place.href} cannot be used: ${details.reason}.`, details);
  }
  if (tls !== undefined) assertTls(place, tls);
  return createSource(options.label ?? place.label, { place, tls, open: openChannel, clock, timer: quietTimer });
}

/** A source over given parts. */
export function createSource(label: string, parts: ClientParts): ElectrumSource {
  return new ConnectedSource(label, parts);
}

class ConnectedSource implements ElectrumSource {
  readonly label: string;
  readonly #parts: ClientParts;
  readonly #client: ElectrumClient;
  readonly #calls: ElectrumCalls;
  readonly #headers: ElectrumHeaders;
  readonly #transactions: ElectrumTransactions;
  readonly #outspends: ElectrumOutspends;
  readonly #closing = new AbortController();

  constructor(label: string, parts: ClientParts) {
    this.label = label;
    this.#parts = parts;
    this.#client = new ElectrumClient(parts);
    this.#calls = new ElectrumCalls(this.#client);
    this.#headers = new ElectrumHeaders(this.#calls);
    this.#transactions = new ElectrumTransactions(this.#calls);
    this.#outspends = new ElectrumOutspends(this.#calls, this.#transactions, parts.clock);
  }

  async tip(options: CallOptions = {}): Promise<SourceTip> {
    return this.#headers.tip(options);
  }

  async headers(start: number, count: number, options: CallOptions = {}): Promise<Uint8Array> {
    assertInteger("start", start);
    assertInteger("count", count, 1);
    return this.#headers.headers(start, count, options);
  }

  async history(script: Uint8Array, options: HistoryOptions = {}): Promise<readonly HistoryEntry[]> {
    assertBytes("script", script);
    const { before, signal } = options;
    if (before !== undefined) {
      assertTxid(before.txid);
      assertInteger("before.height", before.height);
    }
    const entries = await this.#calls.history(script, signal);
    if (before === undefined) return entries;
    // V8: a server that does not have it there has not got what is older either, or tells of another chain.
    if (!entries.some(({ txid, height }) => txid === before.txid && height === before.height)) {
      throw invalidAnswer(this.#calls.url, `its history does not hold ${before.txid} in block ${before.height}`);
    }
    return entries.filter(({ height }) => height !== null && height <= before.height);
  }

  async transaction(txid: string, options: CallOptions = {}): Promise<Uint8Array | null> {
    assertTxid(txid);
    return this.#transactions.raw(txid, options.signal);
  }

  async inclusion(txid: string, height: number, options: CallOptions = {}): Promise<InclusionClaim | null> {
    assertTxid(txid);
    assertInteger("height", height);
    return fetchInclusion(this.#calls, this.#transactions, txid, height, options.signal);
  }

  async coinbaseTxid(height: number, options: CallOptions = {}): Promise<string> {
    assertInteger("height", height);
    return this.#calls.txidAt(height, 0, options.signal);
  }

  async outspend(outpoint: Outpoint, script: Uint8Array, options: CallOptions = {}): Promise<Outspend> {
    assertTxid(outpoint.txid);
    assertInteger("vout", outpoint.vout, 0, 0xffff_ffff);
    assertBytes("script", script);
    return this.#outspends.outspend(outpoint, script, options.signal);
  }

  async unspent(script: Uint8Array, options: CallOptions = {}): Promise<readonly UnspentOutput[]> {
    assertBytes("script", script);
    return this.#calls.unspent(script, options.signal);
  }

  async feeRate(targetBlocks: number, options: CallOptions = {}): Promise<number> {
    assertInteger("targetBlocks", targetBlocks, 1);
    const btcPerKvb = await this.#calls.feeRate(targetBlocks, options.signal);
    if (btcPerKvb <= 0) throw invalidAnswer(this.#calls.url, "no estimate");
    // Kept to what the number can have meant: 0.00001 BTC/kvB is 1 sat/vB, and not a little more.
    return Math.round(btcPerKvb * 1e8) / 1_000;
  }

  async broadcast(raw: Uint8Array, options: CallOptions = {}): Promise<void> {
    const { txid } = parseTransaction(raw);
    let answer: string;
    try {
      answer = await this.#calls.broadcast(raw, options.signal);
    } catch (error) {
      const refusal = serverRefusal(error);
      if (refusal === null) throw error;
      const message = refusal.details.reason;
      if (ALREADY_KNOWN.test(message)) return;
      throw new HawserError("CHAIN_BROADCAST_REFUSED", `${this.label} refused transaction ${txid}: ${message}`, {
        txid,
        attempts: [{ label: this.label, code: "CHAIN_BROADCAST_REFUSED", message }],
      });
    }
    if (answer !== txid) throw invalidAnswer(this.#calls.url, "the txid of another transaction");
  }

  async watch(scripts: readonly Uint8Array[], onChange: () => void, options: CallOptions = {}): Promise<void> {
    for (const script of scripts) assertBytes("script", script);
    // On a connection of its own, so that the server forgets the subscriptions with it.
    const client = new ElectrumClient(this.#parts);
    const closing = this.#closing.signal;
    const signal = options.signal === undefined ? closing : AbortSignal.any([options.signal, closing]);
    try {
      await watchScripts(client, this.#parts.clock, scripts.slice(), onChange, signal);
    } finally {
      client.close();
    }
    if (options.signal?.aborted !== true) throw closedSource(this.#calls.url);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#client.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

// The words of Bitcoin Core for a transaction that is in its mempool or chain; older and newer versions differ.
const ALREADY_KNOWN =
  /txn-already-(?:in-mempool|known)|already (?:have|in (?:the )?(?:block ?chain|mempool|utxo set))|outputs already in utxo set/i;

function assertTxid(txid: string): void {
  if (!isHex(txid, 32)) throw invalidArgument("txid", "64 lower-case hex digits", txid);
}

/** A choice of certificates that nothing would come of is refused: it must not seem to protect. */
function assertTls({ transport }: ElectrumPlace, { ca, fingerprint256 }: ElectrumTls): void {
  if (!choosesCertificates) throw invalidArgument("tls", "nothing, since this runtime judges certificates itself", {});
  if (transport !== "tls" && transport !== "wss") throw invalidArgument("tls", `nothing with ${transport}:`, {});
  if (fingerprint256 !== undefined && !FINGERPRINT.test(fingerprint256)) {
    throw invalidArgument("tls.fingerprint256", "64 hex digits, with or without colons", fingerprint256);
  }
  if (ca !== undefined && fingerprint256 !== undefined) {
    throw invalidArgument("tls", "either ca or fingerprint256", {});
  }
}

const FINGERPRINT = /^[0-9a-f]{2}(?::?[0-9a-f]{2}){31}$/i;
