import { parseArgs } from "node:util";
import { unreachable } from "../bytes/guards.js";
import { HawserError } from "../errors.js";
import type { Output } from "./output.js";
import { usageError } from "./usage.js";

/** An option of a command. */
export interface Flag {
  /** Without the two dashes. */
  readonly name: string;
  /** What stands for its value in the help; null for a switch. */
  readonly value: string | null;
  /** Whether it may be given several times. */
  readonly repeatable?: boolean | undefined;
  /** Whether the command cannot do without it. */
  readonly required?: boolean | undefined;
  readonly help: string;
}

/** A positional argument of a command. */
export interface Argument {
  /** In capitals. */
  readonly name: string;
  readonly optional?: boolean | undefined;
  readonly help: string;
}

/** What a command is called, takes and does. Its code is loaded only when it runs. */
export interface Command {
  /** One word, or a group and a word. */
  readonly words: readonly string[];
  /** One sentence. */
  readonly summary: string;
  /** Paragraphs for its help. */
  readonly details?: readonly string[] | undefined;
  readonly arguments: readonly Argument[];
  readonly flags: readonly Flag[];
  readonly examples?: readonly string[] | undefined;
  readonly load: () => Promise<CommandModule>;
}

/** The code of a command. */
export interface CommandModule {
  /** Gives the exit code: 0, or 1 for what is proven to be absent. Errors are thrown. */
  run(invocation: Invocation): Promise<number>;
}

/** One run of a command. */
export interface Invocation {
  readonly args: Arguments;
  readonly output: Output;
  readonly environment: Environment;
  /** Aborts on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
}

/** Environment variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The arguments and flags that a command was called with, by their declared names. */
export class Arguments {
  readonly #command: Command;
  readonly #positionals: readonly string[];
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(command: Command, positionals: readonly string[], values: Readonly<Record<string, unknown>>) {
    this.#command = command;
    this.#positionals = positionals;
    this.#values = values;
  }

  /** A positional argument that must be given. */
  argument(name: string): string {
    return this.optionalArgument(name) ?? unreachable(`the argument ${name} is missing`);
  }

  optionalArgument(name: string): string | undefined {
    const index = this.#command.arguments.findIndex((argument) => argument.name === name);
    if (index < 0) unreachable(`the argument ${name} is not declared`);
    return this.#positionals[index];
  }

  /** The value of a flag; the last one where it stands more than once. */
  text(name: string): string | undefined {
    const value = this.#value(name);
    return typeof value === "string" ? value : undefined;
  }

  /** The value of a flag that must be given. */
  requiredText(name: string): string {
    return this.text(name) ?? unreachable(`the flag --${name} is missing`);
  }

  /** The values of a repeatable flag, or undefined where it is not given. */
  list(name: string): readonly string[] | undefined {
    const value = this.#value(name);
    return Array.isArray(value) ? value.filter((item) => typeof item === "string") : undefined;
  }

  isSet(name: string): boolean {
    return this.#value(name) === true;
  }

  /** Whether the command knows a flag at all. */
  declares(name: string): boolean {
    return this.#command.flags.some((flag) => flag.name === name);
  }

  #value(name: string): unknown {
    if (!this.declares(name)) unreachable(`the flag --${name} is not declared`);
    return this.#values[name];
  }
}

/** A flag with what stands for its value. */
export function termOf({ name, value }: Flag): string {
  return `--${name}${value === null ? "" : ` ${value}`}`;
}

/** How a command is called, on one line. */
export function usageOf(command: Command): string {
  const positionals = command.arguments.map(({ name, optional }) => (optional === true ? `[${name}]` : name));
  const required = command.flags.filter((flag) => flag.required === true).map(termOf);
  return ["hawser", ...command.words, ...positionals, ...required, "[flags]"].join(" ");
}

/**
 * Reads what follows the words of a command.
 *
 * @throws INPUT_INVALID
 */
export function parseArguments(command: Command, argv: readonly string[]): Arguments {
  const options = Object.fromEntries(
    command.flags.map(({ name, value, repeatable = false }) => [
      name,
      value === null ? { type: "boolean" as const } : { type: "string" as const, multiple: repeatable },
    ]),
  );
  const { values, positionals } = orUsageError(command, () =>
    parseArgs({ args: [...argv], options, allowPositionals: true, strict: true }),
  );
  const missing = command.arguments.find(({ optional }, index) => optional !== true && index >= positionals.length);
  if (missing !== undefined) throw usageError(missing.name, `an argument (usage: ${usageOf(command)})`, "none");
  const extra = positionals[command.arguments.length];
  if (extra !== undefined) throw usageError("arguments", `no more of them (usage: ${usageOf(command)})`, quoted(extra));
  const unset = command.flags.find(({ name, required }) => required === true && values[name] === undefined);
  if (unset !== undefined) throw usageError(`--${unset.name}`, `a value (usage: ${usageOf(command)})`, "none");
  return new Arguments(command, positionals, values);
}

function orUsageError<T>(command: Command, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (!(error instanceof Error) || !code.startsWith("ERR_PARSE_ARGS_")) throw error;
    // What Node says after its first sentence speaks of "--", which hardly anybody means.
    const [first = ""] = error.message.split(/\. |\n/);
    const got = first.replace(/\.$/, "");
    const [, flag = null] = /^Option '(--[^' ]+)' argument is ambiguous/.exec(got) ?? [];
    const expected =
      flag === null
        ? `the flags that hawser ${command.words.join(" ")} --help lists`
        : `${flag}=VALUE where the value begins with "-"`;
    throw new HawserError("INPUT_INVALID", `${got}: expected ${expected}.`, { argument: "flags", expected, got });
  }
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
