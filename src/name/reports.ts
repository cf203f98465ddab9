import type { Report } from "../chain/evidence.js";
import type { HeaderChain } from "../chain/header-chain.js";
import type { Transaction } from "../chain/transaction.js";
import type { Seat } from "../chain/union.js";
import type { Outpoint, Outspend } from "../ports.js";

/**
 * Whether what a source says of a height can be about the best chain: not above its tip, where nothing can be proven
 * yet, and not in a block in which the source is known to follow another branch. Two honest sources may differ in the
 * last blocks, and then neither lies.
 */
export function isPlace(seat: Seat, chain: HeaderChain, height: number): boolean {
  if (height > chain.tipHeight) return false;
  return height > seat.reach || seat.chain?.hashAt(height) === chain.hashAt(height);
}

/** Whether a source says that an output is spent in a block of the best chain. */
export function isMined(
  seat: Seat,
  spend: Outspend,
  chain: HeaderChain,
): spend is { readonly spent: true; readonly txid: string; readonly height: number } {
  return spend.spent && spend.height !== null && isPlace(seat, chain, spend.height);
}

/** Whether a transaction spends an output. */
export function spends(tx: Transaction, { txid, vout }: Outpoint): boolean {
  return tx.inputs.some(({ outpoint }) => outpoint.txid === txid && outpoint.vout === vout);
}

/** Reports of one transaction together. */
export function byTxid(reports: readonly Report[]): readonly (readonly Report[])[] {
  const groups = new Map<string, Report[]>();
  for (const report of reports) {
    const group = groups.get(report.txid);
    if (group === undefined) groups.set(report.txid, [report]);
    else group.push(report);
  }
  return [...groups.values()];
}
