import { describe, expect, it } from "vitest";
import { isHawserError } from "../../../src/errors.js";
import { parseStorageUrl } from "../../../src/storage/storage-url.js";

const key = "ab".repeat(32);

describe("the URL of a store", () => {
  it.each([
    ["https://data.example/hawser", { kind: "http", url: "https://data.example/hawser" }],
    ["http://127.0.0.1:8080", { kind: "http", url: "http://127.0.0.1:8080" }],
    ["HTTPS://data.example", { kind: "http", url: "HTTPS://data.example" }],
    ["dav+https://dav.example/files/", { kind: "webdav", url: "https://dav.example/files/" }],
    ["dav+http://127.0.0.1:8080", { kind: "webdav", url: "http://127.0.0.1:8080" }],
    ["ipfs+https://gateway.example", { kind: "ipfs-gateway", url: "https://gateway.example" }],
    ["kubo+http://127.0.0.1:5001", { kind: "kubo", url: "http://127.0.0.1:5001" }],
    ["Gaia+https://hub.example", { kind: "gaia", url: "https://hub.example" }],
    ["ftp://ftp.example:2121/web", { kind: "ftp", url: "ftp://ftp.example:2121/web" }],
    ["ftps://ftp.example", { kind: "ftp", url: "ftps://ftp.example" }],
    ["file:///var/www/data", { kind: "disk", url: "file:///var/www/data" }],
    ["s3://bucket", { kind: "s3", bucket: "bucket", prefix: "" }],
    ["s3://bucket/", { kind: "s3", bucket: "bucket", prefix: "" }],
    ["s3://bucket/sites/alice", { kind: "s3", bucket: "bucket", prefix: "sites/alice" }],
    [`dht:${key}`, { kind: "dht", publicKey: key }],
  ])("%s", (text, place) => {
    expect(parseStorageUrl(text)).toEqual(place);
  });

  it.each([
    "",
    "data.example",
    "/var/www",
    "ws://data.example",
    "dav://data.example",
    "dav+ftp://data.example",
    "dav+https+http://data.example",
    "constructor+https://data.example",
    "ipfs://bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
    "s3:bucket",
    "s3://",
    "s3://bucket?x",
    "s3://bucket/a#b",
    "javascript:alert(1)",
  ])("refuses %j", (text) => {
    expect(() => parseStorageUrl(text)).toThrow(expect.objectContaining({ code: "INPUT_URL_INVALID" }));
  });

  it.each(["ftp", "https", "dav+https", "s3", "kubo+http", "file", "gaia+https"])(
    "refuses credentials in a URL of %s:, and shows none",
    (scheme) => {
      try {
        parseStorageUrl(`${scheme}://user:hunter2@data.example/x`);
        expect.fail("accepted");
      } catch (error) {
        if (!isHawserError(error, "INPUT_URL_INVALID")) throw error;
        expect(error.message).toContain("no credentials belong in it");
        expect(JSON.stringify(error.toJSON())).not.toContain("hunter2");
      }
    },
  );
});
