import { AwsClient } from "aws4fetch";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { encodeHex } from "../../src/bytes/hex.js";
import { sha256 } from "../../src/crypto/hash.js";
import type { Clock } from "../../src/ports.js";
import { objectPath } from "../../src/route/layout.js";
import { systemClock } from "../../src/runtime/clock.js";
import { http } from "../../src/storage/http.js";
import { presigned } from "../../src/storage/presigned.js";
import { type S3Storage, type S3StorageOptions, s3 } from "../../src/storage/s3.js";
import { storageContract } from "../../src/testing/index.js";
import { freePorts } from "./daemons/daemon.js";
import { startNginx } from "./daemons/nginx.js";
import type { S3Service } from "./daemons/s3-service.js";
import { startSwift } from "./daemons/swift.js";
import { startVersitygw } from "./daemons/versitygw.js";
import { Opened } from "./opened.js";

const RECORD = "records/regtest/alice/a~b/settings@5.json";
const record = { kind: "record", maxBytes: 1_000 } as const;
const HOUR_MS = 3_600_000;

const services: Readonly<Record<string, { readonly start: () => Promise<S3Service>; readonly conditional: boolean }>> =
  {
    versitygw: { start: startVersitygw, conditional: true },
    // It answers 501 to If-Match and If-None-Match.
    "OpenStack Swift": { start: startSwift, conditional: false },
  };

function aheadBy(ms: number): Clock {
  return { nowMs: () => Date.now() + ms, delay: systemClock.delay.bind(systemClock) };
}

describe.each(Object.entries(services))("S3 on %s", (_, { start, conditional }) => {
  const opened = new Opened();
  let service: S3Service;
  let stopped = 0;
  beforeAll(async () => {
    service = opened.use(await start());
    [stopped = 0] = await freePorts(1);
  });
  afterAll(() => opened.close());

  const at = (prefix: string, options: Partial<S3StorageOptions> = {}): S3Storage => {
    const { endpoint, bucket, credentials } = service;
    return s3({ endpoint, bucket, credentials, prefix, ...options });
  };

  const secrets = ["marker-of-a-wrong-secret"];
  const cases = storageContract({
    open: (place) => at(place),
    openRefused: () => {
      const { accessKeyId } = service.credentials;
      return at("refused", { credentials: { accessKeyId, secretAccessKey: secrets[0] ?? "" } });
    },
    openGone: () => at("gone", { bucket: "hawser-missing" }),
    openStopped: () => at("stopped", { endpoint: `http://127.0.0.1:${stopped}` }),
    secrets,
  });
  for (const { name, run } of cases) it(name, run);

  it("says honestly whether writes can be conditional, and leaves nothing of the probe", async () => {
    const storage = at("probed");
    expect(storage.conditional).toBe(false);
    await storage.open?.();
    expect(storage.conditional).toBe(conditional);
    const { endpoint, bucket, credentials } = service;
    const { accessKeyId, secretAccessKey } = credentials;
    const client = new AwsClient({ accessKeyId, secretAccessKey, service: "s3", region: "us-east-1", retries: 0 });
    const listed = await (await client.fetch(`${endpoint}/${bucket}?list-type=2&prefix=probed`)).text();
    expect(listed).toContain("<ListBucketResult");
    expect(listed).not.toContain("<Key>");
  });

  it.each([HOUR_MS, -HOUR_MS])("corrects a clock that is wrong by %d ms, by what the service says", async (ms) => {
    const storage = at("skew", { clock: aheadBy(ms) });
    expect(await storage.write(RECORD, utf8(String(ms)), { kind: "record" })).toBe("stored");
    expect((await storage.read(RECORD, record))?.bytes).toEqual(utf8(String(ms)));
  });

  it("refuses a signature whose time it is not asked to correct", async () => {
    const { url } = await at("skew", { clock: aheadBy(-HOUR_MS) }).presign({
      method: "GET",
      path: RECORD,
      expiresSeconds: 60,
    });
    expect((await fetch(url)).status).toBe(403);
  });

  it("serves signed URLs to whoever has them, prefix of odd characters included", async () => {
    const storage = at("x/~a@b+c=d,e!f");
    const { url, headers } = await storage.presign({ method: "PUT", path: RECORD, expiresSeconds: 60 });
    expect((await fetch(url, { method: "PUT", headers, body: "signed" })).status).toBe(200);
    expect((await storage.read(RECORD, record))?.bytes).toEqual(utf8("signed"));
    const get = await storage.presign({ method: "GET", path: RECORD, expiresSeconds: 60 });
    expect(await (await fetch(get.url)).text()).toBe("signed");
    expect((await fetch(get.url.replace("settings", "other"))).status).toBe(403);
    const gone = await storage.presign({ method: "DELETE", path: RECORD, expiresSeconds: 60 });
    expect((await fetch(gone.url, { method: "DELETE" })).status).toBe(204);
    expect(await storage.read(RECORD, record)).toBeNull();
  });

  it.each([
    [
      "an unknown key",
      { accessKeyId: "AKIDNOBODY", secretAccessKey: "x" },
      /: (?:XAdminUserNotFound|SignatureDoesNotMatch)\.$/,
    ],
    ["a key of another form", { accessKeyId: "a:b=c", secretAccessKey: "x" }, /: [A-Za-z]+\.$/],
  ])("refuses %s, with the service's code as the reason", async (_name, credentials, message) => {
    const reading = at("refused", { credentials }).read(RECORD, record);
    await expect(reading).rejects.toMatchObject({ code: "STORAGE_REFUSED" });
    await expect(reading).rejects.toThrow(message);
  });

  it.runIf(conditional)("lets one of two writers create", async () => {
    const [one, two] = [at("race"), at("race")];
    await Promise.all([one.open?.(), two.open?.()]);
    for (let round = 0; round < 20; round++) {
      const path = `records/regtest/alice/race-${round}@5.json`;
      const create = (storage: S3Storage, body: string): Promise<unknown> =>
        storage.write(path, utf8(body), { kind: "record", condition: { ifAbsent: true } });
      const outcomes = await Promise.all([create(one, "one"), create(two, "two")]);
      expect([...outcomes].sort()).toEqual(["moved", "stored"]);
      const winner = outcomes[0] === "stored" ? "one" : "two";
      expect((await one.read(path, record))?.bytes).toEqual(utf8(winner));
    }
  });
});

