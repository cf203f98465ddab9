import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { encodeHex } from "../../../../src/bytes/hex.js";
import { networks } from "../../../../src/chain/network.js";
import { sha256 } from "../../../../src/crypto/hash.js";
import { contentKey } from "../../../../src/immutable/key.js";
import { parseRecord } from "../../../../src/mutable/record.js";
import { checkSigned } from "../../../../src/plan/check-signed.js";
import { createCoin } from "../../../../src/plan/coin-selection.js";
import { planUpdate } from "../../../../src/plan/update.js";
import type { StorageProvider } from "../../../../src/ports.js";
import { immutableEntry } from "../../../../src/profile/entry.js";
import { buildIndex } from "../../../../src/profile/index-tree.js";
import { encodeProfile } from "../../../../src/profile/profile.js";
import { objectPath, recordPath } from "../../../../src/route/layout.js";
import { type Author, answering, onlyFor, Recorder, WriteWorld } from "./world.js";

let world: WriteWorld;
let author: Author;

beforeEach(async () => {
  world = await WriteWorld.start({ mine: "manual", stores: 2 });
  world.mineOnPoll();
  author = await world.author();
  await author.writer.registerName("alice");
});
afterEach(() => world.devnet.close());

const full = answering("store.write", () => Promise.reject(new Error("full")));
const anything = { kind: "object", maxBytes: 2_000_000 } as const;

function second(): StorageProvider {
  const [, store] = world.stores;
  if (store === undefined) throw new Error("no second store");
  return store;
}

/** A writer whose second store takes nothing. */
function halfDown() {
  return author.start({ gate: onlyFor(second(), full) }).writer;
}

/** Reads by the second store alone. */
function fromSecond() {
  return world.reader({ storage: [second()], allowHosts: [] });
}

/** The profile that a name's newest operation anchors, as its storage path. */
async function profilePath(): Promise<string> {
  const [last] = (await author.transactions()).slice(-1);
  return objectPath(encodeHex((last?.tx.outputs[0]?.script ?? new Uint8Array()).subarray(-32)));
}

/** Anchors a profile by hand, so that it can have more than one write would put in it. */
async function anchorProfile(bytes: Uint8Array): Promise<void> {
  for (const store of world.stores) await store.write(objectPath(contentKey(bytes)), bytes, { kind: "object" });
  const seal = createCoin((await author.transactions()).at(-1)?.tx ?? fail(), 1, author.account);
  const profileHash = sha256(bytes);
  const { regtest: network } = networks;
  const options = { network, kind: "update", name: "alice", seal, profileHash, feeRateSatsPerVbyte: 1 } as const;
  const [planned] = planUpdate(options).transactions;
  const [signed] = await author.wallet.signPsbts([{ psbt: planned.psbt, inputs: [0], description: "" }]);
  await world.devnet.submit(checkSigned(planned, signed ?? new Uint8Array()).raw);
  await world.devnet.mine(1);
}

function fail(): never {
  throw new Error("no seal");
}

