import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { memoryCache } from "../../src/cache/memory.js";
import type { TransactionOutput } from "../../src/chain/transaction.js";
import { HawserError } from "../../src/errors.js";
import { encodePayload, payloadScript } from "../../src/name/operation.js";
import { checkSigned } from "../../src/plan/check-signed.js";
import { createCoin, type FundingCoin } from "../../src/plan/coin-selection.js";
import { createPsbt } from "../../src/plan/psbt.js";
import type { UnspentOutput } from "../../src/ports.js";
import { type Author, answering, type Gate, Recorder, through, WriteWorld } from "../unit/client/write/world.js";

let world: WriteWorld;

beforeEach(async () => {
  world = await WriteWorld.start({ mine: "manual" });
});
afterEach(() => world.devnet.close());

async function owner(name: string, ...values: readonly bigint[]): Promise<Author> {
  const author = await world.author(...values);
  world.mineOnPoll();
  await author.writer.registerName(name);
  world.clock.onPoll = () => undefined;
  return author;
}

/** Spends coins of an author by hand, for a fee that replaces any of their other transactions. */
async function spend(
  author: Author,
  coins: readonly FundingCoin[],
  first: readonly TransactionOutput[] = [],
): Promise<string> {
  const valueSats = coins.reduce((sum, coin) => sum + coin.valueSats, 0n) - 40_000n;
  const { psbt } = createPsbt(coins, [...first, { script: author.account.script, valueSats }]);
  const inputs = coins.map((_, i) => i);
  const [signed] = await author.wallet.signPsbts([{ psbt, inputs, description: "" }]);
  return world.devnet.submit(checkSigned({ psbt }, signed ?? new Uint8Array()).raw);
}

/** The confirmed coins of an author. */
async function coinsOf(author: Author): Promise<readonly FundingCoin[]> {
  const coins = await world.source.unspent(author.account.script);
  return Promise.all(
    coins.map(async ({ txid, vout }) => createCoin(await world.transaction(txid), vout, author.account)),
  );
}

const away: Gate = answering("source.broadcast", () => Promise.reject(new Error("away")));

describe("W4: two devices with one key change one name", () => {
  it("from one state: the second is CONFLICT_NAME_MOVED, and on the newer state nothing of the first is lost", async () => {
    const author = await owner("alice");
    const [one, two] = [author.start(), author.start({ cache: memoryCache() })];
    const plan = await two.writer.plan.updateProfile("alice", { about: { by: "two" } });
    world.mineOnPoll();
    const { txids } = await one.writer.putImmutable("alice", utf8("by one"));
    await expect(plan.run()).rejects.toMatchObject({
      code: "CONFLICT_NAME_MOVED",
      details: {
        name: "alice",
        got: `${txids[0] ?? ""}:1`,
        expected: expect.stringMatching(/^[0-9a-f]{64}:1$/) as string,
      },
    });
    expect(await author.count("update")).toBe(1);
    await two.writer.updateProfile("alice", { about: { by: "two" } });
    const { key } = await one.writer.putImmutable("alice", utf8("by one"));
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { about: { by: "two" } } });
    expect(await world.reader().getImmutable("alice", key)).toMatchObject({ found: true });
  });

  it("while the first is not mined: CONFLICT_PENDING for a change, CONFLICT_NAME_MOVED for one that was planned", async () => {
    const author = await owner("alice");
    const cache = memoryCache();
    const two = author.start({ cache }).writer;
    const plan = await two.plan.updateProfile("alice", { about: { by: "two" } });
    const { txids } = await author.writer.updateProfile("alice", { about: { by: "one" } }, { waitFor: "broadcast" });
    const [operation] = txids;
    await expect(two.updateProfile("alice", {})).rejects.toMatchObject({
      code: "CONFLICT_PENDING",
      details: { operation },
    });
    await expect(plan.run()).rejects.toMatchObject({ code: "CONFLICT_NAME_MOVED", details: { got: operation } });
    expect(await cache.keys("journal/")).toEqual([]);
    await world.devnet.mine(1);
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { about: { by: "one" } } });
  });

  it("and the second outbids the first: the first is told, not left waiting", async () => {
    const author = await owner("alice");
    const two = author.start({ cache: memoryCache() }).writer;
    const plan = await two.plan.updateProfile("alice", { about: { by: "two" } }, { feeRateSatsPerVbyte: 50 });
    let polls = 0;
    world.clock.onPoll = async () => {
      if (++polls === 1) await plan.run();
      if (polls === 3) await world.devnet.mine(1);
    };
    // One block that holds the other's UPDATE tells enough, however deep this reader looks.
    const { writer } = author.start({ reader: { minConfirmations: 4 } });
    const first = writer.updateProfile("alice", { about: { by: "one" } });
    await expect(first).rejects.toMatchObject({ code: "CONFLICT_NAME_MOVED" });
    expect(await author.journal()).toEqual([]);
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { about: { by: "two" } } });
  });

  it("at once, again and again: every change that was reported is there", async () => {
    const author = await owner("alice", 5_000_000n);
    world.mineOnPoll();
    const devices = [author.start(), author.start({ cache: memoryCache() }), author.start({ cache: memoryCache() })];
    const reported: string[] = [];
    const codes = new Set<unknown>();
    for (let round = 0; round < 4; round++) {
      const puts = devices.map(({ writer }, i) => writer.putImmutable("alice", utf8(`${i} ${round}`)));
      for (const end of await Promise.allSettled(puts)) {
        if (end.status === "fulfilled") reported.push(end.value.key);
        else codes.add((end.reason as { code?: unknown }).code);
      }
      await world.devnet.mine(1);
    }
    expect(reported.length).toBeGreaterThanOrEqual(4);
    for (const key of reported) expect(await world.reader().getImmutable("alice", key)).toMatchObject({ found: true });
    for (const code of codes) expect(["CONFLICT_NAME_MOVED", "CONFLICT_PENDING"]).toContain(code);
    expect(await author.journal()).toEqual([]);
  });

  it("put one record at once: one version each, or CONFLICT_RECORD_MOVED (W5)", async () => {
    const author = await owner("alice");
    world.mineOnPoll();
    await author.writer.putMutable("alice", "id", utf8("0"));
    const devices = [author.start(), author.start({ cache: memoryCache() })];
    const ends = await Promise.allSettled(
      devices.map(({ writer }, i) => writer.putMutable("alice", "id", utf8(`by ${i}`))),
    );
    const versions = ends.flatMap((end) => (end.status === "fulfilled" ? [end.value.record.ver] : []));
    const errors = ends.flatMap((end) => (end.status === "rejected" ? [end.reason as unknown] : []));
    expect(new Set(versions).size).toBe(versions.length);
    expect(versions.length).toBeGreaterThan(0);
    for (const error of errors) expect(error).toMatchObject({ code: "CONFLICT_RECORD_MOVED" });
    expect(await world.reader().getMutable("alice", "id")).toMatchObject({ ver: Math.max(...versions) });
  });
});

