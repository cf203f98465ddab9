import { utf8 } from "../bytes/bytes.js";
import { isHawserError } from "../errors.js";
import { type CacheCase, set } from "./cache-case.js";
import { expectCounted, increment } from "./cache-updates.js";
import { expectCode, expectSame, fail, settle } from "./contract.js";

const AT_ONCE = 100;

/** What is asked of handles: how long they last, and what several at one place see. */
export function handleCases(shared: boolean): readonly CacheCase[] {
  return [...everyHandle, durability(shared), ...(shared ? severalHandles : [])];
}

const everyHandle: readonly CacheCase[] = [
  {
    name: "two places have nothing in common",
    check: async ({ open }) => {
      const [one, other] = [await open(), await open("beside")];
      await set(one, "a", utf8("one"));
      expectSame("get at the other place", await other.get("a"), null);
      expectSame("keys at the other place", await other.keys(""), []);
      await set(other, "a", utf8("other"));
      expectSame("get", await one.get("a"), utf8("one"));
    },
  },
  {
    name: "after close every call is CACHE_UNAVAILABLE",
    check: async ({ open }) => {
      const cache = await open();
      await set(cache, "closed", utf8("one"));
      await cache.close();
      let ran = false;
      await expectCode("get", "CACHE_UNAVAILABLE", () => cache.get("closed"));
      await expectCode("update", "CACHE_UNAVAILABLE", () =>
        cache.update("closed", () => {
          ran = true;
          return { value: utf8("two"), result: undefined };
        }),
      );
      await expectCode("keys", "CACHE_UNAVAILABLE", () => cache.keys(""));
      expectSame("whether change ran", ran, false);
    },
  },
  {
    name: "a cache can be closed twice, and before it was used",
    check: async ({ open }) => {
      const [used, unused] = [await open(), await open("beside")];
      await set(used, "a", utf8("one"));
      for (const cache of [used, used, unused, unused]) await cache.close();
      await expectCode("get of one that was never used", "CACHE_UNAVAILABLE", () => unused.get("a"));
    },
  },
];

const durability = (shared: boolean): CacheCase => ({
  name: "durable is true or false, and true only where entries outlive the handle",
  check: async ({ open }) => {
    const cache = await open();
    expectSame("the type of durable", typeof cache.durable, "boolean");
    if (!shared) expectSame("durable of a cache that is not shared", cache.durable, false);
    await set(cache, "lasting", utf8("one"));
    await set(cache, "deleted", utf8("one"));
    await set(cache, "deleted", null);
    const { durable } = cache;
    await cache.close();
    if (!durable) return;
    const again = await open();
    expectSame("durable when it is opened again", again.durable, true);
    expectSame("get when it is opened again", await again.get("lasting"), utf8("one"));
    expectSame("get of what was deleted, when it is opened again", await again.get("deleted"), null);
  },
});

const severalHandles: readonly CacheCase[] = [
  {
    name: "a second handle sees at once what the first one wrote",
    check: async ({ open }) => {
      const [first, second] = [await open(), await open()];
      // Whatever a handle keeps in memory, it keeps from now on.
      expectSame("get of the second", await second.get("seen"), null);
      expectSame("keys of the second", await second.keys(""), []);
      await set(first, "seen", utf8("one"));
      expectSame("get of the second after an update of the first", await second.get("seen"), utf8("one"));
      expectSame("keys of the second after an update of the first", await second.keys(""), ["seen"]);
      await set(first, "seen", null);
      expectSame("get of the second after the first deleted", await second.get("seen"), null);
    },
  },
  {
    name: "change is given what another handle committed",
    check: async ({ open }) => {
      const [first, second] = [await open(), await open()];
      const numbers: number[] = [];
      for (let i = 0; i < 6; i++) numbers.push(await increment(i % 2 === 0 ? first : second, "turns"));
      expectSame("the numbers that increments in turns came to", numbers, [1, 2, 3, 4, 5, 6]);
    },
  },
  {
    name: `none of ${AT_ONCE} updates of one key through two handles at once is lost`,
    check: async ({ open }) => {
      const [first, second] = [await open(), await open()];
      const racing = Array.from({ length: AT_ONCE }, (_, i) => increment(i % 2 === 0 ? first : second, "race"));
      expectCounted(await Promise.all(racing));
      expectSame("get", await first.get("race"), utf8(String(AT_ONCE)));
    },
  },
  {
    name: "closing one handle leaves the others at work",
    check: async ({ open }) => {
      const [first, second] = [await open(), await open()];
      await set(first, "open", utf8("one"));
      expectSame("get of the second", await second.get("open"), utf8("one"));
      await first.close();
      await set(second, "open", utf8("two"));
      expectSame("get of the second after the first was closed", await second.get("open"), utf8("two"));
    },
  },
  {
    name: "an update that close overtakes is kept or is CACHE_UNAVAILABLE, and is not dropped in silence",
    check: async ({ open }) => {
      const cache = await open();
      await set(cache, "before", utf8("x"));
      const keys = Array.from({ length: 20 }, (_, i) => `overtaken/${i}`);
      const updating = settle(keys.map((key) => set(cache, key, utf8("x"))));
      await cache.close();
      const outcomes = await updating;
      const again = await open();
      for (const [i, key] of keys.entries()) {
        const outcome = outcomes[i];
        if (outcome?.ok === true) {
          expectSame(`get of ${key}, whose update resolved, after close`, await again.get(key), utf8("x"));
        } else if (!isHawserError(outcome?.error, "CACHE_UNAVAILABLE")) {
          fail(`update of ${key}`, "it to resolve or a HawserError CACHE_UNAVAILABLE", outcome?.error);
        }
      }
    },
  },
];
