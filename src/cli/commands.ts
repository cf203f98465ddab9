import type { Command } from "./command.js";
import {
  keptFlags,
  lookupFlags,
  nameFlags,
  networkFlags,
  offlineFlags,
  outFlag,
  outputFlags,
  policyFlags,
  putFlags,
  resumeFlags,
  writeFlags,
} from "./flags.js";
import { headerCommands } from "./header-commands.js";
import { nameCommands } from "./name-commands.js";
import { upkeepCommands } from "./upkeep-commands.js";

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
    details: [
      "Prints the settings for the other commands. With --json it prints one line of JSON, then stays.",
      "With --data-dir it goes on where it was, however it ended: chain, waiting transactions, stores, cache and ports. " +
        "The first source answers POST /devnet/mine, /devnet/faucet and /devnet/reorg.",
    ],
    arguments: [],
    flags: [
      { name: "sources", value: "N", help: "Chain sources over the one chain (default 2, or as last time)" },
      { name: "stores", value: "N", help: "Stores, each with its own files (default 3, or as last time)" },
      { name: "data-dir", value: "DIR", help: "Keep everything in this directory (default: gone when it ends)" },
      { name: "mine", value: "WHEN", help: "on-transaction, interval:MS or manual (default on-transaction)" },
      { name: "control", value: null, help: "Answer POST /control, which makes servers misbehave; loopback only" },
      { name: "host", value: "HOST", help: "Address to listen on (default 127.0.0.1)" },
      {
        name: "port",
        value: "PORT",
        help: "Port of the first source; the others follow (default: as last time, or free)",
      },
      ...outputFlags,
    ],
    examples: [
      "hawser devnet --sources 2 --stores 3",
      "hawser devnet --mine interval:10000 --port 3100",
      "hawser devnet --data-dir ~/hawser-devnet",
    ],
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
    words: ["doctor"],
    summary: "Check the chain sources, the stores, the cache and the clock, and say what to change.",
    details: [
      "A line for each check: ok, warn or bad, and below it what to change. With NAME also whether that name can be read, " +
        "and which stores have its profile. With --json one document.",
      "Exits with 0 if all is well, 1 if something is weak and 3 if something does not work.",
    ],
    arguments: [{ ...name, optional: true, help: "A name that should be readable" }],
    flags: [
      {
        name: "write-probe",
        value: null,
        help: "Write to the stores of --write-store, at a path that nobody uses, and remove it again",
      },
      {
        name: "write-store",
        value: "URL",
        repeatable: true,
        help: "A store that is written to: a URL that takes PUT, or a directory",
      },
      ...lookupFlags,
    ],
    examples: ["hawser doctor", "hawser doctor alice --json", "hawser doctor --write-probe"],
    load: () => import("./commands/doctor.js"),
  },
  ...nameCommands,
  {
    words: ["bump"],
    summary: "Raise the fee of an operation that is not mined.",
    details: [
      "Replaces its transaction by one that does the same and pays more; of several that wait on each other the last one, " +
        "which then pays for all. A PREORDER is never replaced: a payment that spends its change pays for both.",
      "Whichever version is mined, the operation is done.",
    ],
    arguments: [{ name: "OPERATION", help: "A name, a txid that the operation has or had, or the operation's id" }],
    flags: nameFlags,
    examples: ["hawser bump alice --plan", "hawser bump alice --fee-rate 20"],
    load: () => import("./commands/bump.js"),
  },
  {
    words: ["put"],
    summary: "Put a record: data of at most 1 MiB under an id, that can be put again.",
    details: [
      "A new id takes one transaction, a known one none; for that the signer's key suffices, without --key-file.",
    ],
    arguments: [name, id, { name: "FILE", optional: true, help: "The data; - or nothing reads stdin" }],
    flags: [
      { name: "delegate", value: null, help: "Give a new record a signer of its own, other than the profile's" },
      { name: "no-create", value: null, help: "Fail where the id is new, instead of making a transaction" },
      { name: "version", value: "N", help: "Exactly this version (default: one more than the newest)" },
      {
        name: "max-age",
        value: "MS",
        help: "Readers refuse it once it is older, or none for no limit; to change that takes a transaction",
      },
      ...putFlags,
    ],
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
      { name: "replicas", value: "N", help: "Ask only so many replicas (default: all)" },
      ...policyFlags,
    ],
    examples: [
      "hawser get alice settings",
      "hawser get alice settings --min-version 7 --json",
      "hawser get alice settings --policy cache-only",
    ],
    load: () => import("./commands/get.js"),
  },
  {
    words: ["add"],
    summary: "Add immutable data of at most 1 MiB to a name's index; prints its key, the SHA-256.",
    arguments: [name, { name: "FILE", help: "The data; - reads stdin" }],
    flags: [
      { name: "type", value: "TYPE", help: "Media type for readers, such as image/png; a label" },
      { name: "file-name", value: "TEXT", help: "File name for readers; a label" },
      ...putFlags,
    ],
    examples: ["hawser add alice anchor.png --type image/png --file-name anchor.png"],
    load: () => import("./commands/add.js"),
  },
  {
    words: ["cat"],
    summary: "Get immutable data that a name's index holds, by its key.",
    arguments: [name, { name: "KEY", help: "SHA-256 of the data, 64 hex digits; with or without i: in front" }],
    flags: [outFlag, ...policyFlags],
    examples: ["hawser cat alice 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --out test.txt"],
    load: () => import("./commands/cat.js"),
  },
  {
    words: ["delete"],
    summary: "Delete a record or immutable data: from the name's index, and then from the stores.",
    details: [
      "One transaction. Copies are removed once it is deep enough to stay; should this end before, hawser resume removes " +
        "them. An object that something else still needs stays. A copy that a store keeps counts for nobody.",
    ],
    arguments: [
      name,
      { name: "KEY", help: "Id of a record, or a key as list prints it, such as m:settings or i:9f86..." },
    ],
    flags: [{ name: "keep-copies", value: null, help: "Leave the copies in the stores" }, ...writeFlags],
    examples: ["hawser delete alice settings", "hawser delete alice m:feeds/latest --plan"],
    load: () => import("./commands/delete.js"),
  },
  {
    words: ["batch"],
    summary: "Make any number of changes of one name with one transaction.",
    details: [
      'FILE has one JSON object a line: {"put": ID, ...}, {"add": FILE} or {"delete": KEY}. The data of a put is ' +
        '{"file": FILE} or {"text": TEXT}; an add may have a type and a fileName. Paths are ' +
        "relative to the directory of FILE.",
      "New records, immutable data and deletes become visible together, or not at all. A put to an id that has a record " +
        "already needs no transaction and is visible at once.",
    ],
    arguments: [name, { name: "FILE", help: "The changes; - reads stdin" }],
    flags: writeFlags,
    examples: ["hawser batch alice changes.jsonl --plan", "hawser batch alice changes.jsonl --json"],
    load: () => import("./commands/batch.js"),
  },
  {
    words: ["pending"],
    summary: "List the writes that were begun and are not finished, one a line.",
    details: [
      "From the cache alone. What was interrupted before anything of it was sent is made again by the same command; the " +
        "rest goes on with hawser resume.",
    ],
    arguments: [{ ...name, optional: true, help: "Only of this name" }],
    flags: keptFlags,
    examples: ["hawser pending", "hawser pending alice --json"],
    load: () => import("./commands/pending.js"),
  },
  {
    words: ["resume"],
    summary: "Go on with the writes that were begun and are not finished.",
    details: [
      "Sends the same signed transactions and stores the same data again, never a second transaction. Exits with 3 if " +
        "one of them cannot be finished now, and with 5 if one lost to another writer.",
    ],
    arguments: [{ ...name, optional: true, help: "Only of this name" }],
    flags: resumeFlags,
    examples: ["hawser resume", "hawser resume alice --wait broadcast"],
    load: () => import("./commands/resume.js"),
  },
  {
    words: ["watch"],
    summary: "Watch a name, and a record of it where an id is given: a line for each verified change.",
    details: [
      "Begins with the present state and goes on until it is interrupted, which is no failure: it then exits with 0. Reads " +
        "that fail are told on stderr and made again. With --json every event is one JSON document on a line of its own.",
    ],
    arguments: [name, { ...id, optional: true }],
    flags: [
      { name: "poll", value: "MS", help: "Between two reads while no source tells of a change (default 60000)" },
      ...lookupFlags,
    ],
    examples: ["hawser watch alice", "hawser watch alice settings --json --poll 10000"],
    load: () => import("./commands/watch.js"),
  },
  {
    words: ["list"],
    summary: "List the entries of a name's index, one a line; with --json one JSON document a line.",
    arguments: [name],
    flags: [
      { name: "prefix", value: "TEXT", help: "Only keys that begin so, such as m:settings or i:" },
      ...policyFlags,
    ],
    examples: ["hawser list alice --prefix m:"],
    load: () => import("./commands/list.js"),
  },
  {
    words: ["export"],
    summary: "Read a name and write a proof bundle of it, which anybody can verify without a network.",
    details: [
      "It holds the name's operations, the headers and the profile. A bundle cannot show that nothing was left out, so it " +
        "takes the place of no read.",
    ],
    arguments: [name],
    flags: [
      { ...outFlag, required: true },
      { name: "id", value: "ID", help: "Put this record in" },
      { name: "object", value: "KEY", help: "Put this immutable data in: its SHA-256, 64 hex digits" },
      {
        name: "from",
        value: "HEIGHT",
        help: "First header to put in; who verifies it needs those below (default: above the checkpoint)",
      },
      ...lookupFlags,
    ],
    examples: ["hawser export alice --id settings --out alice.bundle"],
    load: () => import("./commands/bundle-export.js"),
  },
  {
    words: ["verify"],
    summary: "Verify a proof bundle without a network.",
    details: [
      "Headers and floors that the cache holds count too; nothing is changed there. What is told is as old as the bundle's " +
        "last header, and somebody may have left later operations out: to know the present state of a name, read it.",
    ],
    arguments: [{ name: "FILE", help: "The bundle" }],
    flags: [
      { name: "name", value: "NAME", help: "Fail unless it is a bundle of this name" },
      { name: "pin", value: "TXID", help: "Fail unless the name was registered by this REGISTER" },
      { name: "max-bytes", value: "N", help: "Refuse a larger file (default 64 MiB)" },
      ...offlineFlags,
    ],
    examples: ["hawser verify alice.bundle --name alice", "hawser verify alice.bundle --json"],
    load: () => import("./commands/bundle-verify.js"),
  },
  ...upkeepCommands,
  ...headerCommands,
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
