import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { memoryCache } from "../../../../src/cache/memory.js";
import type { TransactionOutput } from "../../../../src/chain/transaction.js";
import { contentKey } from "../../../../src/immutable/key.js";
import { checkSigned } from "../../../../src/plan/check-signed.js";
import { createCoin } from "../../../../src/plan/coin-selection.js";
import { createPsbt } from "../../../../src/plan/psbt.js";
import type { ChainSource, Outspend } from "../../../../src/ports.js";
import { buildTransaction, headed } from "../../name/builder.js";
import { type Author, answering, type Gate, Recorder, WriteWorld } from "./world.js";

let world: WriteWorld;

beforeEach(async () => {
  world = await WriteWorld.start({ mine: "manual", sources: 2 });
});
afterEach(() => world.devnet.close());

const broadcast = { waitFor: "broadcast" } as const;

async function owner(name: string, ...valuesSats: readonly bigint[]): Promise<Author> {
  const author = await world.author(2_000_000n, ...valuesSats);
  world.mineOnPoll();
  await author.writer.registerName(name);
  world.clock.onPoll = () => undefined;
  return author;
}

/** Sources whose mempool is not visible yet, as where a server indexes it with a delay. */
const blindToMempool: Gate = answering("source.outspend", async (run) => {
  const spend = (await run()) as Outspend;
  return spend.spent && spend.height === null ? { spent: false } : spend;
});

describe("W4: a change on one's own pending change", () => {
  it.each([
    ["that sources show", undefined],
    ["that no source shows yet", blindToMempool],
  ])("%s spends its seal and builds on its profile", async (_, gate) => {
    const author = await owner("alice");
    const first = await author.start({ gate }).writer.putImmutable("alice", utf8("1"), {
      ...broadcast,
      feeRateSatsPerVbyte: 2,
    });
    const second = await author.start({ gate }).writer.putImmutable("alice", utf8("2"), {
      ...broadcast,
      feeRateSatsPerVbyte: 5,
    });
    const third = await author.start({ gate }).writer.updateProfile("alice", { about: { n: 3 } }, broadcast);
    const txids = [...first.txids, ...second.txids, ...third.txids];
    const [, child, grandchild] = await Promise.all(txids.map((txid) => world.transaction(txid)));
    expect(child?.inputs[0]?.outpoint).toEqual({ txid: txids[0], vout: 1 });
    expect(grandchild?.inputs[0]?.outpoint).toEqual({ txid: txids[1], vout: 1 });

    await world.devnet.mine(1);
    for (const handle of [third, first, second]) await handle.wait();
    expect(await author.journal()).toEqual([]);
    const reader = world.reader();
    expect(await reader.getProfile("alice")).toMatchObject({ profile: { about: { n: 3 } } });
    for (const { key } of [first, second])
      expect(await reader.getImmutable("alice", key)).toMatchObject({ found: true });
  });

  it("waits while its parent is not mined, and sends the parent again", async () => {
    const author = await owner("alice");
    // Every source says that it took them, and forgets them.
    let forgotten = 0;
    const forgetful: Gate = answering("source.broadcast", (run) => (forgotten++ < 4 ? Promise.resolve() : run()));
    await author
      .start({ gate: answering("source.broadcast", () => Promise.resolve()) })
      .writer.putImmutable("alice", utf8("1"), broadcast);
    const second = await author.start({ gate: forgetful }).writer.putImmutable("alice", utf8("2"), broadcast);
    let polls = 0;
    world.clock.onPoll = async () => {
      if (++polls === 3) await world.devnet.mine(1);
    };
    await second.wait();
    expect(forgotten).toBeGreaterThan(6);
    expect(await world.reader().getImmutable("alice", contentKey(utf8("1")))).toMatchObject({ found: true });
  });

  it("goes with its parent when another device moves the name", async () => {
    const author = await owner("alice");
    const rival = await author
      .start({ cache: memoryCache() })
      .writer.plan.updateProfile("alice", { about: { by: "rival" } }, { feeRateSatsPerVbyte: 90 });
    const first = await author.writer.putImmutable("alice", utf8("1"), broadcast);
    const second = await author.writer.putImmutable("alice", utf8("2"), broadcast);
    world.mineOnPoll();
    await (await rival.run()).wait();
    for (const handle of [first, second]) {
      await expect(handle.wait()).rejects.toMatchObject({ code: "CONFLICT_NAME_MOVED" });
    }
    expect(await author.journal()).toEqual([]);
    await author.writer.putImmutable("alice", utf8("2"));
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { about: { by: "rival" } } });
  });

  it("can put records of an id that it makes, and the newest is the floor once it is mined", async () => {
    const author = await owner("alice");
    await author.writer.putMutable("alice", "notes", utf8("1"), broadcast);
    const { record } = await author.writer.putMutable("alice", "notes", utf8("2"), broadcast);
    expect(record.ver).toBe(2);
    const [entry] = await author.journal("alice");
    expect(entry?.floors).toMatchObject([{ id: "notes", ver: 2 }]);
    // M7: no block anchors the route yet, so nothing is a floor.
    expect((await author.cache.keys("floor/")).length).toBe(0);
    await world.devnet.mine(1);
    expect(await author.start().reader.getMutable("alice", "notes")).toMatchObject({ data: utf8("2"), ver: 2 });
  });

  it("M7: that is at depth settles its parent, whose records no replay can undercut from then on", async () => {
    const author = await owner("alice");
    const { gate: recording, calls } = new Recorder();
    await author.start({ gate: recording }).writer.putMutable("alice", "notes", utf8("1"), broadcast);
    const path = calls.map(({ args }) => String(args[0])).find((arg) => arg.startsWith("records/")) ?? "";
    const replayed = await world.store.read(path, { kind: "record", maxBytes: 10_000 });
    world.mineOnPoll();
    const batch = author.writer.batch("alice").putMutable("notes", utf8("2")).putImmutable(utf8("beside it"));
    await batch.commit();
    expect(await author.journal()).toEqual([]);
    const gate = answering("store.read", async (run, { args }) => {
      return String(args[0]).startsWith("records/") ? replayed : run();
    });
    await expect(author.start({ gate }).reader.getMutable("alice", "notes")).rejects.toMatchObject({
      code: "RECORD_STALE",
    });
  });

  it("that nodes refuse is CHAIN_BROADCAST_REFUSED: its parent is no rival", async () => {
    const author = await owner("alice");
    await author.writer.putImmutable("alice", utf8("1"), broadcast);
    const cheap = author.writer.putImmutable("alice", utf8("2"), { ...broadcast, feeRateSatsPerVbyte: 0.01 });
    await expect(cheap).rejects.toMatchObject({ code: "CHAIN_BROADCAST_REFUSED" });
    expect(await author.journal("alice")).toHaveLength(1);
    await author.writer.putImmutable("alice", utf8("2"), broadcast);
  });

  it("is CONFLICT_PENDING when too many wait on each other for nodes to relay one more", async () => {
    const author = await owner("alice", ...new Array<bigint>(6).fill(50_000n));
    for (let n = 0; n < 24; n++) await author.writer.updateProfile("alice", { about: { n } }, broadcast);
    const next = author.writer.updateProfile("alice", { about: { n: 24 } }, broadcast);
    await expect(next).rejects.toMatchObject({ code: "CONFLICT_PENDING" });
    await world.devnet.mine(1);
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { about: { n: 23 } } });
  });
});

