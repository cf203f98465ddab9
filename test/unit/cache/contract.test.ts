import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
