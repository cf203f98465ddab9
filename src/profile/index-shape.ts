import { utf8 } from "../bytes/bytes.js";
import { encodeHex } from "../bytes/hex.js";
import { encodeJson, parseJson } from "../bytes/json.js";
import { sha256 } from "../crypto/hash.js";
import { HawserError } from "../errors.js";
import { limits } from "../limits.js";
import { encodeEntry, keyPath } from "./entry.js";
import { type IndexNode, isLeaf, nodeInvalid, readNode } from "./index-node.js";
import { digitAt } from "./index-walk.js";

/** An entry as its path and its one JSON text. */
export interface IndexItem {
  readonly path: string;
  readonly text: string;
}

/** What a set of entries becomes at some depth: a leaf's items in path order, or the hashes of an inner node. */
export type Subtree = { readonly items: readonly IndexItem[] } | { readonly children: readonly (string | null)[] };

/** Takes a node's bytes and gives their hash. */
export type EmitNode = (bytes: Uint8Array) => string;

/** The items of a leaf, in path order. @throws INPUT_INVALID */
export function itemsOfLeaf(node: IndexNode): readonly IndexItem[] {
  return isLeaf(node) ? node.entries.map((entry) => ({ path: keyPath(entry.key), text: encodeEntry(entry) })) : [];
}

/**
 * The shape of a set of entries (P3): a leaf up to 32, an inner node above. It depends on the entries alone.
 *
 * @param items - entries in path order that share their first `depth` digits
 * @param emit - is given every node below the one that is returned, children first
 * @throws INPUT_INVALID when more than 32 keys share 16 digits
 */
export function shapeItems(items: readonly IndexItem[], depth: number, emit: EmitNode): Subtree {
  if (items.length <= limits.leafMaxEntries) return { items };
  if (depth === limits.indexMaxDepth) {
    // P3: keys that were ground to collide would need a leaf that every reader refuses.
    const expected = `at most ${limits.leafMaxEntries} keys that share ${limits.indexMaxDepth} digits`;
    throw new HawserError("INPUT_INVALID", `changes: expected ${expected}, got ${items.length}.`, {
      argument: "changes",
      expected,
      got: String(items.length),
    });
  }
  const groups: IndexItem[][] = Array.from({ length: 16 }, () => []);
  for (const item of items) groups[digitAt(item.path, depth)]?.push(item);
  return { children: groups.map((group) => emitSubtree(shapeItems(group, depth + 1, emit), emit)) };
}

/** Emits a subtree's top node; null when it has no entries. */
export function emitSubtree(subtree: Subtree, emit: EmitNode): string | null {
  if ("items" in subtree && subtree.items.length === 0) return null;
  return emit(utf8(subtreeText(subtree)));
}

/** The root of an index with this subtree at the top. */
export function rootOf(subtree: Subtree): IndexNode {
  return readNode(parseJson(utf8(subtreeText(subtree)), { fail: nodeInvalid }), "", nodeInvalid);
}

function subtreeText(subtree: Subtree): string {
  if ("children" in subtree) return encodeJson({ children: subtree.children });
  return `{"entries":[${subtree.items.map((item) => item.text).join(",")}]}`;
}

/** An {@link EmitNode} that keeps the nodes in `nodes`, by hash. */
export function emitTo(nodes: Map<string, Uint8Array>): EmitNode {
  return (bytes) => {
    const hash = encodeHex(sha256(bytes));
    nodes.set(hash, bytes);
    return hash;
  };
}

/** Order of two items by path. */
export function compareItems(a: { readonly path: string }, b: { readonly path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}
