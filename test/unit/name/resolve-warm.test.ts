import { describe, expect, it } from "vitest";
import { limits } from "../../../src/limits.js";
import type { ResolveOutcome } from "../../../src/name/resolve.js";
import type { ChainSource } from "../../../src/ports.js";
import { LATE_MS } from "../chain/mining.js";
import { FakeClock, settle } from "../fake-clock.js";
import { alice, bob, carol, profile, World } from "./builder.js";
import { type CountingSource, hiding, MinedChain, never, shortNetwork, sourceOf, type Twist } from "./chain-world.js";
import { failureOf, read, readOutcome, resolutionOf, verdicts } from "./reading.js";

const DAY_MS = limits.beaconAbsenceMaxAgeMs;

/** A name with one UPDATE at 5, and the same chain some blocks longer. */
function grown(): {
  world: World;
  chain: MinedChain;
  longer: (tipHeight: number) => MinedChain;
  update: ReturnType<World["pay"]>;
} {
  const world = new World();
  const { register } = world.register(3);
  const update = world.update(5, register, profile(2));
  const chain = MinedChain.of(world, 6);
  return { world, chain, update, longer: (height) => MinedChain.of(world, height, { onto: { chain, upTo: 6 } }) };
}

function counts(source: CountingSource): Partial<Record<keyof ChainSource, number>> {
  const counted: Partial<Record<keyof ChainSource, number>> = {};
  for (const call of source.calls) counted[call] = (counted[call] ?? 0) + 1;
  return counted;
}

/** A first read by sources with these labels. */
function cold(world: World, chain: MinedChain, labels = "ab", clock = new FakeClock(LATE_MS)): Promise<ResolveOutcome> {
  return readOutcome({ world, sources: labels.split("").map((label) => sourceOf(label, chain)), clock });
}

describe("V5: a warm read", () => {
  it("V5: asks each source for its tip and the spend of the seal alone", async () => {
    const { world, chain } = grown();
    const after = await cold(world, chain);
    const sources = [sourceOf("a", chain), sourceOf("b", chain)];
    const found = await read({ world, sources, after });
    expect(found.state.profileHash).toEqual(profile(2));
    expect(sources.map(counts)).toEqual([
      { tip: 1, outspend: 1 },
      { tip: 1, outspend: 1 },
    ]);
    expect(verdicts(found)).toEqual({ a: "agreed", b: "agreed" });
  });

  it("V5: that is aborted while it asks leaves no rejection that nobody hears of", async () => {
    const { world, chain } = grown();
    const after = await cold(world, chain);
    const unheard: unknown[] = [];
    const onUnheard = (reason: unknown): void => {
      unheard.push(reason);
    };
    process.on("unhandledRejection", onUnheard);
    const controller = new AbortController();
    const source = sourceOf("a", chain, () => ({
      tip: () => never(),
      outspend: () => never(),
    }));
    const reading = readOutcome({ world, sources: [source], after, signal: controller.signal });
    await settle();
    controller.abort();
    await expect(reading).rejects.toMatchObject({ code: "NETWORK_ABORTED" });
    await settle();
    await settle();
    process.off("unhandledRejection", onUnheard);
    expect(unheard).toEqual([]);
  });

  it("V5: is as good for the read after it", async () => {
    const { world, chain } = grown();
    const first = await cold(world, chain);
    const second = await readOutcome({ world, sources: [sourceOf("a", chain), sourceOf("b", chain)], after: first });
    expect(second.stored).toEqual(first.stored);
    const sources = [sourceOf("a", chain), sourceOf("b", chain)];
    await read({ world, sources, after: second });
    expect(sources.map(counts)).toEqual([
      { tip: 1, outspend: 1 },
      { tip: 1, outspend: 1 },
    ]);
  });

  it("V5: finds a new operation and asks for what follows it", async () => {
    const { world, chain, update, longer } = grown();
    const after = await cold(world, chain);
    world.update(8, update, profile(3));
    const sources = [sourceOf("a", longer(8)), sourceOf("b", longer(8), hiding())];
    const found = await read({ world, sources, after });
    expect(found.state).toMatchObject({ profileHash: profile(3), height: 8 });
    for (const source of sources) expect(source.calls).not.toContain("history");
  });
});

