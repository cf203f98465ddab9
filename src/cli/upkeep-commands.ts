import type { Command } from "./command.js";
import { lookupFlags, writeStoreFlag } from "./flags.js";

const name = { name: "NAME", help: "A registered name, such as alice" };
const parallelFlag = { name: "parallel", value: "N", help: "Items that are worked on at once, 1 to 256 (default 8)" };

/** The commands about a name's copies: what each store has, and what to do where it lacks something. */
export const upkeepCommands: readonly Command[] = [
  {
    words: ["status"],
    summary: "Show which store has what of a name: its profile, index nodes, records and objects.",
    details: [
      "A line for each, and at the end one for each store: present, behind (an older version), missing, wrong (it does " +
        "not verify), forked or unknown (it could not be asked). Stores are asked as strangers ask them, by their public " +
        "URLs; --allow-host is for those on this machine. With --json one JSON document a line, the summary last.",
      "Exits with 0 if everything is everywhere, 1 if something is missing or behind at a store, 3 if something could not " +
        "be found out or is nowhere, and 4 if a store serves what is wrong.",
    ],
    arguments: [name],
    flags: [
      { name: "prefix", value: "TEXT", help: "Only records or objects whose key begins so, such as m:settings or i:" },
      { name: "faults", value: null, help: "Leave out what is present everywhere" },
      parallelFlag,
      ...lookupFlags,
    ],
    examples: ["hawser status alice", "hawser status alice --faults --json"],
    load: () => import("./commands/status.js"),
  },
  {
    words: ["mirror"],
    summary: "Copy everything of a name to a store, or from one; only what is missing, wrong or behind is written.",
    details: [
      "--to STORE reads from all stores and writes to that one. --from STORE reads from that one alone and writes to " +
        "those of --write-store. STORE is what --store takes; one of the configuration keeps what is set there. Everything " +
        "is verified on the way and read back. No key is needed.",
      "One that was interrupted goes on from there. Exits with 0 if everything is at every store, and with 3 if something " +
        "could not be had or stored. With --json one JSON document a line, the summary last.",
    ],
    arguments: [name],
    flags: [
      { name: "to", value: "STORE", help: "The store to copy to" },
      { name: "from", value: "STORE", help: "The store to copy from; nothing of it is trusted" },
      { name: "anew", value: null, help: "Look at everything again, also where an earlier run was interrupted" },
      parallelFlag,
      writeStoreFlag,
      ...lookupFlags,
    ],
    examples: ["hawser mirror alice --to /srv/backup", "hawser mirror alice --from https://old.example/data"],
    load: () => import("./commands/mirror.js"),
  },
  {
    words: ["repair"],
    summary: "Bring every store that is written to, to the newest state of a name.",
    details: [
      "What is missing, wrong or behind there is written again, from whichever store, URL or cache has it. No key is needed: " +
        "records are signed already. A record of which two versions are signed is left as it is.",
      "Exits with 0 if everything is at every store, and with 3 if something could not be had or stored. With --json one " +
        "JSON document a line, the summary last.",
    ],
    arguments: [name],
    flags: [parallelFlag, writeStoreFlag, ...lookupFlags],
    examples: ["hawser repair alice", "hawser repair alice --json"],
    load: () => import("./commands/repair.js"),
  },
];
