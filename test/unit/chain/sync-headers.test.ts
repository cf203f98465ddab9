import { describe, expect, it } from "vitest";
import type { HeaderChain } from "../../../src/chain/header-chain.js";
import { askTips, syncHeaders, type Tips } from "../../../src/chain/sync-headers.js";
import { limits } from "../../../src/limits.js";
import type { ChainSource } from "../../../src/ports.js";
import { World } from "../name/builder.js";
import { type CountingSource, MinedChain, never, sourceOf, type Twist, unreachable } from "../name/chain-world.js";
import { LATE_MS } from "./mining.js";
import { nothingHeld, panelOf } from "./seats.js";

const world = new World();
const chain = MinedChain.of(world, 60);
const fork = MinedChain.of(world, 64, { onto: { chain, upTo: 10 }, version: 5 });

/** What every source's chain is found to be, and the best one. */
async function sync(
  sources: readonly ChainSource[],
  stored: HeaderChain = nothingHeld(),
): Promise<{ best: HeaderChain; tips: Tips; seats: ReturnType<typeof panelOf>["seats"] }> {
  const { panel, seats } = panelOf(sources);
  const tips = await askTips(panel);
  return { best: await syncHeaders(panel, tips, stored), tips, seats };
}

function countOf(source: CountingSource | undefined, method: keyof ChainSource): number {
  return source?.calls.filter((call) => call === method).length ?? 0;
}

/** Sends no headers beside its tip. */
const bareTip: Twist = (honest) => ({
  tip: async () => ({ ...(await honest.tip()), recentHeaders: new Uint8Array() }),
});

describe("tips", () => {
  it("are asked of every source, and one that fails is left out", async () => {
    const failing: Twist = () => ({ tip: () => Promise.reject(unreachable("b")) });
    const { tips, seats } = await sync([sourceOf("a", chain), sourceOf("b", chain, failing), sourceOf("c", fork)]);
    expect(tips.map((tip) => tip?.hash ?? null)).toEqual([chain.hashAt(60), null, fork.hashAt(64)]);
    expect(seats.map(({ reach }) => reach)).toEqual([60, -1, 64]);
    expect(seats[1]?.chain).toBeNull();
  });
});

