/**
 * `npm run check:package`: checks what npm would publish, after a build: publint and are-the-types-wrong over the packed
 * files, and that nothing is among them that has no source.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { strayFiles } from "./prune-dist.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "hawser-package-"));

/** Whether a command finds nothing; says what it printed where it does. */
function run(command, parameters) {
  const options = { cwd: root, encoding: "utf8" };
  const { status, stdout, stderr } = spawnSync(join(root, "node_modules/.bin", command), parameters, options);
  console.log(`${command}: ${status === 0 ? "nothing to report" : `failed\n${stdout}${stderr}`}`);
  return status === 0;
}

try {
  const stray = strayFiles();
  if (stray.length > 0) console.error(`dist/ holds files without a source: ${stray.join(", ")}`);
  const answer = execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", directory], {
    cwd: root,
    encoding: "utf8",
  });
  const [{ filename, entryCount, unpackedSize }] = JSON.parse(answer);
  const tarball = join(directory, filename);
  execFileSync("tar", ["-xzf", tarball, "-C", directory]);
  console.log(`${filename}: ${entryCount} files, ${(unpackedSize / 1e6).toFixed(2)} MB unpacked`);
  const passed = [
    stray.length === 0,
    run("publint", ["run", join(directory, "package"), "--strict", "--pack", "false"]),
    run("attw", [tarball, "--profile", "esm-only", "--no-emoji", "--no-definitely-typed"]),
  ];
  if (passed.includes(false)) process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true });
}
