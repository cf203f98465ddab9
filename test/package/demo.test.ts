import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { collect } from "./run-cli.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

it("npm run demo shows the whole of it and leaves nothing behind", { timeout: 180_000 }, async () => {
  const before = leftovers();
  const child = spawn(process.execPath, ["scripts/demo.mjs"], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  const [exitCode] = (await once(child, "close")) as [number | null];
  const text = stdout().toString();
  expect(exitCode, stderr().toString() + text).toBe(0);
  expect(stderr().toString()).toBe("");
  for (const line of [
    /^1\. /m,
    /^ {4}PREORDER {2}[0-9a-f]{64}$/m,
    /^ {4}REGISTER {2}[0-9a-f]{64}$/m,
    /ok {2}the record is the one that was put, byte for byte$/m,
    /ok {2}it is the same picture, \d+ bytes$/m,
    /^ {4}store 1 +fresh +version 2$/m,
    /^ {4}store 2 +behind +version 1$/m,
    /^ {4}store 3 +unverified /m,
    /^ {4}source 1 +agreed$/m,
    /^ {4}source 2 +withheld$/m,
    /ok {2}the reader refuses, with exit code 4$/m,
    /RECORD_STALE: /,
    /^All \d+ expectations held/m,
  ]) {
    expect(text).toMatch(line);
  }
  // Not a terminal, so no colours.
  expect(text).not.toContain("\u001b");
  expect(leftovers()).toEqual(before);
});

function leftovers(): readonly string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith("hawser-demo-"));
}
