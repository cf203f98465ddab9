import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { concatBytes, utf8 } from "../../../src/bytes/bytes.js";
import { memoryCache } from "../../../src/cache/memory.js";
import { networks } from "../../../src/chain/network.js";
import { evictValues } from "../../../src/client/evict-values.js";
import type { ReadPolicy } from "../../../src/client/policy.js";
import type { ReadOptions } from "../../../src/client/read-options.js";
import { sha256 } from "../../../src/crypto/hash.js";
import { HawserError } from "../../../src/errors.js";
import { contentKey } from "../../../src/immutable/key.js";
import { importFloors, type Reader, type ReaderOptions, verifyForkProof } from "../../../src/index.js";
import { encodeFloors } from "../../../src/mutable/floor-list.js";
import { parseName } from "../../../src/name/name.js";
import type { Cache, ChainSource, StorageReader } from "../../../src/ports.js";
import { immutableEntry, mutableEntry, type Route } from "../../../src/profile/entry.js";
import { parseId } from "../../../src/profile/id.js";
import { systemClock } from "../../../src/runtime/clock.js";
import { expectCode } from "../storage/expect-code.js";
import { contentOf, manyEntries, ReaderWorld, routeOf, type TestName } from "./reader-world.js";

const SUM_BYTES = 32;
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const policies: readonly ReadPolicy[] = ["network-first", "cache-first", "cache-only"];

