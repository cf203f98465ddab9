import { encodeHex } from "../../bytes/hex.js";
import { HawserError } from "../../errors.js";
import { limits } from "../../limits.js";
import type { Clock, HistoryEntry, Outpoint, Outspend } from "../../ports.js";
import type { ElectrumCalls } from "./electrum-calls.js";
import { invalidAnswer, lacksMethod, serverRefusal } from "./electrum-error.js";
import { electrumLimits } from "./electrum-limits.js";
import type { ElectrumTransactions } from "./electrum-transactions.js";

/** transactions - of a history that are looked at beside one another; what they spend answers later questions, too. */
const PARALLEL = 16;

/** Spends that a script's history showed, mined ones alone: what waits in the mempool may be replaced. */
interface KnownSpends {
  readonly byOutpoint: Map<string, Outspend>;
  readonly sinceMs: number;
}

/**
 * What spends an output. A server of protocol 1.7 with an index of spends is asked for just that. Of any other the
 * script's unspent outputs and, where the output is none of them, its history are read: one of its transactions must
 * spend it. "Unspent" is only what the server says in so many words; whatever it refuses, leaves out or contradicts is no
 * answer (V5).
 */
export class ElectrumOutspends {
  readonly #calls: ElectrumCalls;
  readonly #transactions: ElectrumTransactions;
  readonly #clock: Clock;
  readonly #known = new Map<string, KnownSpends>();
  #hasStatus = true;

  constructor(calls: ElectrumCalls, transactions: ElectrumTransactions, clock: Clock) {
    this.#calls = calls;
    this.#transactions = transactions;
    this.#clock = clock;
  }

  /** @throws NETWORK_ANSWER_INVALID, NETWORK_TIME_LIMIT and what requests throw */
  async outspend(outpoint: Outpoint, script: Uint8Array, signal: AbortSignal | undefined): Promise<Outspend> {
    if (this.#hasStatus && (await this.#calls.knowsOutpoints(signal))) {
      try {
        return await this.#status(outpoint, script, signal);
      } catch (error) {
        // A server that has the method may lack the node's index.
        if (serverRefusal(error) === null && !lacksMethod(error)) throw error;
        this.#hasStatus = false;
      }
    }
    return this.#knownSpend(outpoint, script) ?? this.#search(outpoint, script, signal);
  }

  async #status({ txid, vout }: Outpoint, script: Uint8Array, signal: AbortSignal | undefined): Promise<Outspend> {
    const status = await this.#calls.outpointStatus(txid, vout, script, signal);
    // V5: an output that the server does not know is not thereby unspent.
    if (status === null) throw invalidAnswer(this.#calls.url, `it does not know output ${vout} of ${txid}`);
    return status;
  }

  async #search(outpoint: Outpoint, script: Uint8Array, signal: AbortSignal | undefined): Promise<Outspend> {
    const { txid, vout } = outpoint;
    const unspent = await this.#calls.unspent(script, signal);
    if (unspent.some((output) => output.txid === txid && output.vout === vout)) return { spent: false };
    const history = await this.#calls.history(script, signal);
    const funder = history.find((entry) => entry.txid === txid);
    // V5: where the transaction that made the output is missing, so may be the one that spends it.
    if (funder === undefined) {
      throw invalidAnswer(this.#calls.url, `the history of the script of ${txid} is without that transaction`);
    }
    const candidates = laterThan(history, funder);
    if (candidates.length > limits.historyMaxEntries) throw tooLong(this.#calls.url);
    const spends = this.#spendsOf(script);
    for (let at = 0; at < candidates.length; at += PARALLEL) {
      const next = candidates.slice(at, at + PARALLEL);
      const found = (await Promise.all(next.map((entry) => this.#note(spends, entry, outpoint, signal)))).find(
        (spend) => spend !== null,
      );
      if (found !== undefined) return found;
    }
    // V5: neither unspent nor spent. The two answers are of different moments, or one of them is not true.
    throw invalidAnswer(
      this.#calls.url,
      `output ${vout} of ${txid} is neither unspent nor spent in its script's history`,
    );
  }

  /** Notes what a transaction of the history spends; gives the spend that is looked for, if this is it. */
  async #note(
    spends: KnownSpends,
    { txid, height }: HistoryEntry,
    wanted: Outpoint,
    signal: AbortSignal | undefined,
  ): Promise<Outspend | null> {
    const tx = await this.#transactions.parsed(txid, signal);
    if (tx === null) throw invalidAnswer(this.#calls.url, `it does not have ${txid}, which its history names`);
    const spend: Outspend = { spent: true, txid, height };
    let found: Outspend | null = null;
    for (const { outpoint } of tx.inputs) {
      if (height !== null) spends.byOutpoint.set(keyOf(outpoint), spend);
      if (keyOf(outpoint) === keyOf(wanted)) found = spend;
    }
    return found;
  }

  /** A spend that was learned just now: a thread of many operations by one owner is one history. */
  #knownSpend(outpoint: Outpoint, script: Uint8Array): Outspend | null {
    const known = this.#known.get(encodeHex(script));
    if (known === undefined || this.#clock.nowMs() - known.sinceMs > electrumLimits.keptSpendMs) return null;
    return known.byOutpoint.get(keyOf(outpoint)) ?? null;
  }

  #spendsOf(script: Uint8Array): KnownSpends {
    const key = encodeHex(script);
    const spends = { byOutpoint: new Map<string, Outspend>(), sinceMs: this.#clock.nowMs() };
    this.#known.delete(key);
    this.#known.set(key, spends);
    const [oldest] = this.#known.keys();
    if (this.#known.size > electrumLimits.keptScripts && oldest !== undefined) this.#known.delete(oldest);
    return spends;
  }
}

/** What may spend an output of `funder`, nearest first: the blocks from its own on, then the mempool. */
function laterThan(history: readonly HistoryEntry[], funder: HistoryEntry): readonly HistoryEntry[] {
  const place = ({ height }: HistoryEntry): number => height ?? Number.MAX_SAFE_INTEGER;
  return history
    .filter((entry) => entry.txid !== funder.txid && place(entry) >= place(funder))
    .sort((a, b) => place(a) - place(b));
}

const keyOf = ({ txid, vout }: Outpoint): string => `${txid}:${vout}`;

function tooLong(url: string): HawserError<"NETWORK_TIME_LIMIT"> {
  const max = limits.historyMaxEntries;
  const message = `The history at ${url} is too long to find a spend in it.`;
  return new HawserError("NETWORK_TIME_LIMIT", message, { limit: "history entries", max });
}
