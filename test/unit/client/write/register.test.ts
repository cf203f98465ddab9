import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeHex } from "../../../../src/bytes/hex.js";
import { networks } from "../../../../src/chain/network.js";
import { parseTransaction } from "../../../../src/chain/transaction.js";
import type { JournalEntry } from "../../../../src/client/write/journal.js";
import { sha256 } from "../../../../src/crypto/hash.js";
import { limits } from "../../../../src/limits.js";
import { parseName } from "../../../../src/name/name.js";
import { decodePayload, preorderCommitment } from "../../../../src/name/operation.js";
import { type Author, answering, type Gate, POLL_MS, Recorder, through, WriteWorld } from "./world.js";

const { maxAgeBlocks } = networks.regtest;

let world: WriteWorld;

beforeEach(async () => {
  world = await WriteWorld.start({ mine: "manual", sources: 2, stores: 2 });
});
afterEach(() => world.devnet.close());

/** Pays for a PREORDER and stops there; its block is not mined yet. */
async function preordered(author: Author, name: string): Promise<string> {
  return (await author.writer.registerName(name, { waitFor: "broadcast" })).tenure;
}

/** The raw REGISTER that an author holds back. */
async function heldRegister(author: Author, name: string): Promise<Uint8Array> {
  const [entry] = await author.journal(name);
  const raw = entry?.transactions[1]?.raw;
  if (raw === undefined) throw new Error("no REGISTER is journalled");
  return raw;
}

/** Sources that take every REGISTER and pass none of them on. */
const swallowRegister: Gate = answering("source.broadcast", (run, { args }) => {
  const output = parseTransaction(args[0] as Uint8Array).outputs[0];
  const payload = output === undefined ? null : decodePayload(output.script, output.valueSats);
  return payload?.is === "known" && payload.payload.kind === "register" ? undefined : run();
});

describe("a registration", () => {
  it("W1, W3: keeps salt and signed transactions, then stores the profile, and only then sends", async () => {
    const author = await world.author();
    world.mineOnPoll();
    const seen: { readonly call: string; readonly journal: readonly JournalEntry[] }[] = [];
    const watch: Gate = async ({ port, method }, run) => {
      const call = `${port}.${method}`;
      if (call === "store.write" || call === "source.broadcast") seen.push({ call, journal: await author.journal() });
      return run();
    };
    const { tenure, txids } = await author.start({ gate: watch }).writer.registerName("alice");
    expect(seen.map(({ call }) => call).slice(0, 3)).toEqual(["store.write", "store.write", "source.broadcast"]);
    for (const { journal } of seen) {
      expect(journal).toHaveLength(1);
      expect(journal[0]?.transactions.map(({ txid }) => txid)).toEqual(txids);
    }
    const [entry] = seen[0]?.journal ?? [];
    const salt = entry?.salt ?? new Uint8Array();
    const ownerScript = author.account.script;
    const commitment = preorderCommitment({ network: networks.regtest, name: parseName("alice"), salt, ownerScript });
    const committed = (await world.transaction(tenure)).outputs[0];
    expect(encodeHex(committed?.script ?? new Uint8Array())).toContain(encodeHex(commitment));
    expect(encodeHex(entry?.profileHash ?? new Uint8Array())).toBe(
      encodeHex(sha256(entry?.objects[0] ?? new Uint8Array())),
    );
    for (const { txid, raw } of entry?.transactions ?? []) expect(parseTransaction(raw).txid).toBe(txid);
  });

  it("W9: names the signer's key in the profile and makes a seal with the bond and a reserve", async () => {
    const author = await world.author();
    world.mineOnPoll();
    const { tenure } = await author.writer.registerName("alice", { about: { nick: "al" }, feeRateSatsPerVbyte: 2 });
    const found = await world.reader().getProfile("alice");
    const pubkey = encodeHex(author.signer.publicKey);
    expect(found).toMatchObject({ found: true, name: { tenure }, profile: { pubkey, about: { nick: "al" } } });
    const register = (await author.transactions()).find(({ kind }) => kind === "register");
    expect(register?.tx.inputs.map(({ outpoint }) => outpoint)).toEqual([{ txid: tenure, vout: 1 }]);
    expect(register?.tx.inputs[0]?.sequence).toBe(networks.regtest.minAgeBlocks);
    expect(register?.tx.outputs[1]?.valueSats).toBeGreaterThan(networks.regtest.bondSats);
  });

  it("W9: does not show the name before the PREORDER is mined", async () => {
    const author = await world.author();
    const waiting = author.writer.registerName("alice", { timeoutMs: 3 * POLL_MS });
    await expect(waiting).rejects.toMatchObject({ code: "CHAIN_TIMEOUT", details: { waitedMs: 3 * POLL_MS } });
    expect(await author.count("preorder")).toBe(1);
    expect(await author.count("register")).toBe(0);
    expect(await author.journal("alice")).toHaveLength(1);
  });

  it("is at depth when as many blocks hold it as the reader wants", async () => {
    const author = await world.author();
    world.mineOnPoll();
    await author.start({ reader: { minConfirmations: 4 } }).writer.registerName("alice");
    const register = (await author.transactions()).find(({ kind }) => kind === "register");
    expect(world.devnet.height()).toBe((register?.height ?? 0) + 3);
  });

  it("goes on with what an earlier program began, and asks the wallet for nothing", async () => {
    const author = await world.author();
    const tenure = await preordered(author, "alice");
    world.mineOnPoll();
    const recorder = new Recorder();
    const { writer } = author.start({ gate: recorder.gate });
    const plan = await writer.plan.registerName("alice");
    expect(plan).toMatchObject({ approvals: 0, transactions: [], cost: { feeSats: 0n, bondSats: 0n } });
    const handle = await writer.registerName("alice");
    expect(handle).toMatchObject({ tenure, state: "done" });
    expect(recorder.count("wallet.signPsbts")).toBe(0);
    expect(await author.count("preorder")).toBe(1);
  });

  it("is finished before anything else is written to its name", async () => {
    const author = await world.author();
    const tenure = await preordered(author, "alice");
    world.mineOnPoll();
    await author.writer.updateProfile("alice", { about: { n: 1 } });
    expect(await world.reader().getProfile("alice")).toMatchObject({ name: { tenure }, profile: { about: { n: 1 } } });
    expect(await author.journal()).toEqual([]);
  });

  it("lives in a cache that is not durable only as long as that cache", async () => {
    const author = await world.author();
    expect(author.cache.durable).toBe(false);
    await preordered(author, "alice");
    const elsewhere = await world.author();
    await expect(elsewhere.writer.updateProfile("alice", {})).rejects.toMatchObject({ code: "NAME_NOT_REGISTERED" });
    expect(await author.journal("alice")).toHaveLength(1);
    await author.cache.close();
    await expect(author.journal("alice")).rejects.toMatchObject({ code: "CACHE_UNAVAILABLE" });
  });

  it("planned only: signs, keeps, stores and sends nothing", async () => {
    const author = await world.author();
    const recorder = new Recorder();
    await author.start({ gate: recorder.gate }).writer.plan.registerName("alice");
    expect(recorder.effects).toEqual([]);
    expect(await author.journal()).toEqual([]);
    expect(await author.transactions()).toEqual([]);
  });
});

