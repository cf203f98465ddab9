import { HEADER_BYTES } from "./header.js";

const CHUNK = 256;
const HASH_BYTES = 32;

/** Up to 256 headers and their hashes (internal order), side by side. Never written once a list holds it. */
interface Chunk {
  readonly raw: Uint8Array;
  readonly hashes: Uint8Array;
}

/** An immutable list of headers with their hashes. Lists that grew out of one another share their chunks. */
export class HeaderList {
  static readonly empty = new HeaderList([], 0);

  readonly length: number;
  readonly chunks: readonly Chunk[];

  constructor(chunks: readonly Chunk[], length: number) {
    this.chunks = chunks;
    this.length = length;
  }

  /** A view of the header at `index`; must not be written. */
  raw(index: number): Uint8Array {
    return view(this.chunks, "raw", HEADER_BYTES, index);
  }

  /** A view of the hash of the header at `index`; must not be written. */
  hash(index: number): Uint8Array {
    return view(this.chunks, "hashes", HASH_BYTES, index);
  }

  /** The index of the header with that hash (internal order), or -1; the newest are looked at first. */
  indexOf(hash: Uint8Array): number {
    const [a, b, c, d] = hash;
    for (let index = this.length - 1; index >= 0; index--) {
      const hashes = this.chunks[Math.floor(index / CHUNK)]?.hashes ?? hash;
      const at = (index % CHUNK) * HASH_BYTES;
      // The first bytes of the internal order are the random ones, so four of them nearly always decide.
      if (hashes[at] !== a || hashes[at + 1] !== b || hashes[at + 2] !== c || hashes[at + 3] !== d) continue;
      if (hashes.subarray(at, at + HASH_BYTES).every((byte, i) => byte === hash[i])) return index;
    }
    return -1;
  }
}

/** Appends to the first headers of a list without touching the list. */
export class HeaderListBuilder {
  readonly #chunks: Chunk[];
  #length: number;
  /** Whether the last chunk belongs to this builder alone. */
  #owned: boolean;

  /** Begins with the first `keep` headers of `list`. */
  constructor(list: HeaderList, keep: number) {
    this.#chunks = list.chunks.slice(0, Math.ceil(keep / CHUNK));
    this.#length = keep;
    this.#owned = keep % CHUNK === 0;
  }

  get length(): number {
    return this.#length;
  }

  raw(index: number): Uint8Array {
    return view(this.#chunks, "raw", HEADER_BYTES, index);
  }

  hash(index: number): Uint8Array {
    return view(this.#chunks, "hashes", HASH_BYTES, index);
  }

  push(raw: Uint8Array, hash: Uint8Array): void {
    const slot = this.#length % CHUNK;
    let chunk = this.#chunks.at(-1);
    if (slot === 0 || chunk === undefined) {
      chunk = { raw: new Uint8Array(CHUNK * HEADER_BYTES), hashes: new Uint8Array(CHUNK * HASH_BYTES) };
      this.#chunks.push(chunk);
      this.#owned = true;
    } else if (!this.#owned) {
      chunk = { raw: chunk.raw.slice(), hashes: chunk.hashes.slice() };
      this.#chunks[this.#chunks.length - 1] = chunk;
      this.#owned = true;
    }
    chunk.raw.set(raw, slot * HEADER_BYTES);
    chunk.hashes.set(hash, slot * HASH_BYTES);
    this.#length++;
  }

  /** The list; the builder must not be used afterwards. */
  finish(): HeaderList {
    return new HeaderList(this.#chunks, this.#length);
  }
}

function view(chunks: readonly Chunk[], what: keyof Chunk, width: number, index: number): Uint8Array {
  const at = (index % CHUNK) * width;
  return chunks[Math.floor(index / CHUNK)]?.[what].subarray(at, at + width) ?? new Uint8Array(width);
}
