import { inspect } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { isHawserError } from "../../../src/errors.js";
import { refused } from "../../../src/storage/http-refusal.js";
import { s3 } from "../../../src/storage/s3.js";
import { storageContract } from "../../../src/testing/index.js";
import { FakeClock, settle } from "../fake-clock.js";
import { OBJECT_PATH, RECORD_PATH } from "./contract.js";
import { expectCode } from "./expect-code.js";
import { at, record, s3Servers, write } from "./s3-opened.js";
import { BUCKET, CREDENTIALS, fault, serveS3 } from "./s3-server.js";
import { type SeenRequest } from "./serve.js";

const { answering, service } = s3Servers();

describe("s3 over its double", async () => {
  const honest = await serveS3();
  const ignoring = await serveS3({ conditions: "ignores" });
  const stopped = await serveS3();
  await stopped.close();
  afterAll(async () => {
    await Promise.all([honest.close(), ignoring.close()]);
  });
  for (const [name, server, minWriteGapMs] of [
    ["conditional", honest, 0],
    ["conditional, with a gap between writes", honest, 1],
    ["not conditional", ignoring, 0],
  ] as const) {
    const common = { bucket: BUCKET, endpoint: server.url, credentials: CREDENTIALS, minWriteGapMs };
    const cases = storageContract({
      open: (place) => s3({ ...common, prefix: `~a${minWriteGapMs}/${place}@b+c=d` }),
      openRefused: () => s3({ ...common, credentials: { ...CREDENTIALS, secretAccessKey: "marker-other" } }),
      openGone: () => s3({ ...common, bucket: "other-bucket" }),
      openStopped: () => s3({ ...common, endpoint: stopped.url }),
      secrets: [CREDENTIALS.secretAccessKey, CREDENTIALS.accessKeyId, "marker-other"],
    });
    for (const { name: title, run } of cases) it(`${name}: ${title}`, run);
  }
});