describe("C5: the age of a PREORDER", () => {
  it("may be MAX_AGE", async () => {
    const author = await world.author();
    const tenure = await preordered(author, "alice");
    await world.devnet.mine(maxAgeBlocks);
    world.mineOnPoll();
    await author.start({ reader: { minConfirmations: 3 } }).writer.registerName("alice");
    expect(await world.reader().getName("alice")).toMatchObject({ found: true, name: { tenure } });
  });

  it("above MAX_AGE is NAME_PREORDER_EXPIRED, once; then the name is registered anew", async () => {
    const author = await world.author();
    const txid = await preordered(author, "alice");
    await world.devnet.mine(maxAgeBlocks + 1);
    world.mineOnPoll();
    await expect(author.writer.registerName("alice")).rejects.toMatchObject({
      code: "NAME_PREORDER_EXPIRED",
      details: { name: "alice", txid, maxAgeBlocks },
    });
    expect(await author.count("register")).toBe(0);
    expect(await author.journal()).toEqual([]);
    await world.devnet.faucet(author.account.script, 500_000n);
    const { tenure } = await author.writer.registerName("alice");
    expect(tenure).not.toBe(txid);
    expect(await world.reader().getName("alice")).toMatchObject({ found: true, name: { tenure } });
  });

  it("is NAME_PREORDER_EXPIRED also for a REGISTER that was sent in time and never mined", async () => {
    const author = await world.author();
    const txid = await preordered(author, "alice");
    await world.devnet.mine(maxAgeBlocks);
    world.mineOnPoll();
    const { writer } = author.start({ gate: swallowRegister });
    await expect(writer.registerName("alice")).rejects.toMatchObject({
      code: "NAME_PREORDER_EXPIRED",
      details: { txid },
    });
    expect(await author.journal()).toEqual([]);
  });

  it("is NAME_PREORDER_EXPIRED also for a REGISTER that was mined one block too late", async () => {
    const author = await world.author();
    await preordered(author, "alice");
    const register = await heldRegister(author, "alice");
    await world.devnet.mine(maxAgeBlocks + 1);
    await world.devnet.submit(register);
    await world.devnet.mine(1);
    world.mineOnPoll();
    await expect(author.writer.registerName("alice")).rejects.toMatchObject({ code: "NAME_PREORDER_EXPIRED" });
    expect(await author.journal()).toEqual([]);
  });
});

