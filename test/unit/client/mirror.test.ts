import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { memoryCache } from "../../../src/cache/memory.js";
import { HawserError } from "../../../src/errors.js";
import type { ProgressEvent, StorageProvider } from "../../../src/index.js";
import { limits } from "../../../src/limits.js";
import { mutableEntry } from "../../../src/profile/entry.js";
import { objectPath } from "../../../src/route/layout.js";
import { settle } from "../fake-clock.js";
import { fails, wrapped } from "../route/places.js";
import { ReaderWorld, recordPathOf, routeOf } from "./reader-world.js";
import { contentsOf, emptyStore, found, mirrored, outcomes, publish } from "./upkeep-world.js";

let world: ReaderWorld;
beforeAll(async () => {
  world = await ReaderWorld.start({ sources: 1, stores: 1 });
});
afterAll(() => world.close());

/** A store that notes the paths that were written. */
function noting(store: StorageProvider): { readonly store: StorageProvider; readonly written: string[] } {
  const written: string[] = [];
  return {
    written,
    store: wrapped(store, {
      write: (path, body, options) => {
        written.push(path);
        return store.write(path, body, options);
      },
    }),
  };
}

describe("a mirror", () => {
  it("copies everything: objects and nodes, then records, the profile last", async () => {
    const home = emptyStore("home");
    const name = await publish(world, "whole", [home], { objects: 40, records: 3 });
    const target = noting(emptyStore("copy"));
    const events: ProgressEvent[] = [];
    const onEvent = (event: ProgressEvent): void => void events.push(event);
    const { result, items } = await mirrored(world.reader({ storage: [home] }), "whole", { to: target.store, onEvent });
    expect(await contentsOf(target.store, name)).toEqual(await contentsOf(home, name));
    const kinds = target.written.map((path) =>
      path === objectPath(name.profileHash) ? "profile" : path.split("/")[0],
    );
    const firstRecord = kinds.indexOf("records");
    expect(new Set(kinds.slice(0, firstRecord))).toEqual(new Set(["objects"]));
    expect(kinds.slice(firstRecord)).toEqual(["records", "records", "records", "profile"]);
    expect(new Set(outcomes(items).map((line) => line.replace(/^\w+ /, "")))).toEqual(new Set(["copy: stored"]));
    const bytes = [...(await contentsOf(home, name)).values()].reduce((sum, hex) => sum + (hex?.length ?? 0) / 2, 0);
    const counts = { stored: name.paths.length, held: 0, moved: 0, failed: 0, unavailable: 0, bytes };
    expect(result).toMatchObject({ complete: true, resumed: false, profileHash: name.profileHash, from: "network" });
    expect(result.providers).toEqual([{ label: "copy", ...counts }]);
    const told = events.filter(({ stage }) => stage === "mirror").map(({ done }) => done);
    expect(told).toEqual(items.map((_, i) => i + 1));

    // A reader that has the copy alone reads the name.
    const alone = await world.reader({ storage: [target.store] }).getMutable("whole", "record-0");
    expect(alone).toMatchObject({ found: true, ver: 1 });
  });

  it("writes only what is missing, wrong or behind", async () => {
    const home = emptyStore("home");
    const name = await publish(world, "fill", [home], { objects: 3, records: 3 });
    const copy = emptyStore("copy");
    const reader = world.reader({ storage: [home] });
    await mirrored(reader, "fill", { to: copy });
    const [key = "", wrong = ""] = name.keys;
    const [old = routeOf("x"), forged = routeOf("y")] = name.routes;
    await copy.remove(objectPath(key));
    await copy.write(objectPath(wrong), utf8("other bytes"), { kind: "object" });
    await world.putRecord(name.name, old, { ver: 2, data: "newer" }, [home]);
    await copy.write(recordPathOf(name.name, forged), utf8("{}"), { kind: "record" });
    const again = noting(copy);
    const { result, items } = await mirrored(reader, "fill", { to: again.store });
    const mended = [objectPath(key), objectPath(wrong), recordPathOf(name.name, old), recordPathOf(name.name, forged)];
    expect([...again.written].sort()).toEqual([...mended].sort());
    expect(result.providers).toMatchObject([{ stored: 4, held: name.paths.length - 4, failed: 0 }]);
    expect(items.find((item) => item.kind === "record" && item.id === old.id)).toMatchObject({ ver: 2 });
    expect(await contentsOf(copy, name)).toEqual(await contentsOf(home, name));
    const third = noting(copy);
    await mirrored(reader, "fill", { to: third.store });
    expect(third.written).toEqual([]);
  });

  it("asks nobody else where the target has everything", async () => {
    const home = emptyStore("home");
    await publish(world, "held", [home], { objects: 3, records: 0 });
    const copy = emptyStore("copy");
    const cache = memoryCache();
    await mirrored(world.reader({ storage: [home], cache }), "held", { to: copy });
    const broken = fails("broken");
    const { result } = await mirrored(world.reader({ storage: [broken], cache: memoryCache() }), "held", { to: copy });
    expect(result).toMatchObject({ complete: true, providers: [{ stored: 0 }] });
  });

  it("leaves a newer record at the target alone, and says so", async () => {
    const home = emptyStore("home");
    const { name, routes } = await publish(world, "newer", [home], { objects: 0, records: 1 });
    const [route = routeOf("x")] = routes;
    const ahead = noting(emptyStore("ahead"));
    await world.putRecord(name, route, { ver: 9, data: "ahead" }, [ahead.store]);
    ahead.written.length = 0;
    // From one place alone: otherwise the target's own record is the newest there is.
    const reader = world.reader({ storage: [home] });
    const { result, items } = await mirrored(reader, "newer", { to: ahead.store, from: [home] });
    expect(outcomes(items)).toContain("record ahead: moved moved");
    expect(ahead.written.filter((path) => path.startsWith("records/"))).toEqual([]);
    expect(result).toMatchObject({ complete: true, providers: [{ moved: 1 }] });
    const back = emptyStore("back");
    expect((await mirrored(reader, "newer", { to: [ahead.store, back] })).result.complete).toBe(true);
    expect(await contentsOf(back, { paths: [recordPathOf(name, route)] })).toEqual(
      await contentsOf(ahead.store, { paths: [recordPathOf(name, route)] }),
    );
  });

  it("M9: copies neither side of a fork", async () => {
    const [a, b] = [emptyStore("a"), emptyStore("b")];
    const { name, routes } = await publish(world, "forked", [a, b], { objects: 0, records: 1 });
    const [route = routeOf("x")] = routes;
    await world.putRecord(name, route, { ver: 2, data: "one" }, [a]);
    await world.putRecord(name, route, { ver: 2, data: "two" }, [b]);
    const copy = emptyStore("copy");
    const { result, items } = await mirrored(world.reader({ storage: [a, b] }), "forked", { to: [copy, a] });
    expect(outcomes(items)).toEqual(
      expect.arrayContaining(["record copy: unavailable RECORD_FORKED", "record a: unavailable RECORD_FORKED"]),
    );
    expect(result.complete).toBe(false);
    expect(await copy.read(recordPathOf(name, route), { kind: "record", maxBytes: 2 ** 21 })).toBeNull();
  });

  it("M5: does not spread a record that is older than what the reader has seen", async () => {
    const home = emptyStore("home");
    const { name, routes } = await publish(world, "replay", [home], { objects: 0, records: 1 });
    const [route = routeOf("x")] = routes;
    const cache = memoryCache();
    const reader = world.reader({ storage: [home], cache });
    const old = world.sign(name, route, { ver: 1, data: "old" });
    await world.putRecord(name, route, { ver: 4, data: "seen" }, [home]);
    await reader.getMutable("replay", route.id);
    await home.write(recordPathOf(name, route), old, { kind: "record" });
    const pulled = await mirrored(reader, "replay", { to: emptyStore("copy"), from: [home] });
    expect(outcomes(pulled.items)).toContain("record copy: unavailable RECORD_STALE");
    // What the cache kept is as good as a replica's, and heals.
    const repaired = found(await reader.repair("replay", { to: home }));
    expect(repaired).toMatchObject({ complete: true, providers: [{ stored: 1 }] });
    expect(await world.reader({ storage: [home] }).getMutable("replay", route.id)).toMatchObject({ ver: 4 });
  });

  it("M2, M3, M6: copies no record that readers would refuse", async () => {
    const home = emptyStore("home");
    const high = routeOf("high", { epoch: 4_000_000 });
    const junk = routeOf("junk");
    const profileHash = await world.putProfile("refuse", { entries: [mutableEntry(high), mutableEntry(junk)] }, [home]);
    const name = await world.register("refuse", profileHash);
    await world.putRecord(name, high, { ver: 1, data: "x" }, [home]);
    await home.write(recordPathOf(name, junk), utf8("junk"), { kind: "record" });
    const copy = emptyStore("copy");
    const { items } = await mirrored(world.reader({ storage: [home] }), "refuse", { to: copy });
    expect(outcomes(items)).toEqual(
      expect.arrayContaining([
        "record copy: unavailable ROUTE_EPOCH_INVALID",
        "record copy: unavailable RECORD_UNVERIFIED",
      ]),
    );
    for (const route of [high, junk]) {
      expect(await copy.read(recordPathOf(name, route), { kind: "record", maxBytes: 2 ** 21 })).toBeNull();
    }
  });

  it("I2, M8: does not believe a target that says that it stored", async () => {
    const home = emptyStore("home");
    await publish(world, "liar", [home], { objects: 1, records: 1 });
    const nothing = wrapped(emptyStore("liar"), { write: async () => "stored" });
    const kept = emptyStore("mangler");
    const mangler = wrapped(kept, {
      write: (path, body, options) =>
        kept.write(
          path,
          body.map((byte) => byte ^ 1),
          options,
        ),
    });
    const to = [nothing, mangler];
    const { result, items } = await mirrored(world.reader({ storage: [home] }), "liar", { to });
    expect(new Set(outcomes(items).map((line) => line.replace(/^\w+ /, "")))).toEqual(
      new Set(["liar: failed STORAGE_LOST", "mangler: failed STORAGE_LOST"]),
    );
    expect(result.complete).toBe(false);
    expect(result.providers.map(({ stored, failed }) => [stored, failed])).toEqual([
      [0, 3],
      [0, 3],
    ]);
  });

  it("I2: copies no bytes of a source that are not the object", async () => {
    const home = emptyStore("home");
    const { keys } = await publish(world, "mangled", [home], { objects: 1, records: 0 });
    const at = objectPath(keys[0] ?? "");
    await home.write(at, utf8("something else"), { kind: "object" });
    const target = noting(emptyStore("copy"));
    const { result, items } = await mirrored(world.reader({ storage: [home] }), "mangled", { to: target.store });
    expect(outcomes(items)).toContain("object copy: unavailable CONTENT_UNVERIFIED");
    expect(target.written).not.toContain(at);
    expect(result.complete).toBe(false);
  });

  it("P6: leaves a target alone of which it cannot tell what it holds", async () => {
    const home = emptyStore("home");
    await publish(world, "blind", [home], { objects: 1, records: 1 });
    const blind = noting(emptyStore("blind"));
    const target = wrapped(blind.store, {
      read: async () => {
        throw new HawserError("STORAGE_REFUSED", "No.", { label: "blind", reason: "no rights" });
      },
    });
    const to = [target, emptyStore("lacking")];
    const { result, items } = await mirrored(world.reader({ storage: [home] }), "blind", { to });
    expect(new Set(outcomes(items).map((line) => line.replace(/^\w+ /, "")))).toEqual(
      new Set(["blind: failed STORAGE_REFUSED", "lacking: stored"]),
    );
    expect(blind.written).toEqual([]);
    expect(result.complete).toBe(false);
  });

  it("gives every provider an outcome, and one that fails stops no other", async () => {
    const home = emptyStore("home");
    const name = await publish(world, "several", [home], { objects: 2, records: 2 });
    const full = wrapped(emptyStore("full"), {
      write: async () => {
        throw new HawserError("STORAGE_FULL", "No space.", { label: "full", reason: "no space" });
      },
    });
    const good = emptyStore("good");
    const { result, items } = await mirrored(world.reader({ storage: [home] }), "several", { to: [full, good] });
    expect(new Set(outcomes(items).map((line) => line.replace(/^\w+ /, "")))).toEqual(
      new Set(["full: failed STORAGE_FULL", "good: stored"]),
    );
    expect(result.providers.map(({ label, stored, failed }) => [label, stored, failed])).toEqual([
      ["full", 0, name.paths.length],
      ["good", name.paths.length, 0],
    ]);
    expect(await contentsOf(good, name)).toEqual(await contentsOf(home, name));
  });

  it("opens targets first, and does without one that cannot be opened", async () => {
    const home = emptyStore("home");
    const name = await publish(world, "opens", [home], { objects: 1, records: 1 });
    const calls: string[] = [];
    const noted = noting(emptyStore("opened"));
    const opened = Object.assign(
      wrapped(noted.store, {
        write: (path, body, options) => {
          calls.push("write");
          return noted.store.write(path, body, options);
        },
      }),
      { open: async () => void calls.push("open") },
    );
    const refused = Object.assign(emptyStore("refused"), {
      open: async () => {
        throw new HawserError("STORAGE_REFUSED", "No.", { label: "refused", reason: "no rights" });
      },
    });
    const reader = world.reader({ storage: [home] });
    const { items } = await mirrored(reader, "opens", { to: [opened, refused] });
    expect(calls[0]).toBe("open");
    expect(calls.filter((call) => call === "write")).toHaveLength(name.paths.length);
    expect(outcomes(items)).toContain("record refused: failed STORAGE_REFUSED");
    expect(outcomes(items)).toContain("profile refused: failed STORAGE_REFUSED");
    await expect(reader.mirror("opens", { to: refused })).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      details: { attempts: [{ label: "refused", code: "STORAGE_REFUSED" }] },
    });
  });

  it("ends where every target fails again and again, and not after each of a million items", async () => {
    const home = emptyStore("home");
    await publish(world, "dead", [home], { objects: 60, records: 0 });
    let calls = 0;
    const dead = wrapped(emptyStore("dead"), {
      read: async () => {
        calls++;
        throw new HawserError("NETWORK_UNREACHABLE", "Gone.", { url: "dead", reason: "gone" });
      },
    });
    const reader = world.reader({ storage: [home], storagePolicy: { attempts: 1 } });
    await expect(reader.mirror("dead", { to: dead, maxParallel: 1 })).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      details: { attempts: [{ code: "NETWORK_UNREACHABLE" }] },
    });
    expect(calls).toBeLessThanOrEqual(limits.mirrorMaxFailures + 2);
  });

  it("keeps to the kinds that a provider keeps", async () => {
    const home = emptyStore("home");
    const name = await publish(world, "kinds", [home], { objects: 40, records: 2 });
    const [records, objects] = [emptyStore("records"), emptyStore("objects")];
    const to = [
      Object.assign(records, { kinds: ["record"] as const }),
      Object.assign(objects, { kinds: ["object"] as const }),
    ];
    const reader = world.reader({ storage: [home] });
    const { result } = await mirrored(reader, "kinds", { to });
    expect(result).toMatchObject({ complete: true, providers: [{ stored: 2 }, { stored: name.paths.length - 2 }] });
    const alone = await mirrored(reader, "kinds", {
      to: Object.assign(emptyStore("x"), { kinds: ["record"] as const }),
    });
    expect(alone.result).toMatchObject({ complete: true, providers: [{ stored: 2 }] });
    for (const [path, bytes] of await contentsOf(records, name))
      expect(bytes !== null).toBe(path.startsWith("records"));
    for (const [path, bytes] of await contentsOf(objects, name))
      expect(bytes !== null).toBe(path.startsWith("objects"));
  });

  it("goes on past objects and nodes that nobody has, and is not complete", async () => {
    const home = emptyStore("home");
    const name = await publish(world, "gaps", [home], { objects: 80, records: 0 });
    await home.remove(objectPath(name.keys[0] ?? ""));
    const { result, items } = await mirrored(world.reader({ storage: [home] }), "gaps", { to: emptyStore("copy") });
    expect(outcomes(items).filter((line) => !line.endsWith("stored"))).toEqual([
      "object copy: unavailable CONTENT_UNAVAILABLE",
    ]);
    expect(result).toMatchObject({ complete: false, providers: [{ stored: name.paths.length - 1, unavailable: 1 }] });
    const node = items.find(({ kind }) => kind === "node");
    await home.remove(node?.path ?? "");
    const other = await mirrored(world.reader({ storage: [home] }), "gaps", { to: emptyStore("other") });
    expect(outcomes(other.items)).toContain("node other: unavailable CONTENT_UNAVAILABLE");
    expect(other.items.length).toBeLessThan(items.length);
    expect(other.result.complete).toBe(false);
    await home.remove(objectPath(name.profileHash));
    await expect(world.reader({ storage: [home] }).mirror("gaps", { to: emptyStore("x") })).rejects.toMatchObject({
      code: "PROFILE_UNAVAILABLE",
    });
  });

  it("reads from the places given, and from nowhere else", async () => {
    const [home, other] = [emptyStore("home"), emptyStore("other")];
    const name = await publish(world, "pull", [other], { objects: 2, records: 1 });
    const asked = wrapped(home, {
      read: async () => {
        throw new Error("asked");
      },
    });
    const copy = emptyStore("copy");
    const { result } = await mirrored(world.reader({ storage: [asked] }), "pull", { to: copy, from: [other] });
    expect(result.complete).toBe(true);
    expect(await contentsOf(copy, name)).toEqual(await contentsOf(other, name));
    await other.remove(objectPath(name.keys[0] ?? ""));
    const reader = world.reader({ storage: [copy] });
    const lacking = await mirrored(reader, "pull", { to: emptyStore("x"), from: [other] });
    expect(outcomes(lacking.items)).toContain("object x: unavailable CONTENT_UNAVAILABLE");
  });

  it("proves that there is nothing, and refuses what makes no sense", async () => {
    const reader = world.reader();
    const to = emptyStore("copy");
    expect(await reader.mirror("nobody", { to })).toMatchObject({ found: false, why: "no-name" });
    await expect(reader.mirror("nobody", { to: [] })).rejects.toMatchObject({ code: "INPUT_INVALID" });
    await expect(reader.repair("nobody", { to, maxParallel: 0 })).rejects.toMatchObject({ code: "INPUT_INVALID" });
    await expect(reader.repair("No", { to })).rejects.toMatchObject({ code: "NAME_INVALID" });
  });

  it("a large name takes at most so many requests at once", { timeout: 120_000 }, async () => {
    const home = emptyStore("home");
    const name = await publish(world, "many", [home], { objects: 1_990, records: 10 });
    let [running, most] = [0, 0];
    const counted = async <T>(call: () => Promise<T>): Promise<T> => {
      most = Math.max(most, ++running);
      await settle();
      running--;
      return call();
    };
    const copy = emptyStore("copy");
    const target = wrapped(copy, {
      read: (path, options) => counted(() => copy.read(path, options)),
      write: (path, body, options) => counted(() => copy.write(path, body, options)),
    });
    const reader = world.reader({ storage: [home] });
    const { result } = await mirrored(reader, "many", { to: target, maxParallel: 5 });
    expect(result).toMatchObject({ complete: true, providers: [{ stored: name.paths.length }] });
    expect(most).toBe(5);
  });
});

