import { describe, expect, it } from "vitest";
import { LineSplitter, nestsDeeper } from "../../../../src/chain/sources/electrum-lines.js";
import { parseElectrumUrl } from "../../../../src/chain/sources/electrum-url.js";
import { expectCode } from "../../storage/expect-code.js";

const tooLong = (): Error => new RangeError("too long");
const read = (splitter: LineSplitter, text: string): string[] => {
  const lines: string[] = [];
  for (const line of splitter.split(Buffer.from(text))) lines.push(Buffer.from(line).toString());
  return lines;
};

describe("lines of an Electrum connection", () => {
  it("are cut where they end, in whatever pieces they come", () => {
    const text = "one\n\ntwo two\nthree\n";
    const splitter = new LineSplitter(() => 100, tooLong);
    expect(read(splitter, text)).toEqual(["one", "", "two two", "three"]);
    for (let size = 1; size < text.length; size++) {
      const lines: string[] = [];
      for (let at = 0; at < text.length; at += size) lines.push(...read(splitter, text.slice(at, at + size)));
      expect(lines).toEqual(["one", "", "two two", "three"]);
    }
  });

  it("are refused above the cap, whole or in pieces, with or without an end", () => {
    expect(read(new LineSplitter(() => 5, tooLong), "12345\n")).toEqual(["12345"]);
    expect(() => read(new LineSplitter(() => 5, tooLong), "123456\n")).toThrow(RangeError);
    expect(() => read(new LineSplitter(() => 5, tooLong), "123456")).toThrow(RangeError);
    const splitter = new LineSplitter(() => 5, tooLong);
    read(splitter, "1234");
    expect(() => read(splitter, "56\n")).toThrow(RangeError);
  });

  it("are put together from many single bytes", () => {
    const splitter = new LineSplitter(() => 4_000_000, tooLong);
    const byte = Uint8Array.of(0x30);
    for (let i = 0; i < 400_000; i++) for (const line of splitter.split(byte)) expect(line).toBeNull();
    expect(read(splitter, "1\n")[0]).toHaveLength(400_001);
  });
});

describe("the depth of JSON", () => {
  it.each<[string, number, boolean]>([
    ["1", 0, false],
    ["[]", 0, true],
    ["[[],{}]", 2, false],
    ['{"a":[{}]}', 2, true],
    ['["[[[["]', 1, false],
    ['["\\"[[[["]', 1, false],
    ['["\\\\",[[]]]', 2, true],
    ['"[[[', 0, false],
  ])("%s at most %i deep", (text, depth, deeper) => {
    expect(nestsDeeper(text, depth)).toBe(deeper);
  });
});

describe("URLs of Electrum servers", () => {
  it.each<[string, string, number, string, string]>([
    ["tcp://a.example:50001", "a.example", 50_001, "a.example:50001", "tcp://a.example:50001"],
    ["tls://A.example:50002/", "A.example", 50_002, "A.example:50002", "tls://A.example:50002"],
    ["tcp://[::1]:50001", "::1", 50_001, "[::1]:50001", "tcp://[::1]:50001"],
    ["ws://a.example", "a.example", 80, "a.example", "ws://a.example/"],
    ["wss://a.example/e/", "a.example", 443, "a.example/e", "wss://a.example/e/"],
    ["wss://127.0.0.1:50004", "127.0.0.1", 50_004, "127.0.0.1:50004", "wss://127.0.0.1:50004/"],
  ])("%s", (url, hostname, port, label, href) => {
    expect(parseElectrumUrl(url)).toMatchObject({ hostname, port, label, href });
  });

  it.each([
    "",
    "a.example:50001",
    "https://a.example",
    "tcp://a.example",
    "tcp://a.example:0",
    "tcp://a.example:99999",
    "tcp://a.example:1/path",
    "tcp://:1",
    "tcp://a example:1",
    "tcp://-a:1",
    "wss://a.example/?key=1",
    "wss://a.example/#x",
    "tcp://a.example:1?",
  ])("%s is refused", async (url) => {
    await expectCode("INPUT_URL_INVALID", () => parseElectrumUrl(url));
  });

  it("with credentials are refused without showing them", async () => {
    for (const url of [
      "tcp://user:marker-secret@a.example:1",
      "wss://marker-secret@a.example",
      "tcp://marker-secret@",
    ]) {
      const error = await expectCode("INPUT_URL_INVALID", () => parseElectrumUrl(url));
      expect(JSON.stringify(error)).not.toContain("marker-secret");
    }
  });
});