describe("V5: the absence of older beacon entries", () => {
  it("V5: is asked again of each source after a day", async () => {
    const { world, chain } = grown();
    const after = await cold(world, chain);
    for (const [ageMs, histories] of [
      [0, undefined],
      [DAY_MS - 1, undefined],
      [DAY_MS, 1],
      [30 * DAY_MS, 1],
      // The clock was wrong at one of the times.
      [-1, 1],
    ]) {
      const clock = new FakeClock(LATE_MS + (ageMs ?? 0));
      const sources = [sourceOf("a", chain), sourceOf("b", chain)];
      await read({ world, sources, after, clock });
      expect(sources.map((source) => counts(source).history)).toEqual([histories, histories]);
    }
  });

  it("V5: and then believed for another day", async () => {
    const { world, chain } = grown();
    const first = await cold(world, chain);
    const clock = new FakeClock(LATE_MS + DAY_MS);
    const second = await readOutcome({ world, sources: [sourceOf("a", chain)], after: first, clock });
    await clock.advance(DAY_MS - 1);
    const source = sourceOf("a", chain);
    await read({ world, sources: [source], after: second, clock });
    expect(source.calls).not.toContain("history");
    await clock.advance(1);
    await read({ world, sources: [source], after: second, clock });
    expect(source.calls).toContain("history");
  });

  it("V5: a source that does not answer it any more has not answered", async () => {
    const { world, chain } = grown();
    const after = await cold(world, chain);
    const clock = new FakeClock(LATE_MS + DAY_MS);
    const silent: Twist = () => ({ history: () => Promise.reject(new Error("no")) });
    const sources = [sourceOf("a", chain, silent), sourceOf("b", chain)];
    const error = await failureOf("CHAIN_UNAVAILABLE", { world, sources, after, clock });
    expect(error.details).toMatchObject({ answered: 1, attempts: [{ label: "a" }] });
  });

  it("V5: is asked of a source that was not there, or did not tell it", async () => {
    const { world, chain } = grown();
    const silent: Twist = () => ({ history: () => Promise.reject(new Error("no")) });
    const first = [sourceOf("a", chain), sourceOf("b", chain, silent)];
    const after = await readOutcome({ world, sources: first, minSources: 1 });
    expect([...(after.stored.beacon?.checkedAtMs.keys() ?? [])]).toEqual(["a"]);
    const sources = [sourceOf("a", chain), sourceOf("b", chain), sourceOf("c", chain)];
    await read({ world, sources, after });
    expect(sources.map((source) => counts(source).history)).toEqual([undefined, 1, 1]);
  });

  it("V5: is not believed of a source that witnessed nothing", async () => {
    const { world, chain } = grown();
    const sources = [sourceOf("a", chain), sourceOf("b", MinedChain.of(world, 4, { onto: { chain, upTo: 4 } }))];
    const after = await readOutcome({ world, sources, minSources: 1 });
    expect([...(after.stored.beacon?.checkedAtMs.keys() ?? [])]).toEqual(["a"]);
  });

  it("V5: is nothing where a reorganisation removed the REGISTER", async () => {
    const { world, chain } = grown();
    const after = await cold(world, chain);
    const other = new World();
    other.register(5, { owner: bob });
    const sources = [sourceOf("a", MinedChain.of(other, 9, { onto: { chain, upTo: 1 }, version: 5 }))];
    const next = await readOutcome({ world, sources, after });
    expect(resolutionOf(next).state).toMatchObject({ ownerScript: bob, registeredAtHeight: 5 });
    expect(sources.map((source) => counts(source).history)).toEqual([1]);
    // What was known of the other REGISTER is not known of this one.
    expect([...(next.stored.beacon?.checkedAtMs.keys() ?? [])]).toEqual(["a"]);
    expect(next.stored.beacon?.register).not.toBe(after.stored.beacon?.register);
  });

  it("V5: is nothing where the REGISTER was mined again elsewhere: another may have come before it", async () => {
    const { world, chain } = grown();
    const after = await cold(world, chain);
    const other = new World();
    const [preorder, register] = world.transactions;
    if (preorder === undefined || register === undefined) throw new Error("nothing was registered");
    other.register(5, { owner: bob });
    other.prove(preorder.tx, 6, 1);
    other.prove(register.tx, 7, 1);
    const sources = [sourceOf("a", MinedChain.of(other, 9, { onto: { chain, upTo: 1 }, version: 5 }))];
    const found = await read({ world, sources, after });
    expect(found.state.ownerScript).toEqual(bob);
  });

  it("V5: and is then asked of everybody, also of those that did not answer at once", async () => {
    const { world, chain } = grown();
    const after = await cold(world, chain);
    const moved = new World();
    world.transactions.forEach(({ tx }, i) => {
      moved.prove(tx, 4 + i, 1);
    });
    const longer = MinedChain.of(moved, 9, { onto: { chain, upTo: 1 }, version: 5 });
    const silent: Twist = () => ({ history: () => Promise.reject(new Error("no")) });
    const sources = [sourceOf("a", longer), sourceOf("b", longer, silent)];
    const next = await readOutcome({ world, sources, after, minSources: 1 });
    expect(resolutionOf(next).state).toMatchObject({ registeredAtHeight: 5 });
    expect(verdicts(resolutionOf(next))).toEqual({ a: "agreed", b: "unreachable" });
    expect([...(next.stored.beacon?.checkedAtMs.keys() ?? [])]).toEqual(["a"]);
  });

  it("V5: told below one REGISTER it says nothing about what came before the next one", async () => {
    const world = new World(shortNetwork);
    world.register(3);
    const chain = MinedChain.of(world, 13);
    const after = await cold(world, chain);
    const { register: hidden } = world.register(15, { owner: bob });
    world.register(16, { owner: carol });
    const longer = MinedChain.of(world, 17, { onto: { chain, upTo: 13 } });
    const silent: Twist = () => ({ history: () => Promise.reject(new Error("no")) });
    const sources = [sourceOf("a", longer, hiding(hidden)), sourceOf("b", longer, silent)];
    const error = await failureOf("CHAIN_UNAVAILABLE", { world, sources, after });
    expect(error.details).toMatchObject({ answered: 1, attempts: [{ label: "b" }] });
  });

  it("V5: is asked again where the name is unsealed or released", async () => {
    for (const end of ["pay", "release"] as const) {
      const { world, chain, update, longer } = grown();
      world[end](6, update);
      const ended = MinedChain.of(world, 6, { onto: { chain, upTo: 5 }, version: 5 });
      const after = await cold(world, ended);
      expect(resolutionOf(after).state.ownerScript).toEqual(end === "pay" ? alice : null);
      const source = sourceOf("a", longer(6));
      const same = sourceOf("a", ended);
      await read({ world, sources: [same], after });
      expect(counts(same).history).toBe(1);
      expect(source.calls).toEqual([]);
    }
  });
});

