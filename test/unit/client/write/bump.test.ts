import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { parseTransaction, type Transaction } from "../../../../src/chain/transaction.js";
import { signedFor } from "../../../../src/client/write/versions.js";
import { contentKey } from "../../../../src/immutable/key.js";
import { virtualSize } from "../../../../src/plan/bump.js";
import { type Author, answering, Recorder, WriteWorld } from "./world.js";

let world: WriteWorld;

beforeEach(async () => {
  world = await WriteWorld.start({ mine: "manual", sources: 2 });
});
afterEach(() => world.devnet.close());

const BROADCAST = { waitFor: "broadcast" } as const;
const at = (feeRateSatsPerVbyte: number) => ({ ...BROADCAST, feeRateSatsPerVbyte });

async function owner(name: string, ...valuesSats: readonly bigint[]): Promise<Author> {
  const author = await world.author(2_000_000n, ...valuesSats);
  world.mineOnPoll();
  await author.writer.registerName(name, { feeRateSatsPerVbyte: 1 });
  world.clock.onPoll = () => undefined;
  return author;
}

const sent = (txid: string | undefined): Promise<Transaction> => world.transaction(txid ?? "");

/** Fee and size of several transactions together, in sat/vB. */
async function packageRate(txids: readonly string[]): Promise<number> {
  let fee = 0n;
  let vbytes = 0;
  for (const txid of txids) {
    const tx = await sent(txid);
    fee += await world.fee(tx);
    vbytes += virtualSize(tx);
  }
  return Number(fee) / vbytes;
}

/** What vin 0, payload, owner and beacon are: the operation, whatever it pays. */
function essence({ inputs, outputs }: Transaction, count: number): unknown {
  const [authority] = inputs;
  return {
    vin0: authority?.outpoint,
    sequence: authority?.sequence,
    payload: outputs[0],
    scripts: outputs.slice(0, count).map(({ script }) => script),
    beacon: count > 2 ? outputs[2] : undefined,
  };
}

