import { utf8 } from "../bytes/bytes.js";
import { type CacheCase, set } from "./cache-case.js";
import { expectSame } from "./contract.js";

const MANY = 1_200;
const LARGE_BYTES = 5 * 1024 * 1024;

const everyByte = Uint8Array.from({ length: 256 }, (_, i) => i);

/** What becomes of the bytes of one entry. */
export const entryCases: readonly CacheCase[] = [
  {
    name: "a key that was never written is null, to get and to change",
    check: async ({ open }) => {
      const cache = await open();
      expectSame("get", await cache.get("absent"), null);
      expectSame("what change is given", await cache.update("absent", (current) => ({ result: current })), null);
    },
  },
  {
    name: "a value is kept and replaced",
    check: async ({ open }) => {
      const cache = await open();
      await set(cache, "kept", utf8("one"));
      expectSame("get after the first update", await cache.get("kept"), utf8("one"));
      await set(cache, "kept", utf8("three"));
      expectSame("get after the second update", await cache.get("kept"), utf8("three"));
      await set(cache, "kept", utf8("on"));
      expectSame("get after the third update", await cache.get("kept"), utf8("on"));
      const current = await cache.update("kept", (there) => ({ result: there }));
      expectSame("what change is given", current, utf8("on"));
    },
  },
  {
    name: "null deletes, and the key can be written again",
    check: async ({ open }) => {
      const cache = await open();
      await set(cache, "deleted", utf8("one"));
      await set(cache, "deleted", null);
      expectSame("get after deleting", await cache.get("deleted"), null);
      const current = await cache.update("deleted", (there) => ({ result: there }));
      expectSame("what change is given after deleting", current, null);
      await set(cache, "deleted", utf8("two"));
      expectSame("get after writing again", await cache.get("deleted"), utf8("two"));
    },
  },
  {
    name: "deleting what is not there does nothing",
    check: async ({ open }) => {
      const cache = await open();
      await set(cache, "other", utf8("one"));
      await set(cache, "nothing", null);
      expectSame("get", await cache.get("nothing"), null);
      expectSame("get of another key", await cache.get("other"), utf8("one"));
    },
  },
  {
    name: "an empty value is kept, and is not null",
    check: async ({ open }) => {
      const cache = await open();
      await set(cache, "empty", new Uint8Array(0));
      expectSame("get", await cache.get("empty"), new Uint8Array(0));
      const current = await cache.update("empty", (there) => ({ result: there }));
      expectSame("what change is given", current, new Uint8Array(0));
      expectSame("keys", await cache.keys(""), ["empty"]);
    },
  },
  {
    name: "a value of one byte is kept, whichever byte it is",
    check: async ({ open }) => {
      const cache = await open();
      for (const byte of [0, 0x0a, 0x7f, 0x80, 0xff]) {
        await set(cache, "byte", Uint8Array.of(byte));
        expectSame("get", await cache.get("byte"), Uint8Array.of(byte));
      }
    },
  },
  {
    name: "a value is bytes and no text",
    check: async ({ open }) => {
      const cache = await open();
      await set(cache, "bytes", everyByte);
      expectSame("get", await cache.get("bytes"), everyByte);
    },
  },
  {
    name: "a value of 5 MiB is kept whole",
    check: async ({ open }) => {
      const cache = await open();
      const large = new Uint8Array(LARGE_BYTES);
      for (let i = 0; i < LARGE_BYTES; i++) large[i] = i % 251;
      await set(cache, "large", large);
      expectSame("get", await cache.get("large"), large);
      const current = await cache.update("large", (there) => ({ result: there }));
      expectSame("what change is given", current, large);
    },
  },
  {
    name: "of a part of a buffer that part is kept",
    check: async ({ open }) => {
      const cache = await open();
      await set(cache, "part", everyByte.subarray(100, 103));
      expectSame("get", await cache.get("part"), Uint8Array.of(100, 101, 102));
    },
  },
  {
    name: "what the caller does with its bytes after an update changes no entry",
    check: async ({ open }) => {
      const cache = await open();
      const value = utf8("one");
      await cache.update("given", () => ({ value, result: undefined }));
      value.fill(0);
      expectSame("get", await cache.get("given"), utf8("one"));
    },
  },
  {
    name: "what the caller does with bytes that it got changes no entry",
    check: async ({ open }) => {
      const cache = await open();
      await set(cache, "got", utf8("one"));
      const got = await cache.get("got");
      got?.fill(0);
      expectSame("get after changing what get gave", await cache.get("got"), utf8("one"));
      await cache.update("got", (current) => {
        current?.fill(0);
        return { result: undefined };
      });
      expectSame("get after changing what change was given", await cache.get("got"), utf8("one"));
    },
  },
  {
    name: `${MANY} entries are kept, and none makes room for another`,
    check: async ({ open }) => {
      const cache = await open();
      const keys = Array.from({ length: MANY }, (_, i) => `many/${String(i).padStart(5, "0")}`);
      await Promise.all(keys.map((key) => set(cache, key, utf8(`value of ${key}`))));
      expectSame("keys", await cache.keys("many/"), keys);
      const values = await Promise.all(keys.map((key) => cache.get(key)));
      for (const [i, key] of keys.entries()) expectSame(`get of ${key}`, values[i], utf8(`value of ${key}`));
    },
  },
];
