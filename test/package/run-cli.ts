import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const main = fileURLToPath(new URL("../../.program/cli/main.js", import.meta.url));

/** Makes sure that `dist/` is what `src/` says, and the program that `startCli` starts is what `dist/` says. */
export function buildProgram(): void {
  execFileSync(process.execPath, ["scripts/bundle-program.mjs"], { cwd: root });
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Becomes stdin; without it stdin is empty. */
  readonly input?: string | Uint8Array;
  readonly cwd?: string;
}

export interface CliResult {
  readonly exitCode: number | null;
  readonly stdout: Buffer;
  /** stdout as text. */
  readonly text: string;
  readonly stderr: string;
}

/** Starts the built program, made of few files for the sake of time; `env` is all of its environment but the path. */
export function startCli(args: readonly string[], { env = {}, cwd }: CliOptions = {}): ChildProcess {
  const own = { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", ...env };
  return spawn(process.execPath, [main, ...args], { env: own, cwd: cwd ?? root, stdio: ["pipe", "pipe", "pipe"] });
}

/** Runs the built program to its end. Whatever it does, it never shows a stack trace. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const child = startCli(args, options);
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(options.input ?? "");
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  const [exitCode] = (await once(child, "close")) as [number | null];
  const result = { exitCode, stdout: stdout(), text: stdout().toString("utf8"), stderr: stderr().toString("utf8") };
  expect(result.stderr + result.text).not.toMatch(/^\s+at .+:\d+:\d+\)?$/m);
  return result;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into documents of many shapes
type Document = any;

/** Runs it with `--json`, expects `exitCode`, and gives the one document on stdout; stderr has errors alone. */
export async function runJson(args: readonly string[], exitCode: number, options: CliOptions = {}): Promise<Document> {
  const result = await runCli([...args, "--json"], options);
  expect(result.exitCode, result.stderr + result.text).toBe(exitCode);
  expect(result.text.trimEnd().split("\n")).toHaveLength(1);
  if (exitCode <= 1) expect(result.stderr).toBe("");
  else expect(result.stderr).toMatch(/^hawser: /);
  return JSON.parse(result.text);
}

/** Expects exit code and error code, one line for the error itself, and nothing on stdout. */
export async function expectFailure(
  args: readonly string[],
  exitCode: number,
  code: string,
  options: CliOptions = {},
): Promise<string> {
  const result = await runCli(args, options);
  expect(result.stderr).toMatch(new RegExp(`^hawser: ${code}: .+$`, "m"));
  expect(result.stderr.match(/^hawser: /gm)).toHaveLength(1);
  expect(result.exitCode, result.stderr).toBe(exitCode);
  expect(result.text).toBe("");
  return result.stderr;
}

export function collect(stream: NodeJS.ReadableStream | null): () => Buffer {
  const chunks: Buffer[] = [];
  stream?.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks);
}
