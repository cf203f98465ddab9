import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { parseJson } from "../../../src/bytes/json.js";
import {
  contentKeyKind,
  encodeEntry,
  type IndexEntry,
  keyFault,
  keyPath,
  readEntry,
} from "../../../src/profile/entry.js";
import { hasSharedVectors, sharedVectors } from "../../vectors/shared.js";
import { caught, contentEntry, contentKey, pubkey, routeEntry } from "./fixtures.js";

const fail = (reason: string): Error => Object.assign(new Error(reason), { code: "TEST" });
const read = (text: string): IndexEntry => readEntry(parseJson(utf8(text), { fail }), fail);

const CID = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";

const fullRoute = routeEntry("a/b", {
  urls: ["https://h/a?b"],
  pubkey,
  epoch: 2 ** 32 - 1,
  minVer: Number.MAX_SAFE_INTEGER,
  maxAgeMs: 1,
});
const fullRouteText =
  `{"key":"m:a/b","route":{"id":"a/b","urls":["https://h/a?b"],"pubkey":"${pubkey}",` +
  `"epoch":4294967295,"minVer":9007199254740991,"maxAgeMs":1}}`;
const fullContent = contentEntry(contentKey, {
  size: Number.MAX_SAFE_INTEGER,
  type: "text/plain",
  name: "é/..",
  urls: ["https://h"],
});
const fullContentText = `{"key":"i:${contentKey}","content":{"size":9007199254740991,"type":"text/plain","name":"é/..","urls":["https://h"]}}`;

describe("entries", () => {
  it.each([
    ["a route with everything", fullRoute, fullRouteText],
    ["a bare route", routeEntry("a"), '{"key":"m:a","route":{"id":"a","urls":[],"epoch":0}}'],
    ["a content with everything", fullContent, fullContentText],
    ["a bare content", contentEntry(CID), `{"key":"i:${CID}","content":{"size":0}}`],
  ])("P4: writes and reads %s", (_, entry, text) => {
    expect(encodeEntry(entry)).toBe(text);
    expect(read(text)).toEqual(entry);
  });

  it("P2: the path is SHA-256 of the whole key, prefix included", () => {
    // printf %s m:settings | sha256sum
    expect(keyPath("m:settings")).toBe("38ceca87788a2295776d5fa640d1712954692548d88181128e5e7de485bd1170");
  });
});

