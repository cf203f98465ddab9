import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { LMDB_ENTRY_HEAD_BYTES, lmdbEntryDefect } from "./lmdb-entry.js";
import { type JudgeTree, type LmdbTree, lmdbTreeDefect, type ReadAt } from "./lmdb-tree.js";

// Offsets in a meta page of LMDB's data version 2, all little-endian.
const MAGIC = { at: 24, value: 0xbeefc0de };
const VERSION = { at: 28, value: 2 };
const PAGE_SIZE_AT = 48;
// Of a tree: pad u32, flags u16, depth u16, then u64 each: branch pages, leaf pages, overflow pages, entries, root.
const FREE_TREE_AT = 48;
const MAIN_TREE_AT = 96;
const FREE_TREE_FLAGS_AT = 52;
// lmdb would ask for a cipher that nobody gave it, and crash.
const ENCRYPTED = 0x2000;
const LAST_PAGE_AT = 144;
// 16 TiB; lmdb crashes where it cannot map as much.
const MOST_PAGES = 2n ** 32n;
const TRANSACTION_AT = 152;
const META_BYTES = 160;
const NO_PAGE = 2n ** 64n - 1n;
const ATTEMPTS = 3;
const EMPTY_ATTEMPTS = 25;
const EMPTY_PAUSE_MS = 20;

/**
 * What is wrong with a database file, or null for a sound or missing one. lmdb maps the file into memory, and one that is
 * cut short or overwritten ends the process instead of failing; so that has to be found out before.
 *
 * Judges the two meta pages, the form of both trees and whose the keys are, not what the entries hold: their readers do
 * that. Needs no lock: pages of the newest state are overwritten only after two more commits, and then the file is in use
 * and not judged.
 */
export function lmdbFileDefect(path: string): string | null {
  let file: number;
  try {
    // Without O_NONBLOCK a named pipe would be waited for.
    file = openSync(path, constants.O_RDONLY | (process.platform === "win32" ? 0 : constants.O_NONBLOCK));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    const readAt: ReadAt = (position, length) => {
      const bytes = Buffer.alloc(length);
      return readSync(file, bytes, 0, length, position) === length ? bytes : null;
    };
    if (!fstatSync(file).isFile()) return "it is not a regular file";
    return findDefect(readAt, () => fstatSync(file).size);
  } finally {
    closeSync(file);
  }
}

function findDefect(readAt: ReadAt, sizeOf: () => number): string | null {
  let defect: string | null = null;
  // M7: lmdb would make a new database of it, without the floors that were there. A file is empty by right only for the
  // moment in which another process creates it.
  for (let attempt = 0; sizeOf() === 0; attempt++) {
    if (attempt === EMPTY_ATTEMPTS) return "it is empty";
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, EMPTY_PAUSE_MS);
  }
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const size = sizeOf();
    const meta = readNewestMeta(readAt);
    if (typeof meta === "string") {
      // Another process may be writing a meta page at this moment.
      defect = meta;
      continue;
    }
    const { pageSize } = meta;
    const judge: JudgeTree = { readAt, pageSize, pages: BigInt(Math.floor(size / pageSize)) };
    const entries = { headBytes: LMDB_ENTRY_HEAD_BYTES, defect: lmdbEntryDefect };
    defect = lmdbTreeDefect(meta.free, judge) ?? lmdbTreeDefect(meta.main, { ...judge, entries });
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
  readonly free: LmdbTree;
  readonly main: LmdbTree;
}

function readNewestMeta(readAt: ReadAt): Meta | string {
  const first = readMeta(readAt, 0);
  if (first === null) return "it is not an LMDB database";
  const pageSize = first.readUInt32LE(PAGE_SIZE_AT);
  if (pageSize < 256 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0) return "its page size is impossible";
  const second = readMeta(readAt, pageSize);
  if (second === null) return "its second meta page is not there";
  for (const meta of [first, second]) {
    if ((meta.readUInt16LE(FREE_TREE_FLAGS_AT) & ENCRYPTED) !== 0) return "it says that it is encrypted";
    if (meta.readBigUInt64LE(LAST_PAGE_AT) >= MOST_PAGES) return "its last page is impossible";
  }
  const newest = first.readBigUInt64LE(TRANSACTION_AT) > second.readBigUInt64LE(TRANSACTION_AT) ? first : second;
  return {
    pageSize,
    transaction: newest.readBigUInt64LE(TRANSACTION_AT),
    free: treeAt(newest, FREE_TREE_AT),
    main: treeAt(newest, MAIN_TREE_AT),
  };
}

function treeAt(meta: Buffer, at: number): LmdbTree {
  const root = meta.readBigUInt64LE(at + 40);
  return {
    root: root === NO_PAGE ? null : root,
    depth: meta.readUInt16LE(at + 6),
    leafPages: meta.readBigUInt64LE(at + 16),
    entries: meta.readBigUInt64LE(at + 32),
  };
}

function readMeta(readAt: ReadAt, position: number): Buffer | null {
  const meta = readAt(position, META_BYTES);
  if (meta === null) return null;
  const sound = meta.readUInt32LE(MAGIC.at) === MAGIC.value && meta.readUInt16LE(VERSION.at) === VERSION.value;
  return sound ? meta : null;
}
