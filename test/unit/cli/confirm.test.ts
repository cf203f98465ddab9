import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { type Command, type Invocation, parseArguments } from "../../../src/cli/command.js";
import { type AnswerStream, assertConfirmable, confirm } from "../../../src/cli/confirm.js";
import { yesFlag } from "../../../src/cli/flags.js";
import { collectingOutput, type Written } from "./terminal.js";

const command: Command = {
  words: ["try"],
  summary: "Try.",
  arguments: [],
  flags: [yesFlag, { name: "plan", value: null, help: "Only plan" }],
  load: () => Promise.reject(new Error("not run")),
};
const question = { name: "alice", verb: "release", titles: ["Release\u001b"], rows: [["ends", "m:settings"]] };

interface Asked extends Written {
  readonly invocation: Invocation;
  readonly stdin: AnswerStream & PassThrough;
  readonly controller: AbortController;
}

function asked(
  argv: readonly string[],
  { tty = true, stdinTty = true, quiet = false }: { tty?: boolean; stdinTty?: boolean; quiet?: boolean } = {},
): Asked {
  const written = collectingOutput({ tty, quiet });
  const controller = new AbortController();
  const invocation = {
    args: parseArguments(command, argv),
    output: written.output,
    environment: {},
    signal: controller.signal,
  };
  return { ...written, invocation, controller, stdin: Object.assign(new PassThrough(), { isTTY: stdinTty }) };
}

describe("assertConfirmable", () => {
  it.each([[{ tty: false, stdinTty: false }], [{ tty: true, stdinTty: false }], [{ tty: false, stdinTty: true }]])(
    "asks for --yes where the question or the answer has no terminal: %j",
    (terminals) => {
      const { invocation, stdin } = asked([], terminals);
      expect(() => {
        assertConfirmable(invocation, stdin);
      }).toThrow(
        expect.objectContaining({
          code: "INPUT_INVALID",
          details: expect.objectContaining({ argument: "--yes" }) as unknown,
        }),
      );
    },
  );

  it.each([[["--yes"]], [["--plan"]]])("is content with %j", (argv) => {
    const { invocation, stdin } = asked(argv, { tty: false, stdinTty: false });
    assertConfirmable(invocation, stdin);
  });

  it("is content with a terminal", () => {
    const { invocation, stdin } = asked([]);
    assertConfirmable(invocation, stdin);
  });
});

describe("confirm", () => {
  it("shows what is to happen, quiet or not, and goes on once the name was typed", async () => {
    const { invocation, stdin, stderr, stdout } = asked([], { quiet: true });
    stdin.write(" alice\n");
    await confirm(invocation, question, stdin);
    expect(stderr()).toBe("Release\\u{1b}\n  ends  m:settings\nThis cannot be undone. Type alice to release it: ");
    expect(stdout()).toBe("");
  });

  it.each(["y\n", "Alice\n", "alice bob\n", "\n"])("ends with anything else: %j", async (typed) => {
    const { invocation, stdin } = asked([]);
    stdin.write(typed);
    await expect(confirm(invocation, question, stdin)).rejects.toMatchObject({
      code: "WALLET_REFUSED",
      details: { reason: "something else was typed" },
    });
  });

  it("ends at the end of the input, and when it is interrupted", async () => {
    const gone = asked([]);
    gone.stdin.end();
    const refused = { code: "WALLET_REFUSED", details: { reason: "nothing was typed" } };
    await expect(confirm(gone.invocation, question, gone.stdin)).rejects.toMatchObject(refused);
    const interrupted = asked([]);
    const waiting = confirm(interrupted.invocation, question, interrupted.stdin);
    // Only once it listens for the answer.
    while (interrupted.stdin.listenerCount("data") === 0) await new Promise(setImmediate);
    interrupted.controller.abort();
    await expect(waiting).rejects.toMatchObject(refused);
    expect(interrupted.stderr()).toMatch(/ Type alice to release it: \n$/);
    const late = asked([]);
    late.controller.abort();
    await expect(confirm(late.invocation, question, late.stdin)).rejects.toMatchObject(refused);
  });

  it("asks nothing with --yes", async () => {
    const { invocation, stdin, stderr } = asked(["--yes"]);
    await confirm(invocation, question, stdin);
    expect(stderr()).toBe("Release\\u{1b}\n  ends  m:settings\n");
  });
});
