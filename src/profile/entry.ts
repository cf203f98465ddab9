import { utf8 } from "../bytes/bytes.js";
import { encodeHex, isHex } from "../bytes/hex.js";
import { encodeJson, type Json } from "../bytes/json.js";
import { sha256 } from "../crypto/hash.js";
import { HawserError } from "../errors.js";
import { idFault } from "./id.js";
import { type Fail, readHex32, readInteger, readLabel, readMembers, readUrls } from "./members.js";

/** Where a mutable record lies and who signs it (M2, P4). */
export interface Route {
  readonly id: string;
  /** 0 to 16 URLs (U1). */
  readonly urls: readonly string[];
  /** x-only public key, hex; null: the profile's, else the owner's (M2). */
  readonly pubkey: string | null;
  /** 0 to 2^32 - 1 (M6). */
  readonly epoch: number;
  /** 1 to 2^53 - 1; null counts as 0. */
  readonly minVer: number | null;
  /** 1 to 2^53 - 1 (M10). */
  readonly maxAgeMs: number | null;
}

/** What the owner says about an immutable object (P4). All of it but the key is an untrusted label or a hint. */
export interface Content {
  /** Bytes, 0 to 2^53 - 1. */
  readonly size: number;
  /** Media type, 1 to 127 bytes; a label. */
  readonly type: string | null;
  /** File name, 1 to 255 bytes; a label, never a path. */
  readonly name: string | null;
  /** 1 to 16 URLs (U1). */
  readonly urls: readonly string[] | null;
}

/** An entry of a name's index; `key` is `m:<id>` or `i:<content key>` (P2). */
export type IndexEntry =
  | { readonly kind: "mutable"; readonly key: string; readonly route: Route }
  | { readonly kind: "immutable"; readonly key: string; readonly content: Content };

/** The index key of mutable data. `id` follows M1. */
export function mutableKey(id: string): string {
  return `m:${id}`;
}

/** The index key of immutable data. `contentKey` follows P2. */
export function immutableKey(contentKey: string): string {
  return `i:${contentKey}`;
}

/** The entry of a route. */
export function mutableEntry(route: Route): IndexEntry {
  return { kind: "mutable", key: mutableKey(route.id), route };
}

/** The entry of an immutable object. */
export function immutableEntry(contentKey: string, content: Content): IndexEntry {
  return { kind: "immutable", key: immutableKey(contentKey), content };
}

/**
 * The kind of a content key, or null if it is none (P2): 64 hex digits (`sha256`), or a CIDv1 dag-pb sha2-256 in
 * base32 (`unixfs`), whose first bytes 01 70 12 20 and zero pad bits fix the beginning and the last character.
 */
export function contentKeyKind(key: string): "sha256" | "unixfs" | null {
  if (isHex(key, 32)) return "sha256";
  return /^bafybei[a-h][a-z2-7]{50}[aeimquy4]$/.test(key) ? "unixfs" : null;
}

/** Why a value is not an index key of P2, as the end of a sentence "a key that ...", or null if it is one. */
export function keyFault(key: unknown): string | null {
  if (typeof key !== "string") return "is not a string";
  if (key.startsWith("m:")) return idFault(key.slice(2));
  if (!key.startsWith("i:")) return "begins neither with m: nor with i:";
  return contentKeyKind(key.slice(2)) === null ? "is neither 64 hex digits nor a CID of its one form" : null;
}

/** SHA-256 of an index key; its hex digits are the key's path (P2). */
export function keyDigest(key: string): Uint8Array {
  return sha256(utf8(key));
}

/** An index key's path: 64 hex digits (P2). */
export function keyPath(key: string): string {
  return encodeHex(keyDigest(key));
}

/** An entry out of parsed JSON, checked by P2, P4 and P5; `fail` makes the error. */
export function readEntry(json: Json | undefined, fail: Fail): IndexEntry {
  const { key: rawKey } = readMembers(json, "an entry", ["key", "route?", "content?"], fail);
  const fault = keyFault(rawKey);
  if (fault !== null || typeof rawKey !== "string") throw fail(`an entry has a key that ${fault ?? ""}`);
  if (rawKey.startsWith("m:")) {
    const { route } = readMembers(json, "an entry of mutable data", ["key", "route"], fail);
    return { kind: "mutable", key: rawKey, route: readRoute(route, rawKey.slice(2), fail) };
  }
  const { content } = readMembers(json, "an entry of immutable data", ["key", "content"], fail);
  return { kind: "immutable", key: rawKey, content: readContent(content, fail) };
}

function readRoute(json: Json | undefined, keyId: string, fail: Fail): Route {
  const route = readMembers(json, "a route", ["id", "urls", "pubkey?", "epoch", "minVer?", "maxAgeMs?"], fail);
  // P4: a route under another id's key would let one id's record answer for the other.
  if (route["id"] !== keyId) throw fail("a route's id differs from its key");
  return {
    id: keyId,
    urls: readUrls(route["urls"], "a route", { min: 0, storage: false }, fail),
    pubkey: "pubkey" in route ? readHex32(route["pubkey"], "a route's pubkey", fail) : null,
    epoch: readInteger(route["epoch"], "a route's epoch", 0, 0xffffffff, fail),
    minVer:
      "minVer" in route ? readInteger(route["minVer"], "a route's minVer", 1, Number.MAX_SAFE_INTEGER, fail) : null,
    maxAgeMs:
      "maxAgeMs" in route
        ? readInteger(route["maxAgeMs"], "a route's maxAgeMs", 1, Number.MAX_SAFE_INTEGER, fail)
        : null,
  };
}

function readContent(json: Json | undefined, fail: Fail): Content {
  const content = readMembers(json, "a content", ["size", "type?", "name?", "urls?"], fail);
  return {
    size: readInteger(content["size"], "a content's size", 0, Number.MAX_SAFE_INTEGER, fail),
    type: "type" in content ? readLabel(content["type"], "a content's type", 127, fail) : null,
    name: "name" in content ? readLabel(content["name"], "a content's name", 255, fail) : null,
    urls: "urls" in content ? readUrls(content["urls"], "a content", { min: 1, storage: false }, fail) : null,
  };
}

/** An entry as JSON, members in the order of P4. */
export function entryToJson(entry: IndexEntry): Json {
  if (entry.kind === "mutable") {
    const { id, urls, pubkey, epoch, minVer, maxAgeMs } = entry.route;
    return {
      key: entry.key,
      route: {
        id,
        urls,
        ...(pubkey === null ? {} : { pubkey }),
        epoch,
        ...(minVer === null ? {} : { minVer }),
        ...(maxAgeMs === null ? {} : { maxAgeMs }),
      },
    };
  }
  const { size, type, name, urls } = entry.content;
  return {
    key: entry.key,
    content: {
      size,
      ...(type === null ? {} : { type }),
      ...(name === null ? {} : { name }),
      ...(urls === null ? {} : { urls }),
    },
  };
}

/**
 * The one JSON text of an entry, refused where a reader would refuse it.
 *
 * @throws INPUT_INVALID
 */
export function encodeEntry(entry: IndexEntry): string {
  const json = entryToJson(entry);
  readEntry(json, entryRefused);
  return encodeJson(json);
}

function entryRefused(reason: string): HawserError<"INPUT_INVALID"> {
  return new HawserError("INPUT_INVALID", `The index entry cannot be written: ${reason}.`, {
    argument: "entry",
    expected: "an entry that a reader accepts",
    got: reason,
  });
}
