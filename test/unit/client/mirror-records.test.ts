import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { memoryCache } from "../../../src/cache/memory.js";
import { mutableEntry } from "../../../src/profile/entry.js";
import { ReaderWorld, recordPathOf, routeOf } from "./reader-world.js";
import { contentsOf, emptyStore, found, mirrored, noting, outcomes, publish } from "./upkeep-world.js";

let world: ReaderWorld;
beforeAll(async () => {
  world = await ReaderWorld.start({ sources: 1, stores: 1 });
});
afterAll(() => world.close());

describe("a mirror", () => {
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
});
