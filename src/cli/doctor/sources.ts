import { encodeHex, reversed } from "../../bytes/hex.js";
import { HEADER_BYTES, hashHeader, parseHeader } from "../../chain/header.js";
import { type Network, networks } from "../../chain/network.js";
import { askHeaders, askTip } from "../../chain/source-calls.js";
import { createPanel, type Panel, type Seat } from "../../chain/union.js";
import type { ChainSource, Clock, SourceTip } from "../../ports.js";
import { type Finding, Findings } from "./finding.js";

/** blocks - that an honest source may be behind while a new block travels. */
const USUAL_LAG = 1;

/** What the checks of sources need. */
export interface SourcesCheck {
  readonly sources: readonly ChainSource[];
  readonly network: Network;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  readonly minSources: number;
  readonly minConfirmations: number;
  /** ms; null for no limit. */
  readonly maxTipAgeMs: number | null;
  /** Height of the last header that the cache holds. */
  readonly storedHeight: number;
}

/** One source as far as it answered. */
interface Seen {
  readonly seat: Seat;
  readonly findings: Findings;
  readonly tip: SourceTip | null;
  /** Whether it is of this network. */
  readonly belongs: boolean;
}

/** Checks chain sources through the port alone, so that those of every kind are checked alike. */
export async function checkSources(check: SourcesCheck): Promise<readonly Finding[]> {
  const { sources, network, clock, signal, minSources } = check;
  const panel = createPanel(sources, clock, signal);
  const seen = await Promise.all(panel.seats.map((seat) => look(panel, seat, network)));
  const usable = seen.filter(({ tip, belongs }) => tip !== null && belongs);
  checkTips(check, usable);
  await checkAgreement(check, panel, usable);
  const all = new Findings("sources", `${sources.length} named`);
  if (usable.length < minSources) {
    const message = `${usable.length} of ${sources.length} can be used, and a read needs ${minSources}.`;
    all.bad("enough", message, "Name more with --source, or mend those above.");
  } else if (sources.length === 1) {
    all.warn(
      "enough",
      "One source alone can leave out what it likes.",
      "Name a second one that belongs to somebody else.",
    );
  } else all.ok("enough", `${usable.length} of ${sources.length} can be used; a read needs ${minSources}.`);
  checkHeaders(check, usable, all);
  return [...seen.flatMap(({ findings }) => findings.list), ...all.list];
}

/** Whether a source answers at all, and for which network. */
async function look(panel: Panel, seat: Seat, network: Network): Promise<Seen> {
  const findings = new Findings("sources", seat.label);
  const tip = await askTip(panel, seat);
  if (tip === null) {
    const { failure } = seat;
    const advice =
      failure?.code === "NETWORK_STATUS"
        ? "Look at its URL, and whether it asks for credentials or limits requests."
        : "Look at its URL, at the network and at the server.";
    findings.bad("reachable", `No answer: ${failure?.code ?? "unknown"}: ${failure?.message ?? ""}`, advice);
    return { seat, findings, tip, belongs: false };
  }
  findings.ok("reachable", `It is at block ${tip.height}.`);
  const first = await askHeaders(panel, seat, 0, 1);
  const found = first === null ? null : hashOf(first);
  if (found === network.genesisHash) {
    findings.ok("network", network.id);
    return { seat, findings, tip, belongs: true };
  }
  if (found === null) {
    findings.warn("network", "It does not show block 0.", "Reads find out by themselves; use another one to be sure.");
    return { seat, findings, tip, belongs: true };
  }
  const other = Object.values(networks).find(({ genesisHash }) => genesisHash === found)?.id ?? "an unknown network";
  findings.bad("network", `It serves ${other}, not ${network.id}.`, "Name a server of this network, or use --network.");
  return { seat, findings, tip, belongs: false };
}

