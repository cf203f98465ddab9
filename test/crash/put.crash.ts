import { beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import type { Reader } from "../../src/index.js";
import { useCrashWorld } from "./crash-world.js";
import { killEverywhere } from "./kill-everywhere.js";

const world = useCrashWorld();

beforeAll(async () => {
  await world.person.succeed(["name", "register", "alice"]);
});

async function expectRecord(reader: Reader, id: string, data: string): Promise<void> {
  const found = await reader.getMutable("alice", id);
  expect(found).toMatchObject({ found: true, data: utf8(data) });
  // No two data under one version, and nothing that does not verify.
  const verdicts = found.found ? found.replicas.map(({ verdict }) => verdict) : [];
  for (const verdict of verdicts) expect(["fresh", "behind", "absent"]).toContain(verdict);
}

describe("put, killed at every boundary", () => {
  it("W3: of a new id takes one transaction, and what was acknowledged is read", async () => {
    const kills = await killEverywhere(world, {
      command: (round) => ["put", "alice", `new-${round}`],
      input: (round) => `data ${round}`,
      transactions: { update: 1 },
      check: (reader, round, input) => expectRecord(reader, `new-${round}`, input),
    });
    expect(kills.count).toBeGreaterThanOrEqual(50);
    expect([...kills.at.keys()]).toEqual(
      expect.arrayContaining(["in cache put signed", "after PUT /records", "before POST /tx"]),
    );
  });

  it("W5: of a known id takes no transaction, and no version is signed for two data", async () => {
    await world.person.succeed(["put", "alice", "known"], { input: "first" });
    const kills = await killEverywhere(world, {
      command: () => ["put", "alice", "known"],
      input: (round) => `killed ${round}`,
      transactions: {},
      resume: (round) => [{ args: ["put", "alice", "known"], input: `resumed ${round}` }],
      check: (reader, _, input) => expectRecord(reader, "known", input),
    });
    expect(kills.count).toBeGreaterThanOrEqual(20);
  });
});
