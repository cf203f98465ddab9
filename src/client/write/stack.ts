import type { ThreadState } from "../../name/thread.js";
import { outpointKey } from "../../plan/coin-selection.js";
import type { JournalEntry } from "./journal.js";
import { isAmong, versionsOf } from "./versions.js";

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
    const parent = entries.find((other) => other.kind !== "register" && madeSeals(other).includes(spends));
    if (parent === undefined || parents.includes(parent)) return parents;
    parents.unshift(parent);
    child = parent;
  }
}

/**
 * An operation with those that it builds on and those that build on it, the lowest first. A registration is one of them
 * where a reorganisation put it back.
 */
export function chainOf(entry: JournalEntry, entries: readonly JournalEntry[]): readonly JournalEntry[] {
  const chain = [entry];
  for (;;) {
    const [lowest = entry] = chain;
    const parent = entries.find((other) => other.ready && madeSeals(other).includes(lowest.spends));
    if (parent === undefined || chain.includes(parent)) break;
    chain.unshift(parent);
  }
  for (;;) {
    const child = childOf(chain.at(-1) ?? entry, entries);
    if (child === null || chain.includes(child)) return chain;
    chain.push(child);
  }
}

/** The journalled operation that spends the seal of the newest version of another, or null. */
export function childOf(entry: JournalEntry, entries: readonly JournalEntry[]): JournalEntry | null {
  const seal = madeSeal(entry);
  return entries.find(({ ready, spends }) => ready && spends !== null && spends === seal) ?? null;
}

/** The newest seal of the operation that an entry builds on, where that was replaced since; null where it was not. */
export function newerSeal({ spends }: JournalEntry, entries: readonly JournalEntry[]): string | null {
  const parent = entries.find((other) => madeSeals(other).includes(spends));
  const seal = parent === undefined ? spends : madeSeal(parent);
  return seal === spends ? null : seal;
}

/**
 * Whether an entry was never made ready and the name has moved on from the seal that it spends: it can be neither sent
 * nor taken over, and would keep the coins that it spends from paying for anything else.
 */
export function isLeftBehind(entry: JournalEntry, entries: readonly JournalEntry[], { seal }: ThreadState): boolean {
  if (entry.ready || (seal !== null && entry.spends === outpointKey(seal.outpoint))) return false;
  return !entries.some((other) => other.ready && madeSeals(other).includes(entry.spends));
}

/**
 * Whether a RECOVER can no longer be the one that seals its name again, because another was first or the name did not need
 * it after all, and it is not mined. If the name came unsealed once more it would count, with a profile of long ago (W9).
 */
export function isLost(
  entry: JournalEntry,
  { unsealed, operations }: Pick<ThreadState, "unsealed" | "operations">,
): boolean {
  if (entry.kind !== "recover" || unsealed?.txid === entry.spends) return false;
  return !isAmong(entry, operations);
}

/** `txid:vout` of the seal that an entry's last transaction makes in its newest version. */
function madeSeal(entry: JournalEntry): string | null {
  return madeSeals(entry)[0] ?? null;
}

/** The same of every version, the newest first. */
function madeSeals({ transactions }: JournalEntry): readonly (string | null)[] {
  const last = transactions.at(-1);
  return last === undefined ? [] : versionsOf(last).map(({ txid }) => outpointKey({ txid, vout: 1 }));
}
