const NEWLINE = 10;
const SMALL_BYTES = 64 * 1024;

/** Cuts a stream of bytes into lines. A line costs its own length, however small the pieces are in which it comes. */
export class LineSplitter {
  readonly #maxBytes: () => number;
  readonly #tooLong: (maxBytes: number) => Error;
  // One growing buffer: a list of chunks would let a server that sends single bytes fill the memory.
  #buffer = new Uint8Array(1_024);
  #length = 0;

  /** @param maxBytes - of a line, newline excluded; asked for each piece */
  constructor(maxBytes: () => number, tooLong: (maxBytes: number) => Error) {
    this.#maxBytes = maxBytes;
    this.#tooLong = tooLong;
  }

  /** The lines that end in `chunk`; each is valid until the next is asked for. @throws what `tooLong` makes */
  *split(chunk: Uint8Array): Generator<Uint8Array, void, undefined> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const piece = chunk.subarray(start, end);
      start = end + 1;
      if (this.#length === 0) {
        this.#check(piece.length);
        yield piece;
        continue;
      }
      this.#append(piece);
      const line = this.#buffer.subarray(0, this.#length);
      this.#length = 0;
      yield line;
      if (this.#buffer.length > SMALL_BYTES) this.#buffer = new Uint8Array(1_024);
    }
    if (start < chunk.length) this.#append(chunk.subarray(start));
  }

  #append(piece: Uint8Array): void {
    const end = this.#length + piece.length;
    this.#check(end);
    if (end > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#buffer.length));
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    this.#buffer.set(piece, this.#length);
    this.#length = end;
  }

  #check(length: number): void {
    const maxBytes = this.#maxBytes();
    if (length > maxBytes) throw this.#tooLong(maxBytes);
  }
}

/** Whether objects and arrays in a JSON text lie deeper in one another than `maxDepth`. */
export function nestsDeeper(text: string, maxDepth: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) at = endOfString(text, at);
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > maxDepth) return true;
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
  return false;
}

/** The index of the quote that closes the string which opens at `start`; the text's end where none does. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let escapes = 0;
    while (text.charCodeAt(quote - 1 - escapes) === 0x5c) escapes++;
    if (escapes % 2 === 0) return quote;
  }
  return text.length;
}
