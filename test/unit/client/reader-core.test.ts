import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { memoryCache } from "../../../src/cache/memory.js";
import { HeaderChain } from "../../../src/chain/header-chain.js";
import { networks } from "../../../src/chain/network.js";
import { esplora } from "../../../src/chain/sources/esplora.js";
import { coreOf } from "../../../src/client/reader.js";
import { type ChainSource, createReader, type Reader, type ReaderOptions } from "../../../src/index.js";
import { GENESIS_TIME_SEC, LATE_MS, mineRegtest } from "../chain/mining.js";
import { FakeClock } from "../fake-clock.js";
import { World } from "../name/builder.js";
import { MinedChain, sourceOf } from "../name/chain-world.js";
import { ReaderWorld } from "./reader-world.js";

describe("what reads share", () => {
  let world: ReaderWorld;
  beforeAll(async () => {
    world = await ReaderWorld.start();
  });
  afterAll(() => world.close());

  const sourceAt = (index: number): ChainSource => esplora(world.devnet.sourceUrls[index] ?? "");
  /** A source whose answers about spends wait for `gate`. */
  const held = (source: ChainSource, asked: () => void, gate: Promise<void>): ChainSource => ({
    label: source.label,
    tip: (options) => source.tip(options),
    headers: (start, count, options) => source.headers(start, count, options),
    history: (script, options) => source.history(script, options),
    transaction: (txid, options) => source.transaction(txid, options),
    inclusion: (txid, height, options) => source.inclusion(txid, height, options),
    coinbaseTxid: (height, options) => source.coinbaseTxid(height, options),
    outspend: async (outpoint, script, options) => {
      asked();
      await gate;
      return source.outspend(outpoint, script, options);
    },
    unspent: (script, options) => source.unspent(script, options),
    feeRate: (blocks, options) => source.feeRate(blocks, options),
    broadcast: (raw, options) => source.broadcast(raw, options),
  });

  it("V1: of two reads at once the better chain stays, in memory and in the cache, whoever is done last", async () => {
    const run = mineRegtest(30);
    const chainOf = (count: number): HeaderChain =>
      HeaderChain.fromStored(networks.regtest, run.subarray(0, 80 * count), LATE_MS);
    const cache = memoryCache();
    const core = coreOf(world.reader({ cache }));
    await core.adopt(chainOf(30));
    await core.adopt(chainOf(10));
    expect((await core.chain()).tipHeight).toBe(30);
    expect((await coreOf(world.reader({ cache })).chain()).tipHeight).toBe(30);
  });

  it("V1: a reader loads what is stored before it asks, and goes on from there", async () => {
    const cache = memoryCache();
    await world.reader({ cache }).getName("nobody");
    const height = world.devnet.height();
    expect((await coreOf(world.reader({ cache })).chain()).tipHeight).toBe(height);
    await world.devnet.mine(2);
    const starts: number[] = [];
    const source = sourceAt(0);
    const counted: ChainSource = {
      ...held(source, () => undefined, Promise.resolve()),
      headers: (start, count, options) => {
        starts.push(start);
        return source.headers(start, count, options);
      },
    };
    await world.reader({ cache, sources: [counted] }).getName("nobody");
    expect(starts.filter((start) => start <= height)).toEqual([]);
  });

  it("V4: what another read kept meanwhile is not lost, and is shown though every source hides it", async () => {
    const name = await world.register("alice", await world.putProfile("alice"));
    const height = world.devnet.height();
    const profileHash = await world.putProfile("alice", { about: { newer: 1 } });
    await world.update(name, profileHash);
    world.devnet.tamper({ source: 0, how: `hide-after:${height}` });
    try {
      const cache = memoryCache();
      const aboutOf = async (reader: Reader): Promise<unknown> => {
        const found = await reader.getProfile("alice");
        return found.found ? found.profile.about : found.why;
      };
      let begin = (): void => undefined;
      let release = (): void => undefined;
      const begun = new Promise<void>((resolve) => {
        begin = resolve;
      });
      const gate = new Promise<void>((resolve) => {
        release = resolve;
      });
      const slow = aboutOf(world.reader({ cache, sources: [held(sourceAt(0), begin, gate)] }));
      await begun;
      expect(await aboutOf(world.reader({ cache, sources: [sourceAt(1)] }))).toEqual({ newer: 1 });
      release();
      expect(await slow).toEqual({});
      expect(await aboutOf(world.reader({ cache, sources: [sourceAt(0)] }))).toEqual({ newer: 1 });
    } finally {
      world.devnet.tamper({ source: 0, how: "honest" });
    }
  });

  it("V4: what a failed read proved is kept for the next one", async () => {
    const name = await world.register("bob", await world.putProfile("bob"));
    const height = world.devnet.height();
    await world.update(name, await world.putProfile("bob", { about: { newer: 1 } }));
    const cache = memoryCache();
    const both = [sourceAt(0), sourceAt(1)];
    world.devnet.tamper({ source: 0, how: "down" });
    await expect(world.reader({ cache, sources: both }).getProfile("bob")).rejects.toMatchObject({
      code: "CHAIN_UNAVAILABLE",
    });
    world.devnet.tamper({ source: 0, how: `hide-after:${height}` });
    const found = await world.reader({ cache, sources: [sourceAt(0)] }).getProfile("bob");
    world.devnet.tamper({ source: 0, how: "honest" });
    expect(found).toMatchObject({ found: true, profile: { about: { newer: 1 } } });
  });
});

