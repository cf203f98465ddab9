import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { memoryCache } from "../../src/cache/memory.js";
import { networks } from "../../src/chain/network.js";
import { startDevnet } from "../../src/devnet/index.js";
import { createReader } from "../../src/index.js";
import type * as Limits from "../../src/limits.js";
import { beaconScript, parseName } from "../../src/name/name.js";
import { encodePayload, payloadScript, preorderCommitment } from "../../src/name/operation.js";
import { systemClock } from "../../src/runtime/clock.js";
import { ReaderWorld } from "../unit/client/reader-world.js";
import { payment, type TestCoin, TestKey, txidOf } from "../unit/devnet/wallet.js";
import { expectCode } from "../unit/storage/expect-code.js";

/** entries - of a beacon's history that a reader looks at in this file. */
const MOST = 40;
vi.mock("../../src/limits.js", async (original) => {
  const { limits } = await original<typeof Limits>();
  return { limits: { ...limits, historyMaxEntries: 40 } };
});

const key = new TestKey("flood");
const beaconOf = (name: string): Uint8Array => beaconScript(parseName(name), networks.regtest);

/** Pays a beacon, by one transaction for each entry. */
async function flood(devnet: ReaderWorld["devnet"], name: string, entries = MOST + 1): Promise<void> {
  const size = 2_000n;
  const coin: TestCoin = {
    ...(await devnet.faucet(key.p2tr, size * BigInt(entries) + 10_000n)),
    valueSats: size * BigInt(entries) + 10_000n,
    script: key.p2tr,
  };
  const split = payment(
    key,
    [coin],
    Array.from({ length: entries }, () => [key.p2tr, size] as const),
  );
  const txid = await devnet.submit(split);
  await devnet.mine(1);
  for (let vout = 0; vout < entries; vout++) {
    const spent: TestCoin = { txid, vout, valueSats: size, script: key.p2tr };
    await devnet.submit(payment(key, [spent], [[beaconOf(name), 1_000n]]));
  }
  await devnet.mine(1);
}

