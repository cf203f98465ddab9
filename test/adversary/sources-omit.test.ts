import { describe, expect, it } from "vitest";
import type { Transaction } from "../../src/chain/transaction.js";
import { alice, bob, carol, profile, World } from "../unit/name/builder.js";
import { hiding, MinedChain, shortNetwork, sourceOf, type Twist } from "../unit/name/chain-world.js";
import { failureOf, read, readOutcome, resolutionOf, verdicts } from "../unit/name/reading.js";

const LABELS = ["a", "b", "c", "d", "e"];

/** Reads that see five sources, of which each in turn is the only honest one. */
async function withOneHonest(world: World, chain: MinedChain, twist: Twist): Promise<void> {
  for (const honest of LABELS) {
    const sources = LABELS.map((label) => sourceOf(label, chain, label === honest ? undefined : twist));
    const found = await read({ world, sources });
    const told = await read({ world, sources: [sourceOf(honest, chain)] });
    expect(found.state).toEqual(told.state);
    const expected = LABELS.map((label) => [label, label === honest ? "agreed" : "withheld"]);
    expect(verdicts(found)).toEqual(Object.fromEntries(expected));
    expect(found.asOf.partial).toBe(false);
  }
}

/** Calls everything unspent. */
const allUnspent: Twist = () => ({ outspend: () => Promise.resolve({ spent: false }) });
/** Knows every transaction and shows no history. */
const emptyHistory: Twist = () => ({ history: () => Promise.resolve([]) });

describe("V4: n-1 of n sources omit", () => {
  it("V4: the newest UPDATE", async () => {
    const world = new World();
    const { register } = world.register(3);
    const update = world.update(5, register, profile(2));
    const chain = MinedChain.of(world, 6);
    await withOneHonest(world, chain, hiding(update));
    const alone = await read({ world, sources: [sourceOf("a", chain, hiding(update))] });
    expect(alone.state.profileHash).toEqual(profile(1));
  });

  it("V4: the outspend of the seal alone", async () => {
    const world = new World();
    const { register } = world.register(3);
    world.update(6, world.update(5, register, profile(2)), profile(3));
    await withOneHonest(world, MinedChain.of(world, 6), allUnspent);
  });

  it("V4: the REGISTER in the beacon's history", async () => {
    const world = new World();
    const { register } = world.register(3);
    const chain = MinedChain.of(world, 6);
    await withOneHonest(world, chain, hiding(register));
    await withOneHonest(world, chain, emptyHistory);
    const alone = await read({ world, sources: [sourceOf("a", chain, emptyHistory)] });
    expect(alone.state.status).toBe("free");
  });

  it("V4: the RECOVER in the beacon's history", async () => {
    const world = new World();
    const { register } = world.register(3);
    world.pay(5, register);
    const recover = world.recover(7);
    const chain = MinedChain.of(world, 8);
    await withOneHonest(world, chain, hiding(recover));
    const alone = await read({ world, sources: [sourceOf("a", chain, hiding(recover))] });
    expect(alone.state.unsealed).toEqual({ txid: expect.any(String) as string, height: 5 });
  });

  it("V4: the RELEASE", async () => {
    const world = new World();
    const { register } = world.register(3);
    const release = world.release(5, register);
    await withOneHonest(world, MinedChain.of(world, 6), hiding(release));
  });

  it("V6: what is mined above E is nobody's omission", async () => {
    const world = new World();
    const { register } = world.register(3);
    const update = world.update(5, register, profile(2));
    const chain = MinedChain.of(world, 5);
    const sources = [sourceOf("a", chain), sourceOf("b", chain, hiding(update))];
    const found = await read({ world, sources, minConfirmations: 2 });
    expect(found.state.profileHash).toEqual(profile(1));
    expect(found.pending).toMatchObject([{ txid: update.txid, kind: "update", height: 5 }]);
    expect(verdicts(found)).toEqual({ a: "agreed", b: "agreed" });
  });

  it("V5: a source that lengthens the thread last makes the others answer again", async () => {
    const world = new World();
    const { register } = world.register(3);
    const first = world.update(4, register, profile(2));
    const second = world.update(5, first, profile(3));
    const chain = MinedChain.of(world, 6);
    // Neither of them alone knows the whole thread.
    const a = sourceOf("a", chain, hiding(first));
    const b = sourceOf("b", chain, hiding(second));
    const found = await read({ world, sources: [a, b] });
    expect(found.state.profileHash).toEqual(profile(3));
    expect(verdicts(found)).toEqual({ a: "withheld", b: "withheld" });
  });
});

