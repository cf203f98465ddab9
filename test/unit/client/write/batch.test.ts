import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import type { BatchData } from "../../../../src/client/write/edit.js";
import { contentKey } from "../../../../src/immutable/key.js";
import { limits } from "../../../../src/limits.js";
import type { ProgressEvent } from "../../../../src/ports.js";
import { holders, mining, objectAt, ownerOf, recordAt } from "./copies.js";
import { type Author, answering, type Gate, Recorder, through, WriteWorld } from "./world.js";

let world: WriteWorld;
let author: Author;

beforeEach(async () => {
  world = await WriteWorld.start({ mine: "manual", stores: 2 });
  author = await ownerOf(world, "alice");
});
afterEach(() => world.devnet.close());

const broadcast = { waitFor: "broadcast" } as const;
const keyOf = (text: string): string => contentKey(utf8(text));

/** The ids `notes` and `gone` with records, and the object `old`. */
async function withSome(): Promise<number> {
  const batch = author.writer.batch("alice").putMutable("notes", utf8("1")).putMutable("gone", utf8("1"));
  await mining(world, () => batch.putImmutable(utf8("old")).commit());
  const read = await world.reader().getMutable("alice", "gone");
  return read.found ? read.route.epoch : -1;
}

async function dataAt(id: string): Promise<string | null> {
  const read = await world.reader().getMutable("alice", id);
  return read.found ? new TextDecoder().decode(read.data) : null;
}

describe("W6: a batch", () => {
  it("is one transaction for changes of every sort, with a result for each in their order", async () => {
    const epoch = await withSome();
    const updates = await author.count("update");
    expect(updates).toBe(1);
    const batch = author.writer.batch("alice");
    batch.putImmutable(utf8("new"), { type: "text/plain", fileName: "new.txt" });
    batch.putMutable("fresh", utf8("1"));
    batch.deleteMutable("gone").putMutable("notes", () => utf8("2"));
    batch.deleteImmutable(keyOf("old")).deleteMutable("never");
    batch.putImmutable(() => Promise.resolve(utf8("new")));
    expect(batch.size).toBe(7);
    const handle = await mining(world, () => batch.commit());
    expect(handle.results).toEqual([
      { key: `i:${keyOf("new")}`, existed: false, ver: null },
      { key: "m:fresh", existed: false, ver: 1 },
      { key: "m:gone", existed: true, ver: null },
      { key: "m:notes", existed: true, ver: 2 },
      { key: `i:${keyOf("old")}`, existed: true, ver: null },
      { key: "m:never", existed: false, ver: null },
      { key: `i:${keyOf("new")}`, existed: false, ver: null },
    ]);
    expect(handle).toMatchObject({ state: "done", removals: [{ removed: 2 }, { removed: 2 }] });
    expect(handle.txids).toHaveLength(1);
    expect((await author.count("update")) - updates).toBe(1);
    expect(await Promise.all(["fresh", "gone", "notes"].map(dataAt))).toEqual(["1", null, "2"]);
    const content = { size: 3, type: "text/plain", name: "new.txt" };
    expect(await world.reader().getImmutable("alice", keyOf("new"))).toMatchObject({ data: utf8("new"), content });
    expect(await holders(world, recordAt("gone", epoch))).toEqual([false, false]);
    expect(await holders(world, objectAt(keyOf("old")))).toEqual([false, false]);
    expect(await author.writer.pending()).toEqual([]);
  });

  it("W5: takes no transaction where the index stays as it is", async () => {
    await withSome();
    const recorder = new Recorder();
    const batch = author.start({ gate: recorder.gate }).writer.batch("alice");
    batch.putMutable("notes", utf8("2")).putImmutable(utf8("old")).deleteMutable("never");
    expect(await batch.plan()).toMatchObject({ approvals: 0, transactions: [], affectedIds: [] });
    const handle = await batch.commit();
    expect(handle).toMatchObject({ txids: [], state: "done", removals: [] });
    expect(handle.results.map(({ existed, ver }) => [existed, ver])).toEqual([
      [true, 2],
      [true, null],
      [false, null],
    ]);
    expect(recorder.count("source.broadcast") + recorder.count("wallet.signPsbts")).toBe(0);
    expect(await dataAt("notes")).toBe("2");
  });

  it("plans what it then signs, without effect", async () => {
    await withSome();
    const recorder = new Recorder();
    const batch = author.start({ gate: recorder.gate }).writer.batch("alice");
    batch.putMutable("fresh", utf8("1")).putMutable("notes", utf8("2")).deleteMutable("gone").putImmutable(utf8("new"));
    const plan = await batch.plan();
    expect(recorder.effects).toEqual([]);
    expect(plan.approvals).toBe(1);
    expect([...plan.affectedIds].sort()).toEqual([`i:${keyOf("new")}`, "m:fresh", "m:gone"]);
    const handle = await plan.run();
    expect(handle.txids).toEqual(plan.transactions.map(({ txid }) => txid));
    await world.devnet.mine(1);
    await handle.wait();
    expect(await Promise.all(["fresh", "gone", "notes"].map(dataAt))).toEqual(["1", null, "2"]);
  });

  it("refuses wrong and contradicting changes before anything happens", async () => {
    const recorder = new Recorder();
    const { writer } = author.start({ gate: recorder.gate });
    const invalid = { code: "INPUT_INVALID" };
    expect(() => writer.batch("No")).toThrow(expect.objectContaining({ code: "NAME_INVALID" }));
    await expect(writer.batch("alice").commit()).rejects.toMatchObject(invalid);
    await expect(writer.batch("alice").plan()).rejects.toMatchObject(invalid);
    const batch = writer.batch("alice").putMutable("a", utf8("1")).deleteImmutable(keyOf("x"));
    const wrong: readonly (() => unknown)[] = [
      () => batch.putMutable("a", utf8("2")),
      () => batch.deleteMutable("a"),
      () => batch.deleteImmutable(keyOf("x")),
      () => batch.deleteImmutable("no key"),
      () => batch.putImmutable("text" as unknown as Uint8Array),
    ];
    for (const add of wrong) expect(add).toThrow(expect.objectContaining(invalid));
    expect(() => batch.putMutable("A", utf8("1"))).toThrow(expect.objectContaining({ code: "INPUT_ID_INVALID" }));
    const large = new Uint8Array(limits.objectMaxBytes + 1);
    expect(() => batch.putImmutable(large)).toThrow(expect.objectContaining({ code: "INPUT_TOO_LARGE" }));
    expect(() => batch.putMutable("b", large)).toThrow(expect.objectContaining({ code: "INPUT_TOO_LARGE" }));
    expect(batch.size).toBe(2);
    // A put and a delete of the same bytes show once they are hashed.
    await expect(batch.putImmutable(utf8("x")).commit()).rejects.toMatchObject(invalid);
    expect(recorder.effects).toEqual([]);
  });
});

