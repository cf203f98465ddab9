import { beforeEach, describe, expect, it } from "vitest";
import { concatBytes, utf8 } from "../../../src/bytes/bytes.js";
import { memoryCache } from "../../../src/cache/memory.js";
import { checkedCache } from "../../../src/client/checked-cache.js";
import { sha256 } from "../../../src/crypto/hash.js";
import type { Cache } from "../../../src/ports.js";
import { cacheContract } from "../../../src/testing/index.js";
import { expectCode } from "../storage/expect-code.js";

// A cache of at most 400 bytes a key stays one.
describe("checked", () => {
  for (const { name, run } of cacheContract({ open: () => checkedCache(memoryCache()), shared: false })) it(name, run);
});

/** Sources and providers can supply these again. */
const REPLACEABLE = [
  "headers/regtest/000000",
  "headers/regtest/work",
  "name/regtest/alice",
  `object/${"ab".repeat(32)}`,
];
/** Nobody can supply these again. */
const IRREPLACEABLE = [
  "floor/regtest/alice/00/settings",
  "signed/regtest/alice/00/settings",
  "journal/regtest/alice/00",
  "anything/else",
  // Only whole first segments count.
  "headers",
  "names/regtest/alice",
  "floor/headers/a",
];

describe("checkedCache", () => {
  let inner: Cache;
  let cache: Cache;
  beforeEach(() => {
    inner = memoryCache();
    cache = checkedCache(inner);
  });

  const set = (key: string, value: Uint8Array | null, where = cache): Promise<void> =>
    where.update(key, () => ({ value, result: undefined }));
  const raw = async (key: string): Promise<Uint8Array> => (await inner.get(key)) ?? expect.fail(`no ${key}`);

  it("keeps SHA-256 of key and value before the value", async () => {
    const value = utf8("value");
    await set("floor/a", value);
    expect(await raw("floor/a")).toEqual(concatBytes(sha256(utf8("floor/a\nvalue")), value));
    expect(await cache.get("floor/a")).toEqual(value);
  });

  it("keeps an empty value and tells it from none", async () => {
    await set("floor/a", new Uint8Array(0));
    expect(await cache.get("floor/a")).toEqual(new Uint8Array(0));
    await set("floor/a", null);
    expect(await cache.get("floor/a")).toBeNull();
    expect(await inner.get("floor/a")).toBeNull();
  });

  describe.each([
    ["every bit flipped", (bytes: Uint8Array) => flips(bytes)],
    ["every length", (bytes: Uint8Array) => Array.from(bytes, (_, length) => bytes.slice(0, length))],
    [
      "a byte added",
      (bytes: Uint8Array) => [concatBytes(bytes, Uint8Array.of(0)), concatBytes(Uint8Array.of(0), bytes)],
    ],
  ])("%s", (_, damage) => {
    it.each(IRREPLACEABLE)("of %s is CACHE_CORRUPT, for get and update, and stays", async (key) => {
      await set(key, utf8("value"));
      for (const damaged of damage(await raw(key))) {
        await set(key, damaged, inner);
        const error = await expectCode("CACHE_CORRUPT", cache.get(key));
        expect(error.details).toEqual({ key, reason: expect.any(String) });
        let called = false;
        await expectCode("CACHE_CORRUPT", () =>
          cache.update(key, () => {
            called = true;
            return { value: utf8("new"), result: undefined };
          }),
        );
        expect(called).toBe(false);
        expect(await raw(key)).toEqual(damaged);
      }
    });

    it.each(REPLACEABLE)("of %s reads as absent, and is replaced by an update", async (key) => {
      await set(key, utf8("value"));
      const sound = await raw(key);
      for (const damaged of damage(sound)) {
        await set(key, damaged, inner);
        expect(await cache.get(key)).toBeNull();
        expect(await cache.update(key, (current) => ({ result: current }))).toBeNull();
        expect(await raw(key)).toEqual(damaged);
        await set(key, utf8("value"));
        expect(await raw(key)).toEqual(sound);
      }
    });
  });

  it("does not take an entry that was copied from another key", async () => {
    for (const keys of [REPLACEABLE, IRREPLACEABLE]) {
      for (const key of keys) await set(key, utf8(key));
    }
    for (const to of IRREPLACEABLE) {
      const own = await raw(to);
      for (const from of [...REPLACEABLE, ...IRREPLACEABLE]) {
        if (from === to) continue;
        await set(to, await raw(from), inner);
        await expectCode("CACHE_CORRUPT", cache.get(to));
      }
      await set(to, own, inner);
    }
    const [first = "", second = ""] = REPLACEABLE;
    await set(first, await raw(second), inner);
    expect(await cache.get(first)).toBeNull();
  });

  it("does not take an entry that was written without a checksum", async () => {
    await set("floor/a", utf8('{"epoch":0,"ver":0,"sha256":null,"sig":null}'), inner);
    await expectCode("CACHE_CORRUPT", cache.get("floor/a"));
  });

  it("passes on what the cache below says of itself, its keys and its end", async () => {
    expect(checkedCache({ ...cache, durable: true }).durable).toBe(true);
    expect(cache.durable).toBe(false);
    await set("floor/b", utf8("b"));
    await set("floor/a", utf8("a"));
    expect(await cache.keys("floor/")).toEqual(["floor/a", "floor/b"]);
    await cache.close();
    await expectCode("CACHE_UNAVAILABLE", inner.get("floor/a"));
  });
});

function flips(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: bytes.length * 8 }, (_, bit) => {
    const other = bytes.slice();
    other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    return other;
  });
}
