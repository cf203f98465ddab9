import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { afterAll, beforeAll, vi } from "vitest";
import { indexedDbCache } from "../../../src/cache/indexed-db.js";
import { lmdbCache } from "../../../src/cache/lmdb.js";
import { memoryCache } from "../../../src/cache/memory.js";
import { describeCacheContract } from "./contract.js";

describeCacheContract("memory", async () => ({
  cache: memoryCache(),
  durable: false,
  close: async () => undefined,
}));

describeCacheContract("lmdb", async () => {
  const directory = await mkdtemp(join(tmpdir(), "hawser-lmdb-"));
  return {
    cache: lmdbCache(join(directory, "cache")),
    durable: true,
    reopen: () => lmdbCache(join(directory, "cache")),
    close: () => rm(directory, { recursive: true }),
  };
});

beforeAll(() => {
  vi.stubGlobal("IDBKeyRange", IDBKeyRange);
});
afterAll(() => {
  vi.unstubAllGlobals();
});

describeCacheContract("indexed-db", async () => {
  vi.stubGlobal("indexedDB", new IDBFactory());
  return {
    cache: indexedDbCache(),
    durable: true,
    reopen: () => indexedDbCache(),
    close: async () => undefined,
  };
});
