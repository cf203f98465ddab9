import { afterEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { type GaiaOptions, gaia } from "../../../src/storage/gaia.js";
import { gaiaTag } from "../../../src/storage/gaia-hub.js";
import { storageContract } from "../../../src/testing/index.js";
import { type GaiaHub, type GaiaHubOptions, startGaiaHub } from "../../doubles/gaia-hub.js";
import { FakeClock } from "../fake-clock.js";
import { OBJECT_PATH, RECORD_PATH } from "./contract.js";
import { expectCode } from "./expect-code.js";
import { reply, serve, type TestServer } from "./serve.js";

const servers: TestServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});
async function hubOf(options: GaiaHubOptions = {}): Promise<GaiaHub> {
  const hub = await startGaiaHub(options);
  servers.push(hub);
  return hub;
}

const ADDRESS = "1DHvWDj834zPAkwMhpXdYbCYh4PomwQfzz";
const record = { kind: "record", maxBytes: 1_000 } as const;
const given = (hubUrl: string, more: Partial<GaiaOptions> = {}): GaiaOptions => ({ hubUrl, address: ADDRESS, ...more });

describe.each([
  ["quoted", true],
  ["bare", false],
])("the contract of providers, on a double of a Gaia hub with %s tags", (_, quoted) => {
  const hub = startGaiaHub({ quoted });
  const cases = storageContract({
    open: async (place) => {
      const { url, token } = await hub;
      return gaia({ hubUrl: url, token, address: place.replace(/-/g, "x") });
    },
    openRefused: async () => gaia(given((await hub).url, { token: "marker-wrong", readBaseUrl: "http://127.0.0.1:1" })),
    openStopped: () => gaia(given("http://127.0.0.1:1", { token: "marker-secret-token" })),
    secrets: ["marker-secret-token", "marker-wrong"],
  });
  // Reads are public, so that wrong credentials show in writes alone.
  const own = cases.filter(({ name }) => !name.startsWith("wrong credentials"));
  it.each(own)("$name", async ({ run }) => run());
  it("closes", async () => {
    await (await hub).close();
  });
});

