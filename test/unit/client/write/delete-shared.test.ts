import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { networks } from "../../../../src/chain/network.js";
import { contentKey } from "../../../../src/immutable/key.js";
import { emptyIndex } from "../../../../src/profile/index-tree.js";
import { encodeProfile } from "../../../../src/profile/profile.js";
import { holders, mining, objectAt, ownerOf, recordAt } from "./copies.js";
import { type Author, answering, type Gate, type Program, WriteWorld } from "./world.js";

let world: WriteWorld;
let author: Author;

beforeEach(async () => {
  world = await WriteWorld.start({ mine: "manual", stores: 2 });
  author = await ownerOf(world, "alice");
});
afterEach(() => world.devnet.close());

const broadcast = { waitFor: "broadcast" } as const;
const data = utf8("the data");
const key = contentKey(data);
const both = [true, true];
const none = [false, false];

const put = (name = "alice", bytes = data, writer = author.writer) =>
  mining(world, () => writer.putImmutable(name, bytes));

const remove = (program: Program = author.start(), bytes = data) =>
  mining(world, () => program.writer.deleteImmutable("alice", contentKey(bytes)));

describe("W8: copies of deleted immutable data", () => {
  it("are removed from every provider at depth", async () => {
    await put();
    expect(await holders(world, objectAt(key))).toEqual(both);
    expect(await remove()).toMatchObject({
      key: `i:${key}`,
      existed: true,
      removals: [{ removed: 1 }, { removed: 1 }],
    });
    expect(await holders(world, objectAt(key))).toEqual(none);
    await put();
    expect(await world.reader().getImmutable("alice", key)).toMatchObject({ data });
  });

  it("stay where the data was added again before depth, by this device", async () => {
    await put();
    const handle = await author.writer.deleteImmutable("alice", key, broadcast);
    await author.writer.putImmutable("alice", data, broadcast);
    await world.devnet.mine(1);
    await handle.wait();
    expect(handle.removals).toMatchObject([0, 1].map(() => ({ removed: 0, kept: 1, attempt: { code: "needed" } })));
    expect(await world.reader().getImmutable("alice", key)).toMatchObject({ data });
    expect(await author.writer.pending("alice")).toMatchObject([{ kind: "update" }]);
  });

  it("stay for now where another device's change that is not mined may list them again", async () => {
    await put();
    const handle = await author.writer.deleteImmutable("alice", key, broadcast);
    await world.devnet.mine(1);
    const again = await author.onAnotherDevice().writer.putImmutable("alice", data, broadcast);
    await handle.wait();
    expect(handle.removals).toMatchObject([0, 1].map(() => ({ failed: 1, attempt: { code: "pending" } })));
    expect(await author.writer.pending()).toMatchObject([{ kind: "remove", affectedIds: [`i:${key}`] }]);
    await world.devnet.mine(1);
    await again.wait();
    expect(await author.writer.resume()).toMatchObject([{ kind: "remove", outcome: "done" }]);
    expect(await world.reader().getImmutable("alice", key)).toMatchObject({ data });
  });

  it("stay for now where another run is about to list them again", async () => {
    await put();
    const handle = await author.writer.deleteImmutable("alice", key, broadcast);
    await world.devnet.mine(1);
    // The batch stores its data and is not ready while the copies would be removed.
    let cleared: Promise<void> | null = null;
    const gate: Gate = answering("store.write", async (run, { args }) => {
      const answer = await run();
      if (String(args[0]) === objectAt(key) && cleared === null) {
        cleared = handle.wait();
        await cleared;
      }
      return answer;
    });
    const batch = author.start({ gate }).writer.batch("alice").putImmutable(data);
    await mining(world, () => batch.commit());
    expect(handle.removals).toMatchObject([0, 1].map(() => ({ failed: 1, attempt: { code: "pending" } })));
    expect(await world.reader().getImmutable("alice", key)).toMatchObject({ data });
    expect(await author.writer.resume()).toMatchObject([{ kind: "remove", outcome: "done" }]);
    expect(await world.reader().getImmutable("alice", key)).toMatchObject({ data });
  });

  it("stay where another name lists them that was written with this cache", async () => {
    await put();
    await mining(world, () => author.writer.registerName("second"));
    await put("second");
    const { removals } = await remove();
    expect(removals).toMatchObject([{ kept: 1 }, { kept: 1, attempt: { message: expect.stringContaining("second") } }]);
    expect(await world.reader().getImmutable("second", key)).toMatchObject({ data });
    expect(await author.writer.pending()).toEqual([]);
  });

  it("go where the other name is held by nobody any more", async () => {
    await put();
    await mining(world, () => author.writer.registerName("second"));
    await put("second");
    await mining(world, () => author.writer.releaseName("second"));
    await world.devnet.mine(networks.regtest.cooldownBlocks);
    expect((await remove()).removals).toMatchObject([{ removed: 1 }, { removed: 1 }]);
  });

  it("stay for now where it cannot be found out what another name lists", async () => {
    await put();
    await mining(world, () => author.writer.registerName("second"));
    await put("second", utf8("something else"));
    // Its profile is at no provider for a while.
    const second = await world.reader().getProfile("second");
    const profileHash = second.found ? contentKey(encodeProfile(second.profile)) : "";
    const gate: Gate = answering("store.read", (run, { args }) =>
      String(args[0]) === objectAt(profileHash) ? Promise.resolve(null) : run(),
    );
    const cold = async (): Promise<Program> => {
      // What the reader kept of objects would answer for the provider.
      for (const kept of await author.cache.keys("object/")) {
        await author.cache.update(kept, () => ({ value: null, result: undefined }));
      }
      return author.start({ gate });
    };
    const { removals } = await remove(await cold());
    expect(removals).toMatchObject([{ failed: 1 }, { failed: 1, attempt: { code: "PROFILE_UNAVAILABLE" } }]);
    expect(await holders(world, objectAt(key))).toEqual(both);
    expect(await (await cold()).writer.resume()).toMatchObject([{ outcome: "failed" }]);
    expect(await author.writer.resume()).toMatchObject([{ outcome: "done" }]);
    expect(await holders(world, objectAt(key))).toEqual(none);
  });

  it("stay where they have the form of a profile or an index node, whoever needs those", async () => {
    const profile = encodeProfile({ name: "bob", pubkey: null, storage: [], about: {}, index: emptyIndex });
    for (const bytes of [profile, utf8('{"entries":[]}'), utf8('{"children":[null]}')]) {
      await put("alice", bytes);
      const { removals } = await remove(author.start(), bytes);
      expect(removals).toMatchObject([{ kept: 1 }, { kept: 1, attempt: { code: "needed" } }]);
      expect(await holders(world, objectAt(contentKey(bytes)))).toEqual(both);
    }
  });

  it("stay for now where a provider does not tell what it holds", async () => {
    await put();
    const gate: Gate = answering("store.read", (run, { args }) =>
      String(args[0]) === objectAt(key) ? Promise.reject(new Error("unreadable")) : run(),
    );
    const { removals } = await remove(author.start({ gate }));
    expect(removals).toMatchObject([{ failed: 1 }, { failed: 1, attempt: { message: "unreadable" } }]);
    expect(await holders(world, objectAt(key))).toEqual(both);
    await author.writer.resume();
    expect(await holders(world, objectAt(key))).toEqual(none);
  });

  it("stay where the application says that it needs them, which is asked for no record", async () => {
    await put();
    const { route } = await mining(world, () => author.writer.putMutable("alice", "notes", data));
    const asked: string[] = [];
    const isReferenced = (hash: string) => {
      asked.push(hash);
      return Promise.resolve(hash === key);
    };
    const program = author.start({ isReferenced });
    await mining(world, () => program.writer.deleteMutable("alice", "notes"));
    expect(asked).toEqual([]);
    expect((await remove(program)).removals).toMatchObject([{ kept: 1 }, { kept: 1, attempt: { code: "needed" } }]);
    expect(asked).toEqual([key]);
    expect(await holders(world, objectAt(key))).toEqual(both);
    expect(await holders(world, recordAt("notes", route.epoch))).toEqual(none);
    await put("alice", utf8("other"));
    expect((await remove(program, utf8("other"))).removals).toMatchObject([{ removed: 1 }, { removed: 1 }]);
  });
});

