import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: {
    alias: {
      "#dial": fileURLToPath(new URL("./src/storage/dial-node.ts", import.meta.url)),
      "#header-file": fileURLToPath(new URL("./src/chain/sources/header-file-node.ts", import.meta.url)),
      "#electrum-channel": fileURLToPath(new URL("./src/chain/sources/electrum-channel-node.ts", import.meta.url)),
    },
  },
  test: {
    include: ["test/**/*.test.ts"],
    // Many files wait for servers and programs of their own, so that a machine of two cores has room for two of them.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
