import { describe, expect, it } from "vitest";
import { concatBytes, utf8 } from "../../../src/bytes/bytes.js";
import { decodeHex, encodeHex } from "../../../src/bytes/hex.js";
import { networks } from "../../../src/chain/network.js";
import { sha256 } from "../../../src/crypto/hash.js";
import {
  encodeRecord,
  parseRecord,
  type RecordContext,
  recordBodyLimit,
  recordDigest,
} from "../../../src/mutable/record.js";
import { context, errorOf } from "./world.js";

const sig = "5a".repeat(64);
const MIB = 1024 * 1024;

function parseText(text: string) {
  return parseRecord(utf8(text));
}

describe("the form of a record", () => {
  it("M3: one record is one JSON text", () => {
    const record = { id: "settings", data: utf8("hi"), ver: 3, sig };
    const body = encodeRecord(record);
    expect(new TextDecoder().decode(body)).toBe(`{"id":"settings","data":"aGk=","ver":3,"sig":"${sig}"}`);
    expect(parseRecord(body)).toEqual(record);
  });

  it("M3: admits members in any order, white space and escapes", () => {
    const text = ` {"ver" : 3,\n"sig":"${sig}",\t"data":"aG\\u006b=", "id":"a\\/b"}\r\n`;
    expect(parseText(text)).toEqual({ id: "a/b", data: utf8("hi"), ver: 3, sig });
  });

  it.each([
    ["an unknown member", `{"id":"a","data":"","ver":1,"sig":"${sig}","x":1}`],
    ["a __proto__ member", `{"id":"a","data":"","ver":1,"sig":"${sig}","__proto__":1}`],
    ["a duplicate member", `{"id":"a","id":"a","data":"","ver":1,"sig":"${sig}"}`],
    ["a duplicate member in another spelling", `{"id":"a","\\u0069d":"b","data":"","ver":1,"sig":"${sig}"}`],
    ["no id", `{"data":"","ver":1,"sig":"${sig}"}`],
    ["no data", `{"id":"a","ver":1,"sig":"${sig}"}`],
    ["no ver", `{"id":"a","data":"","sig":"${sig}"}`],
    ["no sig", `{"id":"a","data":"","ver":1}`],
    ["an id that is none", `{"id":"A","data":"","ver":1,"sig":"${sig}"}`],
    ["an id that leaves its folder", `{"id":"../a","data":"","ver":1,"sig":"${sig}"}`],
    ["unpadded base64", `{"id":"a","data":"aGk","ver":1,"sig":"${sig}"}`],
    ["base64 with a line break", `{"id":"a","data":"aGk=\\n","ver":1,"sig":"${sig}"}`],
    ["base64 with pad bits", `{"id":"a","data":"aGl=","ver":1,"sig":"${sig}"}`],
    ["base64url", `{"id":"a","data":"-_8=","ver":1,"sig":"${sig}"}`],
    ["data that is no string", `{"id":"a","data":7,"ver":1,"sig":"${sig}"}`],
    ["version 0", `{"id":"a","data":"","ver":0,"sig":"${sig}"}`],
    ["a negative version", `{"id":"a","data":"","ver":-1,"sig":"${sig}"}`],
    ["a version with a point", `{"id":"a","data":"","ver":1.0,"sig":"${sig}"}`],
    ["a version with an exponent", `{"id":"a","data":"","ver":1e0,"sig":"${sig}"}`],
    ["a version with a leading zero", `{"id":"a","data":"","ver":01,"sig":"${sig}"}`],
    ["a version with a plus", `{"id":"a","data":"","ver":+1,"sig":"${sig}"}`],
    ["version 2^53", `{"id":"a","data":"","ver":9007199254740992,"sig":"${sig}"}`],
    ["a version in quotes", `{"id":"a","data":"","ver":"1","sig":"${sig}"}`],
    ["an upper-case signature", `{"id":"a","data":"","ver":1,"sig":"${sig.toUpperCase()}"}`],
    ["a short signature", `{"id":"a","data":"","ver":1,"sig":"${sig.slice(2)}"}`],
    ["a BOM", `\ufeff{"id":"a","data":"","ver":1,"sig":"${sig}"}`],
    ["text after its end", `{"id":"a","data":"","ver":1,"sig":"${sig}"}x`],
    ["an array", `[]`],
    ["null", `null`],
    ["nothing", ``],
    ["deep nesting", "[".repeat(100_000)],
  ])("M3: refuses %s", (_, text) => {
    errorOf("RECORD_INVALID", () => parseText(text));
  });

  it("M3: refuses invalid UTF-8", () => {
    const body = encodeRecord({ id: "a", data: utf8("hi"), ver: 1, sig });
    errorOf("RECORD_INVALID", () => parseRecord(concatBytes(body, Uint8Array.of(0xff))));
    body[8] = 0xff;
    errorOf("RECORD_INVALID", () => parseRecord(body));
  });

  it("M3: admits the greatest version and empty data", () => {
    const record = { id: "a", data: new Uint8Array(), ver: Number.MAX_SAFE_INTEGER, sig };
    expect(parseRecord(encodeRecord(record))).toEqual(record);
  });

  it("M3: admits 1 MiB of data, and more only where the caller raises it", () => {
    const most = encodeRecord({ id: "a", data: new Uint8Array(MIB), ver: 1, sig });
    expect(parseRecord(most).data).toHaveLength(MIB);
    expect(parseRecord(most, { maxDataBytes: 5 }).data).toHaveLength(MIB);
    const more = encodeRecord({ id: "a", data: new Uint8Array(MIB + 1), ver: 1, sig });
    errorOf("RECORD_INVALID", () => parseRecord(more));
    expect(parseRecord(more, { maxDataBytes: MIB + 1 }).data).toHaveLength(MIB + 1);
  });

  it("M3: admits a body of 1.5 MiB, and more only where the caller raises the data", () => {
    const body = encodeRecord({ id: "a", data: utf8("x"), ver: 1, sig });
    const padded = (bytes: number) => concatBytes(body, new Uint8Array(bytes - body.length).fill(0x20));
    expect(parseRecord(padded(1.5 * MIB)).ver).toBe(1);
    errorOf("RECORD_INVALID", () => parseRecord(padded(1.5 * MIB + 1)));
    expect(parseRecord(padded(1.5 * MIB + 1), { maxDataBytes: 2 * MIB }).ver).toBe(1);
    expect(recordBodyLimit({})).toBe(1.5 * MIB);
    expect(recordBodyLimit({ maxDataBytes: 2 * MIB })).toBe(3 * MIB);
  });

  it("M3: a record is never written in a form that a reader refuses", () => {
    const record = { id: "a", data: new Uint8Array(), ver: 1, sig };
    errorOf("INPUT_ID_INVALID", () => encodeRecord({ ...record, id: "A" }));
    errorOf("INPUT_INVALID", () => encodeRecord({ ...record, ver: 0 }));
    errorOf("INPUT_INVALID", () => encodeRecord({ ...record, ver: 2 ** 53 }));
    errorOf("INPUT_INVALID", () => encodeRecord({ ...record, sig: sig.toUpperCase() }));
  });
});

