import { decodeBase64 } from "../../bytes/base64.js";
import { decodeHex, isHex } from "../../bytes/hex.js";
import { isJsonObject, type Json, type JsonObject, parseJson } from "../../bytes/json.js";
import { HawserError } from "../../errors.js";

/** Reads the members of what the journal keeps; each method throws `CACHE_CORRUPT` where a value is not what it says. */
export class Fields {
  readonly #key: string;

  /** @param key - where the bytes lie in the cache, for the error */
  constructor(key: string) {
    this.#key = key;
  }

  readonly fail = (reason: string): HawserError<"CACHE_CORRUPT"> => {
    const message = `The pending write ${this.#key} does not decode: ${reason}.`;
    return new HawserError("CACHE_CORRUPT", message, { key: this.#key, reason });
  };

  parse(bytes: Uint8Array): Json {
    return parseJson(bytes, { fail: this.fail });
  }

  members(value: Json | undefined): JsonObject {
    if (value === undefined || !isJsonObject(value)) throw this.fail("expected an object");
    return value;
  }

  list(value: Json | undefined): readonly Json[] {
    if (!Array.isArray(value)) throw this.fail("expected a list");
    return value as readonly Json[];
  }

  text(value: Json | undefined): string {
    if (typeof value !== "string") throw this.fail("expected a string");
    return value;
  }

  optionalText(value: Json | undefined): string | null {
    return value === null ? null : this.text(value);
  }

  oneOf<T extends string>(value: Json | undefined, words: readonly T[]): T {
    const word = words.find((candidate) => candidate === value);
    if (word === undefined) throw this.fail(`expected one of ${words.join(", ")}`);
    return word;
  }

  count(value: Json | undefined): number {
    if (typeof value !== "number" || value < 0) throw this.fail("expected a number");
    return value;
  }

  flag(value: Json | undefined): boolean {
    if (typeof value !== "boolean") throw this.fail("expected true or false");
    return value;
  }

  hex(value: Json | undefined): Uint8Array {
    if (!isHex(value)) throw this.fail("expected hex");
    return decodeHex(value);
  }

  base64(value: Json | undefined): Uint8Array {
    const decoded = decodeBase64(this.text(value));
    if (decoded === null) throw this.fail("expected base64");
    return decoded;
  }
}
