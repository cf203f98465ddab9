import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { encodeHex } from "../../../../src/bytes/hex.js";
import { networks } from "../../../../src/chain/network.js";
import { addressOf } from "../../../../src/plan/address.js";
import { type Author, Recorder, WriteWorld } from "./world.js";

const { regtest } = networks;
const BROADCAST = { waitFor: "broadcast" } as const;
let world: WriteWorld;
let alice: Author;
let bob: Author;

beforeEach(async () => {
  world = await WriteWorld.start({ mine: "manual", stores: 2 });
  alice = await world.author();
  bob = await world.author();
  world.mineOnPoll();
  await alice.writer.registerName("anna");
});
afterEach(() => world.devnet.close());

describe("renewName", () => {
  it("C9: renews the clock and changes nothing else, whoever serves the profile", async () => {
    await alice.writer.putMutable("anna", "note", utf8("one"));
    await world.devnet.mine(100);
    const before = await world.reader().getName("anna");
    for (const store of [0, 1]) world.devnet.tamper({ store, how: "down" });
    const { txids } = await alice.writer.renewName("anna");
    for (const store of [0, 1]) world.devnet.tamper({ store, how: "honest" });
    const after = await world.reader().getName("anna");
    if (!before.found || !after.found) throw new Error("expected the name");
    const renewedAt = (await alice.transactions()).find(({ txid }) => txid === txids[0])?.height ?? 0;
    expect(after.name.changesAtHeight).toBe(renewedAt + regtest.termBlocks + 1);
    expect(after.name.changesAtHeight).toBeGreaterThan(before.name.changesAtHeight ?? 0);
    expect(await world.reader().getMutable("anna", "note")).toMatchObject({ found: true, data: utf8("one") });
  });

  it("C9: works in grace, under changes that are not mined yet, and once for all of them", async () => {
    await world.devnet.mine(regtest.termBlocks + 5);
    expect(await world.reader().getName("anna")).toMatchObject({ found: true, name: { status: "grace" } });
    world.clock.onPoll = () => undefined;
    const renewal = await alice.writer.renewName("anna", BROADCAST);
    // The same once more goes on with it, and so it does with any other change that is on its way.
    expect(await alice.writer.renewName("anna", BROADCAST)).toMatchObject({ id: renewal.id });
    await alice.writer.updateProfile("anna", { about: { n: 1 } }, BROADCAST);
    const change = await alice.writer.updateProfile("anna", { storage: [] }, BROADCAST);
    expect(await alice.writer.renewName("anna", BROADCAST)).toMatchObject({ id: change.id });
    await world.devnet.mine(1);
    const deep = alice.start({ reader: { minConfirmations: 3 } }).writer;
    expect(await deep.renewName("anna", BROADCAST)).toMatchObject({ id: renewal.id });
    expect(await alice.count("update")).toBe(3);
    expect(await world.reader().getProfile("anna")).toMatchObject({
      name: { status: "active" },
      profile: { about: { n: 1 }, storage: [] },
    });
  });

  it("costs one UPDATE that the seal pays for", async () => {
    const plan = await alice.writer.plan.renewName("anna", { feeRateSatsPerVbyte: 2 });
    expect(plan).toMatchObject({ cost: { feeSats: 316n, bondSats: 0n }, approvals: 1, affectedIds: [] });
    expect(plan.transactions).toMatchObject([{ description: 'Update "anna" on regtest: fee 316 sat' }]);
    expect(await alice.journal()).toEqual([]);
  });
});

