import { beforeEach, describe, expect, it } from "vitest";
import { concatBytes, utf8 } from "../../../src/bytes/bytes.js";
import { memoryCache } from "../../../src/cache/memory.js";
import { HeaderChain } from "../../../src/chain/header-chain.js";
import { networks } from "../../../src/chain/network.js";
import { StoredHeaders } from "../../../src/client/stored-headers.js";
import { HawserError } from "../../../src/errors.js";
import type { Cache } from "../../../src/ports.js";
import { GENESIS_TIME_SEC, LATE_MS, mineRegtest, mineRun } from "../chain/mining.js";
import { FakeClock, settle } from "../fake-clock.js";
import { expectCode } from "../storage/expect-code.js";

const { regtest } = networks;
const PERIOD = 2_016;
const CHUNKS = ["headers/regtest/000000", "headers/regtest/000001", "headers/regtest/000002"] as const;
const WORK = "headers/regtest/work";

/** Two whole periods and a part of a third. */
const run = mineRegtest(2 * PERIOD + 500);
const chainOf = (headers: Uint8Array): HeaderChain => HeaderChain.fromStored(regtest, headers, LATE_MS);
const first = (count: number): HeaderChain => chainOf(run.subarray(0, count * 80));
/** The first `shared` headers of the run and then `count` others. */
function fork(shared: number, count: number): HeaderChain {
  const previousHash = first(shared).tipHash;
  const timeSec = GENESIS_TIME_SEC + 600 * (shared + 2);
  return chainOf(concatBytes(run.subarray(0, shared * 80), mineRun({ previousHash, timeSec, count, version: 5 })));
}

