import { equalBytes, utf8 } from "../bytes/bytes.js";
import { encodeJson, type Json, parseJson } from "../bytes/json.js";
import { HawserError } from "../errors.js";
import { limits } from "../limits.js";
import { entryToJson, type IndexEntry, keyPath, readEntry } from "./entry.js";
import { type Fail, readArray, readHex32, readMembers } from "./members.js";

/** The last level of the index: at most 32 entries, sorted by path (P3). */
export interface LeafNode {
  readonly entries: readonly IndexEntry[];
}

/** A level above leaves: for each hex digit the SHA-256 of the child's bytes, hex, or null (P3). */
export interface InnerNode {
  readonly children: readonly (string | null)[];
}

/** A node of the index tree (P3). */
export type IndexNode = LeafNode | InnerNode;

/** The index of a name without data. */
export const emptyIndex: IndexNode = { entries: [] };

/** Whether a node is a leaf. */
export function isLeaf(node: IndexNode): node is LeafNode {
  return "entries" in node;
}

/**
 * A node out of parsed JSON, checked by P3 and P5.
 *
 * @param prefix - the hex digits that lead to the node; its length is the node's depth, "" for the root
 * @param fail - makes the error
 */
export function readNode(json: Json | undefined, prefix: string, fail: Fail): IndexNode {
  if (prefix.length > limits.indexMaxDepth) throw fail(`a node is deeper than ${limits.indexMaxDepth}`);
  const members = readMembers(json, "a node", ["entries?", "children?"], fail);
  if ("entries" in members && "children" in members) throw fail("a node has both entries and children");
  if ("entries" in members) return { entries: readEntries(members["entries"], prefix, fail) };
  if ("children" in members) return { children: readChildren(members["children"], prefix, fail) };
  throw fail("a node has neither entries nor children");
}

function readEntries(json: Json | undefined, prefix: string, fail: Fail): readonly IndexEntry[] {
  const items = readArray(json, "a leaf's entries", fail);
  if (items.length > limits.leafMaxEntries) {
    throw fail(`a leaf has ${items.length} entries, at most ${limits.leafMaxEntries} are allowed`);
  }
  if (items.length === 0 && prefix !== "") throw fail("a leaf that is not the root is empty");
  let previous = "";
  return items.map((item) => {
    const entry = readEntry(item, fail);
    const path = keyPath(entry.key);
    // P5: off its path an entry would answer a listing, but not a get.
    if (!path.startsWith(prefix)) throw fail("an entry is off its path");
    if (path === previous) throw fail("a leaf has a key twice");
    if (path < previous) throw fail("a leaf's entries are not in path order");
    previous = path;
    return entry;
  });
}

function readChildren(json: Json | undefined, prefix: string, fail: Fail): readonly (string | null)[] {
  if (prefix.length === limits.indexMaxDepth) throw fail(`an inner node is at depth ${limits.indexMaxDepth}`);
  const items = readArray(json, "an inner node's children", fail);
  if (items.length !== 16) throw fail(`an inner node has ${items.length} children, expected 16`);
  const children = items.map((child) => (child === null ? null : readHex32(child, "a child", fail)));
  if (children.every((child) => child === null)) throw fail("an inner node has no child");
  return children;
}

/** A node as JSON, members in the order of P3 and P4. */
export function nodeToJson(node: IndexNode): Json {
  return isLeaf(node) ? { entries: node.entries.map(entryToJson) } : { children: node.children };
}

/**
 * A node out of the exact bytes of an object. The caller has compared their hash.
 *
 * @param prefix - the hex digits that lead to the node
 * @throws INDEX_INVALID
 */
export function parseNode(bytes: Uint8Array, prefix: string): IndexNode {
  if (bytes.length > limits.nodeMaxBytes) {
    throw nodeInvalid(`a node is ${bytes.length} bytes, at most ${limits.nodeMaxBytes} are allowed`);
  }
  const node = readNode(parseJson(bytes, { fail: nodeInvalid }), prefix, nodeInvalid);
  // P5: with two byte forms, one set of entries would have two roots.
  if (!equalBytes(utf8(encodeJson(nodeToJson(node))), bytes)) throw nodeInvalid("a node is not in its one byte form");
  return node;
}

/**
 * The one byte form of a node, refused where a reader would refuse it.
 *
 * @param prefix - the hex digits that lead to the node
 * @throws INPUT_INVALID
 */
export function encodeNode(node: IndexNode, prefix: string): Uint8Array {
  const json = nodeToJson(node);
  readNode(json, prefix, (reason) => {
    const expected = "a node that a reader accepts";
    return new HawserError("INPUT_INVALID", `The index node cannot be written: ${reason}.`, {
      argument: "node",
      expected,
      got: reason,
    });
  });
  return utf8(encodeJson(json));
}

/** The error for a node that does not follow section 5. */
export function nodeInvalid(reason: string): HawserError<"INDEX_INVALID"> {
  return new HawserError("INDEX_INVALID", `The index is not valid: ${reason}.`, { reason });
}
