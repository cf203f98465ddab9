import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StoreSetting } from "../../../src/cli/config-file.js";
import { readStoreCredentials, withAmazonDefaults } from "../../../src/cli/store-credentials.js";
import { expectCode } from "../storage/expect-code.js";

let directory = "";
const file = (content: string): string => {
  const path = join(directory, `${Math.random().toString(36).slice(2)}.json`);
  writeFileSync(path, content);
  return path;
};
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "hawser-credentials-"));
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

const AWS = { AWS_ACCESS_KEY_ID: "AKID", AWS_SECRET_ACCESS_KEY: "hunter2", AWS_SESSION_TOKEN: "" };
const LOGIN = { HAWSER_STORE_USER: "alice", HAWSER_STORE_PASSWORD: "hunter2" };
const read = (store: StoreSetting, environment: Record<string, string>, others: readonly StoreSetting[] = []) =>
  readStoreCredentials(store, [store, ...others], environment);

describe("the credentials of a store", () => {
  it("come from its file, which wins over the environment", async () => {
    const store = { url: "s3://bucket", credentialsFile: file('{"accessKeyId":"a","secretAccessKey":"b"}') };
    expect(await read(store, AWS)).toEqual({ accessKeyId: "a", secretAccessKey: "b" });
  });

  it.each<readonly [string, Record<string, string>, unknown]>([
    ["s3://bucket", AWS, { accessKeyId: "AKID", secretAccessKey: "hunter2" }],
    ["dav+https://h.example", LOGIN, { username: "alice", password: "hunter2" }],
    ["ftps://h.example", LOGIN, { username: "alice", password: "hunter2" }],
    ["gaia+https://h.example", { HAWSER_STORE_TOKEN: "hunter2" }, { token: "hunter2" }],
    ["dht:00", { HAWSER_STORE_SECRET_KEY: "hunter2" }, { secretKey: "hunter2" }],
    ["s3://bucket", LOGIN, undefined],
    ["ftp://h.example", { ...AWS, HAWSER_STORE_TOKEN: "x" }, undefined],
    // A token for one server must not be sent to others that are only read.
    ["https://h.example", { HAWSER_STORE_TOKEN: "hunter2", ...LOGIN }, undefined],
    ["ipfs+https://h.example", { HAWSER_STORE_TOKEN: "hunter2" }, undefined],
    ["/var/www", { ...LOGIN, ...AWS }, undefined],
  ])("of %s come from the environment where it has its variables", async (url, environment, expected) => {
    expect(await read({ url }, environment)).toEqual(expected);
  });

  it("of the environment are not shared by two stores, which may be two servers", async () => {
    const error = await expectCode("INPUT_CONFIG_INVALID", () =>
      read({ url: "dav+https://a.example" }, LOGIN, [{ url: "ftp://b.example" }]),
    );
    expect(error.message).toMatch(/HAWSER_STORE_USER and HAWSER_STORE_PASSWORD; name a credentialsFile/);
    expect(error.message).not.toContain("hunter2");
    const own = { url: "ftp://b.example", credentialsFile: file("{}") };
    expect(await read({ url: "dav+https://a.example" }, LOGIN, [own])).toMatchObject({ username: "alice" });
    expect(await read({ url: "dav+https://a.example" }, LOGIN, [{ url: "s3://bucket" }])).toBeDefined();
  });

  it.each(["", "[]", '{"user":"hunter2"}', '{"password":5,"token":"hunter2"}', '{"token":"hunter2"'])(
    "a file that is no object of text members is refused and not shown: %j",
    async (content) => {
      const store = { url: "s3://bucket", credentialsFile: file(content) };
      const error = await expectCode("INPUT_CONFIG_INVALID", () => read(store, {}));
      expect(JSON.stringify(error.toJSON())).not.toContain("hunter2");
    },
  );

  it("a file that is not there is INPUT_FILE_UNUSABLE", async () => {
    const store = { url: "s3://bucket", credentialsFile: join(directory, "missing") };
    await expectCode("INPUT_FILE_UNUSABLE", () => read(store, {}));
  });

  it("Amazon's variables name endpoint and region of S3 stores that do not", () => {
    const environment = { AWS_REGION: "eu-west-1", AWS_ENDPOINT_URL: "https://e.example" };
    expect(withAmazonDefaults({ url: "s3://bucket" }, environment)).toMatchObject({
      region: "eu-west-1",
      endpoint: "https://e.example",
    });
    const own = { url: "s3://bucket", region: "auto", endpoint: "https://r2.example" };
    expect(withAmazonDefaults(own, environment)).toEqual(own);
    expect(withAmazonDefaults({ url: "https://h.example" }, environment)).toEqual({ url: "https://h.example" });
  });
});
