import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { memoryCache } from "../../../../src/cache/memory.js";
import { contentKey } from "../../../../src/immutable/key.js";
import { limits } from "../../../../src/limits.js";
import { holders, mining, objectAt, ownerOf, recordAt } from "./copies.js";
import { type Author, answering, type Gate, onlyFor, Recorder, through, WriteWorld } from "./world.js";

let world: WriteWorld;
let author: Author;

beforeEach(async () => {
  world = await WriteWorld.start({ mine: "manual", stores: 2 });
  author = await ownerOf(world, "alice");
});
afterEach(() => world.devnet.close());

const broadcast = { waitFor: "broadcast" } as const;
const absent = { found: false, why: "not-in-index" };

async function putNotes(text: string): Promise<number> {
  const { route } = await mining(world, () => author.writer.putMutable("alice", "notes", utf8(text)));
  return route.epoch;
}

/** A second name of the same author, written with the same cache. */
async function secondName(): Promise<void> {
  await mining(world, () => author.writer.registerName("second"));
}

describe("W8: a deleted id", () => {
  it("leaves the index, and its copies are removed when that is at depth, not before", async () => {
    const epoch = await putNotes("1");
    const program = author.start({ reader: { minConfirmations: 3 } });
    const handle = await program.writer.deleteMutable("alice", "notes", broadcast);
    expect(handle).toMatchObject({ key: "m:notes", existed: true, removals: [], state: "broadcast" });
    const seen: unknown[] = [];
    world.clock.onPoll = async () => {
      seen.push(await holders(world, recordAt("notes", epoch)));
      await world.devnet.mine(1);
    };
    await handle.wait();
    expect(seen.length).toBeGreaterThanOrEqual(3);
    expect(seen).toEqual(seen.map(() => [true, true]));
    expect(await holders(world, recordAt("notes", epoch))).toEqual([false, false]);
    const gone = { removed: 1, kept: 0, failed: 0, attempt: null };
    expect(handle.removals).toEqual(world.stores.map(({ label }) => ({ label, ...gone })));
    expect(handle.state).toBe("done");
    expect(await world.reader().getMutable("alice", "notes")).toMatchObject(absent);
    expect(await author.writer.pending()).toEqual([]);
    await handle.wait();
    expect(handle.removals).toHaveLength(2);
  });

  it("that is not there takes no transaction", async () => {
    const recorder = new Recorder();
    const { writer } = author.start({ gate: recorder.gate });
    const key = contentKey(utf8("nothing"));
    const nothing = { existed: false, state: "done", txids: [], removals: [] };
    expect(await writer.deleteMutable("alice", "notes")).toMatchObject({ key: "m:notes", ...nothing });
    expect(await writer.deleteImmutable("alice", key)).toMatchObject({ key: `i:${key}`, ...nothing });
    expect(await writer.plan.deleteMutable("alice", "notes")).toMatchObject({ transactions: [], approvals: 0 });
    expect(recorder.effects).toEqual([]);
  });

  it("M1: under what is no id or key is refused before anything happens", async () => {
    const recorder = new Recorder();
    const { writer } = author.start({ gate: recorder.gate });
    for (const id of ["", "UPPER", "a//b", "x.json"]) {
      await expect(writer.deleteMutable("alice", id)).rejects.toMatchObject({ code: "INPUT_ID_INVALID" });
      await expect(writer.deleteImmutable("alice", id)).rejects.toMatchObject({ code: "INPUT_INVALID" });
    }
    expect(recorder.calls).toEqual([]);
  });

  it("stays where a provider keeps what it has, and the result tells which", async () => {
    const epoch = await putNotes("1");
    const gate = onlyFor(
      world.stores[1],
      answering("store.remove", () => false),
    );
    const { removals } = await mining(world, () => author.start({ gate }).writer.deleteMutable("alice", "notes"));
    expect(removals).toMatchObject([
      { removed: 1, kept: 0 },
      { removed: 0, kept: 1, failed: 0, attempt: { label: world.stores[1]?.label, code: "kept" } },
    ]);
    expect(await holders(world, recordAt("notes", epoch))).toEqual([false, true]);
    // It will say the same every time.
    expect(await author.writer.pending()).toEqual([]);
  });

  it("W3: is removed by `resume` where a provider failed", async () => {
    const epoch = await putNotes("1");
    const down = onlyFor(
      world.stores[1],
      answering("store.remove", () => Promise.reject(new Error("down"))),
    );
    const { id, removals } = await mining(world, () =>
      author.start({ gate: down }).writer.deleteMutable("alice", "notes"),
    );
    expect(removals).toMatchObject([{ removed: 1 }, { failed: 1, attempt: { message: "down" } }]);
    const listed = { id, name: "alice", kind: "remove", state: "pending", affectedIds: ["m:notes"], affectedCount: 1 };
    expect(await author.writer.pending("alice")).toMatchObject([listed]);
    expect(await author.start({ gate: down }).writer.resume()).toMatchObject([
      { id, outcome: "failed", error: { code: "STORAGE_UNAVAILABLE", details: { required: 2, stored: 1 } } },
    ]);
    expect(await author.writer.resume()).toMatchObject([{ id, outcome: "done", error: null }]);
    expect(await holders(world, recordAt("notes", epoch))).toEqual([false, false]);
    expect(await author.writer.pending()).toEqual([]);
  });

  it("does not wait for a provider that never answers", async () => {
    const epoch = await putNotes("1");
    let elapse = (): void => undefined;
    const elapsed = new Promise<void>((resolve) => {
      elapse = resolve;
    });
    const gate = through(
      // Only once the provider that answers has done so.
      answering("clock.delay", (run, { args: [ms] }) =>
        ms === limits.objectTimeoutMs ? Promise.race([run(), elapsed]) : run(),
      ),
      onlyFor(
        world.stores[0],
        answering("store.remove", async (run) => {
          const answer = await run();
          setImmediate(elapse);
          return answer;
        }),
      ),
      onlyFor(
        world.stores[1],
        answering("store.remove", () => new Promise(() => undefined)),
      ),
    );
    // The clock does not move, so that there would be time to ask again.
    const { writer } = author.start({ gate, reader: { storagePolicy: { attempts: 1 } } });
    const { removals } = await mining(world, () => writer.deleteMutable("alice", "notes"));
    expect(removals).toMatchObject([{ removed: 1 }, { failed: 1, attempt: { code: "NETWORK_TIMEOUT" } }]);
    expect(await author.writer.pending()).toMatchObject([{ kind: "remove" }]);
    expect(await holders(world, recordAt("notes", epoch))).toEqual([false, true]);
  });

  it("keeps its copies where that is asked for", async () => {
    const epoch = await putNotes("1");
    const { key } = await mining(world, () => author.writer.putImmutable("alice", utf8("data")));
    const options = { keepCopies: true };
    await mining(world, async () => {
      const handle = await author.writer.deleteMutable("alice", "notes", options);
      expect(handle).toMatchObject({ existed: true, removals: [] });
      expect(await author.writer.deleteImmutable("alice", key, options)).toMatchObject({ existed: true, removals: [] });
    });
    expect(await holders(world, recordAt("notes", epoch))).toEqual([true, true]);
    expect(await holders(world, objectAt(key))).toEqual([true, true]);
    expect(await world.reader().getImmutable("alice", key)).toMatchObject(absent);
  });

  it("is cleared by the next program where this one stopped at the broadcast", async () => {
    const epoch = await putNotes("1");
    await author.writer.deleteMutable("alice", "notes", broadcast);
    await world.devnet.mine(1);
    // A write settles what is at depth; the copies are then this program's or `resume`'s to remove.
    await mining(world, () => author.writer.updateProfile("alice", { about: { n: 1 } }));
    expect(await holders(world, recordAt("notes", epoch))).toEqual([true, true]);
    expect(await author.writer.pending()).toMatchObject([{ kind: "remove" }]);
    expect(await author.writer.resume()).toMatchObject([{ kind: "remove", outcome: "done" }]);
    expect(await holders(world, recordAt("notes", epoch))).toEqual([false, false]);
  });
});

