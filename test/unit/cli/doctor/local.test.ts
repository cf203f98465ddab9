import { afterEach, describe, expect, it } from "vitest";
import { memoryCache } from "../../../../src/cache/memory.js";
import { checkCache } from "../../../../src/cli/doctor/cache.js";
import { checkClock } from "../../../../src/cli/doctor/clock.js";
import type { Finding } from "../../../../src/cli/doctor/finding.js";
import { clockAheadMs, type ProbeAnswer, probeHttp } from "../../../../src/cli/doctor/http-probe.js";
import { checkHttpSource } from "../../../../src/cli/doctor/http-source.js";
import { HawserError } from "../../../../src/errors.js";
import type { Cache } from "../../../../src/ports.js";
import { systemClock } from "../../../../src/runtime/clock.js";
import { FakeClock } from "../../fake-clock.js";
import { reply, serve, type TestServer } from "../../storage/serve.js";

const troubles = (findings: readonly Finding[]): readonly string[] =>
  findings.filter(({ level }) => level !== "ok").map((one) => `${one.check} ${one.level}`);

let server: TestServer | null = null;
afterEach(async () => {
  await server?.close();
  server = null;
});

describe("the checks of the cache", () => {
  const durable = (changes: Partial<Cache> = {}): Cache => {
    const cache = memoryCache();
    return {
      durable: true,
      get: (key) => cache.get(key),
      update: (key, change) => cache.update(key, change),
      keys: (prefix) => cache.keys(prefix),
      close: () => cache.close(),
      ...changes,
    };
  };

  it("find nothing about one that lasts, count its floors, and leave nothing in it", async () => {
    const cache = durable();
    await cache.update("floor/regtest/x", () => ({ value: new Uint8Array(1), result: undefined }));
    const findings = await checkCache(cache, "/c", "regtest");
    expect(troubles(findings)).toEqual([]);
    expect(findings.at(-1)?.message).toBe("It holds 1 floors.");
    expect((await checkCache(cache, "/c", "mainnet")).at(-1)?.message).toContain("no floors");
    expect(await cache.keys("doctor")).toEqual([]);
  });

  it("one that forgets, one that loses, and one that does not open", async () => {
    expect(troubles(await checkCache(memoryCache(), "memory:", "regtest"))).toEqual(["durable warn"]);
    const loses = durable({ get: () => Promise.resolve(null) });
    expect(troubles(await checkCache(loses, "/c", "regtest"))).toEqual(["writable bad"]);
    const closed = memoryCache();
    await closed.close();
    const findings = await checkCache(closed, "/c", "regtest");
    expect(troubles(findings)).toEqual(["writable bad"]);
    expect(findings[0]?.message).toContain("CACHE_UNAVAILABLE");
  });
});

describe("the check of the clock", () => {
  const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);
  const said = (aheadMs: number): ProbeAnswer => {
    const date = new Date(nowMs + aheadMs).toUTCString();
    return { status: 200, headers: new Headers({ date }), atMs: nowMs + 500 };
  };
  const of = (...answers: readonly ProbeAnswer[]): readonly string[] => troubles(checkClock(answers));

  it("goes by the median of what servers say", () => {
    expect(clockAheadMs(said(7_000))).toBe(7_000);
    expect(of()).toEqual([]);
    expect(of({ status: 200, headers: new Headers(), atMs: nowMs })).toEqual([]);
    expect(of(said(30_000))).toEqual([]);
    expect(of(said(31_000))).toEqual(["skew warn"]);
    expect(of(said(-31_000))).toEqual(["skew warn"]);
    expect(of(said(601_000))).toEqual(["skew bad"]);
    expect(of(said(601_000), said(0), said(1_000))).toEqual([]);
    expect(checkClock([said(-60_000)])[0]?.message).toContain("60 s ahead of");
  });
});

describe("what a web server is asked", () => {
  it("is asked as by a page, and not read", async () => {
    server = await serve((_, response) => {
      reply(response, 200, "x".repeat(100_000), { "access-control-allow-origin": "*" });
    });
    const { findings, answer } = await checkHttpSource("a", `${server.url}/api/`, systemClock);
    expect(troubles(findings)).toEqual([]);
    expect(server.seen[0]).toMatchObject({
      path: "/api/blocks/tip/height",
      headers: { origin: expect.stringMatching(/./) as string },
    });
    expect(answer).toMatchObject({ status: 200 });
    expect(answer === null ? null : clockAheadMs(answer)).not.toBeNull();
  });

  it("tells of a source that pages cannot use, and says nothing of one that is away", async () => {
    server = await serve((_, response) => {
      reply(response, 200, "1");
    });
    expect(troubles((await checkHttpSource("a", server.url, systemClock)).findings)).toEqual(["CORS warn"]);
    const { url } = server;
    await server.close();
    server = null;
    expect(await checkHttpSource("a", url, systemClock)).toEqual({ findings: [], answer: null });
  });

  it("does not wait for ever, and ends with the caller", async () => {
    server = await serve(() => undefined);
    const clock = new FakeClock();
    const { url } = server;
    const asking = probeHttp({ url }, clock);
    await clock.advance(15_000);
    expect(await asking).toBeNull();
    const controller = new AbortController();
    const aborted = probeHttp({ url }, clock, controller.signal);
    controller.abort();
    await expect(aborted).rejects.toBeInstanceOf(HawserError);
    expect(clock.pending).toBe(0);
  });
});
