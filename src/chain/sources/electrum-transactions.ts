import { decodeHex } from "../../bytes/hex.js";
import { isHawserError } from "../../errors.js";
import { parseTransaction, type Transaction } from "../transaction.js";
import type { ElectrumCalls } from "./electrum-calls.js";
import { invalidAnswer, serverRefusal } from "./electrum-error.js";
import { electrumLimits } from "./electrum-limits.js";

// The words of Bitcoin Core, btcd and Blockstream's electrs for a transaction that they do not have; ElectrumX and
// Fulcrum pass the node's words on.
const UNKNOWN =
  /no such mempool|no information available about transaction|(?:transaction|tx) not found|missing transaction|'code': -5\b/i;

/** Raw transactions of one server, of which the last ones are kept: an outspend and a proof need the same bytes. */
export class ElectrumTransactions {
  readonly #calls: ElectrumCalls;
  readonly #kept = new Map<string, Uint8Array>();
  #keptBytes = 0;

  constructor(calls: ElectrumCalls) {
    this.#calls = calls;
  }

  /** The bytes as the server sent them, or null where it does not know the transaction. */
  async raw(txid: string, signal: AbortSignal | undefined): Promise<Uint8Array | null> {
    const kept = this.#kept.get(txid);
    if (kept !== undefined) return kept.slice();
    try {
      return decodeHex(await this.#calls.transaction(txid, signal));
    } catch (error) {
      if (UNKNOWN.test(serverRefusal(error)?.details.reason ?? "")) return null;
      throw error;
    }
  }

  /**
   * The parsed transaction, whose hash is its txid (V3), or null where the server does not know it.
   *
   * @throws NETWORK_ANSWER_INVALID
   */
  async parsed(txid: string, signal: AbortSignal | undefined): Promise<Transaction | null> {
    const raw = await this.raw(txid, signal);
    if (raw === null) return null;
    let tx: Transaction;
    try {
      tx = parseTransaction(raw);
    } catch (error) {
      if (!isHawserError(error, "CHAIN_TRANSACTION_INVALID")) throw error;
      throw invalidAnswer(this.#calls.url, `what it sent for ${txid} is no transaction`);
    }
    // A server that sends other bytes could hide the input that is looked for.
    if (tx.txid !== txid) throw invalidAnswer(this.#calls.url, `it sent ${tx.txid} in place of ${txid}`);
    this.#keep(txid, raw);
    return tx;
  }

  #keep(txid: string, raw: Uint8Array): void {
    if (this.#kept.has(txid)) return;
    this.#kept.set(txid, raw);
    this.#keptBytes += raw.length;
    for (const [oldest, bytes] of this.#kept) {
      if (this.#keptBytes <= electrumLimits.keptTransactionBytes) return;
      this.#kept.delete(oldest);
      this.#keptBytes -= bytes.length;
    }
  }
}
