import { uintBE, utf8 } from "../bytes/bytes.js";
import { invalidArgument } from "../bytes/guards.js";
import { encodeHex } from "../bytes/hex.js";
import { limits } from "../limits.js";
import { encodeEntry, type IndexEntry, keyDigest } from "./entry.js";
import type { IndexNode } from "./index-node.js";
import { compareItems, emitSubtree, emitTo, type IndexItem, rootOf, type Subtree, shapeItems } from "./index-shape.js";
import { createLimiter } from "./limiter.js";

/** Stores a node. Several are under way at the same time; children come before their parents. */
export type WriteNode = (hash: string, bytes: Uint8Array) => Promise<void>;

/** Digits of a path that choose the bucket. */
const BUCKET_DIGITS = 2;
const CHUNK_BYTES = 16 * 1024;
const DIGEST_BYTES = 32;
const LENGTH_BYTES = 4;

/**
 * Builds the index of a set of entries, in any order. Entries are kept as bytes (about their JSON and 36 bytes each)
 * until all are known, nodes only until they are written.
 *
 * @returns the root, which goes into the profile
 * @throws INPUT_INVALID for an entry that a reader would refuse, or a key that comes twice; and what `write` throws
 */
export async function buildIndex(
  entries: AsyncIterable<IndexEntry> | Iterable<IndexEntry>,
  write: WriteNode,
): Promise<IndexNode> {
  const buckets = Array.from({ length: 16 ** BUCKET_DIGITS }, () => new Bucket());
  for await (const entry of entries) {
    const digest = keyDigest(entry.key);
    buckets[digest[0] ?? 0]?.add(digest, utf8(encodeEntry(entry)));
  }
  const nodes = new Map<string, Uint8Array>();
  const emit = emitTo(nodes);
  const limit = createLimiter(limits.indexMaxParallel);
  const flush = async (): Promise<void> => {
    const batch = [...nodes];
    nodes.clear();
    await Promise.all(batch.map(([hash, bytes]) => limit(() => write(hash, bytes))));
  };
  const build = async (part: readonly Bucket[], depth: number): Promise<Subtree> => {
    const count = part.reduce((sum, bucket) => sum + bucket.count, 0);
    if (count <= limits.leafMaxEntries || depth === BUCKET_DIGITS) {
      return shapeItems(sortItems(part.flatMap((bucket) => bucket.take())), depth, emit);
    }
    const children: (string | null)[] = [];
    const width = part.length / 16;
    for (let at = 0; at < part.length; at += width) {
      children.push(emitSubtree(await build(part.slice(at, at + width), depth + 1), emit));
      await flush();
    }
    return { children };
  };
  return rootOf(await build(buckets, 0));
}

function sortItems(items: IndexItem[]): readonly IndexItem[] {
  items.sort(compareItems);
  for (const [at, { path }] of items.entries()) {
    if (items[at + 1]?.path === path) throw invalidArgument("entries", "one entry a key", "the same key twice");
  }
  return items;
}

/** Entries whose paths begin alike, as bytes: a million objects would take several times the memory. */
class Bucket {
  count = 0;
  #chunks: Uint8Array[] = [];
  /** Bytes used in the last chunk. */
  #used = CHUNK_BYTES;

  add(digest: Uint8Array, text: Uint8Array): void {
    const length = DIGEST_BYTES + LENGTH_BYTES + text.length;
    let chunk = this.#chunks.at(-1);
    if (chunk === undefined || this.#used + length > chunk.length) {
      chunk = new Uint8Array(Math.max(CHUNK_BYTES, length));
      this.#chunks.push(chunk);
      this.#used = 0;
    }
    chunk.set(digest, this.#used);
    chunk.set(uintBE(text.length, LENGTH_BYTES), this.#used + DIGEST_BYTES);
    chunk.set(text, this.#used + DIGEST_BYTES + LENGTH_BYTES);
    this.#used += length;
    this.count++;
  }

  /** Everything in it; it is empty afterwards. */
  take(): IndexItem[] {
    const items: IndexItem[] = [];
    const chunks = this.#chunks;
    this.#chunks = [];
    this.count = 0;
    for (const chunk of chunks) {
      const view = new DataView(chunk.buffer);
      // Entries have text, so a length of 0 is the unused rest of a chunk.
      for (let at = 0; at + DIGEST_BYTES + LENGTH_BYTES < chunk.length; ) {
        const length = view.getUint32(at + DIGEST_BYTES);
        if (length === 0) break;
        const start = at + DIGEST_BYTES + LENGTH_BYTES;
        const path = encodeHex(chunk.subarray(at, at + DIGEST_BYTES));
        items.push({ path, text: decoder.decode(chunk.subarray(start, start + length)) });
        at = start + length;
      }
    }
    return items;
  }
}

const decoder = new TextDecoder();
