/** JSON as hawser admits it: numbers are integers within +-(2^53 - 1). Objects that are parsed have no prototype. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
/** A JSON object. */
export interface JsonObject {
  readonly [member: string]: Json;
}

/** How {@link parseJson} refuses. */
export interface ParseJsonOptions {
  /** Makes the error that is thrown. */
  readonly fail: (reason: string) => Error;
  /** Objects and arrays inside one another. Default 32. */
  readonly maxDepth?: number | undefined;
  /**
   * What a number's text becomes. Default: a safe integer in plain digits, anything else is refused. Only for telling
   * which version a document is of, before its form is judged.
   */
  readonly readNumber?: ((text: string) => Json) | undefined;
}

const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Strict JSON: RFC 8259 without duplicate members, without numbers that are not safe integers in plain digits, without
 * lone surrogates, a BOM or invalid UTF-8. `JSON.parse` admits all of these and keeps the last of two equal members, so
 * two readers could see two documents in the same bytes (M3, P5).
 */
export function parseJson(bytes: Uint8Array, options: ParseJsonOptions): Json {
  let text: string;
  try {
    text = utf8Decoder.decode(bytes);
  } catch {
    throw options.fail("not valid UTF-8");
  }
  return new Parser(text, options).document();
}

class Parser {
  readonly #text: string;
  readonly #fail: (reason: string) => Error;
  readonly #maxDepth: number;
  readonly #readNumber: ((text: string) => Json) | undefined;
  #at = 0;

  constructor(text: string, options: ParseJsonOptions) {
    this.#text = text;
    this.#fail = options.fail;
    this.#maxDepth = options.maxDepth ?? 32;
    this.#readNumber = options.readNumber;
  }

  document(): Json {
    const value = this.#value(0);
    this.#space();
    if (this.#at !== this.#text.length) throw this.#error("text after the end");
    return value;
  }

  #error(reason: string): Error {
    return this.#fail(`${reason} at character ${this.#at}`);
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }

  #value(depth: number): Json {
    this.#space();
    const first = this.#text[this.#at];
    if (first === "{") return this.#object(depth + 1);
    if (first === "[") return this.#array(depth + 1);
    if (first === '"') return this.#string();
    for (const [word, value] of WORDS) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    return this.#number();
  }

  #number(): Json {
    NUMBER.lastIndex = this.#at;
    const match = NUMBER.exec(this.#text);
    if (match === null) throw this.#error("not a JSON value");
    const digits = match[0];
    if (this.#readNumber !== undefined) {
      this.#at += digits.length;
      return this.#readNumber(digits);
    }
    if (!/^(?:0|-?[1-9][0-9]{0,15})$/.test(digits) || !Number.isSafeInteger(Number(digits))) {
      throw this.#error("number is not a safe integer in plain digits");
    }
    this.#at += digits.length;
    return Number(digits);
  }

  #string(): string {
    const start = this.#at++;
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (Number.isNaN(code) || code < 0x20) throw this.#error("string is not closed or holds a control character");
      this.#at += code === 0x5c ? 2 : 1;
      if (code === 0x22) break;
    }
    let value: unknown;
    try {
      value = JSON.parse(this.#text.slice(start, this.#at));
    } catch {
      throw this.#error("string with a wrong escape");
    }
    if (typeof value !== "string" || !isWellFormed(value)) throw this.#error("string with a lone surrogate");
    return value;
  }

  #array(depth: number): Json {
    this.#open(depth);
    const items: Json[] = [];
    if (this.#closes("]")) return items;
    for (;;) {
      items.push(this.#value(depth));
      if (this.#closes("]")) return items;
      this.#expect(",");
    }
  }

  #object(depth: number): Json {
    this.#open(depth);
    const members = Object.create(null) as Record<string, Json>;
    if (this.#closes("}")) return members;
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') throw this.#error("expected a member name");
      const name = this.#string();
      if (Object.hasOwn(members, name)) throw this.#error("duplicate member");
      this.#expect(":");
      members[name] = this.#value(depth);
      if (this.#closes("}")) return members;
      this.#expect(",");
    }
  }

  #open(depth: number): void {
    if (depth > this.#maxDepth) throw this.#error(`nesting deeper than ${this.#maxDepth}`);
    this.#at++;
  }

  #closes(bracket: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== bracket) return false;
    this.#at++;
    return true;
  }

  #expect(character: string): void {
    this.#space();
    if (this.#text[this.#at] !== character) throw this.#error(`expected "${character}"`);
    this.#at++;
  }
}

const NUMBER = /-?[0-9][0-9.eE+-]*/y;
const WORDS: readonly (readonly [string, Json])[] = [
  ["true", true],
  ["false", false],
  ["null", null],
];

/** Whether a string has no lone surrogate. */
export function isWellFormed(text: string): boolean {
  return !/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.test(text);
}

/** Whether a value is a JSON object (not an array, not null). */
export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** JSON text without white space, strings as in RFC 8785, members in the order that the object has them. */
export function encodeJson(value: Json): string {
  return write(value, (names) => names);
}

/** RFC 8785 JSON: as {@link encodeJson}, members sorted by UTF-16 code units at every level. */
export function canonicalJson(value: Json): string {
  return write(value, (names) => names.sort());
}

function write(value: Json, order: (names: string[]) => string[]): string {
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map((item) => write(item, order)).join(",")}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = order(Object.keys(value)).map(
    (name) => `${JSON.stringify(name)}:${write(value[name] ?? null, order)}`,
  );
  return `{${members.join(",")}}`;
}
