import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildProgram, collect } from "./run-cli.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
let directory = "";

beforeAll(() => {
  buildProgram();
  directory = mkdtempSync(join(tmpdir(), "hawser-demo-test-"));
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

interface Shown {
  readonly exitCode: number | null;
  readonly text: string;
  readonly errors: string;
  /** What it left in the directory for temporary files. */
  readonly leftovers: readonly string[];
}

/** Runs what `npm run demo` runs. */
async function runDemo(
  env: Readonly<Record<string, string>>,
  watch: (child: ChildProcess, text: string) => void = () => undefined,
): Promise<Shown> {
  const temporary = mkdtempSync(join(directory, "tmp-"));
  const child = spawn(process.execPath, ["scripts/demo.mjs"], {
    cwd: root,
    env: { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", TMPDIR: temporary, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  child.stdout.on("data", () => {
    watch(child, stdout().toString());
  });
  const [exitCode] = (await once(child, "close")) as [number | null];
  const [text, errors] = [stdout().toString(), stderr().toString()];
  return { exitCode, text, errors, leftovers: readdirSync(temporary) };
}

it("npm run demo shows the whole of it, whatever else is set up here, and leaves nothing behind", {
  timeout: 120_000,
}, async () => {
  const elsewhere = { HAWSER_NETWORK: "mainnet", HAWSER_CACHE: "/nonexistent", HAWSER_MIN_CONFIRMATIONS: "50" };
  const { exitCode, text, errors, leftovers } = await runDemo(elsewhere);
  expect(exitCode, errors + text).toBe(0);
  expect(errors).toBe("");
  for (const line of [
    /^1\. /m,
    /^ {5}PREORDER {2}[0-9a-f]{64}$/m,
    /^ {5}REGISTER {2}[0-9a-f]{64}$/m,
    /^ {3}\$ hawser get alice settings$/m,
    /ok {2}the record is the one that was put, byte for byte$/m,
    /ok {2}it is the same picture, \d+ bytes$/m,
    /^ {5}store 1 +fresh +version 2$/m,
    /^ {5}store 2 +behind +version 1$/m,
    /^ {5}store 3 +unverified /m,
    /^ {5}source 1 +agreed$/m,
    /^ {5}source 2 +withheld$/m,
    /ok {2}what the hidden update published can be read$/m,
    /ok {2}the reader refuses, with exit code 4$/m,
    /RECORD_STALE: /,
    /^All 19 expectations held/m,
  ]) {
    expect(text).toMatch(line);
  }
  // Not a terminal, so no colours; and it fits on one.
  expect(text).not.toContain("\u001b");
  expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
  expect(leftovers).toEqual([]);
});

it("fails, and says what it expected, when the other process does not answer as it should", {
  timeout: 120_000,
}, async () => {
  const hook = join(directory, "other-answer.cjs");
  writeFileSync(hook, `if (process.argv[2] === "get") { process.stdout.write('{"found":false}'); process.exit(1); }`);
  const { exitCode, errors, leftovers } = await runDemo({ NODE_OPTIONS: `--require ${hook}` });
  expect(exitCode).toBe(70);
  expect(errors).toMatch(/^hawser: BUG_UNREACHABLE: The demo expected: the reader found it .*"exitCode":1.*\n$/);
  expect(leftovers).toEqual([]);
});

it("can be interrupted", { timeout: 120_000 }, async () => {
  const { exitCode, errors, leftovers } = await runDemo({}, (child, text) => {
    if (text.includes("$ hawser get")) child.kill("SIGINT");
  });
  expect(exitCode).toBe(130);
  expect(errors).toBe("hawser: NETWORK_ABORTED: The demo was aborted by the caller.\n");
  expect(leftovers).toEqual([]);
});