describe("V1: following a source's headers", () => {
  it("V1: from the checkpoint on", async () => {
    const source = sourceOf("a", chain);
    const { best, seats } = await sync([source]);
    expect(best.tipHash).toBe(chain.hashAt(60));
    expect(seats[0]).toMatchObject({ reach: 60, failure: null });
    expect(countOf(source, "headers")).toBe(1);
  });

  it("V1: some new blocks come with the tip and nothing more is asked", async () => {
    for (const height of [57, 58, 59, 60]) {
      const source = sourceOf("a", chain);
      const { best, seats } = await sync([source], chain.headerChain(world.network, height));
      expect(best.tipHash).toBe(chain.hashAt(60));
      expect(seats[0].reach).toBe(60);
      expect(countOf(source, "headers")).toBe(0);
    }
  });

  it("V1: more than that are asked for from the stored tip on", async () => {
    const starts: number[] = [];
    const source = sourceOf("a", chain, (honest) => ({
      headers: (start, count) => {
        starts.push(start, count);
        return honest.headers(start, count);
      },
    }));
    const { best } = await sync([source], chain.headerChain(world.network, 50));
    expect(best.tipHash).toBe(chain.hashAt(60));
    expect(starts).toEqual([51, 10]);
  });

  it("V1: recent headers that do not lead to the named tip are put aside", async () => {
    const wrong: Twist = (honest) => ({
      tip: async () => ({ ...(await honest.tip()), recentHeaders: fork.headers(58, 3) }),
    });
    const { best } = await sync([sourceOf("a", chain, wrong)], chain.headerChain(world.network, 58));
    expect(best.tipHash).toBe(chain.hashAt(60));
  });

  it("V1: a source that gives few at a time is asked again", async () => {
    const sparing: Twist = (honest) => ({ headers: (start, count) => honest.headers(start, Math.min(count, 7)) });
    const source = sourceOf("a", chain, sparing);
    const { best } = await sync([source]);
    expect(best.tipHash).toBe(chain.hashAt(60));
    expect(countOf(source, "headers")).toBe(9);
  });

  it("V1: at most one call's headers are asked for at once", async () => {
    const counts: number[] = [];
    const tall: Twist = (honest) => ({
      tip: () => Promise.resolve({ height: 9_999, hash: "ab".repeat(32), recentHeaders: new Uint8Array() }),
      headers: (start, count) => {
        counts.push(count);
        return honest.headers(start, count);
      },
    });
    const { best, seats } = await sync([sourceOf("a", chain, tall)]);
    expect(counts).toEqual([limits.headersPerCall, limits.headersPerCall]);
    expect(best.tipHeight).toBe(60);
    expect(seats[0]).toMatchObject({ reach: 60, failure: { code: "NETWORK_UNREACHABLE" } });
  });

  it("V1: what came before a failure counts", async () => {
    let calls = 0;
    const breaking: Twist = (honest) => ({
      headers: (start) => (calls++ === 0 ? honest.headers(start, 20) : Promise.reject(unreachable("a"))),
    });
    const { best, seats } = await sync([sourceOf("a", chain, breaking)]);
    expect(best.tipHeight).toBe(20);
    expect(seats[0]).toMatchObject({ reach: 20, failure: { code: "NETWORK_UNREACHABLE" } });
  });

  it("V1: a source without any headers has no chain", async () => {
    const none: Twist = (honest) => ({ ...bareTip(honest), headers: () => Promise.reject(unreachable("a")) });
    for (const height of [0, 40]) {
      const { best, seats } = await sync([sourceOf("a", chain, none)], chain.headerChain(world.network, height));
      expect(best.tipHeight).toBe(height);
      expect(seats[0]).toMatchObject({ chain: null, failure: { code: "NETWORK_UNREACHABLE" } });
    }
  });

  it("V1: headers of the future end the chain for now", async () => {
    const present = MinedChain.of(world, 25, { onto: { chain, upTo: 20 }, version: 6 });
    const { panel, clock, seats } = panelOf([sourceOf("a", chain), sourceOf("b", present)]);
    const tips = await askTips(panel);
    const time = chain.headerChain().headerAt(30)?.timeSec ?? 0;
    clock.jumpTo(time * 1000 - limits.headerMaxAheadMs);
    const best = await syncHeaders(panel, tips, nothingHeld());
    expect(best.tipHeight).toBe(30);
    expect(seats[0]).toMatchObject({ reach: 30, failure: { code: "CHAIN_HEADER_INVALID" } });
    expect(LATE_MS).toBeGreaterThan(clock.nowMs());
  });

  it("V1: where the chains of all sources are ahead of it, the clock is wrong", async () => {
    const silent = sourceOf("c", chain, () => ({ tip: () => Promise.reject(unreachable("c")) }));
    const { panel, clock } = panelOf([sourceOf("a", chain), sourceOf("b", chain), silent]);
    const tips = await askTips(panel);
    const time = chain.headerChain().headerAt(30)?.timeSec ?? 0;
    clock.jumpTo(time * 1000 - limits.headerMaxAheadMs);
    const details = { height: 31, nowMs: clock.nowMs() };
    await expect(syncHeaders(panel, tips, nothingHeld())).rejects.toMatchObject({
      code: "CHAIN_CLOCK_BEHIND",
      details,
    });
  });
});

