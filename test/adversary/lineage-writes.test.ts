import { expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { encodeHex } from "../../src/bytes/hex.js";
import { memoryCache } from "../../src/cache/memory.js";
import { contentKey } from "../../src/immutable/key.js";
import { objectPath } from "../../src/route/layout.js";
import { systemRandom } from "../../src/runtime/random.js";
import { createPrivateKey, privateKeySigner } from "../../src/wallet/private-key.js";
import { useAlice } from "../unit/client/write/alice.js";
import { answering, type Gate, Recorder } from "../unit/client/write/world.js";

// What the writer of the first client of this kind got wrong, each as its user would meet it.

const alice = useAlice();

const BROADCAST = { waitFor: "broadcast" } as const;
const full: Gate = answering("store.write", () => Promise.reject(new Error("full")));
const text = (data: Uint8Array): string => new TextDecoder().decode(data);

/** What a reader that knows nothing is given of alice's id. */
async function shown(id: string): Promise<readonly unknown[]> {
  const found = await alice.world.reader().getMutable("alice", id);
  return found.found ? [found.ver, text(found.data)] : [found.why];
}

it("lineage 8: a put that failed makes no read of the writer stale, however often it is tried", async () => {
  await alice.author.writer.putMutable("alice", "note", utf8("one"));
  const { writer } = alice.author.start({ gate: full });
  for (let i = 0; i < 3; i++) {
    await expect(writer.putMutable("alice", "note", utf8("two"))).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
    });
    expect(await alice.author.start().reader.getMutable("alice", "note")).toMatchObject({ ver: 1, data: utf8("one") });
  }
  expect((await alice.author.writer.putMutable("alice", "note", utf8("two"))).record.ver).toBe(2);
});

it("lineage 9: no version goes backwards, and of two devices that write at once one is told", async () => {
  await alice.author.writer.putMutable("alice", "note", utf8("five"), { version: 5 });
  const device = alice.author.onAnotherDevice();
  for (const [{ writer }, version] of [
    [alice.author.start(), 4],
    [alice.author.start(), 5],
    [device.start(), 4],
  ] as const) {
    const backwards = writer.putMutable("alice", "note", utf8("four"), { version });
    await expect(backwards).rejects.toMatchObject({ code: "CONFLICT_RECORD_MOVED" });
  }
  // The other device writes between this one's look at the versions and its signature.
  const between = answering("signer.sign", async (run) => {
    await device.writer.putMutable("alice", "note", utf8("laptop"));
    return run();
  });
  const late = alice.author.start({ gate: between }).writer.putMutable("alice", "note", utf8("phone"));
  await expect(late).rejects.toMatchObject({ code: "CONFLICT_RECORD_MOVED" });
  expect(await shown("note")).toEqual([6, "laptop"]);
});

it("lineage 10: a put that another key than the route's would sign ends before anything happens", async () => {
  await alice.author.writer.putMutable("alice", "note", utf8("one"));
  const signer = privateKeySigner({ privateKey: createPrivateKey(systemRandom), random: systemRandom });
  const recorder = new Recorder();
  const put = alice.author.start({ signer, gate: recorder.gate }).writer.putMutable("alice", "note", utf8("two"));
  await expect(put).rejects.toMatchObject({
    code: "ROUTE_KEY_MISMATCH",
    details: { expected: encodeHex(alice.author.signer.publicKey), got: encodeHex(signer.publicKey) },
  });
  expect(recorder.effects).toEqual([]);
  expect(await shown("note")).toEqual([1, "one"]);
});

