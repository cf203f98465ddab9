import fc from "fast-check";
import { expect, it, vi } from "vitest";
import { type IndexEntry, mutableEntry } from "../../src/profile/entry.js";
import { buildIndex, getEntries, getEntry } from "../../src/profile/index-tree.js";
import { anyEntry } from "./profile-arbitraries.js";
import { numRuns } from "./runs.js";

vi.setConfig({ testTimeout: 60_000 + 1_000 * numRuns });

const numbered = (i: number): IndexEntry =>
  mutableEntry({ id: `n/${i}`, urls: [], pubkey: null, epoch: 0, minVer: null, maxAgeMs: null });

async function build(entries: Iterable<IndexEntry>) {
  const store = new Map<string, Uint8Array>();
  const root = await buildIndex(entries, (hash, bytes) => {
    store.set(hash, bytes);
    return Promise.resolve();
  });
  const loads = new Map<string, number>();
  const load = (hash: string): Promise<Uint8Array> => {
    loads.set(hash, (loads.get(hash) ?? 0) + 1);
    return Promise.resolve(store.get(hash) ?? new Uint8Array());
  };
  return { root, store, load, loads };
}

/** Keys that a tree holds and keys that it does not, some of them more than once. */
const lookups = fc.record({
  some: fc.uniqueArray(anyEntry, { maxLength: 40, selector: (entry) => entry.key }),
  more: fc.nat({ max: 900 }),
  asked: fc.array(fc.nat({ max: 1_800 }), { maxLength: 60 }),
});

it("P3, P6: many keys looked up at once give what each gives alone, and load each node on their paths once", async () => {
  await fc.assert(
    fc.asyncProperty(lookups, async ({ some, more, asked }) => {
      const entries = new Map([...Array.from({ length: more }, (_, i) => numbered(i)), ...some].map((e) => [e.key, e]));
      const { root, load, loads } = await build(entries.values());
      const keys = [...some.slice(0, 20), ...asked.map(numbered), ...some.slice(10, 15)].map(({ key }) => key);
      const found = await getEntries(root, keys, load);
      expect([...loads.values()].every((times) => times === 1)).toBe(true);
      const needed = new Set<string>();
      for (const key of keys) {
        const { entry, hashes } = await getEntry(root, key, load);
        expect(found.get(key) ?? null).toEqual(entry);
        expect(entry).toEqual(entries.get(key) ?? null);
        for (const hash of hashes) needed.add(hash);
      }
      expect([...found.keys()].every((key) => keys.includes(key))).toBe(true);
      const once = new Map(loads);
      await getEntries(root, keys, load);
      // No node beside those paths either.
      const again = [...loads].filter(([hash, times]) => times > (once.get(hash) ?? 0)).map(([hash]) => hash);
      expect(again.sort()).toEqual([...needed].sort());
    }),
    { numRuns },
  );
});

it("P6: a node that is missing or of something else is an error for all, never an absence", async () => {
  const { root, store, load } = await build(Array.from({ length: 900 }, (_, i) => numbered(i)));
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat({ max: 1_800 }), { minLength: 1, maxLength: 9 }), async (asked) => {
      const keys = asked.map((i) => numbered(i).key);
      const { hashes } = await getEntry(root, keys.at(-1) ?? "", load);
      for (const hash of hashes) {
        const other = [...store.keys()].find((key) => key !== hash) ?? "";
        for (const bytes of [new Uint8Array(), store.get(other) ?? new Uint8Array()]) {
          const lying = (asked: string) => (asked === hash ? Promise.resolve(bytes) : load(asked));
          await expect(getEntries(root, keys, lying)).rejects.toMatchObject({ code: "INDEX_INVALID" });
        }
      }
    }),
    { numRuns },
  );
});

it("a key that is none is refused before anything is loaded", async () => {
  const { root, load, loads } = await build(Array.from({ length: 100 }, (_, i) => numbered(i)));
  for (const key of ["", "x:1", "m:", "m:UPPER", "i:123"]) {
    await expect(getEntries(root, [numbered(1).key, key], load)).rejects.toMatchObject({ code: "INPUT_INVALID" });
  }
  expect(loads.size).toBe(0);
  expect(await getEntries(root, [], load)).toEqual(new Map());
  expect(loads.size).toBe(0);
});