describe("a name that somebody else holds", () => {
  it("is CONFLICT_NAME_TAKEN before anything is signed", async () => {
    const [alice, bob] = [await world.author(), await world.author()];
    world.mineOnPoll();
    const { tenure } = await alice.writer.registerName("alice");
    const recorder = new Recorder();
    const taken = bob.start({ gate: recorder.gate }).writer.registerName("alice");
    await expect(taken).rejects.toMatchObject({ code: "CONFLICT_NAME_TAKEN", details: { name: "alice", tenure } });
    expect(recorder.effects).toEqual([]);
  });

  it("since our PREORDER is CONFLICT_NAME_TAKEN, and no REGISTER is sent", async () => {
    const [alice, bob] = [await world.author(), await world.author()];
    await preordered(alice, "alice");
    world.mineOnPoll();
    const { tenure } = await bob.writer.registerName("alice");
    await expect(alice.writer.registerName("alice")).rejects.toMatchObject({
      code: "CONFLICT_NAME_TAKEN",
      details: { name: "alice", tenure },
    });
    expect(await alice.count("register")).toBe(0);
    expect(await alice.journal()).toEqual([]);
  });

  it("at the tip alone is waited for until a reorganisation cannot undo it", async () => {
    const [alice, bob] = [await world.author(), await world.author()];
    await preordered(alice, "alice");
    world.mineOnPoll();
    await bob.writer.registerName("alice");
    world.clock.onPoll = () => undefined;
    const options = { reader: { minConfirmations: 3 } };
    const waiting = alice.start(options).writer.registerName("alice", { timeoutMs: 2 * POLL_MS });
    await expect(waiting).rejects.toMatchObject({ code: "CHAIN_TIMEOUT" });
    expect(await alice.journal("alice")).toHaveLength(1);
    await world.devnet.mine(2);
    const given = alice.start(options).writer.registerName("alice");
    await expect(given).rejects.toMatchObject({ code: "CONFLICT_NAME_TAKEN" });
    expect(await alice.journal("alice")).toEqual([]);
  });

  it("is CONFLICT_NAME_TAKEN for the later of two that register at once", async () => {
    const [alice, bob] = [await world.author(), await world.author()];
    world.mineOnPoll();
    const ends = await Promise.allSettled([alice.writer.registerName("both"), bob.writer.registerName("both")]);
    const won = ends.flatMap((end) => (end.status === "fulfilled" ? [end.value.tenure] : []));
    const lost = ends.flatMap((end) => (end.status === "rejected" ? [end.reason as unknown] : []));
    expect(won).toHaveLength(1);
    expect(lost).toMatchObject([{ code: "CONFLICT_NAME_TAKEN", details: { tenure: won[0] } }]);
    expect(await world.reader().getName("both")).toMatchObject({ found: true, name: { tenure: won[0] } });
    expect([...(await alice.journal()), ...(await bob.journal())]).toEqual([]);
  });

  it("is CONFLICT_NAME_TAKEN also after their tenure, where our REGISTER was mined within it", async () => {
    const [alice, bob] = [await world.author(), await world.author()];
    await preordered(alice, "alice");
    const register = await heldRegister(alice, "alice");
    world.mineOnPoll();
    await bob.writer.registerName("alice");
    await world.devnet.submit(register);
    const { termBlocks, graceBlocks } = networks.regtest;
    await world.devnet.mine(termBlocks + graceBlocks + 2);
    await expect(alice.writer.registerName("alice")).rejects.toMatchObject({ code: "CONFLICT_NAME_TAKEN" });
    expect(await alice.journal()).toEqual([]);
  });
});

it("W9: of two registrations of one name over one cache, at once, one PREORDER is sent", async () => {
  const author = await world.author(1_000_000n, 1_000_000n);
  world.mineOnPoll();
  const ends = await Promise.allSettled([
    author.start().writer.registerName("alice"),
    author.start().writer.registerName("alice"),
  ]);
  const [entry] = ends.flatMap((end) => (end.status === "fulfilled" ? [end.value] : []));
  const lost = ends.flatMap((end) => (end.status === "rejected" ? [end.reason as unknown] : []));
  expect(lost).toMatchObject([{ code: "CONFLICT_PENDING", details: { name: "alice", operation: entry?.id } }]);
  expect(await author.count("preorder")).toBe(1);
  expect(await author.count("register")).toBe(1);
});

describe("V8: a flooded beacon", () => {
  const flood = (entries: number): Gate =>
    answering("source.history", async () =>
      Array.from({ length: entries }, (_, i) => ({ txid: i.toString(16).padStart(64, "0"), height: null })),
    );
  const most = limits.beaconMaxEntriesBeforeRegister;

  it("is NAME_BEACON_FLOODED before anything is signed", async () => {
    const author = await world.author();
    const recorder = new Recorder();
    const { writer } = author.start({ gate: through(recorder.gate, flood(most + 1)) });
    await expect(writer.registerName("alice")).rejects.toMatchObject({
      code: "NAME_BEACON_FLOODED",
      details: { name: "alice", entries: most + 1, max: most },
    });
    expect(recorder.effects).toEqual([]);
  });

  it("is let pass up to the limit, and with force", async () => {
    const author = await world.author();
    const quiet = author.start({ gate: flood(most) }).writer;
    expect(await quiet.plan.registerName("alice")).toMatchObject({ approvals: 1 });
    const forced = author.start({ gate: flood(most + 1) }).writer;
    expect(await forced.plan.registerName("alice", { force: true })).toMatchObject({ approvals: 1 });
  });
});