it("lineage 12: what was deleted is not revived by an old copy, not even once the id is made anew at version 1", async () => {
  const { route } = await alice.author.writer.putMutable("alice", "note", utf8("old"), { version: 7 });
  const path = new URL(route.urls[0] ?? "").pathname.slice(1);
  const stored = async () => (await alice.world.store.read(path, { kind: "record", maxBytes: 10_000 }))?.bytes ?? null;
  const old = (await stored()) ?? expect.fail("no record");
  const cache = memoryCache();
  const warm = alice.world.reader({ cache });
  await warm.getMutable("alice", "note");

  // The record goes after the transaction, and stays where that fails.
  const away: Gate = answering("source.broadcast", () => Promise.reject(new Error("away")));
  const failed = alice.author.start({ gate: away }).writer.deleteMutable("alice", "note");
  await expect(failed).rejects.toMatchObject({ code: "CHAIN_BROADCAST_REFUSED" });
  expect(await shown("note")).toEqual([7, "old"]);
  alice.world.clock.onPoll = async () => {
    expect(await stored()).not.toBeNull();
    await alice.world.devnet.mine(1);
  };
  await alice.author.writer.deleteMutable("alice", "note");
  expect(await stored()).toBeNull();
  await alice.world.store.write(path, old, { kind: "record" });
  expect(await shown("note")).toEqual(["not-in-index"]);

  const made = await alice.author.writer.putMutable("alice", "note", utf8("new"));
  expect(made.record.ver).toBe(1);
  const newPath = new URL(made.route.urls[0] ?? "").pathname.slice(1);
  const body =
    (await alice.world.store.read(newPath, { kind: "record", maxBytes: 10_000 }))?.bytes ?? expect.fail("no record");
  await alice.world.store.write(newPath, old, { kind: "record" });
  for (const reader of [alice.world.reader(), warm]) {
    await expect(reader.getMutable("alice", "note")).rejects.toMatchObject({ code: "RECORD_UNVERIFIED" });
  }
  await alice.world.store.write(newPath, body, { kind: "record" });
  expect(await warm.getMutable("alice", "note")).toMatchObject({ data: utf8("new"), ver: 1 });
  await alice.author.writer.putMutable("alice", "note", utf8("newer"));
  await warm.getMutable("alice", "note");
  await alice.world.store.write(newPath, body, { kind: "record" });
  await expect(warm.getMutable("alice", "note")).rejects.toMatchObject({ code: "RECORD_STALE" });
});

it("lineage 12: immutable data that was deleted is not served, whoever still has it", async () => {
  const data = utf8("a picture");
  const { key } = await alice.author.writer.putImmutable("alice", data);
  const path = objectPath(key);
  await alice.author.writer.deleteImmutable("alice", key);
  expect(await alice.world.store.read(path, { kind: "object", maxBytes: 100 })).toBeNull();
  await alice.world.store.write(path, data, { kind: "object" });
  expect(await alice.world.reader().getImmutable("alice", key)).toMatchObject({ found: false, why: "not-in-index" });
});

it("lineage 13: a record is read under each URL that its route was given, and lies nowhere else", async () => {
  const recorder = new Recorder();
  const { route } = await alice.author.start({ gate: recorder.gate }).writer.putMutable("alice", "a/b.c", utf8("one"));
  expect(route.urls).toHaveLength(1);
  for (const url of route.urls) expect(await (await fetch(url)).json()).toMatchObject({ id: "a/b.c", ver: 1 });
  const written = recorder.calls.filter(({ method }) => method === "write").map(({ args }) => String(args[0]));
  const records = written.filter((path) => path.startsWith("records/"));
  expect(route.urls.map((url) => new URL(url).pathname)).toEqual(records.map((path) => `/${path}`));
});

it("lineage 14: a change before the last one is mined keeps it, and another device's is never overwritten", async () => {
  const device = alice.author.onAnotherDevice();
  const plan = await device.writer.plan.updateProfile("alice", { about: { by: "the other" } });
  alice.world.clock.onPoll = () => undefined;
  await alice.author.writer.putMutable("alice", "one", utf8("1"), BROADCAST);
  await alice.author.writer.putMutable("alice", "two", utf8("2"), BROADCAST);
  await expect(plan.run()).rejects.toMatchObject({ code: "CONFLICT_NAME_MOVED" });
  await alice.world.devnet.mine(1);
  alice.world.mineOnPoll();
  await device.writer.updateProfile("alice", { about: { by: "the other" } });
  const { key } = await alice.author.writer.putImmutable("alice", utf8("3"));
  expect(await shown("one")).toEqual([1, "1"]);
  expect(await shown("two")).toEqual([1, "2"]);
  expect(await alice.world.reader().getImmutable("alice", key)).toMatchObject({ data: utf8("3") });
  expect(await alice.world.reader().getProfile("alice")).toMatchObject({ profile: { about: { by: "the other" } } });
});

it("lineage 14: a put that is tried again stores the profile again too, so that what is anchored exists", async () => {
  alice.world.clock.onPoll = () => undefined;
  const data = utf8("kept");
  const recorder = new Recorder();
  await alice.author.start({ gate: recorder.gate }).writer.putImmutable("alice", data, BROADCAST);
  const stored = recorder.calls.filter(({ method }) => method === "write").map(({ args }) => String(args[0]));
  expect(stored.length).toBeGreaterThan(1);
  for (const path of stored) expect(await alice.world.store.remove(path)).toBe(true);
  await alice.author.writer.putImmutable("alice", data, BROADCAST);
  await alice.world.devnet.mine(1);
  const found = await alice.world.reader().getImmutable("alice", contentKey(data));
  expect(found).toMatchObject({ found: true, data });
  expect(await alice.author.count("update")).toBe(1);
});