describe("a name whose seal was spent by something else", () => {
  it("is NAME_UNSEALED for every change", async () => {
    const author = await owner("alice");
    const seal = (await author.transactions()).find(({ kind }) => kind === "register");
    if (seal === undefined) throw new Error("no seal");
    const change = (await coinsOf(author)).filter(({ outpoint }) => outpoint.txid !== seal.txid);
    const txid = await spend(author, [createCoin(seal.tx, 1, author.account), ...change]);
    await world.devnet.mine(1);
    const unsealed = { code: "NAME_UNSEALED", details: { name: "alice", txid } };
    await expect(author.writer.updateProfile("alice", {})).rejects.toMatchObject(unsealed);
    await expect(author.writer.putMutable("alice", "id", utf8("1"))).rejects.toMatchObject(unsealed);
  });
});

describe("a name that was released", () => {
  it("is NAME_NOT_REGISTERED for changes and CONFLICT_NAME_TAKEN for a registration; its bond pays again", async () => {
    const author = await owner("alice");
    const register = (await author.transactions()).find(({ kind }) => kind === "register");
    if (register === undefined) throw new Error("no seal");
    const coins = [createCoin(register.tx, 1, author.account), ...(await coinsOf(author))];
    const distinct = coins.filter(
      (coin, i) => coins.findIndex((one) => one.outpoint.txid === coin.outpoint.txid) === i,
    );
    const release = { script: payloadScript(encodePayload({ kind: "release" })), valueSats: 0n };
    await spend(author, distinct, [release]);
    await world.devnet.mine(1);
    await expect(author.writer.updateProfile("alice", {})).rejects.toMatchObject({
      code: "NAME_NOT_REGISTERED",
      details: { status: "released" },
    });
    await expect(author.writer.registerName("alice")).rejects.toMatchObject({ code: "CONFLICT_NAME_TAKEN" });
    world.mineOnPoll();
    // Nothing else is left than vout 1 of the RELEASE.
    await author.writer.registerName("bob");
    expect(await author.count("preorder")).toBe(2);
  });
});

