import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { HawserError } from "../errors.js";
import type { Invocation } from "./command.js";
import type { Cell } from "./output.js";
import { usageError } from "./usage.js";

/** Where an answer comes from, such as `process.stdin`. */
export type AnswerStream = Readable & { readonly isTTY?: boolean | undefined };

/** What is asked. */
export interface Question {
  readonly name: string;
  /** What is to happen to the name, in one word. */
  readonly verb: string;
  /** A line for each transaction. */
  readonly titles: readonly string[];
  /** What follows from it. */
  readonly rows: readonly (readonly Cell[])[];
}

/**
 * Ends a command without a way back at once where nobody can be asked and nobody said `--yes`, so that a script does not
 * do it by mistake. A plan needs neither.
 *
 * @throws INPUT_INVALID
 */
export function assertConfirmable({ args, output }: Invocation, stdin: AnswerStream = process.stdin): void {
  if (args.isSet("yes") || args.isSet("plan") || canAsk(output, stdin)) return;
  throw usageError("--yes", "it, since this cannot be undone and nobody can be asked here (--plan shows it)", "none");
}

/**
 * Shows what is going to happen and, without `--yes`, asks for the name to be typed.
 *
 * @throws WALLET_REFUSED where something else was typed, or nothing
 */
export async function confirm(
  { args, output, signal }: Invocation,
  { name, verb, titles, rows }: Question,
  stdin: AnswerStream = process.stdin,
): Promise<void> {
  if (args.isSet("yes")) {
    for (const title of titles) await output.note(title);
    await output.notes(rows);
    return;
  }
  for (const title of titles) await output.warning(title);
  await output.warnings(rows);
  await output.ask(`This cannot be undone. Type ${name} to ${verb} it: `);
  const answer = await readAnswer(stdin, signal);
  if (answer?.trim() === name) return;
  // The terminal has ended the line only where one was typed.
  if (answer === null) await output.warning("");
  const reason = answer === null ? "nothing was typed" : "something else was typed";
  throw new HawserError("WALLET_REFUSED", `Nothing was signed or sent: ${reason}.`, { reason });
}

function canAsk(output: Invocation["output"], stdin: AnswerStream): boolean {
  return stdin.isTTY === true && output.stderrIsTerminal;
}

/** One line, or null at the end of the input and where the run was interrupted. */
function readAnswer(stdin: AnswerStream, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve) => {
    // Without `terminal` the terminal itself keeps Ctrl-C, which ends the program as everywhere else.
    const lines = createInterface({ input: stdin, terminal: false });
    const close = (): void => {
      lines.close();
    };
    lines.once("line", (line) => {
      resolve(line);
      close();
    });
    lines.once("close", () => {
      signal.removeEventListener("abort", close);
      resolve(null);
    });
    signal.addEventListener("abort", close);
    if (signal.aborted) close();
  });
}
