import { expect, it } from "vitest";
import { memoryCache } from "../../../../src/cache/memory.js";
import { networks } from "../../../../src/chain/network.js";
import type { ChainDesk } from "../../../../src/client/write/chain-desk.js";
import { Journal, type JournalEntry } from "../../../../src/client/write/journal.js";
import { PendingOperation } from "../../../../src/client/write/operation.js";
import { Removals } from "../../../../src/client/write/removals.js";
import { HawserError } from "../../../../src/errors.js";
import { POLL_MS, PollClock } from "./world.js";

const entry: JournalEntry = {
  id: "00".repeat(16),
  kind: "register",
  name: "alice",
  tenure: "aa".repeat(32),
  spends: null,
  salt: new Uint8Array(8),
  profileHash: new Uint8Array(32),
  transactions: [
    { kind: "preorder", txid: "aa".repeat(32), raw: Uint8Array.of(1) },
    { kind: "register", txid: "bb".repeat(32), raw: Uint8Array.of(2) },
  ],
  objects: [],
  floors: [],
  removes: [],
  parts: [],
  ready: true,
  affectedIds: [],
  required: 1,
  createdAtMs: 0,
};

// Regtest's MIN_AGE is one block, which every mined PREORDER has.
it.each(["mainnet", "testnet4", "signet"] as const)(
  "W9: on %s a REGISTER is not sent before the block that may hold it",
  async (id) => {
    const network = networks[id];
    const mined = 200;
    let tipHeight = mined;
    const clock = new PollClock();
    clock.onPoll = () => tipHeight++;
    const sentAt: number[] = [];
    const desk = {
      place: async (txid: string) => ({
        place: txid === entry.tenure ? { at: "block", height: mined } : { at: "mempool" },
        tipHeight,
      }),
      broadcast: async (raw: Uint8Array) => {
        if (raw[0] === 2) sentAt.push(tipHeight);
        return { accepted: 1, refused: 0, attempts: [] };
      },
    };
    const away = new HawserError("CHAIN_UNAVAILABLE", "Away.", { needed: 1, answered: 0, attempts: [] });
    const core = { parts: { network }, run: () => Promise.reject(away) };
    const operation = new PendingOperation(
      {
        core: core as unknown as ConstructorParameters<typeof PendingOperation>[0]["core"],
        desk: desk as unknown as ChainDesk,
        journal: new Journal(memoryCache(), id),
        removals: new Removals(memoryCache(), id),
        storage: [],
        clock,
        pollIntervalMs: POLL_MS,
      },
      entry,
      { resumed: false },
    );
    await expect(operation.wait({ timeoutMs: 10 * POLL_MS })).rejects.toMatchObject({ code: "CHAIN_TIMEOUT" });
    expect(sentAt).toEqual([mined + network.minAgeBlocks - 1]);
  },
);
