/**
 * The form of LMDB's B+ trees (data version 2, little-endian), as far as it takes to see whether following one could
 * lead outside the file or into something that is no tree, or past an entry.
 *
 * Page: number u64, transaction u64, pad u16, flags u16, lower u16, upper u16, then offsets of nodes (u16, counted from
 * the end of this header). Node: low u16, high u16, flags u16, key size u16, key, then the data of a leaf.
 */
const PAGE_HEADER = 24;
const NODE_HEADER = 8;
const BRANCH = 1;
const LEAF = 2;
const OVERFLOW = 4;
const BIG_DATA = 1;
/** In place of its data a large entry has: page u64, transaction u64, number of pages u64. */
const BIG_DATA_BYTES = 24;
const FIRST_DATA_PAGE = 2n;

/** Reads `length` bytes at `position` of the file, or null if they are not all there. */
export type ReadAt = (position: number, length: number) => Buffer | null;

/** A tree, as a meta page tells it. */
export interface LmdbTree {
  /** Page of the root, or null of an empty tree. */
  readonly root: bigint | null;
  readonly depth: number;
  readonly leafPages: bigint;
  readonly entries: bigint;
}

/** How a tree is judged. */
export interface JudgeTree {
  readonly readAt: ReadAt;
  readonly pageSize: number;
  /** Pages that the file has. */
  readonly pages: bigint;
  /**
   * Judges an entry by its key and the first `headBytes` of its data, and has keys checked to be in byte order; without
   * it keys are not looked at.
   */
  readonly entries?: { readonly headBytes: number; readonly defect: (key: Buffer, head: Buffer) => string | null };
}

/** A page to look at, with the bounds that the branches above it set for its keys. */
interface Visit {
  readonly number: bigint;
  readonly depth: number;
  readonly from: Buffer | null;
  readonly below: Buffer | null;
}

/** What is wrong with a tree, or null. */
export function lmdbTreeDefect(tree: LmdbTree, judge: JudgeTree): string | null {
  const { readAt, pageSize, pages } = judge;
  const open: Visit[] = tree.root === null ? [] : [{ number: tree.root, depth: 1, from: null, below: null }];
  const seen = new Set<bigint>();
  let [leafPages, entries] = [0n, 0n];
  for (let visit = open.pop(); visit !== undefined; visit = open.pop()) {
    const { number, depth } = visit;
    if (number < FIRST_DATA_PAGE || number >= pages) return "a page is missing";
    if (seen.has(number)) return "a page is in it twice";
    seen.add(number);
    const page = readAt(Number(number) * pageSize, pageSize);
    const nodes = page === null ? null : nodesOf(page, number);
    if (page === null || nodes === null) return "a page has the wrong form";
    const isBranch = page.readUInt16LE(18) === BRANCH;
    if (isBranch !== depth < tree.depth) return "a page has the wrong form";
    if (judge.entries !== undefined && !areKeysInOrder(page, nodes, visit, isBranch)) return "keys are out of order";
    if (isBranch) {
      open.push(...childrenOf(page, nodes, visit));
      continue;
    }
    leafPages += 1n;
    entries += BigInt(nodes.length);
    for (const node of nodes) {
      const defect = entryDefect(page, node, judge);
      if (defect !== null) return defect;
    }
  }
  // Otherwise a part of it could be another, older one.
  return leafPages === tree.leafPages && entries === tree.entries ? null : "entries are missing";
}

/** Offsets of the nodes of a branch or leaf, or null for what is neither. */
function nodesOf(page: Buffer, number: bigint): readonly number[] | null {
  const flags = page.readUInt16LE(18);
  const lower = page.readUInt16LE(20);
  const upper = page.readUInt16LE(22);
  if (page.readBigUInt64LE(0) !== number || (flags !== BRANCH && flags !== LEAF)) return null;
  if (lower === 0 || lower % 2 !== 0 || lower > upper || PAGE_HEADER + upper > page.length) return null;
  const nodes: number[] = [];
  for (let at = PAGE_HEADER; at < PAGE_HEADER + lower; at += 2) {
    const node = PAGE_HEADER + page.readUInt16LE(at);
    if (node < PAGE_HEADER + upper || node + NODE_HEADER > page.length) return null;
    if (node + NODE_HEADER + page.readUInt16LE(node + 6) > page.length) return null;
    nodes.push(node);
  }
  return nodes;
}

function keyOf(page: Buffer, node: number): Buffer {
  return page.subarray(node + NODE_HEADER, node + NODE_HEADER + page.readUInt16LE(node + 6));
}

/** A search that follows keys finds each entry only where they rise, within what the branches above say. */
function areKeysInOrder(page: Buffer, nodes: readonly number[], { from, below }: Visit, isBranch: boolean): boolean {
  let last = from;
  // The first key of a branch is not used: whatever is smaller than the second is under it.
  for (const [i, node] of nodes.entries()) {
    if (isBranch && i === 0) continue;
    const key = keyOf(page, node);
    const order = last === null ? 1 : key.compare(last);
    // Of the first key of a page, the branch above it has a copy.
    if (order < 0 || (order === 0 && (last !== from || isBranch))) return false;
    if (below !== null && key.compare(below) >= 0) return false;
    last = key;
  }
  return true;
}

function childrenOf(page: Buffer, nodes: readonly number[], { depth, from, below }: Visit): readonly Visit[] {
  return nodes.map((node, i) => {
    const next = nodes[i + 1];
    return {
      number: BigInt(page.readUIntLE(node, 6)),
      depth: depth + 1,
      from: i === 0 ? from : keyOf(page, node),
      below: next === undefined ? below : keyOf(page, next),
    };
  });
}

function entryDefect(page: Buffer, node: number, { readAt, pageSize, pages, entries }: JudgeTree): string | null {
  const wrongForm = "an entry has the wrong form";
  const size = page.readUInt32LE(node);
  const flags = page.readUInt16LE(node + 4);
  const data = node + NODE_HEADER + page.readUInt16LE(node + 6);
  const headBytes = Math.min(size, entries?.headBytes ?? 0);
  if (flags === 0) {
    if (data + size > page.length) return wrongForm;
    return entries?.defect(keyOf(page, node), page.subarray(data, data + headBytes)) ?? null;
  }
  if (flags !== BIG_DATA || data + BIG_DATA_BYTES > page.length) return wrongForm;
  const first = page.readBigUInt64LE(data);
  const count = page.readBigUInt64LE(data + 16);
  const start = first < pages ? readAt(Number(first) * pageSize, PAGE_HEADER + headBytes) : null;
  const isSound =
    start !== null &&
    first >= FIRST_DATA_PAGE &&
    count * BigInt(pageSize) >= BigInt(PAGE_HEADER + size) &&
    first + count <= pages &&
    start.readBigUInt64LE(0) === first &&
    start.readUInt16LE(18) === OVERFLOW;
  if (!isSound) return wrongForm;
  return entries?.defect(keyOf(page, node), start.subarray(PAGE_HEADER)) ?? null;
}
