import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { memoryCache } from "../../../src/cache/memory.js";
import { networks } from "../../../src/chain/network.js";
import {
  compareVersion,
  contradictsFloor,
  decodeFloor,
  encodeFloor,
  type Floor,
  floorKey,
  greatestFloor,
} from "../../../src/mutable/floor.js";
import { raiseFloor, readFloor } from "../../../src/mutable/floor-cache.js";
import { context, digestOf, errorOf, floorAt, rejectionOf } from "./world.js";

describe("the order of versions", () => {
  it("M5: versions order by epoch, then by ver", () => {
    expect(compareVersion({ epoch: 1, ver: 1 }, { epoch: 1, ver: 1 })).toBe(0);
    expect(compareVersion({ epoch: 1, ver: 1 }, { epoch: 1, ver: 2 })).toBeLessThan(0);
    expect(compareVersion({ epoch: 2, ver: 1 }, { epoch: 1, ver: 2 ** 53 - 1 })).toBeGreaterThan(0);
  });

  it("M5: of several floors the greatest counts, and of equal ones the one that knows its data", () => {
    const low = floorAt(9, "x", 1);
    const high = floorAt(1, null, 2);
    const known = floorAt(1, "y", 2);
    expect(greatestFloor(low, null, high)).toBe(high);
    expect(greatestFloor(high, low)).toBe(high);
    expect(greatestFloor(high, known)).toBe(known);
    expect(greatestFloor(known, high)).toBe(known);
    expect(greatestFloor(known, floorAt(1, "z", 2))).toBe(known);
  });

  it("M9: data contradicts the floor only at the floor's own version", () => {
    const cached = floorAt(5, "x");
    expect(contradictsFloor(cached, { epoch: 7, ver: 5 }, digestOf("y"))).toBe(true);
    expect(contradictsFloor(cached, { epoch: 7, ver: 5 }, digestOf("x"))).toBe(false);
    expect(contradictsFloor(cached, { epoch: 7, ver: 6 }, digestOf("y"))).toBe(false);
    expect(contradictsFloor(cached, { epoch: 8, ver: 5 }, digestOf("y"))).toBe(false);
    expect(contradictsFloor(floorAt(5), { epoch: 7, ver: 5 }, digestOf("y"))).toBe(false);
    expect(contradictsFloor(null, { epoch: 7, ver: 5 }, digestOf("y"))).toBe(false);
  });
});

describe("the cached floor", () => {
  it("M5: the floor has network, name, tenure and id in its key", () => {
    const key = floorKey(context);
    expect(key).toBe(`floor/regtest/alice/${"1f".repeat(32)}/settings`);
    const others = [{ network: networks.signet }, { name: "bob" }, { tenure: "2f".repeat(32) }, { id: "x" }];
    expect(new Set([key, ...others.map((change) => floorKey({ ...context, ...change }))]).size).toBe(5);
  });

  it.each<[Floor]>([
    [{ epoch: 0, ver: 0, sha256: null, sig: null }],
    [{ ...floorAt(2 ** 53 - 1, "x"), sig: "5a".repeat(64) }],
  ])("M7: the floor is read as it was written", (floor) => {
    expect(decodeFloor(encodeFloor(floor), "k")).toEqual(floor);
  });

  it.each([
    [""],
    ["null"],
    ["[]"],
    ["{}"],
    ['{"epoch":1,"ver":1}'],
    ['{"epoch":-1,"ver":1,"sha256":null,"sig":null}'],
    ['{"epoch":"1","ver":1,"sha256":null,"sig":null}'],
    ['{"epoch":1,"ver":-1,"sha256":null,"sig":null}'],
    ['{"epoch":1,"ver":"1","sha256":null,"sig":null}'],
    ['{"epoch":1,"ver":1,"sha256":"xx","sig":null}'],
    ['{"epoch":1,"ver":1,"sha256":null,"sig":"xx"}'],
    ['{"epoch":1,"ver":1,"sha256":null,"sig":null,"x":1}'],
  ])("M7: a damaged floor is an error, never no floor: %s", (text) => {
    expect(errorOf("CACHE_CORRUPT", () => decodeFloor(utf8(text), "the/key")).details.key).toBe("the/key");
  });

  it("M7: the floor rises, is never lowered, and tells what it was", async () => {
    const cache = memoryCache();
    expect(await raiseFloor(cache, "k", floorAt(5, "x"))).toBeNull();
    expect(await raiseFloor(cache, "k", floorAt(4, "w"))).toMatchObject(floorAt(5, "x"));
    expect(await readFloor(cache, "k")).toMatchObject(floorAt(5, "x"));
    await raiseFloor(cache, "k", floorAt(6, "y"));
    await raiseFloor(cache, "k", floorAt(9, "z", 6));
    expect(await readFloor(cache, "k")).toMatchObject(floorAt(6, "y"));
  });

  it("M7: the floor keeps the first of two data under one version", async () => {
    const cache = memoryCache();
    await raiseFloor(cache, "k", floorAt(5, "x"));
    expect(await raiseFloor(cache, "k", floorAt(5, "y"))).toMatchObject(floorAt(5, "x"));
    expect(await readFloor(cache, "k")).toMatchObject(floorAt(5, "x"));
  });

  it("M7: the floor learns the data of a version that it knew without", async () => {
    const cache = memoryCache();
    await raiseFloor(cache, "k", floorAt(5));
    await raiseFloor(cache, "k", floorAt(5, "x"));
    expect(await readFloor(cache, "k")).toMatchObject(floorAt(5, "x"));
  });

  it("M7: a damaged floor stays as it is", async () => {
    const cache = memoryCache();
    await cache.update("k", () => ({ value: utf8("{"), result: null }));
    await rejectionOf("CACHE_CORRUPT", raiseFloor(cache, "k", floorAt(5, "x")));
    await rejectionOf("CACHE_CORRUPT", readFloor(cache, "k"));
    expect(await cache.get("k")).toEqual(utf8("{"));
  });
});
