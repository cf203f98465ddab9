import { utf8 } from "../bytes/bytes.js";
import type { Cache } from "../ports.js";
import { type CacheCase, set } from "./cache-case.js";
import { expectSame, rejectionOf } from "./contract.js";

const AT_ONCE = 100;

/** Counts an entry up; gives the number that it was brought to. */
export function increment(cache: Cache, key: string): Promise<number> {
  return cache.update(key, (current) => {
    const next = Number(new TextDecoder().decode(current ?? utf8("0"))) + 1;
    return { value: utf8(String(next)), result: next };
  });
}

/** Fails unless the increments of one entry came to 1, 2, 3, ... each once. */
export function expectCounted(results: readonly number[]): void {
  const sorted = [...results].sort((a, b) => a - b);
  expectSame(
    "the numbers that increments came to, sorted",
    sorted,
    Array.from(sorted, (_, i) => i + 1),
  );
}

/** What an update does. */
export const updateCases: readonly CacheCase[] = [
  {
    name: "update gives the result of change, as it is",
    check: async ({ open }) => {
      const cache = await open();
      const result = { by: "identity" };
      expectSame("update that writes", await cache.update("a", () => ({ value: utf8("one"), result })), result);
      expectSame("update that leaves alone", await cache.update("a", () => ({ result })), result);
      expectSame("update that deletes", await cache.update("a", () => ({ value: null, result })), result);
      const nothing: unknown = await cache.update<unknown>("a", () => ({ result: undefined }));
      expectSame("update without a result", nothing, undefined);
    },
  },
  {
    name: "an update without value leaves the entry as it is",
    check: async ({ open }) => {
      const cache = await open();
      await set(cache, "left", utf8("one"));
      await cache.update("left", () => ({ result: undefined }));
      expectSame("get", await cache.get("left"), utf8("one"));
    },
  },
  {
    name: "an update without value makes no entry",
    check: async ({ open }) => {
      const cache = await open();
      await cache.update("none", () => ({ result: undefined }));
      expectSame("get", await cache.get("none"), null);
      expectSame("keys", await cache.keys(""), []);
    },
  },
  {
    name: "a change that throws leaves the entry as it is, and update throws the same",
    check: async ({ open }) => {
      const cache = await open();
      await set(cache, "thrown", utf8("one"));
      const problem = new RangeError("no");
      const expected = "the error that change threw";
      const { error } = await rejectionOf("update", expected, () =>
        cache.update("thrown", (): { value: Uint8Array; result: undefined } => {
          throw problem;
        }),
      );
      expectSame("what update throws", error, problem);
      expectSame("get", await cache.get("thrown"), utf8("one"));
    },
  },
  {
    name: "a change that throws stops no other update",
    check: async ({ open }) => {
      const cache = await open();
      const refused = cache.update("count", (): { result: undefined } => {
        throw new RangeError("no");
      });
      const [, ...numbers] = await Promise.all([
        refused.catch(() => 0),
        ...Array.from({ length: 5 }, () => increment(cache, "count")),
      ]);
      expectCounted(numbers);
      expectSame("get", await cache.get("count"), utf8("5"));
      expectSame("another key", await increment(cache, "other"), 1);
    },
  },
  {
    name: "value and result are of one and the same run of change",
    check: async ({ open }) => {
      const cache = await open();
      let runs = 0;
      const run = await cache.update("runs", () => {
        runs += 1;
        return { value: utf8(String(runs)), result: runs };
      });
      expectSame("get", await cache.get("runs"), utf8(String(run)));
    },
  },
  {
    name: "update resolves only when get shows what it wrote",
    check: async ({ open }) => {
      const cache = await open();
      for (let i = 0; i < 10; i++) {
        const value = utf8(String(i));
        const [, seen] = await Promise.all([
          cache.get("shown"),
          set(cache, "shown", value).then(() => cache.get("shown")),
        ]);
        expectSame("get right after update", seen, value);
      }
    },
  },
  {
    name: `none of ${AT_ONCE} updates of one key at once is lost`,
    check: async ({ open }) => {
      const cache = await open();
      expectCounted(await Promise.all(Array.from({ length: AT_ONCE }, () => increment(cache, "count"))));
      expectSame("get", await cache.get("count"), utf8(String(AT_ONCE)));
    },
  },
  {
    name: "updates of several keys at once keep to their own keys",
    check: async ({ open }) => {
      const cache = await open();
      const keys = Array.from({ length: 10 }, (_, i) => `key/${i}`);
      await Promise.all(keys.flatMap((key) => Array.from({ length: 5 }, () => increment(cache, key))));
      for (const key of keys) expectSame(`get of ${key}`, await cache.get(key), utf8("5"));
    },
  },
];
