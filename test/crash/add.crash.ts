import { describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { contentKey } from "../../src/immutable/key.js";
import type { Reader } from "../../src/index.js";
import { useCrashWorld } from "./crash-world.js";
import { killEverywhere } from "./kill-everywhere.js";

const check = async (reader: Reader, _: number, input: string): Promise<void> => {
  const data = utf8(input);
  expect(await reader.getImmutable("alice", contentKey(data))).toMatchObject({ found: true, data });
};

describe("add, killed at every boundary", () => {
  const world = useCrashWorld();

  it("W3: takes one transaction, and what was acknowledged is read", async () => {
    await world.person.succeed(["name", "register", "alice"]);
    const kills = await killEverywhere(world, {
      command: () => ["add", "alice", "-"],
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
    await world.person.register("alice");
    const kills = await killEverywhere(world, {
      command: () => ["add", "alice", "-", "--wait", "broadcast"],
      input: (round) => `object ${round}`,
      transactions: { update: 1 },
      unmined: true,
      check,
    });
    expect(kills.count).toBeGreaterThanOrEqual(30);
  });
});
