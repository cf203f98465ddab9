import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { memoryCache } from "../../../src/cache/memory.js";
import { exportFloors, importFloors, type Reader } from "../../../src/index.js";
import type { Cache } from "../../../src/ports.js";
import { mutableEntry } from "../../../src/profile/entry.js";
import { expectCode } from "../storage/expect-code.js";
import { ReaderWorld, routeOf, type TestName } from "./reader-world.js";

describe("floors for a new device", () => {
  let world: ReaderWorld;
  let name: TestName;
  let cache: Cache;
  let reader: Reader;
  const route = routeOf("settings");
  const floorsOf = async (from: Cache): Promise<readonly (Uint8Array | null)[]> =>
    Promise.all((await from.keys("floor/")).map((key) => from.get(key)));

  beforeAll(async () => {
    world = await ReaderWorld.start();
    name = await world.register("alice", await world.putProfile("alice", { entries: [mutableEntry(route)] }));
  });
  beforeEach(async () => {
    await world.putRecord(name, route, { ver: 3, data: "three" });
    cache = memoryCache();
    reader = world.reader({ cache });
    await reader.getMutable("alice", "settings");
  });
  afterAll(() => world.close());

  it("M7: a new device refuses what the old one would refuse", async () => {
    const exported = await exportFloors(reader);
    await world.putRecord(name, route, { ver: 2, data: "two" });
    expect((await world.reader().getMutable("alice", "settings")).found).toBe(true);
    const other = world.reader();
    expect(await importFloors(other, exported)).toEqual({ raised: 1, kept: 0, forked: [] });
    await expectCode("RECORD_STALE", () => other.getMutable("alice", "settings"));
  });

  it("M7: floors are only ever raised", async () => {
    const old = await exportFloors(reader);
    await world.putRecord(name, route, { ver: 5, data: "five" });
    await reader.getMutable("alice", "settings");
    const before = await floorsOf(cache);
    expect(await importFloors(reader, old)).toEqual({ raised: 0, kept: 1, forked: [] });
    expect(await floorsOf(cache)).toEqual(before);
    const [place = ""] = await cache.keys("floor/");
    const [, line] = new TextDecoder().decode(await exportFloors(reader)).split("\n");
    expect(line?.startsWith(`${place.replace("floor/regtest/", "")} {`)).toBe(true);
    expect(line).toContain('"ver":5,');
  });

  it("M9: other data under the same version is told, and what this device saw is kept", async () => {
    const other = memoryCache();
    await world.putRecord(name, route, { ver: 3, data: "another three" });
    const elsewhere = world.reader({ cache: other });
    await elsewhere.getMutable("alice", "settings");
    const before = await floorsOf(cache);
    const forked = [{ name: "alice", id: "settings" }];
    expect(await importFloors(reader, await exportFloors(elsewhere))).toEqual({ raised: 0, kept: 1, forked });
    expect(await floorsOf(cache)).toEqual(before);
  });

  it("nothing is taken over from damaged floors", async () => {
    const damaged = (await exportFloors(reader)).slice(0, -1);
    const other = memoryCache();
    await expectCode("INPUT_FLOORS_INVALID", () => importFloors(world.reader({ cache: other }), damaged));
    expect(await other.keys("")).toEqual([]);
    await expectCode("INPUT_INVALID", () => importFloors(reader, "floors" as unknown as Uint8Array));
  });

  it("M7: a damaged floor is neither left out of an export nor overwritten by an import", async () => {
    const exported = await exportFloors(reader);
    const [key = ""] = await cache.keys("floor/");
    await cache.update(key, () => ({ value: utf8("damaged"), result: undefined }));
    await expectCode("CACHE_CORRUPT", () => exportFloors(reader));
    await expectCode("CACHE_CORRUPT", () => importFloors(reader, exported));
    expect(await cache.get(key)).toEqual(utf8("damaged"));
  });

  it("a key that names no floor is an error too", async () => {
    await cache.update("floor/regtest/alice", () => ({ value: utf8("x"), result: undefined }));
    await expectCode("CACHE_CORRUPT", () => exportFloors(reader));
  });

  it("floors of other networks stay where they are", async () => {
    await cache.update("floor/mainnet/alice", () => ({ value: utf8("x"), result: undefined }));
    expect(new TextDecoder().decode(await exportFloors(reader)).split("\n")).toHaveLength(3);
  });
});
