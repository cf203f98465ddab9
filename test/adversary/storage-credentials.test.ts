import { inspect } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { esplora } from "../../src/chain/sources/esplora.js";
import type { ChainSource, StorageProvider } from "../../src/ports.js";
import { http } from "../../src/storage/http.js";
import { httpUrlReader } from "../../src/storage/http-url-reader.js";
import { RECORD_PATH } from "../unit/storage/contract.js";
import { reply, serve, type TestServer } from "../unit/storage/serve.js";

/** Attack: make a reader or writer tell its credentials, through redirects, errors, labels or published URLs. */

const SECRET = "marker-secret-0123456789";
const HEADERS = { authorization: `Bearer ${SECRET}`, "x-api-key": SECRET };

const servers: TestServer[] = [];
async function start(...parameters: Parameters<typeof serve>): Promise<TestServer> {
  const server = await serve(...parameters);
  servers.push(server);
  return server;
}
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** Everything that one could print of an error. */
const shown = (error: unknown): string => `${inspect(error, { depth: 10, showHidden: true })}${JSON.stringify(error)}`;
const failure = (run: () => Promise<unknown>): Promise<unknown> =>
  run().then(
    () => undefined,
    (error: unknown) => error,
  );

const storageCalls: readonly ((storage: StorageProvider) => Promise<unknown>)[] = [
  (storage) => storage.read(RECORD_PATH, { kind: "record", maxBytes: 10 }),
  (storage) => storage.write(RECORD_PATH, utf8("x"), { kind: "record" }),
  (storage) => storage.remove(RECORD_PATH),
];
const sourceCalls: readonly ((source: ChainSource) => Promise<unknown>)[] = [
  (source) => source.tip(),
  (source) => source.headers(0, 10),
  (source) => source.history(new Uint8Array(22)),
  (source) => source.feeRate(1),
  (source) => source.transaction("aa".repeat(32)),
];

describe("credentials", () => {
  it("U1: credentials stand in no error, whatever the server does", async () => {
    let status = 200;
    const server = await start((_, response) => {
      if (status === 0) response.destroy();
      else reply(response, status, "x".repeat(100), { location: "https://other.example/" });
    });
    const closed = await serve(() => undefined);
    await closed.close();
    for (const { url } of [server, closed]) {
      const storage = http(url, { writable: true, headers: HEADERS });
      const source = esplora(url, { headers: HEADERS });
      expect(inspect(storage, { showHidden: true, depth: 10 })).not.toContain(SECRET);
      expect(inspect(source, { showHidden: true, depth: 10 })).not.toContain(SECRET);
      expect(JSON.stringify([storage, source, storage.label, source.label, storage.urlOf(RECORD_PATH)])).not.toContain(
        SECRET,
      );
      for (status of [0, 200, 302, 307, 400, 401, 403, 404, 405, 412, 500]) {
        for (const call of storageCalls) expect(shown(await failure(() => call(storage)))).not.toContain(SECRET);
        for (const call of sourceCalls) expect(shown(await failure(() => call(source)))).not.toContain(SECRET);
      }
    }
    // The test would pass for no reason if they were never sent.
    expect(server.seen.every(({ headers }) => headers["x-api-key"] === SECRET)).toBe(true);
  });

  it("U1: credentials do not follow a redirect to another origin, or another port of the same host", async () => {
    const thief = await start((_, response) => {
      reply(response, 200, "x");
    });
    for (const status of [301, 302, 303, 307, 308]) {
      const server = await start((_, response) => {
        reply(response, status, "", { location: `${thief.url}/steal` });
      });
      for (const call of storageCalls) {
        expect(await failure(() => call(http(server.url, { writable: true, headers: HEADERS })))).toBeDefined();
      }
      for (const call of sourceCalls) {
        expect(await failure(() => call(esplora(server.url, { headers: HEADERS })))).toBeDefined();
      }
    }
    expect(thief.seen).toEqual([]);
  });

  it("U1: user info in a redirect is refused and not shown", async () => {
    const server = await start((_, response) => {
      reply(response, 302, "", { location: `http://user:${SECRET}@${server.host}/` });
    });
    const storage = http(server.url);
    const reader = httpUrlReader({ allowHosts: [server.host] });
    const errors = [
      await failure(() => storage.read(RECORD_PATH, { kind: "record", maxBytes: 10 })),
      await failure(() => reader.readUrl(server.url, { kind: "record", maxBytes: 10 })),
    ];
    for (const error of errors) {
      expect(error).toMatchObject({ code: "NETWORK_HOST_REFUSED" });
      expect(shown(error)).not.toContain(SECRET);
    }
    expect(server.seen).toHaveLength(2);
  });

  it("U1: user info in a base URL is refused and not shown", async () => {
    for (const create of [http, esplora]) {
      let error: unknown;
      try {
        create(`https://user:${SECRET}@a.example/`);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toMatchObject({ code: "INPUT_URL_INVALID" });
      expect(shown(error)).not.toContain(SECRET);
    }
  });
});
