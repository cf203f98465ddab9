import type { Command } from "./command.js";
import { cacheFlags, chainFlags, networkFlags, outputFlags } from "./flags.js";

/** The commands about block headers. */
export const headerCommands: readonly Command[] = [
  {
    words: ["headers", "sync"],
    summary: "Bring the cache's block headers up to the present, so that reads need not.",
    details: [
      "From header files where any are named, then from the sources, those first that give many at once. Every header is " +
        "verified and stored as it comes: a sync that was stopped goes on from there.",
      "--timeout alone limits its time; one for reads in the configuration does not.",
    ],
    arguments: [],
    flags: chainFlags,
    examples: ["hawser headers sync --header-file https://headers.example/mainnet.bin"],
    load: () => import("./commands/headers-sync.js"),
  },
  {
    words: ["headers", "export"],
    summary: "Write the cache's block headers to a file, which any static host can serve to others.",
    details: ["80 bytes each, oldest first, the first one above the checkpoint. Whoever uses the file verifies it."],
    arguments: [{ name: "FILE", help: "Written whole or not at all" }],
    flags: [
      { name: "from", value: "HEIGHT", help: "First header to write (default: the one above the checkpoint)" },
      ...cacheFlags,
    ],
    examples: ["hawser headers export mainnet.bin"],
    load: () => import("./commands/headers-export.js"),
  },
  {
    words: ["headers", "verify"],
    summary: "Verify a file of block headers from the checkpoint on, without a network.",
    details: [
      "Exits with 4 if one breaks a rule. That a chain is valid does not show that it is the best one: that takes sources.",
    ],
    arguments: [{ name: "FILE", help: "80 bytes a header, consecutive, oldest first" }],
    flags: [
      { name: "start", value: "HEIGHT", help: "Height of the first header (default: the one above the checkpoint)" },
      ...networkFlags,
      ...outputFlags,
    ],
    examples: ["hawser headers verify mainnet.bin"],
    load: () => import("./commands/headers-verify.js"),
  },
];
