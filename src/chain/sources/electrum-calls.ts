import type * as z from "zod/mini";
import { encodeHex, reversed } from "../../bytes/hex.js";
import { sha256 } from "../../crypto/hash.js";
import type { HistoryEntry, Outspend, UnspentOutput } from "../../ports.js";
import { HEADER_BYTES } from "../header.js";
import {
  feeAnswer,
  headerAnswer,
  headersAnswer,
  historyAnswer,
  merkleAnswer,
  minedHeight,
  outpointAnswer,
  parseAnswer,
  tipAnswer,
  transactionAnswer,
  txidAnswer,
  unspentAnswer,
  wrappedHistoryAnswer,
  wrappedUnspentAnswer,
} from "./electrum-answers.js";
import type { ElectrumClient } from "./electrum-client.js";
import { invalidAnswer } from "./electrum-error.js";
import { electrumLimits } from "./electrum-limits.js";
import type { ElectrumRequest, ElectrumSession } from "./electrum-session.js";

type Signal = AbortSignal | undefined;

/** The questions of the protocol, each in the words of the version that the server speaks, with typed answers. */
export class ElectrumCalls {
  readonly #client: ElectrumClient;

  constructor(client: ElectrumClient) {
    this.#client = client;
  }

  get url(): string {
    return this.#client.url;
  }

  tip(signal: Signal): Promise<z.infer<typeof tipAnswer>> {
    return this.#ask(tipAnswer, "blockchain.headers.subscribe", [], electrumLimits.answerMaxBytes, signal);
  }

  /** Headers from `start` on; a `proofHeight` that is not null asks for the proof of the last of them. */
  headers(
    start: number,
    count: number,
    proofHeight: number | null,
    signal: Signal,
  ): Promise<z.infer<typeof headersAnswer>> {
    // As separate strings each takes three characters more than its digits.
    const maxBytes = electrumLimits.answerMaxBytes + count * (2 * HEADER_BYTES + 8);
    const params = proofHeight === null ? [start, count] : [start, count, proofHeight];
    return this.#ask(headersAnswer, "blockchain.block.headers", params, maxBytes, signal);
  }

  /** One header with its proof. */
  header(height: number, proofHeight: number, signal: Signal): Promise<z.infer<typeof headerAnswer>> {
    const params = [height, proofHeight];
    return this.#ask(headerAnswer, "blockchain.block.header", params, electrumLimits.answerMaxBytes, signal);
  }

  /** The whole history of a script, mempool included, or an error: servers leave nothing out. */
  async history(script: Uint8Array, signal: Signal): Promise<readonly HistoryEntry[]> {
    const { session, result } = await this.#askByScript("get_history", script, signal);
    const entries = session.speaks(7)
      ? parseAnswer(wrappedHistoryAnswer, result, this.url).history
      : parseAnswer(historyAnswer, result, this.url);
    return entries.map(({ tx_hash: txid, height }) => ({ txid, height: minedHeight(height) }));
  }

  async unspent(script: Uint8Array, signal: Signal): Promise<readonly UnspentOutput[]> {
    const { session, result } = await this.#askByScript("listunspent", script, signal);
    const outputs = session.speaks(7)
      ? parseAnswer(wrappedUnspentAnswer, result, this.url).utxos
      : parseAnswer(unspentAnswer, result, this.url);
    return outputs.map(({ tx_hash: txid, tx_pos: vout, value, height }) => {
      return { txid, vout, valueSats: BigInt(value), height: minedHeight(height) };
    });
  }

  /** A raw transaction in hex. */
  transaction(txid: string, signal: Signal): Promise<string> {
    const maxBytes = electrumLimits.transactionMaxBytes;
    return this.#ask(transactionAnswer, "blockchain.transaction.get", [txid, false], maxBytes, signal);
  }

