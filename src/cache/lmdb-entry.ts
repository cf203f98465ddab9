import { crc32 } from "node:zlib";
import { HawserError } from "../errors.js";

/** What an entry of this cache begins with, and what no older one and nobody else's is taken to begin with. */
const MARK = Buffer.from([0x9d, 0x68, 0x77, 0x01]);
const HEAD_BYTES = MARK.length + 4;

/** Keys of the first form of this cache, whose entries were the value alone. */
const UNMARKED = /^(?:floor|signed|journal|headers|name|object)\//;

/**
 * An entry as it is stored: a mark, the CRC-32 of its key, and the value. LMDB has no checksums, and under a key in which
 * one bit has changed nobody would find a floor again; so each entry tells which key it belongs to.
 */
export function encodeLmdbEntry(key: Buffer, value: Uint8Array): Buffer {
  return Buffer.concat([headOf(key), value]);
}

/** The value in a stored entry, in memory of its own. One without the mark is of the first form. @throws CACHE_CORRUPT */
export function decodeLmdbEntry(key: Buffer, stored: Uint8Array): Uint8Array {
  if (!isMarked(stored)) return new Uint8Array(stored);
  if (belongsTo(key, stored)) return new Uint8Array(stored.subarray(HEAD_BYTES));
  const [name, reason] = [key.toString("latin1"), "it belongs to another key"];
  throw new HawserError("CACHE_CORRUPT", `The cache entry ${name} is damaged: ${reason}.`, { key: name, reason });
}

/** What is wrong with an entry of which `head` are the first bytes, or null. */
export function lmdbEntryDefect(key: Buffer, head: Uint8Array): string | null {
  if (isMarked(head)) return belongsTo(key, head) ? null : "a key has changed";
  return UNMARKED.test(key.toString("latin1")) ? null : "it holds entries of something else";
}

/** bytes - how much of a stored entry {@link lmdbEntryDefect} judges. */
export const LMDB_ENTRY_HEAD_BYTES = HEAD_BYTES;

function headOf(key: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  MARK.copy(head);
  head.writeUInt32LE(crc32(key), MARK.length);
  return head;
}

function isMarked(stored: Uint8Array): boolean {
  return stored.length >= HEAD_BYTES && MARK.equals(stored.subarray(0, MARK.length));
}

function belongsTo(key: Buffer, stored: Uint8Array): boolean {
  return headOf(key).equals(stored.subarray(0, HEAD_BYTES));
}
