import { describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { contentKey } from "../../src/immutable/key.js";
import { useCrashWorld } from "./crash-world.js";
import { Deletions } from "./deletions.js";
import { killEverywhere } from "./kill-everywhere.js";
import { nameOf } from "./turns.js";

// One store: what a write to two of them is when it is killed in between, the other stories tell.
const world = useCrashWorld({ stores: 1 });

const jsonLines = (...changes: readonly object[]): string => changes.map((change) => JSON.stringify(change)).join("\n");

describe("batch, killed at every boundary", () => {
  it("W6: takes one transaction for all its changes, and all of them are read or none", async () => {
    const deletions = new Deletions(world);
    const kills = await killEverywhere(world, {
      prepare: (round) => deletions.prepare(nameOf(round), round),
      command: (round) => ["batch", nameOf(round), "-"],
      input: (round) =>
        jsonLines(
          { put: `new-${round}`, text: `new ${round}` },
          { put: "known", text: `known ${round}` },
          { add: world.person.write("data", `data ${round}`) },
          { delete: `m:${round}` },
        ),
      transactions: { update: 1 },
      check: async (reader, round) => {
        const name = nameOf(round);
        const data = utf8(`data ${round}`);
        expect(await reader.getMutable(name, `new-${round}`)).toMatchObject({ data: utf8(`new ${round}`) });
        expect(await reader.getMutable(name, "known")).toMatchObject({ data: utf8(`known ${round}`) });
        expect(await reader.getImmutable(name, contentKey(data))).toMatchObject({ found: true, data });
        await deletions.expectDeleted(reader, name, round);
      },
    });
    expect(kills.count).toBeGreaterThanOrEqual(50);
  });
});
