import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { type IndexEntry, keyPath } from "../../../src/profile/entry.js";
import { encodeNode, type IndexNode } from "../../../src/profile/index-node.js";
import {
  buildIndex,
  emptyIndex,
  type ListOptions,
  type LoadNode,
  listEntries,
} from "../../../src/profile/index-tree.js";
import { contentEntry, NodeStore, rejected, routeEntries, routeEntry } from "./fixtures.js";

async function listed(root: IndexNode, load: LoadNode, options?: ListOptions): Promise<readonly IndexEntry[]> {
  const entries: IndexEntry[] = [];
  for await (const entry of listEntries(root, load, options)) entries.push(entry);
  return entries;
}

const byPath = (a: IndexEntry, b: IndexEntry): number => (keyPath(a.key) < keyPath(b.key) ? -1 : 1);
const sorted = (entries: readonly IndexEntry[]): readonly IndexEntry[] => [...entries].sort(byPath);
const innerOf = (children: ReadonlyMap<string, string>): IndexNode => ({
  children: Array.from({ length: 16 }, (_, digit) => children.get(digit.toString(16)) ?? null),
});

/** An inner node above one leaf a digit, whatever the number of entries. */
function innerOver(store: NodeStore, entries: readonly IndexEntry[], depth: number): IndexNode {
  const groups = new Map<string, IndexEntry[]>();
  for (const entry of sorted(entries)) {
    const digit = keyPath(entry.key).charAt(depth);
    groups.set(digit, [...(groups.get(digit) ?? []), entry]);
  }
  return innerOf(new Map([...groups].map(([digit, group]) => [digit, store.put(encodeNode({ entries: group }, ""))])));
}