describe("what a reader demands", () => {
  const world = new World();
  world.register(3);
  const chain = MinedChain.of(world, 8);
  const tipTimeMs = (GENESIS_TIME_SEC + 600 * 8) * 1000;
  const sources = [sourceOf("a", chain), sourceOf("b", chain)];
  const readerAt = (tipAgeMs: number, options: Partial<ReaderOptions> = {}): Reader =>
    createReader({ network: "regtest", sources, clock: new FakeClock(tipTimeMs + tipAgeMs), ...options });
  const refusal = (argument: string): object =>
    expect.objectContaining({
      code: "INPUT_INVALID",
      details: expect.objectContaining({ argument }) as object,
    }) as object;

  it("V7: a tip older than the limit is CHAIN_STALE, whatever was found", async () => {
    for (const name of ["alice", "nobody"]) {
      await expect(readerAt(3_000_001, { maxTipAgeMs: 3_000_000 }).getName(name)).rejects.toMatchObject({
        code: "CHAIN_STALE",
        details: { tipAgeMs: 3_000_001, maxTipAgeMs: 3_000_000, tipHeight: 8 },
      });
    }
  });

  it("V7: a tip at the limit is read, and one of any age where there is no limit", async () => {
    const limited = await readerAt(3_000_000, { maxTipAgeMs: 3_000_000 }).getName("alice");
    expect(limited).toMatchObject({ found: true, asOf: { tipAgeMs: 3_000_000 } });
    expect(await readerAt(10 ** 12).getName("alice")).toMatchObject({ found: true, asOf: { tipAgeMs: 10 ** 12 } });
  });

  it("V5: at least one source", () => {
    expect(() => readerAt(0, { sources: [] })).toThrow(refusal("sources"));
  });

  it("V5: at least one answer, and no more than there are sources", () => {
    expect(() => readerAt(0, { minSources: 0 })).toThrow(refusal("minSources"));
    expect(() => readerAt(0, { minSources: 3 })).toThrow(refusal("minSources"));
    expect(() => readerAt(0, { minSources: 2 })).not.toThrow();
  });

  it("V5: sources with labels of their own: one that is there twice could vouch for itself", () => {
    expect(() => readerAt(0, { sources: [...sources, sourceOf("a", chain)] })).toThrow(refusal("sources"));
  });

  it("V6: at least one confirmation, that of the operation's own block", () => {
    for (const minConfirmations of [0, -1]) {
      expect(() => readerAt(0, { minConfirmations })).toThrow(refusal("minConfirmations"));
    }
    expect(() => readerAt(0, { minConfirmations: 1 })).not.toThrow();
  });
});
