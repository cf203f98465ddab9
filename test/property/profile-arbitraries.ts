import fc from "fast-check";
import type { Json, JsonObject } from "../../src/bytes/json.js";
import { type IndexEntry, immutableEntry, keyPath, mutableEntry } from "../../src/profile/entry.js";
import type { IndexNode } from "../../src/profile/index-node.js";
import type { Profile } from "../../src/profile/profile.js";

const hex32 = fc.stringMatching(/^[0-9a-f]{64}$/);
const url = fc
  .stringMatching(/^[a-z][a-z0-9+.-]{0,5}:[!$-[\]-~]{0,40}$/)
  .filter((text) => !/^https?:|:\/\//.test(text));
const webUrl = fc.stringMatching(/^https:\/\/[a-z0-9]{1,20}(?:\/[a-z0-9&=]{0,20}){0,3}$/);
const storageUrl = webUrl.filter((text) => !text.includes("?"));
const id = fc
  .array(
    fc.stringMatching(/^[a-z0-9._~-]{0,12}[a-z0-9_~-]$/).filter((segment) => !segment.endsWith(".json")),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((segments) => segments.join("/"));
const positive = fc.oneof(fc.integer({ min: 1, max: 1_000 }), fc.constant(1), fc.constant(Number.MAX_SAFE_INTEGER));
const label = fc
  .string({ unit: "grapheme-composite", minLength: 1, maxLength: 12 })
  .filter(
    (text) => !Array.from(text).some((character) => /\p{Cc}|\p{Cs}/u.test(character)) && Buffer.byteLength(text) <= 127,
  );

const route = fc
  .record({
    id,
    urls: fc.array(fc.oneof(url, webUrl), { maxLength: 4 }),
    pubkey: fc.option(hex32),
    epoch: fc.integer({ min: 0, max: 0xffffffff }),
    minVer: fc.option(positive),
    maxAgeMs: fc.option(positive),
  })
  .map(mutableEntry);

const content = fc
  .tuple(
    fc.oneof(hex32, fc.stringMatching(/^bafybei[a-h][a-z2-7]{50}[aeimquy4]$/)),
    fc.record({
      size: fc.oneof(fc.nat(), fc.constant(Number.MAX_SAFE_INTEGER)),
      type: fc.option(label),
      name: fc.option(label),
      urls: fc.option(fc.array(webUrl, { minLength: 1, maxLength: 4 })),
    }),
  )
  .map(([key, value]) => immutableEntry(key, value));

/** Any entry of an index. */
export const anyEntry: fc.Arbitrary<IndexEntry> = fc.oneof(route, content);

/** A leaf that is a root. */
export const anyLeaf: fc.Arbitrary<IndexNode> = fc
  .uniqueArray(anyEntry, { maxLength: 8, selector: (entry) => entry.key })
  .map((entries) => ({ entries: [...entries].sort((a, b) => (keyPath(a.key) < keyPath(b.key) ? -1 : 1)) }));

/** An inner node. */
export const anyInner: fc.Arbitrary<IndexNode> = fc
  .array(fc.option(hex32), { minLength: 16, maxLength: 16 })
  .filter((children) => children.some((child) => child !== null))
  .map((children) => ({ children }));

const unicode = fc.string({ unit: "grapheme", maxLength: 8 }).filter((text) => !/\p{Cs}/u.test(text));
const memberName = fc.oneof(unicode, fc.constantFrom("__proto__", "constructor", "toString", "1", "10", ""));
const integer = fc.maxSafeInteger().map((value) => (value === 0 ? 0 : value));

const { value: anyJson } = fc.letrec<{ value: Json; object: JsonObject }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<Json>(null, true, false),
    integer,
    unicode,
    fc.array(tie("value"), { maxLength: 4 }),
    tie("object"),
  ),
  object: jsonObject(tie("value")),
}));

function jsonObject(value: fc.Arbitrary<Json>): fc.Arbitrary<JsonObject> {
  return fc.uniqueArray(fc.tuple(memberName, value), { maxLength: 4, selector: ([name]) => name }).map((members) => {
    const object = Object.create(null) as Record<string, Json>;
    for (const [name, member] of members) object[name] = member;
    return object;
  });
}

/** What `about` may be, members in any order. */
export const anyAbout: fc.Arbitrary<JsonObject> = jsonObject(anyJson);

/** Any profile of alice. */
export const anyProfile: fc.Arbitrary<Profile> = fc.record({
  name: fc.constant("alice"),
  pubkey: fc.option(hex32),
  storage: fc.array(storageUrl, { maxLength: 3 }),
  about: anyAbout,
  index: fc.oneof(anyLeaf, anyInner),
});

/** Bytes with a few of them changed, removed or doubled. */
export function mutated(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const edit = fc.record({
    at: fc.nat({ max: Math.max(0, bytes.length - 1) }),
    remove: fc.nat({ max: 3 }),
    insert: fc.oneof(
      fc.uint8Array({ maxLength: 3 }),
      fc
        .constantFrom(
          ...['"', "{", "}", "[", "]", ",", ":", "\\", "-", "0", "1e9", "null", '"__proto__":1,', "\\ud800"],
        )
        .map((text) => new TextEncoder().encode(text)),
    ),
  });
  return fc.array(edit, { minLength: 1, maxLength: 3 }).map((edits) =>
    edits.reduce((current, { at, remove, insert }) => {
      return Uint8Array.from([...current.subarray(0, at), ...insert, ...current.subarray(at + remove)]);
    }, bytes),
  );
}
