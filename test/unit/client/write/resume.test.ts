import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { encodeJson, isJsonObject, parseJson } from "../../../../src/bytes/json.js";
import { networks } from "../../../../src/chain/network.js";
import { checkedCache } from "../../../../src/client/checked-cache.js";
import { mining, ownerOf } from "./copies.js";
import { type Author, answering, type Gate, Recorder, WriteWorld } from "./world.js";

let world: WriteWorld;
let author: Author;

beforeEach(async () => {
  world = await WriteWorld.start({ mine: "manual" });
  author = await ownerOf(world, "alice");
});
afterEach(() => world.devnet.close());

const broadcast = { waitFor: "broadcast" } as const;
const full: Gate = answering("store.write", () => Promise.reject(new Error("full")));
const unsent: Gate = answering("source.broadcast", () => Promise.reject(new Error("dead")));

async function put(id: string, text: string): Promise<void> {
  await mining(world, () => author.writer.putMutable("alice", id, utf8(text)));
}

/** Signs a record that reaches no provider. */
async function stuck(id: string, text: string): Promise<void> {
  const { writer } = author.start({ gate: full });
  await expect(writer.putMutable("alice", id, utf8(text))).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
}

/** Journals a change that is not sent. */
async function unsentChange(name = "alice"): Promise<string> {
  const { writer } = author.start({ gate: unsent });
  const change = writer.putImmutable(name, utf8("data"), broadcast);
  await expect(change).rejects.toMatchObject({ code: "CHAIN_BROADCAST_REFUSED" });
  return (await author.journal(name))[0]?.transactions[0]?.txid ?? "";
}

describe("W3: a record that is not stored yet", () => {
  it("is shown, and `resume` stores the very bytes that were signed", async () => {
    await put("notes", "1");
    await stuck("notes", "2");
    const [shown] = await author.writer.pending("alice");
    expect(shown).toMatchObject({
      id: expect.stringMatching(/^notes@\d+$/) as string,
      name: "alice",
      kind: "record",
      state: "pending",
      txids: [],
      affectedIds: ["m:notes"],
      affectedCount: 1,
    });
    expect(await author.writer.pending("other")).toEqual([]);
    expect(await author.writer.resume({ name: "other" })).toEqual([]);
    const recorder = new Recorder();
    // Without the signer: what is kept is complete.
    const { writer } = author.start({ gate: recorder.gate, signer: null, wallet: null });
    expect(await writer.resume({ name: "alice" })).toEqual([{ ...shown, outcome: "done", error: null }]);
    expect(recorder.count("signer.sign")).toBe(0);
    expect(await world.reader().getMutable("alice", "notes")).toMatchObject({ data: utf8("2"), ver: 2 });
    expect(await author.writer.pending()).toEqual([]);
    expect((await author.writer.putMutable("alice", "notes", utf8("3"))).record.ver).toBe(3);
  });

  it("gives way to a newer put of this program", async () => {
    await put("notes", "1");
    await stuck("notes", "2");
    await put("notes", "3");
    expect(await author.writer.pending()).toEqual([]);
    await author.writer.resume();
    expect(await world.reader().getMutable("alice", "notes")).toMatchObject({ data: utf8("3") });
  });

  it("W5: that another device has overtaken is given up, and the caller is told", async () => {
    await put("notes", "1");
    await stuck("notes", "2");
    await author.onAnotherDevice().writer.putMutable("alice", "notes", utf8("theirs"));
    expect(await author.writer.resume()).toMatchObject([
      { kind: "record", outcome: "failed", error: { code: "CONFLICT_RECORD_MOVED", details: { id: "notes" } } },
    ]);
    expect(await author.writer.pending()).toEqual([]);
    expect(await world.reader().getMutable("alice", "notes")).toMatchObject({ data: utf8("theirs") });
  });

  it.each(["deleted", "made again", "released", "lapsed"])("M6: whose route is %s is given up", async (how) => {
    await put("notes", "1");
    await stuck("notes", "2");
    const { writer } = author.onAnotherDevice();
    const { termBlocks, graceBlocks } = networks.regtest;
    await mining(world, async () => {
      if (how === "released") return writer.releaseName("alice");
      if (how === "lapsed") return world.devnet.mine(termBlocks + graceBlocks + 1);
      await writer.deleteMutable("alice", "notes");
      return how === "deleted" ? null : writer.putMutable("alice", "notes", utf8("new"));
    });
    expect(await author.writer.resume()).toMatchObject([{ outcome: "failed", error: { code: "CONFLICT_NAME_MOVED" } }]);
    expect(await author.writer.pending()).toEqual([]);
  });

  it("that fails again is kept, and does not keep others from being tried", async () => {
    await put("a", "1");
    await put("b", "1");
    await stuck("a", "2");
    await stuck("b", "2");
    await unsentChange();
    const gate: Gate = answering("store.write", (run, { args }) =>
      String(args[0]).includes("/a@") ? Promise.reject(new Error("full")) : run(),
    );
    const resumed = await mining(world, () => author.start({ gate }).writer.resume());
    expect(resumed).toMatchObject([
      { kind: "update", outcome: "done" },
      { affectedIds: ["m:a"], outcome: "failed", error: { code: "STORAGE_UNAVAILABLE" } },
      { affectedIds: ["m:b"], outcome: "done" },
    ]);
    expect(await author.writer.resume()).toMatchObject([{ affectedIds: ["m:a"], outcome: "done" }]);
    expect(await world.reader().getMutable("alice", "a")).toMatchObject({ data: utf8("2") });
  });
});

