/**
 * Builds dist/ when a file of it is missing or older than its source: `npm run demo` and the tests that run the program
 * as a child process need one that is up to date, but not to wait for it each time. Declarations are left out, but for
 * `--declarations`: then they have to be up to date as well.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const LOCK_MAX_AGE_MS = 120_000;
const lock = join(root, "node_modules", ".hawser-build.lock");

const SETTINGS = ["tsup.config.js", "package.json"];
const DECLARATION_SETTINGS = ["tsconfig.json", "tsconfig.build.json", "package-lock.json"];

/** Whether a file of src/, or what decides how it is built, is newer than what was built from it. */
function isStale(declarations) {
  const files = declarations ? [...SETTINGS, ...DECLARATION_SETTINGS] : SETTINGS;
  const settings = files.map((file) => modifiedMs(join(root, file)));
  const endings = declarations ? [".js", ".d.ts"] : [".js"];
  return readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .some((file) => {
      const built = endings.map((ending) => modifiedMs(join(root, "dist", file.replace(/\.ts$/, ending))));
      return Math.min(...built) < Math.max(modifiedMs(join(root, "src", file)), ...settings);
    });
}

function modifiedMs(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Test files run side by side, and a program must not be run while another build writes it. Gives what unlocks. */
export function takeLock() {
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      return () => rmSync(lock, { force: true });
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      if (isAbandoned()) rmSync(lock, { force: true, recursive: true });
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    }
  }
}

/** Whether the build that holds the lock was killed. */
function isAbandoned() {
  if (Date.now() - modifiedMs(lock) > LOCK_MAX_AGE_MS) return true;
  try {
    process.kill(Number(readFileSync(lock, "utf8")), 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}

export function buildIfStale({ declarations = false } = {}) {
  const unlock = takeLock();
  try {
    if (!isStale(declarations)) return;
    if (declarations) {
      execFileSync("npm", ["run", "build"], { cwd: root, stdio: "inherit" });
      return;
    }
    const tsup = join(root, "node_modules", "tsup", "dist", "cli-default.js");
    execFileSync(process.execPath, [tsup], { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
  } finally {
    unlock();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  buildIfStale({ declarations: process.argv.includes("--declarations") });
}