describe("W4: what one source says of its mempool", () => {
  /** One source shows an unsigned spend of the seal that nobody else has. */
  const lying = async (author: Author): Promise<readonly ChainSource[]> => {
    const [last] = (await author.transactions()).slice(-1);
    if (last === undefined) throw new Error("no seal");
    const fake = buildTransaction({ inputs: [{ txid: last.txid, vout: 1 }], outputs: [headed(1, 3)] });
    const [liar, honest] = world.sources;
    if (liar === undefined || honest === undefined) throw new Error("two sources are needed");
    const lies: Partial<ChainSource> = {
      outspend: async () => ({ spent: true, txid: fake.txid, height: null }),
      transaction: (txid, options) =>
        txid === fake.txid ? Promise.resolve(fake.raw) : liar.transaction(txid, options),
    };
    const get = (target: ChainSource, property: keyof ChainSource): unknown => {
      const value: unknown = lies[property] ?? target[property];
      return typeof value === "function" ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    };
    return [new Proxy(liar, { get: (target, property) => get(target, property as keyof ChainSource) }), honest];
  };

  it("does not block a change, nor a record", async () => {
    const author = await owner("alice");
    world.mineOnPoll();
    await author.writer.putMutable("alice", "notes", utf8("1"));
    const { writer } = author.start({ sources: await lying(author) });
    await writer.putMutable("alice", "notes", utf8("2"));
    await writer.putImmutable("alice", utf8("3"), broadcast);
    await world.devnet.mine(1);
    expect(await world.reader().getImmutable("alice", contentKey(utf8("3")))).toMatchObject({ found: true });
  });

  it("W5: no pending change blocks a record, which takes no transaction", async () => {
    const author = await owner("alice");
    world.mineOnPoll();
    await author.writer.putMutable("alice", "notes", utf8("1"));
    world.clock.onPoll = () => undefined;
    await author.start({ cache: memoryCache() }).writer.updateProfile("alice", { about: { n: 1 } }, broadcast);
    await author.writer.putMutable("alice", "notes", utf8("2"));
    expect(await world.reader().getMutable("alice", "notes")).toMatchObject({ data: utf8("2") });
    await expect(author.writer.putImmutable("alice", utf8("3"))).rejects.toMatchObject({ code: "CONFLICT_PENDING" });
  });
});