describe("what is signed", () => {
  it("M4: what is signed is the tagged hash of every field in its fixed width", () => {
    // Composed by hand: G, nid and tenure in internal order, lengths and integers big-endian.
    const tag = sha256(utf8("hawser/record"));
    const nameTag = sha256(utf8("hawser/name"));
    const tenure = "00".repeat(31) + "1f";
    const message = concatBytes(
      decodeHex("06226e46111a0b59caaf126043eb5bbf28c34f3a5e332a1fc7b2b73cf188910f"),
      sha256(concatBytes(nameTag, nameTag, utf8("alice"))),
      decodeHex(`1f${"00".repeat(31)}`),
      Uint8Array.of(0, 8),
      utf8("settings"),
      Uint8Array.of(0, 0, 0, 7),
      Uint8Array.of(0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
      sha256(utf8("hi")),
    );
    const digest = recordDigest({ ...context, tenure }, Number.MAX_SAFE_INTEGER, utf8("hi"));
    expect(encodeHex(digest)).toBe(encodeHex(sha256(concatBytes(tag, tag, message))));
  });

  const others: readonly (readonly [string, Partial<RecordContext>])[] = [
    ["network", { network: networks.mainnet }],
    ["name", { name: "bob" }],
    ["tenure", { tenure: "2f".repeat(32) }],
    ["id", { id: "settings2" }],
    ["id of the same length", { id: "sittings" }],
    ["epoch", { epoch: 8 }],
  ];
  it.each(others)("M4: what is signed differs under another %s", (_, change) => {
    const digest = (where: RecordContext) => encodeHex(recordDigest(where, 1, utf8("x")));
    expect(digest({ ...context, ...change })).not.toBe(digest(context));
  });

  it("M4: a context that no record can have is refused", () => {
    errorOf("INPUT_INVALID", () => recordDigest({ ...context, tenure: "1f" }, 1, utf8("x")));
    errorOf("INPUT_INVALID", () => recordDigest({ ...context, epoch: 2 ** 32 }, 1, utf8("x")));
    errorOf("INPUT_INVALID", () => recordDigest(context, 0, utf8("x")));
    errorOf("NAME_INVALID", () => recordDigest({ ...context, name: "Alice" }, 1, utf8("x")));
  });
});
