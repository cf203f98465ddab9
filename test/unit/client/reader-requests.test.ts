import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { memoryCache } from "../../../src/cache/memory.js";
import { HawserError } from "../../../src/errors.js";
import type { Cache, Reader, StorageReader } from "../../../src/index.js";
import { mutableEntry, type Route } from "../../../src/profile/entry.js";
import { expectCode } from "../storage/expect-code.js";
import { Rounds } from "./reader-rounds.js";
import { manyEntries, ReaderWorld, recordPathOf, type TestName } from "./reader-world.js";

describe("what a reader asks", () => {
  let world: ReaderWorld;
  beforeAll(async () => {
    world = await ReaderWorld.start();
  });
  afterEach(() => {
    vi.unstubAllGlobals();
  });
  afterAll(() => world.close());

  const setRoute = async (name: TestName, route: Route): Promise<void> => {
    await world.update(name, await world.putProfile(name.name, { entries: [mutableEntry(route)] }));
  };

  describe("in sequential round trips over HTTP", () => {
    const rounds = async (read: () => Promise<{ readonly found: boolean }>): Promise<Rounds> => {
      const gate = new Rounds();
      vi.stubGlobal("fetch", gate.fetch);
      const result = await gate.run(read);
      vi.unstubAllGlobals();
      expect(result.found).toBe(true);
      return gate;
    };

    it("warm getMutable is one: tips, spend of the seal and record travel together, each asked once", async () => {
      const { name, route } = await world.registerWithRecord("alice");
      const cache = memoryCache();
      const reader = world.reader({ cache });
      await reader.getMutable("alice", "settings");
      for (const warm of [reader, world.reader({ cache })]) {
        const gate = await rounds(() => warm.getMutable("alice", "settings"));
        expect(gate.rounds).toHaveLength(1);
        expect(gate.count(recordPathOf(name, route))).toBe(2);
        // Two sources: tip and spend; two stores: the record.
        expect(gate.requests).toHaveLength(6);
      }
    });

    it("warm getMutable below the root of an index is one as well", async () => {
      const name = await world.register("large");
      const route: Route = { id: "settings", urls: [], pubkey: null, epoch: 1, minVer: null, maxAgeMs: null };
      const entries = [...manyEntries(200), mutableEntry(route)];
      await world.update(name, await world.putProfile("large", { entries }));
      await world.putRecord(name, route, { ver: 1, data: "one" });
      const reader = world.reader();
      const cold = await rounds(() => reader.getMutable("large", "settings"));
      expect(cold.count("objects/")).toBe(2);
      const warm = await rounds(() => reader.getMutable("large", "settings"));
      expect(warm.rounds).toHaveLength(1);
      expect(warm.count("objects/")).toBe(0);
    });

    it("warm getName is one", async () => {
      await world.registerWithRecord("bob");
      const reader = world.reader();
      await reader.getName("bob");
      expect((await rounds(() => reader.getName("bob"))).rounds).toHaveLength(1);
    });

    it("cold getMutable of a new name is seven at most: headers and beacon travel together", async () => {
      await world.registerWithRecord("carol");
      const gate = await rounds(() => world.reader().getMutable("carol", "settings"));
      // Tips; two of headers beside the beacon's history; REGISTER; PREORDER beside the seal's spend; profile; record.
      expect(gate.rounds.length).toBeLessThanOrEqual(7);
      expect(gate.count("objects/")).toBe(1);
      expect(gate.count("records/")).toBe(2);
    });

    it("V4: warm getMutable after a block of which E was not known is two: the spend is asked again", async () => {
      await world.registerWithRecord("dave");
      const deep = world.reader({ minConfirmations: 2 });
      const shallow = world.reader({ minConfirmations: 1 });
      await world.devnet.mine(1);
      for (const reader of [deep, shallow]) await reader.getMutable("dave", "settings");
      await world.devnet.mine(1);
      expect((await rounds(() => shallow.getMutable("dave", "settings"))).rounds).toHaveLength(2);
      expect((await rounds(() => deep.getMutable("dave", "settings"))).rounds).toHaveLength(1);
    });
  });

  describe("the record beside the chain", () => {
    /** A store that counts what it is asked. */
    const counting = (store: StorageReader, asked: string[]): StorageReader => ({
      label: store.label,
      publicBaseUrl: store.publicBaseUrl,
      urlOf: (path) => store.urlOf(path),
      read: (path, options) => {
        asked.push(path);
        return store.read(path, options);
      },
    });

    it("is asked once where the chain confirms the route", async () => {
      const { name, route } = await world.registerWithRecord("once");
      const asked: string[] = [];
      const reader = world.reader({ storage: world.stores.map((store) => counting(store, asked)) });
      await reader.getMutable("once", "settings");
      asked.length = 0;
      await world.putRecord(name, route, { ver: 2, data: "two" });
      expect(await reader.getMutable("once", "settings")).toMatchObject({ found: true, ver: 2 });
      expect(asked).toEqual([recordPathOf(name, route), recordPathOf(name, route)]);
    });

    it("M5: a replay is refused at once; only replies of the early question are asked for again", async () => {
      const { name, route } = await world.registerWithRecord("replay");
      await world.putRecord(name, route, { ver: 2, data: "two" });
      const asked: string[] = [];
      const cache = memoryCache();
      const reader = world.reader({ cache, storage: world.stores.map((store) => counting(store, asked)) });
      expect(await reader.getMutable("replay", "settings")).toMatchObject({ ver: 2 });
      await world.putRecord(name, route, { ver: 1, data: "one" });
      const requests = async (): Promise<number> => {
        asked.length = 0;
        await expectCode("RECORD_STALE", reader.getMutable("replay", "settings"));
        return asked.filter((path) => path.startsWith("records/")).length;
      };
      // Another call may have returned something newer after the early question was asked.
      expect(await requests()).toBe(4);
      await cache.update("name/regtest/replay", () => ({ value: null, result: undefined }));
      expect(await requests()).toBe(2);
    });

    it("M6: is thrown away where the route has another epoch by now", async () => {
      const { name, route } = await world.registerWithRecord("epoch");
      const asked: string[] = [];
      const reader = world.reader({ storage: world.stores.map((store) => counting(store, asked)) });
      await world.putRecord(name, route, { ver: 9, data: "old life" });
      expect(await reader.getMutable("epoch", "settings")).toMatchObject({ ver: 9 });
      const next: Route = { ...route, epoch: world.devnet.height() };
      await setRoute(name, next);
      await world.putRecord(name, next, { ver: 1, data: "new life" });
      asked.length = 0;
      expect(await reader.getMutable("epoch", "settings")).toMatchObject({ ver: 1, route: next });
      expect(asked.filter((path) => path.startsWith("records/"))).toEqual([
        ...[recordPathOf(name, route), recordPathOf(name, route)],
        ...[recordPathOf(name, next), recordPathOf(name, next)],
      ]);
    });

    it("M8: is thrown away where the route has another URL by now", async () => {
      const { name, route } = await world.registerWithRecord("url");
      const [first, second] = world.stores;
      if (first === undefined || second === undefined) expect.fail("two stores");
      const reader = world.reader({ storage: [first] });
      expect(await reader.getMutable("url", "settings")).toMatchObject({ ver: 1 });
      const url = second.urlOf(recordPathOf(name, route));
      const next: Route = { ...route, urls: [url ?? ""] };
      await setRoute(name, next);
      await world.putObject(await profileBytes(next, name), [first]);
      await world.putRecord(name, route, { ver: 2, data: "two" }, [second]);
      const found = await reader.getMutable("url", "settings");
      expect(found).toMatchObject({ found: true, ver: 2, replicas: [{ verdict: "behind" }, { verdict: "fresh" }] });
    });

    it("M2: is judged by the key that the chain names by now", async () => {
      const { name, route } = await world.registerWithRecord("key");
      const reader = world.reader();
      expect(await reader.getMutable("key", "settings")).toMatchObject({ ver: 1 });
      await setRoute(name, { ...route, pubkey: "11".repeat(32) });
      await expectCode("RECORD_UNVERIFIED", reader.getMutable("key", "settings"));
    });

    it("P6: is thrown away where the index does not hold the id by now, or nobody holds the name", async () => {
      const { name } = await world.registerWithRecord("dropped");
      const reader = world.reader();
      expect(await reader.getMutable("dropped", "settings")).toMatchObject({ ver: 1 });
      await world.update(name, await world.putProfile("dropped"));
      expect(await reader.getMutable("dropped", "settings")).toMatchObject({ why: "not-in-index" });
      await world.update(name, null);
      expect(await reader.getMutable("dropped", "settings")).toMatchObject({ why: "no-profile" });
      await world.release(name);
      expect(await reader.getMutable("dropped", "settings")).toMatchObject({ why: "no-name" });
    });

    it("is never the answer where the chain cannot be read, and does not hold that error back", async () => {
      await world.registerWithRecord("dark");
      const asked: string[] = [];
      const cache = memoryCache();
      await world.reader({ cache }).getMutable("dark", "settings");
      const storage = world.stores.map((store) => counting(store, asked));
      try {
        for (const source of [0, 1]) world.devnet.tamper({ source, how: "down" });
        await expectCode("CHAIN_UNAVAILABLE", world.reader({ cache, storage }).getMutable("dark", "settings"));
        expect(asked).toHaveLength(2);
        // U1: with many places the guess could use up the requests that the read itself needs.
        asked.length = 0;
        const many = Array.from({ length: 17 }, (_, i) => ({
          ...counting(world.stores[0] ?? hang(), asked),
          label: `${i}`,
        }));
        await expectCode("CHAIN_UNAVAILABLE", world.reader({ cache, storage: many }).getMutable("dark", "settings"));
        expect(asked).toEqual([]);
      } finally {
        for (const source of [0, 1]) world.devnet.tamper({ source, how: "honest" });
      }
    });

    it("does not go on when the read is over", async () => {
      const { name } = await world.registerWithRecord("over");
      const cache = memoryCache();
      await world.reader({ cache }).getMutable("over", "settings");
      await world.release(name);
      const signals: AbortSignal[] = [];
      const reader = world.reader({ cache, storage: [hang(signals)] });
      expect(await reader.getMutable("over", "settings")).toMatchObject({ why: "no-name" });
      expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    });

    it("a cache that cannot be read is an error, not a cold read", async () => {
      await world.registerWithRecord("broken");
      const inner = memoryCache();
      const fault = new HawserError("CACHE_UNAVAILABLE", "The disk is gone.", { reason: "gone" });
      let down = false;
      const cache: Cache = {
        durable: false,
        get: (key) => (down ? Promise.reject(fault) : inner.get(key)),
        update: (key, change) => inner.update(key, change),
        keys: (prefix) => inner.keys(prefix),
        close: () => inner.close(),
      };
      const reader: Reader = world.reader({ cache });
      down = true;
      for (let i = 0; i < 2; i++) await expectCode("CACHE_UNAVAILABLE", reader.getMutable("broken", "settings"));
      // The next call may find it readable again.
      down = false;
      expect(await reader.getMutable("broken", "settings")).toMatchObject({ ver: 1 });
    });
  });

  async function profileBytes(route: Route, { name }: TestName): Promise<Uint8Array> {
    const { encodeProfile } = await import("../../../src/profile/profile.js");
    return encodeProfile({ name, pubkey: null, storage: [], about: {}, index: { entries: [mutableEntry(route)] } });
  }

  /** A store that answers nothing until it is told to stop. */
  function hang(signals: AbortSignal[] = []): StorageReader {
    return {
      label: "hangs",
      publicBaseUrl: null,
      urlOf: () => null,
      read: (_path, { signal }) => {
        if (signal !== undefined) signals.push(signal);
        return new Promise(() => undefined);
      },
    };
  }
});