describe("s3: requests", () => {
  it("signs every header that it sends, and the digest of the body", async () => {
    const server = await service();
    const storage = at(server);
    await write(storage, { ifAbsent: true });
    await storage.read(OBJECT_PATH, { kind: "object", maxBytes: 10, range: { start: 2, end: 5 } });
    await storage.remove(RECORD_PATH);
    const [put, get, del] = server.seen;
    expect(put?.headers).toMatchObject({
      "content-type": "application/json",
      "cache-control": "no-cache",
      "content-length": "1",
      "x-amz-content-sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
    });
    const names = ({ headers }: SeenRequest): string | undefined =>
      /SignedHeaders=([^,]+)/.exec(headers.authorization ?? "")?.[1];
    expect([put, get, del].map((request) => request && names(request))).toEqual([
      "cache-control;content-type;host;if-none-match;x-amz-content-sha256;x-amz-date",
      "host;range;x-amz-content-sha256;x-amz-date",
      "host;x-amz-content-sha256;x-amz-date",
    ]);
    for (const { headers } of server.seen) {
      // R2 and others refuse what they do not know of these.
      const others = Object.keys(headers).filter((name) =>
        /^x-amz-(?!date|content-sha256)|trailer|encoding$/.test(name),
      );
      expect(others.filter((name) => name !== "accept-encoding")).toEqual([]);
    }
  });

  it("reads records past caches", async () => {
    const server = await service();
    await at(server).read(RECORD_PATH, record);
    await at(server).read(OBJECT_PATH, { kind: "object", maxBytes: 10 });
    expect(server.seen.map(({ headers }) => headers["cache-control"])).toEqual(["no-cache", undefined]);
  });

  it("lets an object be cached for ever", async () => {
    const server = await service();
    await at(server).write(OBJECT_PATH, utf8("x"), { kind: "object" });
    expect(server.seen[0]?.headers).toMatchObject({
      "content-type": "application/octet-stream",
      "cache-control": "public, max-age=31536000, immutable",
    });
  });

  it("asks a function for credentials before each request, with a session token", async () => {
    const server = await service({ sessionToken: "marker-token" });
    let calls = 0;
    const storage = at(server, {
      credentials: async () => {
        calls++;
        return { ...CREDENTIALS, sessionToken: "marker-token" };
      },
    });
    expect(calls).toBe(0);
    await write(storage);
    await storage.read(RECORD_PATH, record);
    expect(calls).toBe(2);
    expect(server.seen[0]?.headers["x-amz-security-token"]).toBe("marker-token");
  });

  it("sends nothing without credentials, and shows nothing of what a function said", async () => {
    const server = await service();
    for (const credentials of [
      () => Promise.reject(new Error("marker-secret")),
      () => null as never,
      () => ({ accessKeyId: "a b", secretAccessKey: "marker-secret" }),
      () => ({ accessKeyId: "marker-secret", secretAccessKey: "" }),
      () => ({ ...CREDENTIALS, sessionToken: "marker-secret\n" }),
    ]) {
      const error = await expectCode("INPUT_CONFIG_INVALID", () => write(at(server, { credentials })));
      expect(inspect(error, { depth: 9 })).not.toContain("marker-secret");
      expect(error.details.setting).toBe("credentials");
    }
    await expectCode("INPUT_CONFIG_INVALID", () =>
      at(server, { credentials: { accessKeyId: "a", secretAccessKey: "" } }),
    );
    const own = await expectCode("STORAGE_REFUSED", () =>
      write(at(server, { credentials: () => Promise.reject(refused("x", "y", "z")) })),
    );
    expect(own.details.reason).toBe("z");
    expect(server.seen).toEqual([]);
  });

  it("asks nobody for credentials for a caller that has aborted, and sends nothing for one that aborts then", async () => {
    const server = await service();
    const caller = new AbortController();
    let calls = 0;
    const storage = at(server, {
      credentials: () => {
        calls++;
        caller.abort();
        return CREDENTIALS;
      },
    });
    const { signal } = caller;
    for (let round = 0; round < 2; round++) {
      await expectCode("NETWORK_ABORTED", storage.read(RECORD_PATH, { ...record, signal }));
      await expectCode("NETWORK_ABORTED", storage.write(RECORD_PATH, utf8("x"), { kind: "record", signal }));
      await expectCode("NETWORK_ABORTED", storage.remove(RECORD_PATH, { signal }));
    }
    expect([calls, server.seen.length]).toEqual([1, 0]);
  });

  it("follows no redirect", async () => {
    const other = await service();
    const server = await answering(307, fault("TemporaryRedirect"), {
      location: `${other.url}/${BUCKET}/${RECORD_PATH}`,
    });
    for (const run of [() => at(server).read(RECORD_PATH, record), () => write(at(server))]) {
      const error = await expectCode("NETWORK_STATUS", run);
      expect(error.details).toMatchObject({ status: 307, reason: "TemporaryRedirect" });
    }
    expect(other.seen).toEqual([]);
  });

  it("publishes nothing of its own, and a public base where one is given", async () => {
    const options = { bucket: BUCKET, credentials: CREDENTIALS };
    for (const publicBaseUrl of ["ftp://a.example", "https://user:marker-secret@a.example", "https://a.example/?x"]) {
      const error = await expectCode("INPUT_URL_INVALID", () => s3({ ...options, publicBaseUrl }));
      expect(JSON.stringify(error)).not.toContain("marker-secret");
    }
    const storage = s3(options);
    expect([storage.publicBaseUrl, storage.urlOf(OBJECT_PATH)]).toEqual([null, null]);
    const shown = s3({ ...options, publicBaseUrl: "https://cdn.example/x/", label: "mine" });
    expect([shown.label, shown.publicBaseUrl]).toEqual(["mine", "https://cdn.example/x/"]);
    expect(shown.urlOf(RECORD_PATH)).toBe(`https://cdn.example/x/${RECORD_PATH}`);
  });

  it("is patient for as long as it is told, by the kind", async () => {
    const clock = new FakeClock();
    const server = await service({ instead: () => true });
    const storage = at(server, { clock, progress: { record: { firstByteMs: 70, idleMs: 70 } } });
    const reading = expectCode("NETWORK_TIMEOUT", storage.read(RECORD_PATH, record));
    while (server.seen.length === 0) await settle();
    await clock.advance(70);
    expect((await reading).details.timeoutMs).toBe(70);
  });
});

