import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { memoryCache } from "../../src/cache/memory.js";
import { checkedCache } from "../../src/client/checked-cache.js";
import { encodeMirrorPlace } from "../../src/client/mirror-cursor.js";
import { HawserError } from "../../src/errors.js";
import { contentKey } from "../../src/immutable/key.js";
import type { StorageProvider, StoredBytes } from "../../src/index.js";
import { immutableEntry, mutableEntry } from "../../src/profile/entry.js";
import { objectPath } from "../../src/route/layout.js";
import { contentOf, ReaderWorld, recordPathOf, routeOf } from "../unit/client/reader-world.js";
import {
  audited,
  contentsOf,
  emptyStore,
  faults,
  found,
  mirrored,
  outcomes,
  type Published,
  publish,
} from "../unit/client/upkeep-world.js";
import { TestKey } from "../unit/devnet/wallet.js";
import { wrapped } from "../unit/route/places.js";

/** Attack: places that lie, change, die or hold what is gone, between a name and its copies. */

let world: ReaderWorld;
beforeAll(async () => {
  world = await ReaderWorld.start({ sources: 1, stores: 1 });
});
afterAll(() => world.close());

const stranger = new TestKey("stranger");
const kindOf = (path: string): "object" | "record" => (path.startsWith("objects/") ? "object" : "record");
const once = { attempts: 1 } as const;
const recordAt = (store: StorageProvider, path: string) => store.read(path, { kind: "record", maxBytes: 2 ** 21 });

/** A store that may be given nothing but what `good` has at the same path; what else it was given is noted. */
function guarded(label: string, good: ReadonlyMap<string, string | null>) {
  const kept = emptyStore(label);
  const wrong: string[] = [];
  const store = wrapped(kept, {
    write: (path, body, options) => {
      if (Buffer.from(body).toString("hex") !== good.get(path)) wrong.push(path);
      return kept.write(path, body, options);
    },
  });
  return { store, kept, wrong };
}

type Lie = (path: string, honest: StoredBytes) => unknown;
const lies: Readonly<Record<string, Lie>> = {
  "other bytes": (path) => ({ bytes: utf8(`lie ${path}`), tag: null }),
  "one bit": (_, { bytes, tag }) => ({ bytes: bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte)), tag }),
  "half of it": (_, { bytes, tag }) => ({ bytes: bytes.subarray(0, bytes.length / 2), tag }),
  "more than it": (_, { bytes, tag }) => ({ bytes: Uint8Array.from([...bytes, 10]), tag }),
  nothing: () => ({ bytes: new Uint8Array(0), tag: null }),
  "far too much": () => ({ bytes: new Uint8Array(4 * 1024 * 1024), tag: null }),
  "no bytes": (_, { tag }) => ({ bytes: "text", tag }),
  "an odd error": () => {
    throw Object.create(null) as Error;
  },
};

