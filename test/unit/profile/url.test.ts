import { describe, expect, it } from "vitest";
import { parseUrl, parseUrls } from "../../../src/profile/url.js";
import { caught } from "./fixtures.js";

describe("URLs", () => {
  it.each([
    "https://data.example",
    "https://data.example/",
    "https://data.example:8443/a/b?c=d@e",
    "HTTPS://Data.Example/A",
    "http://[::1]:80/x",
    "http://127.0.0.1",
    "ipfs://bafy/x@y",
    "magnet:?xt=urn:btih:00",
    "x+y.z-1:anything",
    "a:",
    `https://h/${"a".repeat(245)}`,
  ])("U1: admits %s as it is", (url) => {
    expect(parseUrl(url)).toBe(url);
  });

  it.each([
    [17, "not a string"],
    [null, "not a string"],
    ["", "not 1 to 255 bytes"],
    [`https://h/${"a".repeat(246)}`, "not 1 to 255 bytes"],
    ["https://h/a b", "a character outside"],
    ["https://h/a\tb", "a character outside"],
    ["https://h/a\nb", "a character outside"],
    ["https://h/\u007f", "a character outside"],
    ["https://h/\u00e9", "a character outside"],
    ['https://h/"', "a character outside"],
    ["https://h\\a", "a character outside"],
    ["https://h/#a", "a character outside"],
    ["//h/a", "scheme"],
    ["1https://h", "scheme"],
    ["ht_tp://h", "scheme"],
    [":x", "scheme"],
    ["nothing", "scheme"],
    ["https:h/a", "no // and host"],
    ["https:/h/a", "no // and host"],
    ["https://", "no // and host"],
    ["https:///h", "no // and host"],
    ["https://?a", "no // and host"],
    ["https://:80/a", "no // and host"],
    ["HTTP:h", "no // and host"],
    ["http:", "no // and host"],
    ["https://user@h/a", "user info"],
    ["https://user:secret@h/a", "user info"],
    ["https://@h/a", "user info"],
    ["ftp://user@h/a", "user info"],
  ])("U1: refuses the URL %j", (url, reason) => {
    const message = caught(() => parseUrl(url));
    expect(message).toMatch(/^INPUT_URL_INVALID/);
    expect(message).toContain(reason);
  });

  it("U1: refuses a query in storage alone", () => {
    expect(parseUrl("https://h/?a")).toBe("https://h/?a");
    expect(caught(() => parseUrl("https://h/?a", { storage: true }))).toContain("has a query");
  });

  it("U1: never shows what it refuses, since user info is a secret", () => {
    try {
      parseUrl("https://user:hunter2@h/");
      expect.unreachable();
    } catch (error) {
      expect(JSON.stringify(error)).not.toContain("hunter2");
    }
  });

  it("U1: a list has at most 16 URLs", () => {
    const urls = Array.from({ length: 16 }, (_, i) => `https://h${i}`);
    expect(parseUrls(urls)).toEqual(urls);
    expect(caught(() => parseUrls([...urls, "https://h"]))).toContain("at most 16");
    expect(caught(() => parseUrls("https://h"))).toContain("INPUT_URL_INVALID");
    expect(caught(() => parseUrls(["https://h", "h"]))).toContain("INPUT_URL_INVALID");
    expect(caught(() => parseUrls(["https://h?"], { storage: true }))).toContain("query");
  });
});
