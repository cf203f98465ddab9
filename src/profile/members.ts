import { utf8 } from "../bytes/bytes.js";
import { isHex } from "../bytes/hex.js";
import { isJsonObject, isWellFormed, type Json, type JsonObject } from "../bytes/json.js";
import { limits } from "../limits.js";
import { urlFault } from "./url.js";

/** Makes the error for a document that breaks a rule: a reader's and a writer's code differ. */
export type Fail = (reason: string) => Error;

/**
 * An object with exactly these members in this order (P5). A name that ends in `?` may be absent. Two spellings of one
 * document would have two hashes, and a member that one reader ignores is one that another may obey.
 */
export function readMembers(json: Json | undefined, what: string, names: readonly string[], fail: Fail): JsonObject {
  if (!isJsonObject(json)) throw fail(`${what} is not an object`);
  const known = names.map((name) => ({ name: name.replace("?", ""), optional: name.endsWith("?") }));
  const present = Object.keys(json);
  if (present.some((name) => !known.some((member) => member.name === name)))
    throw fail(`${what} has an unknown member`);
  const expected = known.filter(({ name, optional }) => !optional || Object.hasOwn(json, name));
  for (const [at, { name }] of expected.entries()) {
    if (!Object.hasOwn(json, name)) throw fail(`${what} has no member ${name}`);
    if (present[at] !== name) throw fail(`${what} has its members in another order`);
  }
  return json;
}

/** An array. */
export function readArray(json: Json | undefined, what: string, fail: Fail): readonly Json[] {
  if (!Array.isArray(json)) throw fail(`${what} is not an array`);
  return json as readonly Json[];
}

/** An integer within `min..max`. */
export function readInteger(json: Json | undefined, what: string, min: number, max: number, fail: Fail): number {
  if (typeof json !== "number" || !Number.isSafeInteger(json) || json < min || json > max) {
    throw fail(`${what} is not an integer from ${min} to ${max}`);
  }
  return json;
}

/** 32 bytes as lower-case hex. */
export function readHex32(json: Json | undefined, what: string, fail: Fail): string {
  if (!isHex(json, 32)) throw fail(`${what} is not 64 lower-case hex digits`);
  return json;
}

/** A label of 1 to `maxBytes` bytes of UTF-8 without control characters (P5). */
export function readLabel(json: Json | undefined, what: string, maxBytes: number, fail: Fail): string {
  if (typeof json !== "string" || !isWellFormed(json)) throw fail(`${what} is not a string of Unicode characters`);
  const length = utf8(json).length;
  if (length < 1 || length > maxBytes) throw fail(`${what} is ${length} bytes, expected 1 to ${maxBytes}`);
  // P5: a control character in a label could forge lines of a log or move a terminal's cursor.
  if (Array.from(json).some(isControl)) throw fail(`${what} holds a control character`);
  return json;
}

function isControl(character: string): boolean {
  const code = character.charCodeAt(0);
  return code < 0x20 || (code >= 0x7f && code <= 0x9f);
}

/** A list of `min` to 16 URLs (U1). */
export function readUrls(
  json: Json | undefined,
  what: string,
  options: { readonly min: number; readonly storage: boolean },
  fail: Fail,
): readonly string[] {
  const items = readArray(json, what, fail);
  if (items.length < options.min || items.length > limits.urlsMax) {
    throw fail(`${what} has ${items.length} URLs, expected ${options.min} to ${limits.urlsMax}`);
  }
  return items.map((url) => {
    const fault = urlFault(url, options.storage);
    if (fault !== null) throw fail(`${what} has a URL that ${fault}`);
    return url as string;
  });
}