describe("listEntries", () => {
  it.each([0, 1, 32, 33, 500, 3_000])("P3: listEntries gives %i entries in path order", async (count) => {
    const store = new NodeStore();
    const entries = routeEntries(count);
    const root = await buildIndex(entries, store.write);
    expect(await listed(root, store.load)).toEqual(sorted(entries));
    expect(new Set(store.loaded).size).toBe(store.nodes.size);
    expect(store.loaded).toHaveLength(store.nodes.size);
  });

  it("P3: listEntries filters by the beginning of the key", async () => {
    const store = new NodeStore();
    const contents = Array.from({ length: 40 }, (_, i) => contentEntry(i.toString(16).padStart(64, "0")));
    const root = await buildIndex([...routeEntries(40), ...contents], store.write);
    expect(await listed(root, store.load, { prefix: "i:" })).toEqual(sorted(contents));
    expect(await listed(root, store.load, { prefix: "m:item/3" })).toHaveLength(11);
    expect(await listed({ entries: sorted(routeEntries(20)) }, store.load, { prefix: "m:item/7" })).toHaveLength(1);
    expect(await listed(root, store.load, { prefix: "x" })).toEqual([]);
  });

  it("P3: listEntries loads ahead, and keeps its order when answers come in another", async () => {
    const store = new NodeStore();
    const entries = routeEntries(3_000);
    const root = await buildIndex(entries, store.write);
    let running = 0;
    let most = 0;
    let turn = 0;
    const load: LoadNode = async (hash) => {
      most = Math.max(most, ++running);
      for (let wait = (turn++ * 7) % 5; wait >= 0; wait--) await new Promise((resolve) => setImmediate(resolve));
      running--;
      return store.load(hash);
    };
    expect(await listed(root, load)).toEqual(sorted(entries));
    expect(most).toBeGreaterThanOrEqual(8);
    expect(most).toBeLessThanOrEqual(24);
  });

  it("P5: listing refuses an inner node with 32 entries below it before any of them is seen", async () => {
    const store = new NodeStore();
    const seen: IndexEntry[] = [];
    const run = async (count: number): Promise<void> => {
      for await (const entry of listEntries(innerOver(store, routeEntries(count), 0), store.load)) seen.push(entry);
    };
    await run(33);
    expect(seen).toHaveLength(33);
    seen.length = 0;
    expect(await rejected(run(32))).toMatch(/^INDEX_INVALID.*32 entries below it/);
    expect(seen).toEqual([]);
  });

  it("P5: listing refuses such an inner node further down, after entries of others", async () => {
    const store = new NodeStore();
    const all = routeEntries(1_000);
    const digitOf = (entry: IndexEntry): string => keyPath(entry.key).charAt(0);
    const few = all.filter((entry) => digitOf(entry) === "e").slice(0, 30);
    const many = all.filter((entry) => digitOf(entry) === "1");
    expect(many.length).toBeGreaterThan(32);
    const children = new Map([
      ["1", store.put(encodeNode(innerOver(store, many, 1), "1"))],
      ["e", store.put(encodeNode(innerOver(store, few, 1), "e"))],
    ]);
    const seen: IndexEntry[] = [];
    const run = async (): Promise<void> => {
      for await (const entry of listEntries(innerOf(children), store.load)) seen.push(entry);
    };
    expect(await rejected(run())).toMatch(/^INDEX_INVALID.*30 entries below it/);
    expect(seen).toEqual(sorted(many));
  });

  it("P5: listing refuses an entry off its path, in a leaf that has the right hash", async () => {
    const store = new NodeStore();
    const hash = store.put(encodeNode({ entries: sorted(routeEntries(20)) }, ""));
    const root = innerOf(new Map([[keyPath("m:item/0").charAt(0), hash]]));
    expect(await rejected(listed(root, store.load))).toMatch(/^INDEX_INVALID.*off its path/);
  });

  it("P6: a node that cannot be loaded ends the listing with its error", async () => {
    const store = new NodeStore();
    const root = await buildIndex(routeEntries(500), store.write);
    const last = [...store.nodes.keys()].at(-1) ?? "";
    store.nodes.delete(last);
    expect(await rejected(listed(root, store.load))).toContain("not in the store");
  });

  it("P3: listEntries refuses nodes with another hash, however well they fit", async () => {
    const store = new NodeStore();
    const entries = routeEntries(500);
    const root = await buildIndex(entries, store.write);
    const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
    const load: LoadNode = async (hash) => utf8(text(await store.load(hash)).replace('"epoch":0', '"epoch":1'));
    expect(await rejected(listed(root, load))).toMatch(/^INDEX_INVALID.*another hash/);
  });

  it("P3: listEntries reads at most maxNodes", async () => {
    const store = new NodeStore();
    const root = await buildIndex(routeEntries(500), store.write);
    const { size } = store.nodes;
    expect(await listed(root, store.load, { maxNodes: size })).toHaveLength(500);
    store.loaded.length = 0;
    expect(await rejected(listed(root, store.load, { maxNodes: size - 1 }))).toMatch(/^NETWORK_TIME_LIMIT/);
    expect(store.loaded).toHaveLength(size - 1);
  });

  it("P3: listEntries stops when the caller aborts, even while a load hangs", async () => {
    const store = new NodeStore();
    const root = await buildIndex(routeEntries(500), store.write);
    const abort = new AbortController();
    const hang = listed(root, async () => new Promise(() => undefined), { signal: abort.signal });
    abort.abort();
    expect(await rejected(hang)).toMatch(/^NETWORK_ABORTED/);
    expect(await rejected(listed(emptyIndex, store.load, { signal: abort.signal }))).toMatch(/^NETWORK_ABORTED/);
    const second = new AbortController();
    const between = async (): Promise<void> => {
      for await (const entry of listEntries(root, store.load, { signal: second.signal })) {
        expect(entry.kind).toBe("mutable");
        second.abort();
      }
    };
    expect(await rejected(between())).toMatch(/^NETWORK_ABORTED/);
  });

  it("P3: listEntries may be left early, with loads that fail later", async () => {
    const store = new NodeStore();
    const root = await buildIndex(routeEntries(2_000), store.write);
    let loads = 0;
    const load: LoadNode = async (hash) => (loads++ < 14 ? store.load(hash) : Promise.reject(new Error("later")));
    for await (const entry of listEntries(root, load)) {
      expect(entry.key).toMatch(/^m:/);
      break;
    }
    await new Promise((resolve) => setImmediate(resolve));
  });

  it("P3: listEntries gives one entry of a leaf root", async () => {
    expect(await listed({ entries: [routeEntry("a")] }, new NodeStore().load)).toEqual([routeEntry("a")]);
  });
});
