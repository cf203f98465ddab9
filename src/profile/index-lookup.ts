import { limits } from "../limits.js";
import { type IndexEntry, keyPath } from "./entry.js";
import { type IndexNode, isLeaf } from "./index-node.js";
import { assertKey, digitAt, getNode, type LoadNode } from "./index-walk.js";
import { createLimiter, type Limiter } from "./limiter.js";

interface Sought {
  readonly key: string;
  readonly path: string;
}

/**
 * Looks many keys up at once and loads each node on their paths once.
 *
 * @param root - the index of a profile that was parsed or encoded
 * @returns the entries by key; a key that is not there is provably not in the index (P6)
 * @throws INPUT_INVALID, INDEX_INVALID, and what `load` throws
 */
export async function getEntries(
  root: IndexNode,
  keys: readonly string[],
  load: LoadNode,
): Promise<ReadonlyMap<string, IndexEntry>> {
  const sought = keys.map((key): Sought => {
    assertKey(key);
    return { key, path: keyPath(key) };
  });
  const found = new Map<string, IndexEntry>();
  await descend(root, 0, sought, { load, limit: createLimiter(limits.indexMaxParallel), found });
  return found;
}

interface Work {
  readonly load: LoadNode;
  readonly limit: Limiter;
  readonly found: Map<string, IndexEntry>;
}

async function descend(node: IndexNode, depth: number, sought: readonly Sought[], work: Work): Promise<void> {
  if (isLeaf(node)) {
    const keys = new Set(sought.map(({ key }) => key));
    for (const entry of node.entries) if (keys.has(entry.key)) work.found.set(entry.key, entry);
    return;
  }
  const groups = new Map<number, Sought[]>();
  for (const one of sought) {
    const digit = digitAt(one.path, depth);
    const group = groups.get(digit);
    if (group === undefined) groups.set(digit, [one]);
    else group.push(one);
  }
  await Promise.all(
    [...groups].map(async ([digit, group]) => {
      const hash = node.children[digit] ?? null;
      const [first] = group;
      if (hash === null || first === undefined) return;
      const prefix = first.path.slice(0, depth + 1);
      const child = await work.limit(() => getNode(hash, prefix, work.load));
      await descend(child, depth + 1, group, work);
    }),
  );
}