describe("V1: where a source forks from the stored chain", () => {
  it.each([11, 12, 16, 27, 43, 59, 60])("V1: is found from a stored tip at %i, with few questions", async (height) => {
    const source = sourceOf("a", fork);
    const { best, seats } = await sync([source], chain.headerChain(world.network, height));
    expect(best.tipHash).toBe(fork.hashAt(64));
    expect(seats[0].reach).toBe(64);
    expect(countOf(source, "headers")).toBeLessThan(8);
  });

  it("V1: right above the checkpoint", async () => {
    const other = MinedChain.of(world, 70, { onto: { chain, upTo: 0 }, version: 6 });
    const { best } = await sync([sourceOf("a", other)], chain.headerChain());
    expect(best.tipHash).toBe(other.hashAt(70));
  });

  it("V1: also when the source is behind; then it only competes", async () => {
    const short = MinedChain.of(world, 30, { onto: { chain, upTo: 10 }, version: 5 });
    const { best, seats } = await sync([sourceOf("a", short)], chain.headerChain());
    expect(best.tipHash).toBe(chain.hashAt(60));
    expect(seats[0].reach).toBe(30);
    expect(seats[0].chain?.hashAt(30)).toBe(short.hashAt(30));
  });

  it("V1: a source that is behind on the same chain reaches no further than it says", async () => {
    const { best, seats } = await sync(
      [sourceOf("a", MinedChain.of(world, 33, { onto: { chain, upTo: 33 } }))],
      chain.headerChain(),
    );
    expect(best.tipHash).toBe(chain.hashAt(60));
    expect(seats[0]).toMatchObject({ reach: 33, failure: null });
  });

  it("V1: none at all is a fork below the checkpoint", async () => {
    const genesis: Twist = (honest) => ({
      ...bareTip(honest),
      headers: (start, count) => honest.headers(start === 0 ? 0 : start + 1, count),
    });
    for (const height of [0, 40, 60]) {
      const { best, seats } = await sync([sourceOf("a", fork, genesis)], chain.headerChain(world.network, height));
      expect(best.tipHeight).toBe(height);
      expect(seats[0]).toMatchObject({
        chain: null,
        failure: { code: "CHAIN_WORK_INSUFFICIENT", details: { work: "0" } },
      });
    }
  });

  it("V1: a source that fails while it is looked for has no chain", async () => {
    let calls = 0;
    const breaking: Twist = (honest) => ({
      headers: (start, count) => (calls++ === 0 ? honest.headers(start, count) : Promise.reject(unreachable("a"))),
    });
    const { best, seats } = await sync([sourceOf("a", fork, breaking)], chain.headerChain());
    expect(best.tipHash).toBe(chain.hashAt(60));
    expect(seats[0]).toMatchObject({ chain: null, failure: { code: "NETWORK_UNREACHABLE" } });
  });
});

describe("V1: several sources", () => {
  it("V1: those that name one tip share a download", async () => {
    const sources = ["a", "b", "c"].map((label) => sourceOf(label, chain));
    const { seats } = await sync(sources);
    expect(seats.map(({ reach }) => reach)).toEqual([60, 60, 60]);
    expect(sources.map((source) => countOf(source, "headers")).sort()).toEqual([0, 0, 1]);
  });

  it("V1: a tip that the reader holds needs none", async () => {
    const source = sourceOf("a", chain, bareTip);
    const { best, seats } = await sync([source], chain.headerChain());
    expect(best.tipHash).toBe(chain.hashAt(60));
    expect(seats[0].reach).toBe(60);
    expect(countOf(source, "headers")).toBe(0);
  });

  it("V1: where the first one's download gives nothing the next one serves", async () => {
    const none: Twist = (honest) => ({ ...bareTip(honest), headers: () => Promise.reject(unreachable("a")) });
    const { best, seats } = await sync([sourceOf("a", chain, none), sourceOf("b", chain, bareTip)]);
    expect(best.tipHash).toBe(chain.hashAt(60));
    expect(seats.map(({ reach }) => reach)).toEqual([-1, 60]);
  });

  it("V1: where it hangs the next one waits for some seconds", async () => {
    const hanging: Twist = (honest) => ({ ...bareTip(honest), headers: () => never() });
    const { panel, clock, seats } = panelOf([sourceOf("a", chain, hanging), sourceOf("b", chain, bareTip)]);
    const syncing = syncHeaders(panel, await askTips(panel), nothingHeld());
    await clock.advance(4_999);
    expect(seats[1]?.chain).toBeNull();
    await clock.advance(1);
    expect(seats[1]?.reach).toBe(60);
    await clock.advance(limits.sourceTimeoutMs);
    expect((await syncing).tipHash).toBe(chain.hashAt(60));
    expect(clock.pending).toBe(0);
  });

  it("V1: of chains with equal work the one that was completed first is taken", async () => {
    const twin = MinedChain.of(world, 60, { onto: { chain, upTo: 10 }, version: 7 });
    const late: Twist = (honest) => ({
      headers: async (start, count) => {
        await both.clock.delay(1_000);
        return honest.headers(start, count);
      },
    });
    const both = panelOf([sourceOf("a", chain, late), sourceOf("b", twin)]);
    const syncing = syncHeaders(both.panel, await askTips(both.panel), nothingHeld());
    await both.clock.advance(1_000);
    expect((await syncing).tipHash).toBe(twin.hashAt(60));
  });
});
