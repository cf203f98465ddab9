import type { ThreadState } from "../../name/thread.js";
import { outpointKey } from "../../plan/coin-selection.js";
import type { JournalEntry } from "./journal.js";

/**
 * The journalled operations of a name that are not mined yet, each spending the seal of the one before it, the first that
 * of the newest mined operation (W4). What sources say of their mempools is not asked: a server may not show yet what
 * it was just sent, and a change that was built beside it would replace it.
 */
export function stackOf(entries: readonly JournalEntry[], { seal }: ThreadState): readonly JournalEntry[] {
  const stack: JournalEntry[] = [];
  let spends = seal === null ? null : outpointKey(seal.outpoint);
  for (;;) {
    const next = entries.find((entry) => entry.kind !== "register" && entry.ready && entry.spends === spends);
    if (next === undefined || stack.includes(next)) return stack;
    stack.push(next);
    spends = madeSeal(next);
  }
}

/** The journalled operations that one builds on and that may not be mined yet, the oldest first (W4). */
export function parentsOf(entry: JournalEntry, entries: readonly JournalEntry[]): readonly JournalEntry[] {
  const parents: JournalEntry[] = [];
  let child = entry;
  for (;;) {
    const { spends } = child;
    const parent = entries.find((other) => other.kind !== "register" && madeSeal(other) === spends);
    if (parent === undefined || parents.includes(parent)) return parents;
    parents.unshift(parent);
    child = parent;
  }
}

/**
 * Whether an entry was never made ready and the name has moved on from the seal that it spends: it can be neither sent
 * nor taken over, and would keep the coins that it spends from paying for anything else.
 */
export function isLeftBehind(entry: JournalEntry, entries: readonly JournalEntry[], { seal }: ThreadState): boolean {
  if (entry.ready || (seal !== null && entry.spends === outpointKey(seal.outpoint))) return false;
  return !entries.some((other) => other.ready && madeSeal(other) === entry.spends);
}

/**
 * Whether a RECOVER can no longer be the one that seals its name again, because another was first or the name did not need
 * it after all, and it is not mined. If the name came unsealed once more it would count, with a profile of long ago (W9).
 */
export function isLost(
  { kind, spends, transactions }: JournalEntry,
  { unsealed, operations }: Pick<ThreadState, "unsealed" | "operations">,
): boolean {
  if (kind !== "recover" || unsealed?.txid === spends) return false;
  return !operations.some(({ txid }) => txid === transactions.at(-1)?.txid);
}

/** `txid:vout` of the seal that an entry's last transaction makes. */
function madeSeal({ transactions }: JournalEntry): string | null {
  const last = transactions.at(-1);
  return last === undefined ? null : outpointKey({ txid: last.txid, vout: 1 });
}
