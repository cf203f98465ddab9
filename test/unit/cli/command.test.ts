import { describe, expect, it } from "vitest";
import { type Command, parseArguments, usageOf } from "../../../src/cli/command.js";
import { commands, findCommand } from "../../../src/cli/commands.js";
import { environmentVariables } from "../../../src/cli/config.js";
import { exitCodeOf, toldError } from "../../../src/cli/exit.js";
import { commandHelp, overallHelp } from "../../../src/cli/help.js";
import { CREDENTIAL_VARIABLES } from "../../../src/cli/source-url.js";
import { STORE_VARIABLES } from "../../../src/cli/store-credentials.js";
import { type ErrorCode, errorCodes, HawserError } from "../../../src/errors.js";

const command: Command = {
  words: ["try"],
  summary: "Try.",
  arguments: [
    { name: "NAME", help: "A name" },
    { name: "FILE", optional: true, help: "A file" },
  ],
  flags: [
    { name: "out", value: "FILE", required: true, help: "Where to" },
    { name: "source", value: "URL", repeatable: true, help: "A source" },
    { name: "plan", value: null, help: "Only plan" },
  ],
  load: () => Promise.reject(new Error("not run")),
};

describe("parseArguments", () => {
  it("gives arguments and flags by their names, in any order", () => {
    const args = parseArguments(command, ["--source", "a", "alice", "--out=x", "--source=b", "--plan", "--", "--file"]);
    expect(args.argument("NAME")).toBe("alice");
    expect(args.optionalArgument("FILE")).toBe("--file");
    expect(args.requiredText("out")).toBe("x");
    expect(args.list("source")).toEqual(["a", "b"]);
    expect(args.isSet("plan")).toBe(true);
    expect(args.declares("json")).toBe(false);
  });

  it.each<[readonly string[], RegExp]>([
    [[], /^NAME: expected an argument \(usage: hawser try NAME \[FILE\] --out FILE \[flags\]\), got none\.$/],
    [["a"], /^--out: expected a value/],
    [["a", "b", "c", "--out", "x"], /^arguments: expected no more of them .* got "c"\.$/],
    [["a", "--out"], /argument missing/],
    [["a", "--out", "-1"], /expected --out=VALUE where the value begins with "-"\.$/],
    [["a", "--out", "x", "--plan=yes"], /does not take an argument/],
    [["a", "--outer", "x"], /^Unknown option '--outer': expected the flags that hawser try --help lists\.$/],
    [["a", "-x"], /^Unknown option '-x'/],
  ])("refuses %j in one sentence", (argv, message) => {
    expect(() => parseArguments(command, argv)).toThrow(
      expect.objectContaining({ code: "INPUT_INVALID", message: expect.stringMatching(message) as string }),
    );
  });
});

describe("the commands", () => {
  it("are found by their words", () => {
    expect(findCommand(["name", "show", "x"])).toMatchObject({ command: { words: ["name", "show"] }, rest: ["x"] });
    expect(findCommand(["name", "burn"])).toEqual({ group: "name", word: "burn" });
    expect(findCommand(["burn"])).toEqual({ unknown: "burn" });
    expect(findCommand([])).toEqual({ unknown: undefined });
  });

  it.each(commands.map((one) => [one.words.join(" "), one] as const))(
    "help of %s tells all that it takes",
    (_, one) => {
      const help = commandHelp(one);
      expect(help.startsWith(`Usage: ${usageOf(one)}\n`)).toBe(true);
      for (const { name } of one.flags) expect(help).toMatch(new RegExp(`^ {2}--${name}(?: |$)`, "m"));
      for (const { name } of one.arguments) expect(help).toMatch(new RegExp(`^ {2}${name} `, "m"));
      for (const example of one.examples ?? []) expect(help).toContain(example);
      expect(help).toContain("Exit codes: 0 found or done, 1 proven absent, 2 wrong input");
      expect(Math.max(...help.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
      // A secret in an argument is seen by everybody who lists processes.
      const secrets = one.flags.filter(({ name }) => /key|secret|password/.test(name) && name !== "pubkey");
      expect(secrets.filter(({ value }) => value !== "FILE")).toEqual([]);
    },
  );

  it("share the meaning of a flag", () => {
    const meanings = new Map<string, Set<string>>();
    for (const { name, value } of commands.flatMap(({ flags }) => flags)) {
      meanings.set(name, (meanings.get(name) ?? new Set()).add(String(value)));
    }
    // What headers are written from is a height, what a mirror copies from a store.
    const several = [...meanings].filter(([, values]) => values.size > 1).map(([flag]) => flag);
    expect(several).toEqual(["from"]);
  });

  it("have a flag for every variable that the help names", () => {
    const flags = new Set(commands.flatMap((one) => one.flags.map(({ name }) => `--${name}`)));
    const withoutFlag: string[] = [];
    for (const [variable, flag] of environmentVariables) {
      if (!flags.has(flag)) withoutFlag.push(variable);
      expect(overallHelp()).toMatch(new RegExp(`^ {2}${variable} +${flag.replace("+", "\\+")}$`, "m"));
    }
    // Credentials are no arguments, which everybody on the machine can see.
    expect(withoutFlag).toEqual([...Object.values(CREDENTIAL_VARIABLES), ...Object.values(STORE_VARIABLES)]);
  });
});

describe("exit codes", () => {
  it("follow the outcome of every error", () => {
    const byOutcome = { input: 2, unknown: 3, wrong: 4, conflict: 5, wallet: 5, bug: 70 } as const;
    for (const code of Object.keys(errorCodes) as ErrorCode[]) {
      const error = new HawserError(code, "x", {} as never);
      expect(exitCodeOf(error), code).toBe(byOutcome[error.outcome]);
    }
  });

  it("take what is no HawserError for a defect, and say so on one line", () => {
    const told = toldError(new TypeError("x is not a function"));
    expect(told.code).toBe("BUG_UNREACHABLE");
    expect(told.message).toContain("Unexpected: TypeError: x is not a function.");
    expect(exitCodeOf(toldError("thrown text"))).toBe(70);
  });
});
