import { afterEach, describe, expect, it } from "vitest";
import { encodeHex } from "../../../../src/bytes/hex.js";
import { exitCodeOfLevel, type Finding, worstOf } from "../../../../src/cli/doctor/finding.js";
import { checkStore, probeWrites, type StoreCheck } from "../../../../src/cli/doctor/stores.js";
import { sha256 } from "../../../../src/crypto/hash.js";
import { type Devnet, startDevnet } from "../../../../src/devnet/index.js";
import type { StorageProvider } from "../../../../src/ports.js";
import { objectPath } from "../../../../src/route/layout.js";
import { systemClock as clock } from "../../../../src/runtime/clock.js";
import { http } from "../../../../src/storage/http.js";
import { memoryStorage } from "../../../../src/storage/memory.js";
import { reply, serve, type TestServer } from "../../storage/serve.js";

const bytes = new TextEncoder().encode("an object");
const hash = encodeHex(sha256(bytes));
const expected = { hash, what: "the profile of alice" };
const OPEN = { "access-control-allow-origin": "*", "access-control-expose-headers": "ETag", etag: '"1"' };

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

const troubles = (findings: readonly Finding[]): readonly string[] =>
  findings.filter(({ level }) => level !== "ok").map((one) => `${one.check} ${one.level}`);

/** The troubles of a server that answers so. */
async function found(
  headers: Readonly<Record<string, string>>,
  more: Partial<StoreCheck> & {
    readonly body?: string;
    readonly absentStatus?: number;
    readonly preflight?: object;
  } = {},
): Promise<readonly string[]> {
  const { body = "an object", absentStatus = 404, preflight = {}, ...changes } = more;
  const server: TestServer = await serve(({ path, method }, response) => {
    if (method === "OPTIONS") reply(response, 204, "", { ...headers, ...preflight });
    else if (path.endsWith(hash)) reply(response, 200, body, headers);
    else reply(response, absentStatus, "no", headers);
  });
  open.push(server);
  const provider = http(server.url);
  const check = { provider, webUrl: server.url, writable: false, clock, expected, ...changes };
  return troubles((await checkStore(check)).findings);
}

async function devnetStore(): Promise<{ readonly url: string; readonly devnet: Devnet }> {
  const devnet = await startDevnet({ sources: 1, stores: 1 });
  open.push(devnet);
  return { url: devnet.storeUrls[0] ?? "", devnet };
}

describe("the checks of a store", () => {
  it("find nothing about one that does everything", async () => {
    const { url } = await devnetStore();
    const provider = http(url, { writable: true, conditional: true });
    await provider.write(objectPath(hash), bytes, { kind: "object" });
    const { findings, answers } = await checkStore({ provider, webUrl: url, writable: true, clock, expected });
    expect(troubles(findings)).toEqual([]);
    expect(findings.map(({ check }) => check)).toEqual([
      "reachable",
      "holds",
      "CORS",
      "ETag exposure",
      "ETag",
      "preflight",
    ]);
    expect(answers).toHaveLength(1);
  });

  it("one that is away, or has a page for everything", async () => {
    const gone = await serve(() => undefined);
    await gone.close();
    const check = { webUrl: gone.url, writable: false, clock, expected: null };
    expect(troubles((await checkStore({ ...check, provider: http(gone.url) })).findings)).toEqual(["reachable bad"]);
    expect(await found(OPEN, { absentStatus: 200 })).toEqual(["reachable bad"]);
  });

  it("one that does not have what it should, or has it damaged", async () => {
    expect(await found(OPEN, { expected: { hash: "ab".repeat(32), what: "it" } })).toEqual(["holds warn"]);
    expect(await found(OPEN, { body: "another" })).toEqual(["holds bad"]);
  });

  it.each([
    ["no CORS", { "access-control-allow-origin": "https://other.example" }, ["CORS warn"]],
    ["ETags that are hidden", { "access-control-expose-headers": "Date" }, ["ETag exposure warn"]],
    ["weak ETags", { etag: 'W/"1"' }, ["ETag warn"]],
  ])("one with %s", async (_, headers, expectedTroubles) => {
    expect(await found({ ...OPEN, ...headers })).toEqual(expectedTroubles);
  });

  it("one without an ETag", async () => {
    const headers = Object.fromEntries(Object.entries(OPEN).filter(([name]) => name !== "etag"));
    expect(await found(headers)).toEqual(["ETag warn"]);
    expect(await found(headers, { expected: null })).toEqual([]);
  });

  it("one that web pages may not write to", async () => {
    const methods = { "access-control-allow-methods": "GET, PUT" };
    const names = { "access-control-allow-headers": "If-Match, If-None-Match, Content-Type" };
    const writable = true;
    expect(await found(OPEN, { writable, preflight: { ...methods, ...names } })).toEqual([]);
    expect(await found(OPEN, { writable, preflight: names })).toEqual(["preflight warn"]);
    expect(await found(OPEN, { writable, preflight: methods })).toEqual(["preflight warn"]);
    expect(await found(OPEN, { writable: false })).toEqual([]);
  });

  it("one without a server has no pages to check", async () => {
    const provider = memoryStorage();
    const check = { provider, webUrl: null, writable: true, clock, expected: null };
    const { findings, answers } = await checkStore(check);
    expect([findings.map(({ check: what }) => what), answers]).toEqual([["reachable"], []]);
  });
});

