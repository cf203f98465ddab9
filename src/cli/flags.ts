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

const cacheFlag: Flag = {
  name: "cache",
  value: "DIR",
  help: "Where state is kept (default below $XDG_STATE_HOME/hawser), or memory:",
};
const confirmationsFlag: Flag = {
  name: "min-confirmations",
  value: "N",
  help: "Blocks that an operation needs (default as the network has it)",
};

/** Flags of commands that only print. */
export const outputFlags: readonly Flag[] = [jsonFlag, quietFlag];
export const networkFlags: readonly Flag[] = [networkFlag];

const sourceFlag: Flag = {
  name: "source",
  value: "URL",
  repeatable: true,
  help: "Chain source: Esplora (https:), electrum+tls:, electrum+tcp:, electrum+wss:, bitcoin+http:; name two or more",
};
const headerFileFlag: Flag = {
  name: "header-file",
  value: "URL|PATH",
  repeatable: true,
  help: "Take missing headers from this file, which is not trusted, before the sources are asked for them",
};

/** Flags of every command that reads. */
const readFlags: readonly Flag[] = [
  networkFlag,
  sourceFlag,
  headerFileFlag,
  {
    name: "store",
    value: "URL",
    repeatable: true,
    help: "Where data is looked for: a directory or a URL, such as https://, s3:// or ftp://",
  },
  {
    name: "allow-host",
    value: "HOST:PORT",
    repeatable: true,
    help: "Open URLs of profiles and routes there, although it is private, loopback or http:",
  },
  cacheFlag,
  { name: "min-sources", value: "N", help: "Complete answers that are needed (default 2, or 1 with one source)" },
  confirmationsFlag,
  { name: "timeout", value: "MS", help: "Most time for a read (default 60000), or for waiting on a write (no limit)" },
  ...outputFlags,
];

/** Flags of the commands that look something up and write nothing. */
export const lookupFlags: readonly Flag[] = [
  ...readFlags,
  {
    name: "hint",
    value: "TXID|FILE",
    help: "The name's REGISTER (gets past a flood of its beacon), or a bundle of it (fewer requests); pins nothing",
  },
  { name: "expect-tenure", value: "TXID", help: "Fail unless the name is held by this registration (its PREORDER)" },
  { name: "expect-owner", value: "OWNER", help: "Fail unless this script (hex) or address owns the name" },
];

/** Flags of the reads that the cache may answer. */
export const policyFlags: readonly Flag[] = [
  {
    name: "policy",
    value: "POLICY",
    help: "Whom to ask: network (default), network-first (the cache where that fails), cache-first or cache-only",
  },
  ...lookupFlags,
];

const keyFileFlag: Flag = { name: "key-file", value: "FILE", help: "Key that owns and pays, as keygen makes it" };

/** The stores of a command that writes data and sends nothing. */
export const writeStoreFlag: Flag = {
  name: "write-store",
  value: "URL",
  repeatable: true,
  help: "Where data is written, and read: a URL that takes PUT, or a directory",
};

const storeFlags: readonly Flag[] = [
  writeStoreFlag,
  { name: "required", value: "N", help: "Stores that must hold the data (default 1)" },
];

const waitFlag: Flag = {
  name: "wait",
  value: "UNTIL",
  help: "broadcast (sent; of a registration the PREORDER) or depth (default: until readers see it)",
};

const sendFlags: readonly Flag[] = [
  ...storeFlags,
  { name: "fee-rate", value: "SAT/VB", help: "Fee rate (default: the median of what the sources say)" },
  { name: "max-fee-sats", value: "SAT", help: "Refuse to pay more fees than this" },
  waitFlag,
  { name: "plan", value: null, help: "Show cost and transactions; sign, store and send nothing" },
];

/** Flags of every command that writes data. */
export const writeFlags: readonly Flag[] = [
  ...readFlags,
  keyFileFlag,
  {
    name: "signer-key",
    value: "FILE",
    help: "Key that signs records, as keygen makes it (default: that of --key-file)",
  },
  ...sendFlags,
];

/** Flags of the command that goes on with what was signed before. */
export const resumeFlags: readonly Flag[] = [...readFlags, keyFileFlag, ...storeFlags, waitFlag];

/** Flags of the commands that put something. */
export const putFlags: readonly Flag[] = [
  {
    name: "rebase",
    value: "N",
    help: "Make the change again, so many times, where another device changed the name first (default 0)",
  },
  { name: "txid", value: "TXID", help: "Store what this transaction anchored once more; send no new one" },
  ...writeFlags,
];

/** Flags of the commands that change a name and sign no record with the present key. */
export const nameFlags: readonly Flag[] = [...readFlags, keyFileFlag, ...sendFlags];

/** Flags of what follows the chain and reads no name. */
export const chainFlags: readonly Flag[] = [
  networkFlag,
  sourceFlag,
  headerFileFlag,
  cacheFlag,
  confirmationsFlag,
  { name: "timeout", value: "MS", help: "Most time for all of it (default one hour)" },
  ...outputFlags,
];

/** Flags of what the cache alone tells. */
export const cacheFlags: readonly Flag[] = [networkFlag, cacheFlag, ...outputFlags];

/** Flags of what is verified without a network. */
export const offlineFlags: readonly Flag[] = [networkFlag, cacheFlag, confirmationsFlag, ...outputFlags];

/** Flags of what is told of outputs from the cache alone. */
export const keptFlags: readonly Flag[] = [...readFlags, keyFileFlag];

/** Where there is no way back. */
export const yesFlag: Flag = { name: "yes", value: null, help: "Do not ask; needed where stdin is no terminal" };

/** JSON for the name's public profile. */
export const aboutFlag: Flag = { name: "about", value: "FILE", help: "JSON object for the name's public profile" };

/** Where a read puts its data. */
export const outFlag: Flag = { name: "out", value: "FILE", help: "Write the data to FILE, whole or not at all" };
