import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { memoryCache } from "../../../src/cache/memory.js";
import { networks } from "../../../src/chain/network.js";
import { esplora } from "../../../src/chain/sources/esplora.js";
import type { MutableReadOptions } from "../../../src/client/read-options.js";
import { coreOf, type Reader } from "../../../src/client/reader.js";
import { HawserError } from "../../../src/errors.js";
import { createReader, type ReaderOptions } from "../../../src/index.js";
import { limits } from "../../../src/limits.js";
import type { Cache } from "../../../src/ports.js";
import type { Route } from "../../../src/profile/entry.js";
import { systemClock } from "../../../src/runtime/clock.js";
import { FakeClock } from "../fake-clock.js";
import { hangs } from "../route/places.js";
import { expectCode } from "../storage/expect-code.js";
import { ReaderWorld, type TestName } from "./reader-world.js";

describe("reader options", () => {
  let world: ReaderWorld;
  let name: TestName;
  let route: Route;
  beforeAll(async () => {
    world = await ReaderWorld.start();
    ({ name, route } = await world.registerWithRecord("alice"));
  });
  afterAll(() => world.close());

  /** Every read of a reader, with wrong names and options that only a caller without types would pass. */
  const reads = (reader: Reader, given: string, options: object = {}): readonly (() => Promise<unknown>)[] => [
    () => reader.getName(given, options),
    () => reader.getProfile(given, options),
    () => reader.getMutable(given, "settings", options),
    () => reader.getImmutable(given, "00".repeat(32), options),
    () => reader.list(given, options),
  ];

  /** The error of a call that must not throw before it returns its promise. */
  const rejection = async (call: () => Promise<unknown>): Promise<unknown> => {
    let promise: Promise<unknown>;
    try {
      promise = call();
    } catch {
      expect.fail("it threw instead of returning a rejected promise");
    }
    return promise.then(
      () => expect.fail("it did not fail"),
      (error: unknown) => error,
    );
  };

  describe("of createReader", () => {
    const bad: readonly (readonly [string, Partial<ReaderOptions>, string])[] = [
      ["no source", { sources: [] }, "sources"],
      ["a minSources above the number of sources", { minSources: 3 }, "minSources"],
      ["a minSources of 0", { minSources: 0 }, "minSources"],
      ["a minSources that is no number", { minSources: Number.NaN }, "minSources"],
      ["a minConfirmations of 0", { minConfirmations: 0 }, "minConfirmations"],
      ["a minConfirmations of 1.5", { minConfirmations: 1.5 }, "minConfirmations"],
      ["a maxTipAgeMs of 0", { maxTipAgeMs: 0 }, "maxTipAgeMs"],
      ["a maxTipAgeMs that is no number", { maxTipAgeMs: Number.NaN }, "maxTipAgeMs"],
      ["a network that nobody knows", { network: "litecoin" as "regtest" }, "network"],
    ];
    it.each(bad)("%s is INPUT_INVALID", async (_, options, argument) => {
      const error = await expectCode("INPUT_INVALID", () => world.reader(options));
      expect(error.details.argument).toBe(argument);
    });

    it.each(["mainnet", "testnet4", "signet", "regtest"] as const)(
      "section 9: a reader of %s has that network's depth and tip age",
      (network) => {
        const { parts } = coreOf(world.reader({ network }));
        const { minConfirmations, maxTipAgeMs } = networks[network];
        expect(parts).toMatchObject({ network: networks[network], minConfirmations, maxTipAgeMs });
      },
    );

    it("V5: two sources with one label are INPUT_INVALID: one could vouch for itself", async () => {
      const [url = ""] = world.devnet.sourceUrls;
      const error = await expectCode("INPUT_INVALID", () => world.reader({ sources: [esplora(url), esplora(url)] }));
      expect(error.details.argument).toBe("sources");
      expect(() => world.reader({ sources: [esplora(url), esplora(url, { label: "b" })] })).not.toThrow();
    });

    it("V5: needs two answers by default, one with a single source", () => {
      const [first = "", second = ""] = world.devnet.sourceUrls;
      const minSources = (urls: readonly string[]): number =>
        coreOf(createReader({ network: "regtest", sources: urls.map((url) => esplora(url)) })).parts.minSources;
      expect(minSources([first])).toBe(1);
      expect(minSources([first, second])).toBe(2);
      expect(minSources([first, second, `${first}/3`])).toBe(2);
    });

    it("coreOf takes only what createReader made", async () => {
      await expectCode("INPUT_INVALID", () => coreOf({} as Reader));
    });
  });

  describe("of a read", () => {
    it.each(["", "Alice", "-a", "a-", "xn--a", "a".repeat(32), "a b", "ä", 7 as unknown as string])(
      "N1: the name %j is NAME_INVALID, as a rejected promise",
      async (given) => {
        for (const read of reads(world.reader(), given)) {
          expect(await rejection(read)).toMatchObject({ code: "NAME_INVALID" });
        }
      },
    );

    it.each(["", "A", "a//b", "../a", "a/.", ".json", "a".repeat(129), 7 as unknown as string])(
      "M1: the id %j is INPUT_ID_INVALID, as a rejected promise",
      async (id) => {
        const reader = world.reader();
        expect(await rejection(() => reader.getMutable("alice", id))).toMatchObject({ code: "INPUT_ID_INVALID" });
      },
    );

    it.each(["", "00", "AA".repeat(32), "g".repeat(64), 7 as unknown as string])(
      "I1: the key %j is INPUT_INVALID, as a rejected promise",
      async (key) => {
        const reader = world.reader();
        expect(await rejection(() => reader.getImmutable("alice", key))).toMatchObject({ code: "INPUT_INVALID" });
      },
    );

    it("I3: the root of a UnixFS folder cannot be read yet: INPUT_INVALID, not absent", async () => {
      const key = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
      const reader = world.reader();
      expect(await rejection(() => reader.getImmutable("alice", key))).toMatchObject({
        code: "INPUT_INVALID",
        details: { argument: "key" },
      });
    });

    const badBounds: readonly (readonly [keyof MutableReadOptions, number])[] = [
      ["minVersion", Number.NaN],
      ["minVersion", -1],
      ["minVersion", 1.5],
      ["minVersion", 2 ** 53],
      ["maxVersion", Number.NaN],
      ["maxVersion", -1],
      ["maxBytes", Number.NaN],
      ["maxBytes", -1],
      ["replicas", 0],
      ["replicas", Number.NaN],
      ["replicas", -1],
      ["replicas", 1.5],
    ];
    it.each(badBounds)("M11: %s of %d is INPUT_INVALID", async (option, value) => {
      const reader = world.reader();
      expect(await rejection(() => reader.getMutable("alice", "settings", { [option]: value }))).toMatchObject({
        code: "INPUT_INVALID",
        details: { argument: option },
      });
    });

    it("M11: a checkVersion that is no function is INPUT_INVALID", async () => {
      const checkVersion = true as unknown as () => boolean;
      const reader = world.reader();
      expect(await rejection(() => reader.getMutable("alice", "settings", { checkVersion }))).toMatchObject({
        code: "INPUT_INVALID",
        details: { argument: "checkVersion" },
      });
    });

    it.each([0, -1, Number.NaN, 1.5, 2 ** 31])("a timeoutMs of %d is INPUT_INVALID", async (timeoutMs) => {
      for (const read of reads(world.reader(), "alice", { timeoutMs })) {
        expect(await rejection(read)).toMatchObject({ code: "INPUT_INVALID", details: { argument: "timeoutMs" } });
      }
    });

    it("an abort before or during a read is NETWORK_ABORTED", async () => {
      for (const read of reads(world.reader(), "alice", { signal: AbortSignal.abort() })) {
        expect(await rejection(read)).toMatchObject({ code: "NETWORK_ABORTED" });
      }
      const reader = world.reader({ storage: [hangs("hangs")] });
      for (const stage of ["headers", "name", "profile"]) {
        const controller = new AbortController();
        const onEvent = (event: { readonly stage: string }): void => {
          if (event.stage === stage) controller.abort(new Error("enough"));
        };
        const read = (): Promise<unknown> => reader.getProfile("alice", { signal: controller.signal, onEvent });
        expect(await rejection(read), stage).toMatchObject({ code: "NETWORK_ABORTED" });
      }
      // The reader is none the worse for it.
      expect(await reader.getName("alice")).toMatchObject({ found: true });
    });

    it("an aborted listing stops between its nodes", async () => {
      const controller = new AbortController();
      const listed = await world.reader().list("alice", { signal: controller.signal });
      if (!listed.found) expect.fail("not found");
      controller.abort();
      await expectCode("NETWORK_ABORTED", async () => {
        for await (const { key } of listed.entries) expect.fail(`${key} after the abort`);
      });
    });

    it("timeoutMs: a read that takes longer is NETWORK_TIMEOUT, whatever its parts would still do", async () => {
      const clock = new FakeClock(Date.now());
      const reader = world.reader({ storage: [hangs("hangs")], clock });
      let begin = (): void => undefined;
      const begun = new Promise<void>((resolve) => {
        begin = resolve;
      });
      const read = reader.getProfile("alice", {
        timeoutMs: 5_000,
        onEvent: ({ stage }) => {
          if (stage === "profile") begin();
        },
      });
      read.catch(() => undefined);
      await begun;
      await clock.advance(4_999);
      expect(await Promise.race([read, Promise.resolve("pending")])).toBe("pending");
      await clock.advance(1);
      const error = await expectCode("NETWORK_TIMEOUT", read);
      expect(error.details.timeoutMs).toBe(5_000);
    });

    it("U1: a read asks storage 64 times at most", async () => {
      const urls = Array.from({ length: 16 }, (_, i) => `https://places.invalid/${i}`);
      const asked: string[] = [];
      const storage = Array.from({ length: 60 }, (_, i) => ({
        ...hangs(`store ${i}`),
        read: async (path: string) => {
          asked.push(path);
          return world.stores[0]?.read(path, { kind: "object", maxBytes: 1_000_000 }) ?? null;
        },
      }));
      await world.registerWithRecord("many", { urls });
      const error = await expectCode("NETWORK_TIME_LIMIT", world.reader({ storage }).getMutable("many", "settings"));
      expect(error.details).toEqual({ limit: "requests", max: limits.readMaxRequests });
      // The profile alone: the record's replicas are too many to be asked all, and a part of them is not enough.
      expect(asked).toHaveLength(1);
    });
  });

  describe("V7: maxTipAgeMs", () => {
    it("an older tip is CHAIN_STALE, in every read and from the first read on", async () => {
      const reader = world.reader({ clock: systemClockAt(3_600_000), maxTipAgeMs: 3_000_000 });
      for (const read of reads(reader, "alice")) {
        const error = await expectCode("CHAIN_STALE", read);
        expect(error.details).toMatchObject({ maxTipAgeMs: 3_000_000, tipHeight: world.devnet.height() });
        expect(error.details.tipAgeMs).toBeGreaterThan(3_500_000);
      }
      await expectCode("CHAIN_STALE", reader.getName("nobody"));
    });

    it("a tip within the limit is read; regtest has no limit by default", async () => {
      const clock = systemClockAt(3_600_000);
      const result = await world.reader({ clock, maxTipAgeMs: 4_000_000 }).getName("alice");
      expect(result.found).toBe(true);
      expect(result.asOf.tipAgeMs).toBeGreaterThan(3_500_000);
      expect(result.asOf.tipAgeMs).toBeLessThan(3_700_000);
      const muchLater = systemClockAt(10 * 365 * 86_400_000);
      expect(await world.reader({ clock: muchLater }).getName("alice")).toMatchObject({ found: true });
    });
  });

  describe("M11: bounds", () => {
    /** A name whose first store has version 3 and whose second has version 5. */
    const spread = async (own: string): Promise<Reader> => {
      const made = await world.registerWithRecord(own);
      const [first, second] = world.stores;
      if (first === undefined || second === undefined) expect.fail("two stores");
      await world.putRecord(made.name, made.route, { ver: 3, data: "three" }, [first]);
      await world.putRecord(made.name, made.route, { ver: 5, data: "five" }, [second]);
      return world.reader();
    };
    const verdicts = (result: object): unknown =>
      "replicas" in result ? (result.replicas as readonly { verdict: string }[]).map(({ verdict }) => verdict) : null;

    it("maxVersion drops what is above before the highest is chosen, and the floor follows what was returned", async () => {
      const reader = await spread("max");
      const found = await reader.getMutable("max", "settings", { maxVersion: 4 });
      expect(found).toMatchObject({ found: true, ver: 3 });
      expect(verdicts(found)).toEqual(["fresh", "refused"]);
      const none = await expectCode("RECORD_UNAVAILABLE", reader.getMutable("max", "settings", { maxVersion: 2 }));
      expect(none.details.attempts).toHaveLength(2);
      expect(await reader.getMutable("max", "settings", { maxVersion: 5 })).toMatchObject({ ver: 5 });
      // M5: the floor is now 5, so that version 3 is a replay.
      await expectCode("RECORD_STALE", reader.getMutable("max", "settings", { maxVersion: 4 }));
    });

    it("minVersion is part of the floor and refuses what is below", async () => {
      const reader = await spread("min");
      expect(await reader.getMutable("min", "settings", { minVersion: 5 })).toMatchObject({ ver: 5 });
      const stale = await expectCode("RECORD_STALE", reader.getMutable("min", "settings", { minVersion: 6 }));
      expect(stale.details).toMatchObject({ got: { ver: 5 }, floor: { ver: 6 } });
      // The caller's floor is for its own call alone.
      expect(await reader.getMutable("min", "settings")).toMatchObject({ ver: 5 });
    });

    it("checkVersion sees verified records and drops those that it refuses", async () => {
      const reader = await spread("check");
      const seen: string[] = [];
      const found = await reader.getMutable("check", "settings", {
        checkVersion: ({ ver, data }) => {
          seen.push(`${ver} ${new TextDecoder().decode(data)}`);
          return ver !== 5;
        },
      });
      expect(found).toMatchObject({ found: true, ver: 3 });
      expect(verdicts(found)).toEqual(["fresh", "refused"]);
      expect(new Set(seen)).toEqual(new Set(["3 three", "5 five"]));
      await expectCode("RECORD_UNAVAILABLE", reader.getMutable("check", "settings", { checkVersion: () => false }));
    });

    it("what checkVersion throws is what the read throws", async () => {
      const problem = new Error("mine");
      const checkVersion = (): boolean => {
        throw problem;
      };
      const reader = await spread("throws");
      expect(await rejection(() => reader.getMutable("throws", "settings", { checkVersion }))).toBe(problem);
    });

    it("replicas asks only so many, also in the early question", async () => {
      const reader = await spread("few");
      for (const round of ["cold", "warm"]) {
        const found = await reader.getMutable("few", "settings", { replicas: 1 });
        expect(found, round).toMatchObject({ found: true, ver: 3 });
        expect(verdicts(found), round).toEqual(["fresh"]);
      }
      expect(await reader.getMutable("few", "settings", { replicas: 9 })).toMatchObject({ ver: 5 });
    });

    it("maxBytes raises the limit of 1 MiB and never lowers it", async () => {
      const made = await world.registerWithRecord("large");
      const data = new Uint8Array(limits.recordDataMaxBytes + 1).fill(7);
      await world.putRecord(made.name, made.route, { ver: 2, data });
      const reader = world.reader();
      await expectCode("RECORD_UNVERIFIED", reader.getMutable("large", "settings"));
      await expectCode("RECORD_UNVERIFIED", reader.getMutable("large", "settings", { maxBytes: data.length - 1 }));
      const found = await reader.getMutable("large", "settings", { maxBytes: data.length });
      expect(found).toMatchObject({ found: true, ver: 2 });
      await world.putRecord(made.name, made.route, { ver: 3, data: "small" });
      expect(await reader.getMutable("large", "settings", { maxBytes: 1 })).toMatchObject({ ver: 3 });
      // The body may grow with it, in the early question as well.
      const larger = new Uint8Array(2 * limits.recordDataMaxBytes);
      await world.putRecord(made.name, made.route, { ver: 4, data: larger });
      for (const one of [world.reader(), reader]) {
        expect(await one.getMutable("large", "settings", { maxBytes: larger.length })).toMatchObject({ ver: 4 });
      }
      await expectCode("RECORD_UNAVAILABLE", reader.getMutable("large", "settings"));
    });
  });

  describe("close", () => {
    it("closes the cache; reads after it are CACHE_UNAVAILABLE, and it may be called again", async () => {
      const reader = world.reader();
      expect(await reader.getMutable("alice", "settings")).toMatchObject({ found: true });
      await reader.close();
      for (const read of reads(reader, "alice")) await expectCode("CACHE_UNAVAILABLE", read);
      await reader.close();
    });

    it("await using closes it", async () => {
      const cache = memoryCache();
      {
        await using reader = world.reader({ cache });
        expect(await reader.getName("alice")).toMatchObject({ found: true });
        expect(await cache.keys("")).not.toEqual([]);
      }
      await expectCode("CACHE_UNAVAILABLE", () => cache.get("a"));
    });
  });

  it("M7: a record is not returned when its floor cannot be kept", async () => {
    const cache = memoryCache();
    const full = new HawserError("CACHE_UNAVAILABLE", "The disk is full.", { reason: "full" });
    const failing: Cache = {
      durable: false,
      get: (key) => cache.get(key),
      keys: (prefix) => cache.keys(prefix),
      close: () => cache.close(),
      update: (key, change) => (key.startsWith("floor/") ? Promise.reject(full) : cache.update(key, change)),
    };
    await world.putRecord(name, route, { ver: 2, data: "two" });
    const reader = world.reader({ cache: failing });
    expect(await rejection(() => reader.getMutable("alice", "settings"))).toBe(full);
  });

  /** The system's clock, so much ahead. */
  function systemClockAt(aheadMs: number): ReaderOptions["clock"] & object {
    return {
      nowMs: () => systemClock.nowMs() + aheadMs,
      delay: (ms, signal) => systemClock.delay(ms, signal),
    };
  }
});
