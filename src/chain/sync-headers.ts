import { HawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { SourceTip } from "../ports.js";
import { HEADER_BYTES, parseHeader } from "./header.js";
import { type HeaderChain, meetsMinimumWork, selectBestChain } from "./header-chain.js";
import { askHeaders, askTip } from "./source-calls.js";
import { noteForeignChain } from "./source-network.js";
import { askEach, type Panel, type Seat } from "./union.js";
import { clockBehind, isAheadOfTime } from "./verify-headers.js";

/** headers - how far back the first look for a fork point goes; it doubles from there. */
const FORK_STEP = 16;

/** ms - for which a source waits for the download of another that named the same tip. */
const SHARED_DOWNLOAD_MS = 5_000;

/** What each source names as its tip, in the order of the seats; null where it gave none. */
export type Tips = readonly (SourceTip | null)[];

/** Asks every source for its tip. */
export async function askTips(panel: Panel): Promise<Tips> {
  const tips = new Map<Seat, SourceTip>();
  await askEach(panel, panel.seats, async (seat) => {
    const tip = await askTip(panel, seat);
    if (tip !== null) tips.set(seat, tip);
    return tip !== null;
  });
  return panel.seats.map((seat) => tips.get(seat) ?? null);
}

/**
 * Follows every source's chain to its tip and returns the best valid one (V1), the stored chain competing with them.
 * Each seat is left with the valid part of its own chain, or with its failure.
 *
 * @throws CHAIN_CLOCK_BEHIND when the chain of every source that answers is ahead of the clock; CHAIN_WORK_INSUFFICIENT when the best chain has less than the shipped minimum work
 */
export async function syncHeaders(panel: Panel, tips: Tips, stored: HeaderChain): Promise<HeaderChain> {
  const completed: HeaderChain[] = [];
  const tipOf = new Map<Seat, SourceTip>();
  for (const [i, seat] of panel.seats.entries()) {
    const tip = tips[i] ?? null;
    if (tip !== null) tipOf.set(seat, tip);
  }
  // Sources that name the same tip share one download: headers are bound by their hash, whoever sends them.
  const downloads = new Map<string, Promise<void>>();
  await askEach(panel, [...tipOf.keys()], async (seat) => {
    const tip = tipOf.get(seat);
    if (tip === undefined) return false;
    const isKnown = (): boolean => {
      const known = [stored, ...completed].find((chain) => chain.hashAt(tip.height) === tip.hash);
      if (known !== undefined) settle(seat, known, tip.height);
      return known !== undefined;
    };
    const running = downloads.get(tip.hash);
    // Waited for only so long: a source that names an honest tip must not hold up those that would serve it.
    if (running !== undefined) await settledWithin(panel, running, SHARED_DOWNLOAD_MS);
    if (isKnown()) return true;
    const download = followSource(panel, seat, tip, stored).then((chain) => {
      if (chain !== null) completed.push(chain);
    });
    if (running === undefined) downloads.set(tip.hash, download);
    await download;
    return seat.chain !== null;
  });
  const best = selectBestChain(stored, completed);
  const answered = panel.seats.filter(({ chain }) => chain !== null);
  // V7: cut off there, the past would pass for the present. One source alone may lie about the time.
  if (answered.length > 0 && answered.every(({ failure }) => isAheadOfTime(failure))) {
    throw clockBehind(best.tipHeight + 1, panel.clock.nowMs());
  }
  if (!meetsMinimumWork(best)) {
    const details = { work: best.work.toString(16), minimumWork: best.network.minimumWork.toString(16) };
    throw new HawserError("CHAIN_WORK_INSUFFICIENT", "The best chain has less than the shipped minimum work.", details);
  }
  return best;
}

/** Finds the valid part of the chain that a source serves and leaves it on its seat; null when there is none. */
async function followSource(
  panel: Panel,
  seat: Seat,
  tip: SourceTip,
  stored: HeaderChain,
): Promise<HeaderChain | null> {
  const nowMs = panel.clock.nowMs();
  const recentStart = tip.height - Math.floor(tip.recentHeaders.length / HEADER_BYTES) + 1;
  // The usual case: a few new blocks, all of them in the answer that named the tip.
  if (recentStart <= tip.height && recentStart > stored.baseHeight && recentStart <= stored.tipHeight + 1) {
    const { chain } = stored.extend(recentStart, tip.recentHeaders, nowMs);
    if (chain.hashAt(tip.height) === tip.hash) return settle(seat, chain, tip.height);
  }
  const fetchFrom = (from: number): Promise<Uint8Array | null> => {
    const count = Math.min(limits.headersPerCall, tip.height - from + 1);
    return askHeaders(panel, seat, from, count);
  };
  const first = stored.tipHeight + 1;
  const ahead = first <= tip.height ? await fetchFrom(first) : null;
  if (ahead === null && first <= tip.height) return null;
  const extendsOurs = ahead !== null && linksTo(stored, first, ahead);
  let start = extendsOurs ? first : await findForkPoint(panel, seat, tip, stored);
  if (start === null) return null;
  let chain = stored;
  for (let fetched = extendsOurs ? ahead : null; start <= tip.height; fetched = null) {
    const headers: Uint8Array | null = fetched ?? (await fetchFrom(start));
    if (headers === null) break;
    const step = chain.extend(start, headers, nowMs);
    chain = step.chain;
    start += step.accepted;
    // V1: a source's chain ends before its first header that breaks a rule; the valid part still counts.
    if (step.stopped !== null) {
      seat.failure = step.stopped;
      break;
    }
  }
  return settle(seat, chain, start - 1);
}

/** Waits for a promise, but no longer than `ms`. */
async function settledWithin({ clock }: Panel, promise: Promise<unknown>, ms: number): Promise<void> {
  const timer = new AbortController();
  await Promise.race([promise, clock.delay(ms, timer.signal).catch(() => undefined)]);
  timer.abort();
}

function settle(seat: Seat, chain: HeaderChain, reach: number): HeaderChain {
  seat.chain = chain;
  seat.reach = reach;
  return chain;
}

/** Whether the first of some headers follows the stored header below it. */
function linksTo(stored: HeaderChain, from: number, headers: Uint8Array): boolean {
  return parseHeader(headers.subarray(0, HEADER_BYTES)).previousHash === stored.hashAt(from - 1);
}

/** The first height at which the source's chain links to the stored one; null with the failure noted. */
async function findForkPoint(panel: Panel, seat: Seat, tip: SourceTip, stored: HeaderChain): Promise<number | null> {
  let from = Math.min(tip.height, stored.tipHeight);
  for (let step = FORK_STEP; from > stored.baseHeight; step *= 2) {
    const at = from;
    const header = await askHeaders(panel, seat, at, 1);
    if (header === null) return null;
    if (linksTo(stored, at, header)) return at;
    if (at === stored.baseHeight + 1) break;
    from = Math.max(stored.baseHeight + 1, at - step);
  }
  await noteForeignChain(panel, seat, tip, stored.network);
  return null;
}