describe("a mirror from a hostile place", () => {
  it.each(Object.keys(lies))("I2, M4: that serves %s gives the target nothing of it", async (what) => {
    const home = emptyStore("home");
    const name = `lies-${Object.keys(lies).indexOf(what)}`;
    const published = await publish(world, name, [home], { objects: 40, records: 2 });
    const profile = objectPath(published.profileHash);
    const hostile = wrapped(home, {
      label: "hostile",
      read: async (path, options) => {
        const honest = await home.read(path, options);
        // Without the profile nothing would be asked for at all.
        if (path === profile || honest === null) return honest;
        return lies[what]?.(path, honest) as StoredBytes;
      },
    });
    const target = guarded("copy", await contentsOf(home, published));
    const reader = world.reader({ storage: [home], storagePolicy: once });
    const { result, items } = await mirrored(reader, name, { to: target.store, from: [hostile] });
    const spread = outcomes(items).filter((line) => line.endsWith("stored"));
    // White space after a record is no lie.
    const isRecord = (line: string): boolean => line.startsWith("record ") && what === "more than it";
    expect(spread.filter((line) => !isRecord(line))).toEqual(["profile copy: stored"]);
    expect(target.wrong.filter((path) => kindOf(path) === "object")).toEqual([]);
    if (what !== "more than it") expect(target.wrong).toEqual([]);
    expect(result.complete).toBe(false);
    // Nor does it stand in the way of an honest one.
    const second = await mirrored(reader, name, { to: target.store, from: [hostile, home] });
    expect(second.result.complete).toBe(true);
  });

  it("I2: a place that answers rightly once and then otherwise, or changes its bytes later, spreads nothing wrong", async () => {
    const home = emptyStore("home");
    const published = await publish(world, "twice", [home], { objects: 40, records: 2 });
    const whole = await contentsOf(home, published);
    for (const first of ["honest", "lie"]) {
      const seen = new Map<string, number>();
      const changing = wrapped(home, {
        label: "changing",
        read: async (path, options) => {
          const honest = await home.read(path, options);
          const times = seen.get(path) ?? 0;
          seen.set(path, times + 1);
          if ((times % 2 === 0) !== (first === "honest")) return { bytes: utf8("otherwise"), tag: null };
          const bytes = honest?.bytes.slice() ?? new Uint8Array(0);
          queueMicrotask(() => setImmediate(() => bytes.fill(0)));
          return { bytes, tag: null };
        },
      });
      const target = guarded("copy", whole);
      const reader = world.reader({ storage: [changing], storagePolicy: once });
      for (let run = 0; run < 2; run++) {
        await reader.mirror("twice", { to: target.store, from: [changing] }).catch((error: unknown) => {
          expect(error).toMatchObject({ code: "PROFILE_UNAVAILABLE" });
        });
      }
      expect(target.wrong).toEqual([]);
      for (const [path, bytes] of await contentsOf(target.kept, published)) {
        expect([null, whole.get(path)]).toContain(bytes);
      }
    }
  });

  it("M2, M4: copies no record of another id, name, holder, epoch or key, nor one with a raised version", async () => {
    const home = emptyStore("home");
    const published = await publish(world, "foreign", [home], { objects: 0, records: 1 });
    const [route = routeOf("x")] = published.routes;
    const { name } = published;
    const path = recordPathOf(name, route);
    const genuine = new TextDecoder().decode(world.sign(name, route, { ver: 1, data: "x" }));
    const others = [
      world.sign(name, route, { ver: 9, data: "x", id: "record-9" }),
      world.sign({ ...name, name: "elsewhere" }, route, { ver: 9, data: "x" }),
      world.sign(name, route, { ver: 9, data: "x", tenure: "2f".repeat(32) }),
      world.sign(name, route, { ver: 9, data: "x", epoch: 0 }),
      world.sign(name, route, { ver: 9, data: "x", epoch: 2 }),
      world.sign(name, route, { ver: 9, data: "x", key: stranger }),
      utf8(genuine.replace('"ver":1', '"ver":9')),
    ];
    for (const bytes of others) {
      const hostile = wrapped(home, {
        read: async (at, options) => (at === path ? { bytes, tag: null } : home.read(at, options)),
      });
      const target = guarded("copy", await contentsOf(home, published));
      const { items } = await mirrored(world.reader({ storage: [home] }), "foreign", {
        to: target.store,
        from: [hostile],
      });
      expect(outcomes(items)).toContain("record copy: unavailable RECORD_UNVERIFIED");
      expect(await recordAt(target.kept, path)).toBeNull();
      // In a repair it is one voice among others.
      const reader = world.reader({ storage: [hostile, home] });
      expect(found(await reader.repair("foreign", { to: target.store })).complete).toBe(true);
      expect(target.wrong).toEqual([]);
    }
  });
});

