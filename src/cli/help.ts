import { type Command, termOf, usageOf } from "./command.js";
import { commands } from "./commands.js";
import { environmentVariables } from "./config.js";
import { wrap } from "./text.js";

const WIDTH = 96;

/** The exit codes, as docs/errors.md groups the errors. */
const EXIT_CODES =
  "0 found or done, 1 proven absent, 2 wrong input, 3 could not find out, 4 wrong data, 5 conflict or wallet, 70 defect";

/** `hawser --help`, or the commands of one group. */
export function overallHelp(group?: string): string {
  const shown = commands.filter(({ words }) => group === undefined || words[0] === group);
  const lines = [
    "hawser: a name on Bitcoin, data anywhere, and a reader that trusts no server.",
    "",
    "Usage: hawser COMMAND [arguments] [flags]",
    "",
    "Commands:",
    ...entries(shown.map(({ words, summary }) => [words.join(" "), summary])),
    "",
    "hawser COMMAND --help tells about one command, hawser --version prints the version.",
    "",
    "Settings come from flags, then from the environment, then from $XDG_CONFIG_HOME/hawser/config.json.",
    "Variables (lists are separated by commas):",
    ...entries(environmentVariables),
    "",
    ...wrap(`Exit codes: ${EXIT_CODES}.`, WIDTH),
  ];
  return lines.join("\n");
}

/** `hawser COMMAND --help`. */
export function commandHelp(command: Command): string {
  const { summary, details = [], examples = [] } = command;
  const paragraphs = [summary, ...details].flatMap((text) => [...wrap(text, WIDTH), ""]);
  const positionals = command.arguments.map(({ name, help }) => [name, help] as const);
  const flags = command.flags.map((flag) => {
    return [termOf(flag), `${flag.help}${flag.repeatable === true ? "; repeatable" : ""}`] as const;
  });
  const lines = [
    `Usage: ${usageOf(command)}`,
    "",
    ...paragraphs,
    ...(positionals.length === 0 ? [] : ["Arguments:", ...entries(positionals), ""]),
    ...(flags.length === 0 ? [] : ["Flags:", ...entries(flags), ""]),
    ...(examples.length === 0 ? [] : ["Examples:", ...examples.map((example) => `  ${example}`), ""]),
    ...wrap(`Exit codes: ${EXIT_CODES}.`, WIDTH),
  ];
  return lines.join("\n");
}

function entries(rows: readonly (readonly [term: string, help: string])[]): readonly string[] {
  const width = Math.max(...rows.map(([term]) => term.length));
  return rows.flatMap(([term, help]) =>
    wrap(help, WIDTH - width - 4).map((line, index) => `  ${(index === 0 ? term : "").padEnd(width)}  ${line}`),
  );
}