describe("M6: an id that is made again", () => {
  it("has a higher epoch, and no record of its last life is accepted by anybody", async () => {
    const path = (epoch: number) => recordAt("notes", epoch);
    const first = await putNotes("old");
    const old = await world.store.read(path(first), { kind: "record", maxBytes: 10_000 });
    await mining(world, () => author.writer.deleteMutable("alice", "notes"));
    const second = await putNotes("new");
    expect(second).toBeGreaterThan(first);
    const warm = world.reader({ cache: memoryCache() });
    for (const reader of [world.reader(), warm]) {
      expect(await reader.getMutable("alice", "notes")).toMatchObject({ data: utf8("new") });
    }
    for (let epoch = 0; epoch <= second; epoch++) {
      for (const store of world.stores) await store.write(path(epoch), old?.bytes ?? utf8(""), { kind: "record" });
    }
    for (const reader of [world.reader(), warm, author.start().reader]) {
      await expect(reader.getMutable("alice", "notes")).rejects.toMatchObject({ code: "RECORD_UNVERIFIED" });
    }
  });

  it("also by another device, which knows nothing of the last life", async () => {
    const first = await putNotes("old");
    await mining(world, () => author.writer.deleteMutable("alice", "notes", { keepCopies: true }));
    const { writer } = author.onAnotherDevice().start();
    const again = await mining(world, () => writer.putMutable("alice", "notes", utf8("new")));
    expect(again.route.epoch).toBeGreaterThan(first);
    expect(await author.start().reader.getMutable("alice", "notes")).toMatchObject({ data: utf8("new"), ver: 1 });
  });

  it("while its delete is not mined yet loses only the copies of its last life", async () => {
    const first = await putNotes("old");
    const handle = await author.writer.deleteMutable("alice", "notes", broadcast);
    const second = await putNotes("new");
    await handle.wait();
    expect(await holders(world, recordAt("notes", first))).toEqual([false, false]);
    expect(await holders(world, recordAt("notes", second))).toEqual([true, true]);
    expect(await world.reader().getMutable("alice", "notes")).toMatchObject({ data: utf8("new") });
  });
});

it("W8: names do not share records: the same id of another name stays", async () => {
  await secondName();
  await putNotes("alice's");
  await mining(world, () => author.writer.putMutable("second", "notes", utf8("second's")));
  await mining(world, () => author.writer.deleteMutable("alice", "notes"));
  expect(await world.reader().getMutable("second", "notes")).toMatchObject({ data: utf8("second's") });
});

it("W8: what an abort leaves is removed later", async () => {
  const epoch = await putNotes("1");
  const stop = new AbortController();
  const gate: Gate = answering("store.remove", (run) => {
    stop.abort();
    return run();
  });
  const handle = await author.start({ gate }).writer.deleteMutable("alice", "notes", broadcast);
  await world.devnet.mine(1);
  await expect(handle.wait({ signal: stop.signal })).rejects.toMatchObject({ code: "NETWORK_ABORTED" });
  await author.writer.resume();
  expect(await holders(world, recordAt("notes", epoch))).toEqual([false, false]);
  expect(await author.writer.pending()).toEqual([]);
});
