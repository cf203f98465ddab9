import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { memoryCache } from "../../../src/cache/memory.js";
import { HawserError } from "../../../src/errors.js";
import { floorKey } from "../../../src/mutable/floor.js";
import { raiseFloor, readFloor } from "../../../src/mutable/floor-cache.js";
import { fetchRecordReplies, type GetRecordInput, getRecord } from "../../../src/mutable/get.js";
import { keepRecord, recordKey } from "../../../src/mutable/record-cache.js";
import { verifyForkProof } from "../../../src/mutable/verify-fork.js";
import type { Cache, StorageReader } from "../../../src/ports.js";
import { ReadBudget } from "../../../src/route/budget.js";
import { StoragePolicy } from "../../../src/route/policy.js";
import { memoryStorage } from "../../../src/storage/memory.js";
import { FakeClock, settle } from "../fake-clock.js";
import { fails, hangs, readerThat, serves, urlsWith } from "../route/places.js";
import { context, digestOf, floorAt, rejectionOf, routeWith, signed, writer } from "./world.js";

const key = floorKey(context);

function inputWith(storage: readonly StorageReader[], changes: Partial<GetRecordInput> = {}): GetRecordInput {
  const clock = changes.clock ?? new FakeClock();
  return {
    context,
    publicKey: writer.publicKey,
    route: routeWith(),
    storage,
    urlReader: null,
    cache: memoryCache(),
    clock,
    budget: new ReadBudget({ clock }),
    ...changes,
  };
}

