import { HawserError, isHawserError } from "../../errors.js";
import { limits } from "../../limits.js";
import type { CallOptions, HistoryEntry, HistoryMark } from "../../ports.js";
import { confirmedHeight, historyAnswer, invalidAnswer, parseAnswer } from "./esplora-answers.js";
import type { EsploraHttp } from "./esplora-http.js";

/** transactions - a page with fewer mined ones is shorter than any server is set up for, so it was the last. */
const FULL_PAGE = 10;

/** Which part of which script's history is asked for. */
export interface HistoryBefore {
  readonly script: Uint8Array;
  /** `scripthash/<hash of the script>`. */
  readonly path: string;
  readonly before: HistoryMark;
}

/**
 * All transactions of a script. Servers list the mempool and the newest confirmed ones first, then pages of older ones.
 * Page sizes differ between servers, so only a page without confirmed transactions proves the end (V5), and the first one
 * does not where it lists the mempool: on servers of mempool/electrs what is in the mempool takes the place of the rest.
 *
 * @throws NETWORK_TIME_LIMIT when the history is longer than `limits.historyMaxEntries`: too large is "not answered"
 */
export async function fetchHistory(
  http: EsploraHttp,
  path: string,
  options: CallOptions,
): Promise<readonly HistoryEntry[]> {
  const pages = new Pages(http, path, options);
  await pages.readToEnd(await pages.readNewest());
  return pages.entries;
}

/**
 * The transactions of a script up to and with the block of one of them (V8). Where that one is among the newest the
 * history is short, and all of it is read. Else the pages go on from it at once, and the rest of its block is taken from
 * the block itself: servers sort the transactions of a block by txid, so that those which come before it in the block
 * may be listed above it (C6).
 *
 * @throws NETWORK_TIME_LIMIT as {@link fetchHistory}
 */
export async function fetchHistoryBefore(
  http: EsploraHttp,
  asked: HistoryBefore,
  options: CallOptions,
): Promise<readonly HistoryEntry[]> {
  const { script, path, before } = asked;
  const newest = new Pages(http, path, options);
  const oldest = await newest.readNewest().catch((error: unknown) => {
    // A server may refuse the newest of a history that is long, and still go on from a place in it.
    if (isHawserError(error, "NETWORK_STATUS")) return undefined;
    throw error;
  });
  // A page without confirmed transactions is the end, also where it is the first: on another chain there are none.
  if (oldest === null || (oldest !== undefined && newest.isMined(before.txid))) {
    await newest.readToEnd(oldest);
    return newest.entries;
  }
  const pages = new Pages(http, path, options);
  // Few readers ever need this code.
  const block = import("./esplora-block.js").then(({ fetchBlockEntries }) => {
    return fetchBlockEntries(http, script, before, options);
  });
  const [inBlock] = await Promise.all([block, pages.readToEnd(before.txid)]);
  pages.add(inBlock);
  return pages.entries;
}

/** Pages of one history, under its caps. */
class Pages {
  readonly #http: EsploraHttp;
  readonly #path: string;
  readonly #options: CallOptions;
  readonly #found = new Map<string, HistoryEntry>();
  #bytesLeft: number = limits.sourceMaxBytes;
  /** Mined transactions on the page that was read last. */
  #minedOnPage = 0;

  constructor(http: EsploraHttp, path: string, options: CallOptions) {
    this.#http = http;
    this.#path = path;
    this.#options = options;
  }

  get entries(): readonly HistoryEntry[] {
    return [...this.#found.values()];
  }

  /** Whether a transaction was listed as one in a block. */
  isMined(txid: string): boolean {
    return typeof this.#found.get(txid)?.height === "number";
  }

  /** Reads the mempool and the newest mined ones; gives the last mined one, or null if there is none at all. */
  async readNewest(): Promise<string | null> {
    const last = await this.#read(`${this.#path}/txs`);
    // V5: unmined ones, of which anybody can make fifty, must not pass for the whole of a history.
    return last === null && this.#found.size > 0 ? this.#read(`${this.#path}/txs/chain`) : last;
  }

  /** Reads the pages of what is older than `last`. */
  async readToEnd(last: string | null): Promise<void> {
    for (let oldest = last; oldest !== null; ) {
      const before = this.#found.size;
      const wasFull = this.#minedOnPage >= FULL_PAGE;
      const from = oldest;
      const path = `${this.#path}/txs/chain/${from}`;
      oldest = await this.#read(path);
      // A server that repeats itself would keep the reader paging.
      if (oldest !== null && this.#found.size === before) {
        throw invalidAnswer(this.#http.urlOf(path), "a page without anything new");
      }
      if (oldest === null && wasFull) await this.#assertMined(from);
    }
  }

  /** Reads the page at `path`; gives the last mined transaction on it, or null if there is none. */
  async #read(path: string): Promise<string | null> {
    const url = this.#http.urlOf(path);
    const maxBytes = Math.min(this.#bytesLeft, limits.sourceAnswerMaxBytes);
    const bytes = await this.#http.get(path, { ...this.#options, maxBytes });
    this.#bytesLeft -= bytes.length;
    const page = parseAnswer(historyAnswer, bytes, url).map(({ txid, status }) => {
      return { txid, height: confirmedHeight(status, url) };
    });
    this.add(page);
    const mined = page.filter(({ height }) => height !== null);
    this.#minedOnPage = mined.length;
    return mined.at(-1)?.txid ?? null;
  }

  /**
   * V5: behind a transaction that a reorganisation took out of the chain servers list nothing, as at the end.
   *
   * @throws NETWORK_ANSWER_INVALID
   */
  async #assertMined(txid: string): Promise<void> {
    const path = `tx/${txid}/merkle-proof`;
    if ((await this.#http.find(path, this.#options)) !== null) return;
    throw invalidAnswer(this.#http.urlOf(this.#path), "its blocks changed while it was read");
  }

  /** @throws NETWORK_TIME_LIMIT */
  add(entries: readonly HistoryEntry[]): void {
    for (const { txid, height } of entries) {
      // Listed in the mempool by one page and confirmed by the next, when a block came in between.
      if (height !== null || !this.#found.has(txid)) this.#found.set(txid, { txid, height });
    }
    if (this.#found.size <= limits.historyMaxEntries) return;
    const url = this.#http.urlOf(this.#path);
    throw new HawserError("NETWORK_TIME_LIMIT", `The history at ${url} is too long to be read completely.`, {
      limit: "history entries",
      max: limits.historyMaxEntries,
    });
  }
}
