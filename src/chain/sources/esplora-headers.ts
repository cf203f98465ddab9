import { concatBytes } from "../../bytes/bytes.js";
import { type HawserError, isHawserError } from "../../errors.js";
import type { CallOptions, SourceTip } from "../../ports.js";
import { type Block, blocksAnswer, invalidAnswer, parseAnswer, rebuildHeader } from "./esplora-answers.js";
import type { EsploraHttp } from "./esplora-http.js";

/** Servers can be set up for more; none is known that gives less. */
export const BLOCKS_PER_PAGE = 10;
// Within the time of one call, also from a slow server; callers ask again for the rest.
const MAX_PAGES_PER_CALL = 40;
const MAX_PARALLEL_PAGES = 6;

/** The newest block and those right below it, in one request. */
export async function fetchTip(http: EsploraHttp, options: CallOptions): Promise<SourceTip> {
  const page = await fetchPage(http, "blocks", options);
  if (page === null) throw invalidAnswer(http.urlOf("blocks"), "no blocks");
  const newest = page.blocks[page.blocks.length - 1];
  if (newest === undefined) throw invalidAnswer(http.urlOf("blocks"), "no blocks");
  return { height: newest.height, hash: newest.id, recentHeaders: concatBytes(...page.headers) };
}

/**
 * Headers from `start` on, at most `count` and at most 400. A page that fails after the first ends the answer early:
 * what was read is of use, and the caller asks for the rest.
 */
export async function fetchHeaders(
  http: EsploraHttp,
  start: number,
  count: number,
  options: CallOptions,
): Promise<Uint8Array> {
  const wanted = Math.min(count, MAX_PAGES_PER_CALL * BLOCKS_PER_PAGE);
  const pages = Math.ceil(wanted / BLOCKS_PER_PAGE);
  const results = new Array<readonly Uint8Array[] | undefined>(pages);
  let next = 0;
  let failure: HawserError | undefined;
  const work = async (): Promise<void> => {
    while (next < pages && failure === undefined) {
      const page = next++;
      const low = start + page * BLOCKS_PER_PAGE;
      const high = Math.min(low + BLOCKS_PER_PAGE, start + wanted) - 1;
      try {
        results[page] = await fetchRange(http, low, high, options);
      } catch (error) {
        // The caller's abort ends all; so does a failure of ours.
        if (!isHawserError(error) || error.code === "NETWORK_ABORTED") throw error;
        failure ??= error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(MAX_PARALLEL_PAGES, pages) }, work));
  const headers: Uint8Array[] = [];
  for (const range of results) {
    // A page that failed, or one that the server's tip cut short, is joined to nothing behind it.
    if (range === undefined) break;
    headers.push(...range);
    if (range.length < BLOCKS_PER_PAGE) break;
  }
  if (headers.length > 0) return concatBytes(...headers);
  throw failure ?? invalidAnswer(http.urlOf(`blocks/${start}`), `no header at height ${start}`);
}

/** The headers that the server has from `low` on, up to `high`; none if its chain ends below `low`. */
async function fetchRange(
  http: EsploraHttp,
  low: number,
  high: number,
  options: CallOptions,
): Promise<readonly Uint8Array[]> {
  // Above its tip a server knows no block; the newest ones then reach down to `low`, if it has that.
  const page = (await fetchPage(http, `blocks/${high}`, options)) ?? (await fetchPage(http, "blocks", options));
  const first = page?.blocks[0]?.height;
  if (page === null || first === undefined || first > low) return [];
  return page.headers.slice(low - first, high - first + 1);
}

/** A page of contiguous blocks, oldest first, or null for a 404. */
async function fetchPage(
  http: EsploraHttp,
  path: string,
  options: CallOptions,
): Promise<{ readonly blocks: readonly Block[]; readonly headers: readonly Uint8Array[] } | null> {
  const bytes = await http.find(path, { ...options, shared: true });
  if (bytes === null) return null;
  const url = http.urlOf(path);
  const blocks = parseAnswer(blocksAnswer, bytes, url).reverse();
  for (const [index, block] of blocks.entries()) {
    const previous = blocks[index - 1];
    if (previous === undefined) continue;
    if (block.height !== previous.height + 1 || block.previousblockhash !== previous.id) {
      throw invalidAnswer(url, "blocks that do not follow one another");
    }
  }
  return { blocks, headers: blocks.map((block) => rebuildHeader(block, url)) };
}
