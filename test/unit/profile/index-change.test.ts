import { describe, expect, it } from "vitest";
import { type IndexEntry, keyPath } from "../../../src/profile/entry.js";
import { type IndexNode, isLeaf } from "../../../src/profile/index-node.js";
import {
  buildIndex,
  type ChangedIndex,
  changeIndex,
  emptyIndex,
  type IndexChange,
} from "../../../src/profile/index-tree.js";
import { NodeStore, rejected, routeEntries, routeEntry } from "./fixtures.js";

const put = (entry: IndexEntry): IndexChange => ({ key: entry.key, entry });
const remove = ({ key }: IndexEntry): IndexChange => ({ key, entry: null });

async function built(entries: readonly IndexEntry[]): Promise<{ store: NodeStore; root: IndexNode }> {
  const store = new NodeStore();
  return { store, root: await buildIndex(entries, store.write) };
}

/** Applies the outcome to the store and compares with building from scratch: the same root and the same nodes. */
async function expectSameAsBuilt(
  store: NodeStore,
  changed: ChangedIndex,
  entries: readonly IndexEntry[],
): Promise<void> {
  for (const [hash, bytes] of changed.written) {
    expect(store.nodes.has(hash)).toBe(false);
    expect(store.put(bytes)).toBe(hash);
  }
  for (const hash of changed.dropped) expect(store.nodes.delete(hash)).toBe(true);
  const scratch = await built(entries);
  expect(changed.root).toEqual(scratch.root);
  expect([...store.nodes.keys()].sort()).toEqual([...scratch.store.nodes.keys()].sort());
}

