import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

// Each part runs in a process of its own, so that its memory and its warm-up are its own too. It measures the built
// package: a transpiler that runs sources directly slows the hash functions down several times.
const parts = [
  "record",
  "headers",
  "sync",
  "index",
  "read",
  "hedge",
  "resolve",
  "batch",
  "journal",
  "bundle",
  "mirror",
];
const wanted = process.argv.slice(2);
const file = (name) => fileURLToPath(new URL(name, import.meta.url));
// Against the servers of `npm run test:servers`, only when it is asked for by name.
const overServers = ["kinds", "providers"];

const build = spawnSync(process.execPath, [fileURLToPath(new URL("../scripts/build-if-stale.mjs", import.meta.url))], {
  stdio: "inherit",
});
if (build.status !== 0) process.exit(1);
let failed = false;
for (const part of wanted.length > 0 ? wanted : parts) {
  // A part that comes in sizes takes one after a colon: batch:100000.
  const [name, ...sizes] = part.split(":");
  const program = overServers.includes(name) ? ["--import", "tsx", file(`./${name}.ts`)] : [file(`./${name}.mjs`)];
  const { status } = spawnSync(process.execPath, ["--expose-gc", ...program, ...sizes], { stdio: "inherit" });
  failed ||= status !== 0;
}
process.exit(failed ? 1 : 0);
