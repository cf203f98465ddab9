import { describe, expect, it } from "vitest";
import {
  type ChainSource,
  createReader,
  type FoundName,
  limits,
  type NotFound,
  type Reader,
} from "../../../src/index.js";
import { LATE_MS } from "../chain/mining.js";
import { FakeClock } from "../fake-clock.js";
import { profile, World } from "../name/builder.js";
import { type CountingSource, hiding, MinedChain, never, sourceOf, unreachable } from "../name/chain-world.js";

const world = new World();
const { register } = world.register(3);
const update = world.update(5, register, profile(2));
const chain = MinedChain.of(world, 8);

/** A source that is down while its switch says so. */
function fallible(label: string): { readonly source: CountingSource; readonly power: { on: boolean } } {
  const power = { on: true };
  const source = sourceOf(label, chain, (honest) => ({
    tip: () => (power.on ? honest.tip() : Promise.reject(unreachable(label))),
  }));
  return { source, power };
}

function readerOf(sources: readonly ChainSource[], minSources: number): { reader: Reader; clock: FakeClock } {
  const clock = new FakeClock(LATE_MS);
  return { reader: createReader({ network: "regtest", sources, minSources, clock }), clock };
}

const verdictsOf = ({ asOf }: FoundName | NotFound): Record<string, string> =>
  Object.fromEntries(asOf.sources.map(({ label, verdict }) => [label, verdict]));

/** How often a source was asked for its tip since the last time. */
function tipsOf(source: CountingSource): number {
  const tips = source.calls.filter((call) => call === "tip").length;
  source.calls.length = 0;
  return tips;
}

describe("V5: a reader with a source that is down", () => {
  it("V5: leaves it alone after three reads, says so, and asks it again later", async () => {
    const { source, power } = fallible("c");
    const { reader, clock } = readerOf([sourceOf("a", chain), sourceOf("b", chain), source], 2);
    power.on = false;
    for (let i = 0; i < limits.sourceFailuresBeforeRest; i++) {
      const found = await reader.getName(world.name);
      expect(found.asOf.sources[2]).toEqual({
        label: "c",
        verdict: "unreachable",
        reason: { code: "NETWORK_UNREACHABLE", message: "c: out of order." },
      });
    }
    expect(tipsOf(source)).toBe(limits.sourceFailuresBeforeRest);
    const rested = await reader.getName(world.name);
    expect(tipsOf(source)).toBe(0);
    expect(rested.asOf.partial).toBe(true);
    expect(rested.asOf.sources[2]).toMatchObject({
      verdict: "unreachable",
      reason: { code: "NETWORK_UNREACHABLE", restsForMs: expect.any(Number) as number },
    });
    power.on = true;
    await clock.advance(limits.sourceRestMs);
    expect(verdictsOf(await reader.getName(world.name))).toEqual({ a: "agreed", b: "agreed", c: "agreed" });
    expect(verdictsOf(await reader.getName(world.name))).toEqual({ a: "agreed", b: "agreed", c: "agreed" });
  });

  it("V5: asks it in every read that needs it", async () => {
    const { source, power } = fallible("b");
    const { reader } = readerOf([sourceOf("a", chain), source], 2);
    power.on = false;
    for (let i = 0; i < 5; i++) {
      await expect(reader.getName(world.name)).rejects.toMatchObject({ code: "CHAIN_UNAVAILABLE" });
    }
    expect(tipsOf(source)).toBe(5);
    power.on = true;
    expect(verdictsOf(await reader.getName(world.name))).toEqual({ a: "agreed", b: "agreed" });
  });

  it("V5: requireAllSources asks it as well", async () => {
    const { source, power } = fallible("b");
    const { reader } = readerOf([sourceOf("a", chain), source], 1);
    power.on = false;
    for (let i = 0; i < 4; i++) await reader.getName(world.name);
    expect(tipsOf(source)).toBe(3);
    power.on = true;
    const found = await reader.getName(world.name, { requireAllSources: true });
    expect(verdictsOf(found)).toEqual({ a: "agreed", b: "agreed" });
  });

  it("V5: falls back on it where another one fails in the same read", async () => {
    const [b, c] = [fallible("b"), fallible("c")];
    const { reader } = readerOf([sourceOf("a", chain), b.source, c.source], 2);
    c.power.on = false;
    for (let i = 0; i < 4; i++) await reader.getName(world.name);
    tipsOf(c.source);
    b.power.on = false;
    c.power.on = true;
    const found = await reader.getName(world.name);
    expect(verdictsOf(found)).toEqual({ a: "agreed", b: "unreachable", c: "agreed" });
    expect(tipsOf(c.source)).toBe(1);
  });

  it("V4: one that lies by omission goes on being asked", async () => {
    const liar = sourceOf("c", chain, hiding(update));
    const { reader } = readerOf([sourceOf("a", chain), sourceOf("b", chain), liar], 2);
    for (let i = 0; i < 5; i++) await reader.getName(world.name);
    expect(tipsOf(liar)).toBe(5);
  });

  it("V5: one that hangs costs the next reads no time", async () => {
    const hanging = sourceOf("c", chain, () => ({ tip: () => never() }));
    const { reader, clock } = readerOf([sourceOf("a", chain), sourceOf("b", chain), hanging], 2);
    const timeOf = async (): Promise<number> => {
      const startMs = clock.nowMs();
      const state = { isDone: false };
      const reading = reader.getName(world.name).finally(() => {
        state.isDone = true;
      });
      for (let i = 0; i < 1_000; i++) {
        await clock.advance(0);
        if (state.isDone) break;
        await clock.advance(100);
      }
      await reading;
      return clock.nowMs() - startMs;
    };
    for (let i = 0; i < 3; i++) expect(await timeOf()).toBeGreaterThan(limits.sourceMinLatenessMs);
    expect(await timeOf()).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it("V5: a read with little time does not spend all of it on one that hangs", async () => {
    const hanging = sourceOf("c", chain, () => ({ tip: () => never() }));
    const { reader, clock } = readerOf([sourceOf("a", chain), sourceOf("b", chain), hanging], 2);
    let found: FoundName | NotFound | undefined;
    const reading = reader.getName(world.name, { timeoutMs: 9_000 }).then((one) => {
      found = one;
    });
    for (let i = 0; i < 100 && found === undefined; i++) await clock.advance(100);
    await reading;
    expect(found?.asOf.sources[2]?.verdict).toBe("unreachable");
  });
});
