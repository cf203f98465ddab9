import { beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { contentKey } from "../../src/immutable/key.js";
import type { Reader } from "../../src/index.js";
import { useCrashWorld } from "./crash-world.js";
import { killEverywhere } from "./kill-everywhere.js";

const MOST_ROUNDS = 100;
const world = useCrashWorld();
/** Where the copies of each record lie that is to be deleted. */
const copies = new Map<string, readonly string[]>();

const jsonLines = (...changes: readonly object[]): string => changes.map((change) => JSON.stringify(change)).join("\n");

beforeAll(async () => {
  const { person } = world;
  await person.succeed(["name", "register", "alice"]);
  const ids = ["delete", "batch"].flatMap((story) => Array.from({ length: MOST_ROUNDS }, (_, n) => `${story}-${n}`));
  const puts = [...ids, "known"].map((put) => ({ put, text: "to be deleted" }));
  await person.succeed(["batch", "alice", "-"], { input: jsonLines(...puts) });
  const reader = world.fresh();
  const found = await reader.list("alice");
  if (!found.found) throw new Error("nothing was put");
  for await (const entry of found.entries) if ("route" in entry) copies.set(entry.route.id, entry.route.urls);
});

/** W8: neither the index nor any store has it. */
async function expectDeleted(reader: Reader, id: string): Promise<void> {
  expect(await reader.getMutable("alice", id)).toMatchObject({ found: false, why: "not-in-index" });
  const urls = copies.get(id) ?? [];
  expect(urls).toHaveLength(world.devnet.storeUrls.length);
  for (const url of urls) expect((await fetch(url)).status).toBe(404);
}

describe("delete, killed at every boundary", () => {
  it("W8: takes one transaction, and in the end neither index nor stores have the record", async () => {
    const kills = await killEverywhere(world, {
      command: (round) => ["delete", "alice", `delete-${round}`],
      transactions: { update: 1 },
      check: (reader, round) => expectDeleted(reader, `delete-${round}`),
    });
    expect([...kills.at.keys()]).toEqual(expect.arrayContaining(["before DELETE /records", "after DELETE /records"]));
  });
});

describe("batch, killed at every boundary", () => {
  it("W6: takes one transaction for all its changes, and all of them are read or none", async () => {
    const kills = await killEverywhere(world, {
      command: () => ["batch", "alice", "-"],
      input: (round) =>
        jsonLines(
          { put: `new-${round}`, text: `new ${round}` },
          { put: "known", text: `known ${round}` },
          { add: world.person.write("data", `data ${round}`) },
          { delete: `m:batch-${round}` },
        ),
      transactions: { update: 1 },
      check: async (reader, round) => {
        const data = utf8(`data ${round}`);
        expect(await reader.getMutable("alice", `new-${round}`)).toMatchObject({ data: utf8(`new ${round}`) });
        expect(await reader.getMutable("alice", "known")).toMatchObject({ data: utf8(`known ${round}`) });
        expect(await reader.getImmutable("alice", contentKey(data))).toMatchObject({ found: true, data });
        await expectDeleted(reader, `batch-${round}`);
      },
    });
    expect(kills.count).toBeGreaterThanOrEqual(50);
  });
});
