import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { encodeHex } from "../../src/bytes/hex.js";
import { lmdbCache } from "../../src/cache/lmdb.js";
import { memoryCache } from "../../src/cache/memory.js";
import type { Cache, Reader, StorageProvider } from "../../src/index.js";
import { verifyForkProof } from "../../src/mutable/verify-fork.js";
import { mutableEntry, type Route } from "../../src/profile/entry.js";
import { systemClock } from "../../src/runtime/clock.js";
import { ReaderWorld, recordPathOf, routeOf, type TestName } from "../unit/client/reader-world.js";
import { TestKey } from "../unit/devnet/wallet.js";
import { expectCode } from "../unit/storage/expect-code.js";

/** Stores that lie, seen through the reader: never an old or forged value, and the code that says what happened. */
describe("lying replicas", () => {
  let world: ReaderWorld;
  let names = 0;
  beforeAll(async () => {
    world = await ReaderWorld.start({ stores: 3 });
  });
  afterAll(() => world.close());

  /** A name of its own with one route, so that tests do not disturb each other. */
  const fresh = (changes: Partial<Route> = {}): Promise<{ name: TestName; route: Route }> => {
    names++;
    return world.registerWithRecord(`name-${names}`, changes);
  };
  const storeAt = (index: number): StorageProvider => world.stores[index] ?? expect.fail("no such store");
  const labelAt = (index: number): string => new URL(world.devnet.storeUrls[index] ?? "").host;
  const verdictsOf = async (reader: Reader, { name }: TestName): Promise<readonly string[]> => {
    const found = await reader.getMutable(name, "settings");
    if (!found.found) expect.fail("not found");
    return [`${found.ver} ${new TextDecoder().decode(found.data)}`, ...found.replicas.map(({ verdict }) => verdict)];
  };
  type Lie = "freeze" | "stale" | "forge" | "down";
  /** Makes these stores lie, and the others honest. */
  const tamper = (lies: readonly (readonly [number, Lie])[]): void => {
    for (const store of [0, 1, 2]) {
      const [, how] = lies.find(([other]) => other === store) ?? [store, "honest" as const];
      world.devnet.tamper({ store, how });
    }
  };
  afterEach(() => {
    tamper([]);
  });

  it("M8: frozen replicas are outvoted by one newer replica, wherever it stands", async () => {
    for (const newest of [0, 1, 2]) {
      tamper([]);
      const { name, route } = await fresh();
      const others = [0, 1, 2].filter((store) => store !== newest);
      tamper(others.map((store) => [store, "freeze"] as const));
      await world.putRecord(name, route, { ver: 2, data: "two" });
      const [value, ...verdicts] = await verdictsOf(world.reader(), name);
      expect(value).toBe("2 two");
      expect(verdicts).toEqual([0, 1, 2].map((store) => (store === newest ? "fresh" : "behind")));
    }
  });

  describe("a replay after something newer was seen", () => {
    let directory: string;
    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), "hawser-reader-"));
    });
    afterAll(() => rm(directory, { recursive: true }));

    it.each<[string, (count: number) => () => Cache]>([
      [
        "in memory",
        () => {
          const cache = memoryCache();
          return () => cache;
        },
      ],
      ["on disk", (count) => () => lmdbCache(join(directory, String(count)))],
    ])(
      "M5: an older record is RECORD_STALE with a cache %s, for the same reader and for the next one",
      async (where, open) => {
        const { name, route } = await fresh();
        const cache = open(names);
        const reader = world.reader({ cache: cache() });
        tamper([
          [0, "freeze"],
          [1, "freeze"],
        ]);
        await world.putRecord(name, route, { ver: 2, data: "two" });
        expect((await verdictsOf(reader, name))[0]).toBe("2 two");
        tamper([
          [0, "freeze"],
          [1, "freeze"],
          [2, "down"],
        ]);
        const stale = await expectCode("RECORD_STALE", reader.getMutable(name.name, "settings"));
        expect(stale.details).toMatchObject({
          id: "settings",
          got: { epoch: 1, ver: 1 },
          floor: { epoch: 1, ver: 2 },
        });
        expect(stale.details.attempts).toHaveLength(3);
        if (where === "on disk") await reader.close();
        const next = world.reader({ cache: cache() });
        await expectCode("RECORD_STALE", next.getMutable(name.name, "settings"));
        await next.close();
      },
    );

    it("M5: a replay is not seen by a reader without memory, unless the owner anchored a floor", async () => {
      const { name, route } = await fresh();
      const other = await fresh({ minVer: 2 });
      expect((await verdictsOf(world.reader(), name))[0]).toBe("1 one");
      const stale = await expectCode("RECORD_STALE", world.reader().getMutable(other.name.name, "settings"));
      expect(stale.details.floor).toEqual({ epoch: 1, ver: 2 });
      expect(route.minVer).toBeNull();
    });

    it("M6: a record of an earlier life of the id is refused by a new epoch, also by a reader without memory", async () => {
      const { name, route } = await fresh();
      const reader = world.reader();
      await world.putRecord(name, route, { ver: 9, data: "old life" });
      expect((await verdictsOf(reader, name))[0]).toBe("9 old life");
      const again: Route = { ...route, epoch: world.devnet.height() };
      await world.update(name, await world.putProfile(name.name, { entries: [mutableEntry(again)] }));
      const old = world.sign(name, route, { ver: 9, data: "old life" });
      for (const store of world.stores) await store.write(recordPathOf(name, again), old, { kind: "record" });
      for (const one of [reader, world.reader()]) {
        await expectCode("RECORD_UNVERIFIED", one.getMutable(name.name, "settings"));
      }
      await world.putRecord(name, again, { ver: 1, data: "new life" });
      // The higher epoch is above the floor, whatever the version.
      for (const one of [reader, world.reader()]) expect((await verdictsOf(one, name))[0]).toBe("1 new life");
    });

    it("M5: a record under a lower epoch than was seen is RECORD_STALE, whatever its version", async () => {
      const { name, route } = await fresh();
      const reader = world.reader();
      const later: Route = { ...route, epoch: world.devnet.height() };
      await world.update(name, await world.putProfile(name.name, { entries: [mutableEntry(later)] }));
      await world.putRecord(name, later, { ver: 1, data: "later" });
      expect((await verdictsOf(reader, name))[0]).toBe("1 later");
      await world.update(name, await world.putProfile(name.name, { entries: [mutableEntry(route)] }));
      await world.putRecord(name, route, { ver: 99, data: "back" });
      const stale = await expectCode("RECORD_STALE", reader.getMutable(name.name, "settings"));
      expect(stale.details).toMatchObject({ got: { epoch: 1, ver: 99 }, floor: { epoch: later.epoch, ver: 1 } });
    });

    it("M5: the floor of one name is not that of another with the same id", async () => {
      const [left, right] = [await fresh(), await fresh()];
      const reader = world.reader();
      await world.putRecord(left.name, left.route, { ver: 10, data: "ten" });
      expect((await verdictsOf(reader, left.name))[0]).toBe("10 ten");
      expect((await verdictsOf(reader, right.name))[0]).toBe("1 one");
    });
  });

  it("M8: a forged replica is unverified, the record is read from the others", async () => {
    for (const forged of [0, 1, 2]) {
      tamper([]);
      const { name } = await fresh();
      tamper([[forged, "forge"]]);
      const [value, ...verdicts] = await verdictsOf(world.reader(), name);
      expect(value).toBe("1 one");
      expect(verdicts).toEqual([0, 1, 2].map((store) => (store === forged ? "unverified" : "fresh")));
    }
  });

  it("M8: all forged is RECORD_UNVERIFIED, all down RECORD_UNAVAILABLE, each with what every replica said", async () => {
    const { name } = await fresh();
    const reader = world.reader();
    expect((await verdictsOf(reader, name))[0]).toBe("1 one");
    const all = [0, 1, 2];
    {
      tamper(all.map((store) => [store, "forge"] as const));
      const error = await expectCode("RECORD_UNVERIFIED", reader.getMutable(name.name, "settings"));
      expect(error.details).toMatchObject({
        id: "settings",
        attempts: all.map((store) => ({ label: labelAt(store), code: "RECORD_SIGNATURE_INVALID" })),
      });
    }
    {
      tamper(all.map((store) => [store, "down"] as const));
      const error = await expectCode("RECORD_UNAVAILABLE", reader.getMutable(name.name, "settings"));
      expect(error.details).toMatchObject({
        id: "settings",
        attempts: all.map((store) => ({ label: labelAt(store), code: "NETWORK_UNREACHABLE" })),
      });
    }
    {
      // One liar among the silent: somebody answered with something that does not verify.
      tamper([
        [0, "down"],
        [1, "forge"],
        [2, "down"],
      ]);
      await expectCode("RECORD_UNVERIFIED", reader.getMutable(name.name, "settings"));
    }
    tamper([]);
    expect((await verdictsOf(reader, name))[0]).toBe("1 one");
  });

  it("M8: a record that every store says is absent is RECORD_UNAVAILABLE, never not-in-index", async () => {
    const { name, route } = await fresh();
    for (const store of world.stores) await store.remove(recordPathOf(name, route));
    const error = await expectCode("RECORD_UNAVAILABLE", world.reader().getMutable(name.name, "settings"));
    expect(error.details.attempts.map(({ code }) => code)).toEqual(["absent", "absent", "absent"]);
  });

  it("M4: records of another name, tenure, id, epoch or key are unverified", async () => {
    const [victim, other] = [await fresh(), await fresh()];
    const { name, route } = victim;
    const bodies: readonly (readonly [string, Uint8Array])[] = [
      ["another name's", world.sign(other.name, route, { ver: 5, data: "x", tenure: name.tenure })],
      ["another tenure's", world.sign(name, route, { ver: 5, data: "x", tenure: other.name.tenure })],
      ["another id's", world.sign(name, route, { ver: 5, data: "x", id: "others" })],
      ["another epoch's", world.sign(name, route, { ver: 5, data: "x", epoch: 2 })],
      ["another key's", world.sign(name, route, { ver: 5, data: "x", key: new TestKey("stranger") })],
    ];
    const reader = world.reader();
    for (const [what, body] of bodies) {
      await storeAt(1).write(recordPathOf(name, route), body, { kind: "record" });
      expect(await verdictsOf(reader, name), what).toEqual(["1 one", "fresh", "unverified", "fresh"]);
    }
  });

  it("M9: two data under the highest version are RECORD_FORKED, with a proof that others can check", async () => {
    const { name, route } = await fresh();
    await world.putRecord(name, route, { ver: 2, data: "red" }, [storeAt(0)]);
    await world.putRecord(name, route, { ver: 2, data: "blue" }, [storeAt(2)]);
    const reader = world.reader();
    const error = await expectCode("RECORD_FORKED", reader.getMutable(name.name, "settings"));
    const { proof } = error.details;
    expect(proof).toMatchObject({
      network: "regtest",
      name: name.name,
      tenure: name.tenure,
      id: "settings",
      epoch: 1,
      ver: 2,
      pubkey: encodeHex(world.key.p2tr.subarray(2)),
    });
    expect(verifyForkProof(proof)).toMatchObject({ ver: 2 });
    // A higher version heals it; the fork below stays listed.
    await world.putRecord(name, route, { ver: 3, data: "violet" }, [storeAt(1)]);
    expect(await verdictsOf(reader, name)).toEqual(["3 violet", "forked", "fresh", "forked"]);
  });

  it("M9: other data under a version that was read before is RECORD_FORKED, though all replicas agree by now", async () => {
    const { name, route } = await fresh();
    const reader = world.reader();
    expect((await verdictsOf(reader, name))[0]).toBe("1 one");
    await world.putRecord(name, route, { ver: 1, data: "uno" });
    await expectCode("RECORD_FORKED", reader.getMutable(name.name, "settings"));
    // A reader without memory cannot know.
    expect((await verdictsOf(world.reader(), name))[0]).toBe("1 uno");
  });

  it("M10: frozen replicas hold a reader back for maxAgeMs at most; a record from the future is not taken", async () => {
    const now = systemClock.nowMs();
    const { name, route } = await fresh({ maxAgeMs: 60_000 });
    const at = (ms: number): Reader =>
      world.reader({
        clock: {
          nowMs: () => systemClock.nowMs() + ms,
          delay: (delayMs, signal) => systemClock.delay(delayMs, signal),
        },
      });
    await world.putRecord(name, route, { ver: now, data: "now" });
    expect((await verdictsOf(at(0), name))[0]).toBe(`${now} now`);
    const expired = await expectCode("RECORD_EXPIRED", at(3_600_000).getMutable(name.name, "settings"));
    expect(expired.details).toMatchObject({ id: "settings", maxAgeMs: 60_000 });
    await world.putRecord(name, route, { ver: now + 3_600_000, data: "then" }, [storeAt(0)]);
    const reader = at(0);
    expect(await verdictsOf(reader, name)).toEqual([`${now} now`, "future", "fresh", "fresh"]);
    await world.putRecord(name, route, { ver: now + 3_600_000, data: "then" });
    await expectCode("RECORD_FROM_FUTURE", reader.getMutable(name.name, "settings"));
    // The floor was not raised by what was dropped: a little later the same reader takes an honest record.
    await world.putRecord(name, route, { ver: now + 1, data: "soon" });
    expect((await verdictsOf(reader, name))[0]).toBe(`${now + 1} soon`);
  });

  it("P3: a forged index node or profile is passed over for an honest replica's", async () => {
    const entries = [
      mutableEntry(routeOf("settings")),
      ...Array.from({ length: 40 }, (_, i) => mutableEntry(routeOf(`id${i}`))),
    ];
    const name = await world.register("forest", await world.putProfile("forest", { entries }));
    await world.putRecord(name, routeOf("settings"), { ver: 1, data: "one" });
    tamper([
      [0, "forge"],
      [1, "forge"],
    ]);
    const [value, ...verdicts] = await verdictsOf(world.reader(), name);
    expect(value).toBe("1 one");
    expect(verdicts).toEqual(["unverified", "unverified", "fresh"]);
  });

  it("U1: a URL of the route that nothing may open is listed as unreachable and costs no request", async () => {
    const urls = ["file:///etc/passwd", "http://127.0.0.1:1/record.json", "ftp://example.com/x"];
    const { name } = await fresh({ urls });
    const found = await world.reader().getMutable(name.name, "settings");
    if (!found.found) expect.fail("not found");
    expect(found.replicas.map(({ verdict }) => verdict)).toEqual([
      ...["fresh", "fresh", "fresh"],
      ...urls.map(() => "unreachable"),
    ]);
    expect(found.replicas.slice(3).map(({ label }) => label)).toEqual(urls);
    expect(found.data).toEqual(utf8("one"));
  });
});
