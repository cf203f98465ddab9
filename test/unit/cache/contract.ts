import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import type { Cache } from "../../../src/ports.js";
import { expectCode } from "../storage/expect-code.js";

/** A cache under test, empty at first. `reopen` gives another handle on the same entries, where there can be one. */
export interface OpenedCache {
  readonly cache: Cache;
  readonly durable: boolean;
  readonly reopen?: () => Cache;
  close(): Promise<void>;
}

const set = (cache: Cache, key: string, value: Uint8Array | null): Promise<void> =>
  cache.update(key, () => ({ value, result: undefined }));

/** What every cache must do. */
export function describeCacheContract(name: string, open: () => Promise<OpenedCache>): void {
  describe(`cache contract: ${name}`, () => {
    let opened: OpenedCache;
    let cache: Cache;

    beforeEach(async () => {
      opened = await open();
      cache = opened.cache;
    });
    afterEach(async () => {
      await cache.close();
      await opened.close();
    });

    it("says whether it is durable", () => {
      expect(cache.durable).toBe(opened.durable);
    });

    it("gives null for what is not there", async () => {
      expect(await cache.get("a")).toBeNull();
      expect(await cache.update("a", (current) => ({ result: current }))).toBeNull();
      expect(await cache.keys("")).toEqual([]);
    });

    it("keeps, replaces and deletes", async () => {
      await set(cache, "a", utf8("one"));
      expect(await cache.get("a")).toEqual(utf8("one"));
      await set(cache, "a", utf8("two"));
      expect(await cache.get("a")).toEqual(utf8("two"));
      await set(cache, "a", new Uint8Array(0));
      expect(await cache.get("a")).toEqual(new Uint8Array(0));
      await set(cache, "a", null);
      expect(await cache.get("a")).toBeNull();
      await set(cache, "a", null);
    });

    it("keeps large values", async () => {
      const large = new Uint8Array(3_000_000).map((_, index) => index % 251);
      await set(cache, "large", large);
      expect(Buffer.from((await cache.get("large")) ?? []).equals(large)).toBe(true);
    });

    it("leaves an entry alone when the change gives no value, and returns the result", async () => {
      await set(cache, "a", utf8("one"));
      expect(await cache.update("a", (current) => ({ result: current?.length }))).toBe(3);
      expect(await cache.get("a")).toEqual(utf8("one"));
    });

    it("changes nothing when the change throws, and throws the same", async () => {
      await set(cache, "a", utf8("one"));
      const problem = new Error("no");
      await expect(
        cache.update("a", () => {
          throw problem;
        }),
      ).rejects.toBe(problem);
      expect(await cache.get("a")).toEqual(utf8("one"));
    });

    it("does not share memory with its caller", async () => {
      const value = utf8("one");
      await cache.update("a", () => ({ value, result: undefined }));
      value.fill(0);
      (await cache.get("a"))?.fill(1);
      await cache.update("a", (current) => {
        current?.fill(2);
        return { result: undefined };
      });
      expect(await cache.get("a")).toEqual(utf8("one"));
    });

    it("lists keys by prefix in byte order", async () => {
      const keys = ["b", "a/2", "a/10", "a", "a!", "a/", "A", "~", " ", "a0", "a/2/x"];
      for (const key of keys) await set(cache, key, utf8(key));
      await set(cache, "gone", utf8("x"));
      await set(cache, "gone", null);
      expect(await cache.keys("")).toEqual([" ", "A", "a", "a!", "a/", "a/10", "a/2", "a/2/x", "a0", "b", "~"]);
      expect(await cache.keys("a/")).toEqual(["a/", "a/10", "a/2", "a/2/x"]);
      expect(await cache.keys("zzz")).toEqual([]);
      expect(await cache.keys("~")).toEqual(["~"]);
    });

    it("takes keys of 1 to 400 printable ASCII characters and no others", async () => {
      const longest = `${"k".repeat(399)}~`;
      await set(cache, longest, utf8("x"));
      expect(await cache.get(longest)).toEqual(utf8("x"));
      expect(await cache.keys("k".repeat(399))).toEqual([longest]);
      for (const key of ["", "k".repeat(401), "ä", "a\n", "a\0b", "\x7f"]) {
        await expectCode("INPUT_INVALID", () => cache.get(key));
        await expectCode("INPUT_INVALID", () => set(cache, key, utf8("x")));
      }
    });

    it("loses no update of many that run at once", async () => {
      const increment = (): Promise<number> =>
        cache.update("count", (current) => {
          const next = Number(new TextDecoder().decode(current ?? utf8("0"))) + 1;
          return { value: utf8(String(next)), result: next };
        });
      const results = await Promise.all(Array.from({ length: 50 }, increment));
      expect([...results].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
      expect(await cache.get("count")).toEqual(utf8("50"));
    });

    it("fails after close", async () => {
      await set(cache, "a", utf8("one"));
      await cache.close();
      await expectCode("CACHE_UNAVAILABLE", () => cache.get("a"));
      await expectCode("CACHE_UNAVAILABLE", () => set(cache, "a", utf8("two")));
      await expectCode("CACHE_UNAVAILABLE", () => cache.keys(""));
      await cache.close();
    });

    it("shows its entries to a second handle", async () => {
      if (opened.reopen === undefined) return;
      await set(cache, "a", utf8("one"));
      const second = opened.reopen();
      expect(await second.get("a")).toEqual(utf8("one"));
      await set(second, "a", utf8("two"));
      expect(await cache.get("a")).toEqual(utf8("two"));
      await second.close();
      expect(await cache.get("a")).toEqual(utf8("two"));
      await cache.close();
      const third = opened.reopen();
      expect(await third.get("a")).toEqual(utf8("two"));
      await third.close();
    });
  });
}
