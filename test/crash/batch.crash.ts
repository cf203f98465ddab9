import { describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { contentKey } from "../../src/immutable/key.js";
import type { Reader } from "../../src/index.js";
import { useCrashWorld } from "./crash-world.js";
import { killEverywhere } from "./kill-everywhere.js";
import { nameOf, roundsFrom } from "./turns.js";

const world = useCrashWorld();
/** More than one node of an index holds, beside what rounds delete. */
const OTHERS = Array.from({ length: 64 }, (_, n) => `other-${n}`);
/** Where the copies of each record lie that is to be deleted. */
const copies = new Map<string, readonly string[]>();

const deleting = (round: number): string => `delete-${nameOf(round)}`;
const batching = (round: number): string => `batch-${nameOf(round)}`;
const jsonLines = (...changes: readonly object[]): string => changes.map((change) => JSON.stringify(change)).join("\n");

/** Where a name begins: registers it, and puts what its rounds change and delete. */
async function prepare(name: string, round: number): Promise<void> {
  const rounds = roundsFrom(round);
  if (rounds.length === 0) return;
  await world.person.register(name);
  await world.person.writing((writer) => {
    const batch = writer.batch(name);
    for (const id of [...rounds.map(String), "known", ...OTHERS]) batch.putMutable(id, utf8("to be deleted"));
    return batch.commit();
  });
  await world.person.look(name);
  const found = await world.fresh().list(name);
  if (!found.found) throw new Error("nothing was put");
  for await (const entry of found.entries)
    if ("route" in entry) copies.set(`${name}/${entry.route.id}`, entry.route.urls);
}

/** W8: neither the index nor any store has it. */
async function expectDeleted(reader: Reader, name: string, id: string): Promise<void> {
  expect(await reader.getMutable(name, id)).toMatchObject({ found: false, why: "not-in-index" });
  const urls = copies.get(`${name}/${id}`) ?? [];
  expect(urls).toHaveLength(world.devnet.storeUrls.length);
  for (const url of urls) expect((await fetch(url)).status).toBe(404);
}

describe("delete, killed at every boundary", () => {
  it("W8: takes one transaction, and in the end neither index nor stores have the record", async () => {
    const kills = await killEverywhere(world, {
      prepare: (round) => prepare(deleting(round), round),
      command: (round) => ["delete", deleting(round), String(round)],
      transactions: { update: 1 },
      check: (reader, round) => expectDeleted(reader, deleting(round), String(round)),
    });
    expect(kills.count).toBeGreaterThanOrEqual(40);
    expect([...kills.at.keys()]).toEqual(expect.arrayContaining(["before DELETE /records", "after DELETE /records"]));
  });
});

describe("batch, killed at every boundary", () => {
  it("W6: takes one transaction for all its changes, and all of them are read or none", async () => {
    const kills = await killEverywhere(world, {
      prepare: (round) => prepare(batching(round), round),
      command: (round) => ["batch", batching(round), "-"],
      input: (round) =>
        jsonLines(
          { put: `new-${round}`, text: `new ${round}` },
          { put: "known", text: `known ${round}` },
          { add: world.person.write("data", `data ${round}`) },
          { delete: `m:${round}` },
        ),
      transactions: { update: 1 },
      check: async (reader, round) => {
        const name = batching(round);
        const data = utf8(`data ${round}`);
        expect(await reader.getMutable(name, `new-${round}`)).toMatchObject({ data: utf8(`new ${round}`) });
        expect(await reader.getMutable(name, "known")).toMatchObject({ data: utf8(`known ${round}`) });
        expect(await reader.getImmutable(name, contentKey(data))).toMatchObject({ found: true, data });
        await expectDeleted(reader, name, String(round));
      },
    });
    expect(kills.count).toBeGreaterThanOrEqual(50);
  });
});