describe("s3: signed URLs", () => {
  it("serve without credentials, with the headers that they name", async () => {
    const server = await service();
    const storage = at(server, { prefix: "x@y" });
    const put = await storage.presign({
      method: "PUT",
      path: RECORD_PATH,
      expiresSeconds: 60,
      condition: { ifAbsent: true },
    });
    expect(put.headers).toEqual({
      "content-type": "application/json",
      "cache-control": "no-cache",
      "if-none-match": "*",
    });
    const send = async (headers: Readonly<Record<string, string>>): Promise<number> =>
      (await fetch(put.url, { method: "PUT", headers, body: "one" })).status;
    expect(await send({ ...put.headers, "if-none-match": "x" })).toBe(403);
    expect(await send({ ...put.headers, "content-type": "text/html" })).toBe(403);
    expect(await send(put.headers)).toBe(200);
    expect(await send(put.headers)).toBe(412);
    const get = await storage.presign({ method: "GET", path: RECORD_PATH, expiresSeconds: 604_800 });
    expect(get.headers).toEqual({});
    expect(await (await fetch(get.url)).text()).toBe("one");
    const other = get.url.replace("settings", "other");
    expect((await fetch(other)).status).toBe(403);
    const del = await storage.presign({ method: "DELETE", path: RECORD_PATH, expiresSeconds: 1 });
    expect((await fetch(del.url, { method: "DELETE" })).status).toBe(204);
    const object = await storage.presign({ method: "PUT", path: OBJECT_PATH, expiresSeconds: 1 });
    expect(object.headers["content-type"]).toBe("application/octet-stream");
  });

  it("carry the session token", async () => {
    const server = await service({ sessionToken: "marker-token" });
    const storage = at(server, { credentials: { ...CREDENTIALS, sessionToken: "marker-token" } });
    const { url } = await storage.presign({ method: "GET", path: RECORD_PATH, expiresSeconds: 60 });
    expect((await fetch(url)).status).toBe(404);
  });

  it("are made for paths, times and conditions that there are", async () => {
    const storage = at(await service(), { conditional: false });
    const request = { method: "PUT", path: RECORD_PATH, expiresSeconds: 60 } as const;
    for (const expiresSeconds of [0, 604_801, 1.5, Number.NaN]) {
      await expectCode("INPUT_INVALID", storage.presign({ ...request, expiresSeconds }));
    }
    await expectCode("INPUT_INVALID", storage.presign({ ...request, path: "../x" }));
    const condition = { ifAbsent: true } as const;
    await expectCode("INPUT_INVALID", storage.presign({ ...request, method: "GET", condition }));
    await expectCode("STORAGE_UNSUPPORTED", storage.presign({ ...request, condition }));
  });
});

describe("s3: secrets", () => {
  it("are in no printed provider and no error", async () => {
    const secrets = [CREDENTIALS.secretAccessKey, CREDENTIALS.accessKeyId, "marker-token"];
    const credentials = { ...CREDENTIALS, sessionToken: "marker-token" };
    const shown: unknown[] = [];
    for (const server of [
      await answering(403, fault("AccessDenied", "<AWSAccessKeyId>marker-key-id</AWSAccessKeyId>")),
      await answering(500, "marker-token"),
      await answering(200, "marker-token"),
      await answering(403, fault("RequestTimeTooSkewed")),
    ]) {
      const storage = at(server, { credentials });
      await storage.read(RECORD_PATH, record).catch((error: unknown) => shown.push(error));
      await write(storage).catch((error: unknown) => shown.push(error));
      shown.push(storage, storage.label, storage.publicBaseUrl);
    }
    const stopped = await serveS3();
    await stopped.close();
    await write(at(stopped, { credentials })).catch((error: unknown) => shown.push(error));
    expect(shown.filter((one) => isHawserError(one))).toHaveLength(8);
    for (const one of shown) {
      const texts = [inspect(one, { depth: 9, showHidden: true }), JSON.stringify(one), String(one)];
      for (const secret of secrets) expect(texts.join("\n")).not.toContain(secret);
    }
  });
});