describe("a repair", () => {
  it("brings every provider to the newest state, with one read of each item", async () => {
    const stores = ["a", "b", "c", "d", "e", "f"].map(emptyStore);
    const [a = emptyStore(""), b = a, c = a, d = a, e = a, last = a] = stores;
    const name = await publish(world, "repair", stores, { objects: 40, records: 3 });
    const [route = routeOf("x")] = name.routes;
    await world.putRecord(name.name, route, { ver: 2, data: "newest" }, [last]);
    for (const path of name.paths) {
      const kind = path.startsWith("objects/") ? "object" : "record";
      await a.remove(path);
      await b.write(path, utf8("corrupted"), { kind });
      await c.write(path, new Uint8Array(0), { kind });
    }
    await d.remove(objectPath(name.profileHash));
    await e.write(recordPathOf(name.name, route), utf8("{"), { kind: "record" });
    let reads = 0;
    const source = wrapped(last, {
      read: (path, options) => {
        reads++;
        return last.read(path, options);
      },
    });
    const repaired = found(await world.reader({ storage: [source] }).repair("repair", { to: [a, b, c, d, e] }));
    expect(repaired.complete).toBe(true);
    expect(repaired.providers.map(({ stored }) => stored)).toEqual([
      name.paths.length,
      name.paths.length,
      name.paths.length,
      2,
      1,
    ]);
    const good = await contentsOf(last, name);
    for (const store of stores) expect(await contentsOf(store, name)).toEqual(good);
    // Objects come from targets that have them; the records are asked of everybody (M8).
    expect(reads).toBeLessThanOrEqual(name.paths.length);
  });

  it("looks at everything in every run", async () => {
    const home = emptyStore("home");
    const name = await publish(world, "again", [home], { objects: 5, records: 0 });
    const copy = emptyStore("copy");
    const reader = world.reader({ storage: [home] });
    const controller = new AbortController();
    let seen = 0;
    const cut = reader.mirror("again", {
      to: copy,
      signal: controller.signal,
      maxParallel: 1,
      onItem: () => {
        if (++seen === 4) controller.abort();
      },
    });
    await expect(cut).rejects.toMatchObject({ code: "NETWORK_ABORTED" });
    await copy.write(objectPath(name.keys[0] ?? ""), utf8("damage"), { kind: "object" });
    expect(found(await reader.repair("again", { to: copy }))).toMatchObject({ complete: true, resumed: false });
    expect(await contentsOf(copy, name)).toEqual(await contentsOf(home, name));
  });
});
