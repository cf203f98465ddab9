import { describe, expect, it } from "vitest";
import { parseS3Place, type S3PlaceOptions } from "../../../src/storage/s3-place.js";
import { expectCode } from "./expect-code.js";

const PATH = "records/regtest/alice/a~b/x.y_z-1@5.json";
const ENCODED = "records/regtest/alice/a~b/x.y_z-1%405.json";

function place(options: Partial<S3PlaceOptions>): string {
  return parseS3Place({ bucket: "my-bucket", ...options }).urlOf(PATH).href;
}

describe("s3: where a bucket is", () => {
  it.each([
    [{}, `https://my-bucket.s3.us-east-1.amazonaws.com/${ENCODED}`],
    [{ region: "eu-west-1" }, `https://my-bucket.s3.eu-west-1.amazonaws.com/${ENCODED}`],
    [{ region: "cn-north-1" }, `https://my-bucket.s3.cn-north-1.amazonaws.com.cn/${ENCODED}`],
    [{ style: "path" }, `https://s3.us-east-1.amazonaws.com/my-bucket/${ENCODED}`],
    // A dot would leave what the certificate covers.
    [{ bucket: "my.bucket" }, `https://s3.us-east-1.amazonaws.com/my.bucket/${ENCODED}`],
    [{ endpoint: "https://s3.example" }, `https://s3.example/my-bucket/${ENCODED}`],
    [{ endpoint: "https://amazonaws.com.evil.example" }, `https://amazonaws.com.evil.example/my-bucket/${ENCODED}`],
    [{ endpoint: "https://s3.example", style: "virtual-hosted" }, `https://my-bucket.s3.example/${ENCODED}`],
    [{ endpoint: "http://s3.example:8080/", style: "virtual-hosted" }, `http://my-bucket.s3.example:8080/${ENCODED}`],
    [
      { endpoint: "http://s3.example", style: "virtual-hosted", bucket: "my.bucket" },
      `http://my.bucket.s3.example/${ENCODED}`,
    ],
    [{ endpoint: "https://s3.example/storage/v1/s3" }, `https://s3.example/storage/v1/s3/my-bucket/${ENCODED}`],
    [{ endpoint: "http://127.0.0.1:9000", prefix: "a" }, `http://127.0.0.1:9000/my-bucket/a/${ENCODED}`],
    [{ prefix: "a/b/" }, `https://my-bucket.s3.us-east-1.amazonaws.com/a/b/${ENCODED}`],
    [
      { prefix: "~A@b+c=d,e!f/g.h_i-j" },
      `https://my-bucket.s3.us-east-1.amazonaws.com/~A%40b%2Bc%3Dd%2Ce%21f/g.h_i-j/${ENCODED}`,
    ],
  ] as const)("%j", (options, url) => {
    expect(place(options)).toBe(url);
  });

  it.each([
    [{}, "us-east-1"],
    [{ region: "eu-west-1" }, "eu-west-1"],
    [{ endpoint: "https://account.r2.cloudflarestorage.com" }, "auto"],
    [{ endpoint: "https://account.eu.r2.cloudflarestorage.com" }, "auto"],
    [{ endpoint: "https://s3.eu-central-003.backblazeb2.com" }, "eu-central-003"],
    [{ endpoint: "https://s3.eu-central-1.wasabisys.com" }, "eu-central-1"],
    [{ endpoint: "https://s3.eu-west-2.amazonaws.com" }, "eu-west-2"],
    [{ endpoint: "https://s3.cn-north-1.amazonaws.com.cn" }, "cn-north-1"],
    [{ endpoint: "https://s3.eu-west-2.amazonaws.com", region: "us-west-1" }, "us-west-1"],
    [{ endpoint: "https://s3.eu-west-2.example" }, "us-east-1"],
    [{ endpoint: "https://s3.wasabisys.com" }, "us-east-1"],
  ] as const)("signs for the region of %j", (options, region) => {
    expect(parseS3Place({ bucket: "my-bucket", ...options }).region).toBe(region);
  });

  it.each([
    ["https://account.r2.cloudflarestorage.com", 1_000],
    ["https://account.fedramp.r2.cloudflarestorage.com", 1_000],
    ["https://s3.example", 0],
    [undefined, 0],
  ] as const)("R2 wants a second between two writes of a key: %s", (endpoint, gapMs) => {
    expect(parseS3Place({ bucket: "my-bucket", endpoint }).minWriteGapMs).toBe(gapMs);
  });

  it("is labelled by host, bucket and prefix", () => {
    expect(parseS3Place({ bucket: "my-bucket", prefix: "a@b/" }).label).toBe(
      "my-bucket.s3.us-east-1.amazonaws.com/a@b",
    );
    const plain = parseS3Place({ bucket: "my-bucket", endpoint: "http://127.0.0.1:9000/" });
    expect(plain.label).toBe("127.0.0.1:9000/my-bucket");
  });

  it.each([
    ["bucket", { bucket: "ab" }],
    ["bucket", { bucket: "a".repeat(64) }],
    ["bucket", { bucket: "My-bucket" }],
    ["bucket", { bucket: "my_bucket" }],
    ["bucket", { bucket: "-my-bucket" }],
    ["bucket", { bucket: "my-bucket." }],
    ["bucket", { bucket: "my..bucket" }],
    ["bucket", { bucket: "my.-bucket" }],
    ["bucket", { bucket: "my/bucket" }],
    ["bucket", { bucket: "192.168.1.1" }],
    ["region", { region: "" }],
    ["region", { region: "eu west" }],
    ["region", { region: "x".repeat(65) }],
    ["prefix", { prefix: "/a" }],
    ["prefix", { prefix: "/" }],
    ["prefix", { prefix: "a//b" }],
    ["prefix", { prefix: "a/../b" }],
    ["prefix", { prefix: "." }],
    ["prefix", { prefix: "a b" }],
    ["prefix", { prefix: "a?b" }],
    ["prefix", { prefix: "a%2fb" }],
    ["prefix", { prefix: "ä" }],
    ["prefix", { prefix: "a".repeat(513) }],
    ["endpoint", { endpoint: "https://s3.example/a b/" }],
    ["endpoint", { endpoint: "https://s3.example/a%20b/" }],
    ["style", { style: "virtual-hosted", bucket: "my.bucket" }],
    ["style", { style: "virtual-hosted", endpoint: "https://127.0.0.1" }],
    ["style", { style: "virtual-hosted", endpoint: "https://[::1]:9000" }],
  ] as const)("refuses the %s of %j", async (setting, options) => {
    const code =
      setting === "endpoint" && options.endpoint.includes(" ") ? "INPUT_URL_INVALID" : "INPUT_CONFIG_INVALID";
    const error = await expectCode(code, () => place(options));
    if (error.code === "INPUT_CONFIG_INVALID") expect(error.message).toContain(`setting ${setting} `);
  });

  it.each(["ftp://s3.example", "https://user:marker-secret@s3.example", "https://s3.example/?x", "s3.example"])(
    "U1: refuses the endpoint %j",
    async (endpoint) => {
      const error = await expectCode("INPUT_URL_INVALID", () => place({ endpoint }));
      expect(JSON.stringify(error)).not.toContain("marker-secret");
    },
  );
});
