import type { Command } from "./command.js";
import { aboutFlag, keptFlags, nameFlags, policyFlags, writeFlags, yesFlag } from "./flags.js";

const name = { name: "NAME", help: "A registered name, such as alice" };

/** The commands about names themselves. */
export const nameCommands: readonly Command[] = [
  {
    words: ["name", "register"],
    summary: "Register a name, or go on with a registration that was interrupted.",
    details: [
      "Two transactions: a PREORDER that hides the name, then the REGISTER. Both are kept before the first is sent, so " +
        "that the same command can be run again after a crash; it then sends nothing twice.",
    ],
    arguments: [{ name: "NAME", help: "1 to 31 of a-z 0-9 and -" }],
    flags: [
      aboutFlag,
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
    flags: [{ name: "profile", value: null, help: "Fetch its profile too" }, ...policyFlags],
    examples: ["hawser name show alice --profile"],
    load: () => import("./commands/name-show.js"),
  },
  {
    words: ["name", "renew"],
    summary: "Renew a name for another term and change nothing else.",
    details: ["Any change of a name renews it too. It can be renewed until its grace is over."],
    arguments: [name],
    flags: nameFlags,
    examples: ["hawser name renew alice --plan"],
    load: () => import("./commands/name-renew.js"),
  },
  {
    words: ["name", "transfer"],
    summary: "Hand a name over to another owner. Nobody can take that back.",
    details: [
      "Asks for the name to be typed, or needs --yes. The name takes its seal with it, and otherwise only the entries that " +
        "--keep names; a kept record has to be put again by the new owner before it can be read.",
      "A new owner who uses a key file reads out what keygen printed: the address for TO, and with --keep the key that " +
        "signs records for --pubkey.",
    ],
    arguments: [name, { name: "TO", help: "Address of the new owner, or a P2WPKH, P2WSH or P2TR script in hex" }],
    flags: [
      {
        name: "keep",
        value: "KEY",
        repeatable: true,
        help: "Entry that goes over, as list prints it, such as m:settings",
      },
      { name: "pubkey", value: "HEX", help: "Key that is to sign the new owner's records (default: the owner's own)" },
      aboutFlag,
      yesFlag,
      ...nameFlags,
    ],
    examples: ["hawser name transfer alice bc1q... --plan", "hawser name transfer alice bc1q... --keep m:settings"],
    load: () => import("./commands/name-transfer.js"),
  },
  {
    words: ["name", "release"],
    summary: "Give a name up for good and get the bond back.",
    details: [
      "Asks for the name to be typed, or needs --yes. Anybody can register it again after a cooldown. Nothing is deleted " +
        "from stores.",
    ],
    arguments: [name],
    flags: [
      { name: "pay-to", value: "ADDRESS", help: "Where the bond goes (default: the owner's address)" },
      yesFlag,
      ...nameFlags,
    ],
    examples: ["hawser name release alice --plan"],
    load: () => import("./commands/name-release.js"),
  },
  {
    words: ["name", "recover"],
    summary: "Seal a name again whose seal was spent by accident.",
    details: ["Needs a confirmed coin at the owner's address and locks the bond anew. Profile and records stay."],
    arguments: [name],
    flags: nameFlags,
    examples: ["hawser name recover alice --plan"],
    load: () => import("./commands/name-recover.js"),
  },
  {
    words: ["name", "rotate-key"],
    summary: "Make another key sign a name's records; what the old one signed does not count any more.",
    details: [
      "One transaction. Every record is read, verified and signed anew. If the old key was stolen, its newest records may " +
        "be the thief's: look at them first, or drop them. Write with --signer-key afterwards; the owner stays the same.",
    ],
    arguments: [name],
    flags: [
      { name: "new-key", value: "FILE", required: true, help: "Key that is to sign records, as keygen makes it" },
      { name: "drop-records", value: null, help: "Carry no record over: each has to be put again" },
      { name: "drop-record", value: "ID", repeatable: true, help: "Do not carry this record over" },
      ...nameFlags,
    ],
    examples: ["hawser keygen --out new.key", "hawser name rotate-key alice --new-key new.key"],
    load: () => import("./commands/name-rotate-key.js"),
  },
  {
    words: ["name", "reserved"],
    summary: "List the outputs that another wallet with this key must not spend.",
    details: [
      "The seals of names, and what operations under way spend or make, one a line: output, why, name, value. From the " +
        "cache alone: of names that were read or written with it.",
    ],
    arguments: [],
    flags: keptFlags,
    examples: ["hawser name reserved --json"],
    load: () => import("./commands/name-reserved.js"),
  },
];