describe("bump of the last unmined operation replaces it", () => {
  it("an UPDATE: the seal's reserve pays, and the change is the same", async () => {
    const author = await owner("alice");
    const first = await author.writer.putImmutable("alice", utf8("1"), at(1));
    const plan = await author.writer.plan.bump(first.id, at(10));
    expect(plan).toMatchObject({ approvals: 1, cost: { feeSats: 1580n, bondSats: 0n } });
    expect(plan.transactions[0]?.description).toBe(
      'Raise the fee of the UPDATE of "alice" on regtest from 158 to 1580 sat',
    );
    const bumped = await plan.run();
    expect(bumped).toMatchObject({ id: first.id, bump: { how: "replacement", operation: first.id } });
    expect(bumped.txids).toEqual([bumped.bump.txid]);
    const [old] = await author.journal("alice");
    const before = parseTransaction(old?.transactions[0]?.earlier?.[0]?.raw ?? new Uint8Array());
    expect(before.txid).toBe(first.txids[0]);
    const after = await sent(bumped.bump.txid);
    expect(essence(after, 2)).toEqual(essence(before, 2));
    expect(after.inputs).toHaveLength(1);
    expect(await world.fee(after)).toBe(1580n);
    await expect(sent(before.txid)).rejects.toThrow("not there");
    await world.devnet.mine(1);
    // The handle of the original call knows of it too.
    await first.wait();
    expect(await author.journal()).toEqual([]);
    expect(await world.reader().getImmutable("alice", contentKey(utf8("1")))).toMatchObject({ found: true });
    expect(await author.count("update")).toBe(1);
  });

  it("W3: whoever waits for a batch or a delete learns the txid that was mined", async () => {
    const author = await owner("alice");
    const writes = [
      () => author.writer.batch("alice").putImmutable(utf8("1")).commit(at(1)),
      () => author.writer.deleteImmutable("alice", contentKey(utf8("1")), at(1)),
    ];
    for (const write of writes) {
      const handle = await write();
      const { bump } = await author.writer.bump(handle.id, at(10));
      await world.devnet.mine(1);
      await handle.wait();
      expect(handle.txids).toEqual([bump.txid]);
    }
  });

  it("pays what nodes want for a replacement, where the rate alone would be less", async () => {
    const author = await owner("alice");
    const first = await author.writer.updateProfile("alice", { about: { n: 1 } }, at(5));
    const { bump } = await author.writer.bump(first.txids[0] ?? "", at(1));
    // BIP125, rule 4: 5 sat/vB of the old one, and 1 sat/vB for its own relay.
    expect(await world.fee(await sent(bump.txid))).toBe(790n + 158n);
    const again = await author.writer.bump("alice", at(7));
    expect(await world.fee(await sent(again.bump.txid))).toBe(790n + 158n + 158n);
    const [entry] = await author.journal("alice");
    expect(entry?.transactions[0]?.earlier?.map(({ txid }) => txid)).toEqual([first.txids[0], bump.txid]);
    // Any txid that it has had names it.
    const third = await author.writer.bump(first.txids[0] ?? "", at(20));
    expect(third.id).toBe(first.id);
    await world.devnet.mine(1);
    await third.wait();
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { about: { n: 1 } } });
  });

  it("confirmed coins pay where the reserve does not suffice, and then their change", async () => {
    const author = await owner("alice", 50_000n);
    const first = await author.writer.renewName("alice", at(1));
    const { bump } = await author.writer.bump(first.id, at(40));
    const second = await sent(bump.txid);
    expect(second.inputs).toHaveLength(2);
    const vbytes = virtualSize(second);
    expect(await world.fee(second)).toBe(BigInt(vbytes * 40));
    const again = await author.writer.bump(first.id, at(60));
    const third = await sent(again.bump.txid);
    expect(third.inputs.map(({ outpoint }) => outpoint)).toEqual(second.inputs.map(({ outpoint }) => outpoint));
    expect(third.outputs[1]).toEqual(second.outputs[1]);
    expect(await world.fee(third)).toBe(BigInt(vbytes * 60));
    await world.devnet.mine(1);
    await again.wait();
    expect(await author.journal()).toEqual([]);
  });

  it("a TRANSFER keeps its new owner, a RELEASE its payee, a RECOVER its beacon", async () => {
    const author = await owner("alice");
    const bob = await world.author();
    const transfer = await author.writer.transferName("alice", bob.account.script, at(1));
    const before = await sent(transfer.txids[0]);
    const { bump } = await author.writer.bump("alice", at(9));
    expect(essence(await sent(bump.txid), 2)).toEqual(essence(before, 2));
    await world.devnet.mine(1);
    await transfer.wait();

    const carol = await world.author();
    const release = await bob.writer.releaseName("alice", { ...at(1), payTo: carol.account.script });
    const released = await sent(release.txids[0]);
    const second = await sent((await bob.writer.bump("alice", at(9))).bump.txid);
    expect(essence(second, 2)).toEqual(essence(released, 2));
    expect(await world.fee(second)).toBe(9n * BigInt(virtualSize(second)));
    await world.devnet.mine(1);
    await release.wait();
    expect(await bob.journal()).toEqual([]);
  });

  it("a RECOVER", async () => {
    const author = await owner("alice", 300_000n);
    const seal = await author.seal("alice");
    await author.spend([seal], [{ valueSats: (await world.value(seal)) - 500n, script: author.account.script }]);
    await world.devnet.mine(1);
    const recover = await author.writer.recoverName("alice", at(1));
    const before = await sent(recover.txids[0]);
    const after = await sent((await author.writer.bump(recover.id, at(30))).bump.txid);
    expect(essence(after, 3)).toEqual(essence(before, 3));
    expect(await world.fee(after)).toBe(30n * BigInt(virtualSize(after)));
    await world.devnet.mine(1);
    await recover.wait();
    expect(await world.reader().getName("alice")).toMatchObject({ name: { unsealed: null } });
    expect(await author.journal()).toEqual([]);
  });

  it("C5: a REGISTER whose PREORDER is mined; the tenure stays", async () => {
    const author = await world.author();
    const { writer } = author;
    const handle = await writer.registerName("alice", at(1));
    await world.devnet.mine(1);
    const waiting = handle.wait();
    let polls = 0;
    let txid = "";
    world.clock.onPoll = async () => {
      polls++;
      if (polls === 3) {
        const bumped = await author.writer.bump(handle.id, at(6));
        txid = bumped.bump.txid;
        expect(bumped.bump.how).toBe("replacement");
      }
      if (polls > 4) await world.devnet.mine(1);
    };
    await waiting;
    const [preorder, register] = await author.transactions();
    expect(register).toMatchObject({ txid, kind: "register" });
    expect(essence(register?.tx as Transaction, 3)).toMatchObject({
      vin0: { txid: preorder?.txid, vout: 1 },
      sequence: 1,
    });
    expect(await world.fee(register?.tx as Transaction)).toBe(6n * BigInt(virtualSize(register?.tx as Transaction)));
    expect(await world.reader().getName("alice")).toMatchObject({ name: { tenure: handle.tenure } });
    expect(await author.journal()).toEqual([]);
  });
});

