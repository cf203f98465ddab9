import type { JournalChanges, JournalEntry } from "./journal-entry.js";

/** keys - that an entry holds by itself, and that each of its parts holds where there are more. */
const PART_KEYS = 1_000;

/** An entry as it is kept, with the parts that lie beside it. */
export interface SplitEntry {
  readonly head: JournalEntry;
  readonly parts: readonly JournalChanges[];
}

/** Splits what an operation changes into parts of bounded size, in the order of the keys. */
export function splitEntry(entry: JournalEntry): SplitEntry {
  if (entry.affectedIds.length <= PART_KEYS) return { head: entry, parts: [] };
  const floors = new Map(entry.floors.map((floor) => [`m:${floor.id}`, floor]));
  const removes = new Map(entry.removes.map((removal) => [removal.key, removal]));
  const keys = [...entry.affectedIds].sort();
  const parts: JournalChanges[] = [];
  for (let start = 0; start < keys.length; start += PART_KEYS) {
    const affectedIds = keys.slice(start, start + PART_KEYS);
    parts.push({
      affectedIds,
      floors: affectedIds.flatMap((key) => floors.get(key) ?? []),
      removes: affectedIds.flatMap((key) => removes.get(key) ?? []),
    });
  }
  const firstKeys = parts.flatMap(({ affectedIds }) => affectedIds.slice(0, 1));
  return { head: { ...entry, affectedIds: [], floors: [], removes: [], parts: firstKeys }, parts };
}

/** Which part a key would be in, by the first key of each; null where the entry holds everything itself. */
export function partOf(firstKeys: readonly string[], key: string): number | null {
  if (firstKeys.length === 0) return null;
  let low = 0;
  let high = firstKeys.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((firstKeys[middle] ?? "") <= key) low = middle;
    else high = middle;
  }
  return low;
}