/** How old each tip is and how far behind the others. */
function checkTips({ clock, maxTipAgeMs }: SourcesCheck, usable: readonly Seen[]): void {
  const highest = Math.max(...usable.map(({ tip }) => tip?.height ?? 0));
  for (const { findings, tip } of usable) {
    if (tip === null) continue;
    const ageMs = ageOf(tip, clock.nowMs());
    if (ageMs === null) {
      findings.bad("tip age", "The header of its tip is not that of the block it names.", "Do not use it.");
    } else if (maxTipAgeMs !== null && ageMs > maxTipAgeMs) {
      const message = `Its newest block is ${minutes(ageMs)} old; reads fail above ${minutes(maxTipAgeMs)}.`;
      findings.bad("tip age", message, "It has stopped following the chain, or is still syncing.");
    } else findings.ok("tip age", `Its newest block is ${minutes(Math.max(0, ageMs))} old.`);
    const behind = highest - tip.height;
    if (behind > USUAL_LAG) {
      findings.warn("behind", `It is ${behind} blocks behind.`, "Wait until it has caught up, or use another one.");
    }
  }
}

/** Whether all show the same block at the depth of a read. */
async function checkAgreement(
  { network, minConfirmations }: SourcesCheck,
  panel: Panel,
  usable: readonly Seen[],
): Promise<void> {
  if (usable.length < 2) return;
  const lowest = Math.min(...usable.map(({ tip }) => tip?.height ?? 0));
  const height = Math.max(0, lowest - Math.max(network.minConfirmations, minConfirmations) + 1);
  const hashes = await Promise.all(
    usable.map(async ({ seat }) => {
      const header = await askHeaders(panel, seat, height, 1);
      return header === null ? null : hashOf(header);
    }),
  );
  const count = (hash: string | null): number => hashes.filter((other) => other === hash).length;
  const most = Math.max(...hashes.map((hash) => (hash === null ? 0 : count(hash))));
  usable.forEach(({ findings }, i) => {
    const hash = hashes[i] ?? null;
    if (hash === null) {
      findings.warn("agreement", `It does not show block ${height}.`, "Reads may find it incomplete; use another one.");
    } else if (count(hash) < hashes.length - hashes.filter((other) => other === null).length) {
      const message = `At block ${height} it shows ${hash.slice(0, 16)}..., others show another block.`;
      // Which chain has more work is for a read to verify; here it only shows that they differ.
      const isAlone = count(hash) < most;
      findings.bad(
        "agreement",
        message,
        isAlone ? "Most others disagree with it." : "One of them is on another chain.",
      );
    } else findings.ok("agreement", `It has the block ${height} that the others have.`);
  });
}

/** How many headers the next read has to fetch. */
function checkHeaders({ network, storedHeight }: SourcesCheck, usable: readonly Seen[], findings: Findings): void {
  if (usable.length === 0) return;
  const highest = Math.max(...usable.map(({ tip }) => tip?.height ?? 0));
  const missing = Math.max(0, highest - storedHeight);
  if (missing <= 2_016)
    findings.ok("headers", `The cache has headers up to block ${storedHeight}, ${missing} are missing.`);
  else {
    const message = `The cache has headers up to block ${storedHeight}; the next read fetches ${missing}.`;
    findings.warn("headers", message, `Fetch them at once, from a header file where ${network.id} has one.`);
  }
}

function hashOf(header: Uint8Array): string {
  return encodeHex(reversed(hashHeader(header.subarray(0, HEADER_BYTES))));
}

/** Age of the tip by its own header; null where that is not the header of the block that is named. */
function ageOf({ hash, recentHeaders }: SourceTip, nowMs: number): number | null {
  const last = recentHeaders.subarray(-HEADER_BYTES);
  if (last.length < HEADER_BYTES || hashOf(last) !== hash) return null;
  return nowMs - parseHeader(last).timeSec * 1_000;
}

function minutes(ms: number): string {
  return ms < 120_000 ? `${Math.round(ms / 1_000)} s` : `${Math.round(ms / 60_000)} min`;
}
