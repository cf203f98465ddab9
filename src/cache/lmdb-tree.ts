/**
 * The form of LMDB's B+ trees (data version 2, little-endian), as far as it takes to see whether following one could
 * lead outside the file or into something that is no tree.
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

/** What is wrong with the tree whose root is page `root`, or null. */
export function lmdbTreeDefect(readAt: ReadAt, root: bigint, pageSize: number, pages: bigint): string | null {
  const open = [root];
  const seen = new Set<bigint>();
  for (let number = open.pop(); number !== undefined; number = open.pop()) {
    if (number < FIRST_DATA_PAGE || number >= pages) return "a page is missing";
    if (seen.has(number)) return "a page is in it twice";
    seen.add(number);
    const page = readAt(Number(number) * pageSize, pageSize);
    const nodes = page === null ? null : nodesOf(page, number);
    if (page === null || nodes === null) return "a page has the wrong form";
    for (const node of nodes) {
      if (page.readUInt16LE(18) === BRANCH) {
        open.push(BigInt(page.readUIntLE(node, 6)));
      } else if (!isEntrySound(readAt, page, node, pageSize, pages)) {
        return "an entry has the wrong form";
      }
    }
  }
  return null;
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

function isEntrySound(readAt: ReadAt, page: Buffer, node: number, pageSize: number, pages: bigint): boolean {
  const size = page.readUInt32LE(node);
  const flags = page.readUInt16LE(node + 4);
  const data = node + NODE_HEADER + page.readUInt16LE(node + 6);
  if (flags === 0) return data + size <= page.length;
  if (flags !== BIG_DATA || data + BIG_DATA_BYTES > page.length) return false;
  const first = page.readBigUInt64LE(data);
  const count = page.readBigUInt64LE(data + 16);
  const header = first < pages ? readAt(Number(first) * pageSize, PAGE_HEADER) : null;
  return (
    header !== null &&
    first >= FIRST_DATA_PAGE &&
    count * BigInt(pageSize) >= BigInt(PAGE_HEADER + size) &&
    first + count <= pages &&
    header.readBigUInt64LE(0) === first &&
    header.readUInt16LE(18) === OVERFLOW
  );
}
