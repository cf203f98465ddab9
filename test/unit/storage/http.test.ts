import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { http } from "../../../src/storage/http.js";
import { OBJECT_PATH, RECORD_PATH } from "./contract.js";
import { expectCode } from "./expect-code.js";
import { serveFiles } from "./file-server.js";
import { reply, serve, type TestServer } from "./serve.js";

const servers: TestServer[] = [];
function opened(server: TestServer): TestServer {
  servers.push(server);
  return server;
}
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const record = { kind: "record", maxBytes: 1_000 } as const;

describe("http", () => {
  it.each(["ftp://a.example", "https://user:marker-secret@a.example", "https://a.example/?x", "", "a.example"])(
    "U1: refuses the base %j",
    async (base) => {
      const error = await expectCode("INPUT_URL_INVALID", () => http(base));
      expect(JSON.stringify(error)).not.toContain("marker-secret");
      await expectCode("INPUT_URL_INVALID", () => http("https://a.example", { publicBaseUrl: base }));
    },
  );

  it("U1: joins base and path, and publishes what it is told to", () => {
    const plain = http("https://a.example/x/");
    expect(plain.label).toBe("a.example/x");
    expect(plain.conditional).toBe(false);
    expect(plain.publicBaseUrl).toBe("https://a.example/x/");
    expect(plain.urlOf(RECORD_PATH)).toBe(`https://a.example/x/${RECORD_PATH}`);
    const separate = http("https://api.example/put", { publicBaseUrl: "https://cdn.example", label: "mine" });
    expect(separate.label).toBe("mine");
    expect(separate.urlOf(RECORD_PATH)).toBe(`https://cdn.example/${RECORD_PATH}`);
    expect(http("https://a.example", { publicBaseUrl: null }).urlOf(RECORD_PATH)).toBeNull();
    // U1: 255 bytes are the most that a profile may hold.
    const fits = `https://a.example/${"x".repeat(255 - 18 - 1 - OBJECT_PATH.length)}`;
    expect(http(fits).urlOf(OBJECT_PATH)?.length).toBe(255);
    expect(http(`${fits}x`).urlOf(OBJECT_PATH)).toBeNull();
  });

  it("does not write unless told that the server takes it", async () => {
    const server = opened(await serveFiles());
    const storage = http(server.url, { conditional: true });
    expect(storage.conditional).toBe(false);
    await expectCode("STORAGE_UNSUPPORTED", () => storage.write(RECORD_PATH, utf8("x"), { kind: "record" }));
    await expectCode("STORAGE_UNSUPPORTED", () => storage.remove(RECORD_PATH));
    expect(server.seen).toEqual([]);
  });

  it("U1: reads with a plain GET, past caches for records alone", async () => {
    const server = opened(await serveFiles());
    const storage = http(server.url);
    await storage.read(RECORD_PATH, record);
    await storage.read(OBJECT_PATH, { kind: "object", maxBytes: 10 });
    const [first, second] = server.seen;
    expect(first).toMatchObject({ method: "GET", path: `/${RECORD_PATH}` });
    expect(first?.headers["cache-control"]).toBe("no-cache");
    expect(second?.headers["cache-control"]).toBeUndefined();
    for (const { headers } of server.seen) {
      expect(
        Object.keys(headers).filter((name) => /^(?:authorization|cookie|referer|origin|content-type|x-)/.test(name)),
      ).toEqual([]);
    }
  });

  it("P6: a status that is neither 200 nor absence leaves it unknown", async () => {
    let status = 0;
    const server = opened(
      await serve((_, response) => {
        reply(response, status, "x");
      }),
    );
    const storage = http(server.url);
    for (status of [404, 410]) expect(await storage.read(RECORD_PATH, record)).toBeNull();
    for (status of [204, 206, 301, 304, 401, 403, 429, 500, 503]) {
      const error = await expectCode("NETWORK_STATUS", () => storage.read(RECORD_PATH, record));
      expect(error.details.status).toBe(status);
    }
  });

  it("says what a refused write means", async () => {
    let status = 0;
    const server = opened(
      await serve((_, response) => {
        reply(response, status);
      }),
    );
    const storage = http(server.url, { writable: true, conditional: true });
    const write = (): Promise<unknown> => storage.write(RECORD_PATH, utf8("x"), { kind: "record" });
    for (status of [200, 201, 204]) expect(await write()).toBe("stored");
    for (status of [401, 403]) {
      await expectCode("STORAGE_REFUSED", write);
      await expectCode("STORAGE_REFUSED", () => storage.remove(RECORD_PATH));
    }
    for (status of [405, 501]) {
      await expectCode("STORAGE_UNSUPPORTED", write);
      await expectCode("STORAGE_UNSUPPORTED", () => storage.remove(RECORD_PATH));
    }
    // 202 only promises to write, and a redirect did not.
    for (status of [202, 302, 307, 400, 404, 409, 413, 429, 500]) await expectCode("NETWORK_STATUS", write);
    status = 507;
    await expectCode("STORAGE_FULL", write);
    for (status of [200, 204, 404, 410]) expect(await storage.remove(RECORD_PATH)).toBe(true);
    status = 202;
    expect(await storage.remove(RECORD_PATH)).toBe(false);
    status = 500;
    await expectCode("NETWORK_STATUS", () => storage.remove(RECORD_PATH));
    for (status of [412, 404]) {
      expect(await storage.write(RECORD_PATH, utf8("x"), { kind: "record", condition: { ifTag: '"t"' } })).toBe(
        "moved",
      );
    }
    expect(server.seen.at(-1)?.headers["if-match"]).toBe('"t"');
    status = 404;
    await expectCode("NETWORK_STATUS", () =>
      storage.write(RECORD_PATH, utf8("x"), { kind: "record", condition: { ifAbsent: true } }),
    );
    expect(server.seen.at(-1)?.headers["if-none-match"]).toBe("*");
  });

  it("sends the body as it is, with its length and a media type", async () => {
    const server = opened(await serveFiles());
    const storage = http(server.url, { writable: true });
    await storage.write(RECORD_PATH, utf8("{}"), { kind: "record" });
    await storage.write(OBJECT_PATH, new Uint8Array([0, 255]), { kind: "object" });
    expect(server.seen[0]?.headers).toMatchObject({ "content-type": "application/json", "content-length": "2" });
    expect(server.seen[1]?.headers).toMatchObject({
      "content-type": "application/octet-stream",
      "content-length": "2",
    });
    expect([...(server.seen[1]?.body ?? [])]).toEqual([0, 255]);
    expect(server.seen[0]?.headers["content-encoding"]).toBeUndefined();
  });

  it("gives no tag that a conditional write could not use", async () => {
    let etag = "";
    const server = opened(
      await serve((_, response) => {
        reply(response, 200, "x", { etag });
      }),
    );
    const storage = http(server.url);
    for (etag of ['W/"weak"', "unquoted", '"', '"a"b"'])
      expect((await storage.read(RECORD_PATH, record))?.tag).toBeNull();
    for (etag of ['"strong"', '""']) expect((await storage.read(RECORD_PATH, record))?.tag).toBe(etag);
  });

  it("U1: counts bytes after decompression", async () => {
    const server = opened(
      await serve((_, response) => {
        reply(response, 200, gzipSync("x".repeat(2_000)), { "content-encoding": "gzip" });
      }),
    );
    await expectCode("NETWORK_TOO_LARGE", () => http(server.url).read(RECORD_PATH, record));
    expect((await http(server.url).read(RECORD_PATH, { kind: "record", maxBytes: 2_000 }))?.bytes.length).toBe(2_000);
  });

  it("U1: follows redirects within its origin alone, for reads alone", async () => {
    const other = opened(await serveFiles());
    const server = opened(
      await serve((request, response) => {
        if (request.path.startsWith("/moved/")) reply(response, 200, "there");
        else if (request.path.startsWith("/inside/")) reply(response, 308, "", { location: `/moved/${RECORD_PATH}` });
        else reply(response, 307, "", { location: `${other.url}/x` });
      }),
    );
    const inside = http(`${server.url}/inside`, { writable: true, headers: { authorization: "marker-secret" } });
    expect((await inside.read(RECORD_PATH, record))?.bytes).toEqual(utf8("there"));
    await expectCode("NETWORK_STATUS", () => inside.write(RECORD_PATH, utf8("x"), { kind: "record" }));
    const outside = http(`${server.url}/outside`, { writable: true, headers: { authorization: "marker-secret" } });
    await expectCode("NETWORK_HOST_REFUSED", () => outside.read(RECORD_PATH, record));
    await expectCode("NETWORK_STATUS", () => outside.write(RECORD_PATH, utf8("x"), { kind: "record" }));
    await expectCode("NETWORK_STATUS", () => outside.remove(RECORD_PATH));
    expect(other.seen).toEqual([]);
  });

  it("U1: sends credentials with each request, refreshed by a function", async () => {
    const server = opened(await serveFiles());
    let token = 0;
    const storage = http(server.url, {
      writable: true,
      headers: ({ method }) => {
        if (method === "GET") return {};
        token += 1;
        return { authorization: `Bearer ${token}` };
      },
    });
    await storage.write(RECORD_PATH, utf8("x"), { kind: "record" });
    await storage.read(RECORD_PATH, record);
    await storage.remove(RECORD_PATH);
    expect(server.seen.map(({ headers }) => headers.authorization)).toEqual(["Bearer 1", undefined, "Bearer 2"]);
  });
});