describe("W2: a put that is called again with its txid", () => {
  it("stores the same signed record and the profile where they are missing, and sends no second transaction", async () => {
    const put = await halfDown().putMutable("alice", "id", utf8("1"));
    const [txid = ""] = put.txids;
    expect(await second().read(await profilePath(), anything)).toBeNull();
    const recorder = new Recorder();
    const { writer } = author.start({ gate: recorder.gate });
    const plan = await writer.plan.putMutable("alice", "id", utf8("1"), { txid });
    expect(plan).toMatchObject({ approvals: 0, transactions: [], affectedIds: [], cost: { feeSats: 0n } });
    const again = await writer.putMutable("alice", "id", utf8("1"), { txid, required: 2 });
    expect(again).toMatchObject({ txids: [txid], state: "done", record: put.record, route: put.route });
    expect(again.providers).toMatchObject([{ outcome: "held" }, { outcome: "stored" }]);
    expect(
      recorder.count("source.broadcast") + recorder.count("wallet.signPsbts") + recorder.count("signer.sign"),
    ).toBe(0);
    expect(await author.count("update")).toBe(1);
    expect(await fromSecond().getMutable("alice", "id")).toMatchObject({ data: utf8("1"), ver: 1 });
  });

  it("does so as often as it is called, and before the transaction is mined sends the same bytes", async () => {
    world.clock.onPoll = () => undefined;
    const put = await halfDown().putMutable("alice", "id", utf8("1"), { waitFor: "broadcast" });
    const [txid = ""] = put.txids;
    const recorder = new Recorder();
    const { writer } = author.start({ gate: recorder.gate });
    for (let times = 0; times < 2; times++) {
      const again = await writer.putMutable("alice", "id", utf8("1"), { txid, required: 2, waitFor: "broadcast" });
      expect(again).toMatchObject({ txids: [txid], state: "broadcast", record: put.record });
    }
    const sent = recorder.calls.filter(({ method }) => method === "broadcast").map(({ args }) => args[0] as Uint8Array);
    expect(new Set(sent.map(encodeHex)).size).toBe(1);
    world.mineOnPoll();
    const again = await writer.putMutable("alice", "id", utf8("1"), { txid });
    expect(again.state).toBe("done");
    expect(await author.count("update")).toBe(1);
    expect(await fromSecond().getMutable("alice", "id")).toMatchObject({ data: utf8("1") });
  });

  it("works from another device, with what a store still has", async () => {
    const { txids, record } = await halfDown().putMutable("alice", "id", utf8("1"));
    const again = await author
      .onAnotherDevice()
      .writer.putMutable("alice", "id", utf8("1"), { txid: txids[0], required: 2 });
    expect(again.record).toEqual(record);
    expect(await fromSecond().getMutable("alice", "id")).toMatchObject({ data: utf8("1") });
  });

  it("brings a record back that no store has any more", async () => {
    const { txids, route, record } = await author.writer.putMutable("alice", "id", utf8("1"));
    const path = recordPath({ network: "regtest", name: "alice", id: "id", epoch: route.epoch });
    for (const store of world.stores) await store.remove(path);
    await author.writer.putMutable("alice", "id", utf8("1"), { txid: txids[0], required: 2 });
    const stored = await second().read(path, { ...anything, kind: "record" });
    expect(parseRecord(stored?.bytes ?? new Uint8Array())).toEqual(record);
  });

  it("stores the index nodes too, also those beside the path", async () => {
    const entries = Array.from({ length: 32 }, (_, i) =>
      immutableEntry(contentKey(utf8(`${i}`)), { size: 1, type: null, name: null, urls: null }),
    );
    const index = await buildIndex(entries, () => Promise.reject(new Error("no nodes yet")));
    await anchorProfile(encodeProfile({ name: "alice", pubkey: null, storage: [], about: {}, index }));
    const put = await halfDown().putImmutable("alice", utf8("33"));
    const again = await author.writer.putImmutable("alice", utf8("33"), { txid: put.txids[0], required: 2 });
    expect(again).toMatchObject({ key: put.key, content: put.content, txids: put.txids, state: "done" });
    expect(await author.count("update")).toBe(2);
    const listed = await fromSecond().list("alice");
    const keys: string[] = [];
    if (listed.found) for await (const { key } of listed.entries) keys.push(key);
    expect(keys).toHaveLength(33);
    expect(await fromSecond().getImmutable("alice", put.key)).toMatchObject({ found: true });
  });

  it("leaves a record alone that was put since, says so, and stores what leads to it", async () => {
    const { txids } = await author.writer.putMutable("alice", "id", utf8("1"));
    await halfDown().putMutable("alice", "id", utf8("2"));
    await second().remove(await profilePath());
    const [txid] = txids;
    const again = author.onAnotherDevice().writer.putMutable("alice", "id", utf8("1"), { txid });
    await expect(again).rejects.toMatchObject({ code: "CONFLICT_RECORD_MOVED", details: { ver: 1, got: 2 } });
    expect(await second().read(await profilePath(), anything)).not.toBeNull();
    // With what is there now, it is that which goes everywhere.
    const { record } = await author.writer.putMutable("alice", "id", utf8("2"), { txid, required: 2 });
    expect(record.ver).toBe(2);
    expect(await fromSecond().getMutable("alice", "id")).toMatchObject({ data: utf8("2") });
  });

  it("is STORAGE_UNAVAILABLE while too few stores take it", async () => {
    const { txids } = await author.writer.putMutable("alice", "id", utf8("1"));
    for (const path of [await profilePath()]) await second().remove(path);
    const again = halfDown().putMutable("alice", "id", utf8("1"), { txid: txids[0], required: 2 });
    await expect(again).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE", details: { required: 2, stored: 1 } });
    for (const required of [0, 3]) {
      const wrong = author.writer.putImmutable("alice", utf8("1"), { txid: txids[0], required });
      await expect(wrong).rejects.toMatchObject({ code: "INPUT_INVALID" });
    }
  });
});

