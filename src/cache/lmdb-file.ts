import { closeSync, fstatSync, openSync, readSync } from "node:fs";

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
 * What is wrong with a database file, or null for a sound, empty or missing one. lmdb maps the file into memory and a
 * damaged one ends the process, so that has to be found out before. Judges the two meta pages and whether the file
 * reaches to the roots that they name; damage elsewhere is left for LMDB to find.
 */
export function lmdbFileDefect(path: string): string | null {
  let defect: string | null = null;
  // Another process may be writing a meta page at this moment.
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    defect = readDefect(path);
    if (defect === null) return null;
  }
  return defect;
}

function readDefect(path: string): string | null {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    const { size } = fstatSync(file);
    if (size === 0) return null;
    const first = readMeta(file, 0);
    if (first === null) return "it is not an LMDB database";
    const pageSize = first.readUInt32LE(PAGE_SIZE_AT);
    if (pageSize < 256 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0) return "its page size is impossible";
    const second = readMeta(file, pageSize);
    if (second === null) return "its second meta page is not there";
    const newest = first.readBigUInt64LE(TRANSACTION_AT) > second.readBigUInt64LE(TRANSACTION_AT) ? first : second;
    const pages = BigInt(Math.floor(size / pageSize));
    const cut = [FREE_ROOT_AT, MAIN_ROOT_AT].some((at) => {
      const root = newest.readBigUInt64LE(at);
      return root !== NO_PAGE && root >= pages;
    });
    return cut ? "its end is missing" : null;
  } finally {
    closeSync(file);
  }
}

function readMeta(file: number, position: number): Buffer | null {
  const meta = Buffer.alloc(META_BYTES);
  if (readSync(file, meta, 0, META_BYTES, position) !== META_BYTES) return null;
  const sound = meta.readUInt32LE(MAGIC.at) === MAGIC.value && meta.readUInt32LE(VERSION.at) === VERSION.value;
  return sound ? meta : null;
}
