import { HawserError } from "../../errors.js";
import { limits } from "../../limits.js";
import type { CallOptions, HistoryEntry } from "../../ports.js";
import { confirmedHeight, historyAnswer, invalidAnswer, parseAnswer } from "./esplora-answers.js";
import type { EsploraHttp } from "./esplora-http.js";

/**
 * All transactions of a script. Servers list the mempool and the newest confirmed ones first, then pages of older ones.
 * Page sizes differ between servers, so only a page without confirmed transactions proves the end (V5).
 *
 * @throws NETWORK_TIME_LIMIT when the history is longer than `limits.historyMaxEntries`: too large is "not answered"
 */
export async function fetchHistory(
  http: EsploraHttp,
  scriptPath: string,
  options: CallOptions,
): Promise<readonly HistoryEntry[]> {
  const found = new Map<string, HistoryEntry>();
  let bytesLeft: number = limits.sourceMaxBytes;
  for (let path = `${scriptPath}/txs`; ; ) {
    const url = http.urlOf(path);
    const bytes = await http.get(path, { ...options, maxBytes: Math.min(bytesLeft, limits.sourceAnswerMaxBytes) });
    bytesLeft -= bytes.length;
    const before = found.size;
    let oldest: string | null = null;
    for (const { txid, status } of parseAnswer(historyAnswer, bytes, url)) {
      const height = confirmedHeight(status, url);
      if (height !== null) oldest = txid;
      // Listed in the mempool by one page and confirmed by the next, when a block came in between.
      if (height !== null || !found.has(txid)) found.set(txid, { txid, height });
    }
    if (found.size > limits.historyMaxEntries) {
      throw new HawserError("NETWORK_TIME_LIMIT", `The history at ${url} is too long to be read completely.`, {
        limit: "history entries",
        max: limits.historyMaxEntries,
      });
    }
    if (oldest === null) return [...found.values()];
    // A server that repeats itself would keep the reader paging.
    if (found.size === before) throw invalidAnswer(url, "a page without anything new");
    path = `${scriptPath}/txs/chain/${oldest}`;
  }
}