describe("gaia", () => {
  it("says what it is; what the hub tells is known once it was asked", async () => {
    const hub = await hubOf();
    const storage = gaia(given(hub.url, { token: hub.token }));
    expect(storage.label).toBe(`${hub.host}/${ADDRESS}`);
    expect(gaia(given(hub.url, { label: "mine" })).label).toBe("mine");
    expect([storage.publicBaseUrl, storage.urlOf(RECORD_PATH), storage.conditional]).toEqual([null, null, true]);
    await storage.open?.();
    await storage.read(RECORD_PATH, record);
    expect(storage.publicBaseUrl).toBe(`${hub.url}/read/${ADDRESS}`);
    expect(storage.urlOf(RECORD_PATH)).toBe(`${hub.url}/read/${ADDRESS}/${RECORD_PATH}`);
    expect(hub.seen.map(({ path }) => path)).toEqual(["/hub_info/", `/read/${ADDRESS}/${RECORD_PATH}`]);
    const told = gaia(
      given("https://hub.example", { readBaseUrl: "https://read.example/x", conditional: false, token: "t" }),
    );
    expect([told.publicBaseUrl, told.conditional]).toEqual([`https://read.example/x/${ADDRESS}`, false]);
    expect(gaia(given("https://hub.example")).conditional).toBe(false);
  });

  it.each(["ftp://a.example", "https://user:marker-secret@a.example", "https://a.example/?x", ""])(
    "refuses the base %j",
    async (base) => {
      const error = await expectCode("INPUT_URL_INVALID", () => gaia(given(base)));
      expect(JSON.stringify(error)).not.toContain("marker-secret");
      await expectCode("INPUT_URL_INVALID", () => gaia(given("https://a.example", { readBaseUrl: base })));
    },
  );

  it.each(["", "a/b", "..", "a b", "ä", "a".repeat(129)])("refuses the address %j", async (address) => {
    await expectCode("INPUT_INVALID", () => gaia({ hubUrl: "https://a.example", address }));
  });

  it("stores and deletes as the hub's description says; only writes carry the token", async () => {
    const hub = await hubOf();
    let asked = 0;
    const token = async (): Promise<string> => {
      asked++;
      return hub.token;
    };
    const storage = gaia(given(`${hub.url}/`, { token }));
    expect(await storage.write(RECORD_PATH, utf8("{}"), { kind: "record" })).toBe("stored");
    expect(await storage.write(OBJECT_PATH, utf8("x"), { kind: "object", condition: { ifAbsent: true } })).toBe(
      "stored",
    );
    expect(await storage.write(OBJECT_PATH, utf8("y"), { kind: "object", condition: { ifTag: '"t"' } })).toBe("moved");
    await storage.read(RECORD_PATH, record);
    expect(await storage.remove(RECORD_PATH)).toBe(true);
    expect(await storage.remove(RECORD_PATH)).toBe(true);
    expect(asked).toBe(5);
    expect(
      hub.seen.map(({ method, path, headers }) => [method, path, headers["content-type"], headers.authorization]),
    ).toEqual([
      ["POST", `/store/${ADDRESS}/${RECORD_PATH}`, "application/json", `bearer ${hub.token}`],
      ["POST", `/store/${ADDRESS}/${OBJECT_PATH}`, "application/octet-stream", `bearer ${hub.token}`],
      ["POST", `/store/${ADDRESS}/${OBJECT_PATH}`, "application/octet-stream", `bearer ${hub.token}`],
      ["GET", "/hub_info/", undefined, undefined],
      ["GET", `/read/${ADDRESS}/${RECORD_PATH}`, undefined, undefined],
      ["DELETE", `/delete/${ADDRESS}/${RECORD_PATH}`, undefined, `bearer ${hub.token}`],
      ["DELETE", `/delete/${ADDRESS}/${RECORD_PATH}`, undefined, `bearer ${hub.token}`],
    ]);
    const [first, second, third, , read] = hub.seen.map(({ headers }) => headers);
    expect([first?.["if-match"], first?.["if-none-match"]]).toEqual([undefined, undefined]);
    expect([second?.["if-none-match"], third?.["if-match"]]).toEqual(["*", '"t"']);
    expect(read?.["cache-control"]).toBe("no-cache");
  });

  it("keeps ids with two dots in a row under paths that hubs take, each under its own", async () => {
    const hub = await hubOf();
    const storage = gaia(given(hub.url, { token: hub.token, readBaseUrl: `${hub.url}/read` }));
    const paths = ["a..b", "a...b", "a.b", "..x", "...x"].map((id) => `records/regtest/alice/${id}@5.json`);
    for (const path of paths) await storage.write(path, utf8(path), { kind: "record" });
    for (const path of paths) {
      expect((await storage.read(path, record))?.bytes).toEqual(utf8(path));
      const response = await fetch(storage.urlOf(path) ?? "");
      expect(await response.text()).toBe(path);
    }
    for (const path of paths) expect(await storage.remove(path)).toBe(true);
    expect(hub.files.size).toBe(0);
    await expectCode("INPUT_INVALID", () => storage.urlOf("records/../x"));
  });

  it("a tag that a cache hid or made weak is none, and the write without it goes through", async () => {
    for (const cachedTag of [() => null, (etag: string) => `W/${etag}`]) {
      const hub = await hubOf({ cachedTag });
      const storage = gaia(given(hub.url, { token: hub.token }));
      await storage.write(RECORD_PATH, utf8("one"), { kind: "record" });
      expect(await storage.read(RECORD_PATH, record)).toEqual({ bytes: utf8("one"), tag: null });
      expect(await storage.write(RECORD_PATH, utf8("two"), { kind: "record" })).toBe("stored");
    }
    for (const tag of ['"a"', "0123abcd"]) expect(gaiaTag(tag)).toBe(tag);
    for (const tag of [null, "", "*", 'W/"a"', "w/a", "a b", '"a', '"a", "b"', "a,b"]) expect(gaiaTag(tag)).toBeNull();
  });

  it("says what a refusal means", async () => {
    let status = 0;
    const server = await serve((_, response) => reply(response, status, "{}"));
    servers.push(server);
    const storage = gaia(given(server.url, { token: "t", readBaseUrl: server.url }));
    const write = (): Promise<unknown> => storage.write(RECORD_PATH, utf8("x"), { kind: "record" });
    for (status of [200, 201, 202]) expect(await write()).toBe("stored");
    for (status of [401, 402, 403]) {
      await expectCode("STORAGE_REFUSED", write);
      await expectCode("STORAGE_REFUSED", () => storage.remove(RECORD_PATH));
    }
    status = 413;
    expect((await expectCode("INPUT_TOO_LARGE", write)).details.bytes).toBe(1);
    status = 507;
    await expectCode("STORAGE_FULL", write);
    // 409: another write of this path is under way. 412 without a condition is no answer to anything.
    for (status of [204, 302, 400, 404, 409, 412, 429, 500]) await expectCode("NETWORK_STATUS", write);
    for (status of [200, 202, 204, 404, 410]) expect(await storage.remove(RECORD_PATH)).toBe(true);
    for (status of [302, 409, 500]) await expectCode("NETWORK_STATUS", () => storage.remove(RECORD_PATH));
    for (status of [404, 410]) expect(await storage.read(RECORD_PATH, record)).toBeNull();
    for (status of [403, 500]) await expectCode("NETWORK_STATUS", () => storage.read(RECORD_PATH, record));
  });

  it("refuses what it was not given the means for, and asks nobody", async () => {
    const hub = await hubOf();
    const storage = gaia(given(hub.url));
    await expectCode("STORAGE_UNSUPPORTED", () => storage.write(RECORD_PATH, utf8("x"), { kind: "record" }));
    await expectCode("STORAGE_UNSUPPORTED", () => storage.remove(RECORD_PATH));
    await expectCode("STORAGE_UNSUPPORTED", () =>
      storage.read(RECORD_PATH, { ...record, range: { start: 0, end: 1 } }),
    );
    const plain = gaia(given(hub.url, { token: hub.token, conditional: false }));
    const condition = { ifAbsent: true } as const;
    await expectCode("STORAGE_UNSUPPORTED", () => plain.write(RECORD_PATH, utf8("x"), { kind: "record", condition }));
    expect(hub.seen).toEqual([]);
  });

  it("U1: a hub names no place that is off limits, and nothing but a place", async () => {
    const inside = await hubOf();
    const refusedPlaces = [
      `${inside.url}/read/`,
      "https://127.0.0.1/",
      "https://10.0.0.1/",
      "http://read.example/",
      "https://intranet/",
    ];
    for (const readUrlPrefix of refusedPlaces) {
      const storage = gaia(given((await hubOf({ readUrlPrefix })).url));
      await expectCode("NETWORK_HOST_REFUSED", () => storage.read(RECORD_PATH, record));
    }
    expect(inside.seen).toEqual([]);
    const hub = await hubOf({ readUrlPrefix: `${inside.url}/read/` });
    const allowed = gaia(given(hub.url, { allowHosts: [inside.host] }));
    inside.files.set(`${ADDRESS}/${RECORD_PATH}`, Buffer.from("there"));
    expect((await allowed.read(RECORD_PATH, record))?.bytes).toEqual(utf8("there"));
    for (const readUrlPrefix of [
      "",
      "x",
      "ftp://read.example/",
      "https://u:marker-secret@read.example/",
      "https://read.example/?x",
    ]) {
      const storage = gaia(given((await hubOf({ readUrlPrefix })).url));
      const error = await expectCode("NETWORK_ANSWER_INVALID", () => storage.read(RECORD_PATH, record));
      expect(JSON.stringify(error)).not.toContain("marker-secret");
    }
  });

  it("U1: a redirect of a read leads to no place that is off limits", async () => {
    const other = await hubOf();
    const server = await serve((_, response) => reply(response, 302, "", { location: `${other.url}/read/x` }));
    servers.push(server);
    const own = gaia(given(server.url, { readBaseUrl: server.url }));
    await expectCode("NETWORK_HOST_REFUSED", () => own.read(RECORD_PATH, record));
    const hub = await hubOf({ readUrlPrefix: `${server.url}/read/` });
    const named = gaia(given(hub.url, { allowHosts: [server.host] }));
    await expectCode("NETWORK_HOST_REFUSED", () => named.read(RECORD_PATH, record));
    expect(other.seen).toEqual([]);
  });

  it("hub_info that is none leaves everything unknown, and is asked for again", async () => {
    let answer: readonly [number, string] = [500, ""];
    const server = await serve((_, response) => reply(response, answer[0], answer[1]));
    servers.push(server);
    const storage = gaia(given(server.url));
    await expectCode("NETWORK_STATUS", async () => storage.open?.());
    // 404 is no absence: it is not the address of a hub.
    for (answer of [[404, ""]] as const) await expectCode("NETWORK_STATUS", () => storage.read(RECORD_PATH, record));
    for (const body of ["<html>", "null", "[]", "{}", '{"read_url_prefix":7}']) {
      answer = [200, body];
      await expectCode("NETWORK_ANSWER_INVALID", async () => storage.open?.());
    }
    answer = [200, "x".repeat(70_000)];
    await expectCode("NETWORK_TOO_LARGE", async () => storage.open?.());
    answer = [200, JSON.stringify({ read_url_prefix: `${server.url}/read` })];
    await storage.open?.();
    expect(storage.publicBaseUrl).toBe(`${server.url}/read/${ADDRESS}`);
    await expectCode("NETWORK_ABORTED", async () => gaia(given(server.url)).open?.({ signal: AbortSignal.abort() }));
  });

  it("shows the token nowhere, nor what a function that failed said of it", async () => {
    const hub = await hubOf();
    const wrong = gaia(given(hub.url, { token: "marker-secret-wrong" }));
    const error = await expectCode("STORAGE_REFUSED", () => wrong.write(RECORD_PATH, utf8("x"), { kind: "record" }));
    const failing = gaia(given(hub.url, { token: () => Promise.reject(new Error("marker-secret")) }));
    const other = await expectCode("INPUT_CONFIG_INVALID", () => failing.remove(RECORD_PATH));
    const shown = [error, other, wrong, failing, error.message, other.message, wrong.label, String(other.cause)];
    expect(shown.map((one) => JSON.stringify(one)).join("")).not.toContain("marker-secret");
  });

  it("gives up a server that is silent", async () => {
    const clock = new FakeClock();
    let asked = (): void => undefined;
    let arrived = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const server = await serve(() => asked());
    servers.push(server);
    const progress = { record: { firstByteMs: 300, idleMs: 300 } };
    for (const more of [{}, { readBaseUrl: server.url }]) {
      const reading = expectCode(
        "NETWORK_TIMEOUT",
        gaia(given(server.url, { clock, progress, ...more })).read(RECORD_PATH, record),
      );
      await arrived;
      await clock.advance(300);
      await reading;
      arrived = new Promise<void>((resolve) => {
        asked = resolve;
      });
    }
  });
});
