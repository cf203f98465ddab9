import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import {
  canonicalJson,
  encodeJson,
  isJsonObject,
  isWellFormed,
  type Json,
  type JsonObject,
  parseJson,
} from "../../../src/bytes/json.js";

class Refused extends Error {}
const fail = (reason: string): Error => new Refused(reason);
const parse = (text: string): Json => parseJson(utf8(text), { fail });

describe("M3, P5: the strict JSON reader", () => {
  it.each<[string, Json]>([
    ["null", null],
    [" true ", true],
    ["\t\r\n false", false],
    ["0", 0],
    ["-1", -1],
    ["9007199254740991", Number.MAX_SAFE_INTEGER],
    ["-9007199254740991", Number.MIN_SAFE_INTEGER],
    ['""', ""],
    ['"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00"', '"\\/\b\f\n\r\t\u00e9\u{1f600}'],
    ['"\u007f\u2028\ufeff\u{1f600}"', "\u007f\u2028\ufeff\u{1f600}"],
    ["[]", []],
    [" [ 1 , [ ] , { } ] ", [1, [], {}]],
    ["{}", {}],
    ['{ "a" : 1 , "b" : [ true ] }', { a: 1, b: [true] }],
  ])("reads %s", (text, value) => {
    expect(parse(text)).toEqual(value);
  });

  it.each([
    ["", "not a JSON value"],
    [" ", "not a JSON value"],
    ["nul", "not a JSON value"],
    ["nulll", "text after the end"],
    ["undefined", "not a JSON value"],
    ["NaN", "not a JSON value"],
    ["Infinity", "not a JSON value"],
    ["1 2", "text after the end"],
    ["{}{}", "text after the end"],
    ["\u00a01", "not a JSON value"],
    ["\ufeff1", "not a JSON value"],
    ["// a", "not a JSON value"],
    ["'a'", "not a JSON value"],
    ["-", "not a JSON value"],
    ["+1", "not a JSON value"],
    [".5", "not a JSON value"],
    ["-0", "safe integer"],
    ["00", "safe integer"],
    ["01", "safe integer"],
    ["-01", "safe integer"],
    ["1.", "safe integer"],
    ["1.0", "safe integer"],
    ["1e2", "safe integer"],
    ["1E+2", "safe integer"],
    ["0x10", "text after the end"],
    ["9007199254740992", "safe integer"],
    ["-9007199254740992", "safe integer"],
    ["9007199254740993", "safe integer"],
    ["10000000000000000", "safe integer"],
    ["99999999999999999999", "safe integer"],
    ['"', "not closed"],
    ['"a', "not closed"],
    ['"\\"', "not closed"],
    ['"\\', "not closed"],
    ['"a\nb"', "control character"],
    ['"\u0000"', "control character"],
    ['"\u001f"', "control character"],
    ['"\\\n"', "wrong escape"],
    ['"\\x41"', "wrong escape"],
    ['"\\u12"', "wrong escape"],
    ['"\\U0041"', "wrong escape"],
    ['"\\ud800"', "lone surrogate"],
    ['"\\udc00"', "lone surrogate"],
    ['"\\udc00\\ud800"', "lone surrogate"],
    ['"\\ud800\\ud800\\udc00"', "lone surrogate"],
    ["[", "not a JSON value"],
    ["[1", 'expected ","'],
    ["[1,]", "not a JSON value"],
    ["[,1]", "not a JSON value"],
    ["[1 2]", 'expected ","'],
    ["[1}", 'expected ","'],
    ["]", "not a JSON value"],
    ["{", "member name"],
    ['{"a"', 'expected ":"'],
    ['{"a":', "not a JSON value"],
    ['{"a":1', 'expected ","'],
    ['{"a":1,}', "member name"],
    ['{,"a":1}', "member name"],
    ["{a:1}", "member name"],
    ["{1:1}", "member name"],
    ['{"a" 1}', 'expected ":"'],
    ['{"a":1 "b":2}', 'expected ","'],
    ['{"a":1]', 'expected ","'],
    ['{"a":1,"a":1}', "duplicate"],
    ['{"a":1,"\\u0061":2}', "duplicate"],
    ['[{"b":{"a":1,"c":1,"a":1}}]', "duplicate"],
    ['{"__proto__":1,"__proto__":1}', "duplicate"],
    ['{"":1,"":1}', "duplicate"],
  ])("refuses %j", (text, reason) => {
    expect(() => parse(text)).toThrow(Refused);
    expect(() => parse(text)).toThrow(reason);
  });

  it.each([
    ["a lone continuation byte", [0x22, 0x80, 0x22]],
    ["an overlong slash", [0x22, 0xc0, 0xaf, 0x22]],
    ["a surrogate", [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ["above U+10FFFF", [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22]],
    ["a character that is cut off", [0x22, 0xe2, 0x82]],
  ])("refuses UTF-8 with %s", (_, bytes) => {
    expect(() => parseJson(Uint8Array.from(bytes), { fail })).toThrow("UTF-8");
  });

  it("gives objects without a prototype, so that no member name is special", () => {
    const value = parse('{"__proto__":{"x":1},"constructor":1,"toString":2,"hasOwnProperty":3}') as JsonObject;
    expect(Object.getPrototypeOf(value)).toBeNull();
    expect(Object.keys(value)).toEqual(["__proto__", "constructor", "toString", "hasOwnProperty"]);
    expect(value["x"]).toBeUndefined();
    expect(parse("{}")).not.toHaveProperty("toString");
  });

  it("counts nesting", () => {
    const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);
    expect(() => parse(nested(32))).not.toThrow();
    expect(() => parse(nested(33))).toThrow("nesting deeper than 32");
    expect(() => parse(`${'{"a":'.repeat(32)}1${"}".repeat(32)}`)).not.toThrow();
    expect(() => parse(`${'{"a":'.repeat(33)}1${"}".repeat(33)}`)).toThrow("nesting deeper than 32");
    expect(() => parseJson(utf8("[[1]]"), { fail, maxDepth: 1 })).toThrow("nesting deeper than 1");
    expect(() => parseJson(utf8("[1]"), { fail, maxDepth: 1 })).not.toThrow();
    expect(() => parse("[".repeat(1_000_000))).toThrow("nesting deeper than 32");
  });

  it("says where", () => {
    expect(() => parse('{"a":x}')).toThrow("at character 5");
  });

  it("gives the texts of numbers when asked", () => {
    const readNumber = (text: string): Json => `<${text}>`;
    expect(parseJson(utf8("[1.50,-0,1e400,7]"), { fail, readNumber })).toEqual(["<1.50>", "<-0>", "<1e400>", "<7>"]);
  });
});

describe("writing JSON", () => {
  const value: Json = { b: [1, { d: null, c: "\u20ac\n\u007f" }], "10": true, "9": -1, "\uff61": 0, "\u{1f600}": 0 };

  it("RFC 8785: members in UTF-16 order at every level, shortest escapes", () => {
    expect(canonicalJson(value)).toBe(
      '{"10":true,"9":-1,"b":[1,{"c":"\u20ac\\n\u007f","d":null}],"\u{1f600}":0,"\uff61":0}',
    );
    expect(canonicalJson('\u0000\u001f"\\/\b')).toBe('"\\u0000\\u001f\\"\\\\/\\b"');
  });

  it("keeps the order of members otherwise", () => {
    expect(encodeJson({ b: 1, a: [] })).toBe('{"b":1,"a":[]}');
    expect(encodeJson(JSON.parse('{"__proto__":{"b":1,"a":2}}') as Json)).toBe('{"__proto__":{"b":1,"a":2}}');
  });

  it("tells objects and well-formed strings", () => {
    expect([{}, [], null, "a", undefined].map(isJsonObject)).toEqual([true, false, false, false, false]);
    expect(
      ["", "a\u{1f600}", "\ud800", "a\udc00", "\ud800\ud800\udc00", "\ud800\udc00\udc00"].map(isWellFormed),
    ).toEqual([true, true, false, false, false, false]);
  });
});