describe("W8: a delete that never reaches depth removes nothing", () => {
  const pendingDelete = async (before: () => Promise<unknown> = () => Promise.resolve()) => {
    const { route } = await mining(world, () => author.writer.putMutable("alice", "notes", utf8("1")));
    await put();
    await before();
    const handles = [
      await author.writer.deleteMutable("alice", "notes", broadcast),
      await author.writer.deleteImmutable("alice", key, broadcast),
    ];
    const paths = [recordAt("notes", route.epoch), objectAt(key)];
    const assertKept = async (): Promise<void> => {
      await author.writer.resume({ waitFor: "broadcast" });
      for (const path of paths) expect(await holders(world, path)).toEqual(both);
      for (const { removals } of handles) expect(removals).toEqual([]);
      expect(await author.writer.pending()).toEqual([]);
    };
    return { handles, assertKept };
  };

  it("where another device moved the seal", async () => {
    const other = author.onAnotherDevice().writer;
    const rivals: Awaited<ReturnType<typeof other.plan.updateProfile>>[] = [];
    const { handles, assertKept } = await pendingDelete(async () => {
      rivals.push(await other.plan.updateProfile("alice", { about: { n: 2 } }, { feeRateSatsPerVbyte: 90 }));
    });
    for (const rival of rivals) await (await rival.run()).wait({ until: "broadcast" });
    await world.devnet.mine(1);
    for (const handle of handles) await expect(handle.wait()).rejects.toMatchObject({ code: "CONFLICT_NAME_MOVED" });
    await assertKept();
    expect(await world.reader().getMutable("alice", "notes")).toMatchObject({ data: utf8("1") });
    expect(await world.reader().getImmutable("alice", key)).toMatchObject({ data });
  });

  it("where the tenure was over before it was mined", async () => {
    const { handles, assertKept } = await pendingDelete();
    const { termBlocks, graceBlocks } = networks.regtest;
    // The chain grows without them, on another branch.
    await world.devnet.reorg({ depth: 1, blocks: termBlocks + graceBlocks + 3 });
    for (const handle of handles) await expect(handle.wait()).rejects.toMatchObject({ code: "CONFLICT_NAME_MOVED" });
    await assertKept();
  });
});
