import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { http } from "../../../src/storage/http.js";
import { FakeClock } from "../fake-clock.js";
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

  describe("a part of a body", () => {
    const range = { start: 2, end: 5 };
    const answering = async (
      status: number,
      body: string,
      headers: Readonly<Record<string, string>> = {},
    ): Promise<ReturnType<typeof http>> => {
      const server = opened(
        await serve((_, response) => {
          reply(response, status, body, headers);
        }),
      );
      return http(server.url);
    };
    const part = (storage: ReturnType<typeof http>, given = range, maxBytes = 3) =>
      storage.read(RECORD_PATH, { kind: "record", maxBytes, range: given });

    it("is asked for, and taken as the server says that it is", async () => {
      const server = opened(
        await serve((_, response) => {
          reply(response, 206, "234", { "content-range": "bytes 2-4/10", etag: '"t"' });
        }),
      );
      expect(await part(http(server.url))).toEqual({ bytes: utf8("234"), tag: '"t"' });
      expect(server.seen[0]?.headers["range"]).toBe("bytes=2-4");
    });

    it("is cut out of the whole where the server sends that", async () => {
      const storage = await answering(200, "0123456789");
      expect((await part(storage))?.bytes).toEqual(utf8("234"));
      expect((await part(storage, { start: 8, end: 20 }))?.bytes).toEqual(utf8("89"));
      expect((await part(storage, { start: 10, end: 20 }))?.bytes).toEqual(utf8(""));
      expect((await part(storage, { start: 3, end: 3 }))?.bytes).toEqual(utf8(""));
    });

    it("may end where the body ends, or be none", async () => {
      expect((await part(await answering(206, "23", { "content-range": "bytes 2-3/4" })))?.bytes).toEqual(utf8("23"));
      expect((await part(await answering(416, "no")))?.bytes).toEqual(utf8(""));
      expect(await part(await answering(404, "no"))).toBeNull();
      // Browsers hide the header.
      expect((await part(await answering(206, "234")))?.bytes).toEqual(utf8("234"));
    });

    it.each([
      ["another part", "012", { "content-range": "bytes 0-2/10" }],
      ["a part that begins elsewhere", "234", { "content-range": "bytes 1-4/10" }],
      ["less than there is", "23", { "content-range": "bytes 2-3/10" }],
      ["less, of nobody knows how much", "23", { "content-range": "bytes 2-3/*" }],
      ["another length than it says", "23", { "content-range": "bytes 2-4/10" }],
      ["more than was asked for", "2345", { "content-range": "bytes 2-5/10" }],
      ["more without a word", "2345", {}],
      ["a range that is none", "234", { "content-range": "items 2-4/10" }],
      ["a part of something compressed", "234", { "content-range": "bytes 2-4/10", "content-encoding": "x-own" }],
    ])("is refused where it is %s", async (_, body, headers) => {
      const error = await expectCode("NETWORK_ANSWER_INVALID", part(await answering(206, body, headers)));
      expect(error.details.reason).toContain("not the range that was asked for");
    });

    it("counts against maxBytes, and the whole against what the layout allows", async () => {
      const storage = await answering(200, "0123456789");
      await expectCode("NETWORK_TOO_LARGE", part(storage, range, 2));
      const large = await answering(200, "x".repeat(1.5 * 1024 * 1024 + 1));
      await expectCode("NETWORK_TOO_LARGE", part(large));
    });

    it("is a range of integers", async () => {
      const storage = await answering(200, "x");
      for (const given of [
        { start: -1, end: 1 },
        { start: 1, end: 0 },
        { start: 0.5, end: 1 },
      ]) {
        await expectCode("INPUT_INVALID", () => part(storage, given));
      }
      // Only where nobody asked for a part is a part no answer.
      const partial = await answering(206, "x", { "content-range": "bytes 0-0/1" });
      await expectCode("NETWORK_STATUS", () => partial.read(RECORD_PATH, record));
    });
  });

  it("takes no body that ends before its length", async () => {
    const server = opened(
      await serve((_, response) => {
        response.writeHead(200, { "content-length": "10" });
        response.write("12345", () => {
          response.destroy();
        });
      }),
    );
    await expectCode("NETWORK_UNREACHABLE", () => http(server.url).read(RECORD_PATH, record));
  });

  it("carries along for how long the server asks to be left alone", async () => {
    const server = opened(
      await serve((_, response) => {
        reply(response, 503, "", { "retry-after": "7" });
      }),
    );
    const storage = http(server.url, { writable: true });
    for (const call of [
      () => storage.read(RECORD_PATH, record),
      () => storage.write(RECORD_PATH, utf8("x"), { kind: "record" }),
      () => storage.remove(RECORD_PATH),
    ]) {
      expect((await expectCode("NETWORK_STATUS", call)).details.retryAfterMs).toBe(7_000);
    }
  });

  it.each([
    ["nothing", 1_000],
    ["the head and then nothing", 3_000],
  ] as const)("gives up a server that sends %s", async (what, timeoutMs) => {
    const clock = new FakeClock();
    let asked = (): void => undefined;
    const reached = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const server = opened(
      await serve((_, response) => {
        if (what !== "nothing") {
          response.writeHead(200, { "content-length": "10" });
          response.write("1");
        }
        asked();
      }),
    );
    const storage = http(server.url, { clock, progress: { record: { firstByteMs: 1_000, idleMs: 3_000 } } });
    const reading = expectCode("NETWORK_TIMEOUT", storage.read(RECORD_PATH, record));
    await reached;
    await new Promise((resolve) => setTimeout(resolve, 50));
    await clock.advance(3_001);
    expect((await reading).details.timeoutMs).toBe(timeoutMs);
  });
});