describe("coins that are spent elsewhere", () => {
  it("before the PREORDER was sent: it is given up once that is at depth, and the name is registered anew", async () => {
    const author = await world.author();
    const deep = { reader: { minConfirmations: 3 } };
    const first = author.start({ ...deep, gate: away }).writer.registerName("alice");
    await expect(first).rejects.toMatchObject({ code: "CHAIN_BROADCAST_REFUSED" });
    await spend(author, await coinsOf(author));
    const refused = { code: "CHAIN_BROADCAST_REFUSED" };
    // In the mempool, at the tip, one below: a reorganisation may still undo it.
    for (let depth = 0; depth < 3; depth++) {
      await expect(author.start(deep).writer.registerName("alice")).rejects.toMatchObject(refused);
      expect(await author.journal()).toHaveLength(1);
      await world.devnet.mine(1);
    }
    await expect(author.start(deep).writer.registerName("alice")).rejects.toMatchObject(refused);
    expect(await author.journal()).toEqual([]);
    world.mineOnPoll();
    await author.start(deep).writer.registerName("alice");
    expect(await author.count("register")).toBe(1);
  });

  it("while the PREORDER waits: the writer stops waiting for it", async () => {
    const author = await world.author();
    const coins = await coinsOf(author);
    let polls = 0;
    world.clock.onPoll = async () => {
      if (++polls === 2) await spend(author, coins);
      if (polls === 4) await world.devnet.mine(1);
    };
    await expect(author.writer.registerName("alice")).rejects.toMatchObject({ code: "CHAIN_BROADCAST_REFUSED" });
    expect(await author.journal()).toEqual([]);
    expect(await author.count("register")).toBe(0);
  });

  it("while an UPDATE waits that they pay for: the writer stops waiting for it, and the name is as it was", async () => {
    const author = await world.author();
    world.mineOnPoll();
    await author.writer.registerName("alice", { reserveUpdates: 0 });
    const seals = new Set(
      (await author.transactions()).flatMap(({ txid, kind }) => (kind === "register" ? [`${txid}:1`] : [])),
    );
    const coins = (await coinsOf(author)).filter(({ outpoint }) => !seals.has(`${outpoint.txid}:${outpoint.vout}`));
    let polls = 0;
    world.clock.onPoll = async () => {
      if (++polls === 1) await spend(author, coins);
      if (polls === 2) await world.devnet.mine(1);
    };
    await expect(author.writer.updateProfile("alice", { about: { n: 1 } })).rejects.toMatchObject({
      code: "CHAIN_BROADCAST_REFUSED",
    });
    expect(await author.journal()).toEqual([]);
    world.mineOnPoll();
    await author.writer.updateProfile("alice", { about: { n: 2 } });
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { about: { n: 2 } } });
  });
});

describe("V4: a source that lies to a writer", () => {
  it("about a spend of its coins cannot make it give up a registration", async () => {
    const author = await world.author();
    const first = author.start({ gate: away }).writer.registerName("alice");
    await expect(first).rejects.toMatchObject({ code: "CHAIN_BROADCAST_REFUSED" });
    const no = (): never => {
      throw new HawserError("CHAIN_BROADCAST_REFUSED", "No.", { txid: "", attempts: [] });
    };
    // One that does not exist, and one that is mined and spends something else.
    for (const txid of ["77".repeat(32), await world.source.coinbaseTxid(50)]) {
      const spent = answering("source.outspend", () => ({ spent: true, txid, height: 50 }));
      const { writer } = author.start({ gate: through(spent, answering("source.broadcast", no)) });
      await expect(writer.registerName("alice")).rejects.toMatchObject({ code: "CHAIN_BROADCAST_REFUSED" });
      expect(await author.journal()).toHaveLength(1);
    }
    world.mineOnPoll();
    await author.writer.registerName("alice");
    expect(await author.count("preorder")).toBe(1);
  });

  it("by inventing coins makes it sign nothing for them", async () => {
    const author = await world.author(2_000n);
    const rich = await world.author(900_000n);
    const [theirs] = await world.source.unspent(rich.account.script);
    const lie = answering("source.unspent", async (run) => [
      ...((await run()) as readonly UnspentOutput[]).map((coin) => ({ ...coin, valueSats: 21_000_000n })),
      { ...theirs, valueSats: 900_000n },
    ]);
    const recorder = new Recorder();
    const { writer } = author.start({ gate: through(recorder.gate, lie) });
    await expect(writer.registerName("alice")).rejects.toMatchObject({ code: "WALLET_FUNDS_INSUFFICIENT" });
    expect(recorder.effects).toEqual([]);
  });
});
