import { describe, expect, it } from "vitest";
import { useCrashWorld } from "./crash-world.js";
import { Deletions } from "./deletions.js";
import { killEverywhere } from "./kill-everywhere.js";
import { nameOf } from "./turns.js";

const world = useCrashWorld();

describe("delete, killed at every boundary", () => {
  it("W8: takes one transaction, and in the end neither index nor stores have the record", async () => {
    const deletions = new Deletions(world);
    const kills = await killEverywhere(world, {
      prepare: (round) => deletions.prepare(nameOf(round), round),
      command: (round) => ["delete", nameOf(round), String(round)],
      transactions: { update: 1 },
      check: (reader, round) => deletions.expectDeleted(reader, nameOf(round), round),
    });
    expect(kills.count).toBeGreaterThanOrEqual(40);
    expect([...kills.at.keys()]).toEqual(expect.arrayContaining(["before DELETE /records", "after DELETE /records"]));
  });
});
