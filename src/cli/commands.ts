import type { Command } from "./command.js";
import { networkFlags, outFlag, outputFlags, readFlags, writeFlags } from "./flags.js";

const name = { name: "NAME", help: "A registered name, such as alice" };
const id = { name: "ID", help: "Id of a record: a-z 0-9 . _ ~ - and /, such as settings or feeds/latest" };

/** Every command, in the order of the help. */
export const commands: readonly Command[] = [
  {
    words: ["demo"],
    summary: "Show the whole of it on this machine: register, publish, read back, refuse stale and forged data.",
    details: ["Needs no network, no key and no coins. Exits with 70 if anything is other than expected."],
    arguments: [],
    flags: [],
    load: () => import("./commands/demo.js"),
  },
  {
    words: ["devnet"],
    summary: "Run a regtest chain with Esplora servers and stores until it is interrupted.",
    details: ["Prints the settings for the other commands. With --json it prints one line of JSON, then stays."],
    arguments: [],
    flags: [
      { name: "sources", value: "N", help: "Chain sources over the one chain (default 2)" },
      { name: "stores", value: "N", help: "Stores, each with its own files (default 3)" },
      { name: "mine", value: "WHEN", help: "on-transaction, interval:MS or manual (default on-transaction)" },
      { name: "control", value: null, help: "Answer POST /control, which makes servers misbehave; loopback only" },
      { name: "host", value: "HOST", help: "Address to listen on (default 127.0.0.1)" },
      { name: "port", value: "PORT", help: "Port of the first source; the others follow (default: free ones)" },
      ...outputFlags,
    ],
    examples: ["hawser devnet --sources 2 --stores 3", "hawser devnet --mine interval:10000 --port 3100"],
    load: () => import("./commands/devnet.js"),
  },
  {
    words: ["keygen"],
    summary: "Make a key that owns names, pays for them and signs records.",
    details: [
      "The file is new (an existing one is never replaced) and for its owner's eyes alone (mode 0600).",
      "Prints the addresses to fund and the public key that records are signed with.",
    ],
    arguments: [],
    flags: [{ name: "out", value: "FILE", required: true, help: "The file to make" }, ...networkFlags, ...outputFlags],
    examples: ["hawser keygen --out alice.key --network regtest"],
    load: () => import("./commands/keygen.js"),
  },
  {
    words: ["name", "register"],
    summary: "Register a name, or go on with a registration that was interrupted.",
    details: [
      "Two transactions: a PREORDER that hides the name, then the REGISTER. Both are kept before the first is sent, so " +
        "that the same command can be run again after a crash; it then sends nothing twice.",
    ],
    arguments: [{ name: "NAME", help: "1 to 31 of a-z 0-9 and -" }],
    flags: [
      { name: "about", value: "FILE", help: "JSON object for the name's public profile" },
      { name: "force", value: null, help: "Register although somebody flooded the name, which may make it unreadable" },
      ...writeFlags,
    ],
    examples: ["hawser name register alice --plan", "hawser name register alice --max-fee-sats 2000"],
    load: () => import("./commands/name-register.js"),
  },
  {
    words: ["name", "show"],
    summary: "Show the state of a name and what each chain source was worth.",
    arguments: [name],
    flags: [{ name: "profile", value: null, help: "Fetch its profile too" }, ...readFlags],
    examples: ["hawser name show alice --profile"],
    load: () => import("./commands/name-show.js"),
  },
  {
    words: ["put"],
    summary: "Put a record: data of at most 1 MiB under an id, that can be put again.",
    details: ["A new id takes one transaction, a known one none."],
    arguments: [name, id, { name: "FILE", optional: true, help: "The data; - or nothing reads stdin" }],
    flags: writeFlags,
    examples: ["hawser put alice settings settings.json", "date | hawser put alice clock"],
    load: () => import("./commands/put.js"),
  },
  {
    words: ["get"],
    summary: "Get the newest record of an id, verified and never older than what was seen before.",
    details: ["Its bytes go to stdout, a verdict on each replica and each source to stderr."],
    arguments: [name, id],
    flags: [
      outFlag,
      { name: "min-version", value: "N", help: "Refuse versions below" },
      { name: "max-version", value: "N", help: "Ignore versions above" },
      ...readFlags,
    ],
    examples: ["hawser get alice settings", "hawser get alice settings --min-version 7 --json"],
    load: () => import("./commands/get.js"),
  },
  {
    words: ["add"],
    summary: "Add immutable data of at most 1 MiB to a name's index; prints its key, the SHA-256.",
    arguments: [name, { name: "FILE", help: "The data; - reads stdin" }],
    flags: [
      { name: "type", value: "TYPE", help: "Media type for readers, such as image/png; a label" },
      { name: "file-name", value: "TEXT", help: "File name for readers; a label" },
      ...writeFlags,
    ],
    examples: ["hawser add alice anchor.png --type image/png --file-name anchor.png"],
    load: () => import("./commands/add.js"),
  },
  {
    words: ["cat"],
    summary: "Get immutable data that a name's index holds, by its key.",
    arguments: [name, { name: "KEY", help: "SHA-256 of the data, 64 hex digits; with or without i: in front" }],
    flags: [outFlag, ...readFlags],
    examples: ["hawser cat alice 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --out test.txt"],
    load: () => import("./commands/cat.js"),
  },
  {
    words: ["list"],
    summary: "List the entries of a name's index, one a line; with --json one JSON document a line.",
    arguments: [name],
    flags: [{ name: "prefix", value: "TEXT", help: "Only keys that begin so, such as m:settings or i:" }, ...readFlags],
    examples: ["hawser list alice --prefix m:"],
    load: () => import("./commands/list.js"),
  },
];

/** What was asked for: a command with what follows its words, a group's name alone, or nothing that is known. */
export type Found =
  | { readonly command: Command; readonly rest: readonly string[] }
  | { readonly group: string; readonly word: string | undefined }
  | { readonly unknown: string | undefined };

/** Finds the command whose words `argv` begins with. */
export function findCommand(argv: readonly string[]): Found {
  const command = commands.find(({ words }) => words.every((word, index) => argv[index] === word));
  if (command !== undefined) return { command, rest: argv.slice(command.words.length) };
  const [first, second] = argv;
  const isGroup = commands.some(({ words }) => words.length > 1 && words[0] === first);
  return isGroup && first !== undefined ? { group: first, word: second } : { unknown: first };
}