describe("transferName", () => {
  it("W9: hands the name over without a profile; the new owner writes, the old one cannot", async () => {
    await alice.writer.putMutable("anna", "note", utf8("alice's"));
    const plan = await alice.writer.plan.transferName("anna", bob.account.script, { feeRateSatsPerVbyte: 1 });
    const to = addressOf(bob.account.script, regtest);
    expect(plan.transactions).toMatchObject([{ description: `Transfer "anna" to ${to} on regtest: fee 158 sat` }]);
    const handle = await plan.run();
    await handle.wait();
    expect(handle.state).toBe("done");
    expect(await world.reader().getMutable("anna", "note")).toMatchObject({ found: false, why: "no-profile" });
    expect(await world.reader().getName("anna")).toMatchObject({
      name: { status: "active", ownerScript: encodeHex(bob.account.script) },
    });
    await expect(alice.writer.putMutable("anna", "note", utf8("mine"))).rejects.toMatchObject({
      code: "WALLET_NOT_OWNER",
    });
    await bob.writer.putMutable("anna", "note", utf8("bob's"));
    expect(await world.reader().getMutable("anna", "note")).toMatchObject({ data: utf8("bob's") });
  });

  it("C3: takes an address of the network, and refuses what can own no name", async () => {
    await alice.writer.transferName("anna", addressOf(bob.account.script, regtest));
    expect(await world.reader().getName("anna")).toMatchObject({
      name: { ownerScript: encodeHex(bob.account.script) },
    });
    const { writer } = bob;
    for (const to of ["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "nobody", new Uint8Array(22), ""]) {
      await expect(writer.transferName("anna", to)).rejects.toMatchObject({ code: "INPUT_INVALID" });
    }
    await expect(writer.transferName("anna", bob.account.script)).rejects.toMatchObject({
      code: "INPUT_INVALID",
      details: { argument: "to" },
    });
    const pubkey = "ff".repeat(32);
    await expect(writer.transferName("anna", alice.account.script, { pubkey })).rejects.toMatchObject({
      code: "INPUT_KEY_INVALID",
    });
  });

  it("M6: a kept id begins a new life, without the old owner's keys and places", async () => {
    const { record, route } = await alice.writer.putMutable("anna", "note", utf8("alice's"));
    const { key } = await alice.writer.putImmutable("anna", utf8("kept"));
    const dropped = await alice.writer.putImmutable("anna", utf8("not kept"));
    const pubkey = encodeHex(bob.signer.publicKey);
    const keep = ["m:note", `i:${key}`];
    await alice.writer.transferName("anna", bob.account.script, { keep, pubkey, about: { of: "bob" } });
    const reader = world.reader();
    const { profile } = (await reader.getProfile("anna")) as { profile: object };
    expect(profile).toMatchObject({ pubkey, about: { of: "bob" }, storage: [] });
    expect(await reader.getImmutable("anna", key)).toMatchObject({ data: utf8("kept") });
    expect(await reader.getImmutable("anna", dropped.key)).toMatchObject({ found: false, why: "not-in-index" });
    await expect(reader.getMutable("anna", "note")).rejects.toMatchObject({ code: "RECORD_UNAVAILABLE" });
    const put = await bob.writer.putMutable("anna", "note", utf8("bob's"));
    expect(put.txids).toEqual([]);
    expect(put.route).toMatchObject({ pubkey: null, urls: [], minVer: null });
    expect(put.route.epoch).toBeGreaterThan(route.epoch);
    expect(await world.reader().getMutable("anna", "note")).toMatchObject({ data: utf8("bob's"), ver: record.ver });
    await expect(bob.writer.transferName("anna", alice.account.script, { keep: ["m:gone"] })).rejects.toMatchObject({
      code: "ROUTE_MISSING",
    });
  });

  it("W4: builds on changes that are not mined yet, and nothing builds on it", async () => {
    world.clock.onPoll = () => undefined;
    await alice.writer.updateProfile("anna", { about: { n: 1 } }, BROADCAST);
    const handle = await alice.writer.transferName("anna", bob.account.script, BROADCAST);
    const pending = { code: "CONFLICT_PENDING", details: { name: "anna", operation: handle.id } };
    await expect(alice.writer.updateProfile("anna", { about: { n: 2 } })).rejects.toMatchObject(pending);
    await expect(alice.writer.renewName("anna")).rejects.toMatchObject(pending);
    await expect(alice.writer.releaseName("anna")).rejects.toMatchObject(pending);
    await expect(
      alice.writer.transferName("anna", addressOf(Uint8Array.of(0, 20, ...new Uint8Array(20)), regtest)),
    ).rejects.toMatchObject(pending);
    // The same once more goes on with it.
    const again = await alice.writer.transferName("anna", bob.account.script, BROADCAST);
    expect(again).toMatchObject({ id: handle.id, txids: handle.txids });
    await world.devnet.mine(1);
    // Mined, but not where this reader reads: it is still the same one.
    const deep = alice.start({ reader: { minConfirmations: 3 } }).writer;
    expect(await deep.transferName("anna", bob.account.script, BROADCAST)).toMatchObject({ id: handle.id });
    await handle.wait();
    expect(await alice.count("transfer")).toBe(1);
    await expect(alice.writer.renewName("anna")).rejects.toMatchObject({ code: "WALLET_NOT_OWNER" });
    expect(await alice.journal()).toEqual([]);
  });
});

describe("releaseName", () => {
  it("pays the bond back, and the name resolves to nothing until it is free", async () => {
    const plan = await alice.writer.plan.releaseName("anna", { feeRateSatsPerVbyte: 1 });
    const { txid, vout } = await alice.seal("anna");
    const sealSats = await world.value({ txid, vout });
    expect(plan.cost).toEqual({ feeSats: 126n, bondSats: -1_000n, reserveSats: 1_000n - sealSats, beaconSats: 0n });
    await (await plan.run()).wait();
    const sent = (await alice.transactions()).find(({ kind }) => kind === "release");
    expect(sent?.tx.outputs[1]).toEqual({ valueSats: sealSats - 126n, script: alice.account.script });
    const released = sent?.height ?? 0;
    expect(await world.reader().getName("anna")).toMatchObject({
      found: false,
      why: "no-name",
      name: { status: "released", changesAtHeight: released + regtest.cooldownBlocks },
    });
    await expect(alice.writer.updateProfile("anna", {})).rejects.toMatchObject({
      code: "NAME_NOT_REGISTERED",
      details: { status: "released" },
    });
    await expect(bob.writer.registerName("anna")).rejects.toMatchObject({ code: "CONFLICT_NAME_TAKEN" });
    await world.devnet.mine(released + regtest.cooldownBlocks - world.devnet.height());
    const { tenure } = await bob.writer.registerName("anna");
    expect(await world.reader().getName("anna")).toMatchObject({ found: true, name: { tenure } });
  });

  it("pays where it is told to, and what came back can pay for other things", async () => {
    await alice.writer.releaseName("anna", { payTo: addressOf(bob.account.script, regtest) });
    const sent = (await alice.transactions()).find(({ kind }) => kind === "release");
    expect(sent?.tx.outputs[1]?.script).toEqual(bob.account.script);
    expect((await world.source.unspent(bob.account.script)).map(({ txid }) => txid)).toContain(sent?.txid);
    await expect(alice.writer.releaseName("anna", { payTo: "nowhere" })).rejects.toMatchObject({
      code: "INPUT_INVALID",
    });
  });

  it("W3: the same call once more goes on with the same RELEASE", async () => {
    world.clock.onPoll = () => undefined;
    const first = await alice.writer.releaseName("anna", BROADCAST);
    const recorder = new Recorder();
    const again = await alice.start({ gate: recorder.gate }).writer.releaseName("anna", BROADCAST);
    expect(again).toMatchObject({ id: first.id, txids: first.txids });
    expect(recorder.count("wallet.signPsbts")).toBe(0);
    await world.devnet.mine(1);
    await first.wait();
    expect(await alice.count("release")).toBe(1);
  });
});

it("W7: what stores nothing needs no storage", async () => {
  const { writer } = alice.start({ storage: [] });
  await writer.renewName("anna");
  await expect(writer.updateProfile("anna", {})).rejects.toMatchObject({ code: "PROFILE_UNAVAILABLE" });
  await writer.transferName("anna", bob.account.script);
  await bob.start({ storage: [] }).writer.releaseName("anna");
  expect(await world.reader().getName("anna")).toMatchObject({ found: false });
});

describe("a name that is not there", () => {
  it("is NAME_NOT_REGISTERED for each of them", async () => {
    const { writer } = bob;
    const refused = { code: "NAME_NOT_REGISTERED", details: { name: "nobody", status: "free" } };
    await expect(writer.renewName("nobody")).rejects.toMatchObject(refused);
    await expect(writer.transferName("nobody", alice.account.script)).rejects.toMatchObject(refused);
    await expect(writer.releaseName("nobody")).rejects.toMatchObject(refused);
    await expect(writer.recoverName("nobody")).rejects.toMatchObject(refused);
    await expect(writer.rotateKey("nobody", alice.signer)).rejects.toMatchObject(refused);
  });

  it("is WALLET_NOT_OWNER for somebody else", async () => {
    const { writer } = bob;
    const refused = { code: "WALLET_NOT_OWNER" };
    await expect(writer.renewName("anna")).rejects.toMatchObject(refused);
    await expect(writer.transferName("anna", bob.account.script)).rejects.toMatchObject(refused);
    await expect(writer.releaseName("anna")).rejects.toMatchObject(refused);
    await expect(writer.rotateKey("anna", bob.signer)).rejects.toMatchObject(refused);
  });
});
