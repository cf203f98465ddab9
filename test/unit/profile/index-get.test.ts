import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { limits } from "../../../src/limits.js";
import { keyPath } from "../../../src/profile/entry.js";
import { encodeNode, type InnerNode, isLeaf } from "../../../src/profile/index-node.js";
import { buildIndex, emptyIndex, getEntry } from "../../../src/profile/index-tree.js";
import { NodeStore, rejected, routeEntries, routeEntry } from "./fixtures.js";

/** An inner node with these children. */
const innerWith = (children: Readonly<Record<string, string>>): InnerNode => ({
  children: Array.from({ length: 16 }, (_, digit) => children[digit.toString(16)] ?? null),
});

/** A chain of inner nodes along `path` down to the bytes `last` at `depth`. */
function chainTo(store: NodeStore, path: string, depth: number, last: Uint8Array): InnerNode {
  let hash = store.put(last);
  for (let at = depth - 1; at > 0; at--) {
    hash = store.put(encodeNode(innerWith({ [path.charAt(at)]: hash }), path.slice(0, at)));
  }
  return innerWith({ [path.charAt(0)]: hash });
}

const deep = routeEntry("deep");
const deepPath = keyPath(deep.key);

describe("getEntry", () => {
  it("P6: finds an entry in a root leaf without loading", async () => {
    const store = new NodeStore();
    const entries = [routeEntry("a")];
    expect(await getEntry({ entries }, "m:a", store.load)).toEqual({ entry: entries[0], hashes: [] });
  });

  it("P6: proves absence in an empty index, in a leaf and by a null child", async () => {
    const store = new NodeStore();
    expect(await getEntry(emptyIndex, "m:a", store.load)).toEqual({ entry: null, hashes: [] });
    const root = await buildIndex(routeEntries(300), store.write);
    const absent = await getEntry(root, "m:absent", store.load);
    expect(absent.entry).toBeNull();
    expect(absent.hashes).toHaveLength(1);
    const hole = innerWith({ [deepPath.charAt(0) === "0" ? "1" : "0"]: "00".repeat(32) });
    expect(await getEntry(hole, "m:deep", store.load)).toEqual({ entry: null, hashes: [] });
  });

  it("P6: reads the nodes on the path alone and lists them", async () => {
    const store = new NodeStore();
    const entries = routeEntries(3_000);
    const root = await buildIndex(entries, store.write);
    for (const entry of entries.slice(0, 50)) {
      store.loaded.length = 0;
      const lookup = await getEntry(root, entry.key, store.load);
      expect(lookup.entry).toEqual(entry);
      expect(lookup.hashes).toEqual(store.loaded);
      expect(lookup.hashes.length).toBeLessThanOrEqual(3);
    }
  });

  it("P6: a node that cannot be loaded is an error, not an absence", async () => {
    const root = await buildIndex(routeEntries(300), new NodeStore().write);
    expect(await rejected(getEntry(root, "m:absent", new NodeStore().load))).toContain("not in the store");
  });

  it("P3: a node whose bytes have another hash is refused, however well they fit", async () => {
    const store = new NodeStore();
    const root = await buildIndex(routeEntries(300), store.write);
    const { hashes } = await getEntry(root, "m:item/7", store.load);
    const hash = hashes[0] ?? "";
    const bytes = store.nodes.get(hash) ?? new Uint8Array();
    const other = utf8(new TextDecoder().decode(bytes).replace('"epoch":0', '"epoch":1'));
    expect(await rejected(getEntry(root, "m:item/7", async () => Promise.resolve(other)))).toMatch(
      /^INDEX_INVALID.*another hash/,
    );
    expect(await rejected(getEntry(root, "m:item/7", async () => Promise.resolve(bytes.slice(1))))).toMatch(
      /^INDEX_INVALID.*another hash/,
    );
    const nothing = null as unknown as Uint8Array;
    expect(await rejected(getEntry(root, "m:item/7", async () => Promise.resolve(nothing)))).toMatch(/^INDEX_INVALID/);
  });

  it("P5: refuses an entry off its path, in a leaf that has the right hash", async () => {
    const store = new NodeStore();
    const hash = store.put(encodeNode({ entries: [deep] }, ""));
    const wrongDigit = deepPath.charAt(0) === "0" ? "1" : "0";
    const key = [
      "m:a",
      "m:b",
      "m:c",
      "m:d",
      "m:e",
      "m:f",
      "m:g",
      "m:h",
      ...Array.from({ length: 99 }, (_, i) => `m:${i}`),
    ].find((candidate) => keyPath(candidate).startsWith(wrongDigit));
    expect(await rejected(getEntry(innerWith({ [wrongDigit]: hash }), key ?? "", store.load))).toMatch(
      /^INDEX_INVALID.*off its path/,
    );
  });

  it("P5: getEntry reads down to depth 16 and no further", async () => {
    const store = new NodeStore();
    const leaf = encodeNode({ entries: [deep] }, "");
    const root = chainTo(store, deepPath, 16, leaf);
    const lookup = await getEntry(root, "m:deep", store.load);
    expect(lookup.entry).toEqual(deep);
    expect(lookup.hashes).toHaveLength(16);
    const inner = encodeNode(innerWith({ [deepPath.charAt(16)]: store.put(leaf) }), "");
    expect(await rejected(getEntry(chainTo(store, deepPath, 16, inner), "m:deep", store.load))).toMatch(
      /^INDEX_INVALID.*inner node is at depth 16/,
    );
  });

  it("P3: getEntry refuses a node above 256 KiB that has the right hash", async () => {
    const store = new NodeStore();
    const hash = store.put(new Uint8Array(limits.nodeMaxBytes + 1).fill(0x20));
    expect(await rejected(getEntry(innerWith({ [deepPath.charAt(0)]: hash }), "m:deep", store.load))).toMatch(
      /^INDEX_INVALID.*262145 bytes/,
    );
  });

  it.each(["", "a", "m:", "m:A", "i:", "i:zz", "__proto__", null])("P2: getEntry refuses the key %j", async (key) => {
    expect(await rejected(getEntry(emptyIndex, key as string, new NodeStore().load))).toMatch(/^INPUT_INVALID/);
  });
});

describe("an index built in memory", () => {
  it("P3: an index is a leaf up to 32 entries and an inner node above", async () => {
    const store = new NodeStore();
    expect(isLeaf(await buildIndex([], store.write))).toBe(true);
    expect(isLeaf(await buildIndex(routeEntries(32), store.write))).toBe(true);
    expect(store.nodes.size).toBe(0);
    expect(isLeaf(await buildIndex(routeEntries(33), store.write))).toBe(false);
    expect(store.nodes.size).toBeGreaterThan(1);
  });
});
