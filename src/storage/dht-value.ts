import { concatBytes, utf8 } from "../bytes/bytes.js";
import { encodeHex, isHex } from "../bytes/hex.js";
import { isJsonObject, type Json, parseJson } from "../bytes/json.js";
import { sha256 } from "../crypto/hash.js";
import { urlFault } from "../profile/url.js";
import { fitsDht } from "./dht-item.js";

/** Where a body lies that is too long for the DHT. */
export interface DhtPointer {
  /** SHA-256 of the body, hex. */
  readonly sha256: string;
  /** Bytes of the body. */
  readonly size: number;
  /** 1 to 4 URLs (U1), none of them of a DHT. */
  readonly urls: readonly string[];
}

/** What lies in the DHT under a path: a body, or a pointer to one. */
export type DhtValue = { readonly body: Uint8Array } | { readonly pointer: DhtPointer };

/** More would be asked in vain where the first ones fail. */
const MAX_URLS = 4;
/** No JSON begins with it: what follows tells what the value is, and all other values are bodies as they are. */
const MARK = 0x00;
const BODY = 0x00;
const POINTER = 0x01;

/** The value that holds a body itself, or null for one that is too long. */
export function encodeDhtBody(body: Uint8Array): Uint8Array | null {
  // An empty string is no value to some nodes.
  const value = body.length === 0 || body[0] === MARK ? concatBytes(Uint8Array.of(MARK, BODY), body) : body;
  return fitsDht(value) ? value : null;
}

/** The value that points to a body, with as many of the URLs as have room; null where not even one has. */
export function encodeDhtPointer(body: Uint8Array, urls: readonly string[]): Uint8Array | null {
  const usable = urls.filter(isPointerUrl);
  for (let count = Math.min(usable.length, MAX_URLS); count > 0; count--) {
    const pointer = { sha256: encodeHex(sha256(body)), size: body.length, urls: usable.slice(0, count) };
    const value = concatBytes(Uint8Array.of(MARK, POINTER), utf8(JSON.stringify(pointer)));
    if (fitsDht(value)) return value;
  }
  return null;
}

/** What a value is; null for one that is neither a body nor a pointer. */
export function parseDhtValue(value: Uint8Array): DhtValue | null {
  if (value[0] !== MARK) return { body: value };
  if (value[1] === BODY) return { body: value.slice(2) };
  const pointer = value[1] === POINTER ? parsePointer(value.subarray(2)) : null;
  return pointer === null ? null : { pointer };
}

function parsePointer(bytes: Uint8Array): DhtPointer | null {
  let json: Json;
  try {
    json = parseJson(bytes, { maxDepth: 2, fail: (reason) => new Error(reason) });
  } catch {
    return null;
  }
  if (!isJsonObject(json)) return null;
  const { sha256: hash, size, urls } = json;
  if (!isHex(hash, 32) || typeof size !== "number" || size < 0) return null;
  if (!Array.isArray(urls) || urls.length < 1 || urls.length > MAX_URLS) return null;
  const list: readonly unknown[] = urls;
  return list.every(isPointerUrl) ? { sha256: hash, size, urls: list } : null;
}

/** U1. Not of a DHT: a pointer to a pointer could go round in circles. */
function isPointerUrl(url: unknown): url is string {
  return typeof url === "string" && urlFault(url, false) === null && !/^dht:/i.test(url);
}
