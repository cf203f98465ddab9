import type { ServerResponse } from "node:http";
import { createGzip, gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { esplora } from "../../src/chain/sources/esplora.js";
import { withDeadline } from "../../src/deadline.js";
import { limits } from "../../src/limits.js";
import type { Clock } from "../../src/ports.js";
import { http } from "../../src/storage/http.js";
import { httpUrlReader } from "../../src/storage/http-url-reader.js";
import { OBJECT_PATH, RECORD_PATH } from "../unit/storage/contract.js";
import { expectCode } from "../unit/storage/expect-code.js";
import { serve, type TestServer } from "../unit/storage/serve.js";

/** Attack: a server that answers without end, larger than it says, or slower than anyone can wait. */

let server: TestServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

type Reader = readonly [name: string, read: (server: TestServer, maxBytes: number) => Promise<unknown>];
const readers: readonly Reader[] = [
  ["http, record", (at, maxBytes) => http(at.url).read(RECORD_PATH, { kind: "record", maxBytes })],
  ["http, object", (at, maxBytes) => http(at.url).read(OBJECT_PATH, { kind: "object", maxBytes })],
  [
    "httpUrlReader",
    (at, maxBytes) => httpUrlReader({ allowHosts: [at.host] }).readUrl(`${at.url}/x`, { kind: "record", maxBytes }),
  ],
];

/** Writes for ever, as fast as the reader takes it; says how much it got rid of. */
function pour(response: ServerResponse, chunk: Uint8Array, poured: { bytes: number; closed: boolean }): void {
  response.on("close", () => {
    poured.closed = true;
  });
  const more = (): void => {
    while (!poured.closed) {
      poured.bytes += chunk.length;
      if (!response.write(chunk)) {
        response.once("drain", more);
        return;
      }
    }
  };
  more();
}

describe.each(readers)("%s", (_, read) => {
  it("U1: a body without end stops at the cap, and the connection is closed", async () => {
    const poured = { bytes: 0, closed: false };
    server = await serve((_request, response) => {
      response.writeHead(200);
      pour(response, new Uint8Array(65_536), poured);
    });
    await expectCode("NETWORK_TOO_LARGE", read(server, limits.recordBodyMaxBytes));
    await expect.poll(() => poured.closed).toBe(true);
    // What lies in socket buffers comes on top.
    expect(poured.bytes).toBeLessThan(limits.recordBodyMaxBytes + 16 * 1024 * 1024);
  });

  it("U1: a bomb of a thousandth of its size stops at the cap", async () => {
    const bomb = gzipSync(new Uint8Array(64 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(70_000);
    server = await serve((_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip", "content-length": bomb.length });
      response.end(bomb);
    });
    await expectCode("NETWORK_TOO_LARGE", read(server, limits.objectMaxBytes));
  });

  it("U1: a bomb without end stops at the cap", async () => {
    const poured = { bytes: 0, closed: false };
    server = await serve((_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip" });
      const gzip = createGzip();
      gzip.pipe(response);
      response.on("close", () => {
        poured.closed = true;
        gzip.destroy();
      });
      const more = (): void => {
        if (!poured.closed) gzip.write(new Uint8Array(262_144), more);
      };
      more();
    });
    await expectCode("NETWORK_TOO_LARGE", read(server, limits.objectMaxBytes));
    await expect.poll(() => poured.closed).toBe(true);
  });

  it("U1: layers of compression, each small, are counted at the end", async () => {
    const layered = gzipSync(gzipSync(new Uint8Array(8 * 1024 * 1024)));
    server = await serve((_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip, gzip" });
      response.end(layered);
    });
    await expectCode("NETWORK_TOO_LARGE", read(server, limits.objectMaxBytes));
  });

  it("U1: a Content-Length that promises less is not believed", async () => {
    server = await serve((_request, response) => {
      // Written past the HTTP library, which would not let the lie out.
      response.socket?.end(
        `HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n${"5\r\nxxxxx\r\n".repeat(100)}0\r\n\r\n`,
      );
    });
    const outcome = await read(server, 50).then(
      () => "bytes",
      (error: unknown) => (error as { code?: string }).code,
    );
    expect(["NETWORK_TOO_LARGE", "NETWORK_UNREACHABLE"]).toContain(outcome);
  });

  it("U1: a body in single bytes is read whole, and counted", async () => {
    server = await serve((_request, response) => {
      response.writeHead(200);
      for (let i = 0; i < 20_000; i++) response.write("x");
      response.end();
    });
    expect(await read(server, 20_000)).not.toBeNull();
    await expectCode("NETWORK_TOO_LARGE", read(server, 19_999));
  });
});

describe("a server that drips", () => {
  // Time passes when the test says so.
  const stopped: { fire: () => void; clock: Clock } = (() => {
    let fire: () => void = () => undefined;
    const clock: Clock = {
      nowMs: () => 0,
      delay: (_ms, signal) =>
        new Promise((resolve, reject) => {
          fire = resolve;
          signal?.addEventListener("abort", () => {
            reject(new Error("over"));
          });
        }),
    };
    return {
      fire: () => {
        fire();
      },
      clock,
    };
  })();

  it("U1: a server that drips is cut off by the caller's deadline in the middle of the body", async () => {
    let closed = false;
    server = await serve((_request, response) => {
      response.on("close", () => {
        closed = true;
      });
      response.writeHead(200);
      // The first byte is on its way; the rest never comes.
      response.write("x", stopped.fire);
    });
    const storage = http(server.url);
    const reading = withDeadline({ clock: stopped.clock, timeoutMs: 15_000, what: "the server" }, (signal) =>
      storage.read(RECORD_PATH, { kind: "record", maxBytes: 1_000, signal }),
    );
    await expectCode("NETWORK_TIMEOUT", reading);
    await expect.poll(() => closed).toBe(true);
  });
});

describe("a chain source", () => {
  it("V8: an answer without end stops at the cap", async () => {
    server = await serve((_request, response) => {
      response.writeHead(200);
      pour(response, new Uint8Array(65_536).fill(0x20), { bytes: 0, closed: false });
    });
    const source = esplora(server.url);
    for (const ask of [
      () => source.tip(),
      () => source.headers(0, 10),
      () => source.history(new Uint8Array(22)),
      () => source.transaction("aa".repeat(32)),
    ]) {
      await expectCode("NETWORK_TOO_LARGE", ask);
    }
  });
});
