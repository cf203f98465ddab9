/**
 * Makes one program of dist/cli and all that it imports, in .program/, for tests that start it hundreds of times: half
 * of a short run of it is spent on finding and reading some 300 files. Builds dist/ first where that is stale.
 */
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { buildIfStale, takeLock } from "./build-if-stale.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
// As deep as dist/cli: the program finds package.json from there, and lmdb, which is loaded at run time.
const directory = join(root, ".program", "cli");

function isStale() {
  const bundledMs = statSync(join(directory, "main.js"), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".js"));
  return [join(root, "package.json"), ...sources.map((file) => join(dist, file))].some(
    (file) => statSync(file).mtimeMs > bundledMs,
  );
}

async function bundle() {
  rmSync(directory, { recursive: true, force: true });
  await build({
    entryPoints: [join(dist, "cli", "main.js")],
    outdir: directory,
    bundle: true,
    // Each command is loaded when it is asked for, as in dist/.
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    external: ["lmdb"],
    // For dependencies that are CommonJS.
    banner: { js: 'import { createRequire as from } from "node:module";\nconst require = from(import.meta.url);' },
    logLevel: "warning",
  });
}

buildIfStale();
const unlock = takeLock();
try {
  if (isStale()) await bundle();
} finally {
  unlock();
}
