import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import base from "../../vitest.config.js";

// Not merged: lists would be, and the other tests start no more than a few programs.
export default defineConfig({
  ...base,
  root: fileURLToPath(new URL("../..", import.meta.url)),
  test: {
    ...base.test,
    include: ["test/crash/*.crash.ts"],
    testTimeout: 1_800_000,
    // Each starts programs one after the other and mostly waits for them.
    maxWorkers: 2,
  },
});
