import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { memoryCache } from "../../../src/cache/memory.js";
import type { ProgressEvent } from "../../../src/index.js";
import { objectPath } from "../../../src/route/layout.js";
import { settle } from "../fake-clock.js";
import { fails, wrapped } from "../route/places.js";
import { ReaderWorld, recordPathOf, routeOf } from "./reader-world.js";
import { contentsOf, emptyStore, mirrored, noting, outcomes, publish } from "./upkeep-world.js";

let world: ReaderWorld;
beforeAll(async () => {
  world = await ReaderWorld.start({ sources: 1, stores: 1 });
});
afterAll(() => world.close());

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