describe("a flooded beacon at Esplora servers", () => {
  let world: ReaderWorld;
  const paths: string[] = [];
  beforeAll(async () => {
    world = await ReaderWorld.start();
    const real = globalThis.fetch;
    vi.stubGlobal("fetch", (input: URL | Request | string, init?: RequestInit) => {
      paths.push(new URL(input instanceof Request ? input.url : input).pathname);
      return real(input, init);
    });
  });
  afterEach(() => {
    paths.length = 0;
  });
  afterAll(async () => {
    vi.unstubAllGlobals();
    await world.close();
  });
  const count = (part: RegExp): number => paths.filter((path) => part.test(path)).length;

  it("V8: before the REGISTER nothing helps, and it is no answer", async () => {
    await flood(world.devnet, "early");
    const { seal } = await world.register("early");
    for (const hint of [undefined, seal.txid]) {
      const error = await expectCode("CHAIN_UNAVAILABLE", world.reader().getName("early", { hint }));
      expect(error.details).toMatchObject({ needed: 2, answered: 0 });
    }
  });

  it("V8: after it a hint does, at the cost of one block from each source", async () => {
    const { tenure, seal } = await world.register("late");
    await flood(world.devnet, "late");
    await expectCode("CHAIN_UNAVAILABLE", world.reader().getName("late"));
    paths.length = 0;
    const cache = memoryCache();
    const found = await world.reader({ cache }).getName("late", { hint: seal.txid });
    expect(found).toMatchObject({ found: true, name: { tenure }, asOf: { partial: false } });
    expect(count(/\/block\/[0-9a-f]+\/raw$/)).toBe(2);
    // The newest page, and the one after the REGISTER.
    expect(count(/\/scripthash\//)).toBe(4);
    paths.length = 0;
    // Nothing is asked again within a day, and without a hint after it.
    const tomorrow = { nowMs: () => systemClock.nowMs() + 86_400_001, delay: systemClock.delay.bind(systemClock) };
    expect(await world.reader({ cache }).getName("late")).toMatchObject({ found: true, name: { tenure } });
    expect(paths.some((path) => path.includes("/scripthash/"))).toBe(false);
    const later = await world.reader({ cache, clock: tomorrow }).getName("late");
    expect(later).toMatchObject({ found: true, name: { tenure } });
    expect(count(/\/scripthash\//)).toBe(4);
  });

  it("V8: a source that hides the REGISTER and all after it cannot keep the hint from the others", async () => {
    const height = world.devnet.height();
    const { tenure, seal } = await world.register("hidden");
    await flood(world.devnet, "hidden");
    world.devnet.tamper({ source: 0, how: `hide-after:${height}` });
    try {
      const found = await world.reader({ minSources: 1 }).getName("hidden", { hint: seal.txid });
      expect(found).toMatchObject({ found: true, name: { tenure } });
      expect(found.asOf.sources.map(({ verdict }) => verdict)).toEqual(["withheld", "agreed"]);
    } finally {
      world.devnet.tamper({ source: 0, how: "honest" });
    }
  });

  it("V5: a name that is not flooded needs no block, after a day neither", async () => {
    const { seal } = await world.register("quiet");
    const cache = memoryCache();
    const tomorrow = { nowMs: () => systemClock.nowMs() + 86_400_001, delay: systemClock.delay.bind(systemClock) };
    await world.reader({ cache }).getName("quiet", { hint: seal.txid });
    await world.reader({ cache, clock: tomorrow }).getName("quiet");
    expect(count(/\/scripthash\//)).toBe(8);
    expect(count(/\/block\//)).toBe(0);
  });
});

describe("two REGISTERs in one block at Esplora servers", () => {
  const names = ["first-above", "first-below"] as const;

  /**
   * Registers a name for two owners in one block such that the first of them in the block has the txid that servers list
   * above, or below, that of the second, and floods its beacon.
   */
  async function contested(
    devnet: Awaited<ReturnType<typeof startDevnet>>,
    text: string,
    firstIsAbove: boolean,
  ): Promise<{ readonly first: string; readonly second: string; readonly tenure: string }> {
    const name = parseName(text);
    const salt = new Uint8Array(8).fill(3);
    const owners = [new TestKey("victim"), new TestKey("attacker")];
    const preorders: { readonly coin: TestCoin; readonly owner: TestKey }[] = [];
    for (const owner of owners) {
      const commitment = preorderCommitment({ network: networks.regtest, name, salt, ownerScript: owner.p2tr });
      const coin = { ...(await devnet.faucet(owner.p2tr, 50_000n)), valueSats: 50_000n, script: owner.p2tr };
      const txid = await devnet.submit(
        payment(
          owner,
          [coin],
          [
            [payloadScript(encodePayload({ kind: "preorder", commitment })), 0n],
            [owner.p2tr, 40_000n],
          ],
        ),
      );
      preorders.push({ owner, coin: { txid, vout: 1, valueSats: 40_000n, script: owner.p2tr } });
    }
    await devnet.mine(1);
    const register = (index: number, mark: number): Uint8Array => {
      const preorder = preorders[index];
      if (preorder === undefined) expect.fail("two preorders");
      const profileHash = new Uint8Array(32).fill(mark);
      return payment(
        preorder.owner,
        [preorder.coin],
        [
          [payloadScript(encodePayload({ kind: "register", salt, profileHash, name })), 0n],
          [preorder.owner.p2tr, 30_000n],
          [beaconOf(text), 1_000n],
        ],
      );
    };
    const first = register(0, 1);
    // Servers list a block by txid, the greatest first.
    for (let mark = 2; mark < 100; mark++) {
      const second = register(1, mark);
      if (txidOf(first) > txidOf(second) !== firstIsAbove) continue;
      await devnet.submit(first);
      await devnet.submit(second);
      await devnet.mine(1);
      await flood(devnet, text);
      return { first: txidOf(first), second: txidOf(second), tenure: preorders[0]?.coin.txid ?? "" };
    }
    return expect.fail("no such txid");
  }

  it("V8: a hint that names the second of a block never makes it the first, wherever servers list it", async () => {
    await using devnet = await startDevnet({ sources: 2, stores: 0, mine: "manual" });
    const world = new Map<string, Awaited<ReturnType<typeof contested>>>();
    for (const name of names) world.set(name, await contested(devnet, name, name === "first-above"));
    for (const [name, { first, second, tenure }] of world) {
      for (const hint of [first, second]) {
        const found = await createReader(devnet.readerOptions()).getName(name, { hint });
        expect(found, name).toMatchObject({ found: true, name: { tenure }, asOf: { partial: false } });
      }
    }
  });
});