describe("S3 on versitygw, read by everybody", () => {
  const opened = new Opened();
  afterAll(() => opened.close());

  it("a browser stores by signed URLs, and nginx serves the bucket's folder unchanged", async () => {
    const service = opened.use(await startVersitygw());
    const nginx = opened.use(await startNginx({ folder: service.folder }));
    const { endpoint, bucket, credentials } = service;
    const publicBaseUrl = `${nginx.url}/sites`;
    const server = s3({ endpoint, bucket, credentials, prefix: "sites", publicBaseUrl });
    await server.open?.();
    const browser = presigned({
      publicBaseUrl,
      conditional: server.conditional,
      sign: ({ method, path, kind, condition }) =>
        server.presign({ method, path, kind, condition, expiresSeconds: 60 }),
    });
    const bytes = crypto.getRandomValues(new Uint8Array(65_536));
    const object = objectPath(encodeHex(sha256(bytes)));
    expect(await browser.write(object, bytes, { kind: "object" })).toBe("stored");
    const create = { kind: "record", condition: { ifAbsent: true } } as const;
    expect(await browser.write(RECORD, utf8("one"), create)).toBe("stored");
    expect(await browser.write(RECORD, utf8("two"), create)).toBe("moved");

    for (const reader of [browser, http(publicBaseUrl), server]) {
      expect((await reader.read(object, { kind: "object", maxBytes: 65_536 }))?.bytes).toEqual(bytes);
      const range = { start: 65_000, end: 65_100 };
      const part = await reader.read(object, { kind: "object", maxBytes: 100, range });
      expect(part?.bytes).toEqual(bytes.slice(65_000, 65_100));
      expect((await reader.read(RECORD, record))?.bytes).toEqual(utf8("one"));
    }
    expect(await (await fetch(server.urlOf(RECORD) ?? "")).text()).toBe("one");
    expect(await browser.remove(RECORD)).toBe(true);
    expect(await browser.read(RECORD, record)).toBeNull();
  });
});
