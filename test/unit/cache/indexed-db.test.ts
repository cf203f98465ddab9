import { forceCloseDatabase, IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { indexedDbCache } from "../../../src/cache/indexed-db.js";
import { raiseFloor, readFloor } from "../../../src/mutable/floor-cache.js";
import type { Cache } from "../../../src/ports.js";
import { FakeClock } from "../fake-clock.js";
import { expectCode } from "../storage/expect-code.js";

const set = (cache: Cache, key: string, value: Uint8Array | null): Promise<void> =>
  cache.update(key, () => ({ value, result: undefined }));

/** A database that was opened behind the cache's back. */
function openRaw(name: string, version?: number, upgrade?: (database: IDBDatabase) => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, version);
    request.onupgradeneeded = () => upgrade?.(request.result);
    request.onsuccess = () => {
      resolve(request.result);
    };
    request.onerror = () => {
      reject(request.error);
    };
  });
}

function deleteRaw(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => {
      resolve();
    };
    request.onerror = () => {
      reject(request.error);
    };
  });
}

const names = async (): Promise<readonly (string | undefined)[]> =>
  (await indexedDB.databases()).map(({ name }) => name);

describe("indexedDbCache", () => {
  let factory: IDBFactory;
  beforeEach(() => {
    factory = new IDBFactory();
    vi.stubGlobal("indexedDB", factory);
    vi.stubGlobal("IDBKeyRange", IDBKeyRange);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  /** What the browser answers instead of opening the database. */
  const failOpening = (error: unknown): void => {
    vi.spyOn(factory, "open").mockImplementation(() => {
      throw error;
    });
  };

  /** The database that the next opening gives. */
  const catchDatabase = (): Promise<IDBDatabase> =>
    new Promise((resolve) => {
      const open = factory.open.bind(factory);
      vi.spyOn(factory, "open").mockImplementationOnce((...parameters) => {
        const request = open(...parameters);
        request.addEventListener("success", () => {
          resolve(request.result);
        });
        return request;
      });
    });

  it("opens nothing before the first call", async () => {
    const cache = indexedDbCache();
    expect(await names()).toEqual([]);
    await cache.close();
    expect(await names()).toEqual([]);
    await indexedDbCache().get("a");
    expect(await names()).toEqual(["hawser"]);
  });

  it("keeps caches with different names apart", async () => {
    const [one, other] = [indexedDbCache({ databaseName: "one" }), indexedDbCache({ databaseName: "other" })];
    await set(one, "a", utf8("one"));
    expect(await other.get("a")).toBeNull();
    expect(await names()).toEqual(["one", "other"]);
  });

  it.each([{ databaseName: "" }, { databaseName: 1 }, { openTimeoutMs: 0 }, { openTimeoutMs: 1.5 }])(
    "refuses %j",
    async (options) => {
      await expectCode("INPUT_INVALID", () => indexedDbCache(options as { databaseName: string }));
    },
  );

  it("M7: asks for strict durability and resolves when the transaction is complete", async () => {
    const cache = indexedDbCache();
    const opened = catchDatabase();
    await cache.get("a");
    const database = await opened;
    const begin = database.transaction.bind(database);
    const beginning = vi.spyOn(database, "transaction");
    let isComplete = false;
    beginning.mockImplementation((...parameters) => {
      const transaction = begin(...parameters);
      transaction.addEventListener("complete", () => {
        isComplete = true;
      });
      return transaction;
    });
    await set(cache, "a", utf8("x"));
    expect(isComplete).toBe(true);
    expect(beginning.mock.calls).toEqual([["entries", "readwrite", { durability: "strict" }]]);
  });

  it("M7: loses no update of two handles that race on one key", async () => {
    const handles = [indexedDbCache(), indexedDbCache()];
    const increment = (cache: Cache): Promise<number> =>
      cache.update("count", (current) => {
        const next = (current?.[0] ?? 0) + 1;
        return { value: Uint8Array.of(next), result: next };
      });
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, i) => increment(handles[i % 2] ?? indexedDbCache())),
    );
    expect([...results].sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
  });

  it("stores a part of a buffer without the rest of it", async () => {
    const cache = indexedDbCache();
    await set(cache, "a", Buffer.alloc(1_000, 7).subarray(10, 13));
    const database = await openRaw("hawser");
    const request = database.transaction("entries").objectStore("entries").get("a");
    const stored = await new Promise<Uint8Array>((resolve) => {
      request.onsuccess = () => {
        resolve(request.result as Uint8Array);
      };
    });
    expect(stored).toEqual(Uint8Array.of(7, 7, 7));
    expect(stored.buffer.byteLength).toBe(3);
    database.close();
  });

  describe("where the browser gives no storage", () => {
    const failsWith = async (cache: Cache, words: string): Promise<void> => {
      const calls = [() => cache.get("a"), () => set(cache, "a", utf8("x")), () => cache.keys("")];
      for (const call of calls) expect((await expectCode("CACHE_UNAVAILABLE", call)).message).toContain(words);
    };

    it.each([
      ["no IndexedDB", undefined],
      ["null", null],
    ])("%s: unavailable, not in memory", async (_, value) => {
      vi.stubGlobal("indexedDB", value);
      const cache = indexedDbCache();
      await failsWith(cache, "there is no IndexedDB here");
      await cache.close();
    });

    it("denied: unavailable", async () => {
      failOpening(new DOMException("access denied", "SecurityError"));
      await failsWith(indexedDbCache(), "denies storage");
    });

    it("even the property denied: unavailable", async () => {
      const denied = new DOMException("access denied", "SecurityError");
      Object.defineProperty(globalThis, "indexedDB", {
        configurable: true,
        get: () => {
          throw denied;
        },
      });
      try {
        const error = await expectCode("CACHE_UNAVAILABLE", () => indexedDbCache().get("a"));
        expect(error.cause).toBe(denied);
      } finally {
        Object.defineProperty(globalThis, "indexedDB", { configurable: true, writable: true, value: factory });
      }
    });

    it("a private window: unavailable", async () => {
      failOpening(new DOMException("no mutations", "InvalidStateError"));
      await failsWith(indexedDbCache(), "private windows");
    });

    it("works when the browser changes its mind", async () => {
      failOpening(new DOMException("access denied", "SecurityError"));
      const cache = indexedDbCache();
      await failsWith(cache, "denies storage");
      vi.restoreAllMocks();
      await set(cache, "a", utf8("x"));
      expect(await cache.get("a")).toEqual(utf8("x"));
    });
  });

  describe("where the disk is full", () => {
    const full = new DOMException("quota", "QuotaExceededError");

    it("M7: a put that fails is an error, and the old floor is kept", async () => {
      const cache = indexedDbCache();
      const floor = { epoch: 0, ver: 1, sha256: null, sig: null };
      await raiseFloor(cache, "floor/a", floor);
      const opened = catchDatabase();
      const writer = indexedDbCache();
      await writer.get("a");
      const database = await opened;
      const begin = database.transaction.bind(database);
      vi.spyOn(database, "transaction").mockImplementationOnce((...parameters) => {
        const transaction = begin(...parameters);
        const store = transaction.objectStore("entries");
        vi.spyOn(store, "put").mockImplementation(() => {
          throw full;
        });
        vi.spyOn(transaction, "objectStore").mockReturnValue(store);
        return transaction;
      });
      const error = await expectCode("CACHE_UNAVAILABLE", () => raiseFloor(writer, "floor/a", { ...floor, ver: 2 }));
      expect(error.details.reason).toContain("no space left");
      expect(error.cause).toBe(full);
      expect(await readFloor(cache, "floor/a")).toEqual(floor);
    });

    it("M7: a transaction that the browser aborts while a put is on its way says why", async () => {
      const opened = catchDatabase();
      const cache = indexedDbCache();
      await cache.get("a");
      const database = await opened;
      const begin = database.transaction.bind(database);
      vi.spyOn(database, "transaction").mockImplementationOnce((...parameters) => {
        const transaction = begin(...parameters);
        const store = transaction.objectStore("entries");
        const put = store.put.bind(store);
        vi.spyOn(store, "put").mockImplementation((value, key) => {
          const request = put(value, key);
          transaction.abort();
          Object.defineProperty(transaction, "error", { value: full });
          return request;
        });
        vi.spyOn(transaction, "objectStore").mockReturnValue(store);
        return transaction;
      });
      const error = await expectCode("CACHE_UNAVAILABLE", () => set(cache, "a", utf8("x")));
      expect(error.details.reason).toContain("no space left");
      expect(error.cause).toBe(full);
    });

    it("M7: a transaction that fails after its requests have succeeded is an error", async () => {
      const cache = indexedDbCache();
      await set(cache, "a", utf8("old"));
      const opened = catchDatabase();
      const writer = indexedDbCache();
      await writer.get("a");
      const database = await opened;
      const begin = database.transaction.bind(database);
      vi.spyOn(database, "transaction").mockImplementationOnce((...parameters) => {
        const transaction = begin(...parameters);
        const store = transaction.objectStore("entries");
        const put = store.put.bind(store);
        vi.spyOn(store, "put").mockImplementation((value, key) => {
          const request = put(value, key);
          request.addEventListener("success", () => {
            transaction.abort();
          });
          return request;
        });
        vi.spyOn(transaction, "objectStore").mockReturnValue(store);
        return transaction;
      });
      const error = await expectCode("CACHE_UNAVAILABLE", () => set(writer, "a", utf8("new")));
      expect(error.details.reason).toContain("gave the transaction up");
      expect(await cache.get("a")).toEqual(utf8("old"));
    });
  });

  describe("where the database is not what it was", () => {
    it("M7: deleted while in use: unavailable, and no empty one takes its place", async () => {
      const cache = indexedDbCache();
      await set(cache, "a", utf8("x"));
      // The cache lets go of it, or this would wait for ever.
      await deleteRaw("hawser");
      for (let i = 0; i < 2; i++) {
        const error = await expectCode("CACHE_UNAVAILABLE", () => cache.get("a"));
        expect(error.details.reason).toContain("deleted while it was in use");
      }
      await expectCode("CACHE_UNAVAILABLE", () => set(cache, "a", utf8("x")));
      expect(await names()).toEqual([]);
      // Whoever starts anew knows that nothing is there.
      expect(await indexedDbCache().get("a")).toBeNull();
    });

    it("upgraded by a newer version: makes way for it, and is unavailable", async () => {
      const cache = indexedDbCache();
      await set(cache, "a", utf8("x"));
      const newer = await openRaw("hawser", 2);
      const error = await expectCode("CACHE_UNAVAILABLE", () => cache.get("a"));
      expect(error.details.reason).toContain("newer version");
      newer.close();
    });

    it("of something else: unavailable, and left as it is", async () => {
      const foreign = await openRaw("hawser", 1, (database) => database.createObjectStore("theirs"));
      const cache = indexedDbCache();
      expect((await expectCode("CACHE_UNAVAILABLE", () => cache.get("a"))).details.reason).toContain("something else");
      await expectCode("CACHE_UNAVAILABLE", () => set(cache, "a", utf8("x")));
      await expectCode("CACHE_UNAVAILABLE", () => cache.keys(""));
      expect([...foreign.objectStoreNames]).toEqual(["theirs"]);
      foreign.close();
    });

    it("M7: an entry that is not bytes is corrupt and never absent", async () => {
      const foreign = await openRaw("hawser", 1, (database) => database.createObjectStore("entries"));
      foreign.transaction("entries", "readwrite").objectStore("entries").put("words", "a");
      const cache = indexedDbCache();
      await expectCode("CACHE_CORRUPT", () => cache.get("a"));
      const change = vi.fn(() => ({ value: utf8("x"), result: undefined }));
      await expectCode("CACHE_CORRUPT", () => cache.update("a", change));
      expect(change).not.toHaveBeenCalled();
      foreign.close();
    });

    it("closed by the browser, which says so: it is opened again", async () => {
      const cache = indexedDbCache();
      const opened = catchDatabase();
      await set(cache, "a", utf8("x"));
      const database = await opened;
      forceCloseDatabase(database as never);
      const begin = vi.spyOn(database, "transaction");
      expect(await cache.get("a")).toEqual(utf8("x"));
      expect(begin).not.toHaveBeenCalled();
    });

    it("closed by the browser, which says nothing: it is opened again", async () => {
      const cache = indexedDbCache();
      const opened = catchDatabase();
      await set(cache, "a", utf8("x"));
      (await opened).close();
      const opening = vi.spyOn(factory, "open").mockClear();
      expect(await Promise.all([cache.get("a"), cache.get("a")])).toEqual([utf8("x"), utf8("x")]);
      // One connection for both, which makes way.
      expect(opening).toHaveBeenCalledTimes(1);
      await deleteRaw("hawser");
    });

    it("closed by the browser again and again: unavailable", async () => {
      const open = factory.open.bind(factory);
      vi.spyOn(factory, "open").mockImplementation((...parameters) => {
        const request = open(...parameters);
        request.addEventListener("success", () => {
          request.result.close();
        });
        return request;
      });
      const error = await expectCode("CACHE_UNAVAILABLE", () => indexedDbCache().get("a"));
      expect(error.details.reason).toContain("keeps closing");
    });
  });

  it("does not wait for ever for a database that another page holds", async () => {
    const other = await openRaw("hawser", 1, (database) => database.createObjectStore("entries"));
    const deleting = deleteRaw("hawser");
    const clock = new FakeClock();
    const cache = indexedDbCache({ clock, openTimeoutMs: 3_000 });
    const failing = expectCode("CACHE_UNAVAILABLE", () => cache.get("a"));
    await clock.advance(3_000);
    expect((await failing).details.reason).toContain("within 3000 ms");
    other.close();
    await deleting;
    // What was opened too late is closed: it holds nobody up.
    expect(await cache.get("a")).toBeNull();
    expect(clock.pending).toBe(0);
    await cache.close();
    await deleteRaw("hawser");
  });

  it("lets go of the database when it is closed", async () => {
    const opened = catchDatabase();
    const cache = indexedDbCache();
    await cache.get("a");
    const closing = vi.spyOn(await opened, "close");
    await cache.close();
    expect(closing).toHaveBeenCalledTimes(1);
  });

  it("closes a database that is still being opened", async () => {
    const cache = indexedDbCache();
    const reading = cache.get("a").catch((error: unknown) => error);
    await cache.close();
    await reading;
    await expectCode("CACHE_UNAVAILABLE", () => cache.get("a"));
    const newer = await openRaw("hawser", 2);
    newer.close();
  });
});
