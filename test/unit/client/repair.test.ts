import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { objectPath } from "../../../src/route/layout.js";
import { wrapped } from "../route/places.js";
import { ReaderWorld, recordPathOf, routeOf } from "./reader-world.js";
import { contentsOf, emptyStore, found, publish } from "./upkeep-world.js";

let world: ReaderWorld;
beforeAll(async () => {
  world = await ReaderWorld.start({ sources: 1, stores: 1 });
});
afterAll(() => world.close());

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
