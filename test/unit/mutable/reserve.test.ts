import { describe, expect, it } from "vitest";
import { memoryCache } from "../../../src/cache/memory.js";
import {
  amendSigned,
  readSigned,
  reserveVersion,
  type SignedVersion,
  signedKey,
} from "../../../src/mutable/reserve.js";
import { context, digestOf } from "./world.js";

const key = signedKey(context);
const [x, y] = [digestOf("x"), digestOf("y")];

async function cacheWith(ver: number) {
  const cache = memoryCache();
  await reserveVersion(cache, key, { seen: null, ver, sha256: x });
  const seen = await readSigned(cache, key);
  return { cache, seen };
}

describe("W5: taking a version", () => {
  it("keeps network, name, tenure, id and epoch apart", () => {
    expect(key).toBe(`signed/regtest/alice/${"1f".repeat(32)}/settings@7`);
  });

  it("gives it to one data, and to the same data again", async () => {
    const { cache, seen } = await cacheWith(5);
    const taken: SignedVersion = { ver: 5, sha256: x, sig: null, done: false };
    expect(seen).toEqual(taken);
    expect(await reserveVersion(cache, key, { seen, ver: 5, sha256: y })).toEqual({ taken: false, entry: taken });
    expect(await reserveVersion(cache, key, { seen, ver: 5, sha256: x })).toEqual({ taken: true, entry: taken });
    expect((await reserveVersion(cache, key, { seen, ver: 6, sha256: y })).taken).toBe(true);
  });

  it("never gives one below what was taken, whatever the caller saw", async () => {
    const { cache, seen } = await cacheWith(5);
    expect((await reserveVersion(cache, key, { seen, ver: 4, sha256: y })).taken).toBe(false);
    expect(await readSigned(cache, key)).toEqual(seen);
  });

  it("tells a writer that another one moved on since it looked", async () => {
    const { cache, seen } = await cacheWith(5);
    await reserveVersion(cache, key, { seen, ver: 6, sha256: y });
    expect((await reserveVersion(cache, key, { seen, ver: 7, sha256: x })).taken).toBe(false);
    expect((await reserveVersion(cache, key, { seen: null, ver: 7, sha256: x })).taken).toBe(false);
  });

  it("is not undone by a writer that was slower", async () => {
    const { cache, seen } = await cacheWith(5);
    if (seen === null) throw new Error("nothing was taken");
    const sig = "5a".repeat(64);
    await amendSigned(cache, key, { ...seen, sig, done: true });
    await amendSigned(cache, key, { ...seen, sig, done: false });
    expect(await readSigned(cache, key)).toEqual({ ...seen, sig, done: true });
    await reserveVersion(cache, key, { seen, ver: 6, sha256: y });
    await amendSigned(cache, key, { ...seen, sig, done: true });
    expect(await readSigned(cache, key)).toEqual({ ver: 6, sha256: y, sig: null, done: false });
  });
});
