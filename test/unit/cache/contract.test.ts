import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { indexedDbCache } from "../../../src/cache/indexed-db.js";
import { lmdbCache } from "../../../src/cache/lmdb.js";
import { memoryCache } from "../../../src/cache/memory.js";
import { cacheContract } from "../../../src/testing/index.js";

describe("memory", () => {
  for (const { name, run } of cacheContract({ open: memoryCache, shared: false })) it(name, run);

  it("says that it is not durable", () => {
    expect(memoryCache().durable).toBe(false);
  });
});

describe("lmdb", () => {
  const directory = mkdtempSync(join(tmpdir(), "hawser-contract-"));
  afterAll(() => {
    rmSync(directory, { recursive: true });
  });
  for (const { name, run } of cacheContract({ open: (place) => lmdbCache(join(directory, place)) })) it(name, run);

  it("says that it is durable", () => {
    expect(lmdbCache(directory).durable).toBe(true);
  });
});

describe("indexed-db", () => {
  beforeAll(() => {
    vi.stubGlobal("indexedDB", new IDBFactory());
    vi.stubGlobal("IDBKeyRange", IDBKeyRange);
  });
  afterAll(() => {
    vi.unstubAllGlobals();
  });
  for (const { name, run } of cacheContract({ open: (databaseName) => indexedDbCache({ databaseName }) }))
    it(name, run);

  it("says that it is durable", () => {
    expect(indexedDbCache().durable).toBe(true);
  });
});