describe("StoredHeaders", () => {
  let cache: Cache;
  let written: string[];
  let read: string[];
  const clock = new FakeClock(LATE_MS);
  beforeEach(() => {
    cache = memoryCache();
    written = [];
    read = [];
  });

  /** The headers as one process sees them; writes after the first `writes` fail, as if it had died. */
  const open = (writes = Number.POSITIVE_INFINITY): StoredHeaders => {
    let left = writes;
    const seen: Cache = {
      durable: cache.durable,
      get: (key) => {
        read.push(key);
        return cache.get(key);
      },
      keys: (prefix) => cache.keys(prefix),
      close: () => cache.close(),
      update: async (key, change) => {
        if (left === 0) throw new HawserError("CACHE_UNAVAILABLE", "The process died.", { reason: "died" });
        left--;
        // A write takes longer than a read, so that saves which do not wait for each other would mix.
        if (key !== WORK) await settle();
        return cache.update(key, (current) => {
          const changed = change(current);
          if (changed.value !== undefined) written.push(key);
          return changed;
        });
      },
    };
    return new StoredHeaders(seen, regtest, clock);
  };
  const save = async (chain: HeaderChain, writes?: number): Promise<void> => {
    const stored = open(writes);
    await stored.load();
    await stored.save(chain);
  };
  const loaded = (): Promise<HeaderChain> => open().load();
  const put = (key: string, value: Uint8Array | null): Promise<void> =>
    cache.update(key, () => ({ value, result: undefined }));

  it("V1: an empty cache holds the checkpoint alone", async () => {
    const chain = await loaded();
    expect([chain.tipHeight, chain.tipHash]).toEqual([0, regtest.genesisHash]);
  });

  it.each([1, PERIOD - 1, PERIOD, PERIOD + 1, 2 * PERIOD, 2 * PERIOD + 500])(
    "V1: gives back a chain of %d headers",
    async (count) => {
      await save(first(count));
      const chain = await loaded();
      expect([chain.tipHeight, chain.tipHash, chain.work]).toEqual([count, first(count).tipHash, first(count).work]);
      expect(await cache.keys("headers/regtest/0")).toHaveLength(Math.ceil(count / PERIOD));
    },
  );

  it("writes only the periods that changed, and nothing for the chain that is stored", async () => {
    const stored = open();
    await stored.load();
    await stored.save(first(PERIOD + 10));
    expect(written).toEqual([WORK, CHUNKS[0], CHUNKS[1]]);
    written = [];
    await stored.save(first(PERIOD + 10));
    expect(written).toEqual([]);
    await stored.save(first(PERIOD + 11));
    expect(written).toEqual([WORK, CHUNKS[1]]);
    written = [];
    await stored.save(first(2 * PERIOD));
    expect(written).toEqual([WORK, CHUNKS[1]]);
    written = [];
    await stored.save(first(2 * PERIOD + 1));
    expect(written).toEqual([WORK, CHUNKS[2]]);
    written = [];
    // Another process that knows what is stored writes no more either.
    await save(first(2 * PERIOD + 2));
    expect(written).toEqual([WORK, CHUNKS[2]]);
  });

  it("writes a fork from the period on in which it begins", async () => {
    await save(first(2 * PERIOD + 500));
    written = [];
    const better = fork(PERIOD + 5, PERIOD + 600);
    await save(better);
    expect(written).toEqual([WORK, CHUNKS[1], CHUNKS[2]]);
    expect((await loaded()).tipHash).toBe(better.tipHash);
  });

  it("V1: a better chain that ends at the end of a period is not continued by what was stored behind it", async () => {
    await save(first(2 * PERIOD + 500));
    await put(WORK, null);
    const shorter = fork(PERIOD + 5, PERIOD - 5);
    expect(shorter.tipHeight).toBe(2 * PERIOD);
    await save(shorter);
    expect(await cache.get(CHUNKS[2])).not.toBeNull();
    expect((await loaded()).tipHash).toBe(shorter.tipHash);
  });

  it("V1: a chain with less work than another process kept does not replace it", async () => {
    const stored = open();
    await stored.load();
    await stored.save(first(10));
    const better = first(PERIOD + 20);
    await save(better);
    written = [];
    await stored.save(fork(5, 30));
    expect(written).toEqual([]);
    expect((await loaded()).tipHash).toBe(better.tipHash);
    // It is kept as soon as it has more.
    const best = fork(5, PERIOD + 20);
    await stored.save(best);
    expect((await loaded()).tipHash).toBe(best.tipHash);
  });

  it("V1: of two processes that keep forks of each other in turn the later one with more work stays", async () => {
    const [one, two] = [open(), open()];
    await one.load();
    await two.load();
    await one.save(first(PERIOD + 10));
    const other = fork(PERIOD - 10, 40);
    await two.save(other);
    expect((await loaded()).tipHash).toBe(other.tipHash);
    // The first still thinks that its own first period is there: what loads is shorter, and never a mixture.
    await one.save(first(PERIOD + 60));
    const chain = await loaded();
    expect(chain.tipHeight).toBe(PERIOD);
    expect(chain.tipHash).toBe(other.hashAt(PERIOD));
    await save(first(PERIOD + 60));
    expect((await loaded()).tipHash).toBe(first(PERIOD + 60).tipHash);
  });

  describe("V1: a process that dies between two writes", () => {
    const begin = first(PERIOD + 10);
    const next = fork(PERIOD - 100, PERIOD + 200);
    it.each([0, 1, 2, 3])("after %d of four leaves a valid chain, and the next one completes it", async (writes) => {
      await save(begin);
      await expectCode("CACHE_UNAVAILABLE", save(next, writes));
      const left = await loaded();
      expect(left.tipHeight).toBeGreaterThanOrEqual(PERIOD);
      for (let height = 1; height <= left.tipHeight; height++) {
        expect([begin.hashAt(height), next.hashAt(height)]).toContain(left.hashAt(height));
      }
      await save(next);
      expect((await loaded()).tipHash).toBe(next.tipHash);
    });

    it("after it claimed the work: a chain with less is kept all the same, since the better one is not there", async () => {
      await save(begin);
      await expectCode("CACHE_UNAVAILABLE", save(next, 1));
      const modest = first(PERIOD + 20);
      await save(modest);
      expect((await loaded()).tipHash).toBe(modest.tipHash);
    });

    it("does not keep the same reader from saving later", async () => {
      let broken = true;
      const failing: Cache = {
        durable: false,
        get: (key) => cache.get(key),
        keys: (prefix) => cache.keys(prefix),
        close: () => cache.close(),
        update: (key, change) =>
          broken
            ? Promise.reject(new HawserError("CACHE_UNAVAILABLE", "full", { reason: "full" }))
            : cache.update(key, change),
      };
      const stored = new StoredHeaders(failing, regtest, clock);
      await stored.load();
      await expectCode("CACHE_UNAVAILABLE", stored.save(first(10)));
      broken = false;
      await stored.save(first(10));
      expect((await loaded()).tipHeight).toBe(10);
    });
  });

  it("keeps the best of saves that run at once, in their order", async () => {
    const stored = open();
    await stored.load();
    await Promise.all([10, 30, 20, PERIOD + 5, 40].map((count) => stored.save(first(count))));
    expect((await loaded()).tipHeight).toBe(PERIOD + 5);
  });

  it("lets one save finish before the next one looks at what is there", async () => {
    const stored = open();
    await stored.load();
    await Promise.all([stored.save(first(40)), stored.save(first(20))]);
    expect((await loaded()).tipHeight).toBe(40);
  });

  it("saves without having loaded", async () => {
    await open().save(first(12));
    expect((await loaded()).tipHeight).toBe(12);
  });

  describe("V1: damage ends the chain there, and the next save repairs it", () => {
    const whole = first(2 * PERIOD + 500);
    const damages: readonly (readonly [string, number, number, (bytes: Uint8Array) => Uint8Array | null])[] = [
      ["a chunk that is gone", 1, PERIOD, () => null],
      ["an empty chunk", 1, PERIOD, () => new Uint8Array(0)],
      ["a chunk cut within a header", 1, PERIOD + 3, (bytes) => bytes.slice(0, 80 * 3 + 79)],
      ["another chunk in its place", 2, 2 * PERIOD, () => run.slice(0, 80 * 500)],
      ["the first chunk gone", 0, 0, () => null],
      [
        "a header with another parent",
        1,
        PERIOD + 100,
        (bytes) => {
          const other = bytes.slice();
          other[80 * 100 + 10] = (other[80 * 100 + 10] ?? 0) ^ 1;
          return other;
        },
      ],
    ];
    it.each(damages)("%s", async (_, index, height, damage) => {
      await save(whole);
      const key = CHUNKS[index] ?? "";
      await put(key, damage((await cache.get(key)) ?? new Uint8Array(0)));
      const chain = await loaded();
      expect([chain.tipHeight, chain.tipHash]).toEqual([height, first(height).tipHash]);
      await save(whole);
      expect((await loaded()).tipHash).toBe(whole.tipHash);
    });

    it("V1: nothing behind a damaged header is read", async () => {
      await save(whole);
      const damaged = (await cache.get(CHUNKS[0])) ?? new Uint8Array(0);
      damaged[10] = (damaged[10] ?? 0) ^ 1;
      await put(CHUNKS[0], damaged);
      read = [];
      expect((await loaded()).tipHeight).toBe(0);
      expect(read).toEqual([CHUNKS[0]]);
    });

    it.each(["", "no number", "-1", "f".repeat(65)])("a work of %j counts as none", async (work) => {
      await save(first(10));
      await put(WORK, utf8(work));
      await save(first(11));
      expect((await loaded()).tipHeight).toBe(11);
      expect(await cache.get(WORK)).toEqual(utf8(first(11).work.toString(16)));
    });
  });

  it("V1: stored headers that are ahead of the clock by now are not loaded", async () => {
    await save(first(20));
    const early = new FakeClock((GENESIS_TIME_SEC + 600 * 10) * 1000 - 2 * 60 * 60 * 1000);
    expect((await new StoredHeaders(cache, regtest, early).load()).tipHeight).toBe(10);
  });

  it("V1: the headers of two networks are kept apart", async () => {
    await save(first(20));
    for (const network of [networks.mainnet, networks.testnet4, networks.signet]) {
      const keys = new Set<string>();
      const seen: Cache = { ...cache, get: (key) => Promise.resolve(keys.add(key)).then(() => cache.get(key)) };
      expect((await new StoredHeaders(seen, network, clock).load()).tipHeight).toBe(network.checkpoint.height);
      expect([...keys]).toEqual([`headers/${network.id}/000000`]);
    }
  });
});
