/** Thrown by a {@link Cursor} that is asked for more than there is or meets an encoding that is not the shortest. */
export class CursorError extends Error {}

/** Reads little-endian fields from bytes, strictly. Callers turn {@link CursorError} into their own code. */
export class Cursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  /** A view (not a copy) of the next `length` bytes. */
  take(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** A view (not a copy) of what was read since the cursor was at `offset`. */
  since(offset: number): Uint8Array {
    return this.#bytes.subarray(offset, this.#offset);
  }

  /** The next byte without moving on, or -1 at the end. */
  peek(): number {
    return this.#bytes[this.#offset] ?? -1;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#advance(8), true);
  }

  /** A Bitcoin compact size in its shortest form; never more than the safe integers. */
  compactSize(): number {
    const first = this.u8();
    if (first < 0xfd) return first;
    const [value, least] =
      first === 0xfd ? [this.u16(), 0xfd] : first === 0xfe ? [this.u32(), 0x10000] : [this.#safeU64(), 0x100000000];
    if (value < least) throw new CursorError("compact size is not minimal");
    return value;
  }

  #safeU64(): number {
    const value = this.u64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new CursorError("compact size is out of range");
    return Number(value);
  }

  #advance(length: number): number {
    const start = this.#offset;
    if (length > this.remaining) throw new CursorError(`expected ${length} more bytes, got ${this.remaining}`);
    this.#offset = start + length;
    return start;
  }
}