describe("W3: an operation that is not at depth", () => {
  it("W2: is sent again as it was signed, and never made a second time", async () => {
    const txid = await unsentChange();
    const [shown] = await author.writer.pending();
    expect(shown).toMatchObject({ kind: "update", state: "pending", txids: [txid], affectedCount: 1 });
    const recorder = new Recorder();
    const { writer } = author.start({ gate: recorder.gate, wallet: null, signer: null });
    expect(await writer.resume(broadcast)).toMatchObject([{ txids: [txid], outcome: "waiting", error: null }]);
    expect(recorder.count("source.broadcast")).toBe(1);
    // Blocks come when they come: a limited wait tells that it is not done.
    expect(await writer.resume({ timeoutMs: 1 })).toMatchObject([
      { outcome: "waiting", error: { code: "CHAIN_TIMEOUT" } },
    ]);
    await world.devnet.mine(1);
    expect(await writer.resume(broadcast)).toMatchObject([{ txids: [txid], outcome: "done" }]);
    expect(await author.count("update")).toBe(1);
    expect(await writer.pending()).toEqual([]);
  });

  it("that is a registration goes on step by step, without waiting for blocks", async () => {
    const gate = answering("source.broadcast", () => Promise.reject(new Error("dead")));
    await expect(author.start({ gate }).writer.registerName("bob", broadcast)).rejects.toThrow();
    const outcomes: unknown[] = [];
    for (let step = 0; step < 10 && outcomes.at(-1) !== "done"; step++) {
      const [resumed] = await author.writer.resume({ name: "bob", ...broadcast });
      expect(resumed).toMatchObject({ kind: "register", error: null });
      outcomes.push(resumed?.outcome);
      await world.devnet.mine(1);
    }
    expect(world.clock.polls).toBeGreaterThan(0);
    expect(outcomes.at(-1)).toBe("done");
    expect(outcomes.length).toBeGreaterThan(1);
    expect(await world.reader().getName("bob")).toMatchObject({ found: true });
    expect([await author.count("preorder"), await author.count("register")]).toEqual([2, 2]);
  });

  it("W4: that can count no more is reported and leaves, with what builds on it", async () => {
    await unsentChange();
    const child = author.start({ gate: unsent }).writer.plan.updateProfile("alice", { about: { n: 1 } });
    await (await child).run().catch(() => null);
    await mining(world, () => author.onAnotherDevice().writer.updateProfile("alice", { about: { n: 2 } }));
    const resumed = await author.writer.resume();
    expect(resumed.length).toBeGreaterThan(0);
    for (const { outcome, error } of resumed) {
      expect([outcome, error?.code]).toEqual(["failed", "CONFLICT_NAME_MOVED"]);
    }
    expect(await author.writer.pending()).toEqual([]);
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { about: { n: 2 } } });
  });

  it("of one name that fails leaves those of other names alone", async () => {
    await mining(world, () => author.writer.registerName("bob"));
    await unsentChange("alice");
    const txid = await unsentChange("bob");
    await mining(world, () => author.onAnotherDevice().writer.updateProfile("alice", { about: { n: 2 } }));
    const resumed = await mining(world, () => author.writer.resume());
    const outcomes = Object.fromEntries(resumed.map(({ name, outcome }) => [name, outcome]));
    expect(outcomes).toEqual({ alice: "failed", bob: "done" });
    expect((await author.transactions()).some((sent) => sent.txid === txid)).toBe(true);
  });

  it("of the first version of the journal is finished too", async () => {
    await unsentChange();
    const cache = checkedCache(author.cache);
    const [key = ""] = await cache.keys("journal/regtest/alice/");
    await cache.update(key, (bytes) => {
      const json = parseJson(bytes ?? utf8(""), { fail: (reason) => new Error(reason) });
      if (!isJsonObject(json)) throw new Error("no object");
      const { removes, parts, ...old } = json;
      expect([removes, parts]).toEqual([[], []]);
      return { value: utf8(encodeJson({ ...old, v: 1 })), result: undefined };
    });
    expect(await mining(world, () => author.writer.resume())).toMatchObject([{ outcome: "done" }]);
  });

  it("that was interrupted is shown, sends nothing, and gives way to the call made again", async () => {
    let isDead = false;
    const dies: Gate = ({ port, method }, run) => {
      isDead ||= port === "store" && method === "write";
      return isDead ? Promise.reject(new Error("dead")) : run();
    };
    await expect(author.start({ gate: dies }).writer.putMutable("alice", "notes", utf8("1"))).rejects.toThrow();
    expect(await author.writer.pending()).toMatchObject([{ state: "interrupted", affectedIds: ["m:notes"] }]);
    const recorder = new Recorder();
    const resumed = await author.start({ gate: recorder.gate }).writer.resume();
    expect(resumed).toMatchObject([{ outcome: "interrupted", error: null }]);
    expect(recorder.effects).toEqual([]);
    await put("notes", "2");
    expect(await author.writer.pending()).toEqual([]);
    expect(await author.count("update")).toBe(1);
  });
});

it("an abort ends `resume`, and everything stays", async () => {
  await put("notes", "1");
  await stuck("notes", "2");
  await unsentChange();
  const stop = new AbortController();
  const gate: Gate = answering("source.broadcast", () => {
    stop.abort();
    return Promise.reject(new Error("cut off"));
  });
  const resume = author.start({ gate }).writer.resume({ signal: stop.signal });
  await expect(resume).rejects.toMatchObject({ code: "NETWORK_ABORTED" });
  expect((await author.writer.pending()).map(({ kind }) => kind).sort()).toEqual(["record", "update"]);
  const resumed = await mining(world, () => author.writer.resume());
  expect(resumed.map(({ outcome }) => outcome)).toEqual(["done", "done"]);
});

it("a name that is none is refused", async () => {
  await expect(author.writer.pending("No")).rejects.toMatchObject({ code: "NAME_INVALID" });
  await expect(author.writer.resume({ name: "No" })).rejects.toMatchObject({ code: "NAME_INVALID" });
});