describe("a target that changes while it is looked after", () => {
  it("W5: a record that became newer between look and write stays", async () => {
    const home = emptyStore("home");
    const published = await publish(world, "raced", [home], { objects: 1, records: 1 });
    const [route = routeOf("x")] = published.routes;
    const { name } = published;
    const path = recordPathOf(name, route);
    const newer = world.sign(name, route, { ver: 5, data: "faster" });
    const raced = emptyStore("raced");
    const target = wrapped(raced, {
      write: async (at, body, options) => {
        if (at === path && (await recordAt(raced, path)) === null) await raced.write(path, newer, { kind: "record" });
        return raced.write(at, body, options);
      },
    });
    const { items } = await mirrored(world.reader({ storage: [home] }), "raced", { to: target, from: [home] });
    expect(outcomes(items)).toContain("record raced: moved moved");
    expect((await recordAt(raced, path))?.bytes).toEqual(newer);
  });

  it("I2, M8: one that shows each caller something else is believed once, and harms no other", async () => {
    const home = emptyStore("home");
    const published = await publish(world, "moody", [home], { objects: 40, records: 2 });
    const whole = await contentsOf(home, published);
    const kept = emptyStore("moody");
    let calls = 0;
    const moody = wrapped(kept, {
      read: async (path, options) => {
        const answers = [await kept.read(path, options), null, { bytes: utf8("mood"), tag: '"1"' }];
        return answers[calls++ % answers.length] ?? null;
      },
    });
    const good = guarded("good", whole);
    const reader = world.reader({ storage: [home], storagePolicy: once });
    for (let run = 0; run < 3; run++) {
      const { items } = await mirrored(reader, "moody", { to: [moody, good.store], resume: false });
      expect(
        new Set(
          outcomes(items)
            .filter((line) => line.includes("good"))
            .map((line) => line.replace(/.*: /, "")),
        ),
      ).toEqual(new Set([run === 0 ? "stored" : "held"]));
    }
    expect(good.wrong).toEqual([]);
    expect(await contentsOf(good.kept, published)).toEqual(whole);
    // An audit gives each item one verdict, whatever comes, and ends.
    const items = await audited(world.reader({ storage: [moody, good.kept], storagePolicy: once }), "moody");
    expect(items.map(({ path }) => path).sort()).toEqual(published.paths);
    expect(faults(items).filter((line) => line.includes("good"))).toEqual([]);
  });
});

describe("a name that changes while it is audited or copied", () => {
  it("C10: an audit and a mirror keep to the profile that they began with", async () => {
    const [home, copy] = [emptyStore("home"), emptyStore("copy")];
    const before = await publish(world, "moving", [home], { objects: 40, records: 2 });
    const reader = world.reader({ storage: [home] });
    const added = utf8("a later object");
    await world.putObject(added, [home]);
    const entries = [
      immutableEntry(contentKey(added), contentOf(added)),
      ...before.routes.slice(0, 1).map(mutableEntry),
    ];
    const later = await world.putProfile("moving", { entries }, [home]);
    const update = async (): Promise<void> => {
      await world.update(before.name, later);
      await world.devnet.mine(1);
    };
    const audit = found(await reader.audit("moving"));
    const paths: (string | null)[] = [];
    let copied: ReturnType<typeof mirrored> | null = null;
    for await (const { path, replicas } of audit.items) {
      if (paths.push(path) === 3) {
        copied = mirrored(reader, "moving", { to: copy });
        await update();
      }
      expect(replicas.map(({ verdict }) => verdict)).toEqual(["present"]);
    }
    expect(paths.sort()).toEqual(before.paths);
    const { result } = (await copied) ?? expect.fail();
    expect(result.complete).toBe(true);
    // What the profile that it named leads to is there, whichever it was.
    const alone = world.reader({ storage: [copy] });
    const again = await mirrored(reader, "moving", { to: copy });
    expect(again.result).toMatchObject({ complete: true, resumed: false });
    expect(again.items.some(({ path }) => path === objectPath(contentKey(added)))).toBe(true);
    expect(await alone.getMutable("moving", "record-0")).toMatchObject({ found: true });
    expect(await alone.getMutable("moving", "record-1")).toMatchObject({ found: false, why: "not-in-index" });
  });
});

