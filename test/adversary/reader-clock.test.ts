import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { memoryCache } from "../../src/cache/memory.js";
import { type Devnet, startDevnet } from "../../src/devnet/index.js";
import { createReader, type Reader, type ReaderOptions } from "../../src/index.js";
import type { Cache, Clock } from "../../src/ports.js";
import { systemClock } from "../../src/runtime/clock.js";
import { expectCode } from "../unit/storage/expect-code.js";

const DAY_MS = 86_400_000;

describe("a clock that jumps", () => {
  let devnet: Devnet;
  let cache: Cache;
  let aheadMs: number;
  const clock: Clock = {
    nowMs: () => systemClock.nowMs() + aheadMs,
    delay: (ms, signal) => systemClock.delay(ms, signal),
  };
  beforeEach(async () => {
    aheadMs = 0;
    cache = memoryCache();
    devnet = await startDevnet({ sources: 1, stores: 1 });
    const { writer } = await devnet.fundedWriter();
    await writer.registerName("alice");
    await writer.putMutable("alice", "bio", utf8("one"));
    await writer.putMutable("alice", "bio", utf8("two"));
  });
  afterEach(async () => {
    await devnet.close();
  });

  /** Reads with a new reader and the cache of the readers before it. */
  async function read(options: Partial<ReaderOptions> = {}): ReturnType<Reader["getMutable"]> {
    const kept: Cache = {
      durable: true,
      get: (key) => cache.get(key),
      update: (key, change) => cache.update(key, change),
      keys: (prefix) => cache.keys(prefix),
      close: async () => undefined,
    };
    const reader = createReader({ ...devnet.readerOptions(), cache: kept, clock, ...options });
    try {
      return await reader.getMutable("alice", "bio");
    } finally {
      await reader.close();
    }
  }

  const entries = async (prefix: string) =>
    Promise.all((await cache.keys(prefix)).map(async (key) => [key, await cache.get(key)] as const));

  async function expectFloorHolds(): Promise<void> {
    devnet.tamper({ store: 0, how: "stale" });
    await expectCode("RECORD_STALE", read());
    devnet.tamper({ store: 0, how: "honest" });
    expect(await read()).toMatchObject({ found: true, ver: 2 });
  }

  it("V1, M7: set back by days: nothing is returned, and headers and floors stay", async () => {
    expect(await read()).toMatchObject({ found: true, ver: 2 });
    const [floors, headers] = [await entries("floor/"), await entries("headers/")];
    expect(floors).toHaveLength(1);
    expect(headers.length).toBeGreaterThan(0);
    aheadMs = -3 * DAY_MS;
    // The chain would end before its first header of the future, and "no such name" would be the answer.
    await expectCode("CHAIN_CLOCK_BEHIND", read());
    expect(await entries("floor/")).toEqual(floors);
    expect(await entries("headers/")).toEqual(headers);
    aheadMs = 0;
    await expectFloorHolds();
  });

  it("V1: a reader that knows nothing yet does not take the past for the present either", async () => {
    aheadMs = -3 * DAY_MS;
    await expectCode("CHAIN_CLOCK_BEHIND", read());
    expect(await entries("headers/")).toEqual([]);
  });

  it("V7, M7: set ahead by days: the tip is old, which the caller may refuse, and floors stay", async () => {
    await read();
    aheadMs = 3 * DAY_MS;
    const result = await read();
    expect(result).toMatchObject({ found: true, ver: 2 });
    expect(result.asOf.tipAgeMs).toBeGreaterThan(2 * DAY_MS);
    await expectCode("CHAIN_STALE", read({ maxTipAgeMs: DAY_MS }));
    aheadMs = 0;
    expect((await read({ maxTipAgeMs: DAY_MS })).asOf.tipAgeMs).toBeLessThan(DAY_MS);
    await expectFloorHolds();
  });

  it("V5: what was said to be absent at a time that has not come yet is asked again", async () => {
    aheadMs = 3 * DAY_MS;
    await read();
    aheadMs = 0;
    // A second reader must not rely on an answer of the future for years.
    expect(await read()).toMatchObject({ found: true, ver: 2 });
    await expectFloorHolds();
  });
});
