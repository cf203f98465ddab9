import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { joinBase, objectPath } from "../../../src/route/layout.js";
import { createUrlReader, httpUrlReader } from "../../../src/storage/http-url-reader.js";
import { expectCode } from "./expect-code.js";
import { reply, serve, type TestServer } from "./serve.js";

const servers: TestServer[] = [];
async function start(...parameters: Parameters<typeof serve>): Promise<TestServer> {
  const server = await serve(...parameters);
  servers.push(server);
  return server;
}
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const record = { kind: "record", maxBytes: 1_000 } as const;

describe("httpUrlReader: which URLs", () => {
  it("U1: opens https:, and http: only where allowed", () => {
    const reader = httpUrlReader({ allowHosts: ["127.0.0.1:8080"] });
    expect(reader.opens("https://a.example/x?y=1")).toBe(true);
    expect(reader.opens("HTTPS://a.example/")).toBe(true);
    // Opened as far as its form goes; the read tells why the place is off limits.
    expect(reader.opens("https://127.0.0.1/")).toBe(true);
    expect(reader.opens("http://127.0.0.1:8080/x")).toBe(true);
    for (const url of [
      ...["http://a.example/", "http://127.0.0.1/", "http://127.0.0.1:8081/", "ftp://a.example/", "file:///etc/passwd"],
      ...["ipfs://x", "data:,x", "https:a.example", "https:/a.example", "https://", "https://user@a.example/", ""],
      ...["https://a@b:c@a.example/", "https://a.example/#x", "https://a.example/ x", 'https://a.example/"'],
      ...["https://a.example\\@b.example/", "https://a.example/\n", "https://ä.example/", " https://a.example/"],
      `https://a.example/${"x".repeat(320)}`,
    ]) {
      expect(reader.opens(url), url).toBe(false);
    }
    // A base of 255 bytes is a good one, and is opened with an object's path after it.
    const base = `https://a.example/${"x".repeat(255)}`.slice(0, 255);
    expect(reader.opens(joinBase(base, objectPath("0".repeat(64))))).toBe(true);
    expect(reader.opens(`${joinBase(base, objectPath("0".repeat(64)))}x`)).toBe(false);
    // An @ is user info only before the first slash or question mark.
    expect(reader.opens("https://a.example/records/alice/x@5.json?u=a@b")).toBe(true);
  });

  it("U1: refuses to read what it does not open, without showing user info", async () => {
    const reader = httpUrlReader();
    for (const url of ["file:///etc/passwd", "https://user:marker-secret@a.example/", "https://a.example/#x"]) {
      const error = await expectCode("INPUT_URL_INVALID", () => reader.readUrl(url, record));
      expect(JSON.stringify(error)).not.toContain("marker-secret");
    }
    await expectCode("NETWORK_HOST_REFUSED", () => reader.readUrl("http://a.example/", record));
    await expectCode("NETWORK_HOST_REFUSED", () => reader.readUrl("https://[::1]/", record));
  });

  it("U1: refuses allowHosts without a port", async () => {
    await expectCode("INPUT_INVALID", () => httpUrlReader({ allowHosts: ["localhost"] }));
  });
});

