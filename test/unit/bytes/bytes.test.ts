import { describe, expect, it } from "vitest";
import { compareBytes, concatBytes, equalBytes, uintBE, utf8 } from "../../../src/bytes/bytes.js";
import {
  assertBytes,
  assertInteger,
  assertString,
  describe as describeValue,
  unreachable,
} from "../../../src/bytes/guards.js";
import { decodeHex, encodeHex, isHex, reversed } from "../../../src/bytes/hex.js";
import { caught } from "../profile/fixtures.js";

const of = (...bytes: number[]): Uint8Array => Uint8Array.of(...bytes);

describe("bytes", () => {
  it("joins, compares and orders", () => {
    expect(concatBytes()).toEqual(of());
    expect(concatBytes(of(1), of(), of(2, 3))).toEqual(of(1, 2, 3));
    expect(equalBytes(of(1, 2), of(1, 2))).toBe(true);
    expect(equalBytes(of(1, 2), of(1, 3))).toBe(false);
    expect(equalBytes(of(1, 2), of(1))).toBe(false);
    expect([of(2), of(1, 0), of(1), of(), of(255), of(1, 255)].sort(compareBytes)).toEqual([
      of(),
      of(1),
      of(1, 0),
      of(1, 255),
      of(2),
      of(255),
    ]);
  });

  it("writes big-endian integers", () => {
    expect(uintBE(0x0102, 2)).toEqual(of(1, 2));
    expect(uintBE(1, 4)).toEqual(of(0, 0, 0, 1));
    expect(uintBE(Number.MAX_SAFE_INTEGER, 8)).toEqual(of(0, 0x1f, 255, 255, 255, 255, 255, 255));
    expect(uintBE(0, 0)).toEqual(of());
  });

  it("writes UTF-8", () => {
    expect(utf8("a\u20ac")).toEqual(of(0x61, 0xe2, 0x82, 0xac));
  });
});

describe("hex", () => {
  it("writes and reads lower case", () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    expect(encodeHex(all)).toBe(Buffer.from(all).toString("hex"));
    expect(decodeHex(encodeHex(all))).toEqual(all);
    expect(decodeHex("")).toEqual(of());
    expect(decodeHex("00ff", 2)).toEqual(of(0, 255));
    expect(reversed(of(1, 2, 3))).toEqual(of(3, 2, 1));
  });

  it.each(["0", "0g", "AB", " 00", "00\n", "0x00", "\uff10\uff10", "00 00"])("refuses %j", (text) => {
    expect(isHex(text)).toBe(false);
    expect(caught(() => decodeHex(text))).toMatch(/^INPUT_INVALID/);
  });

  it("refuses another length and values that are no text", () => {
    expect(isHex("00", 2)).toBe(false);
    expect(isHex(0)).toBe(false);
    expect(isHex(["00"], 1)).toBe(false);
    expect(caught(() => decodeHex("00", 2, "txid"))).toMatch(/^INPUT_INVALID: txid: expected 4 lower-case hex digits/);
    expect(caught(() => decodeHex(null as unknown as string))).toMatch(/^INPUT_INVALID/);
  });

  it("reversing copies", () => {
    const bytes = of(1, 2);
    reversed(bytes)[0] = 9;
    expect(bytes).toEqual(of(1, 2));
  });
});

describe("guards", () => {
  it("describe the kind of a value, never its content", () => {
    const values = [null, undefined, of(1, 2), "secret", 1.5, 7n, true, [1], { a: 1 }, () => 1];
    expect(values.map(describeValue)).toEqual([
      "null",
      "undefined",
      "Uint8Array of 2 bytes",
      "string of 6 characters",
      "1.5",
      "7",
      "true",
      "array",
      "object",
      "function",
    ]);
  });

  it("let the right ones through", () => {
    expect(() => {
      assertBytes("a", of(1));
      assertBytes("a", of(1), 1);
      assertInteger("a", 0);
      assertInteger("a", Number.MAX_SAFE_INTEGER);
      assertInteger("a", 5, 5, 5);
      assertString("a", "");
    }).not.toThrow();
  });

  it.each([
    [
      () => {
        assertBytes("a", [1]);
      },
    ],
    [
      () => {
        assertBytes("a", of(1), 2);
      },
    ],
    [
      () => {
        assertInteger("a", 1.5);
      },
    ],
    [
      () => {
        assertInteger("a", Number.NaN);
      },
    ],
    [
      () => {
        assertInteger("a", 2 ** 53);
      },
    ],
    [
      () => {
        assertInteger("a", "1");
      },
    ],
    [
      () => {
        assertInteger("a", 1n);
      },
    ],
    [
      () => {
        assertInteger("a", -1);
      },
    ],
    [
      () => {
        assertInteger("a", 1, 2, 3);
      },
    ],
    [
      () => {
        assertInteger("a", 4, 2, 3);
      },
    ],
    [
      () => {
        assertString("a", null);
      },
    ],
  ])("refuse the others (%#)", (act) => {
    expect(caught(act)).toMatch(/^INPUT_INVALID: a: expected /);
  });

  it("call a defect a defect", () => {
    expect(caught(() => unreachable("a branch"))).toMatch(/^BUG_UNREACHABLE/);
  });
});