describe("all or nothing: what fails before the transaction is sent leaves nothing of a batch visible", () => {
  const boom = () => Promise.reject(new Error("boom"));
  const full = answering("store.write", () => Promise.reject(new Error("full")));
  let calls = 0;
  const twice = (first: string, second: string) => () => utf8(calls++ === 0 ? first : second);

  const failures: readonly (readonly [string, BatchData, Gate, unknown])[] = [
    ["a function throws", boom, through(), "boom"],
    ["a function throws the second time", () => (calls++ === 0 ? utf8("x") : boom()), through(), "boom"],
    ["a function gives other data the second time", twice("x", "y"), through(), "INPUT_INVALID"],
    ["a function gives no bytes", () => "text" as unknown as Uint8Array, through(), "INPUT_INVALID"],
    ["a function gives too much", () => new Uint8Array(limits.objectMaxBytes + 1), through(), "INPUT_TOO_LARGE"],
    ["providers are full", utf8("x"), full, "STORAGE_UNAVAILABLE"],
    ["the wallet refuses", utf8("x"), answering("wallet.signPsbts", boom), "WALLET_REFUSED"],
    ["the signer refuses", utf8("x"), answering("signer.sign", boom), "WALLET_REFUSED"],
  ];

  it.each(failures)("%s", async (_, data, gate, expected) => {
    await withSome();
    calls = 0;
    const batch = author.start({ gate }).writer.batch("alice");
    batch.deleteMutable("gone").putImmutable(data).putMutable("fresh", utf8("1")).putMutable("notes", utf8("2"));
    const error: unknown = await batch.commit(broadcast).then(
      () => null,
      (cause: unknown) => cause,
    );
    expect(error).toMatchObject(expected === "boom" ? { message: "boom" } : { code: expected });
    await world.devnet.mine(1);
    expect(await Promise.all(["gone", "fresh", "notes"].map(dataAt))).toEqual(["1", null, "1"]);
    expect(await author.count("update")).toBe(1);
    expect(await author.journal()).toEqual([]);
  });

  it("and the same batch can be committed again", async () => {
    let isFull = true;
    const gate: Gate = answering("store.write", (run) => (isFull ? Promise.reject(new Error("full")) : run()));
    const batch = author.start({ gate }).writer.batch("alice").putMutable("a", utf8("1")).putImmutable(utf8("b"));
    await expect(batch.commit()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    isFull = false;
    expect(await mining(world, () => batch.commit())).toMatchObject({ results: [{ ver: 1 }, { ver: null }] });
    expect(await dataAt("a")).toBe("1");
  });

  it("W4: another device moves the name meanwhile", async () => {
    await withSome();
    const plan = await author.writer.batch("alice").deleteMutable("gone").putMutable("fresh", utf8("1")).plan();
    await mining(world, () => author.onAnotherDevice().writer.updateProfile("alice", { about: { by: "other" } }));
    const run = plan.run().then((handle) => handle.wait());
    await expect(run).rejects.toMatchObject({ code: "CONFLICT_NAME_MOVED" });
    expect(await Promise.all(["gone", "fresh"].map(dataAt))).toEqual(["1", null]);
    expect(await author.writer.pending()).toEqual([]);
    await mining(world, () => author.writer.batch("alice").deleteMutable("gone").commit());
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { about: { by: "other" } } });
  });
});

