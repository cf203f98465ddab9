import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { encodeHex } from "../../src/bytes/hex.js";
import { sha256 } from "../../src/crypto/hash.js";
import { type IndexEntry, keyPath, mutableEntry } from "../../src/profile/entry.js";
import type { IndexNode } from "../../src/profile/index-node.js";
import { buildIndex, changeIndex, emptyIndex, getEntry, listEntries } from "../../src/profile/index-tree.js";
import { anyEntry } from "./profile-arbitraries.js";
import { numRuns } from "./runs.js";

vi.setConfig({ testTimeout: 60_000 + 1_000 * numRuns });

type Store = Map<string, Uint8Array>;

const loadFrom =
  (store: Store) =>
  async (hash: string): Promise<Uint8Array> =>
    Promise.resolve(store.get(hash) ?? new Uint8Array());

async function build(entries: Iterable<IndexEntry>): Promise<{ root: IndexNode; store: Store }> {
  const store: Store = new Map();
  const root = await buildIndex(entries, async (hash, bytes) => {
    store.set(hash, bytes);
    return Promise.resolve();
  });
  return { root, store };
}

const numbered = (i: number, epoch: number): IndexEntry =>
  mutableEntry({ id: `n/${i}`, urls: [], pubkey: null, epoch, minVer: null, maxAgeMs: null });

/** Numbers out of a range that moves, so that whole regions of keys come and go. */
const batch = fc
  .record({ from: fc.nat({ max: 1_200 }), count: fc.nat({ max: 900 }), epoch: fc.integer({ min: -2, max: 3 }) })
  .map(({ from, count, epoch }) => Array.from({ length: count }, (_, i) => ({ number: from + i, epoch })));

describe("the index depends on the set of entries alone", () => {
  it("P3: any series of batches leads to the tree that is built from scratch, and to its nodes alone", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 5 }), async (batches) => {
        const entries = new Map<string, IndexEntry>();
        const store: Store = new Map();
        let root = emptyIndex;
        for (const numbers of batches) {
          const changes = numbers.map(({ number, epoch }) => {
            const entry = numbered(number, Math.max(0, epoch));
            return { key: entry.key, entry: epoch < 0 ? null : entry };
          });
          for (const { key, entry } of changes) {
            if (entry === null) entries.delete(key);
            else entries.set(key, entry);
          }
          const changed = await changeIndex(root, changes, loadFrom(store));
          for (const [hash, bytes] of changed.written) {
            expect(encodeHex(sha256(bytes))).toBe(hash);
            expect(store.has(hash)).toBe(false);
            store.set(hash, bytes);
          }
          for (const hash of changed.dropped) expect(store.delete(hash)).toBe(true);
          root = changed.root;
          const scratch = await build(entries.values());
          expect(root).toEqual(scratch.root);
          expect([...store.keys()].sort()).toEqual([...scratch.store.keys()].sort());
        }
      }),
      { numRuns },
    );
  });

  it("P3: single changes around the size of a leaf do the same", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat({ max: 50 }), fc.boolean()), { minLength: 30, maxLength: 90 }),
        async (steps) => {
          const all = Array.from({ length: 33 }, (_, i) => numbered(i, 0));
          const entries = new Map(all.map((entry) => [entry.key, entry]));
          const { root: first, store } = await build(all);
          let root = first;
          for (const [number, add] of steps) {
            const entry = numbered(number, 1);
            const changed = await changeIndex(root, [{ key: entry.key, entry: add ? entry : null }], loadFrom(store));
            if (add) entries.set(entry.key, entry);
            else entries.delete(entry.key);
            for (const [hash, bytes] of changed.written) store.set(hash, bytes);
            for (const hash of changed.dropped) store.delete(hash);
            root = changed.root;
          }
          const scratch = await build(entries.values());
          expect(root).toEqual(scratch.root);
          expect([...store.keys()].sort()).toEqual([...scratch.store.keys()].sort());
        },
      ),
      { numRuns },
    );
  });

  it("P3: every entry is found, every other key is proven absent, and the listing is complete", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(anyEntry, { maxLength: 60, selector: (entry) => entry.key }),
        fc.nat({ max: 600 }),
        async (some, more) => {
          const numbers = Array.from({ length: more }, (_, i) => numbered(i, 0));
          const entries = new Map([...numbers, ...some].map((entry) => [entry.key, entry]));
          const { root, store } = await build(entries.values());
          for (const [key, entry] of [...entries].slice(-60)) {
            expect((await getEntry(root, key, loadFrom(store))).entry).toEqual(entry);
          }
          expect((await getEntry(root, "m:absent/key", loadFrom(store))).entry).toBeNull();
          const listed: IndexEntry[] = [];
          for await (const entry of listEntries(root, loadFrom(store))) listed.push(entry);
          expect(listed).toEqual([...entries.values()].sort((a, b) => (keyPath(a.key) < keyPath(b.key) ? -1 : 1)));
        },
      ),
      { numRuns },
    );
  });

  it("P3: a proof with a node left out is an error, never an absence", async () => {
    const entries = Array.from({ length: 900 }, (_, i) => numbered(i, 0));
    const { root, store } = await build(entries);
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 1_800 }), async (number) => {
        const { key } = numbered(number, 0);
        const { hashes } = await getEntry(root, key, loadFrom(store));
        for (const hash of hashes) {
          const partial = new Map(store);
          partial.delete(hash);
          await expect(getEntry(root, key, loadFrom(partial))).rejects.toMatchObject({ code: "INDEX_INVALID" });
        }
      }),
      { numRuns },
    );
  });
});
