import { utf8 } from "../bytes/bytes.js";
import { type CacheCase, set } from "./cache-case.js";
import { expectCode, expectSame } from "./contract.js";

const longest = "k".repeat(400);
const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(0x20 + i)).join("");

/** Keys that a file system, a database or an object takes for the same, or for something special. */
const alike = [
  "a",
  "A",
  "a ",
  " a",
  "a.",
  "a/",
  "a//",
  "a/b",
  "a/../b",
  "../a",
  ".",
  "/",
  "a\\b",
  "a%2Fb",
  "a\"'`;--",
  "__proto__",
  "constructor",
  "null",
  "0",
  "00",
  "con",
];

/** Which keys there are, and how they are told. */
export const keyCases: readonly CacheCase[] = [
  {
    name: "a key has up to 400 characters, all of printable ASCII",
    check: async ({ open }) => {
      const cache = await open();
      for (const key of [longest, printable]) {
        await set(cache, key, utf8("x"));
        expectSame(`get of ${key.length} characters`, await cache.get(key), utf8("x"));
        expectSame(`keys after ${key.length} characters`, await cache.keys(key), [key]);
      }
    },
  },
  {
    name: "two keys of 400 characters that differ in the last one are two",
    check: async ({ open }) => {
      const cache = await open();
      const others = [`${longest.slice(1)}l`, `${longest.slice(1)}m`];
      for (const key of others) await set(cache, key, utf8(key.slice(-1)));
      for (const key of others) expectSame("get", await cache.get(key), utf8(key.slice(-1)));
    },
  },
  {
    name: "any other key is refused as INPUT_INVALID and changes nothing",
    check: async ({ open }) => {
      const cache = await open();
      for (const key of ["", `${longest}k`, "é", "a\n", "a\0b", "\x7f", "a\u{1f600}"]) {
        const what = `of ${JSON.stringify(key.length > 20 ? `${key.slice(0, 20)}...` : key)} (${key.length} characters)`;
        let ran = false;
        await expectCode(`get ${what}`, "INPUT_INVALID", () => cache.get(key));
        await expectCode(`update ${what}`, "INPUT_INVALID", () =>
          cache.update(key, () => {
            ran = true;
            return { value: utf8("x"), result: undefined };
          }),
        );
        expectSame(`whether change ran ${what}`, ran, false);
      }
      expectSame("keys", await cache.keys(""), []);
    },
  },
  {
    name: "keys that look alike are different keys",
    check: async ({ open }) => {
      const cache = await open();
      for (const key of alike) {
        expectSame(`get of ${JSON.stringify(key)} before it is written`, await cache.get(key), null);
        await set(cache, key, utf8(`value of ${key}`));
      }
      for (const key of alike) {
        expectSame(`get of ${JSON.stringify(key)}`, await cache.get(key), utf8(`value of ${key}`));
      }
    },
  },
  {
    name: "keys come in byte order",
    check: async ({ open }) => {
      const cache = await open();
      const sorted = [" ", "!", "A", "B", "Z", "_", "a", "a!", "a/", "a/10", "a/2", "a/2/x", "a0", "aa", "b", "~"];
      const shuffled = sorted.map((_, i) => sorted[(i * 7 + 3) % sorted.length] ?? "");
      for (const key of shuffled) await set(cache, key, utf8("x"));
      expectSame("keys of all", await cache.keys(""), sorted);
    },
  },
  {
    name: "keys has those that begin with the prefix and no others",
    check: async ({ open }) => {
      const cache = await open();
      for (const key of ["p", "p/", "p/a", "p/a/b", "p0", "o", "q", "P/a", "xp/a", "~~"])
        await set(cache, key, utf8("x"));
      expectSame('keys of "p/"', [...(await cache.keys("p/"))].sort(), ["p/", "p/a", "p/a/b"]);
      expectSame('keys of "p/a"', [...(await cache.keys("p/a"))].sort(), ["p/a", "p/a/b"]);
      expectSame('keys of "~"', await cache.keys("~"), ["~~"]);
      expectSame('keys of "p/a/b/c"', await cache.keys("p/a/b/c"), []);
      expectSame('keys of "z"', await cache.keys("z"), []);
    },
  },
  {
    name: "a prefix is no pattern",
    check: async ({ open }) => {
      const cache = await open();
      for (const key of ["w/%", "w/_", "w/*", "w/.", "w/[", "w/x"]) await set(cache, key, utf8("x"));
      for (const sign of ["%", "_", "*", ".", "["]) {
        expectSame(`keys of "w/${sign}"`, await cache.keys(`w/${sign}`), [`w/${sign}`]);
      }
    },
  },
  {
    name: "keys has no key that was deleted",
    check: async ({ open }) => {
      const cache = await open();
      for (const key of ["gone", "here"]) await set(cache, key, utf8("x"));
      await set(cache, "gone", null);
      expectSame("keys", await cache.keys(""), ["here"]);
    },
  },
];
