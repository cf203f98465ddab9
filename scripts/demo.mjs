/** Runs the demo in this process, so that one Ctrl-C is one signal and its exit code is the program's. */
import { existsSync } from "node:fs";

if (existsSync(new URL("../node_modules", import.meta.url))) {
  const { buildIfStale } = await import("./build-if-stale.mjs");
  buildIfStale();
  process.argv.splice(2, 0, "demo");
  await import("../dist/cli/main.js");
} else {
  console.error('The dependencies are missing; run "npm ci" first.');
  process.exitCode = 2;
}