describe("V5: the absence of entries below one REGISTER", () => {
  it("V5: says nothing of the beacon below a later one", async () => {
    const { world, chain, update, longer } = grown();
    const after = await cold(world, chain, "b");
    world.release(7, update);
    const second = world.register(14, { owner: bob });
    world.register(16, { owner: carol });
    const liar = sourceOf("a", longer(18), hiding(second.register));
    const found = await read({ world, sources: [liar, sourceOf("b", longer(18))], after });
    expect(found.state.ownerScript).toEqual(bob);
    expect(verdicts(found)).toEqual({ a: "withheld", b: "agreed" });
  });
});

describe("V4: answers from before the tip was named", () => {
  /** Calls everything unspent at first, as a source that had not seen the newest block yet. */
  const late = (): Twist => {
    let calls = 0;
    return (honest) => ({
      outspend: (seal, script) => (calls++ === 0 ? Promise.resolve({ spent: false }) : honest.outspend(seal, script)),
    });
  };

  it("V4: an absence is forgotten where E was not known when it was told", async () => {
    const { world, chain, update, longer } = grown();
    const after = await cold(world, chain);
    world.update(7, update, profile(3));
    const sources = ["a", "b"].map((label) => sourceOf(label, longer(7), late()));
    const found = await read({ world, sources, after });
    expect(found.state.profileHash).toEqual(profile(3));
    expect(verdicts(found)).toEqual({ a: "agreed", b: "agreed" });
  });

  it("V4: also a spend that was in the mempool then", async () => {
    const { world, chain, update, longer } = grown();
    const after = await cold(world, chain);
    const next = world.update(7, update, profile(3));
    let calls = 0;
    const waiting: Twist = (honest) => ({
      outspend: (seal, script) =>
        calls++ === 0 ? Promise.resolve({ spent: true, txid: next.txid, height: null }) : honest.outspend(seal, script),
    });
    const found = await read({ world, sources: [sourceOf("a", longer(7), waiting)], after });
    expect(found.state.profileHash).toEqual(profile(3));
  });

  it("V4: a mined spend stays one", async () => {
    const { world, chain, update, longer } = grown();
    const after = await cold(world, chain);
    world.update(7, update, profile(3));
    let calls = 0;
    const forgetful: Twist = (honest) => ({
      outspend: (seal, script) => (calls++ === 0 ? honest.outspend(seal, script) : Promise.resolve({ spent: false })),
    });
    const found = await read({ world, sources: [sourceOf("a", longer(7), forgetful)], after });
    expect(found.state.profileHash).toEqual(profile(3));
  });

  it("V4: it stands where E was known already", async () => {
    const { world, chain, update, longer } = grown();
    const after = await cold(world, chain);
    world.update(7, update, profile(3));
    const source = sourceOf("a", longer(7), late());
    const found = await read({ world, sources: [source], after, minConfirmations: 2 });
    expect(found.asOf).toMatchObject({ height: 6, tipHeight: 7 });
    expect(counts(source)).toEqual({ tip: 1, outspend: 1 });
    expect(found.state.profileHash).toEqual(profile(2));
  });

  it("V4: it does not where E is another block by now", async () => {
    const { world, chain, update } = grown();
    const after = await cold(world, chain);
    world.update(6, update, profile(3));
    const moved = MinedChain.of(world, 7, { onto: { chain, upTo: 5 }, version: 5 });
    const source = sourceOf("a", moved, late());
    const found = await read({ world, sources: [source], after, minConfirmations: 2 });
    expect(found.asOf).toMatchObject({ height: 6, hash: moved.hashAt(6) });
    expect(found.state.profileHash).toEqual(profile(3));
  });
});