describe("getRecord", () => {
  it("M8: a reader asks the path of the epoch on a provider and every URL of the route", async () => {
    const provider = memoryStorage();
    await provider.write("records/regtest/alice/settings@7.json", signed(2, "b"), { kind: "record" });
    await provider.write("records/regtest/alice/settings@8.json", signed(9, "z", { context: { epoch: 8 } }), {
      kind: "record",
    });
    const url = "https://a.example/r";
    const got = await getRecord(
      inputWith([provider], { urlReader: urlsWith({ [url]: signed(3, "c") }), route: routeWith({ urls: [url] }) }),
    );
    expect(got.data).toEqual(utf8("c"));
    expect(got.body).toEqual(signed(3, "c"));
    expect(got.replicas.map(({ verdict }) => verdict)).toEqual(["behind", "fresh"]);
  });

  it("M7: the floor is in the cache before the value is returned", async () => {
    const cache = memoryCache();
    const got = await getRecord(inputWith([serves("a", signed(3, "c"))], { cache }));
    expect(await readFloor(cache, key)).toEqual(got.floor);
    expect(got.floor).toMatchObject({ epoch: 7, ver: 3, sha256: digestOf("c"), sig: got.record.sig });
  });

  it("M7: nothing is returned when the cache cannot keep the floor", async () => {
    const cache: Cache = {
      ...memoryCache(),
      get: async () => null,
      update: () => Promise.reject(new HawserError("CACHE_UNAVAILABLE", "Full.", { reason: "full" })),
    };
    await rejectionOf("CACHE_UNAVAILABLE", getRecord(inputWith([serves("a", signed(3, "c"))], { cache })));
  });

  it("M7: the value waits until the floor is durable", async () => {
    const inner = memoryCache();
    let durable: () => void = () => undefined;
    const cache: Cache = {
      durable: true,
      get: (k) => inner.get(k),
      keys: (prefix) => inner.keys(prefix),
      close: () => inner.close(),
      update: async (k, change) => {
        const result = await inner.update(k, change);
        if (k !== key) return result;
        await new Promise<void>((resolve) => {
          durable = resolve;
        });
        return result;
      },
    };
    let returned = false;
    const got = getRecord(inputWith([serves("a", signed(3, "c"))], { cache })).finally(() => {
      returned = true;
    });
    for (let i = 0; i < 5; i++) await settle();
    expect(returned).toBe(false);
    durable();
    expect((await got).record.ver).toBe(3);
  });

  it("M5: what is older than the cache knows is not returned", async () => {
    const cache = memoryCache();
    await raiseFloor(cache, key, floorAt(4, "d"));
    await rejectionOf("RECORD_STALE", getRecord(inputWith([serves("a", signed(3, "c"))], { cache })));
    expect(await readFloor(cache, key)).toMatchObject(floorAt(4, "d"));
  });

  it("M5: a damaged floor is an error, not a floor of zero", async () => {
    const cache = memoryCache();
    await cache.update(key, () => ({ value: utf8("damaged"), result: null }));
    await rejectionOf("CACHE_CORRUPT", getRecord(inputWith([serves("a", signed(3, "c"))], { cache })));
  });

  it("M9: a fork between two reads is found", async () => {
    const cache = memoryCache();
    await getRecord(inputWith([serves("a", signed(3, "c"))], { cache }));
    await rejectionOf("RECORD_FORKED", getRecord(inputWith([serves("a", signed(3, "d"))], { cache })));
  });

  it("M9: a fork against what was read before has a proof that others can check, though its data is gone", async () => {
    const cache = memoryCache();
    await getRecord(inputWith([serves("a", signed(3, "c"))], { cache }));
    const error = await rejectionOf("RECORD_FORKED", getRecord(inputWith([serves("a", signed(3, "d"))], { cache })));
    expect(verifyForkProof(error.details.proof)).toMatchObject({ tenure: context.tenure, epoch: 7, ver: 3 });
  });

  it("M9: a fork between two reads that run at once is found", async () => {
    const cache = memoryCache();
    const outcomes = await Promise.allSettled([
      getRecord(inputWith([serves("a", signed(3, "c"))], { cache })),
      getRecord(inputWith([serves("a", signed(3, "d"))], { cache })),
    ]);
    const [rejected] = outcomes.filter(({ status }) => status === "rejected") as PromiseRejectedResult[];
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(rejected?.reason).toMatchObject({ code: "RECORD_FORKED" });
  });

  it("M7: replicas are asked again when another read returned something newer in the meantime", async () => {
    const cache = memoryCache();
    let asked = 0;
    const lagging = readerThat("a", async () => {
      asked++;
      if (asked > 1) return { bytes: signed(4, "d"), tag: null };
      await getRecord(inputWith([serves("b", signed(4, "d"))], { cache }));
      return { bytes: signed(3, "c"), tag: null };
    });
    expect((await getRecord(inputWith([lagging], { cache }))).record.ver).toBe(4);
    expect(asked).toBe(2);
  });

  it("M7: a read that others overtake again and again is no replay", async () => {
    const cache = memoryCache();
    let asked = 0;
    const busy = readerThat("a", async () => {
      asked++;
      const bytes = signed(asked, "c");
      // Another process puts the next version and tells the cache, before this one comes to it.
      if (asked < 7) await raiseFloor(cache, key, floorAt(asked + 1, "c"));
      return { bytes, tag: null };
    });
    const storage = [busy];
    const first = fetchRecordReplies(inputWith(storage, { cache }));
    expect((await getRecord(inputWith(storage, { cache, replies: first }))).record.ver).toBe(7);
    expect(asked).toBe(7);
  });

  it("M7: replicas are asked again when the replies were asked for before another read returned something newer", async () => {
    const cache = memoryCache();
    const early = inputWith([serves("a", signed(3, "c"))], { cache });
    const replies = fetchRecordReplies(early);
    await getRecord(inputWith([serves("b", signed(4, "d"))], { cache }));
    const later = inputWith([serves("a", signed(4, "d"))], { cache, replies });
    expect((await getRecord(later)).record.ver).toBe(4);
    await rejectionOf("RECORD_STALE", getRecord({ ...early, replies }));
  });

  it("M7: a record is stale when the newer one cannot be had any more", async () => {
    const cache = memoryCache();
    const stuck = readerThat("a", async () => {
      await raiseFloor(cache, key, floorAt(4, "d"));
      return { bytes: signed(3, "c"), tag: null };
    });
    await rejectionOf("RECORD_STALE", getRecord(inputWith([stuck], { cache })));
  });

  it("M10: a record from the future does not raise the floor", async () => {
    const clock = new FakeClock();
    const cache = memoryCache();
    const storage = [serves("a", signed(clock.nowMs() + 3_600_000, "x")), serves("b", signed(clock.nowMs(), "y"))];
    const got = await getRecord(inputWith(storage, { cache, clock, route: routeWith({ maxAgeMs: 60_000 }) }));
    expect(got.data).toEqual(utf8("y"));
    expect(await readFloor(cache, key)).toMatchObject({ ver: clock.nowMs() });
  });

  it("M10: a record that is 10 minutes ahead raises the floor, and one of now is stale after it", async () => {
    const clock = new FakeClock();
    const cache = memoryCache();
    const route = routeWith({ maxAgeMs: 60_000 });
    const ahead = clock.nowMs() + 600_000;
    expect((await getRecord(inputWith([serves("a", signed(ahead, "x"))], { cache, clock, route }))).floor.ver).toBe(
      ahead,
    );
    const now = inputWith([serves("a", signed(clock.nowMs(), "y"))], { cache, clock, route });
    await rejectionOf("RECORD_STALE", getRecord(now));
  });

  it("M11: the caller's bounds hold", async () => {
    const storage = [serves("a", signed(3, "c")), serves("b", signed(4, "d"))];
    expect((await getRecord(inputWith(storage, { maxVersion: 3 }))).record.ver).toBe(3);
    expect((await getRecord(inputWith(storage, { accept: ({ ver }) => ver === 3 }))).record.ver).toBe(3);
    await rejectionOf("RECORD_STALE", getRecord(inputWith(storage, { minVersion: 5 })));
  });

  it("M8: as many replicas are asked as the caller chose", async () => {
    const storage = [serves("a", signed(3, "c")), serves("b", signed(4, "d"))];
    expect((await getRecord(inputWith(storage, { maxReplicas: 1 }))).replicas).toHaveLength(1);
  });

  it("M8: a URL that nothing opens takes no place of a replica that can be asked", async () => {
    const urls = ["ftp://a.example/r", "https://b.example/r", "https://c.example/r"];
    const urlReader = urlsWith({ "https://b.example/r": signed(3, "c") });
    const got = await getRecord(inputWith([], { maxReplicas: 1, route: routeWith({ urls }), urlReader }));
    expect(got.replicas.map(({ verdict }) => verdict)).toEqual(["unreachable", "fresh"]);
    expect(urlReader.asked).toEqual(["https://b.example/r"]);
  });

  it("M8: a slow replica is waited for until its deadline, not longer", async () => {
    const clock = new FakeClock();
    const slow = readerThat("slow", async () => {
      await clock.delay(14_000);
      return { bytes: signed(4, "d"), tag: null };
    });
    const got = getRecord(inputWith([serves("a", signed(3, "c")), slow, hangs("b")], { clock }));
    await clock.advance(15_000);
    expect((await got).replicas.map(({ verdict }) => verdict)).toEqual(["behind", "fresh", "unreachable"]);
  });

  it("M8: a replica that was left alone is asked where the others are not enough, and only there", async () => {
    const random = { bytes: (length: number) => new Uint8Array(length) };
    const policy = new StoragePolicy({ attempts: 1, failuresBeforePause: 1 }, random);
    const clock = new FakeClock();
    let asked = 0;
    const once = readerThat("a", async () => {
      asked++;
      if (asked === 1) throw new HawserError("NETWORK_UNREACHABLE", "Down.", { url: "a", reason: "down" });
      return { bytes: signed(3, "c"), tag: null };
    });
    const read = (other: StorageReader, changes: Partial<GetRecordInput> = {}) =>
      getRecord(inputWith([once, other], { clock, policy, ...changes }));
    const old = serves("b", signed(2, "b"));
    await read(old);
    expect((await read(old)).record.ver).toBe(2);
    expect(asked).toBe(1);
    // M5: b alone has nothing but what is too old.
    expect((await read(old, { minVersion: 3 })).record.ver).toBe(3);
    expect(asked).toBe(2);
  });

  it("M8: an outage is told from tampering", async () => {
    await rejectionOf("RECORD_UNAVAILABLE", getRecord(inputWith([fails("a"), serves("b", null)])));
    await rejectionOf("RECORD_UNVERIFIED", getRecord(inputWith([fails("a"), serves("b", utf8("{}"))])));
  });

  it("M3: the limit of the body is raised with that of the data", async () => {
    const data = "x".repeat(1.2 * 1024 * 1024);
    const storage = [serves("a", signed(1, data))];
    await rejectionOf("RECORD_UNAVAILABLE", getRecord(inputWith(storage)));
    const got = await getRecord(inputWith(storage, { maxDataBytes: 2 * 1024 * 1024 }));
    expect(got.data).toHaveLength(data.length);
  });

  it("M7: the newest body is kept beside its floor, and never replaced by an older one", async () => {
    const cache = memoryCache();
    const at = recordKey(context);
    await getRecord(inputWith([serves("a", signed(3, "c"))], { cache }));
    expect(await cache.get(at)).toEqual(signed(3, "c"));
    await keepRecord(cache, context, 2, signed(2, "b"));
    expect(await cache.get(at)).toEqual(signed(3, "c"));
    await getRecord(inputWith([serves("a", signed(4, "d"))], { cache }));
    expect(await cache.get(at)).toEqual(signed(4, "d"));
    // What cannot be read is nothing that has to stay.
    await cache.update(at, () => ({ value: utf8("damaged"), result: null }));
    await getRecord(inputWith([serves("a", signed(4, "d"))], { cache }));
    expect(await cache.get(at)).toEqual(signed(4, "d"));
  });

  it("M7: a body is not kept before its floor is", async () => {
    const inner = memoryCache();
    const written: string[] = [];
    const cache: Cache = {
      durable: false,
      get: (k) => inner.get(k),
      keys: (prefix) => inner.keys(prefix),
      close: () => inner.close(),
      update: (k, change) => {
        written.push(k);
        return inner.update(k, change);
      },
    };
    await getRecord(inputWith([serves("a", signed(3, "c"))], { cache }));
    expect(written).toEqual([key, recordKey(context)]);
    await getRecord(inputWith([serves("a", signed(3, "c"))], { cache }));
    // The same body is not written again.
    expect(written.slice(2)).toEqual([key]);
  });
});
