import type { Flag } from "./command.js";

const jsonFlag: Flag = {
  name: "json",
  value: null,
  help: "Print JSON on stdout, and only errors and warnings on stderr",
};
const quietFlag: Flag = { name: "quiet", value: null, help: "No progress and no verdicts on stderr" };
const networkFlag: Flag = {
  name: "network",
  value: "NAME",
  help: "mainnet, testnet4, signet or regtest (default mainnet)",
};

/** Flags of commands that only print. */
export const outputFlags: readonly Flag[] = [jsonFlag, quietFlag];
export const networkFlags: readonly Flag[] = [networkFlag];

/** Flags of every command that reads. */
export const readFlags: readonly Flag[] = [
  networkFlag,
  { name: "source", value: "URL", repeatable: true, help: "Esplora server to ask for the chain; name two or more" },
  { name: "store", value: "URL", repeatable: true, help: "Where data is looked for: an http(s) URL or a directory" },
  {
    name: "allow-host",
    value: "HOST:PORT",
    repeatable: true,
    help: "Open URLs of profiles and routes there, although it is private, loopback or http:",
  },
  { name: "cache", value: "DIR", help: "Where state is kept (default below $XDG_STATE_HOME/hawser), or memory:" },
  { name: "min-sources", value: "N", help: "Complete answers that are needed (default 2, or 1 with one source)" },
  { name: "min-confirmations", value: "N", help: "Blocks that an operation needs (default as the network has it)" },
  { name: "timeout", value: "MS", help: "Most time for a read (default 60000), or for waiting on a write (no limit)" },
  ...outputFlags,
];

/** Flags of every command that writes. */
export const writeFlags: readonly Flag[] = [
  ...readFlags,
  { name: "key-file", value: "FILE", help: "Key that pays and signs, as keygen makes it" },
  {
    name: "write-store",
    value: "URL",
    repeatable: true,
    help: "Where data is written, and read: a URL that takes PUT, or a directory",
  },
  { name: "required", value: "N", help: "Stores that must hold the data (default 1)" },
  { name: "fee-rate", value: "SAT/VB", help: "Fee rate (default: the median of what the sources say)" },
  { name: "max-fee-sats", value: "SAT", help: "Refuse to pay more fees than this" },
  { name: "wait", value: "UNTIL", help: "broadcast or depth (default depth: until readers see it)" },
  { name: "plan", value: null, help: "Show cost and transactions; sign, store and send nothing" },
];

/** Where a read puts its data. */
export const outFlag: Flag = { name: "out", value: "FILE", help: "Write the data to FILE, whole or not at all" };
