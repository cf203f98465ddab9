import type { Evidence, Report } from "../chain/evidence.js";
import type { Network } from "../chain/network.js";
import type { Seat } from "../chain/union.js";
import type { HistoryEntry, Outspend } from "../ports.js";
import type { Name } from "./name.js";
import { candidateRegister, type FrontierSeal } from "./thread.js";

/** entries - of a beacon's history that are followed before it is known that they matter. */
const EXPLORED_ENTRIES = 8;
/** operations - that are followed on one source's word before any of them is proven. */
const EXPLORED_SPENDS = 256;

/** What is explored, on the word of one source. */
export interface Exploration {
  readonly name: Name;
  readonly network: Network;
  readonly evidence: Evidence;
  readonly inquiry: { askSpend(seat: Seat, seal: FrontierSeal): Promise<Outspend | null> };
  readonly seat: Seat;
  readonly entries: readonly HistoryEntry[];
  /** txids that some source was asked for already. */
  readonly prefetched: Set<string>;
}

/**
 * Follows what the beacon's history names: a REGISTER, its PREORDER, and the spends of its seal from one operation to
 * the next. A source is asked only for what it named itself. Nothing is believed before it is proven.
 */
export function exploreBeacon(exploration: Exploration): void {
  const { entries, seat } = exploration;
  for (const { txid, height } of entries.slice(0, EXPLORED_ENTRIES)) {
    // What fails here is asked again where it is needed, and a caller's abort ends the read itself.
    if (height !== null) exploreEntry(exploration, { txid, height, seat }).catch(() => undefined);
  }
}

async function exploreEntry(exploration: Exploration, report: Report): Promise<void> {
  const { name, network, evidence, inquiry } = exploration;
  const { txid, height, seat } = report;
  prefetch(exploration, report);
  const tx = await evidence.transaction(txid, [seat]);
  const first = tx?.inputs[0];
  const output = tx?.outputs[1];
  if (tx === null || first === undefined || output === undefined || !candidateRegister(tx, name, network)) return;
  prefetch(exploration, { txid: first.outpoint.txid, height, seat });
  // The next seal is taken to be the spender's vout 1 under the same script.
  const { script } = output;
  let seal: FrontierSeal = { outpoint: { txid, vout: 1 }, script };
  for (let step = 0; step < EXPLORED_SPENDS; step++) {
    const spend = await inquiry.askSpend(seat, seal);
    if (spend?.spent !== true || spend.height === null) return;
    prefetch(exploration, { txid: spend.txid, height: spend.height, seat });
    seal = { outpoint: { txid: spend.txid, vout: 1 }, script };
  }
}

function prefetch({ evidence, prefetched }: Exploration, report: Report): void {
  if (prefetched.has(report.txid)) return;
  prefetched.add(report.txid);
  evidence.prefetch(report);
}