/** Each case replaces one piece of the text of a valid entry. */
const refusals: readonly (readonly [string, string, string, string, string, string])[] = [
  ["P5", "an unknown member of an entry", fullRouteText, '"key":', '"kex":1,"key":', "unknown member"],
  ["P5", "__proto__ as a member of an entry", fullRouteText, '"key":', '"__proto__":{},"key":', "unknown member"],
  ["P5", "__proto__ as a member of a route", fullRouteText, '"id":', '"__proto__":{},"id":', "unknown member"],
  ["P5", "constructor as a member of a route", fullRouteText, '"id":', '"constructor":1,"id":', "unknown member"],
  ["P5", "an entry without key", fullRouteText, '"key":"m:a/b",', "", "no member key"],
  ["P2", "a key that is no string", fullRouteText, '"m:a/b"', "7", "not a string"],
  ["P2", "a key of another kind", fullRouteText, '"m:a/b"', '"x:a/b"', "begins neither"],
  ["P2", "a content under a key of another kind", fullContentText, '"i:', '"x:', "begins neither"],
  ["M1", "a key with a wrong id", fullRouteText, '"m:a/b"', '"m:A"', "character"],
  ["P5", "a route without id", fullRouteText, '"id":"a/b",', "", "no member id"],
  ["P4", "a route under another id's key", fullRouteText, '"id":"a/b"', '"id":"a/c"', "differs from its key"],
  [
    "P5",
    "members of a route in another order",
    fullRouteText,
    '"minVer":9007199254740991,"maxAgeMs":1',
    '"maxAgeMs":1,"minVer":1',
    "another order",
  ],
  ["P5", "a route that is null", fullRouteText, /\{"id.*\}/.exec(fullRouteText)?.[0] ?? "", "null}", "not an object"],
  ["P5", "a route without urls", fullRouteText, '"urls":["https://h/a?b"],', "", "no member urls"],
  ["P5", "urls that are no array", fullRouteText, '["https://h/a?b"]', '"https://h"', "not an array"],
  ["U1", "a route with a URL without host", fullRouteText, "https://h/a?b", "https:h", "no // and host"],
  ["P5", "17 URLs of a route", fullRouteText, '"https://h/a?b"', Array(17).fill('"a:"').join(","), "17 URLs"],
  ["P5", "an optional member that is null", fullRouteText, `"${pubkey}"`, "null", "64 lower-case"],
  ["P5", "a short pubkey", fullRouteText, pubkey, pubkey.slice(2), "64 lower-case"],
  ["P5", "an upper-case pubkey", fullRouteText, pubkey, pubkey.toUpperCase(), "64 lower-case"],
  ["P5", "a route without epoch", fullRouteText, '"epoch":4294967295,', "", "no member epoch"],
  ["P5", "an epoch of 2^32", fullRouteText, "4294967295", "4294967296", "from 0 to 4294967295"],
  ["P5", "an epoch below 0", fullRouteText, "4294967295", "-1", "from 0 to 4294967295"],
  ["P5", "an epoch as text", fullRouteText, "4294967295", '"1"', "from 0 to 4294967295"],
  ["P5", "minVer 0", fullRouteText, "9007199254740991", "0", "from 1 to"],
  ["P5", "minVer 2^53", fullRouteText, "9007199254740991", "9007199254740992", "safe integer"],
  ["P5", "maxAgeMs 0", fullRouteText, '"maxAgeMs":1', '"maxAgeMs":0', "from 1 to"],
  ["P5", "maxAgeMs null", fullRouteText, '"maxAgeMs":1', '"maxAgeMs":null', "from 1 to"],
  ["P4", "both route and content", fullRouteText, "1}}", '1},"content":{"size":0}}', "unknown member"],
  ["P4", "a route under an i: key", fullRouteText, "m:a/b", `i:${contentKey}`, "unknown member"],
  ["P4", "both content and route", fullContentText, '"content":', '"route":{},"content":', "unknown member"],
  ["P4", "a content under an m: key", fullContentText, `i:${contentKey}`, "m:a", "unknown member"],
  ["P2", "an upper-case content key", fullContentText, contentKey, contentKey.toUpperCase(), "64 hex digits"],
  ["P2", "a CIDv0", fullContentText, contentKey, "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n", "64 hex digits"],
  ["P5", "a content without size", fullContentText, '"size":9007199254740991,', "", "no member size"],
  ["P5", "a size below 0", fullContentText, "9007199254740991", "-1", "from 0 to"],
  ["P5", "an empty type", fullContentText, "text/plain", "", "0 bytes, expected 1 to 127"],
  ["P5", "a type of 128 bytes", fullContentText, "text/plain", "a".repeat(128), "128 bytes, expected 1 to 127"],
  ["P5", "a type that is null", fullContentText, '"text/plain"', "null", "not a string"],
  ["P5", "an empty name", fullContentText, "é/..", "", "0 bytes, expected 1 to 255"],
  ["P5", "a name of 256 bytes", fullContentText, "é/..", "é".repeat(128), "256 bytes, expected 1 to 255"],
  ["P5", "U+001F in a name", fullContentText, "é/..", "a\\u001fb", "control"],
  ["P5", "U+0000 in a type", fullContentText, "text/plain", "\\u0000", "control"],
  ["P5", "U+007F in a name", fullContentText, "é/..", "a\u007fb", "control"],
  ["P5", "U+009F in a name", fullContentText, "é/..", "a\u009fb", "control"],
  ["P5", "an empty list of urls", fullContentText, '["https://h"]', "[]", "0 URLs, expected 1 to 16"],
  ["P5", "17 URLs of a content", fullContentText, '"https://h"', Array(17).fill('"a:"').join(","), "17 URLs"],
  [
    "P5",
    "members of a content in another order",
    fullContentText,
    '"type":"text/plain","name":"é/.."',
    '"name":"a","type":"b"',
    "another order",
  ],
];

describe("entries that are refused", () => {
  it.each(refusals)("%s: refuses %s", (_step, _what, text, from, to, reason) => {
    expect(text).toContain(from);
    expect(caught(() => read(text.replace(from, to)))).toContain(reason);
  });

  it("P5: admits the greatest of each field of an entry", () => {
    const urls = Array.from({ length: 16 }, (_, i) => `a:${i}`);
    const route = routeEntry("a", { urls });
    const content = contentEntry(contentKey, { type: "t".repeat(127), name: "é".repeat(127) + "a", urls });
    // The neighbours of the control characters.
    const neighbours = contentEntry(contentKey, { type: " ~", name: "a b\u00a0\u2028" });
    expect(read(encodeEntry(neighbours))).toEqual(neighbours);
    expect(read(encodeEntry(route))).toEqual(route);
    expect(read(encodeEntry(content))).toEqual(content);
  });

  it.each([
    [routeEntry("A"), "character"],
    [routeEntry("a", { urls: ["http:a"] }), "host"],
    [routeEntry("a", { epoch: 0.5 }), "epoch"],
    [routeEntry("a", { minVer: Number.NaN }), "minVer"],
    [routeEntry("a", { maxAgeMs: 2 ** 53 }), "maxAgeMs"],
    [routeEntry("a", { pubkey: "" }), "pubkey"],
    [contentEntry("b".repeat(63)), "64 hex digits"],
    [contentEntry(contentKey, { name: "\ud800" }), "Unicode"],
    [contentEntry(contentKey, { urls: [] }), "0 URLs"],
    [{ ...routeEntry("a"), key: "m:b" }, "differs from its key"],
  ])("P5: a writer refuses what a reader refuses: %j", (entry, reason) => {
    const message = caught(() => encodeEntry(entry));
    expect(message).toMatch(/^INPUT_INVALID/);
    expect(message).toContain(reason);
  });
});

describe("content keys", () => {
  it.each([
    [contentKey, "sha256"],
    [CID, "unixfs"],
    [contentKey.slice(1), null],
    [CID.slice(1), null],
    [CID.toUpperCase(), null],
    [`${CID}a`, null],
    // bafkrei: the raw codec, which is the 64 digits' other name.
    ["bafkreigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi", null],
    // A digest length that continues into the digest's first bits.
    [`bafybei2${CID.slice(8)}`, null],
    // Pad bits that are not zero: a second name of the same CID.
    [`${CID.slice(0, -1)}j`, null],
    [`${CID.slice(0, 20)}1${CID.slice(21)}`, null],
    ["", null],
  ])("P2: the key %s is of kind %s", (key, kind) => {
    expect(contentKeyKind(key)).toBe(kind);
  });

  it("P2: what is not a string is no key", () => {
    expect(keyFault(null)).toBe("is not a string");
  });

  it.skipIf(!hasSharedVectors())("P2: admits the CIDs of an independent list", () => {
    const text = readFileSync(join(sharedVectors, "ipfs/ipip-0499_known_cids.json"), "utf8");
    const cids = text.match(/bafybei[a-z2-7]+/g) ?? [];
    expect(cids.length).toBeGreaterThanOrEqual(5);
    for (const cid of cids) expect(contentKeyKind(cid)).toBe("unixfs");
  });
});
