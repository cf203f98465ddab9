import { describe, expect, it } from "vitest";
import { contentKeyKind } from "../../../src/profile/entry.js";
import type { IndexNode } from "../../../src/profile/index-node.js";
import { emitSubtree, emitTo, type IndexItem, rootOf, shapeItems } from "../../../src/profile/index-shape.js";
import { buildIndex, changeIndex, emptyIndex, getEntry, listEntries } from "../../../src/profile/index-tree.js";
import { caught, contentEntry, NodeStore, rejected, routeEntries, routeEntry } from "./fixtures.js";

describe("buildIndex", () => {
  it("P3: buildIndex makes one tree of one set, whatever the order and kind of the iterable", async () => {
    const entries = routeEntries(1_500);
    const store = new NodeStore();
    const root = await buildIndex(entries, store.write);
    const other = new NodeStore();
    async function* backwards(): AsyncGenerator<(typeof entries)[number]> {
      for (const entry of [...entries].reverse()) yield await Promise.resolve(entry);
    }
    expect(await buildIndex(backwards(), other.write)).toEqual(root);
    expect([...other.nodes.keys()].sort()).toEqual([...store.nodes.keys()].sort());
  });

  it("P3: buildIndex makes the tree that changes lead to, also where leaves lie three levels down", async () => {
    const entries = routeEntries(12_000);
    const store = new NodeStore();
    const root = await buildIndex(entries, store.write);
    const changes = entries.map((entry) => ({ key: entry.key, entry }));
    const changed = await changeIndex(emptyIndex, changes, new NodeStore().load);
    expect(root).toEqual(changed.root);
    expect([...store.nodes.keys()].sort()).toEqual([...changed.written.keys()].sort());
    const depths = await Promise.all(
      entries.slice(0, 300).map(async ({ key }) => (await getEntry(root, key, store.load)).hashes.length),
    );
    expect(new Set(depths)).toEqual(new Set([2, 3]));
  });

  it("P3: buildIndex writes children before their parents and every node under its hash", async () => {
    const store = new NodeStore();
    const seen = new Set<string>();
    await buildIndex(routeEntries(2_000), async (hash, bytes) => {
      expect(store.put(bytes)).toBe(hash);
      const { children = [] } = JSON.parse(new TextDecoder().decode(bytes)) as { children?: (string | null)[] };
      for (const child of children) if (child !== null) expect(seen.has(child)).toBe(true);
      await Promise.resolve();
      seen.add(hash);
    });
    expect(seen.size).toBe(store.nodes.size);
  });

  it("P3: buildIndex keeps entries that are larger than a chunk", async () => {
    const urls = Array.from({ length: 16 }, (_, i) => `https://h/${i}/${"a".repeat(240)}`);
    const entries = Array.from({ length: 200 }, (_, i) => {
      const key = i.toString(16).padStart(64, "0");
      expect(contentKeyKind(key)).toBe("sha256");
      return contentEntry(key, { name: "\u20ac".repeat(85), urls });
    });
    const store = new NodeStore();
    const root = await buildIndex(entries, store.write);
    const listed: unknown[] = [];
    for await (const entry of listEntries(root, store.load)) listed.push(entry);
    expect(listed).toHaveLength(200);
    expect(listed).toEqual(expect.arrayContaining(entries));
  });

  it("P3: buildIndex refuses a key that comes twice", async () => {
    const twice = [...routeEntries(100), routeEntry("item/7", { epoch: 9 })];
    expect(await rejected(buildIndex(twice, new NodeStore().write))).toMatch(/^INPUT_INVALID.*one entry a key/);
  });

  it("P3: buildIndex refuses an entry that a reader would refuse", async () => {
    expect(await rejected(buildIndex([routeEntry("A")], new NodeStore().write))).toMatch(/^INPUT_INVALID/);
  });

  it("P3: buildIndex fails when a write fails", async () => {
    const write = async (): Promise<void> => Promise.reject(new Error("disk full"));
    expect(await rejected(buildIndex(routeEntries(100), write))).toContain("disk full");
  });
});

describe("shapeItems with paths that nobody can find keys for", () => {
  const items = (count: number, prefix: string): readonly IndexItem[] =>
    Array.from({ length: count }, (_, i) => ({
      path: prefix + i.toString(16).padStart(64 - prefix.length, "0"),
      text: `"${prefix}${i}"`,
    }));
  const shape = (list: readonly IndexItem[]): { root: string | null; nodes: number } => {
    const nodes = new Map<string, Uint8Array>();
    const emit = emitTo(nodes);
    return { root: emitSubtree(shapeItems(list, 0, emit), emit), nodes: nodes.size };
  };

  it("P3: refuses more than 32 keys that share 16 digits", () => {
    expect(caught(() => shape(items(33, "0123456789abcdef")))).toMatch(/^INPUT_INVALID.*share 16 digits, got 33/);
  });

  it("P3: admits 32 keys that share 16 digits, beside others", () => {
    const list = [...items(32, "0123456789abcdef"), ...items(1, "0123456789abcdff")];
    expect(shape(list)).toMatchObject({ nodes: 17 });
  });

  it("P3: admits 33 keys that share 15 digits", () => {
    expect(shape(items(17, "0123456789abcdef").concat(items(16, "0123456789abcdee")).reverse())).toMatchObject({
      nodes: 18,
    });
  });

  it("P3: an empty subtree is no node", () => {
    expect(shape([])).toEqual({ root: null, nodes: 0 });
    const root: IndexNode = rootOf({ items: [] });
    expect(root).toEqual({ entries: [] });
  });
});
