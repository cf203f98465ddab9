import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import type { UrlReader } from "../../../src/ports.js";
import { joinUrlReaders } from "../../../src/route/url-readers.js";
import { rejectionOf } from "../mutable/world.js";

const options = { kind: "record", maxBytes: 100 } as const;

function opening(prefix: string, says = prefix): UrlReader {
  return { opens: (url) => url.startsWith(prefix), readUrl: async () => utf8(says) };
}

const chokes: UrlReader = {
  opens: () => {
    throw new TypeError("odd");
  },
  readUrl: () => Promise.reject(new Error("never asked")),
};

const textOf = async (reader: UrlReader, url: string) =>
  new TextDecoder().decode((await reader.readUrl(url, options)) ?? undefined);

describe("U1: several readers of URLs", () => {
  it("U1: a URL is read by the first that opens it", async () => {
    const reader = joinUrlReaders([opening("https:"), opening("ipfs:", "first"), opening("ipfs:", "second")]);
    expect(await textOf(reader, "https://a.example/")).toBe("https:");
    expect(await textOf(reader, "ipfs://bafk")).toBe("first");
  });

  it("U1: schemes that the caller gave no reader for are not opened", async () => {
    const reader = joinUrlReaders([opening("https:"), opening("ipfs:")]);
    expect(["https://a.example/", "ipfs://bafk", "dht:00", "ftp://a.example/"].map((url) => reader.opens(url))).toEqual(
      [true, true, false, false],
    );
    const error = await rejectionOf("NETWORK_HOST_REFUSED", reader.readUrl("dht:00", options));
    expect(error.details.url).toBe("dht:00");
  });

  it("U1: file: is opened by none, not even by one that would", () => {
    const everything: UrlReader = { opens: () => true, readUrl: async () => utf8("secret") };
    const reader = joinUrlReaders([everything]);
    expect(["file:///etc/passwd", "FILE:///etc/passwd", "File:x"].map((url) => reader.opens(url))).toEqual([
      false,
      false,
      false,
    ]);
    expect(reader.opens("ipfs://bafk")).toBe(true);
  });

  it("U1: one that throws, or that answers something else than true, does not open a URL", async () => {
    const vague = { opens: () => "yes" as unknown as boolean, readUrl: async () => utf8("vague") };
    const reader = joinUrlReaders([chokes, vague, opening("ipfs:")]);
    expect(await textOf(reader, "ipfs://bafk")).toBe("ipfs:");
    expect(reader.opens("dht:00")).toBe(false);
  });
});
