import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { lmdbTreeDefect, type ReadAt } from "./lmdb-tree.js";

// Offsets in a meta page of LMDB's data version 2, all little-endian.
const MAGIC = { at: 24, value: 0xbeefc0de };
const VERSION = { at: 28, value: 2 };
const PAGE_SIZE_AT = 48;
const FREE_ROOT_AT = 88;
const MAIN_ROOT_AT = 136;
const TRANSACTION_AT = 152;
const META_BYTES = 160;
const NO_PAGE = 2n ** 64n - 1n;
const ATTEMPTS = 3;

/**
 * What is wrong with a database file, or null for a sound, empty or missing one. lmdb maps the file into memory, and
 * one that is cut short or overwritten ends the process instead of failing; so that has to be found out before.
 *
 * Judges the two meta pages and the form of both trees, not what the entries hold: their readers do that. Needs no lock:
 * pages of the newest state are overwritten only after two more commits, and then the file is in use and not judged.
 */
export function lmdbFileDefect(path: string): string | null {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    const readAt: ReadAt = (position, length) => {
      const bytes = Buffer.alloc(length);
      return readSync(file, bytes, 0, length, position) === length ? bytes : null;
    };
    return findDefect(readAt, () => fstatSync(file).size);
  } finally {
    closeSync(file);
  }
}

function findDefect(readAt: ReadAt, sizeOf: () => number): string | null {
  let defect: string | null = null;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const size = sizeOf();
    if (size === 0) return null;
    const meta = readNewestMeta(readAt);
    if (typeof meta === "string") {
      // Another process may be writing a meta page at this moment.
      defect = meta;
      continue;
    }
    const pages = BigInt(Math.floor(size / meta.pageSize));
    defect = null;
    for (const root of meta.roots) {
      if (root !== NO_PAGE) defect ??= lmdbTreeDefect(readAt, root, meta.pageSize, pages);
    }
    if (defect === null) return null;
    const after = readNewestMeta(readAt);
    if (typeof after !== "string" && after.transaction === meta.transaction) return defect;
    defect = null;
  }
  return defect;
}

interface Meta {
  readonly pageSize: number;
  readonly transaction: bigint;
  readonly roots: readonly bigint[];
}

function readNewestMeta(readAt: ReadAt): Meta | string {
  const first = readMeta(readAt, 0);
  if (first === null) return "it is not an LMDB database";
  const pageSize = first.readUInt32LE(PAGE_SIZE_AT);
  if (pageSize < 256 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0) return "its page size is impossible";
  const second = readMeta(readAt, pageSize);
  if (second === null) return "its second meta page is not there";
  const newest = first.readBigUInt64LE(TRANSACTION_AT) > second.readBigUInt64LE(TRANSACTION_AT) ? first : second;
  return {
    pageSize,
    transaction: newest.readBigUInt64LE(TRANSACTION_AT),
    roots: [newest.readBigUInt64LE(FREE_ROOT_AT), newest.readBigUInt64LE(MAIN_ROOT_AT)],
  };
}

function readMeta(readAt: ReadAt, position: number): Buffer | null {
  const meta = readAt(position, META_BYTES);
  if (meta === null) return null;
  const sound = meta.readUInt32LE(MAGIC.at) === MAGIC.value && meta.readUInt16LE(VERSION.at) === VERSION.value;
  return sound ? meta : null;
}
