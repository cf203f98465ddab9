import { createPrivateKey, createPublicKey } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { openStorage, type StorageSetting } from "../../../src/storage/open.js";
import { RECORD_PATH } from "./contract.js";
import { expectCode } from "./expect-code.js";
import { serveFiles } from "./file-server.js";
import { reply, serve } from "./serve.js";

let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "hawser-open-"));
});
afterAll(async () => {
  await rm(directory, { recursive: true });
});

const keys = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "hunter2hunter2" };
const seed = "11".repeat(32);
/** The public key of that ed25519 seed: the last 32 bytes of its SPKI. */
const publicKey = createPublicKey(
  createPrivateKey({
    key: Buffer.from(`302e020100300506032b657004220420${seed}`, "hex"),
    format: "der",
    type: "pkcs8",
  }),
)
  .export({ format: "der", type: "spki" })
  .subarray(-32)
  .toString("hex");
const record = { kind: "record", maxBytes: 100 } as const;

describe("openStorage", () => {
  it("opens a directory, which keeps what is written", async () => {
    const opened = await openStorage(pathToFileURL(join(directory, "tree")).href);
    expect(opened.kind).toBe("disk");
    expect(await opened.provider?.write(RECORD_PATH, utf8("one"), { kind: "record" })).toBe("stored");
    expect((await opened.reader.read(RECORD_PATH, record))?.bytes).toEqual(utf8("one"));
    await opened.close();
  });

  it("plain HTTP is read from; it is written to only where the setting says so", async () => {
    const server = await serveFiles();
    try {
      const [read, write] = await Promise.all([
        openStorage(server.url),
        openStorage({ url: server.url, writable: true, conditional: true, credentials: { token: "hunter2" } }),
      ]);
      expect(read.provider).toBeNull();
      expect(await read.reader.read(RECORD_PATH, record)).toBeNull();
      expect(write.provider?.conditional).toBe(true);
      expect(await write.provider?.write(RECORD_PATH, utf8("one"), { kind: "record" })).toBe("stored");
      expect(server.seen.map(({ headers }) => headers.authorization)).toEqual([undefined, "Bearer hunter2"]);
    } finally {
      await server.close();
    }
  });

  it("S3 goes to the endpoint, bucket and prefix that the setting names", async () => {
    const server = await serve((_, response) => {
      reply(response, 200, "one", { etag: '"1"' });
    });
    try {
      const { reader, provider, kind } = await openStorage({
        url: "s3://bucket/sites/alice",
        endpoint: server.url,
        region: "eu-west-9",
        credentials: { ...keys, sessionToken: "session" },
      });
      expect(kind).toBe("s3");
      expect(provider).not.toBeNull();
      await reader.read(RECORD_PATH, record);
      const [seen] = server.seen;
      expect(decodeURIComponent(seen?.path ?? "")).toBe(`/bucket/sites/alice/${RECORD_PATH}`);
      expect(seen?.headers.authorization).toContain("/eu-west-9/s3/aws4_request");
      expect(seen?.headers["x-amz-security-token"]).toBe("session");
      expect(JSON.stringify([reader, reader.label])).not.toContain("hunter2");
    } finally {
      await server.close();
    }
  });

  it("S3 keeps the gap between writes that the setting names", async () => {
    const setting: StorageSetting = { url: "s3://bucket", credentials: keys };
    const error = await expectCode("INPUT_INVALID", () => openStorage({ ...setting, minWriteGapMs: 60_001 }));
    expect(error.details.argument).toBe("minWriteGapMs");
    expect((await openStorage({ ...setting, minWriteGapMs: 60_000 })).kind).toBe("s3");
  });

  it.each<readonly [string, StorageSetting, string, boolean, boolean]>([
    ["dav", { url: "dav+http://127.0.0.1:1/d", credentials: { username: "u", password: "p" } }, "webdav", true, false],
    ["ftp", { url: "ftp://127.0.0.1:1/d", credentials: { username: "u", password: "p" } }, "ftp", true, false],
    ["ftps without credentials", { url: "ftps://127.0.0.1:1/d" }, "ftp", true, false],
    ["ftp with TLS", { url: "ftp://127.0.0.1:1/d", secure: "explicit" }, "ftp", true, false],
    ["gateway", { url: "ipfs+https://gateway.example" }, "ipfs-gateway", false, true],
    ["kubo", { url: "kubo+http://127.0.0.1:1" }, "kubo", true, true],
    ["gaia", { url: "gaia+http://127.0.0.1:1", address: "1Alice", credentials: { token: "t" } }, "gaia", true, false],
    ["dht to read", { url: `dht:${publicKey}`, bootstrap: ["127.0.0.1:1"] }, "dht", false, true],
    [
      "dht to write",
      { url: `dht:${publicKey}`, bootstrap: ["127.0.0.1:1"], credentials: { secretKey: seed } },
      "dht",
      true,
      true,
    ],
  ])("opens %s", async (_, setting, kind, isProvider, opensUrls) => {
    const opened = await openStorage({ ...setting, label: "mine" });
    expect([opened.kind, opened.reader.label]).toEqual([kind, "mine"]);
    expect([opened.provider !== null, opened.urlReader !== null]).toEqual([isProvider, opensUrls]);
    await opened.close();
  });

  it.each<readonly [string, StorageSetting, RegExp]>([
    ["S3 without keys", { url: "s3://bucket" }, /accessKeyId/],
    ["S3 with half of them", { url: "s3://bucket", credentials: { accessKeyId: "a" } }, /secretAccessKey/],
    ["FTP with a user alone", { url: "ftp://h.example", credentials: { username: "u" } }, /username and a password/],
    ["Gaia without a token", { url: "gaia+https://h.example", address: "1Alice" }, /token/],
    ["a DHT key that is none", { url: "dht:zz", bootstrap: [] }, /64 lower-case hex digits/],
    [
      "a seed that is none",
      { url: `dht:${publicKey}`, bootstrap: [], credentials: { secretKey: "hunter2" } },
      /secretKey: expected 64/,
    ],
    ["a file: URL of a host", { url: "file://host.example/x" }, /absolute path/],
    ["a member of another kind", { url: "https://h.example", region: "auto" }, /stores\.region: it means nothing/],
    ["a gap between writes over HTTP", { url: "https://h.example", minWriteGapMs: 0 }, /stores\.minWriteGapMs/],
    ["conditions on FTP", { url: "ftp://h.example", conditional: true }, /stores\.conditional/],
    ["a gateway to write to", { url: "ipfs+https://h.example", writable: true }, /stores\.writable/],
    ["TLS that FTP does not know", { url: "https://h.example", secure: "explicit" }, /stores\.secure/],
    ["a password for S3", { url: "s3://bucket", credentials: { ...keys, password: "p" } }, /credentials\.password/],
    ["credentials of a directory", { url: "file:///tmp/x", credentials: { token: "t" } }, /stores\.credentials/],
  ])("refuses %s", async (_, setting, message) => {
    const error = await expectCode("INPUT_CONFIG_INVALID", () => openStorage(setting));
    expect(error.message).toMatch(message);
    expect(JSON.stringify(error.toJSON())).not.toContain("hunter2");
  });
});