describe("changeIndex", () => {
  it("P3: grows a root leaf into an inner node and back", async () => {
    const entries = routeEntries(33);
    const { store, root } = await built(entries.slice(0, 32));
    const grown = await changeIndex(root, entries.slice(32).map(put), store.load);
    expect(isLeaf(grown.root)).toBe(false);
    await expectSameAsBuilt(store, grown, entries);
    const shrunk = await changeIndex(grown.root, entries.slice(0, 1).map(remove), store.load);
    expect(isLeaf(shrunk.root)).toBe(true);
    await expectSameAsBuilt(store, shrunk, entries.slice(1));
    expect(shrunk.written.size).toBe(0);
  });

  it("P3: merges at several levels at once", async () => {
    const entries = routeEntries(4_000);
    const { store, root } = await built(entries);
    const changed = await changeIndex(root, entries.slice(20).map(remove), store.load);
    expect(isLeaf(changed.root)).toBe(true);
    await expectSameAsBuilt(store, changed, entries.slice(0, 20));
  });

  it("P3: removes everything", async () => {
    const entries = routeEntries(700);
    const { store, root } = await built(entries);
    const changed = await changeIndex(root, entries.map(remove), store.load);
    expect(changed.root).toEqual(emptyIndex);
    await expectSameAsBuilt(store, changed, []);
  });

  it("P3: replaces, inserts and removes in one batch", async () => {
    const entries = routeEntries(1_000);
    const { store, root } = await built(entries);
    const replaced = entries.slice(0, 10).map((entry) => routeEntry(entry.key.slice(2), { epoch: 7 }));
    const added = routeEntries(500, 5_000);
    const changes = [...replaced.map(put), ...entries.slice(10, 400).map(remove), ...added.map(put)];
    const changed = await changeIndex(root, changes, store.load);
    const other = await changeIndex(root, [...changes].reverse(), store.load);
    expect(other.root).toEqual(changed.root);
    expect([...other.written.keys()].sort()).toEqual([...changed.written.keys()].sort());
    expect([...other.dropped].sort()).toEqual([...changed.dropped].sort());
    await expectSameAsBuilt(store, changed, [...replaced, ...entries.slice(400), ...added]);
  });

  it("P3: writes and drops nothing when nothing changes", async () => {
    const entries = routeEntries(500);
    const { store, root } = await built(entries);
    const changed = await changeIndex(
      root,
      [...entries.slice(0, 9).map(put), remove(routeEntry("absent"))],
      store.load,
    );
    expect(changed).toEqual({ root, written: new Map(), dropped: [] });
    expect(await changeIndex(root, [], new NodeStore().load)).toEqual({ root, written: new Map(), dropped: [] });
  });

  it("P3: reads and writes the nodes of one path for a put", async () => {
    const { store, root } = await built(routeEntries(5_000));
    for (let i = 0; i < 20; i++) {
      store.loaded.length = 0;
      const changed = await changeIndex(root, [put(routeEntry(`new/${i}`))], store.load);
      expect(store.loaded.length).toBeLessThanOrEqual(3);
      expect([...changed.dropped].sort()).toEqual([...store.loaded].sort());
      // One written for one read, unless a leaf of 32 splits into an inner node and its leaves.
      const more = changed.written.size - store.loaded.length;
      expect(more === 0 || more > 1).toBe(true);
    }
  });

  it("P3: reads a few siblings and no more for a removal that merges nothing", async () => {
    const entries = routeEntries(3_000);
    const { store, root } = await built(entries);
    const changed = await changeIndex(root, entries.slice(0, 1).map(remove), store.load);
    // Two nodes on the path, then leaves of about 12 entries until there are more than 32.
    expect(store.loaded.length).toBeGreaterThan(2);
    expect(store.loaded.length).toBeLessThanOrEqual(8);
    expect(changed.written.size).toBe(2);
    expect(changed.dropped).toHaveLength(2);
    await expectSameAsBuilt(store, changed, entries.slice(1));
  });

  it("P3: merges nothing when a child stays too large for a leaf", async () => {
    const entries = routeEntries(3_000);
    const { store, root } = await built(entries);
    const changed = await changeIndex(root, entries.slice(0, 100).map(remove), store.load);
    await expectSameAsBuilt(store, changed, entries.slice(100));
  });

  it("P3: a leaf that is left alone below its parent moves up and is neither written nor dropped", async () => {
    const entries = routeEntries(1_000);
    const { store, root } = await built(entries);
    const digit = keyPath("m:item/0").slice(0, 1);
    const digits = keyPath("m:item/0").slice(0, 2);
    const kept = entries.filter(({ key }) => !keyPath(key).startsWith(digit) || keyPath(key).startsWith(digits));
    const gone = entries.filter((entry) => !kept.includes(entry));
    expect(gone.length).toBeGreaterThan(32);
    const changed = await changeIndex(root, gone.map(remove), store.load);
    expect(changed.written.size).toBe(0);
    const moved = isLeaf(changed.root) ? null : changed.root.children[Number.parseInt(digit, 16)];
    expect(store.nodes.has(moved ?? "")).toBe(true);
    await expectSameAsBuilt(store, changed, kept);
  });

  it("P3: asks for few nodes at a time", async () => {
    const entries = routeEntries(3_000);
    const { store, root } = await built(entries);
    let running = 0;
    let most = 0;
    const changed = await changeIndex(
      root,
      entries.map(({ key }) => put(routeEntry(key.slice(2), { epoch: 1 }))),
      async (hash) => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        return store.load(hash);
      },
    );
    expect(most).toBe(8);
    expect(changed.written.size).toBe(store.nodes.size);
  });

  it.each([
    ["a key twice", [put(routeEntry("a")), remove(routeEntry("a"))], "one change a key"],
    ["an entry under another key", [{ key: "m:b", entry: routeEntry("a") }], "an entry with the key m:b"],
    ["a key that is none", [{ key: "b", entry: null }], "begins neither"],
    ["an entry with a fault", [put(routeEntry("a", { epoch: -1 }))], "epoch"],
  ])("P3: changeIndex refuses %s", async (_, changes, reason) => {
    const message = await rejected(changeIndex(emptyIndex, changes, new NodeStore().load));
    expect(message).toMatch(/^INPUT_INVALID/);
    expect(message).toContain(reason);
  });

  it("P3: changeIndex refuses a node that has another hash", async () => {
    const { root } = await built(routeEntries(100));
    const load = async (): Promise<Uint8Array> => Promise.resolve(new Uint8Array(3));
    expect(await rejected(changeIndex(root, [put(routeEntry("a"))], load))).toMatch(/^INDEX_INVALID/);
  });

  it("P3: changeIndex refuses a sibling that has another hash when it would be merged", async () => {
    const { store, root } = await built(routeEntries(33));
    if (isLeaf(root)) throw new Error("expected an inner node");
    let loads = 0;
    const load = async (hash: string): Promise<Uint8Array> =>
      loads++ === 0 ? store.load(hash) : Promise.resolve(new Uint8Array(3));
    expect(await rejected(changeIndex(root, [remove(routeEntry("item/0"))], load))).toMatch(/^INDEX_INVALID/);
  });
});
