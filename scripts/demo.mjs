import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { buildIfStale } from "./build-if-stale.mjs";

buildIfStale();
const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const child = spawn(process.execPath, [main, "demo", ...process.argv.slice(2)], { stdio: "inherit" });
// The terminal sends these to the demo too, which cleans up before it ends.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => {
  process.exitCode = signal === null ? code : 1;
});
