import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { contentKey } from "../../../../src/immutable/key.js";
import { systemRandom } from "../../../../src/runtime/random.js";
import { createPrivateKey, privateKeySigner } from "../../../../src/wallet/private-key.js";
import type { Writer } from "../../../../src/writer.js";
import { mining, ownerOf } from "./copies.js";
import { type Author, answering, type Gate, Recorder, WriteWorld } from "./world.js";

const broadcast = { waitFor: "broadcast" } as const;
/** A program that dies when it would send something. */
const unsent: Gate = answering("source.broadcast", () => Promise.reject(new Error("dead")));
const object = utf8("object");

let world: WriteWorld;
beforeAll(async () => {
  world = await WriteWorld.start({ mine: "manual" });
});
afterAll(() => world.devnet.close());

/** Holds a name with a record and an object, and has a change of it journalled that never left the program. */
async function withJournal(name: string): Promise<Author> {
  const author = await ownerOf(world, name);
  await mining(world, () => author.writer.putMutable(name, "notes", utf8("1")));
  await mining(world, () => author.writer.putImmutable(name, object));
  const first = author.start({ gate: unsent }).writer.updateProfile(name, { about: { n: 1 } }, broadcast);
  await expect(first).rejects.toMatchObject({ code: "CHAIN_BROADCAST_REFUSED" });
  expect(await author.journal(name)).toHaveLength(1);
  return author;
}

const other = privateKeySigner({ privateKey: createPrivateKey(systemRandom), random: systemRandom });

type Plan = (writer: Writer, name: string) => Promise<{ readonly transactions: readonly unknown[] }>;

const plans: readonly (readonly [string, Plan])[] = [
  ["registerName", ({ plan }) => plan.registerName("another")],
  ["renewName", ({ plan }, name) => plan.renewName(name)],
  ["transferName", ({ plan }, name) => plan.transferName(name, new Uint8Array([0, 20, ...new Uint8Array(20)]))],
  ["releaseName", ({ plan }, name) => plan.releaseName(name)],
  ["updateProfile", ({ plan }, name) => plan.updateProfile(name, { about: { n: 2 } })],
  ["rotateKey", ({ plan }, name) => plan.rotateKey(name, other)],
  ["putMutable of a new id", ({ plan }, name) => plan.putMutable(name, "fresh", utf8("1"))],
  ["putMutable of an id that is there", ({ plan }, name) => plan.putMutable(name, "notes", utf8("2"))],
  ["putImmutable", ({ plan }, name) => plan.putImmutable(name, utf8("new"))],
  ["putImmutable of what is there", ({ plan }, name) => plan.putImmutable(name, object)],
  ["deleteMutable", ({ plan }, name) => plan.deleteMutable(name, "notes")],
  ["deleteImmutable", ({ plan }, name) => plan.deleteImmutable(name, contentKey(object))],
  [
    "batch",
    (writer, name) => {
      const batch = writer.batch(name).putMutable("fresh", utf8("1")).putMutable("notes", utf8("2"));
      return batch.putImmutable(utf8("new")).deleteImmutable(contentKey(object)).plan();
    },
  ],
];

describe("a plan has no effect, also where something is journalled", () => {
  let author: Author;
  beforeAll(async () => {
    author = await withJournal("alice");
  });

  it.each(plans)("of %s", async (_, plan) => {
    const before = await author.journal();
    const recorder = new Recorder();
    await plan(author.start({ gate: recorder.gate }).writer, "alice");
    expect(recorder.effects).toEqual([]);
    expect(recorder.count("source.broadcast")).toBe(0);
    expect(await author.journal()).toEqual(before);
  });

  it("of recoverName", async () => {
    const lost = await ownerOf(world, "lost");
    const seal = await lost.seal("lost");
    await lost.spend([seal], [{ script: lost.account.script, valueSats: (await world.value(seal)) - 500n }]);
    await world.devnet.mine(1);
    const recorder = new Recorder();
    const plan = await lost.start({ gate: recorder.gate }).writer.plan.recoverName("lost");
    expect(plan.transactions).toHaveLength(1);
    expect(recorder.effects).toEqual([]);
  });

  it("of a registration that is under way", async () => {
    const first = author.start({ gate: unsent }).writer.registerName("half", broadcast);
    await expect(first).rejects.toMatchObject({ code: "CHAIN_BROADCAST_REFUSED" });
    const recorder = new Recorder();
    await author.start({ gate: recorder.gate }).writer.plan.registerName("half");
    expect(recorder.effects).toEqual([]);
    await mining(world, () => author.writer.resume({ name: "half" }));
  });
});

describe("a plan that is run", () => {
  it("W4: sends what it builds on first, and then exactly the transaction that it showed", async () => {
    const author = await withJournal("parents");
    const [parent] = (await author.journal("parents")).flatMap(({ transactions }) => transactions);
    const recorder = new Recorder();
    const { writer } = author.start({ gate: recorder.gate });
    const plan = await writer.plan.updateProfile("parents", { about: { n: 2 } });
    const handle = await plan.run();
    expect(handle.txids).toEqual(plan.transactions.map(({ txid }) => txid));
    const [child] = await Promise.all(handle.txids.map((txid) => world.transaction(txid)));
    expect(child?.inputs[0]?.outpoint).toEqual({ txid: parent?.txid, vout: 1 });
    const order = recorder.calls.filter(({ method }) => method === "broadcast" || method === "signPsbts");
    expect(order.map(({ method }) => method)).toEqual(["broadcast", "signPsbts", "broadcast"]);
    await world.devnet.mine(1);
    expect(await world.reader().getProfile("parents")).toMatchObject({ profile: { about: { n: 2 } } });
  });

  it.each([
    ["putMutable", (writer: Writer, name: string) => writer.plan.putMutable(name, "fresh", utf8("2"))],
    ["putImmutable", (writer: Writer, name: string) => writer.plan.putImmutable(name, utf8("fresh"))],
    ["batch", (writer: Writer, name: string) => writer.batch(name).putMutable("fresh", utf8("2")).plan()],
  ] as const)("sends the change that brings what %s without a transaction is under", async (method, plan) => {
    const name = `under-${method.toLowerCase()}`;
    const author = await ownerOf(world, name);
    const first = author.start({ gate: unsent }).writer.batch(name);
    first.putMutable("fresh", utf8("1")).putImmutable(utf8("fresh"));
    await expect(first.commit(broadcast)).rejects.toMatchObject({ code: "CHAIN_BROADCAST_REFUSED" });
    const shown = await plan(author.writer, name);
    expect(shown.transactions).toEqual([]);
    await shown.run();
    await world.devnet.mine(1);
    const reader = world.reader();
    expect(await reader.getMutable(name, "fresh")).toMatchObject({ data: utf8(method === "putImmutable" ? "1" : "2") });
    expect(await reader.getImmutable(name, contentKey(utf8("fresh")))).toMatchObject({ found: true });
  });

  it("W4: is CONFLICT_* where the name moved since, and overwrites nothing", async () => {
    const author = await ownerOf(world, "moved");
    const plan = await author.writer.plan.updateProfile("moved", { about: { by: "plan" } });
    await mining(world, () => author.onAnotherDevice().writer.updateProfile("moved", { about: { by: "other" } }));
    await expect(plan.run().then((handle) => handle.wait())).rejects.toMatchObject({ code: "CONFLICT_NAME_MOVED" });
    expect(await world.reader().getProfile("moved")).toMatchObject({ profile: { about: { by: "other" } } });
    expect(await author.journal("moved")).toEqual([]);
  });
});
