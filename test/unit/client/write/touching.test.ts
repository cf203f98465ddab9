import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { networks } from "../../../../src/chain/network.js";
import { checkedCache } from "../../../../src/client/checked-cache.js";
import { floorKey } from "../../../../src/mutable/floor.js";
import { readFloor } from "../../../../src/mutable/floor-cache.js";
import { parseName } from "../../../../src/name/name.js";
import { mining, ownerOf } from "./copies.js";
import { type Author, answering, type Gate, WriteWorld } from "./world.js";

let world: WriteWorld;
let author: Author;

beforeEach(async () => {
  world = await WriteWorld.start({ mine: "manual" });
  author = await ownerOf(world, "alice");
});
afterEach(() => world.devnet.close());

const broadcast = { waitFor: "broadcast" } as const;

async function floorOf(id: string, { cache } = author): Promise<number | null> {
  const [operation] = await author.transactions();
  const context = { network: networks.regtest, name: parseName("alice"), tenure: operation?.txid ?? "", id };
  return (await readFloor(checkedCache(cache), floorKey(context)))?.ver ?? null;
}

/** Lets something happen once, when a record is about to be stored or an object is. */
function during(path: "records/" | "objects/", happen: () => Promise<unknown>, then?: Error): Gate {
  let isFirst = true;
  return answering("store.write", async (run, { args }) => {
    if (isFirst && String(args[0]).startsWith(path)) {
      isFirst = false;
      await happen();
      if (then !== undefined) throw then;
    }
    return run();
  });
}

describe("M7: the floor of a record that is put while", () => {
  it("a change that is not ready would delete its id rises at once, whatever becomes of that change", async () => {
    await mining(world, () => author.writer.putMutable("alice", "notes", utf8("1")));
    // It has never read the id, so nothing but this put can tell it of a floor.
    const other = author.onAnotherDevice();
    const put = () => other.writer.putMutable("alice", "notes", utf8("2"));
    const batch = other.start({ gate: during("objects/", put, new Error("full")) }).writer.batch("alice");
    batch.deleteMutable("notes").putImmutable(utf8("data"));
    await expect(batch.commit()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect(await floorOf("notes", other)).toBe(2);
  });

  it("another run settles the change that makes its route rises all the same", async () => {
    await author.writer.putMutable("alice", "notes", utf8("1"), broadcast);
    const gate = during("records/", async () => {
      await world.devnet.mine(1);
      // Whatever is written next settles it.
      await author.writer.deleteMutable("alice", "never");
      expect(await author.journal()).toEqual([]);
    });
    await author.start({ gate }).writer.putMutable("alice", "notes", utf8("2"));
    expect(await floorOf("notes")).toBe(2);
  });

  it("the change that makes its route is given up does not rise: no reader will ever have that epoch", async () => {
    const rival = await author
      .onAnotherDevice()
      .writer.plan.updateProfile("alice", { about: { by: "other" } }, { feeRateSatsPerVbyte: 90 });
    await author.writer.putMutable("alice", "notes", utf8("1"), broadcast);
    const gate = during("records/", async () => {
      await rival.run();
      await world.devnet.mine(1);
      await author.writer.resume();
      expect(await author.journal()).toEqual([]);
    });
    const put = author.start({ gate }).writer.putMutable("alice", "notes", utf8("2"));
    await expect(put).rejects.toMatchObject({ code: "CONFLICT_NAME_MOVED" });
    expect(await floorOf("notes")).toBeNull();
  });

  it("another device's change is not at depth rises at once, where readers have its route already", async () => {
    const options = { reader: { minConfirmations: 3 } };
    await mining(world, () => author.start(options).writer.putMutable("alice", "notes", utf8("1")));
    await mining(world, () => author.onAnotherDevice().writer.updateProfile("alice", { about: { n: 1 } }));
    await author.start(options).writer.putMutable("alice", "notes", utf8("2"));
    expect(await floorOf("notes")).toBe(2);
  });
});