describe("the write probe of a store", () => {
  const path = "records/regtest/hawser-doctor/probe@0.json";
  const probe = async (provider: StorageProvider): Promise<readonly string[]> =>
    troubles(await probeWrites({ provider, path, clock }));

  it("leaves nothing behind where everything works", async () => {
    const { url } = await devnetStore();
    const provider = http(url, { writable: true, conditional: true });
    const findings = await probeWrites({ provider, path, clock });
    expect(findings.map(({ check, level }) => `${check} ${level}`)).toEqual([
      "write ok",
      "conditional ok",
      "remove ok",
    ]);
    expect(await provider.read(path, { maxBytes: 100, kind: "record" })).toBeNull();
  });

  it("tells of conditions that are not configured, or not honoured", async () => {
    const { url } = await devnetStore();
    expect(await probe(http(url, { writable: true }))).toEqual(["conditional warn"]);
    const provider = http(url, { writable: true, conditional: true });
    const careless: StorageProvider = {
      label: "careless",
      conditional: true,
      publicBaseUrl: null,
      urlOf: () => null,
      read: (at, options) => provider.read(at, options),
      write: (at, body, { kind, signal }) => provider.write(at, body, { kind, signal }),
      remove: (at, options) => provider.remove(at, options),
    };
    expect(await probe(careless)).toEqual(["conditional bad"]);
    const untagged: StorageProvider = {
      ...careless,
      read: async (at, options) => {
        const stored = await provider.read(at, options);
        return stored === null ? null : { ...stored, tag: null };
      },
    };
    expect(await probe(untagged)).toEqual(["conditional bad"]);
  });

  it("tells of writes that are refused, lost or kept", async () => {
    const { url, devnet } = await devnetStore();
    expect(await probe(http(url))).toEqual(["write bad", "remove warn"]);
    devnet.tamper({ store: 0, how: "freeze" });
    expect(await probe(http(url, { writable: true }))).toEqual(["write bad", "conditional warn"]);
    devnet.tamper({ store: 0, how: "honest" });
    const provider = http(url, { writable: true, conditional: true });
    const keeps: StorageProvider = {
      label: "keeps",
      conditional: true,
      publicBaseUrl: null,
      urlOf: () => null,
      read: (at, options) => provider.read(at, options),
      write: (at, body, options) => provider.write(at, body, options),
      remove: () => Promise.resolve(false),
    };
    expect(await probe(keeps)).toEqual(["remove warn"]);
  });
});

it("the exit code is that of the worst finding", () => {
  const of = (...levels: readonly Finding["level"][]): number =>
    exitCodeOfLevel(worstOf(levels.map((level) => ({ area: "clock", subject: "", check: "", level, message: "" }))));
  expect([of(), of("ok"), of("ok", "warn", "ok"), of("warn", "bad", "warn")]).toEqual([0, 0, 1, 3]);
});
