/**
 * Builds dist/ when a file of it is missing or older than its source: `npm run demo` and the tests that run the program
 * as a child process need one that is up to date, but not to wait for it each time. Declarations are left out.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const LOCK_MAX_AGE_MS = 120_000;
const lock = join(root, "node_modules", ".hawser-build.lock");

/** Whether a file of src/, or what decides how it is built, is newer than what was built from it. */
function isStale() {
  const settings = ["tsup.config.js", "package.json"].map((file) => modifiedMs(join(root, file)));
  return readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .some((file) => {
      const builtMs = modifiedMs(join(root, "dist", file.replace(/\.ts$/, ".js")));
      return builtMs < Math.max(modifiedMs(join(root, "src", file)), ...settings);
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

export function buildIfStale() {
  const unlock = takeLock();
  try {
    if (!isStale()) return;
    const tsup = join(root, "node_modules", "tsup", "dist", "cli-default.js");
    execFileSync(process.execPath, [tsup], { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
  } finally {
    unlock();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) buildIfStale();
