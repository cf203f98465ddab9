import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { decodeTagged, encodeTagged } from "../../../../src/client/json/tagged.js";

const fail = (reason: string): Error => new Error(reason);
const decode = (json: unknown): unknown => decodeTagged(json, fail);
const encode = (value: unknown): unknown => encodeTagged(value, fail);

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
}

describe("values as tagged JSON", () => {
  it.each([
    [Uint8Array.of(1, 255), { $bytes: "Af8=" }],
    [12n, { $bigint: "12" }],
    [undefined, { $undefined: true }],
    [Number.NaN, { $number: "NaN" }],
    [-0, { $number: "-0" }],
    [{ $bytes: "AA==" }, { $object: { $bytes: "AA==" } }],
    [{ a: 1, $b: undefined }, { $object: { a: 1, $b: { $undefined: true } } }],
    [
      [1.5, null],
      [1.5, null],
    ],
  ])("%o", (value, json) => {
    expect(encode(value)).toEqual(json);
    expect(decode(json)).toEqual(value);
  });

  it("take bytes and objects of another realm for what they are", () => {
    const value: unknown = runInNewContext("({ a: new Uint8Array([1]), b: Object.create(null) })");
    expect(encode(value)).toEqual({ a: { $bytes: "AQ==" }, b: {} });
    expect(decode(runInNewContext('({ a: { $bytes: "AQ==" } })'))).toEqual({ a: Uint8Array.of(1) });
  });

  it("give no object another prototype", () => {
    const decoded = decode(JSON.parse('{"__proto__":{"found":true}}')) as { readonly found?: unknown };
    expect(decoded.found).toBeUndefined();
    expect(Object.hasOwn(decoded, "__proto__")).toBe(true);
    expect(JSON.stringify(encode(decoded))).toBe('{"__proto__":{"found":true}}');
  });

  it.each([
    [new Date()],
    [new Map()],
    [() => 1],
    [Symbol("a")],
    [new Error("a")],
    [new Uint16Array(1)],
    [10n ** 1_000n],
  ])("cannot be %s", (value) => {
    expect(() => encode({ value })).toThrow(/^holds a /);
  });

  it("are nested at most 64 deep, and what holds them may be 32 more", () => {
    expect(decode(encode(nested(64)))).toEqual(nested(64));
    expect(() => encode(nested(65))).toThrow("nested");
    expect(decode(nested(96))).toEqual(nested(96));
    expect(() => decode(nested(97))).toThrow("nested");
    const cyclic: Record<string, unknown> = {};
    cyclic["self"] = cyclic;
    expect(() => encode(cyclic)).toThrow("nested");
  });

  it.each([
    [{ $bytes: "AA" }],
    [{ $bytes: 1 }],
    [{ $bigint: "01" }],
    [{ $bigint: "-0" }],
    [{ $bigint: "1".repeat(1_001) }],
    [{ $bigint: "0x1" }],
    [{ $number: "1" }],
    [{ $number: "toString" }],
    [{ $undefined: false }],
    [{ $other: 1 }],
    [{ $: 1 }],
    [{ $bytes: "AA==", a: 1 }],
    [{ $object: { a: 1 } }],
    [{ $object: 1 }],
    [Number.NaN],
    [-0],
    [undefined],
    [1n],
    [new Date()],
  ])("%o is refused", (json) => {
    expect(() => decode([json])).toThrow(/^holds /);
  });
});
