import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes, utf8 } from "../../../src/bytes/bytes.js";
import { encodeHex } from "../../../src/bytes/hex.js";
import { sha256 } from "../../../src/crypto/hash.js";
import { encodeDhtBody, encodeDhtPointer, parseDhtValue } from "../../../src/storage/dht-value.js";
import { numRuns } from "../../property/runs.js";

const URLS = ["https://a.example/x", "https://b.example/x", "ftp://c.example/x", "s3:d", "https://e.example/x"];

describe("values of the DHT", () => {
  it("a body is its own value, and every body comes back", () => {
    expect(encodeDhtBody(utf8('{"a":1}'))).toEqual(utf8('{"a":1}'));
    expect(encodeDhtBody(new Uint8Array(0))?.length).toBe(2);
    expect(encodeDhtBody(new Uint8Array(995).fill(1))?.length).toBe(995);
    expect(encodeDhtBody(new Uint8Array(996).fill(1))).toBeNull();
    expect(encodeDhtBody(new Uint8Array(994))).toBeNull();
    const first = fc.constantFrom(0, 1, 0x7b);
    fc.assert(
      fc.property(fc.array(first, { maxLength: 3 }), fc.uint8Array({ maxLength: 990 }), (head, tail) => {
        const body = new Uint8Array([...head, ...tail]);
        const value = encodeDhtBody(body);
        expect(value !== null && parseDhtValue(value)).toEqual({ body });
      }),
      { numRuns: numRuns * 4 },
    );
  });

  it("a pointer holds hash, size and the first URLs that have room", () => {
    const body = new Uint8Array(5_000).fill(7);
    const value = encodeDhtPointer(body, URLS);
    const expected = { sha256: encodeHex(sha256(body)), size: 5_000, urls: URLS.slice(0, 4) };
    expect(value !== null && parseDhtValue(value)).toEqual({ pointer: expected });
    const long = URLS.map((_, i) => `https://long.example/${i}/${"x".repeat(232)}`);
    expect(long[0]).toHaveLength(255);
    const three = encodeDhtPointer(body, long);
    expect(three !== null && parseDhtValue(three)).toEqual({ pointer: { ...expected, urls: long.slice(0, 3) } });
    // What no reader may open is left out; a pointer to a pointer could go round in circles.
    const bad = ["dht:x", "DHT:x", "https://user:secret@a.example", "no scheme"];
    const mixed = encodeDhtPointer(body, [...bad, "https://a.example/x"]);
    expect(mixed !== null && parseDhtValue(mixed)).toEqual({ pointer: { ...expected, urls: ["https://a.example/x"] } });
    expect(encodeDhtPointer(body, bad)).toBeNull();
    expect(encodeDhtPointer(body, [])).toBeNull();
  });

  const hash = "ab".repeat(32);
  it.each([
    "",
    "{}",
    "x",
    "null",
    "[]",
    `{"size":1,"urls":["a:b"]}`,
    `{"sha256":"${hash.toUpperCase()}","size":1,"urls":["a:b"]}`,
    `{"sha256":"${hash}","size":-1,"urls":["a:b"]}`,
    `{"sha256":"${hash}","size":"1","urls":["a:b"]}`,
    `{"sha256":"${hash}","size":1.5,"urls":["a:b"]}`,
    `{"sha256":"${hash}","size":1,"urls":[]}`,
    `{"sha256":"${hash}","size":1,"urls":"a:b"}`,
    `{"sha256":"${hash}","size":1,"urls":[7]}`,
    `{"sha256":"${hash}","size":1,"urls":["a:b","a:b","a:b","a:b","a:b"]}`,
    `{"sha256":"${hash}","size":1,"urls":["dht:b"]}`,
    `{"sha256":"${hash}","size":1,"urls":["https://user:x@a.example"]}`,
    `{"sha256":"${hash}","size":1,"size":2,"urls":["a:b"]}`,
  ])("refuses the pointer %j", (json) => {
    expect(parseDhtValue(concatBytes(Uint8Array.of(0, 1), utf8(json)))).toBeNull();
  });

  it("refuses kinds of value that it does not know", () => {
    expect(parseDhtValue(Uint8Array.of(0))).toBeNull();
    expect(parseDhtValue(Uint8Array.of(0, 2, 1))).toBeNull();
    expect(
      parseDhtValue(concatBytes(Uint8Array.of(0, 1), utf8(`{"sha256":"${hash}","size":1,"urls":["a:b"]}`))),
    ).toEqual({
      pointer: { sha256: hash, size: 1, urls: ["a:b"] },
    });
  });
});
