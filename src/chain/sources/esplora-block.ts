import { equalBytes } from "../../bytes/bytes.js";
import { limits } from "../../limits.js";
import type { CallOptions, HistoryEntry, HistoryMark } from "../../ports.js";
import { parseBlock } from "../block.js";
import type { Transaction } from "../transaction.js";
import { invalidAnswer, parseHash } from "./esplora-answers.js";
import type { EsploraHttp } from "./esplora-http.js";

/**
 * The transactions of the block at `before.height` that pay the script. `before` must be one of them: a server that has
 * not got it there would list nothing older than it, which is no answer (V5).
 *
 * @throws NETWORK_ANSWER_INVALID
 */
export async function fetchBlockEntries(
  http: EsploraHttp,
  script: Uint8Array,
  before: HistoryMark,
  options: CallOptions,
): Promise<readonly HistoryEntry[]> {
  const { height } = before;
  const heightPath = `block-height/${height}`;
  const hash = parseHash(await http.get(heightPath, options), http.urlOf(heightPath));
  const path = `block/${hash}/raw`;
  const url = http.urlOf(path);
  const raw = await http.get(path, { ...options, maxBytes: limits.blockMaxBytes, shared: true, binary: true });
  const block = parseBlock(raw, (reason) => invalidAnswer(url, reason));
  if (block.hash !== hash) throw invalidAnswer(url, "another block");
  const pays = ({ outputs }: Transaction): boolean => outputs.some((output) => equalBytes(output.script, script));
  const paying = block.transactions.filter(pays);
  if (!paying.some(({ txid }) => txid === before.txid)) {
    throw invalidAnswer(url, `block ${height} does not hold ${before.txid}, or that does not pay the script`);
  }
  return paying.map(({ txid }) => ({ txid, height }));
}
