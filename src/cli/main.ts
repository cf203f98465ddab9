#!/usr/bin/env node
import { readFile } from "node:fs/promises";
import { parseArguments } from "./command.js";
import { commands, type Found, findCommand } from "./commands.js";
import { exitCodeOf, toldError } from "./exit.js";
import { commandHelp, overallHelp } from "./help.js";
import { Output } from "./output.js";
import { usageError } from "./usage.js";

/** What shells report for a program that a signal ended. */
const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
const SIGPIPE_EXIT_CODE = 141;
/** Under npm and npx one Ctrl-C arrives twice: from the terminal and from npm. */
const SAME_SIGNAL_MS = 500;

const controller = new AbortController();
const stopped: { exitCode: number | null; atMs: number } = { exitCode: null, atMs: 0 };

async function main(argv: readonly string[], output: Output): Promise<number> {
  const [first] = argv;
  if (first === "--version" || first === "-V") {
    await output.line(await version());
    return 0;
  }
  if (first === "--help" || first === "-h" || first === "help") {
    await output.styledLine(helpFor(findCommand(argv.slice(1))));
    return 0;
  }
  const found = findCommand(argv);
  if ("command" in found) {
    const { command, rest } = found;
    if (asksForHelp(rest)) {
      await output.styledLine(commandHelp(command));
      return 0;
    }
    const args = parseArguments(command, rest);
    const module = await command.load();
    return module.run({ args, output, environment: process.env, signal: controller.signal });
  }
  if ("group" in found) {
    if (found.word !== undefined && asksForHelp([found.word])) {
      await output.styledLine(overallHelp(found.group));
      return 0;
    }
    throw unknownCommand(`${found.group} ${found.word ?? ""}`.trim(), found.group);
  }
  throw unknownCommand(found.unknown);
}

function helpFor(found: Found): string {
  if ("command" in found) return commandHelp(found.command);
  if ("group" in found) return overallHelp(found.group);
  if (found.unknown === undefined || found.unknown.startsWith("-")) return overallHelp();
  throw unknownCommand(found.unknown);
}

function unknownCommand(got: string | undefined, group?: string): Error {
  const words = commands
    .filter((command) => group === undefined || command.words[0] === group)
    .map((command) => command.words.join(" "))
    .join(", ");
  const shown = got === undefined ? "none" : JSON.stringify(got.slice(0, 40));
  return usageError("command", `one of ${words} (see hawser --help)`, shown);
}

/** Whether a switch stands among flags, not behind `--`. */
function holdsSwitch(argv: readonly string[], ...names: readonly string[]): boolean {
  const end = argv.indexOf("--");
  return argv.slice(0, end < 0 ? argv.length : end).some((word) => names.includes(word));
}

function asksForHelp(argv: readonly string[]): boolean {
  return holdsSwitch(argv, "--help", "-h");
}

async function version(): Promise<string> {
  const text = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  const found: unknown = JSON.parse(text);
  return typeof found === "object" && found !== null && "version" in found ? String(found.version) : "unknown";
}

function createOutput(argv: readonly string[]): Output {
  const { stdout, stderr, env } = process;
  return new Output({
    stdout,
    stderr,
    json: holdsSwitch(argv, "--json"),
    quiet: holdsSwitch(argv, "--quiet", "--json"),
    color: stdout.isTTY && stderr.isTTY && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb",
  });
}

/** The first signal lets the command end in order, the second ends it at once. */
function listenForSignals(): void {
  for (const [signal, exitCode] of Object.entries(SIGNAL_EXIT_CODES)) {
    process.on(signal, () => {
      if (stopped.exitCode === null) {
        stopped.exitCode = exitCode;
        stopped.atMs = performance.now();
        controller.abort();
      } else if (performance.now() - stopped.atMs > SAME_SIGNAL_MS) process.exit(exitCode);
    });
  }
}

/** Tells an error and gives its exit code. */
async function fail(thrown: unknown, output: Output): Promise<number> {
  const error = toldError(thrown);
  output.endProgress();
  await output.error(error);
  if (process.env["HAWSER_DEBUG"] === "1" && thrown instanceof Error) {
    for (const line of (thrown.stack ?? "").split("\n")) await output.warning(line);
  }
  return exitCodeOf(error);
}

const argv = process.argv.slice(2);
const output = createOutput(argv);
listenForSignals();
for (const stream of [process.stdout, process.stderr]) {
  // Whoever reads us has heard enough, as `hawser list | head` has.
  stream.on("error", (error: Error) => {
    if ("code" in error && error.code === "EPIPE") process.exit(SIGPIPE_EXIT_CODE);
  });
}
process.on("uncaughtException", (error) => {
  void fail(error, output).finally(() => process.exit(70));
});
let exitCode: number;
try {
  exitCode = await main(argv, output);
} catch (error) {
  exitCode = stopped.exitCode ?? 0;
  const own = await fail(error, output).catch(() => 2);
  if (stopped.exitCode === null) exitCode = own;
}
// Connections that servers keep alive must not hold the process.
process.exit(exitCode);