describe("reading by a policy", () => {
  let world: ReaderWorld;
  let name: TestName;
  let route: Route;
  let cache: Cache;
  const photo = utf8("a photo");
  const key = contentKey(photo);

  beforeAll(async () => {
    world = await ReaderWorld.start();
    route = routeOf("settings");
    const entries = [mutableEntry(route), immutableEntry(key, contentOf(photo)), ...manyEntries(40)];
    await world.putObject(photo);
    name = await world.register("alice", await world.putProfile("alice", { entries }));
    await world.putRecord(name, route, { ver: 3, data: "three" });
  });
  beforeEach(() => {
    cache = memoryCache();
  });
  afterAll(() => world.close());

  /** Sources and stores that note what they are asked, and fail. */
  function down(options: Partial<ReaderOptions> = {}): { readonly reader: Reader; readonly asked: string[] } {
    const asked: string[] = [];
    const fail = (): Promise<never> => {
      asked.push("request");
      return Promise.reject(new Error("down"));
    };
    const store: StorageReader = { label: "s", publicBaseUrl: null, urlOf: () => null, read: fail };
    const sources = [brokenSource("a", fail), brokenSource("b", fail)];
    return { reader: world.reader({ sources, storage: [store], cache, ...options }), asked };
  }

  const reads = (reader: Reader, options: ReadOptions, of = "alice"): readonly (() => Promise<object>)[] => [
    () => reader.getName(of, options),
    () => reader.getProfile(of, options),
    () => reader.getMutable(of, "settings", options),
    () => reader.getImmutable(of, key, options),
    () => reader.list(of, options),
  ];
  /** Everything of alice, read once over the network. */
  async function fill(reader = world.reader({ cache })): Promise<void> {
    for (const read of reads(reader, {})) expect(await read()).toMatchObject({ found: true, from: "network" });
    await keysOf(reader, {});
  }
  async function keysOf(reader: Reader, options: ReadOptions, of = "alice"): Promise<readonly string[]> {
    const listed = await reader.list(of, options);
    if (!listed.found) return expect.fail(listed.why);
    const keys: string[] = [];
    for await (const entry of listed.entries) keys.push(entry.key);
    return keys;
  }
  const put = (at: string, value: Uint8Array): Promise<void> =>
    cache.update(at, () => ({
      value: concatBytes(sha256(concatBytes(utf8(`${at}\n`), value)), value),
      result: undefined,
    }));
  const keyOf = async (prefix: string): Promise<string> =>
    (await cache.keys(prefix))[0] ?? expect.fail(`nothing below ${prefix}`);

  it.each(policies)("%s: what was read once comes out of the cache when nobody answers", async (policy) => {
    await fill();
    const { reader, asked } = down();
    const height = world.devnet.height();
    for (const read of reads(reader, { policy })) {
      const asOf = { height, tipHeight: height, partial: true, sources: [] };
      expect(await read()).toMatchObject({
        found: true,
        from: "cache",
        name: { tenure: name.tenure, pending: [] },
        asOf,
      });
    }
    const found = await reader.getMutable("alice", "settings", { policy });
    expect(found).toMatchObject({ ver: 3, data: utf8("three"), route, replicas: [] });
    expect(await reader.getImmutable("alice", key, { policy })).toMatchObject({ data: photo, attempts: [] });
    expect(await keysOf(reader, { policy })).toHaveLength(42);
    expect(await reader.getMutable("alice", "other", { policy })).toMatchObject({ why: "not-in-index", from: "cache" });
    if (policy !== "network-first") expect(asked).toEqual([]);
    for (const read of reads(reader, {})) await expectCode("CHAIN_UNAVAILABLE", read);
  });

  it("I2: cache-only: an empty cache is CACHE_MISS, and nobody is asked", async () => {
    const { reader, asked } = down();
    for (const read of reads(reader, { policy: "cache-only" })) {
      const error = await expectCode("CACHE_MISS", read);
      expect(error.details).toEqual({ what: "name", which: "alice" });
    }
    for (const read of reads(reader, { policy: "network-first" })) await expectCode("CHAIN_UNAVAILABLE", read);
    expect(await world.reader({ cache }).getMutable("alice", "settings", { policy: "cache-first" })).toMatchObject({
      from: "network",
      ver: 3,
    });
    asked.length = 0;
    await expectCode("CACHE_MISS", reader.getImmutable("alice", key, { policy: "cache-only" }));
    expect(asked).toEqual([]);
  });

  it("P6, I2: cache-only: each part that is not there is told by name", async () => {
    await fill();
    const { reader, asked } = down();
    const missing = async (what: string, prefix: string, read: () => Promise<unknown>): Promise<void> => {
      for (const at of await cache.keys(prefix)) await cache.update(at, () => ({ value: null, result: undefined }));
      const error = await expectCode("CACHE_MISS", read);
      expect(error.details.what).toBe(what);
    };
    const policy = "cache-only";
    await missing("object", `object/${key}`, () => reader.getImmutable("alice", key, { policy }));
    await missing("record", "record/", () => reader.getMutable("alice", "settings", { policy }));
    const profile = await reader.getName("alice", { policy });
    for (const at of await cache.keys("object/")) {
      if (at !== `object/${profile.name.profileHash ?? ""}`)
        await cache.update(at, () => ({ value: null, result: undefined }));
    }
    await missing("node", "none/", () => keysOf(reader, { policy }));
    await missing("profile", "object/", () => reader.getProfile("alice", { policy }));
    await missing("name", "name/", () => reader.getName("alice", { policy }));
    expect(asked).toEqual([]);
  });

  it("P6: that a name is free comes out of the cache only if it was asked for", async () => {
    const { reader } = down();
    await expectCode("CACHE_MISS", reader.getName("nobody", { policy: "cache-only" }));
    await world.reader({ cache }).getName("nobody");
    expect(await reader.getMutable("nobody", "settings", { policy: "cache-only" })).toMatchObject({
      found: false,
      why: "no-name",
      from: "cache",
      asOf: { sources: [] },
    });
  });

  it("V7: a cached answer is as old as the read that found it, whatever headers came since", async () => {
    await using own = await ReaderWorld.start();
    await own.registerWithRecord("bob");
    const reader = own.reader({ cache });
    await reader.getMutable("bob", "settings");
    const height = own.devnet.height();
    await own.devnet.mine(3);
    await reader.getName("nobody");
    const found = await reader.getMutable("bob", "settings", { policy: "cache-only" });
    expect(found.asOf).toMatchObject({ height, tipHeight: height });
    const later = { ...systemClock, nowMs: () => systemClock.nowMs() + 3_600_000, delay: systemClock.delay };
    const hour = await own.reader({ cache, clock: later, maxTipAgeMs: 1 }).getName("bob", { policy: "cache-only" });
    expect(hour.asOf.tipAgeMs).toBeGreaterThan(3_500_000);
    // V6: a reader that wants more depth reads further down, one of more sources not at all.
    const deep = await own.reader({ cache, minConfirmations: 5 }).getName("bob", { policy: "cache-only" });
    expect(deep.asOf.height).toBe(height - 1);
  });

  it("V5: an answer that fewer sources stood for than this reader needs is a miss", async () => {
    const [one = expect.fail("no source")] = world.devnet.readerOptions().sources;
    await world.reader({ cache, sources: [one] }).getName("alice");
    const policy = "cache-only";
    await expectCode("CACHE_MISS", world.reader({ cache }).getName("alice", { policy }));
    const lenient = world.reader({ cache, minSources: 1 });
    expect(await lenient.getName("alice", { policy })).toMatchObject({ found: true });
    await expectCode("CACHE_MISS", lenient.getName("alice", { policy, requireAllSources: true }));
  });

  it("V5: a source that did not answer does not count in what is kept", async () => {
    const [one = expect.fail("no source")] = world.devnet.readerOptions().sources;
    const sources = [one, brokenSource("bad", () => Promise.reject(new Error("down")))];
    const reader = world.reader({ cache, sources, minSources: 1 });
    expect(await reader.getName("alice")).toMatchObject({ found: true, asOf: { partial: true } });
    expect(await reader.getName("alice", { policy: "cache-only" })).toMatchObject({ found: true });
    await expectCode("CACHE_MISS", world.reader({ cache }).getName("alice", { policy: "cache-only" }));
  });

  it("V6: an answer of a block that a reorganisation removed is a miss", async () => {
    await using own = await ReaderWorld.start();
    await own.registerWithRecord("bob");
    await own.devnet.mine(1);
    const reader = own.reader({ cache });
    await reader.getName("bob");
    await own.devnet.reorg({ depth: 1 });
    await own.devnet.mine(1);
    await reader.getName("nobody");
    await expectCode("CACHE_MISS", reader.getName("bob", { policy: "cache-only" }));
    expect(await reader.getName("bob", { policy: "cache-first" })).toMatchObject({ found: true, from: "network" });
    expect(await reader.getName("bob", { policy: "cache-first" })).toMatchObject({ found: true, from: "cache" });
  });

  it("P6: network-first never goes back to the profile before one that the chain has shown", async () => {
    await using own = await ReaderWorld.start();
    const { name: bob } = await own.registerWithRecord("bob");
    await own.reader({ cache }).getMutable("bob", "settings");
    await own.update(bob, sha256(utf8("a profile that nobody has")));
    const reader = own.reader({ cache });
    await expectCode("PROFILE_UNAVAILABLE", reader.getMutable("bob", "settings", { policy: "network-first" }));
    await expectCode("CACHE_MISS", reader.getMutable("bob", "settings", { policy: "cache-only" }));
  });

  it("V5, C7: an operation that a failed read proved makes what was before it a miss", async () => {
    await using own = await ReaderWorld.start();
    const { name: bob } = await own.registerWithRecord("bob");
    await own.reader({ cache }).getMutable("bob", "settings");
    await own.update(bob, await own.putProfile("bob"));
    const [good = expect.fail("no source")] = own.devnet.readerOptions().sources;
    const half = own.reader({ cache, sources: [good, brokenSource("bad", () => Promise.reject(new Error("down")))] });
    await expectCode("CHAIN_UNAVAILABLE", half.getName("bob"));
    await expectCode("CACHE_MISS", half.getName("bob", { policy: "cache-only" }));
    await expectCode("CHAIN_UNAVAILABLE", half.getName("bob", { policy: "network-first" }));
  });

  it("M4: a cached record is verified anew: forged, truncated or of another id it is a miss", async () => {
    await fill();
    const { reader } = down();
    const at = await keyOf("record/");
    const good = (await cache.get(at))?.slice(SUM_BYTES) ?? expect.fail("no record");
    const others = [
      utf8(text(good).replace('"ver":3', '"ver":4')),
      good.slice(0, -1),
      world.sign(name, route, { ver: 9, data: "nine", epoch: 2 }),
      world.sign(name, route, { ver: 9, data: "nine", id: "other" }),
      new Uint8Array(0),
    ];
    for (const body of others) {
      await put(at, body);
      await expectCode("CACHE_MISS", reader.getMutable("alice", "settings", { policy: "cache-only" }));
    }
    await cache.update(at, () => ({ value: utf8("damaged"), result: undefined }));
    await expectCode("CACHE_MISS", reader.getMutable("alice", "settings", { policy: "cache-only" }));
    const mended = await world.reader({ cache }).getMutable("alice", "settings", { policy: "cache-first" });
    expect(mended).toMatchObject({ from: "network", ver: 3 });
    expect(await reader.getMutable("alice", "settings", { policy: "cache-only" })).toMatchObject({ ver: 3 });
  });

  it("I2: a cached object is verified anew", async () => {
    await fill();
    await put(`object/${key}`, utf8("another photo"));
    await expectCode("CACHE_MISS", down().reader.getImmutable("alice", key, { policy: "cache-only" }));
  });

  it("M5: nothing below a floor comes out of the cache, the caller's floor included", async () => {
    await fill();
    const { reader } = down();
    const policy = "cache-only";
    const options = { policy, minVersion: 4 } as const;
    const low = await expectCode("RECORD_STALE", reader.getMutable("alice", "settings", options));
    expect(low.details).toMatchObject({ got: { ver: 3 }, floor: { ver: 4 } });
    const floor = { epoch: 1, ver: 5, sha256: "ab".repeat(32) };
    const place = { name: parseName("alice"), tenure: name.tenure, id: parseId("settings") };
    await importFloors(reader, encodeFloors(networks.regtest, [{ ...place, floor }]));
    await expectCode("RECORD_STALE", reader.getMutable("alice", "settings", { policy }));
    const first = { policy: "network-first" } as const;
    await expectCode("CHAIN_UNAVAILABLE", reader.getMutable("alice", "settings", first));
  });

  it("M7: a value that comes out of the cache leaves its floor there", async () => {
    await fill();
    const at = await keyOf("floor/");
    await cache.update(at, () => ({ value: null, result: undefined }));
    const { reader } = down();
    expect(await reader.getMutable("alice", "settings", { policy: "cache-only" })).toMatchObject({ ver: 3 });
    expect(await cache.get(at)).not.toBeNull();
  });

  it("M9: a cached record against the digest that the cache knows is RECORD_FORKED, with its proof", async () => {
    await fill();
    await put(await keyOf("record/"), world.sign(name, route, { ver: 3, data: "drei" }));
    for (const policy of ["cache-only", "network-first"] as const) {
      const error = await expectCode("RECORD_FORKED", down().reader.getMutable("alice", "settings", { policy }));
      expect(verifyForkProof(error.details.proof)).toMatchObject({ ver: 3, tenure: name.tenure });
    }
    const healed = await world.reader({ cache }).getMutable("alice", "settings", { policy: "cache-first" });
    expect(healed).toMatchObject({ from: "network", data: utf8("three") });
  });

  it("M9: a fork against what was read before is found by every policy that asks the network", async () => {
    await using own = await ReaderWorld.start();
    const { name: bob, route: its } = await own.registerWithRecord("bob");
    await own.reader({ cache }).getMutable("bob", "settings");
    await own.putRecord(bob, its, { ver: 1, data: "eins" });
    await expectCode("RECORD_FORKED", own.reader({ cache }).getMutable("bob", "settings", { policy: "network-first" }));
    await evictValues(cache);
    await expectCode("RECORD_FORKED", own.reader({ cache }).getMutable("bob", "settings", { policy: "cache-first" }));
  });

  it("M10: the age of a cached record is that of now", async () => {
    await using own = await ReaderWorld.start();
    const nowMs = Date.now();
    const { name: bob, route: timed } = await own.registerWithRecord("bob", { maxAgeMs: 60_000 });
    await own.putRecord(bob, timed, { ver: nowMs, data: "now" });
    const at = (ms: number): Reader =>
      own.reader({ cache, clock: { nowMs: () => ms, delay: (wait, signal) => systemClock.delay(wait, signal) } });
    await at(nowMs).getMutable("bob", "settings");
    const policy = "cache-only";
    expect(await at(nowMs + 60_000).getMutable("bob", "settings", { policy })).toMatchObject({ ver: nowMs });
    await expectCode("RECORD_EXPIRED", at(nowMs + 60_001).getMutable("bob", "settings", { policy }));
    await expectCode("RECORD_FROM_FUTURE", at(nowMs - 600_001).getMutable("bob", "settings", { policy }));
  });

  it("M11: bounds hold for the cache: what they refuse is not there", async () => {
    await fill();
    const { reader } = down();
    const read = (options: object): Promise<unknown> =>
      reader.getMutable("alice", "settings", { policy: "cache-only", ...options });
    await expectCode("CACHE_MISS", read({ maxVersion: 2 }));
    await expectCode("CACHE_MISS", read({ checkVersion: () => false }));
    expect(
      await read({ minVersion: 3, maxVersion: 3, checkVersion: ({ ver }: { ver: number }) => ver === 3 }),
    ).toMatchObject({
      ver: 3,
    });
    await expectCode("INPUT_INVALID", read({ minVersion: -1 }));
    await expectCode("INPUT_INVALID", read({ policy: "cache" }));
  });

  it("M7: expect holds for the cache, and cache-first asks whether the holder changed", async () => {
    await fill();
    const expected = { expect: { tenure: "00".repeat(32) } };
    for (const read of reads(down().reader, { policy: "cache-only", ...expected })) {
      await expectCode("NAME_OWNER_CHANGED", read);
    }
    for (const read of reads(down().reader, { policy: "network-first", ...expected })) {
      await expectCode("CHAIN_UNAVAILABLE", read);
    }
    for (const read of reads(down().reader, { policy: "cache-first", ...expected })) {
      await expectCode("CHAIN_UNAVAILABLE", read);
    }
    const held = { expect: { tenure: name.tenure, ownerScript: world.key.p2tr } };
    for (const read of reads(down().reader, { policy: "cache-only", ...held })) {
      expect(await read()).toMatchObject({ found: true });
    }
  });

  it("an abort is no outage", async () => {
    await fill();
    for (const policy of policies) {
      const options = { policy, signal: AbortSignal.abort() };
      for (const read of reads(world.reader({ cache }), options)) await expectCode("NETWORK_ABORTED", read);
    }
  });

  it("cache-only finds what another process kept since this reader began", async () => {
    const { reader } = down();
    await expectCode("CACHE_MISS", reader.getName("alice", { policy: "cache-only" }));
    await fill();
    expect(await reader.getName("alice", { policy: "cache-only" })).toMatchObject({ found: true, from: "cache" });
  });

  it("M7: evicted values are misses until they were read again, and the floor still holds", async () => {
    await using own = await ReaderWorld.start();
    const { name: bob, route: its } = await own.registerWithRecord("bob");
    await own.putRecord(bob, its, { ver: 2, data: "two" });
    const reader = own.reader({ cache });
    await reader.getMutable("bob", "settings");
    expect(await evictValues(cache)).toBe(2);
    await expectCode("CACHE_MISS", reader.getMutable("bob", "settings", { policy: "cache-only" }));
    expect(await reader.getName("bob", { policy: "cache-only" })).toMatchObject({ found: true });
    await own.putRecord(bob, its, { ver: 1, data: "one" });
    await expectCode("RECORD_STALE", reader.getMutable("bob", "settings"));
    await own.putRecord(bob, its, { ver: 2, data: "two" });
    expect(await reader.getMutable("bob", "settings")).toMatchObject({ ver: 2, from: "network" });
    expect(await reader.getMutable("bob", "settings", { policy: "cache-only" })).toMatchObject({ ver: 2 });
  });

  it("a cache without room for a value is no reason to withhold it; one that fails otherwise is", async () => {
    const failing = (error: Error): Cache => ({
      durable: false,
      get: (at) => cache.get(at),
      keys: (prefix) => cache.keys(prefix),
      close: () => cache.close(),
      update: (at, change) => (isValue(at) ? Promise.reject(error) : cache.update(at, change)),
    });
    const isValue = (at: string): boolean => at.startsWith("record/") || at === `object/${key}`;
    const full = new HawserError("CACHE_UNAVAILABLE", "The disk is full.", { reason: "full" });
    await fill(world.reader({ cache: failing(full) }));
    expect((await cache.keys("")).filter(isValue)).toEqual([]);
    expect(await cache.keys("floor/")).toHaveLength(1);
    const broken = world.reader({ cache: failing(new Error("broken")) });
    await expect(broken.getMutable("alice", "settings")).rejects.toThrow("broken");
  });

  it("a record that a writer has put is in the cache", async () => {
    await using own = await ReaderWorld.start();
    const { writer, reader } = await own.devnet.fundedWriter();
    await writer.registerName("carol");
    await writer.putMutable("carol", "settings", utf8("one"));
    await reader.getMutable("carol", "settings");
    await writer.putMutable("carol", "settings", utf8("two"));
    const found = await reader.getMutable("carol", "settings", { policy: "cache-only" });
    expect(found).toMatchObject({ found: true, from: "cache", ver: 2, data: utf8("two") });
    await reader.close();
  });

  function brokenSource(label: string, fail: () => Promise<never>): ChainSource {
    return {
      label,
      tip: fail,
      headers: fail,
      history: fail,
      transaction: fail,
      inclusion: fail,
      coinbaseTxid: fail,
      outspend: fail,
      unspent: fail,
      feeRate: fail,
      broadcast: fail,
    };
  }
});