describe("V5: a tenure held to have lapsed", () => {
  function lapsed(): { world: World; chain: MinedChain; hidden: readonly Transaction[] } {
    const world = new World(shortNetwork);
    const { register } = world.register(3);
    const hidden = [world.update(10, register, profile(2))];
    world.register(15, { owner: bob });
    return { world, chain: MinedChain.of(world, 16), hidden };
  }

  it("V5: an UPDATE that all but one hide takes the later registration back", async () => {
    const { world, chain, hidden } = lapsed();
    await withOneHonest(world, chain, hiding(...hidden));
    const alone = await read({ world, sources: [sourceOf("a", chain, hiding(...hidden))] });
    expect(alone.state.ownerScript).toEqual(bob);
    const told = await read({ world, sources: [sourceOf("a", chain)] });
    expect(told.state.ownerScript).toEqual(alice);
  });

  it("V5: so does one of the tenure before the last one that lapsed", async () => {
    const world = new World(shortNetwork);
    const { register } = world.register(3);
    const hidden = [world.update(10, register, profile(2))];
    for (const height of [19, 28]) hidden.push(world.update(height, hidden.at(-1) ?? register, profile(height)));
    world.register(15, { owner: bob });
    world.register(27, { owner: carol });
    const chain = MinedChain.of(world, 30);
    await withOneHonest(world, chain, hiding(...hidden));
    const alone = await read({ world, sources: [sourceOf("a", chain, hiding(...hidden))] });
    expect(alone.state.ownerScript).toEqual(carol);
  });

  it("V5: a source that does not answer for the lapsed seal has not answered", async () => {
    const { world, chain, hidden } = lapsed();
    const [update] = hidden;
    const seal = update?.inputs[0]?.outpoint.txid;
    const silent: Twist = (honest) => ({
      outspend: (outpoint, script) =>
        outpoint.txid === seal ? Promise.reject(new Error("no")) : honest.outspend(outpoint, script),
    });
    const error = await failureOf("CHAIN_UNAVAILABLE", { world, sources: [sourceOf("a", chain, silent)] });
    expect(error.details).toMatchObject({ needed: 1, answered: 0 });
  });

  it("V5: the beacon is asked again for a registration after the lapse", async () => {
    const world = new World(shortNetwork);
    world.register(3);
    const before = await readOutcome({ world, sources: [sourceOf("a", MinedChain.of(world, 13))] });
    expect(resolutionOf(before).state).toMatchObject({ status: "grace", ownerScript: alice });
    world.register(15, { owner: bob });
    const found = await read({ world, sources: [sourceOf("a", MinedChain.of(world, 16))], after: before });
    expect(found.state).toMatchObject({ status: "active", ownerScript: bob });
  });
});

describe("V4: the reader's own stored operations are one more source", () => {
  const world = new World();
  const { register } = world.register(3);
  const update = world.update(5, register, profile(2));
  const chain = MinedChain.of(world, 6);
  const later = MinedChain.of(world, 9, { onto: { chain, upTo: 6 } });

  it.each([
    ["the newest operation", hiding(update)],
    ["the REGISTER and all after it", hiding(register, update)],
    ["every transaction", hiding(...world.transactions.map(({ tx }) => tx))],
  ])("V4: sources that all hide %s afterwards roll nothing back", async (_, twist) => {
    const before = await readOutcome({ world, sources: [sourceOf("a", chain)] });
    const sources = ["a", "b"].map((label) => sourceOf(label, later, twist));
    const found = await read({ world, sources, after: before });
    expect(found.state).toMatchObject({ height: 9, profileHash: profile(2), ownerScript: alice });
  });

  it("V4: nor where the read that found them failed", async () => {
    const sources = [
      sourceOf("a", chain),
      sourceOf("b", chain, () => ({ history: () => Promise.reject(new Error()) })),
    ];
    const before = await readOutcome({ world, sources });
    expect(before.result).toMatchObject({ code: "CHAIN_UNAVAILABLE" });
    const found = await read({ world, sources: [sourceOf("c", later, hiding(update))], after: before });
    expect(found.state.profileHash).toEqual(profile(2));
  });

  it("V4: and an operation that one source tells later is added to them", async () => {
    const before = await readOutcome({ world, sources: [sourceOf("a", chain)] });
    world.update(8, update, profile(7));
    const grown = MinedChain.of(world, 9, { onto: { chain, upTo: 6 } });
    const found = await read({
      world,
      sources: [sourceOf("a", grown, allUnspent), sourceOf("b", grown), sourceOf("c", grown, allUnspent)],
      after: before,
    });
    expect(found.state.profileHash).toEqual(profile(7));
    expect(verdicts(found)).toEqual({ a: "withheld", b: "agreed", c: "withheld" });
  });
});

describe("C7: an operation under another owner", () => {
  it("C7, V5: is found by sources that look an output up by its script", async () => {
    const world = new World();
    const { register } = world.register(3);
    const transfer = world.transfer(5, register, bob);
    world.update(6, transfer, profile(9), bob);
    const chain = MinedChain.of(world, 7);
    // As a server does that knows scripts alone: the output is not in the history of any other script.
    const byScript: Twist = (honest) => ({
      outspend: async (outpoint, script) => {
        const history = await honest.history(script);
        const isThere = history.some(({ txid }) => txid === outpoint.txid);
        return isThere ? honest.outspend(outpoint, script) : { spent: false };
      },
    });
    const found = await read({ world, sources: [sourceOf("a", chain, byScript), sourceOf("b", chain, byScript)] });
    expect(found.state).toMatchObject({ ownerScript: bob, profileHash: profile(9) });
    expect(verdicts(found)).toEqual({ a: "agreed", b: "agreed" });
  });
});
