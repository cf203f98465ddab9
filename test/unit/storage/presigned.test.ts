import { inspect } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import type { StorageProvider } from "../../../src/ports.js";
import { refused } from "../../../src/storage/http-refusal.js";
import { type PresignedStorageOptions, presigned, type SignRequest } from "../../../src/storage/presigned.js";
import { s3 } from "../../../src/storage/s3.js";
import { storageContract } from "../../../src/testing/index.js";
import { FakeClock, settle } from "../fake-clock.js";
import { OBJECT_PATH, RECORD_PATH } from "./contract.js";
import { expectCode } from "./expect-code.js";
import { at, record, s3Servers } from "./s3-opened.js";
import { BUCKET, CREDENTIALS, fault, serveS3 } from "./s3-server.js";
import { reply, type TestServer } from "./serve.js";

const { service, answering } = s3Servers();
const CAPABILITY = "X-Amz-Signature=marker-capability";

function over(server: TestServer, prefix: string, options: Partial<PresignedStorageOptions> = {}): StorageProvider {
  const endpoint = server.url;
  const bucket = s3({ bucket: BUCKET, endpoint, prefix, credentials: CREDENTIALS, conditional: true });
  return presigned({
    publicBaseUrl: `${endpoint}/${BUCKET}/${prefix}`,
    conditional: true,
    sign: ({ method, path, kind, condition }) => bucket.presign({ method, path, kind, condition, expiresSeconds: 60 }),
    ...options,
  });
}

/** A provider whose uploads all go to one place. */
function to(server: TestServer, options: Partial<PresignedStorageOptions> = {}): StorageProvider {
  const url = `${server.url}/upload?${CAPABILITY}`;
  return presigned({
    publicBaseUrl: server.url,
    sign: () => Promise.resolve({ url, headers: { "if-none-match": "*" } }),
    conditional: true,
    ...options,
  });
}

const put = (storage: StorageProvider): Promise<unknown> => storage.write(RECORD_PATH, utf8("x"), { kind: "record" });

describe("presigned uploads over a double of S3", async () => {
  const server = await serveS3({ isPublic: true });
  afterAll(() => server.close());
  for (const { name, run } of storageContract({ open: (place) => over(server, place) })) it(name, run);
});

