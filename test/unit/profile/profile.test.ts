import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import type { Json, JsonObject } from "../../../src/bytes/json.js";
import { limits } from "../../../src/limits.js";
import { keyPath } from "../../../src/profile/entry.js";
import { encodeProfile, type Profile, parseProfile } from "../../../src/profile/profile.js";
import { caught, contentEntry, contentKey, profileWith, pubkey, routeEntry } from "./fixtures.js";

const text = (profile: Profile): string => new TextDecoder().decode(encodeProfile(profile));
const parse = (json: string): Profile => parseProfile(utf8(json), "alice");

const bare = '{"hawser":1,"name":"alice","storage":[],"about":{},"index":{"entries":[]}}';
const full = profileWith({
  pubkey,
  storage: ["https://data.example/x"],
  about: { a: [1, null, true, "\u20ac\n"], b: { c: -5 } },
  index: {
    entries: [routeEntry("a"), contentEntry(contentKey)].sort((a, b) => (keyPath(a.key) < keyPath(b.key) ? -1 : 1)),
  },
});
const fullText = text(full);

/** `about` as nested arrays; `about` itself is the first of `levels`. */
const nested = (levels: number): string => `{"a":${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}}`;
const withAbout = (about: string): string => bare.replace('"about":{}', `"about":${about}`);

