import { describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { contentKey } from "../../src/immutable/key.js";
import type { Reader } from "../../src/index.js";
import { useCrashWorld } from "./crash-world.js";
import { killEverywhere } from "./kill-everywhere.js";
import { nameOf, registerInTurn } from "./turns.js";

const check = async (reader: Reader, round: number, input: string): Promise<void> => {
  const data = utf8(input);
  expect(await reader.getImmutable(nameOf(round), contentKey(data))).toMatchObject({ found: true, data });
};

describe("add, killed at every boundary", () => {
  const world = useCrashWorld();

  it("W3: takes one transaction, and what was acknowledged is read", async () => {
    const kills = await killEverywhere(world, {
      prepare: (round) => registerInTurn(world, round),
      command: (round) => ["add", nameOf(round), "-"],
      input: (round) => `object ${round}`,
      transactions: { update: 1 },
      check,
    });
    expect(kills.count).toBeGreaterThanOrEqual(30);
  });
});

describe("add while nothing is mined, killed at every boundary", () => {
  const world = useCrashWorld({ mine: "manual" });

  it("W4: takes one transaction, on top of which the next round builds", async () => {
    const kills = await killEverywhere(world, {
      prepare: (round) => registerInTurn(world, round),
      command: (round) => ["add", nameOf(round), "-", "--wait", "broadcast"],
      input: (round) => `object ${round}`,
      transactions: { update: 1 },
      unmined: true,
      check,
    });
    expect(kills.count).toBeGreaterThanOrEqual(25);
  });
});