describe("deleted records", () => {
  it("W8, M6: come back neither by a repair, nor from a place that still has them, nor under a later life", async () => {
    const old = emptyStore("old");
    const before = await publish(world, "deleted", [old], { objects: 1, records: 2 });
    const [kept = routeOf("x"), gone = routeOf("y")] = before.routes;
    const { name } = before;
    const cache = memoryCache();
    const reader = world.reader({ storage: [old], cache });
    await world.putRecord(name, gone, { ver: 7, data: "to be deleted" }, [old]);
    // The reader has seen it, so that its own cache would have it, too.
    expect(await reader.getMutable("deleted", gone.id)).toMatchObject({ found: true, ver: 7 });
    await world.update(name, await world.putProfile("deleted", { entries: [mutableEntry(kept)] }, [old]));
    await world.devnet.mine(1);
    const written: string[] = [];
    const clean = emptyStore("clean");
    const noting = wrapped(clean, {
      write: (path, body, options) => {
        written.push(path);
        return clean.write(path, body, options);
      },
    });
    await mirrored(reader, "deleted", { to: noting, from: [old] });
    expect(found(await reader.repair("deleted", { to: noting })).complete).toBe(true);
    expect(written.filter((path) => kindOf(path) === "record")).toEqual([recordPathOf(name, kept)]);
    expect(written).not.toContain(objectPath(before.profileHash));

    // A new life of the id: who still has the old record shows it at the new place.
    const reborn = routeOf(gone.id, { epoch: 5 });
    const profile = await world.putProfile("deleted", { entries: [mutableEntry(reborn)] }, [old]);
    await world.update(name, profile);
    await world.devnet.mine(1);
    const body = (await recordAt(old, recordPathOf(name, gone)))?.bytes ?? expect.fail();
    await old.write(recordPathOf(name, reborn), body, { kind: "record" });
    for (const from of [[old], undefined]) {
      const { items } = await mirrored(reader, "deleted", { to: noting, from });
      expect(outcomes(items)).toContain("record clean: unavailable RECORD_UNVERIFIED");
    }
    expect(await recordAt(clean, recordPathOf(name, reborn))).toBeNull();
    expect(await recordAt(clean, recordPathOf(name, gone))).toBeNull();
  });
});

describe("the only place with the newest record", () => {
  it.each([1, 2, 3, 4, 5])("M5, M8: dies after %i reads: nothing wrong is spread, and it heals", async (lifetime) => {
    const [a, b, last] = ["a", "b", "last"].map(emptyStore) as [StorageProvider, StorageProvider, StorageProvider];
    const published = await publish(world, `dying-${lifetime}`, [a, b, last], { objects: 3, records: 3 });
    const { name, routes } = published;
    const old = await contentsOf(a, published);
    for (const route of routes) await world.putRecord(name, route, { ver: 2, data: `${route.id} v2` }, [last]);
    const newest = await contentsOf(last, published);
    let reads = 0;
    const dying = wrapped(last, {
      read: async (path, options) => {
        if (++reads > lifetime) throw new HawserError("NETWORK_UNREACHABLE", "Dead.", { url: "last", reason: "dead" });
        return last.read(path, options);
      },
    });
    const to = [a, b, dying];
    const reader = world.reader({ storage: to, storagePolicy: once });
    const first = found(await reader.repair(name.name, { to, maxParallel: 1 }));
    expect(first.complete).toBe(false);
    for (const store of [a, b]) {
      for (const [path, bytes] of await contentsOf(store, published)) {
        expect([old.get(path), newest.get(path)]).toContain(bytes);
      }
    }
    expect(await contentsOf(last, published)).toEqual(newest);
    const back = world.reader({ storage: [a, b, last], storagePolicy: once });
    expect(found(await back.repair(name.name, { to: [a, b, last] })).complete).toBe(true);
    for (const store of [a, b, last]) expect(await contentsOf(store, published)).toEqual(newest);
  });
});