  merkle(txid: string, height: number, signal: Signal): Promise<z.infer<typeof merkleAnswer>> {
    const params = [txid, height];
    return this.#ask(merkleAnswer, "blockchain.transaction.get_merkle", params, electrumLimits.answerMaxBytes, signal);
  }

  txidAt(height: number, position: number, signal: Signal): Promise<string> {
    const params = [height, position, false];
    const maxBytes = electrumLimits.answerMaxBytes;
    return this.#ask(txidAnswer, "blockchain.transaction.id_from_pos", params, maxBytes, signal);
  }

  /** Whether the agreed version has {@link ElectrumCalls.outpointStatus}. */
  async knowsOutpoints(signal: Signal): Promise<boolean> {
    return this.#client.use(signal, async (inner) => (await this.#client.connect(inner)).speaks(7));
  }

  /** What became of an output, or null where the server does not know it. */
  async outpointStatus(txid: string, vout: number, script: Uint8Array, signal: Signal): Promise<Outspend | null> {
    const params = [txid, vout, encodeHex(script)];
    const method = "blockchain.outpoint.get_status";
    const {
      funder_height: funded,
      spender_txhash: spender,
      spender_height: at,
    } = await this.#ask(outpointAnswer, method, params, electrumLimits.answerMaxBytes, signal);
    if (funded === undefined) return null;
    if (spender === undefined && at === undefined) return { spent: false };
    if (spender === undefined || at === undefined) throw invalidAnswer(this.url, "half of a spend");
    return { spent: true, txid: spender, height: minedHeight(at) };
  }

  /** BTC/kvB, -1 where there is no estimate. */
  async feeRate(targetBlocks: number, signal: Signal): Promise<number> {
    const result = await this.#client.ask((session) => {
      const params = session.speaks(6) ? [targetBlocks, "CONSERVATIVE"] : [targetBlocks];
      return { method: "blockchain.estimatefee", params, maxBytes: electrumLimits.answerMaxBytes };
    }, signal);
    return parseAnswer(feeAnswer, result, this.url);
  }

  /** Gives the txid. */
  broadcast(raw: Uint8Array, signal: Signal): Promise<string> {
    const method = "blockchain.transaction.broadcast";
    // An error repeats the transaction.
    const maxBytes = electrumLimits.answerMaxBytes + 2 * raw.length;
    return this.#ask(txidAnswer, method, [encodeHex(raw)], maxBytes, signal);
  }

  async #ask<Schema extends z.ZodMiniType>(
    schema: Schema,
    method: string,
    params: readonly unknown[],
    maxBytes: number,
    signal: Signal,
  ): Promise<z.infer<Schema>> {
    return parseAnswer(schema, await this.#client.ask({ method, params, maxBytes }, signal), this.url);
  }

  async #askByScript(
    method: string,
    script: Uint8Array,
    signal: Signal,
  ): Promise<{ readonly session: ElectrumSession; readonly result: unknown }> {
    // Set by whichever connection the question went to last, which is the one that answers.
    let session: ElectrumSession | undefined;
    const result = await this.#client.ask((open): ElectrumRequest => {
      session = open;
      return scriptRequest(open, method, script);
    }, signal);
    if (session === undefined) throw invalidAnswer(this.url, "an answer without a connection");
    return { session, result };
  }
}

/** A question about a script: by its hash, from 1.7 on by itself. */
export function scriptRequest(session: ElectrumSession, method: string, script: Uint8Array): ElectrumRequest {
  return session.speaks(7)
    ? {
        method: `blockchain.scriptpubkey.${method}`,
        params: [encodeHex(script)],
        maxBytes: electrumLimits.listMaxBytes,
      }
    : {
        method: `blockchain.scripthash.${method}`,
        params: [scriptHash(script)],
        maxBytes: electrumLimits.listMaxBytes,
      };
}

/** The key under which Electrum servers keep a script: its SHA-256, reversed. */
export function scriptHash(script: Uint8Array): string {
  return encodeHex(reversed(sha256(script)));
}
