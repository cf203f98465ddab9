import { concatBytes, utf8 } from "../bytes/bytes.js";

/** A bencoded value (BEP3). Keys of dictionaries are byte strings, here as Latin-1. */
export type Bencoded = Uint8Array | number | readonly Bencoded[] | ReadonlyMap<string, Bencoded>;

/** A message has three levels; deeper ones would only cost time. */
const MAX_DEPTH = 8;
const KEY_MAX_BYTES = 64;

/** Bytes of a value; members of dictionaries are put in order. Integers are safe ones. */
export function encodeBencode(value: Bencoded): Uint8Array {
  if (typeof value === "number") return utf8(`i${value}e`);
  if (value instanceof Uint8Array) return concatBytes(utf8(`${value.length}:`), value);
  if (value instanceof Map) {
    const members = value as ReadonlyMap<string, Bencoded>;
    const keys = [...members.keys()].sort();
    const parts = keys.flatMap((key) => [encodeBencode(latin1(key)), encodeBencode(members.get(key) ?? [])]);
    return concatBytes(utf8("d"), ...parts, utf8("e"));
  }
  return concatBytes(utf8("l"), ...(value as readonly Bencoded[]).map(encodeBencode), utf8("e"));
}

/**
 * The one value that the bytes are, or null. Integers that are not safe, leading zeros, duplicate keys, deep nesting and
 * bytes left over are refused; keys need not be in order, since not every node of the network sorts them.
 */
export function decodeBencode(bytes: Uint8Array): Bencoded | null {
  const parser = new Parser(bytes);
  const value = parser.value(0);
  return value !== null && parser.isAtEnd ? value : null;
}

class Parser {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  value(depth: number): Bencoded | null {
    if (depth > MAX_DEPTH) return null;
    const first = this.#bytes[this.#at];
    if (first === INTEGER) return this.#integer();
    if (first === LIST) return this.#list(depth);
    if (first === DICTIONARY) return this.#dictionary(depth);
    return this.#string();
  }

  #integer(): number | null {
    this.#at++;
    const value = this.#digits(END, /^(?:0|-?[1-9][0-9]*)$/);
    return value !== null && Number.isSafeInteger(value) ? value : null;
  }

  #string(): Uint8Array | null {
    const length = this.#digits(COLON, /^(?:0|[1-9][0-9]*)$/);
    if (length === null || length > this.#bytes.length - this.#at) return null;
    const start = this.#at;
    this.#at += length;
    return this.#bytes.slice(start, this.#at);
  }

  #list(depth: number): readonly Bencoded[] | null {
    this.#at++;
    const items: Bencoded[] = [];
    while (this.#bytes[this.#at] !== END) {
      const item = this.value(depth + 1);
      if (item === null) return null;
      items.push(item);
    }
    this.#at++;
    return items;
  }

  #dictionary(depth: number): ReadonlyMap<string, Bencoded> | null {
    this.#at++;
    const members = new Map<string, Bencoded>();
    while (this.#bytes[this.#at] !== END) {
      const key = this.#string();
      if (key === null || key.length > KEY_MAX_BYTES) return null;
      const member = this.value(depth + 1);
      if (member === null) return null;
      const name = String.fromCharCode(...key);
      if (members.has(name)) return null;
      members.set(name, member);
    }
    this.#at++;
    return members;
  }

  /** The number up to a mark, which is passed. */
  #digits(mark: number, form: RegExp): number | null {
    // No number of a message is longer.
    const window = this.#bytes.subarray(this.#at, this.#at + 24);
    const length = window.indexOf(mark);
    const text = String.fromCharCode(...window.subarray(0, Math.max(0, length)));
    if (length < 0 || !form.test(text)) return null;
    this.#at += length + 1;
    return Number(text);
  }
}

const INTEGER = 0x69;
const LIST = 0x6c;
const DICTIONARY = 0x64;
const END = 0x65;
const COLON = 0x3a;

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
