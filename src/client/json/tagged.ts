import { decodeBase64, encodeBase64 } from "../../bytes/base64.js";

/** A value that `JSON.stringify` and `JSON.parse` give back as it is. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [member: string]: JsonValue };

/** Values inside one another. */
const MAX_DEPTH = 64;
/** What a message adds to that around the values in it. */
const MESSAGE_DEPTH = 32;
/** Digits of a bigint: reading more costs time that grows with their square. */
const MAX_DIGITS = 1_000;
const TAG = "$";
const NUMBERS: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  "-Infinity": Number.NEGATIVE_INFINITY,
  "-0": -0,
};

/** Makes the error that is thrown. `reason` continues a sentence about the value. */
export type Fail = (reason: string) => Error;

/**
 * A value as JSON without loss: what JSON has no word for becomes an object with one member whose name begins with `$`.
 * An object that has such a member itself is wrapped, so that no data is ever taken for a tag.
 */
export function encodeTagged(value: unknown, fail: Fail, depth = 0): JsonValue {
  if (depth > MAX_DEPTH) throw fail(`is nested more than ${MAX_DEPTH} deep`);
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (value === undefined) return { $undefined: true };
  if (typeof value === "number") return encodeNumber(value);
  if (typeof value === "bigint") return { $bigint: encodeBigint(value, fail) };
  if (isBytes(value)) return { $bytes: encodeBase64(value) };
  if (Array.isArray(value)) return Array.from(value, (item: unknown) => encodeTagged(item, fail, depth + 1));
  if (!isPlain(value)) throw fail(`holds a ${typeof value} that JSON cannot carry`);
  const members = Object.entries(value).map(([name, member]) => [name, encodeTagged(member, fail, depth + 1)] as const);
  // Object.fromEntries makes a member of `__proto__` where an assignment would not.
  const object = Object.fromEntries(members);
  return members.some(([name]) => name.startsWith(TAG)) ? { $object: object } : object;
}

/** The value that {@link encodeTagged} was given. Whatever it did not make is refused. */
export function decodeTagged(json: unknown, fail: Fail, depth = 0): unknown {
  if (depth > MAX_DEPTH + MESSAGE_DEPTH) throw fail("is nested too deep");
  if (json === null || typeof json === "boolean" || typeof json === "string") return json;
  if (typeof json === "number") {
    if (!Number.isFinite(json) || Object.is(json, -0)) throw fail("holds a number that JSON has no word for");
    return json;
  }
  if (Array.isArray(json)) return Array.from(json, (item: unknown) => decodeTagged(item, fail, depth + 1));
  if (!isPlain(json)) throw fail("holds what is no JSON");
  const [tag] = Object.keys(json).filter((name) => name.startsWith(TAG));
  if (tag === undefined) return decodeMembers(json, fail, depth);
  if (Object.keys(json).length > 1) throw fail("holds a tag beside other members");
  return decodeTag(tag, json[tag], fail, depth);
}

function decodeTag(tag: string, value: unknown, fail: Fail, depth: number): unknown {
  if (tag === "$undefined" && value === true) return undefined;
  if (tag === "$number" && typeof value === "string" && Object.hasOwn(NUMBERS, value)) return NUMBERS[value];
  if (tag === "$bigint" && typeof value === "string" && value.length <= MAX_DIGITS && /^-?\d+$/.test(value)) {
    const number = BigInt(value);
    if (String(number) === value) return number;
  }
  if (tag === "$bytes" && typeof value === "string") {
    const bytes = decodeBase64(value);
    if (bytes !== null) return bytes;
  }
  if (tag === "$object" && isPlain(value) && Object.keys(value).some((name) => name.startsWith(TAG))) {
    return decodeMembers(value, fail, depth);
  }
  throw fail("holds a tag that is none");
}

function decodeMembers(json: Readonly<Record<string, unknown>>, fail: Fail, depth: number): unknown {
  return Object.fromEntries(
    Object.entries(json).map(([name, member]) => [name, decodeTagged(member, fail, depth + 1)]),
  );
}

function encodeNumber(value: number): JsonValue {
  if (Number.isFinite(value) && !Object.is(value, -0)) return value;
  return { $number: Object.is(value, -0) ? "-0" : String(value) };
}

function encodeBigint(value: bigint, fail: Fail): string {
  const text = String(value);
  if (text.length > MAX_DIGITS) throw fail(`holds a bigint of more than ${MAX_DIGITS} digits`);
  return text;
}

/** Also one of another realm, whose class is another. */
function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === "[object Uint8Array]";
}

/** An object literal or what `JSON.parse` makes, of any realm. */
function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
