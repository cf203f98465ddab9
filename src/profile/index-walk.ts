import { describe, invalidArgument } from "../bytes/guards.js";
import { encodeHex } from "../bytes/hex.js";
import { sha256 } from "../crypto/hash.js";
import { type IndexEntry, keyFault, keyPath } from "./entry.js";
import { type IndexNode, isLeaf, nodeInvalid, parseNode } from "./index-node.js";

/** Gives an object by its SHA-256 (hex). What it returns is hashed again here, so it may come from anywhere. */
export type LoadNode = (hash: string) => Promise<Uint8Array>;

/** The outcome of a walk along one key's path. */
export interface IndexLookup {
  /** null: the key is provably not in the index (P6). */
  readonly entry: IndexEntry | null;
  /** SHA-256 of the nodes below the root that prove the outcome, in the order of the path. */
  readonly hashes: readonly string[];
}

/**
 * The node with this hash at the end of `prefix`.
 *
 * @param prefix - the hex digits that lead to the node
 * @throws INDEX_INVALID, and what `load` throws
 */
export async function getNode(hash: string, prefix: string, load: LoadNode): Promise<IndexNode> {
  const bytes: unknown = await load(hash);
  if (!(bytes instanceof Uint8Array)) throw nodeInvalid(`a node came as ${describe(bytes)}`);
  // P3: the hash in the parent is what the owner vouched for; a provider may serve anything.
  if (encodeHex(sha256(bytes)) !== hash) throw nodeInvalid(`the bytes of node ${hash} have another hash`);
  return parseNode(bytes, prefix);
}

/**
 * Looks a key up. Its path ends in its entry, or in a null child or a leaf without the key, which proves its absence
 * (P6). A node that `load` cannot give is an error, never an absence.
 *
 * @param root - the index of a profile that was parsed or encoded
 * @param key - an index key of P2
 * @throws INPUT_INVALID, INDEX_INVALID, and what `load` throws
 */
export async function getEntry(root: IndexNode, key: string, load: LoadNode): Promise<IndexLookup> {
  assertKey(key);
  const path = keyPath(key);
  const hashes: string[] = [];
  let node = root;
  while (!isLeaf(node)) {
    const hash: string | null | undefined = node.children[digitAt(path, hashes.length)];
    if (hash === null || hash === undefined) return { entry: null, hashes };
    hashes.push(hash);
    node = await getNode(hash, path.slice(0, hashes.length), load);
  }
  return { entry: node.entries.find((entry) => entry.key === key) ?? null, hashes };
}

/** Guards an index key. @throws INPUT_INVALID */
export function assertKey(key: unknown): asserts key is string {
  const fault = keyFault(key);
  if (fault !== null) throw invalidArgument("key", `an index key (this one ${fault})`, key);
}

/** The child to take at `depth` of a path. */
export function digitAt(path: string, depth: number): number {
  return Number.parseInt(path.charAt(depth), 16);
}
