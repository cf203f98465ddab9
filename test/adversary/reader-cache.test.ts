import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { concatBytes, utf8 } from "../../src/bytes/bytes.js";
import { memoryCache } from "../../src/cache/memory.js";
import { checkedCache } from "../../src/client/checked-cache.js";
import { sha256 } from "../../src/crypto/hash.js";
import { contentKey } from "../../src/immutable/key.js";
import type { Cache } from "../../src/index.js";
import { immutableEntry, mutableEntry } from "../../src/profile/entry.js";
import { contentOf, manyEntries, ReaderWorld, routeOf, type TestName } from "../unit/client/reader-world.js";
import { expectCode } from "../unit/storage/expect-code.js";

const SUM_BYTES = 32;
const HEADER_BYTES = 80;

/** A cache that somebody else writes to: never another answer, and never a lower floor. */
describe("a poisoned cache", () => {
  let world: ReaderWorld;
  let name: TestName;
  let cache: Cache;
  let entries: ReadonlyMap<string, Uint8Array>;
  const photo = utf8("photo");
  const route = routeOf("settings");

  beforeAll(async () => {
    world = await ReaderWorld.start();
    const profile = [mutableEntry(route), immutableEntry(contentKey(photo), contentOf(photo)), ...manyEntries(40)];
    name = await world.register("alice", await world.putProfile("alice", { entries: profile }));
    await world.putRecord(name, route, { ver: 3, data: "three" });
    cache = memoryCache();
    expect(await answer()).toEqual([3, "three", name.tenure, 104]);
    const keys = await cache.keys("");
    entries = new Map(await Promise.all(keys.map(async (key) => [key, await bytesAt(key)] as const)));
  });
  afterEach(async () => {
    for (const [key, value] of entries) await put(key, value);
  });
  afterAll(() => world.close());

  const bytesAt = async (key: string): Promise<Uint8Array> => (await cache.get(key)) ?? expect.fail(`no ${key}`);
  const put = (key: string, value: Uint8Array | null): Promise<void> =>
    cache.update(key, () => ({ value, result: undefined }));

  /** What a reader that starts on the cache as it is says. */
  async function answer(): Promise<unknown> {
    const found = await world.reader({ cache }).getMutable("alice", "settings");
    if (!found.found) return found.why;
    return [found.ver, new TextDecoder().decode(found.data), found.name.tenure, found.asOf.height];
  }

  /** Positions all over a value, its first and last byte among them. */
  function positionsIn({ length }: Uint8Array): readonly number[] {
    const step = Math.max(1, Math.floor(length / 24));
    return [...Array.from({ length: Math.ceil(length / step) }, (_, i) => i * step), length - 1];
  }

  const flipped = (bytes: Uint8Array, at: number): Uint8Array => {
    const other = bytes.slice();
    other[at] = (other[at] ?? 0) ^ (1 << (at % 8));
    return other;
  };
  const withSum = (key: string, value: Uint8Array): Uint8Array =>
    concatBytes(sha256(concatBytes(utf8(`${key}\n`), value)), value);

  it("holds a floor, the record, the headers, the name's operations, its profile and the nodes that were read", () => {
    const kinds = [...entries.keys()].map((key) => key.replace(/\/.*/, ""));
    expect([...new Set(kinds)].sort()).toEqual(["floor", "headers", "name", "object", "record"]);
    expect(kinds.filter((kind) => kind === "object")).toHaveLength(2);
    expect(kinds.filter((kind) => kind === "headers")).toHaveLength(2);
  });

  it("M7: any byte of a floor that changed is CACHE_CORRUPT, and the damaged entry stays as it is", async () => {
    for (const [key, value] of entries) {
      if (!key.startsWith("floor/")) continue;
      for (const at of positionsIn(value)) {
        const damaged = flipped(value, at);
        await put(key, damaged);
        const error = await expectCode("CACHE_CORRUPT", answer());
        expect(error.details.key, `byte ${at}`).toBe(key);
        expect(await bytesAt(key)).toEqual(damaged);
      }
      for (const length of [0, 1, SUM_BYTES - 1, SUM_BYTES, value.length - 1]) {
        await put(key, value.slice(0, length));
        await expectCode("CACHE_CORRUPT", answer());
      }
      await put(key, value);
    }
    expect(await answer()).toEqual([3, "three", name.tenure, 104]);
  });

  it("any other byte that changed leads to the same answer, from the sources and providers", async () => {
    for (const [key, value] of entries) {
      if (key.startsWith("floor/")) continue;
      for (const at of positionsIn(value)) {
        await put(key, flipped(value, at));
        expect(await answer(), `${key} byte ${at}`).toEqual([3, "three", name.tenure, 104]);
        // What was damaged has been replaced by what verifies. Work is written with the next block.
        if (key.endsWith("/work")) continue;
        expect(await checkedCache(cache).get(key), `${key} byte ${at}`).not.toBeNull();
      }
      await put(key, value);
    }
  });

  it("V1, V2, P3: entries with a right checksum over wrong bytes are verified as if a server had sent them", async () => {
    for (const [key, value] of entries) {
      if (key.startsWith("floor/")) continue;
      const inner = value.subarray(SUM_BYTES);
      // On regtest every second header has work enough, and a stored tip of equal work stays (V1).
      const mined = key.endsWith("/000000") ? inner.subarray(0, -HEADER_BYTES) : inner;
      for (const at of positionsIn(mined)) {
        await put(key, withSum(key, flipped(inner, at)));
        expect(await answer(), `${key} byte ${at}`).toEqual([3, "three", name.tenure, 104]);
      }
      await put(key, withSum(key, new Uint8Array(0)));
      expect(await answer(), `${key} empty`).toEqual([3, "three", name.tenure, 104]);
      await put(key, value);
    }
  });

  it("M7: a floor of another id, tenure, name or network that is copied here is CACHE_CORRUPT", async () => {
    const [key] = [...entries.keys()].filter((one) => one.startsWith("floor/"));
    if (key === undefined) expect.fail("no floor");
    const low = utf8('{"epoch":0,"ver":0,"sha256":null,"sig":null}');
    const others = [
      key.replace("regtest", "mainnet"),
      key.replace("alice", "bob"),
      key.replace(name.tenure, "00".repeat(32)),
      `${key}2`,
    ];
    for (const other of others) {
      expect(other).not.toBe(key);
      await put(key, withSum(other, low));
      await expectCode("CACHE_CORRUPT", answer());
    }
  });

  it("objects, names and headers that are copied to another key are not taken for that one", async () => {
    for (const [key, own] of entries) {
      if (key.startsWith("floor/")) continue;
      for (const [other, value] of entries) {
        if (other === key) continue;
        for (const copied of [value, withSum(key, value.subarray(SUM_BYTES))]) {
          await put(key, copied);
          expect(await answer(), `${other} at ${key}`).toEqual([3, "three", name.tenure, 104]);
        }
      }
      await put(key, own);
    }
  });

  it("M5: entries that can be had again may be deleted, the floor still holds", async () => {
    for (const key of entries.keys()) if (!key.startsWith("floor/")) await put(key, null);
    expect(await answer()).toEqual([3, "three", name.tenure, 104]);
    for (const key of entries.keys()) if (!key.startsWith("floor/")) await put(key, null);
    await world.putRecord(name, route, { ver: 2, data: "two" });
    await expectCode("RECORD_STALE", answer());
    await world.putRecord(name, route, { ver: 3, data: "three" });
  });

  it("a cache that answers with something else than bytes is an error, never a lower floor", async () => {
    const odd: Cache = { ...wrapper(cache), get: (key) => Promise.resolve(key as unknown as Uint8Array) };
    await expect(world.reader({ cache: odd }).getMutable("alice", "settings")).rejects.toThrow();
  });

  function wrapper(inner: Cache): Cache {
    return {
      durable: inner.durable,
      get: (key) => inner.get(key),
      update: (key, change) => inner.update(key, change),
      keys: (prefix) => inner.keys(prefix),
      close: () => inner.close(),
    };
  }
});
