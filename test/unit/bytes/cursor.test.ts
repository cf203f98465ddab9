import { describe, expect, it } from "vitest";
import { Cursor, CursorError } from "../../../src/bytes/cursor.js";

const cursor = (...bytes: number[]): Cursor => new Cursor(Uint8Array.of(...bytes));

describe("Cursor", () => {
  it("reads little-endian fields one after the other", () => {
    const from = cursor(1, 2, 1, 4, 3, 2, 1, 255, 255, 255, 255, 8, 7, 6, 5, 4, 3, 2, 1, 9, 9);
    expect(from.peek()).toBe(1);
    expect(from.u8()).toBe(1);
    expect(from.u16()).toBe(0x0102);
    expect(from.u32()).toBe(0x01020304);
    expect(from.i32()).toBe(-1);
    expect(from.u64()).toBe(0x0102030405060708n);
    expect([from.offset, from.remaining]).toEqual([19, 2]);
    expect(from.take(2)).toEqual(Uint8Array.of(9, 9));
    expect([from.offset, from.remaining, from.peek()]).toEqual([21, 0, -1]);
    expect(from.take(0)).toEqual(new Uint8Array());
  });

  it("reads the part that a view shows", () => {
    const from = new Cursor(Uint8Array.of(9, 1, 0, 9).subarray(1, 3));
    expect(from.u16()).toBe(1);
    expect(() => from.u8()).toThrow(CursorError);
  });

  it.each<[string, (from: Cursor) => unknown, number]>([
    ["u8", (from) => from.u8(), 1],
    ["u16", (from) => from.u16(), 2],
    ["u32", (from) => from.u32(), 4],
    ["i32", (from) => from.i32(), 4],
    ["u64", (from) => from.u64(), 8],
    ["take", (from) => from.take(3), 3],
  ])("%s refuses to read past the end", (_, read, width) => {
    const enough = new Cursor(new Uint8Array(width));
    expect(() => read(enough)).not.toThrow();
    const short = new Cursor(new Uint8Array(width - 1));
    expect(() => read(short)).toThrow(CursorError);
    expect(short.offset).toBe(0);
  });

  it.each<[number, number[]]>([
    [0, [0]],
    [0xfc, [0xfc]],
    [0xfd, [0xfd, 0xfd, 0]],
    [0xffff, [0xfd, 0xff, 0xff]],
    [0x10000, [0xfe, 0, 0, 1, 0]],
    [0xffffffff, [0xfe, 0xff, 0xff, 0xff, 0xff]],
    [0x100000000, [0xff, 0, 0, 0, 0, 1, 0, 0, 0]],
    [Number.MAX_SAFE_INTEGER, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f, 0]],
  ])("V2: reads the compact size %i", (value, bytes) => {
    const from = cursor(...bytes);
    expect(from.compactSize()).toBe(value);
    expect(from.remaining).toBe(0);
  });

  it.each<[string, number[], string]>([
    ["0xfc in 3 bytes", [0xfd, 0xfc, 0], "minimal"],
    ["0xffff in 5 bytes", [0xfe, 0xff, 0xff, 0, 0], "minimal"],
    ["0xffffffff in 9 bytes", [0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], "minimal"],
    ["2^53", [0xff, 0, 0, 0, 0, 0, 0, 0x20, 0], "out of range"],
    ["nothing", [], "more bytes"],
    ["2 of 3 bytes", [0xfd, 0xfd], "more bytes"],
    ["4 of 5 bytes", [0xfe, 0, 0, 1], "more bytes"],
    ["8 of 9 bytes", [0xff, 0, 0, 0, 0, 1, 0, 0], "more bytes"],
  ])("V2: refuses the compact size %s", (_, bytes, reason) => {
    expect(() => cursor(...bytes).compactSize()).toThrow(CursorError);
    expect(() => cursor(...bytes).compactSize()).toThrow(reason);
  });
});