describe("W2: a txid that is refused", () => {
  it.each(["", "7".repeat(63), "A".repeat(64)])(
    "is no txid: %j is INPUT_INVALID before anything is asked",
    async (txid) => {
      const recorder = new Recorder();
      const { writer } = author.start({ gate: recorder.gate });
      await expect(writer.putMutable("alice", "id", utf8("1"), { txid })).rejects.toMatchObject({
        code: "INPUT_INVALID",
      });
      await expect(writer.putImmutable("alice", utf8("1"), { txid })).rejects.toMatchObject({ code: "INPUT_INVALID" });
      expect(recorder.calls).toEqual([]);
    },
  );

  it("is of no operation of the name, or of one of which nothing was sent", async () => {
    const unknown = { code: "INPUT_TXID_UNKNOWN", details: { name: "alice", txid: "77".repeat(32) } };
    const options = { txid: "77".repeat(32) };
    await expect(author.writer.putMutable("alice", "id", utf8("1"), options)).rejects.toMatchObject(unknown);
    await expect(author.writer.putImmutable("alice", utf8("1"), options)).rejects.toMatchObject(unknown);
    const plan = await author.writer.plan.putMutable("alice", "id", utf8("1"));
    const txid = plan.transactions[0]?.txid ?? "";
    await expect(author.writer.putMutable("alice", "id", utf8("1"), { txid })).rejects.toMatchObject({
      code: "INPUT_TXID_UNKNOWN",
    });
  });

  it("is of another writer's operation that is not at depth", async () => {
    world.clock.onPoll = () => undefined;
    const { txids } = await author.writer.putMutable("alice", "id", utf8("1"), { waitFor: "broadcast" });
    await world.devnet.mine(1);
    const other = author.onAnotherDevice().start({ reader: { minConfirmations: 3 } }).writer;
    await expect(other.putMutable("alice", "id", utf8("1"), { txid: txids[0] })).rejects.toMatchObject({
      code: "CONFLICT_PENDING",
      details: { operation: txids[0] },
    });
  });

  it("is of an operation that anchored something else, or nothing", async () => {
    const [register] = (await author.transactions()).filter(({ kind }) => kind === "register");
    const { txids } = await author.writer.putMutable("alice", "id", utf8("1"));
    const data = utf8("data");
    const later = await author.writer.putImmutable("alice", data);
    const because = (key: string, reason: string) => ({ code: "INPUT_TXID_MISMATCH", details: { key, reason } });
    const put = (id: string, text: string, txid: string | undefined) =>
      author.writer.putMutable("alice", id, utf8(text), { txid });
    await expect(put("id", "1", register?.txid)).rejects.toMatchObject(because("m:id", "it did not anchor it"));
    await expect(put("other", "1", later.txids[0])).rejects.toMatchObject(because("m:other", "it did not anchor it"));
    await expect(put("id", "2", txids[0])).rejects.toMatchObject(
      because("m:id", "no record of these data is known any more"),
    );
    const content = author.writer.putImmutable("alice", data, { txid: txids[0] });
    await expect(content).rejects.toMatchObject(because(`i:${contentKey(data)}`, "it did not anchor it"));
    const [preorder] = (await author.transactions()).filter(({ kind }) => kind === "preorder");
    await expect(put("id", "1", preorder?.txid)).rejects.toMatchObject(because("m:id", "it anchored no profile"));
    expect(await author.count("update")).toBe(2);
  });

  it("is of one that a later operation replaced", async () => {
    const { txids } = await author.writer.putMutable("alice", "id", utf8("1"));
    await author.writer.putMutable("alice", "id", utf8("1"), { maxAgeMs: 3_600_000 });
    const again = author.writer.putMutable("alice", "id", utf8("1"), { txid: txids[0] });
    await expect(again).rejects.toMatchObject({
      code: "INPUT_TXID_MISMATCH",
      details: { reason: "a later operation ended it" },
    });
  });
});