describe("the data of a batch", () => {
  it("is asked for twice, at most 16 at a time, and not kept", async () => {
    const collected = { total: 60, live: 0, mostLive: 0, mostAtOnce: 0, atOnce: 0 };
    const counts = new Map<number, number>();
    const batch = author.writer.batch("alice");
    for (let n = 0; n < collected.total; n++) {
      batch.putImmutable(async () => {
        counts.set(n, (counts.get(n) ?? 0) + 1);
        collected.mostAtOnce = Math.max(collected.mostAtOnce, ++collected.atOnce);
        await new Promise((resolve) => setImmediate(resolve));
        collected.atOnce--;
        return utf8(`data ${n}`);
      });
    }
    await mining(world, () => batch.commit());
    expect(collected.mostAtOnce).toBe(limits.batchMaxParallel);
    expect([...counts.values()]).toEqual(new Array(collected.total).fill(2));
  });

  it("is stored before more of it is asked for", async () => {
    // Bytes that were given and are at no provider yet.
    const given = new Set<string>();
    let most = 0;
    const gate: Gate = answering("store.write", async (run, { args }) => {
      const answer = await run();
      given.delete(String(args[0]));
      return answer;
    });
    let hashing = 60;
    const batch = author.start({ gate, storage: world.stores.slice(0, 1) }).writer.batch("alice");
    for (let n = 0; n < 60; n++) {
      batch.putImmutable(() => {
        if (hashing-- <= 0) given.add(objectAt(keyOf(`data ${n}`)));
        most = Math.max(most, given.size);
        return utf8(`data ${n}`);
      });
    }
    await mining(world, () => batch.commit());
    expect(most).toBeLessThanOrEqual(limits.batchMaxParallel);
    expect(most).toBeGreaterThan(0);
  });

  it("is counted as it is stored, up to the total", async () => {
    await withSome();
    const events: ProgressEvent[] = [];
    const batch = author.writer.batch("alice").putMutable("notes", utf8("2")).deleteMutable("gone");
    for (let n = 0; n < 40; n++) batch.putImmutable(utf8(`data ${n}`));
    await mining(world, () => batch.commit({ onEvent: (event) => void events.push(event) }));
    const counted = events.filter(({ done }) => done !== undefined);
    const [first] = counted;
    // Forty objects, one record, and the index nodes that forty-two entries make.
    expect(first?.total).toBeGreaterThan(42);
    expect(counted.map(({ done }) => done)).toEqual(Array.from({ length: (first?.total ?? 0) + 1 }, (_, n) => n));
    expect(new Set(counted.map(({ total }) => total)).size).toBe(1);
  });
});