describe("V5: what a first read costs", () => {
  it("V5: an honest source is asked for each thing once", async () => {
    const { world, chain } = grown();
    const source = sourceOf("a", chain);
    await read({ world, sources: [source] });
    expect(counts(source)).toEqual({ tip: 1, headers: 1, history: 1, transaction: 3, inclusion: 3, outspend: 2 });
  });

  it("V5: several share the transactions between them", async () => {
    const { world, chain } = grown();
    const sources = ["a", "b", "c"].map((label) => sourceOf(label, chain));
    await read({ world, sources });
    const total = sources.map(counts).reduce((sum, { transaction = 0 }) => sum + transaction, 0);
    expect(total).toBeLessThanOrEqual(6);
    for (const source of sources) expect(counts(source)).toMatchObject({ tip: 1, history: 1, outspend: 2 });
  });
});

describe("V5: what is kept of a beacon's absence", () => {
  it("V5: of the last REGISTER alone, by those that told it there", async () => {
    const world = new World(shortNetwork);
    world.register(3);
    const chain = MinedChain.of(world, 13);
    const after = await cold(world, chain);
    const { register } = world.register(15, { owner: bob });
    const longer = MinedChain.of(world, 17, { onto: { chain, upTo: 13 } });
    const mute: Twist = () => ({ history: () => Promise.reject(new Error("no")) });
    const sources = [sourceOf("a", longer), sourceOf("b", longer, mute)];
    const { stored } = await readOutcome({ world, sources, after, minSources: 1 });
    expect(stored.beacon?.register).toBe(register.txid);
    expect([...(stored.beacon?.checkedAtMs.keys() ?? [])]).toEqual(["a"]);
  });

  it("V5: it does not become younger by a read that did not ask for it", async () => {
    const { world, chain } = grown();
    const after = await cold(world, chain);
    const clock = new FakeClock(LATE_MS + DAY_MS / 2);
    const sources = [sourceOf("a", chain), sourceOf("b", chain)];
    const { stored } = await readOutcome({ world, sources, after, clock });
    expect([...(stored.beacon?.checkedAtMs ?? [])]).toEqual([
      ["a", LATE_MS],
      ["b", LATE_MS],
    ]);
  });
});
