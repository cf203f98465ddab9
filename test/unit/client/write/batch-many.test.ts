import { expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { networks } from "../../../../src/chain/network.js";
import { checkedCache } from "../../../../src/client/checked-cache.js";
import { floorKey } from "../../../../src/mutable/floor.js";
import { readFloor } from "../../../../src/mutable/floor-cache.js";
import { parseName } from "../../../../src/name/name.js";
import { memoryStorage } from "../../../../src/storage/memory.js";
import { mining } from "./copies.js";
import { answering, WriteWorld } from "./world.js";

/** More than one entry of the journal holds. */
const MANY = 1_030;
const broadcast = { waitFor: "broadcast" } as const;
const LONG = { timeout: 120_000 };
const idOf = (n: number): string => `n/${String(n).padStart(4, "0")}`;

it("W3, M7, W8: a change of more than 1,000 keys is kept in parts, of which none is forgotten", LONG, async () => {
  await using world = await WriteWorld.start({ mine: "manual" });
  const author = await world.author(3_000_000n);
  const storage = [memoryStorage()];
  // Nothing else here waits for anything: without it no connection would notice for a minute that it was closed.
  const turning = answering("store.write", async (run) => {
    await new Promise((resolve) => setImmediate(resolve));
    return run();
  });
  const start = (gate = turning) => author.start({ storage, gate });
  const { tenure } = await mining(world, () => start().writer.registerName("alice"));
  const context = { network: networks.regtest, name: parseName("alice"), tenure };
  const versionOf = async (n: number) => {
    const floor = await readFloor(checkedCache(author.cache), floorKey({ ...context, id: idOf(n) }));
    return floor?.ver ?? null;
  };

  const batch = start().writer.batch("alice");
  for (let n = 0; n < MANY; n++) batch.putMutable(idOf(n), () => utf8(`${n}`));
  const handle = await batch.commit(broadcast);
  expect(handle.results.map(({ key }) => key)).toEqual(Array.from({ length: MANY }, (_, n) => `m:${idOf(n)}`));
  const [entry] = await author.journal("alice");
  expect(entry).toMatchObject({ affectedIds: [], floors: [], parts: ["m:n/0000", "m:n/1000"] });
  const [shown] = await start().writer.pending();
  expect(shown).toMatchObject({ affectedCount: MANY, state: "pending" });
  expect(shown?.affectedIds).toHaveLength(100);

  // Puts under routes that no block anchors yet: their floors rise with the others.
  for (const n of [3, 1_029]) await start().writer.putMutable("alice", idOf(n), utf8("more"), broadcast);
  expect(await Promise.all([0, 3, 1_029].map(versionOf))).toEqual([null, null, null]);
  await world.devnet.mine(1);
  expect(await start().writer.resume()).toMatchObject([{ id: handle.id, outcome: "done" }]);
  const versions = await Promise.all(Array.from({ length: MANY }, (_, n) => versionOf(n)));
  expect(
    versions.map((ver, n) => (ver === ([3, 1_029].includes(n) ? 2 : 1) ? null : n)).filter((n) => n !== null),
  ).toEqual([]);
  expect(await author.cache.keys("journal-part/")).toEqual([]);

  const gone = start().writer.batch("alice");
  for (let n = 0; n < MANY; n++) gone.deleteMutable(idOf(n));
  await gone.commit(broadcast);
  await world.devnet.mine(1);
  // It dies while it clears: each part has a list of its own, and what was not reached stays in it.
  let removed = 0;
  const dying = answering("store.remove", (run) => (++removed > 500 ? Promise.reject(new Error("down")) : run()));
  await start(dying).writer.resume();
  const lists = (await start().writer.pending()).filter(({ kind }) => kind === "remove");
  expect(lists.map(({ affectedCount }) => affectedCount).sort()).toEqual([30, 500]);
  expect((await start().writer.resume()).map(({ outcome }) => outcome)).toEqual(["done", "done"]);
  expect(await start().writer.pending()).toEqual([]);
  const { reader } = start();
  expect(await reader.getMutable("alice", idOf(1_029))).toMatchObject({ found: false });
  expect(await author.cache.keys("remove/")).toEqual([]);
});
