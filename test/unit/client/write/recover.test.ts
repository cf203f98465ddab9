import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { encodeHex } from "../../../../src/bytes/hex.js";
import { networks } from "../../../../src/chain/network.js";
import { parseTransaction } from "../../../../src/chain/transaction.js";
import { type Author, answering, Recorder, WriteWorld } from "./world.js";

const { regtest } = networks;
const BROADCAST = { waitFor: "broadcast" } as const;
let world: WriteWorld;
let alice: Author;

beforeEach(async () => {
  world = await WriteWorld.start({ mine: "manual" });
  alice = await world.author(1_000_000n, 400_000n);
  world.mineOnPoll();
  await alice.writer.registerName("anna");
  await alice.writer.putMutable("anna", "note", utf8("one"));
});
afterEach(() => world.devnet.close());

/** Spends the seal by a plain payment, as a wallet does that does not know what it is. */
async function unseal(): Promise<string> {
  const seal = await alice.seal("anna");
  const valueSats = (await world.value(seal)) - 500n;
  const { txid } = await alice.spend([seal], [{ valueSats, script: alice.account.script }]);
  await world.devnet.mine(1);
  return txid;
}

describe("recoverName", () => {
  it("C8: seals an unsealed name again, with its profile, and everything goes on", async () => {
    const txid = await unseal();
    expect(await world.reader().getMutable("anna", "note")).toMatchObject({
      data: utf8("one"),
      name: { unsealed: { txid } },
    });
    await expect(alice.writer.updateProfile("anna", {})).rejects.toMatchObject({
      code: "NAME_UNSEALED",
      details: { txid },
    });
    // What takes no transaction goes on all the same.
    await alice.writer.putMutable("anna", "note", utf8("two"));
    expect(await world.reader().getMutable("anna", "note")).toMatchObject({ data: utf8("two") });
    for (const write of [
      () => alice.writer.putMutable("anna", "other", utf8("three")),
      () => alice.writer.putImmutable("anna", utf8("data")),
      () => alice.writer.renewName("anna"),
    ]) {
      await expect(write()).rejects.toMatchObject({ code: "NAME_UNSEALED" });
    }
    const plan = await alice.writer.plan.recoverName("anna", { feeRateSatsPerVbyte: 1 });
    expect(plan.cost).toMatchObject({ bondSats: 1_000n, reserveSats: 3_160n, beaconSats: 330n });
    await (await plan.run()).wait();
    expect(await world.reader().getName("anna")).toMatchObject({
      name: { status: "active", unsealed: null, ownerScript: encodeHex(alice.account.script) },
    });
    await alice.writer.putMutable("anna", "other", utf8("three"));
    expect(await world.reader().getMutable("anna", "note")).toMatchObject({ data: utf8("two") });
    expect(await world.reader().getMutable("anna", "other")).toMatchObject({ data: utf8("three") });
    expect(await alice.journal()).toEqual([]);
  });

  it("C7: a payment in the mempool that spends the seal is told apart from a change, and can be recovered from", async () => {
    const seal = await alice.seal("anna");
    const valueSats = (await world.value(seal)) - 500n;
    const { txid } = await alice.spend([seal], [{ valueSats, script: alice.account.script }]);
    const told = { code: "CONFLICT_PENDING", details: { name: "anna", operation: txid, unseals: true } };
    await expect(alice.writer.updateProfile("anna", {})).rejects.toMatchObject(told);
    await expect(alice.writer.recoverName("anna")).rejects.toMatchObject(told);
    expect(await world.reader().getName("anna")).toMatchObject({
      name: { status: "active", unsealed: null, pending: [{ txid, kind: null, height: null }] },
    });
    // What takes no transaction goes on all the same.
    await alice.writer.putMutable("anna", "note", utf8("two"));
    await world.devnet.mine(1);
    await alice.writer.recoverName("anna");
    expect(await world.reader().getMutable("anna", "note")).toMatchObject({
      data: utf8("two"),
      name: { unsealed: null },
    });
  });

  it("is NAME_SEALED where there is nothing to recover", async () => {
    await expect(alice.writer.recoverName("anna")).rejects.toMatchObject({ code: "NAME_SEALED" });
  });

  it("W3: the same call once more sends the same RECOVER, and nothing is built on it before it is mined", async () => {
    await unseal();
    world.clock.onPoll = () => undefined;
    const first = await alice.writer.recoverName("anna", BROADCAST);
    const recorder = new Recorder();
    const again = await alice.start({ gate: recorder.gate }).writer.recoverName("anna", BROADCAST);
    expect(again).toMatchObject({ id: first.id, txids: first.txids });
    expect(recorder.count("wallet.signPsbts")).toBe(0);
    await expect(alice.writer.updateProfile("anna", {})).rejects.toMatchObject({
      code: "CONFLICT_PENDING",
      details: { operation: first.id },
    });
    world.mineOnPoll();
    await first.wait();
    expect(await alice.journal()).toEqual([]);
  });

  it("C2: needs a confirmed coin of the owner script", async () => {
    const seal = await alice.seal("anna");
    const own = (await world.source.unspent(alice.account.script)).filter(({ txid }) => txid !== seal.txid);
    const other = await world.author();
    const all = [seal, ...own];
    let sats = 0n;
    for (const outpoint of all) sats += await world.value(outpoint);
    await alice.spend(all, [{ valueSats: sats - 2_000n, script: other.account.script }]);
    await world.devnet.mine(1);
    await expect(alice.writer.recoverName("anna", { feeRateSatsPerVbyte: 1 })).rejects.toMatchObject({
      code: "WALLET_FUNDS_INSUFFICIENT",
      message: expect.stringContaining("owner script") as string,
    });
    await world.devnet.faucet(alice.account.script, 50_000n);
    await alice.writer.recoverName("anna");
    expect(await world.reader().getName("anna")).toMatchObject({ name: { unsealed: null } });
  });

  it("W9: is not authorised by what a pending write spends", async () => {
    await unseal();
    world.clock.onPoll = () => undefined;
    const swallowed = answering("source.broadcast", () => undefined);
    await alice.start({ gate: swallowed }).writer.registerName("other", BROADCAST);
    const [other] = await alice.journal("other");
    const spent = parseTransaction(other?.transactions[0]?.raw ?? new Uint8Array()).inputs[0]?.outpoint;
    const { txids } = await alice.writer.recoverName("anna", BROADCAST);
    const { inputs } = await world.transaction(txids[0] ?? "");
    expect(inputs.map(({ outpoint }) => outpoint)).not.toContainEqual(spent);
  });

  it("W9: one that came too late is voided by the next operation", async () => {
    await unseal();
    world.clock.onPoll = () => undefined;
    // One device's RECOVER never reaches a node that mines; another device of the same owner is faster.
    const swallowed = answering("source.broadcast", () => undefined);
    const mine = alice.start({ gate: swallowed });
    const late = await mine.writer.recoverName("anna", { ...BROADCAST, feeRateSatsPerVbyte: 3 });
    const [lateEntry] = await alice.journal("anna");
    await world.devnet.faucet(alice.account.script, 5_000_000n);
    const elsewhere = alice.onAnotherDevice();
    world.mineOnPoll();
    await elsewhere.writer.recoverName("anna", { feeRateSatsPerVbyte: 1, reserveUpdates: 5 });
    await expect(late.wait()).rejects.toMatchObject({ code: "CONFLICT_NAME_MOVED" });
    expect(await alice.journal("anna")).toMatchObject([{ kind: "recover", id: late.id }]);

    const lateTx = parseTransaction(lateEntry?.transactions[0]?.raw ?? new Uint8Array());
    const plan = await alice.writer.plan.updateProfile("anna", { about: { n: 1 } }, { feeRateSatsPerVbyte: 1 });
    const handle = await plan.run();
    await handle.wait();
    const update = await world.transaction(handle.txids[0] ?? "");
    expect(update.inputs).toHaveLength(2);
    expect(update.inputs[1]?.outpoint).toEqual(lateTx.inputs[0]?.outpoint);
    // BIP125: what it replaces paid 3 sat/vB.
    expect(await world.fee(update)).toBeGreaterThan((await world.fee(lateTx)) + BigInt(update.strippedSize));
    // At depth nothing is left to be done.
    await alice.writer.updateProfile("anna", { about: { n: 2 } });
    expect(await alice.journal()).toEqual([]);
    const final = (await alice.transactions()).filter(({ kind }) => kind === "update").at(-1);
    expect(final?.tx.inputs).toHaveLength(1);
  });

  it("W9: one that was mined too late counts for nothing, and nothing has to be voided", async () => {
    await unseal();
    world.clock.onPoll = () => undefined;
    const swallowed = answering("source.broadcast", () => undefined);
    const mine = await alice.start({ gate: swallowed }).writer.recoverName("anna", BROADCAST);
    await world.devnet.faucet(alice.account.script, 5_000_000n);
    const { txids } = await alice.onAnotherDevice().writer.recoverName("anna", BROADCAST);
    await world.devnet.mine(1);
    const [entry] = await alice.journal("anna");
    await world.devnet.submit(entry?.transactions[0]?.raw ?? new Uint8Array());
    await world.devnet.mine(1);
    await expect(mine.wait()).rejects.toMatchObject({ code: "CONFLICT_NAME_MOVED", details: { got: txids[0] } });
    world.mineOnPoll();
    const handle = await alice.writer.updateProfile("anna", { about: { n: 1 } });
    expect((await world.transaction(handle.txids[0] ?? "")).inputs).toHaveLength(1);
    expect(await alice.journal()).toEqual([]);
  });

  it("W9: one that is not mined stays in the journal when the name is somebody else's", async () => {
    await unseal();
    world.clock.onPoll = () => undefined;
    const swallowed = answering("source.broadcast", () => undefined);
    const late = await alice.start({ gate: swallowed }).writer.recoverName("anna", BROADCAST);
    await world.devnet.mine(regtest.termBlocks + regtest.graceBlocks + 1);
    const bob = await world.author();
    world.mineOnPoll();
    await bob.writer.registerName("anna");
    await expect(late.wait()).rejects.toMatchObject({ code: "CONFLICT_NAME_TAKEN" });
    expect(await alice.journal("anna")).toMatchObject([{ id: late.id }]);
    // What it spends is kept from paying for anything else by mistake.
    expect((await alice.writer.reservedOutpoints()).map(({ why }) => why)).toContain("pending");
  });

  it("C9: not after the tenure has ended", async () => {
    await unseal();
    await world.devnet.mine(regtest.termBlocks + regtest.graceBlocks + 1);
    await expect(alice.writer.recoverName("anna")).rejects.toMatchObject({
      code: "NAME_NOT_REGISTERED",
      details: { status: "free" },
    });
  });
});