describe("httpUrlReader: answers", () => {
  it("U1: reads bytes with a plain GET that needs no CORS preflight", async () => {
    const server = await start((_, response) => {
      reply(response, 200, "hello", { etag: '"x"', "set-cookie": "a=1", "content-type": "text/html" });
    });
    const reader = httpUrlReader({ allowHosts: [server.host] });
    expect(await reader.readUrl(`${server.url}/x?y=1`, record)).toEqual(utf8("hello"));
    expect(await reader.readUrl(`${server.url}/o`, { kind: "object", maxBytes: 5 })).toEqual(utf8("hello"));
    const [first, second] = server.seen;
    expect(first).toMatchObject({ method: "GET", path: "/x?y=1" });
    // Records bypass HTTP caches; objects need not, since their hash is known.
    expect(first?.headers["cache-control"]).toBe("no-cache");
    expect(second?.headers["cache-control"]).toBeUndefined();
    for (const request of server.seen) {
      expect(request.headers.cookie).toBeUndefined();
      expect(request.headers.authorization).toBeUndefined();
      expect(request.headers.referer).toBeUndefined();
      expect(request.headers.origin).toBeUndefined();
    }
  });

  it("U1: every request, a redirected one too, goes without credentials, cookies and referrer", async () => {
    const sent: Request[] = [];
    const dial = {
      fetch: (request: Request) => {
        sent.push(request);
        const headers = { location: "https://b.example/y", "set-cookie": "a=1" };
        return Promise.resolve(sent.length === 1 ? new Response(null, { status: 302, headers }) : new Response("x"));
      },
      showsRedirects: true,
    };
    expect(await createUrlReader(dial, new Set()).readUrl("https://a.example/x", record)).toEqual(utf8("x"));
    expect(sent.map(({ url }) => url)).toEqual(["https://a.example/x", "https://b.example/y"]);
    for (const request of sent) {
      expect(request.credentials).toBe("omit");
      expect(request.referrerPolicy).toBe("no-referrer");
      expect(request.redirect).toBe("manual");
      expect(["cookie", "authorization"].filter((name) => request.headers.has(name))).toEqual([]);
    }
  });

  it("P6: takes only 404 and 410 for absence", async () => {
    let status = 200;
    const server = await start((_, response) => {
      reply(response, status, "body");
    });
    const reader = httpUrlReader({ allowHosts: [server.host] });
    for (status of [404, 410]) expect(await reader.readUrl(server.url, record)).toBeNull();
    for (status of [201, 203, 204, 206, 300, 304, 305, 400, 401, 403, 418, 429, 500, 502, 503]) {
      const error = await expectCode("NETWORK_STATUS", () => reader.readUrl(server.url, record));
      expect(error.details.status).toBe(status);
    }
  });

  it("U1: reads an empty body", async () => {
    const server = await start((_, response) => {
      reply(response, 200);
    });
    const reader = httpUrlReader({ allowHosts: [server.host] });
    expect(await reader.readUrl(server.url, { kind: "object", maxBytes: 0 })).toEqual(new Uint8Array(0));
  });

  it("U1: counts compressed answers after decompression", async () => {
    const server = await start((_, response) => {
      reply(response, 200, gzipSync("x".repeat(1_000)), { "content-encoding": "gzip" });
    });
    const reader = httpUrlReader({ allowHosts: [server.host] });
    expect((await reader.readUrl(server.url, record))?.length).toBe(1_000);
    await expectCode("NETWORK_TOO_LARGE", () => reader.readUrl(server.url, { kind: "record", maxBytes: 999 }));
  });

  it("U1: tells an unreachable server, a broken answer and the caller's abort apart", async () => {
    const controller = new AbortController();
    const server = await start((request, response) => {
      if (request.path === "/cut") {
        response.writeHead(200, { "content-length": "100" });
        response.write("only this");
        setImmediate(() => response.destroy());
      } else if (request.path === "/bad-gzip") {
        reply(response, 200, "not gzip", { "content-encoding": "gzip" });
      } else {
        response.writeHead(200);
        response.write("and then nothing", () => {
          controller.abort();
        });
      }
    });
    const closed = await serve(() => undefined);
    await closed.close();
    const reader = httpUrlReader({ allowHosts: [server.host, closed.host] });
    await expectCode("NETWORK_UNREACHABLE", () => reader.readUrl(`${server.url}/cut`, record));
    await expectCode("NETWORK_UNREACHABLE", () => reader.readUrl(`${server.url}/bad-gzip`, record));
    const refused = await expectCode("NETWORK_UNREACHABLE", () => reader.readUrl(closed.url, record));
    expect(refused.details.reason).toBe("ECONNREFUSED");
    const hanging = reader.readUrl(`${server.url}/hang`, { ...record, signal: controller.signal });
    await expectCode("NETWORK_ABORTED", hanging);
    await expectCode("NETWORK_ABORTED", () => reader.readUrl(server.url, { ...record, signal: controller.signal }));
  });
});

