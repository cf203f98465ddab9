import { describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import type { Reader } from "../../src/index.js";
import { useCrashWorld } from "./crash-world.js";
import { killEverywhere } from "./kill-everywhere.js";
import { nameOf, registerInTurn } from "./turns.js";

const world = useCrashWorld();

async function expectRecord(reader: Reader, name: string, id: string, data: string): Promise<void> {
  const found = await reader.getMutable(name, id);
  expect(found).toMatchObject({ found: true, data: utf8(data) });
  // No two data under one version, and nothing that does not verify.
  const verdicts = found.found ? found.replicas.map(({ verdict }) => verdict) : [];
  for (const verdict of verdicts) expect(["fresh", "behind", "absent"]).toContain(verdict);
}

describe("put, killed at every boundary", () => {
  it("W3: of a new id takes one transaction, and what was acknowledged is read", async () => {
    const kills = await killEverywhere(world, {
      prepare: (round) => registerInTurn(world, round),
      command: (round) => ["put", nameOf(round), `new-${round}`],
      input: (round) => `data ${round}`,
      transactions: { update: 1 },
      check: (reader, round, input) => expectRecord(reader, nameOf(round), `new-${round}`, input),
    });
    expect(kills.count).toBeGreaterThanOrEqual(50);
    expect([...kills.at.keys()]).toEqual(
      expect.arrayContaining(["in cache put signed", "after PUT /records", "before POST /tx"]),
    );
  });

  it("W5: of a known id takes no transaction, and no version is signed for two data", async () => {
    await world.person.succeed(["name", "register", "bob"]);
    await world.person.succeed(["put", "bob", "known"], { input: "first" });
    const kills = await killEverywhere(world, {
      command: () => ["put", "bob", "known"],
      input: (round) => `killed ${round}`,
      transactions: {},
      resume: (round) => [{ args: ["put", "bob", "known"], input: `resumed ${round}` }],
      check: (reader, _, input) => expectRecord(reader, "bob", "known", input),
    });
    expect(kills.count).toBeGreaterThanOrEqual(20);
  });
});