describe("the profile", () => {
  it("P1: writes and reads the bare profile", () => {
    expect(text(profileWith())).toBe(bare);
    expect(parse(bare)).toEqual(profileWith());
  });

  it("P1: writes and reads a profile with everything, members in P1's order", () => {
    expect(parse(fullText)).toEqual(full);
    expect(fullText).toMatch(
      /^\{"hawser":1,"name":"alice","pubkey":"(ab){32}","storage":\["https:\/\/data\.example\/x"\],"about":\{"a":\[1,null,true,"\u20ac\\n"\],"b":\{"c":-5\}\},"index":\{"entries":\[\{"key":/,
    );
  });

  it("P3: a profile may have an inner node as the root", () => {
    const index = { children: ["00".repeat(32), ...Array.from({ length: 15 }, () => null)] };
    expect(parse(text(profileWith({ index }))).index).toEqual(index);
  });

  it("P5: gives objects without a prototype, so that __proto__ is a member like any other", () => {
    const { about } = parse(withAbout('{"__proto__":{"polluted":1},"constructor":2}'));
    expect(Object.getPrototypeOf(about)).toBeNull();
    expect(Object.keys(about)).toEqual(["__proto__", "constructor"]);
    expect(about["polluted"]).toBeUndefined();
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(text(profileWith({ about }))).toBe(withAbout('{"__proto__":{"polluted":1},"constructor":2}'));
  });

  it("P1: refuses the profile of another name", () => {
    expect(caught(() => parseProfile(utf8(bare), "bob"))).toMatch(/^PROFILE_INVALID.*another name/);
  });

  it("P1: refuses more than 256 KiB, white space included", () => {
    const spaces = " ".repeat(limits.profileMaxBytes - bare.length);
    expect(caught(() => parse(bare + spaces))).toContain("byte form");
    expect(caught(() => parse(`${bare}${spaces} `))).toMatch(/^PROFILE_INVALID.*262145 bytes/);
  });
});

describe("the version of a profile", () => {
  it.each([
    ["2", "2"],
    ["0", "0"],
    ["-1", "-1"],
    ["11", "11"],
    ['"1"', '"1"'],
    ["null", "null"],
    ["true", "true"],
    ["[1]", "[1]"],
    ["1.0", '"1.0"'],
    ["1e0", '"1e0"'],
    ["1.5", "1.5"],
  ])("P5: hawser %s is another version", (version, shown) => {
    const message = caught(() => parse(bare.replace('"hawser":1', `"hawser":${version}`)));
    expect(message).toMatch(/^PROFILE_UNSUPPORTED/);
    expect(message).toContain(`version ${shown};`);
  });

  it("P5: another version is told before the byte form is judged", () => {
    const later = `{ "name": "bob", "new": [1.5e3, ${"[".repeat(40)}${"]".repeat(40)}], "hawser": 2 }`;
    expect(caught(() => parse(later))).toMatch(/^PROFILE_UNSUPPORTED/);
  });

  it.each([
    ["no version at all", "{}"],
    ["a __proto__ with a version", '{"__proto__":{"hawser":2}}'],
    ["an array", "[1]"],
    ["null", "null"],
    ["nothing", ""],
    ["no JSON", "hawser"],
    ["a version that comes twice", '{"hawser":2,"hawser":1}'],
    ["version 1 in another place", '{"name":"alice","hawser":1,"storage":[],"about":{},"index":{"entries":[]}}'],
    ["version 1 after a space", bare.replace("{", "{ ")],
  ])("P5: %s is an invalid profile, not another version", (_, json) => {
    expect(caught(() => parse(json))).toMatch(/^PROFILE_INVALID/);
  });
});

describe("profiles that are refused", () => {
  it.each([
    ["an unknown member", bare.replace('"storage"', '"more":1,"storage"'), "unknown member"],
    ["__proto__ as a member", bare.replace('"storage"', '"__proto__":{},"storage"'), "unknown member"],
    ["a duplicate member", bare.replace('"storage":[]', '"storage":[],"storage":[]'), "duplicate"],
    ["hawser twice", bare.replace('"hawser":1', '"hawser":1,"hawser":2'), "duplicate"],
    [
      "a duplicate member that is spelt otherwise",
      bare.replace('"storage":[]', '"storage":[],"\\u0073torage":[]'),
      "duplicate",
    ],
    ["members in another order", bare.replace('"storage":[],"about":{}', '"about":{},"storage":[]'), "another order"],
    ["no name", bare.replace('"name":"alice",', ""), "no member name"],
    ["no storage", bare.replace('"storage":[],', ""), "no member storage"],
    ["no about", bare.replace('"about":{},', ""), "no member about"],
    ["no index", bare.replace(',"index":{"entries":[]}', ""), "no member index"],
    ["a name that is null", bare.replace('"alice"', "null"), "another name"],
    ["a name that is spelt otherwise", bare.replace("alice", "\\u0061lice"), "byte form"],
    ["pubkey null", bare.replace('"storage"', '"pubkey":null,"storage"'), "64 lower-case"],
    ["a pubkey of 31 bytes", fullText.replace(pubkey, pubkey.slice(2)), "64 lower-case"],
    ["an upper-case pubkey", fullText.replace(pubkey, pubkey.toUpperCase()), "64 lower-case"],
    ["storage null", bare.replace("[]", "null"), "not an array"],
    ["white space at the end", `${bare}\n`, "byte form"],
    ["white space inside", bare.replace('"name":', '"name": '), "byte form"],
    ["text after the end", `${bare}1`, "after the end"],
    ["a slash with an escape", fullText.replace("https:/", "https:\\/"), "byte form"],
    ["a character with a needless escape", fullText.replace("\u20ac", "\\u20ac"), "byte form"],
    ["a character with the longer escape", fullText.replace("\\n", "\\u000a"), "byte form"],
    ["a needed escape that is missing", fullText.replace("\\n", "\n"), "control character"],
    ["about null", withAbout("null"), "not an object"],
    ["about as an array", withAbout("[]"), "not an object"],
    ["about with members out of order", withAbout('{"b":1,"a":1}'), "byte form"],
    ["an inner object with members out of order", withAbout('{"a":{"b":1,"a":1}}'), "byte form"],
    ["members sorted by number, not by text", withAbout('{"9":1,"10":1}'), "byte form"],
    ["members sorted by code point, not by UTF-16", withAbout('{"\uff61":1,"\u{1f600}":1}'), "byte form"],
    ["a duplicate member in about", withAbout('{"a":1,"a":1}'), "duplicate"],
    ["a duplicate __proto__ in about", withAbout('{"__proto__":1,"__proto__":1}'), "duplicate"],
    ["the number 2^53", withAbout('{"a":9007199254740992}'), "plain digits"],
    ["the number -2^53", withAbout('{"a":-9007199254740992}'), "plain digits"],
    ["the number -0", withAbout('{"a":-0}'), "plain digits"],
    ["the number 1.0", withAbout('{"a":1.0}'), "plain digits"],
    ["the number 1e2", withAbout('{"a":1e2}'), "plain digits"],
    ["the number 01", withAbout('{"a":01}'), "plain digits"],
    ["a lone surrogate", withAbout('{"a":"\\ud800"}'), "surrogate"],
    ["a lone surrogate in a member name", withAbout('{"\\udc00":1}'), "surrogate"],
    ["about with 17 levels", withAbout(nested(17)), "deeper than 16"],
    ["about with 17 levels of objects", withAbout(`${'{"a":'.repeat(16)}{}${"}".repeat(16)}`), "deeper than 16"],
    ["about above 64 KiB", withAbout(`{"a":"${"x".repeat(limits.aboutMaxBytes - 7)}"}`), "65537 bytes"],
    ["an index that is no node", bare.replace('{"entries":[]}', "[]"), "not an object"],
    ["an index node with a fault", bare.replace('{"entries":[]}', '{"children":[]}'), "0 children"],
  ])("P5: refuses %s", (_, json, reason) => {
    const message = caught(() => parse(json));
    expect(message).toMatch(/^PROFILE_INVALID/);
    expect(message).toContain(reason);
  });

  it.each([
    ["a storage URL with a query", bare.replace("[]", '["https://h/?a"]'), "query"],
    ["a storage URL with user info", bare.replace("[]", '["https://u@h/"]'), "user info"],
    ["a storage URL that is no string", bare.replace("[]", "[1]"), "not a string"],
    ["17 storage URLs", bare.replace("[]", `[${Array(17).fill('"a:"').join(",")}]`), "17 URLs"],
  ])("U1: refuses %s", (_, json, reason) => {
    expect(caught(() => parse(json))).toMatch(new RegExp(`^PROFILE_INVALID.*${reason}`));
  });

  it.each([
    ["a BOM", [0xef, 0xbb, 0xbf], "not a JSON value"],
    ["invalid UTF-8", [0xff], "UTF-8"],
    ["an overlong encoding", [0xc1, 0xbb], "UTF-8"],
    ["a surrogate in UTF-8", [0xed, 0xa0, 0x80], "UTF-8"],
  ])("P5: refuses %s at the beginning", (_, prefix, reason) => {
    const message = caught(() => parseProfile(Uint8Array.from([...prefix, ...utf8(bare)]), "alice"));
    expect(message).toMatch(/^PROFILE_INVALID/);
    expect(message).toContain(reason);
  });

  it.each([
    ["invalid UTF-8", [0xff]],
    ["an overlong encoding", [0xc1, 0xbb]],
    ["a surrogate in UTF-8", [0xed, 0xa0, 0x80]],
  ])("P5: refuses %s in a string", (_, replacement) => {
    const bytes = utf8(withAbout('{"a":"????"}'));
    bytes.set(replacement, bytes.indexOf(0x3f));
    expect(caught(() => parseProfile(bytes, "alice"))).toMatch(/^PROFILE_INVALID.*UTF-8/);
  });
});

describe("what is admitted", () => {
  it.each([
    ["16 levels of arrays", nested(16)],
    ["16 levels of objects with a scalar", `${'{"a":'.repeat(16)}1${"}".repeat(16)}`],
    ["the greatest integers", '{"a":9007199254740991,"b":-9007199254740991,"c":0}'],
    ["about of 64 KiB", `{"a":"${"x".repeat(limits.aboutMaxBytes - 8)}"}`],
    ["members sorted by UTF-16", '{"":1,"10":1,"9":1,"\u{1f600}":1,"\uff61":1}'],
    ["escapes of RFC 8785", '{"a":"\\u0000\\b\\t\\n\\f\\r\\"\\\\/\u007f\u2028\u2029\u{1f600}"}'],
  ])("P5: admits %s", (_, about) => {
    expect(text(parse(withAbout(about)))).toBe(withAbout(about));
  });
});

describe("a writer refuses what a reader refuses", () => {
  const cyclic: { self?: Json } = {};
  cyclic.self = cyclic;
  const sparse: Json[] = [];
  sparse[1] = 1;
  const bad = (about: unknown): Partial<Profile> => ({ about: about as JsonObject });

  it.each<[string, Partial<Profile>, string]>([
    ["a cycle", { about: cyclic }, "deeper than 16"],
    ["17 levels", { about: JSON.parse(nested(17)) as JsonObject }, "deeper than 16"],
    ["an array", bad([]), "not an object"],
    ["nothing", bad(undefined), "JSON does not know (undefined)"],
    ["a hole in an array", bad({ a: sparse }), "JSON does not know (undefined)"],
    ["undefined", bad({ a: undefined }), "JSON does not know (undefined)"],
    ["a bigint", bad({ a: 1n }), "JSON does not know (bigint)"],
    ["a function", bad({ a: () => 1 }), "JSON does not know (function)"],
    ["a date", bad({ a: new Date(0) }), "JSON does not know (object)"],
    ["a map", bad({ a: new Map() }), "JSON does not know (object)"],
    ["bytes", bad({ a: new Uint8Array(1) }), "JSON does not know (object)"],
    ["a fraction", { about: { a: 1.5 } }, "safe integer"],
    ["-0", { about: { a: -0 } }, "safe integer"],
    ["NaN", { about: { a: Number.NaN } }, "safe integer"],
    ["2^53", { about: { a: 2 ** 53 } }, "safe integer"],
    ["a lone surrogate", { about: { a: "\udfff" } }, "surrogate"],
    ["a lone surrogate in a member name", { about: { "\ud83d": 1 } }, "surrogate"],
    ["a pubkey of another form", { pubkey: "AB".repeat(32) }, "64 lower-case"],
    ["a storage URL with a query", { storage: ["https://h?"] }, "query"],
    ["a name that UTF-8 cannot carry", { name: "\ud800" }, "surrogate"],
    [
      "entries out of order",
      { index: { entries: [...("entries" in full.index ? full.index.entries : [])].reverse() } },
      "path order",
    ],
  ])("P5: a writer refuses %s", (_, profile, reason) => {
    const message = caught(() => encodeProfile(profileWith(profile)));
    expect(message).toMatch(/^INPUT_INVALID/);
    expect(message).toContain(reason);
  });

  it("P5: a writer refuses about above 64 KiB", () => {
    const about = { a: "\u20ac".repeat(21_844) };
    expect(caught(() => encodeProfile(profileWith({ about })))).toMatch(/^INPUT_TOO_LARGE: about is 65540 bytes/);
  });

  it("P5: a writer admits objects of other realms and without prototype", () => {
    const about = { a: Object.assign(Object.create(null) as JsonObject, { b: 1 }) };
    expect(text(profileWith({ about }))).toBe(withAbout('{"a":{"b":1}}'));
  });
});