it("C7: nothing is built on an operation of a later version, also while reads do not see it yet", async () => {
  const author = await owner("alice");
  await world.devnet.mine(2);
  const [seal] = (await author.transactions()).slice(-1);
  if (seal === undefined) throw new Error("no seal");
  const coin = createCoin(seal.tx, 1, author.account);
  const next: TransactionOutput = { script: author.account.script, valueSats: coin.valueSats - 1_000n };
  const { psbt } = createPsbt([coin], [headed(2, 9), next]);
  const [signed] = await author.wallet.signPsbts([{ psbt, inputs: [0], description: "" }]);
  const txid = await world.devnet.submit(checkSigned({ psbt }, signed ?? new Uint8Array()).raw);
  await world.devnet.mine(1);
  const { writer, reader } = author.start({ reader: { minConfirmations: 3 } });
  expect(await reader.getName("alice")).toMatchObject({ found: true });
  await expect(writer.updateProfile("alice", {})).rejects.toMatchObject({
    code: "CHAIN_UNSUPPORTED_OPERATION",
    details: { txid },
  });
});

describe("W3: a change that needs a record", () => {
  it("is journalled before the record is stored, and given up when that fails", async () => {
    const author = await owner("alice");
    const during: unknown[] = [];
    const gate: Gate = answering("store.write", async () => {
      during.push((await author.journal("alice")).map(({ ready }) => ready));
      throw new Error("full");
    });
    const put = author.start({ gate }).writer.putMutable("alice", "notes", utf8("1"));
    await expect(put).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect(during[0]).toEqual([false]);
    expect(await author.journal()).toEqual([]);
    expect(await author.count("update")).toBe(0);
  });

  it("that died before its record was stored gives way to the next change, or leaves once the name has moved", async () => {
    for (const moved of [false, true]) {
      const name = moved ? "bob" : "alice";
      const author = await owner(name);
      // It dies at the first write: neither the record nor the journal is touched any more.
      let dead = false;
      const dies: Gate = async ({ port, method }, run) => {
        dead ||= port === "store" && method === "write";
        if (dead) throw new Error("dead");
        return run();
      };
      await expect(author.start({ gate: dies }).writer.putMutable(name, "notes", utf8("1"))).rejects.toThrow();
      expect((await author.journal(name)).map(({ ready }) => ready)).toEqual([false]);
      world.mineOnPoll();
      if (moved) await author.start({ cache: memoryCache() }).writer.updateProfile(name, { about: { by: "other" } });
      await author.writer.putMutable(name, "notes", utf8("2"));
      expect(await author.journal(name)).toEqual([]);
      expect(await world.reader().getMutable(name, "notes")).toMatchObject({ data: utf8("2") });
      world.clock.onPoll = () => undefined;
    }
  });

  it("that another run began on the same seal meanwhile sends nothing", async () => {
    const author = await owner("alice");
    let other: Promise<unknown> | null = null;
    const gate: Gate = async ({ port, method }, run) => {
      if (port === "store" && method === "write" && other === null) {
        other = author.writer.updateProfile("alice", { about: { by: "other" } }, broadcast);
        await other;
      }
      return run();
    };
    const put = author.start({ gate }).writer.putMutable("alice", "notes", utf8("1"));
    await expect(put).rejects.toMatchObject({ code: "CONFLICT_PENDING" });
    await world.devnet.mine(1);
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { about: { by: "other" } } });
    expect(await author.count("update")).toBe(1);
  });
});

it("a profile that nobody serves can be replaced, when that is asked for", async () => {
  const author = await owner("alice");
  world.mineOnPoll();
  const lost: Gate = answering("store.read", () => Promise.resolve(null));
  const start = () => author.start({ gate: lost, cache: memoryCache() }).writer;
  await expect(start().updateProfile("alice", { about: { n: 1 } })).rejects.toMatchObject({
    code: "PROFILE_UNAVAILABLE",
  });
  await start().updateProfile("alice", { about: { n: 1 }, replace: true });
  expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { about: { n: 1 } } });
});