describe("httpUrlReader: redirects", () => {
  it("U1: follows three, whatever kind, and no fourth", async () => {
    const server = await start((request, response) => {
      const left = Number(request.path.slice(1));
      const status = [301, 302, 303, 307, 308][left % 5] ?? 302;
      if (left === 0) reply(response, 200, "there");
      else reply(response, status, "", { location: `/${left - 1}#x` });
    });
    const reader = httpUrlReader({ allowHosts: [server.host] });
    for (const left of [0, 1, 2, 3])
      expect(await reader.readUrl(`${server.url}/${left}`, record)).toEqual(utf8("there"));
    server.seen.length = 0;
    await expectCode("NETWORK_STATUS", () => reader.readUrl(`${server.url}/4`, record));
    expect(server.seen).toHaveLength(4);
  });

  it("U1: judges each place that a redirect leads to", async () => {
    const hidden = await start((_, response) => {
      reply(response, 200, "secret of the local network");
    });
    const server = await start((request, response) => {
      reply(response, 302, "", { location: decodeURIComponent(request.path.slice(1)) });
    });
    const reader = httpUrlReader({ allowHosts: [server.host] });
    for (const location of [
      hidden.url,
      hidden.url.replace("127.0.0.1", "localhost"),
      hidden.url.replace("127.0.0.1", "2130706433"),
      hidden.url.replace("http://127.0.0.1", "http://[::ffff:127.0.0.1]"),
      `//${hidden.host}/`,
      `https://${hidden.host}/`,
      "https://169.254.169.254/latest/meta-data/",
      "file:///etc/passwd",
      "data:text/plain,x",
      `http://user:password@${server.host}/`,
      // Through a place that is allowed.
      `/${encodeURIComponent(hidden.url)}`,
    ]) {
      const error = await expectCode("NETWORK_HOST_REFUSED", () =>
        reader.readUrl(`${server.url}/${encodeURIComponent(location)}`.slice(0, 255), record),
      );
      expect(JSON.stringify(error)).not.toContain("password@");
    }
    expect(hidden.seen).toEqual([]);
    // The same redirect, to a place that is allowed.
    const other = httpUrlReader({ allowHosts: [server.host, hidden.host] });
    expect(await other.readUrl(`${server.url}/${encodeURIComponent(hidden.url)}`, record)).not.toBeNull();
  });

  it("U1: takes a redirect without a readable place for an answer that says nothing", async () => {
    const server = await start((request, response) => {
      reply(response, 302, "", request.path === "/bad" ? { location: "https://" } : {});
    });
    const reader = httpUrlReader({ allowHosts: [server.host] });
    await expectCode("NETWORK_STATUS", () => reader.readUrl(`${server.url}/bad`, record));
    await expectCode("NETWORK_STATUS", () => reader.readUrl(`${server.url}/none`, record));
  });

  it("U1: where the runtime follows by itself, refuses an answer from a place that is off limits", async () => {
    const hidden = await start((_, response) => {
      reply(response, 200, "x");
    });
    const server = await start((request, response) => {
      reply(response, 302, "", { location: request.path === "/out" ? hidden.url : "/in" });
    });
    const allowed = new Set([server.host]);
    const dial = { fetch: (request: Request) => fetch(request), showsRedirects: false };
    await expectCode("NETWORK_HOST_REFUSED", () => createUrlReader(dial, allowed).readUrl(`${server.url}/out`, record));
    const both = new Set([server.host, hidden.host]);
    expect(await createUrlReader(dial, both).readUrl(`${server.url}/out`, record)).toEqual(utf8("x"));
  });
});
