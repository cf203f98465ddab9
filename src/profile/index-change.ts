import { invalidArgument } from "../bytes/guards.js";
import { limits } from "../limits.js";
import { encodeEntry, type IndexEntry, keyPath } from "./entry.js";
import { emptyIndex, type IndexNode, type InnerNode, isLeaf } from "./index-node.js";
import {
  compareItems,
  type EmitNode,
  emitSubtree,
  emitTo,
  type IndexItem,
  itemsOfLeaf,
  rootOf,
  type Subtree,
  shapeItems,
} from "./index-shape.js";
import { assertKey, digitAt, getNode, type LoadNode } from "./index-walk.js";
import { createLimiter } from "./limiter.js";

/** What a key becomes: an entry, new or instead of the one it had, or nothing. */
export interface IndexChange {
  /** An index key of P2. */
  readonly key: string;
  /** Its `key` is the same; null removes the key, which need not be in the index. */
  readonly entry: IndexEntry | null;
}

/** An index after changes. */
export interface ChangedIndex {
  /** Goes into the profile. */
  readonly root: IndexNode;
  /** The nodes below the root that the old index did not have, by SHA-256 (hex): to be stored before the profile. */
  readonly written: ReadonlyMap<string, Uint8Array>;
  /** SHA-256 of nodes that only the old index has; they may go once the change is at depth (W8). */
  readonly dropped: readonly string[];
}

interface Planned {
  readonly path: string;
  readonly text: string | null;
}

interface Work {
  readonly load: LoadNode;
  readonly emit: EmitNode;
  readonly replaced: Set<string>;
}

interface Applied {
  readonly subtree: Subtree;
  /** Entries after minus entries before. */
  readonly delta: number;
}

/**
 * Applies any number of changes, in any order, and reads and writes the nodes on their paths alone; after a removal also
 * the siblings that might merge into one leaf. The outcome is the index that {@link buildIndex} makes of the same
 * entries.
 *
 * @param root - the index of a profile that was parsed or encoded
 * @throws INPUT_INVALID, INDEX_INVALID, and what `load` throws
 */
export async function changeIndex(
  root: IndexNode,
  changes: readonly IndexChange[],
  load: LoadNode,
): Promise<ChangedIndex> {
  const planned = planChanges(changes);
  const written = new Map<string, Uint8Array>();
  const replaced = new Set<string>();
  const loaded = new Set<string>();
  const limit = createLimiter(limits.indexMaxParallel);
  const loadOld: LoadNode = (hash) => {
    loaded.add(hash);
    return limit(() => load(hash));
  };
  const { subtree } = await applyChanges(root, "", planned, { load: loadOld, emit: emitTo(written), replaced });
  // A node that came out as it was, or that only moved up when its siblings went, is neither new nor gone.
  for (const hash of loaded) if (written.delete(hash)) replaced.delete(hash);
  return { root: rootOf(subtree), written, dropped: [...replaced] };
}

function planChanges(changes: readonly IndexChange[]): readonly Planned[] {
  const planned = changes.map(({ key, entry }): Planned => {
    assertKey(key);
    if (entry !== null && entry.key !== key)
      throw invalidArgument("changes", `an entry with the key ${key}`, entry.key);
    return { path: keyPath(key), text: entry === null ? null : encodeEntry(entry) };
  });
  planned.sort(compareItems);
  for (const [at, { path }] of planned.entries()) {
    // Two changes of one key have no order, so neither could be said to win.
    if (planned[at + 1]?.path === path) throw invalidArgument("changes", "one change a key", changes);
  }
  return planned;
}

async function applyChanges(
  node: IndexNode,
  prefix: string,
  changes: readonly Planned[],
  work: Work,
): Promise<Applied> {
  if (!isLeaf(node)) return applyToInner(node, prefix, changes, work);
  const items = mergeItems(itemsOfLeaf(node), changes);
  return { subtree: shapeItems(items, prefix.length, work.emit), delta: items.length - node.entries.length };
}

function mergeItems(items: readonly IndexItem[], changes: readonly Planned[]): readonly IndexItem[] {
  const texts = new Map<string, string | null>(items.map((item) => [item.path, item.text]));
  for (const { path, text } of changes) texts.set(path, text);
  const merged: IndexItem[] = [];
  for (const [path, text] of texts) if (text !== null) merged.push({ path, text });
  return merged.sort(compareItems);
}

async function applyToInner(
  node: InnerNode,
  prefix: string,
  changes: readonly Planned[],
  work: Work,
): Promise<Applied> {
  const touched = await Promise.all(
    groupByDigit(changes, prefix.length).map(async ([digit, group]) => {
      const path = childPrefix(prefix, digit);
      const hash = node.children[digit] ?? null;
      const child = hash === null ? emptyIndex : await getNode(hash, path, work.load);
      return [digit, await applyChanges(child, path, group, work)] as const;
    }),
  );
  const delta = touched.reduce((sum, [, applied]) => sum + applied.delta, 0);
  const after = new Map(touched.map(([digit, applied]) => [digit, applied.subtree]));
  // P3: a subtree of at most 32 entries is a leaf. One that did not shrink was larger before, so it still is.
  const merged = delta < 0 ? await mergeChildren(node, prefix, after, work) : null;
  const children = node.children.map((old, digit) => {
    const subtree = after.get(digit);
    const kept = subtree === undefined ? old : merged === null ? emitSubtree(subtree, work.emit) : null;
    if (old !== null && (merged !== null || kept !== old)) work.replaced.add(old);
    return kept;
  });
  return { subtree: merged === null ? { children } : { items: merged }, delta };
}

/** The entries below an inner node if they are few enough for a leaf, else null. */
async function mergeChildren(
  node: InnerNode,
  prefix: string,
  after: ReadonlyMap<number, Subtree>,
  work: Work,
): Promise<readonly IndexItem[] | null> {
  let count = 0;
  for (const subtree of after.values()) {
    if ("children" in subtree) return null;
    count += subtree.items.length;
  }
  const groups: (readonly IndexItem[])[] = [];
  for (const [digit, hash] of node.children.entries()) {
    const subtree = after.get(digit);
    if (subtree !== undefined) {
      if ("items" in subtree) groups.push(subtree.items);
    } else if (hash !== null) {
      if (count >= limits.leafMaxEntries) return null;
      const sibling = await getNode(hash, childPrefix(prefix, digit), work.load);
      if (!isLeaf(sibling)) return null;
      count += sibling.entries.length;
      groups.push(itemsOfLeaf(sibling));
    }
  }
  return count <= limits.leafMaxEntries ? groups.flat() : null;
}

function groupByDigit(changes: readonly Planned[], depth: number): readonly (readonly [number, readonly Planned[]])[] {
  const groups = new Map<number, Planned[]>();
  for (const change of changes) {
    const digit = digitAt(change.path, depth);
    const group = groups.get(digit);
    if (group === undefined) groups.set(digit, [change]);
    else group.push(change);
  }
  return [...groups];
}

function childPrefix(prefix: string, digit: number): string {
  return prefix + digit.toString(16);
}