describe("W9: bump of a PREORDER", () => {
  it("is a child that spends its change; REGISTER and tenure stay", async () => {
    const author = await world.author();
    const handle = await author.writer.registerName("alice", at(1));
    const plan = await author.writer.plan.bump("alice", at(8));
    expect(plan.transactions[0]?.description).toContain("PREORDER");
    const bumped = await plan.run();
    expect(bumped).toMatchObject({ id: handle.id, txids: handle.txids, bump: { how: "child" } });
    const child = await sent(bumped.bump.txid);
    expect(child.inputs.map(({ outpoint }) => outpoint)).toEqual([{ txid: handle.tenure, vout: 2 }]);
    const rate = await packageRate([handle.tenure, child.txid]);
    expect(rate).toBeGreaterThanOrEqual(8);
    expect(rate).toBeLessThan(8.1);
    // Its coins are reserved, and it is sent again.
    expect(await author.writer.reservedOutpoints()).toContainEqual(
      expect.objectContaining({ txid: handle.tenure, vout: 2, why: "pending" }),
    );
    const more = await author.writer.bump(handle.tenure, at(20));
    expect((await sent(more.bump.txid)).inputs.map(({ outpoint }) => outpoint)).toEqual(
      child.inputs.map(({ outpoint }) => outpoint),
    );
    await expect(sent(child.txid)).rejects.toThrow("not there");
    const recorder = new Recorder();
    const resumed = await author.start({ gate: recorder.gate }).writer.registerName("alice", BROADCAST);
    expect(recorder.count("source.broadcast")).toBe(4);
    world.mineOnPoll();
    await resumed.wait();
    expect(await world.reader().getName("alice")).toMatchObject({ name: { tenure: handle.tenure } });
    expect(await author.journal()).toEqual([]);
  });

  it("is WALLET_FUNDS_INSUFFICIENT without change", async () => {
    const { cost } = await (await world.author()).writer.plan.registerName("alice", at(1));
    const author = await world.author(cost.feeSats + cost.bondSats + cost.reserveSats + cost.beaconSats);
    const handle = await author.writer.registerName("alice", at(1));
    expect((await sent(handle.tenure)).outputs).toHaveLength(2);
    await expect(author.writer.bump("alice", at(8))).rejects.toMatchObject({
      code: "WALLET_FUNDS_INSUFFICIENT",
      message: expect.stringContaining("has no change") as string,
    });
  });
});

describe("W4: bump of an operation that others build on", () => {
  it("replaces the last one, which pays for all of them", async () => {
    const author = await owner("alice", 100_000n);
    const handles = [];
    for (const n of [1, 2, 3]) handles.push(await author.writer.updateProfile("alice", { about: { n } }, at(1)));
    const [first, second, third] = handles;
    const plan = await author.writer.plan.bump(first?.id ?? "", at(5));
    expect(plan.transactions[0]?.description).toContain("and so that of 2 below it");
    const bumped = await plan.run();
    expect(bumped).toMatchObject({ id: first?.id, txids: first?.txids, bump: { operation: third?.id } });
    const txids = [...(first?.txids ?? []), ...(second?.txids ?? []), bumped.bump.txid];
    const rate = await packageRate(txids);
    expect(rate).toBeGreaterThanOrEqual(5);
    expect(rate).toBeLessThan(5.1);
    await world.devnet.mine(1);
    for (const handle of handles) await handle.wait();
    expect(await author.journal()).toEqual([]);
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { about: { n: 3 } } });
    expect(await author.count("update")).toBe(3);
  });

  it("whose older version is mined voids what builds on the newer: CONFLICT_NAME_MOVED", async () => {
    const author = await owner("alice", 100_000n);
    const first = await author.writer.updateProfile("alice", { about: { n: 1 } }, at(1));
    const [before] = await author.journal("alice");
    await author.writer.bump(first.id, at(5));
    const second = await author.writer.updateProfile("alice", { about: { n: 2 } }, at(5));
    await world.devnet.reorg({ depth: 1, transactions: [before?.transactions[0]?.raw ?? new Uint8Array()] });
    await first.wait();
    await expect(second.wait()).rejects.toMatchObject({ code: "CONFLICT_NAME_MOVED" });
    expect(await author.journal()).toEqual([]);
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { about: { n: 1 } } });
    world.mineOnPoll();
    await author.writer.updateProfile("alice", { about: { n: 2 } });
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { about: { n: 2 } } });
  });

  it("a change made while another run replaces what it builds on sends nothing", async () => {
    const author = await owner("alice", 100_000n);
    const first = await author.writer.updateProfile("alice", { about: { n: 1 } }, at(1));
    const recorder = new Recorder();
    const { writer } = author.start({ gate: recorder.gate });
    const plan = await writer.plan.updateProfile("alice", { about: { n: 2 } }, at(1));
    await author.writer.bump(first.id, at(5));
    await expect(plan.run()).rejects.toMatchObject({ code: "CONFLICT_NAME_MOVED" });
    const entries = await author.journal("alice");
    expect(entries).toHaveLength(1);
    // What is pending already may be sent again; the change itself is not.
    const known = entries.flatMap(signedFor).map(({ txid }) => txid);
    const broadcast = recorder.calls.filter(({ method }) => method === "broadcast");
    for (const { args } of broadcast) expect(known).toContain(parseTransaction(args[0] as Uint8Array).txid);
    await author.writer.updateProfile("alice", { about: { n: 2 } }, at(1));
    await world.devnet.mine(1);
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { about: { n: 2 } } });
  });

  it("a bump planned before something was built on it replaces nothing", async () => {
    const author = await owner("alice", 100_000n);
    const first = await author.writer.updateProfile("alice", { about: { n: 1 } }, at(1));
    const plan = await author.writer.plan.bump(first.id, at(5));
    const second = await author.writer.updateProfile("alice", { about: { n: 2 } }, at(1));
    await expect(plan.run()).rejects.toMatchObject({ code: "CONFLICT_PENDING", details: { operation: second.id } });
    await world.devnet.mine(1);
    await second.wait();
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { about: { n: 2 } } });
  });
});

