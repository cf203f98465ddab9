import { afterEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import type { Clock } from "../../../src/ports.js";
import { systemClock } from "../../../src/runtime/clock.js";
import { webdav } from "../../../src/storage/webdav.js";
import { FakeClock } from "../fake-clock.js";
import { describeStorageContract, OBJECT_PATH, RECORD_PATH } from "./contract.js";
import { type DavServerOptions, serveDav } from "./dav-server.js";
import { expectCode } from "./expect-code.js";
import { reply, serve, type TestServer } from "./serve.js";

const servers: TestServer[] = [];
async function dav(options: DavServerOptions = {}): ReturnType<typeof serveDav> {
  const server = await serveDav(options);
  servers.push(server);
  return server;
}
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

for (const [name, options] of [
  ["webdav with conditional writes", { conditional: true }],
  ["webdav without conditional writes", {}],
  ["webdav with staged writes", { staged: true }],
] as const) {
  describeStorageContract(name, async () => {
    const server = await serveDav();
    return { storage: webdav(`${server.url}/base`, options), close: () => server.close() };
  });
}

const record = { kind: "record", maxBytes: 1_000 } as const;

describe("webdav", () => {
  it.each(["ftp://a.example", "https://user:marker-secret@a.example", "https://a.example/?x"])(
    "U1: refuses the base %j",
    async (base) => {
      const error = await expectCode("INPUT_URL_INVALID", () => webdav(base));
      expect(JSON.stringify(error)).not.toContain("marker-secret");
      await expectCode("INPUT_URL_INVALID", () => webdav("https://a.example", { publicBaseUrl: base }));
    },
  );

  it("publishes the base, or what it is told to", () => {
    expect(webdav("https://a.example/x/").urlOf(OBJECT_PATH)).toBe(`https://a.example/x/${OBJECT_PATH}`);
    expect(webdav("https://a.example/x/").label).toBe("a.example/x");
    const other = webdav("https://a.example", { publicBaseUrl: "https://cdn.example", label: "mine" });
    expect([other.label, other.urlOf(OBJECT_PATH)]).toEqual(["mine", `https://cdn.example/${OBJECT_PATH}`]);
    expect(webdav("https://a.example", { publicBaseUrl: null }).urlOf(OBJECT_PATH)).toBeNull();
    // What asks for a login is nothing to publish.
    const credentials = { username: "alice", password: "secret" };
    expect(webdav("https://a.example", { credentials }).urlOf(OBJECT_PATH)).toBeNull();
    expect(webdav("https://a.example", { headers: { authorization: "Bearer x" } }).publicBaseUrl).toBeNull();
  });

  it.each([404, 409])("makes the folders that are missing, the base included, after status %d", async (noParent) => {
    const server = await dav({ noParent });
    const storage = webdav(`${server.url}/b`);
    expect(await storage.read(RECORD_PATH, record)).toBeNull();
    expect(await storage.write(RECORD_PATH, utf8("x"), { kind: "record" })).toBe("stored");
    expect([...server.files.keys()]).toEqual([`/b/${RECORD_PATH}`]);
    const before = server.seen.length;
    await storage.write("records/regtest/alice/other@5.json", utf8("x"), { kind: "record" });
    expect(server.seen.slice(before).map(({ method }) => method)).toEqual(["PUT"]);
  });

  it("tells a base that cannot be made", async () => {
    const server = await dav();
    const storage = webdav(`${server.url}/a/b`);
    await expectCode("STORAGE_GONE", () => storage.write(RECORD_PATH, utf8("x"), { kind: "record" }));
    expect(server.files.size).toBe(0);
  });

  it.each([403, 423])(
    "asks again where the server is busy with the same folder (%d), and not for ever",
    async (busy) => {
      const pauses: number[] = [];
      const clock: Clock = {
        nowMs: () => systemClock.nowMs(),
        // Longer ones are those of silent servers.
        delay: (ms, signal) => (ms === 100 ? Promise.resolve(void pauses.push(ms)) : systemClock.delay(ms, signal)),
      };
      let times = 2;
      const server = await dav({ intercept: ({ method }) => (method === "MKCOL" && times-- > 0 ? busy : null) });
      const write = (url: string) => webdav(`${url}/b`, { clock }).write(RECORD_PATH, utf8("x"), { kind: "record" });
      expect(await write(server.url)).toBe("stored");
      expect(pauses).toEqual([100, 100]);
      const always = await dav({ intercept: ({ method }) => (method === "MKCOL" ? busy : null) });
      const error = await expectCode("STORAGE_REFUSED", () => write(always.url));
      expect(error.details.reason).toContain(`status ${busy}`);
      expect(always.seen.filter(({ method }) => method === "MKCOL")).toHaveLength(5);
    },
  );

  it("makes no folders for a tag that nothing can have", async () => {
    const server = await dav();
    const storage = webdav(server.url, { conditional: true });
    const condition = { ifTag: '"x"' };
    server.seen.length = 0;
    // As rclone and S3 answer, and as Apache does.
    for (const noParent of [404, 409]) {
      const other = await dav({ noParent, intercept: ({ method }) => (method === "PUT" ? noParent : null) });
      const outcome = await webdav(other.url, { conditional: true }).write(RECORD_PATH, utf8("x"), {
        kind: "record",
        condition,
      });
      expect(outcome).toBe("moved");
      expect(other.seen.map(({ method }) => method)).toEqual(["PUT"]);
    }
    expect(await storage.write(RECORD_PATH, utf8("x"), { kind: "record", condition })).toBe("moved");
  });

  it("gives up where the folder is missing although it was made", async () => {
    const server = await dav({ intercept: ({ method }) => (method === "PUT" ? 409 : null) });
    await expectCode("STORAGE_REFUSED", () => webdav(server.url).write(RECORD_PATH, utf8("x"), { kind: "record" }));
    expect(server.seen.filter(({ method }) => method === "PUT")).toHaveLength(2);
  });

  it("says what a refusal means", async () => {
    let status = 0;
    const server = await dav({ intercept: () => status });
    const storage = webdav(server.url);
    const write = (): Promise<unknown> => storage.write(RECORD_PATH, utf8("x"), { kind: "record" });
    for (const [refusal, code] of [
      [401, "STORAGE_REFUSED"],
      [403, "STORAGE_REFUSED"],
      [423, "STORAGE_REFUSED"],
      [405, "STORAGE_UNSUPPORTED"],
      [501, "STORAGE_UNSUPPORTED"],
      [507, "STORAGE_FULL"],
      [500, "NETWORK_STATUS"],
      [207, "NETWORK_STATUS"],
      [307, "NETWORK_STATUS"],
      // Without a condition a 412 is no outcome.
      [412, "NETWORK_STATUS"],
    ] as const) {
      status = refusal;
      await expectCode(code, write);
      await expectCode(code, () => storage.remove(RECORD_PATH));
    }
    for (status of [401, 403]) await expectCode("STORAGE_REFUSED", () => storage.read(RECORD_PATH, record));
    for (status of [423, 500, 204, 207]) await expectCode("NETWORK_STATUS", () => storage.read(RECORD_PATH, record));
    for (status of [404, 410]) expect(await storage.read(RECORD_PATH, record)).toBeNull();
    for (status of [200, 204, 404, 410]) expect(await storage.remove(RECORD_PATH)).toBe(true);
    status = 202;
    expect(await storage.remove(RECORD_PATH)).toBe(false);
    await expectCode("NETWORK_STATUS", write);
  });

  it.each([
    [403, "STORAGE_REFUSED"],
    [507, "STORAGE_FULL"],
    [501, "STORAGE_UNSUPPORTED"],
    [500, "NETWORK_STATUS"],
  ] as const)("says what MKCOL with status %d means", async (status, code) => {
    const server = await dav({ intercept: ({ method }) => (method === "MKCOL" ? status : null) });
    await expectCode(code, () => webdav(server.url).write(RECORD_PATH, utf8("x"), { kind: "record" }));
  });

  it("sends credentials as UTF-8 with every request, given anew by a function, and shows them nowhere", async () => {
    const server = await dav();
    const fixed = webdav(server.url, { credentials: { username: "ålice", password: "marker:sécret" } });
    await fixed.write(RECORD_PATH, utf8("x"), { kind: "record" });
    const basic = `Basic ${Buffer.from("ålice:marker:sécret", "utf8").toString("base64")}`;
    expect(new Set(server.seen.map(({ headers }) => headers.authorization))).toEqual(new Set([basic]));
    let turn = 0;
    const anew = webdav(server.url, {
      credentials: async () => ({ username: "u", password: String(++turn) }),
      headers: { "x-extra": "1" },
    });
    server.seen.length = 0;
    await anew.read(RECORD_PATH, record);
    await anew.remove(RECORD_PATH);
    expect(server.seen.map(({ headers }) => [headers.authorization, headers["x-extra"]])).toEqual([
      [`Basic ${Buffer.from("u:1").toString("base64")}`, "1"],
      [`Basic ${Buffer.from("u:2").toString("base64")}`, "1"],
    ]);
    expect(JSON.stringify(fixed)).not.toContain("marker");
  });

  it.each([
    { username: "a:b", password: "marker-secret" },
    { username: "a\r\nx", password: "marker-secret" },
    { username: "a", password: "marker-secret\n" },
    { username: "a" },
    () => {
      throw new Error("marker-secret");
    },
  ])("refuses credentials that no header can hold, without showing them", async (credentials) => {
    const storage = webdav("https://a.example", { credentials: credentials as () => never });
    const error = await expectCode("INPUT_CONFIG_INVALID", () => storage.read(RECORD_PATH, record));
    expect(`${JSON.stringify(error)} ${error.message} ${String(error.cause)}`).not.toContain("marker-secret");
  });

  it("U1: follows redirects within its origin alone, for reads alone", async () => {
    const other = await dav();
    const server = await serve(({ method, path }, response) => {
      if (method === "GET" && path.startsWith("/moved/")) reply(response, 200, "there");
      else if (path.startsWith("/in/")) reply(response, 308, "", { location: `/moved/${RECORD_PATH}` });
      else reply(response, 307, "", { location: `${other.url}/x` });
    });
    servers.push(server);
    const credentials = { username: "u", password: "p" };
    const inside = webdav(`${server.url}/in`, { credentials });
    expect((await inside.read(RECORD_PATH, record))?.bytes).toEqual(utf8("there"));
    await expectCode("NETWORK_STATUS", () => inside.write(RECORD_PATH, utf8("x"), { kind: "record" }));
    const outside = webdav(`${server.url}/out`, { credentials });
    await expectCode("NETWORK_HOST_REFUSED", () => outside.read(RECORD_PATH, record));
    await expectCode("NETWORK_STATUS", () => outside.write(RECORD_PATH, utf8("x"), { kind: "record" }));
    await expectCode("NETWORK_STATUS", () => outside.remove(RECORD_PATH));
    expect(other.seen).toEqual([]);
  });

  it("waits for the strong tag of a fresh record where a write may need it, and for 2 s at most", async () => {
    const clock = new FakeClock();
    const startMs = clock.nowMs();
    let strongAfterMs = 1_000;
    const server = await dav({ weak: () => clock.nowMs() - startMs < strongAfterMs });
    const storage = webdav(server.url, { conditional: true, clock });
    await storage.write(RECORD_PATH, utf8("one"), { kind: "record" });
    const drive = async <T>(run: Promise<T>): Promise<T> => {
      const turns = new Set([run]);
      const end = run.finally(() => turns.clear());
      while (turns.size > 0) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        await clock.advance(50);
      }
      return end;
    };
    const read = await drive(storage.read(RECORD_PATH, record));
    expect(read?.tag).not.toBeNull();
    expect(clock.nowMs() - startMs).toBeLessThan(2_000);
    const condition = { ifTag: read?.tag ?? "" };
    expect(await storage.write(RECORD_PATH, utf8("two"), { kind: "record", condition })).toBe("stored");
    strongAfterMs = Number.POSITIVE_INFINITY;
    expect((await drive(storage.read(RECORD_PATH, record)))?.tag).toBeNull();
    // Readers do not wait, nor does anything that is no record.
    expect((await webdav(server.url, { clock }).read(RECORD_PATH, record))?.bytes).toEqual(utf8("two"));
  });

  it("leaves nothing of a staged write that failed", async () => {
    const server = await dav({ intercept: ({ method }) => (method === "MOVE" ? 507 : null) });
    const storage = webdav(server.url, { staged: true });
    await expectCode("STORAGE_FULL", () => storage.write(RECORD_PATH, utf8("x"), { kind: "record" }));
    expect([...server.files.keys()]).toEqual([]);
    const moved = server.seen.find(({ method }) => method === "MOVE");
    expect(moved?.headers).toMatchObject({ destination: `${server.url}/${RECORD_PATH}`, overwrite: "T" });
    expect(moved?.path).toMatch(/^\/records\/regtest\/alice\/@[0-9a-f]{24}\.tmp$/);
  });
});