describe("presigned", () => {
  it("asks for what it is about to send, and sends that with the headers that were signed", async () => {
    const server = await service({ isPublic: true });
    const bucket = at(server);
    const asked: SignRequest[] = [];
    const storage = presigned({
      publicBaseUrl: `${server.url}/${BUCKET}/`,
      conditional: true,
      sign: (request) => {
        asked.push(request);
        return bucket.presign({ ...request, expiresSeconds: 60 });
      },
    });
    expect(storage.label).toBe(`${server.host}/${BUCKET}`);
    const condition = { ifAbsent: true } as const;
    expect(await storage.write(OBJECT_PATH, utf8("x"), { kind: "object", condition })).toBe("stored");
    expect(await storage.remove(RECORD_PATH)).toBe(true);
    expect(asked).toEqual([
      { method: "PUT", path: OBJECT_PATH, kind: "object", condition, signal: undefined },
      { method: "DELETE", path: RECORD_PATH, kind: "record", signal: undefined },
    ]);
    const [upload] = server.seen;
    expect(upload?.headers).toMatchObject({ "content-type": "application/octet-stream", "if-none-match": "*" });
    expect(upload?.headers.authorization).toBeUndefined();
    expect(upload?.body.toString()).toBe("x");
  });

  it("reads from the public base alone, and publishes it", async () => {
    const server = await service({ isPublic: true });
    const storage = over(server, "a", { sign: () => Promise.reject(new Error("never asked")) });
    expect(await storage.read(RECORD_PATH, record)).toBeNull();
    expect(storage.urlOf(RECORD_PATH)).toBe(`${server.url}/${BUCKET}/a/${RECORD_PATH}`);
    expect(storage.publicBaseUrl).toBe(`${server.url}/${BUCKET}/a`);
    for (const publicBaseUrl of ["ftp://a.example", "https://user:secret@a.example"]) {
      await expectCode("INPUT_URL_INVALID", () => over(server, "a", { publicBaseUrl }));
    }
    expect(over(server, "a", { label: "mine" }).label).toBe("mine");
  });

  it("does nothing that is not signed", async () => {
    const server = await service();
    const storage = to(server, { sign: () => Promise.resolve(null) });
    expect((await expectCode("STORAGE_UNSUPPORTED", put(storage))).details.operation).toBe("write");
    const removal = await expectCode("STORAGE_UNSUPPORTED", storage.remove(RECORD_PATH));
    expect(removal.details.operation).toBe("remove");
    expect(server.seen).toEqual([]);
  });

  it("asks nobody to sign for a caller that has aborted, and sends nothing for one that aborts then", async () => {
    const server = await service();
    const caller = new AbortController();
    let calls = 0;
    const storage = to(server, {
      sign: () => {
        calls++;
        caller.abort();
        return Promise.resolve({ url: `${server.url}/upload?${CAPABILITY}` });
      },
    });
    const { signal } = caller;
    for (let round = 0; round < 2; round++) {
      const writing = storage.write(RECORD_PATH, utf8("x"), { kind: "record", signal });
      await expectCode("NETWORK_ABORTED", writing);
      await expectCode("NETWORK_ABORTED", storage.remove(RECORD_PATH, { signal }));
    }
    expect([calls, server.seen.length]).toEqual([1, 0]);
  });

  it("asks for no path that is none of the layout", async () => {
    const server = await service();
    const storage = to(server);
    await expectCode("INPUT_INVALID", storage.write("../x", utf8("x"), { kind: "object" }));
    await expectCode("INPUT_INVALID", storage.read("../x", record));
    await expectCode("INPUT_INVALID", storage.remove("../x"));
    expect(server.seen).toEqual([]);
  });

  it("W5: sends no write whose condition was not signed", async () => {
    const server = await service();
    const write = (storage: StorageProvider, condition: { ifAbsent: true } | { ifTag: string }): Promise<unknown> =>
      storage.write(RECORD_PATH, utf8("x"), { kind: "record", condition });
    await expectCode("STORAGE_UNSUPPORTED", write(to(server, { conditional: undefined }), { ifAbsent: true }));
    const plain = to(server, { sign: () => Promise.resolve({ url: `${server.url}/upload?${CAPABILITY}` }) });
    await expectCode("INPUT_CONFIG_INVALID", write(plain, { ifAbsent: true }));
    await expectCode("INPUT_CONFIG_INVALID", write(to(server), { ifTag: '"t"' }));
    expect(server.seen).toEqual([]);
    const moved = await answering(412, fault("PreconditionFailed"));
    expect(await write(to(moved), { ifAbsent: true })).toBe("moved");
  });

  it.each<[unknown, string]>([
    [undefined, "nothing"],
    [{}, "no URL"],
    [{ url: "ftp://a.example/marker" }, "another scheme"],
    [{ url: "/marker" }, "a relative URL"],
    [{ url: "https://user:marker@a.example/" }, "user info"],
    [{ url: "https://a.example/?marker", headers: { "a b": "marker" } }, "headers that are none"],
    [{ url: "https://a.example/?marker", headers: "marker" }, "headers of another form"],
  ])("refuses what sign gives: %j (%s)", async (given) => {
    const storage = to(await service(), { sign: () => Promise.resolve(given) as never });
    const error = await expectCode("INPUT_CONFIG_INVALID", put(storage));
    expect(error.details.setting).toBe("sign");
    expect(inspect(error, { depth: 9 })).not.toContain("marker");
  });

  it("tells what the service says", async () => {
    expect((await expectCode("STORAGE_REFUSED", put(to(await answering(403, fault("AccessDenied")))))).details).toEqual(
      {
        label: expect.any(String) as string,
        reason: "AccessDenied",
      },
    );
    await expectCode("STORAGE_CLOCK_SKEW", put(to(await answering(403, fault("RequestTimeTooSkewed")))));
    await expectCode("STORAGE_GONE", put(to(await answering(404, fault("NoSuchBucket")))));
    await expectCode("NETWORK_ANSWER_INVALID", put(to(await answering(200, "<html>", { etag: '"t"' }))));
    await expectCode("NETWORK_STATUS", put(to(await answering(307, "", { location: "/elsewhere" }))));
  });

  it("shows the capability in no error and no printed provider", async () => {
    const stopped = await serveS3();
    await stopped.close();
    const echo = "Zq9marker";
    const shown: unknown[] = [];
    for (const server of [
      await answering(403, fault(echo)),
      await answering(500, CAPABILITY),
      await answering(200, CAPABILITY),
      await answering(307, "", { location: `/x?${CAPABILITY}` }),
      stopped,
    ]) {
      const url = `${server.url}/upload?${CAPABILITY}${echo}`;
      const storage = to(server, { sign: () => Promise.resolve({ url }) });
      shown.push(storage);
      await put(storage).catch((error: unknown) => shown.push(error));
      await storage.remove(RECORD_PATH).catch((error: unknown) => shown.push(error));
    }
    const throwing = to(stopped, { sign: () => Promise.reject(new Error(CAPABILITY)) });
    await put(throwing).catch((error: unknown) => shown.push(error));
    expect(shown).toHaveLength(16);
    for (const one of shown) {
      const texts = [inspect(one, { depth: 9, showHidden: true }), JSON.stringify(one), String(one)].join("\n");
      expect(texts).not.toContain("marker");
      expect(texts).not.toContain("X-Amz-Signature");
    }
  });

  it("a function sign that fails is a refusal, unless it says more", async () => {
    const server = await service();
    const failing = to(server, { sign: () => Promise.reject(new Error("no")) });
    expect((await expectCode("STORAGE_REFUSED", put(failing))).details.reason).toBe("the function sign failed");
    const saying = to(server, { sign: () => Promise.reject(refused("server", "sign", "not logged in")) });
    expect((await expectCode("STORAGE_REFUSED", put(saying))).details.reason).toBe("not logged in");
    const caller = new AbortController();
    const aborted = to(server, {
      sign: () => {
        caller.abort();
        return Promise.reject(new Error("aborted"));
      },
    });
    const { signal } = caller;
    const writing = aborted.write(RECORD_PATH, utf8("x"), { kind: "record", signal });
    await expectCode("NETWORK_ABORTED", writing);
  });

  it("keeps a gap between writes of one path, in their order, and has each signed when its turn comes", async () => {
    const clock = new FakeClock();
    const startMs = clock.nowMs();
    const events: string[] = [];
    const server = await service({
      instead: ({ method, path, body }, response) => {
        events.push(`${method} ${path.slice(-1)} ${body.toString()} ${clock.nowMs() - startMs}`);
        reply(response, method === "PUT" ? 200 : 204, "", { etag: '"t"' });
        return true;
      },
    });
    const signed = (options: Partial<PresignedStorageOptions>): StorageProvider =>
      to(server, {
        clock,
        progress: { record: { firstByteMs: 500, idleMs: 500 } },
        sign: ({ method, path }) => {
          const key = path === RECORD_PATH ? "a" : "b";
          events.push(`sign ${method} ${key} ${clock.nowMs() - startMs}`);
          return Promise.resolve({ url: `${server.url}/${key}` });
        },
        ...options,
      });
    const storage = signed({ minWriteGapMs: 1_000 });
    const caller = new AbortController();
    const { signal } = caller;
    const body = utf8("1");
    const first = storage.write(RECORD_PATH, body, { kind: "record" });
    body.set(utf8("2"));
    const second = storage.write(RECORD_PATH, body, { kind: "record" });
    body.set(utf8("3"));
    const given = expectCode("NETWORK_ABORTED", storage.write(RECORD_PATH, body, { kind: "record", signal }));
    const removal = storage.remove(RECORD_PATH);
    await first;
    expect(await storage.write(OBJECT_PATH, utf8("x"), { kind: "object" })).toBe("stored");
    caller.abort();
    await given;
    expect(events).toEqual(["sign PUT a 0", "PUT a 1 0", "sign PUT b 0", "PUT b x 0"]);
    expect(clock.pending).toBe(1);
    await clock.advance(1_000);
    expect(await second).toBe("stored");
    await clock.advance(1_000);
    expect(await removal).toBe(true);
    expect(events.slice(4)).toEqual(["sign PUT a 1000", "PUT a 2 1000", "sign DELETE a 2000", "DELETE a  2000"]);
    // Without one nothing waits.
    const hasty = signed({});
    await Promise.all([put(hasty), put(hasty)]);
    expect(events.filter((event) => event === "PUT a x 2000")).toHaveLength(2);
    for (const minWriteGapMs of [-1, 60_001, 0.5]) await expectCode("INPUT_INVALID", () => signed({ minWriteGapMs }));
  });

  it("is patient for as long as it is told", async () => {
    const clock = new FakeClock();
    const server = await service({ instead: () => true });
    const storage = to(server, { clock, progress: { record: { firstByteMs: 70, idleMs: 70 } } });
    const writing = expectCode("NETWORK_TIMEOUT", put(storage));
    while (server.seen.length === 0) await settle();
    // A little is added for the upload itself.
    await clock.advance(100);
    expect((await writing).details.timeoutMs).toBe(71);
  });
});