describe("bump is refused", () => {
  it("for what is unknown, mined or unsent", async () => {
    const author = await owner("alice");
    await expect(author.writer.bump("00".repeat(32))).rejects.toMatchObject({
      code: "INPUT_OPERATION_NOT_PENDING",
      details: { state: "unknown" },
    });
    await expect(author.writer.bump("alice")).rejects.toMatchObject({ details: { state: "unknown" } });
    const first = await author.writer.renewName("alice", at(1));
    const reader = { minConfirmations: 3 };
    await world.devnet.mine(1);
    await expect(author.start({ reader }).writer.bump(first.id)).rejects.toMatchObject({
      code: "INPUT_OPERATION_NOT_PENDING",
      details: { state: "mined" },
    });
    await author.start().writer.plan.renewName("alice", at(1));
    const dies = answering("store.write", async () => {
      world.clock.onPoll = () => undefined;
      await expect(author.writer.bump("alice")).rejects.toMatchObject({ details: { state: "unsent" } });
      throw new Error("full");
    });
    await expect(author.start({ gate: dies }).writer.putMutable("alice", "notes", utf8("1"))).rejects.toThrow();
  });

  it("above the guards on fees", async () => {
    const author = await owner("alice");
    const first = await author.writer.renewName("alice", at(1));
    for (const guards of [{ maxFeeSats: 500n }, { maxFeeRateSatsPerVbyte: 9 }]) {
      await expect(author.writer.bump(first.id, { ...at(10), ...guards })).rejects.toMatchObject({
        code: "INPUT_FEE_TOO_HIGH",
      });
    }
  });

  it("where an unmined payment spends its change: it would become void", async () => {
    const author = await owner("alice");
    await author.writer.releaseName("alice", at(1));
    const txid = (await author.journal("alice"))[0]?.transactions[0]?.txid ?? "";
    const valueSats = (await world.value({ txid, vout: 1 })) - 500n;
    const payment = await author.spend([{ txid, vout: 1 }], [{ valueSats, script: author.account.script }]);
    await expect(author.writer.bump("alice", at(20))).rejects.toMatchObject({
      code: "CONFLICT_PENDING",
      details: { operation: payment.txid },
    });
  });

  it("W4: once another device moved the name", async () => {
    const author = await owner("alice");
    const swallowed = answering("source.broadcast", () => undefined);
    const first = await author.start({ gate: swallowed }).writer.renewName("alice", at(1));
    world.mineOnPoll();
    await author.onAnotherDevice().writer.updateProfile("alice", { about: { n: 1 } });
    await expect(author.writer.bump(first.id, at(9))).rejects.toMatchObject({ code: "CONFLICT_NAME_MOVED" });
    expect(await author.journal()).toEqual([]);
  });

  it("by every source: then the old version stays the newest, and changes build on it", async () => {
    const author = await owner("alice");
    const first = await author.writer.updateProfile("alice", { about: { n: 1 } }, at(3));
    const { HawserError } = await import("../../../../src/errors.js");
    const refusing = answering("source.broadcast", (run, { args }) => {
      const raw = args[0] as Uint8Array;
      if (parseTransaction(raw).txid === first.txids[0]) return run();
      throw new HawserError("CHAIN_BROADCAST_REFUSED", "insufficient fee", { txid: "", attempts: [] });
    });
    const bump = author.start({ gate: refusing }).writer.bump(first.id, at(9));
    await expect(bump).rejects.toMatchObject({ code: "CHAIN_BROADCAST_REFUSED" });
    expect((await author.journal("alice"))[0]?.transactions[0]).toMatchObject({ txid: first.txids[0] });
    await author.writer.updateProfile("alice", { about: { n: 2 } }, at(3));
    await world.devnet.mine(1);
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { about: { n: 2 } } });
  });
});