describe("a fork", () => {
  /** A name whose one record has a branch at each of two places. */
  async function forked(
    name: string,
  ): Promise<{ published: Published; one: StorageProvider; two: StorageProvider; path: string }> {
    const [one, two] = [emptyStore("one"), emptyStore("two")];
    const published = await publish(world, name, [one, two], { objects: 0, records: 1 });
    const [route = routeOf("x")] = published.routes;
    await world.putRecord(published.name, route, { ver: 2, data: "this" }, [one]);
    await world.putRecord(published.name, route, { ver: 2, data: "that" }, [two]);
    return { published, one, two, path: recordPathOf(published.name, route) };
  }

  it("M9: keeps both its branches through a repair, and is healed by a higher version", async () => {
    const { published, one, two } = await forked("fork-repair");
    const before = await Promise.all([one, two].map((store) => contentsOf(store, published)));
    const reader = world.reader({ storage: [one, two] });
    const { items } = await mirrored(reader, "fork-repair", { to: [one, two], resume: false });
    expect(outcomes(items)).toEqual(
      expect.arrayContaining(["record one: unavailable RECORD_FORKED", "record two: unavailable RECORD_FORKED"]),
    );
    expect(found(await reader.repair("fork-repair", { to: [one, two] })).complete).toBe(false);
    expect(await Promise.all([one, two].map((store) => contentsOf(store, published)))).toEqual(before);
    const three = emptyStore("three");
    await world.putRecord(published.name, published.routes[0] ?? routeOf("x"), { ver: 3, data: "healed" }, [three]);
    const healing = world.reader({ storage: [three] });
    expect(found(await healing.repair("fork-repair", { to: [one, two] })).complete).toBe(true);
    expect(await contentsOf(one, published)).toEqual(await contentsOf(two, published));
  });

  it("M9: whose other branch only a target has is told, and copied to nobody", async () => {
    const { published, one, two, path } = await forked("fork-from");
    const branch = await recordAt(two, path);
    const empty = emptyStore("empty");
    const reader = world.reader({ storage: [one] });
    const { result, items } = await mirrored(reader, "fork-from", { to: [two, empty], from: [one] });
    expect(outcomes(items).filter((line) => line.startsWith("record"))).toEqual([
      "record two: unavailable RECORD_FORKED",
      "record empty: unavailable RECORD_FORKED",
    ]);
    expect(result.complete).toBe(false);
    expect(await recordAt(two, path)).toEqual(branch);
    expect(await recordAt(empty, path)).toBeNull();
    // A target that is above the fork has healed it: it is only ahead.
    const [route = routeOf("x")] = published.routes;
    await world.putRecord(published.name, route, { ver: 3, data: "healed" }, [empty]);
    const later = await mirrored(reader, "fork-from", { to: [empty], from: [one] });
    expect(outcomes(later.items)).toContain("record empty: moved moved");
  });
});

describe("a place kept for a mirror by somebody else", () => {
  it("leads no further than to what the targets show, and lets nothing wrong through", async () => {
    const home = emptyStore("home");
    const published = await publish(world, "cursor", [home], { objects: 40, records: 1 });
    const whole = await contentsOf(home, published);
    const cache = memoryCache();
    const target = guarded("copy", whole);
    const reader = world.reader({ storage: [home], cache });
    const controller = new AbortController();
    const cut = reader.mirror("cursor", {
      to: target.store,
      signal: controller.signal,
      onItem: ({ kind }) => {
        if (kind === "object") controller.abort();
      },
    });
    await expect(cut).rejects.toMatchObject({ code: "NETWORK_ABORTED" });
    const [key = ""] = await cache.keys("mirror/");
    expect(key).not.toBe("");
    for (const path of published.paths) await target.kept.remove(path);
    const other = contentKey(utf8("something of somebody else"));
    await target.kept.write(objectPath(other), utf8("something else"), { kind: "object" });
    for (const witnesses of [
      [other, other],
      [published.profileHash, published.profileHash],
      ["ff".repeat(32), "ff".repeat(32)],
      [published.keys[0] ?? "", published.keys[1] ?? ""],
    ] as const) {
      const value = encodeMirrorPlace({
        profileHash: published.profileHash,
        atMs: Date.now() - 1_000,
        place: { witnesses },
      });
      await checkedCache(cache).update(key, () => ({ value, result: undefined }));
      const { result } = await mirrored(world.reader({ storage: [home], cache }), "cursor", { to: target.store });
      expect(result).toMatchObject({ complete: true, resumed: false });
      expect(await contentsOf(target.kept, published)).toEqual(whole);
      for (const path of published.paths) await target.kept.remove(path);
    }
    expect(target.wrong).toEqual([]);
  });
});
