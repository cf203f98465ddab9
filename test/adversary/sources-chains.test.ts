import { describe, expect, it } from "vitest";
import { encodeHex } from "../../src/bytes/hex.js";
import type { Network } from "../../src/chain/network.js";
import { networks } from "../../src/chain/network.js";
import { alice, bob, profile, World } from "../unit/name/builder.js";
import { MinedChain, sourceOf, type Twist } from "../unit/name/chain-world.js";
import { attemptCodes, failureOf, read, readOutcome, resolutionOf, verdicts } from "../unit/name/reading.js";

/** A world with a registered name, mined up to `tipHeight`. */
function registered(tipHeight: number): { world: World; chain: MinedChain; register: ReturnType<World["pay"]> } {
  const world = new World();
  const { register } = world.register(3);
  return { world, chain: MinedChain.of(world, tipHeight), register };
}

/** The same name on a branch of its own, where other things happen above `upTo`. */
function branch(chain: MinedChain, upTo: number, tipHeight: number, world: World): MinedChain {
  return MinedChain.of(world, tipHeight, { onto: { chain, upTo }, version: 5 });
}

/** What happened up to `height`, for a branch on which other things follow. */
function sameUpTo(world: World, height: number): World {
  const copy = new World(world.network);
  copy.transactions.push(...world.transactions.filter((entry) => entry.height <= height));
  return copy;
}

describe("V4: who may witness absence", () => {
  const { world, chain, register } = registered(4);
  world.update(6, register, profile(2));
  const full = branch(chain, 4, 6, world);
  const late = branch(chain, 4, 5, world);

  it("V4: a source that does not reach E is behind and witnesses nothing", async () => {
    const sources = [sourceOf("a", full), sourceOf("b", full), sourceOf("c", late)];
    const found = await read({ world, sources });
    expect(found.state.profileHash).toEqual(profile(2));
    expect(found.asOf).toMatchObject({ height: 6, hash: full.hashAt(6), tipHeight: 6, partial: true });
    expect(verdicts(found)).toEqual({ a: "agreed", b: "agreed", c: "behind" });
    const error = await failureOf("CHAIN_UNAVAILABLE", { world, sources: sources.slice(1) });
    expect(error.details).toMatchObject({ needed: 2, answered: 1 });
    expect(error.details.attempts).toMatchObject([
      { label: "c", message: expect.stringContaining("behind") as string },
    ]);
  });

  it("V6: it counts where E is below its tip", async () => {
    const sources = [sourceOf("a", full), sourceOf("c", late)];
    const found = await read({ world, sources, minConfirmations: 2 });
    expect(found.asOf).toMatchObject({ height: 5, hash: full.hashAt(5), tipHeight: 6, partial: false });
    expect(verdicts(found)).toEqual({ a: "agreed", c: "agreed" });
  });

  it("V4: what a source proves counts whether it reaches E or not", async () => {
    const ahead = branch(chain, 4, 8, world);
    const hidden: Twist = () => ({ outspend: () => Promise.resolve({ spent: false }) });
    const found = await read({ world, sources: [sourceOf("a", ahead, hidden), sourceOf("b", full)], minSources: 1 });
    expect(found.state).toMatchObject({ height: 8, profileHash: profile(2) });
    expect(verdicts(found)).toEqual({ a: "withheld", b: "behind" });
  });

  it("V4: also above the tip that it named, and where it has no headers", async () => {
    const hidden: Twist = () => ({ outspend: () => Promise.resolve({ spent: false }) });
    // It named its tip before block 6 came.
    const moving: Twist = () => ({ tip: () => sourceOf("b", late).tip() });
    const found = await read({
      world,
      sources: [sourceOf("a", full, hidden), sourceOf("b", full, moving)],
      minConfirmations: 2,
    });
    expect(found.pending).toMatchObject([{ kind: "update", height: 6 }]);
    const headless: Twist = () => ({ headers: () => Promise.reject(new Error("none")) });
    const empty: Twist = () => ({ history: () => Promise.resolve([]) });
    const sources = [sourceOf("a", full, empty), sourceOf("b", full, headless)];
    const told = await read({ world, sources, minSources: 1 });
    expect(told.state).toMatchObject({ ownerScript: alice, profileHash: profile(2) });
    expect(verdicts(told)).toMatchObject({ a: "withheld" });
  });

  it("V4: a reader that holds a longer chain than all sources hears no absence from them", async () => {
    const ahead = branch(chain, 4, 8, world);
    const sources = [sourceOf("a", full), sourceOf("b", late)];
    const error = await failureOf("CHAIN_UNAVAILABLE", { world, sources, chain: ahead.headerChain() });
    expect(error.details.answered).toBe(0);
  });
});

describe("V1: the chain with most work", () => {
  const { world, chain, register } = registered(4);
  const other = sameUpTo(world, 4);
  world.update(5, register, profile(2));
  other.update(6, register, profile(3));
  const light = branch(chain, 4, 6, world);
  const heavy = MinedChain.of(other, 7, { onto: { chain, upTo: 4 }, version: 6 });

  it("V1: more work wins, whatever the order; the others are on another chain", async () => {
    for (const labels of ["abc", "bca", "cab"].map((order) => order.split(""))) {
      const sources = labels.map((label) => sourceOf(label, label === "c" ? heavy : light));
      const found = await read({ world, sources, minSources: 1 });
      expect(found.asOf).toMatchObject({ height: 7, hash: heavy.hashAt(7) });
      expect(found.state.profileHash).toEqual(profile(3));
      expect(verdicts(found)).toEqual({ a: "other-chain", b: "other-chain", c: "agreed" });
      const error = await failureOf("CHAIN_UNAVAILABLE", { world, sources });
      expect(error.details.answered).toBe(1);
    }
  });

  it("V1: a reader that holds the heavier chain stays on it", async () => {
    const sources = [sourceOf("a", light), sourceOf("b", light)];
    const outcome = await readOutcome({ world, sources, chain: heavy.headerChain() });
    expect(outcome.chain.tipHash).toBe(heavy.hashAt(7));
    expect(outcome.result).toMatchObject({ code: "CHAIN_UNAVAILABLE" });
  });

  it("V1: on equal work the stored chain stays", async () => {
    const equal = MinedChain.of(other, 6, { onto: { chain, upTo: 4 }, version: 6 });
    for (const [held, offered] of [
      [light, equal],
      [equal, light],
    ] as const) {
      const outcome = await readOutcome({ world, sources: [sourceOf("a", offered)], chain: held.headerChain() });
      expect(outcome.chain.tipHash).toBe(held.hashAt(6));
    }
  });

  it("V6: after a reorganisation the state follows the new chain and what it removed is dropped", async () => {
    const before = await readOutcome({ world, sources: [sourceOf("a", light)] });
    expect(resolutionOf(before).state.profileHash).toEqual(profile(2));
    const after = await readOutcome({ world, sources: [sourceOf("a", heavy)], after: before });
    expect(resolutionOf(after).state).toMatchObject({ profileHash: profile(3), profileHeight: 6, ownerScript: alice });
    expect(after.stored.transactions.map(({ height }) => height).sort()).toEqual([2, 3, 6]);
  });

  it("V6: a REGISTER that a reorganisation removed is gone", async () => {
    const empty = MinedChain.of(new World(), 9, { onto: { chain, upTo: 1 }, version: 7 });
    const before = await readOutcome({ world, sources: [sourceOf("a", light)] });
    const source = sourceOf("a", empty);
    const after = await readOutcome({ world, sources: [source], after: before });
    expect(resolutionOf(after).state).toMatchObject({ status: "free", ownerScript: null });
    expect(source.calls).toContain("history");
    expect(after.stored).toMatchObject({ transactions: [], beacon: null });
  });

  it("V6: operations that the new chain holds elsewhere are proven there", async () => {
    const elsewhere = new World();
    for (const { tx } of world.transactions) elsewhere.prove(tx, tx === register ? 6 : tx.outputs.length + 3, 1);
    const moved = MinedChain.of(elsewhere, 9, { onto: { chain, upTo: 1 }, version: 8 });
    const before = await readOutcome({ world, sources: [sourceOf("a", light)] });
    const found = await read({ world, sources: [sourceOf("a", moved)], after: before });
    expect(found.state.registeredAtHeight).toBe(6);
  });
});

describe("V4: sources on two branches of the tip", () => {
  const { world, chain, register } = registered(5);
  const other = sameUpTo(world, 5);
  const update = world.update(6, register, profile(2));
  const ours = MinedChain.of(other, 6, { onto: { chain, upTo: 5 }, version: 6 });
  const theirs = branch(chain, 5, 6, world);

  it("V4: an operation in the block that is not ours is no lie and no answer about E", async () => {
    const sources = [sourceOf("a", ours), sourceOf("b", theirs)];
    const found = await read({ world, sources, chain: ours.headerChain(), minConfirmations: 2 });
    expect(found.state.profileHash).toEqual(profile(1));
    expect(found.asOf).toMatchObject({ height: 5, tipHeight: 6, hash: chain.hashAt(5) });
    expect(verdicts(found)).toEqual({ a: "agreed", b: "agreed" });
    expect(found.pending).toMatchObject([{ txid: update.txid, kind: "update", height: null }]);
  });
});

describe("V1: what no amount of work makes good", () => {
  const { world, chain } = registered(12);
  const header = encodeHex(chain.headers(8, 1));
  const checkpoint = { ...networks.regtest.checkpoint, height: 8, hash: chain.hashAt(8), header, chainWork: 18n };
  const network: Network = { ...networks.regtest, checkpoint };
  const above = new World(network);
  const { register } = above.register(10, { owner: bob });
  const right = MinedChain.of(above, 12, { onto: { chain, upTo: 8 } });
  const below = MinedChain.of(above, 20, { onto: { chain, upTo: 6 }, version: 9 });

  it("V1: a fork below the checkpoint is refused", async () => {
    const sources = [sourceOf("a", below), sourceOf("b", right)];
    const found = await read({ world: above, sources, minSources: 1 });
    expect(found.asOf).toMatchObject({ tipHeight: 12, hash: right.hashAt(12) });
    expect(found.state).toMatchObject({ ownerScript: bob });
    expect(verdicts(found)).toEqual({ a: "unreachable", b: "agreed" });
    const error = await failureOf("CHAIN_UNAVAILABLE", { world: above, sources });
    expect(attemptCodes(error)).toEqual({ a: "CHAIN_WORK_INSUFFICIENT" });
    expect(register.inputs).toHaveLength(1);
  });

  it("V1: also for a reader that holds some of the chain", async () => {
    for (const height of [9, 12]) {
      const held = right.headerChain(network, height);
      const sources = [sourceOf("a", below), sourceOf("b", right)];
      const error = await failureOf("CHAIN_UNAVAILABLE", { world: above, sources, chain: held });
      expect(attemptCodes(error)).toEqual({ a: "CHAIN_WORK_INSUFFICIENT" });
    }
  });

  it("V1: a chain with less than the shipped minimum work is refused", async () => {
    const demanding = new World({ ...networks.regtest, minimumWork: 27n });
    demanding.transactions.push(...world.transactions);
    await expect(read({ world: demanding, sources: [sourceOf("a", chain)] })).rejects.toMatchObject({
      code: "CHAIN_WORK_INSUFFICIENT",
      details: { work: "1a", minimumWork: "1b" },
    });
    const more = MinedChain.of(demanding, 13, { onto: { chain, upTo: 12 } });
    const found = await read({ world: demanding, sources: [sourceOf("a", chain), sourceOf("b", more)], minSources: 1 });
    expect(verdicts(found)).toEqual({ a: "behind", b: "agreed" });
  });
});

describe("V1: a header that breaks a rule", () => {
  const { world, chain, register } = registered(4);
  const update = world.update(5, register, profile(2));
  const full = branch(chain, 4, 8, world);

  /** Serves its own chain with the header at `height` altered. */
  const broken =
    (height: number): Twist =>
    (honest) => {
      const alter = (start: number, headers: Uint8Array): Uint8Array => {
        const copy = headers.slice();
        const at = (height - start) * 80 + 72;
        if (at >= 0 && at < copy.length) copy[at] = 0;
        return copy;
      };
      return {
        tip: async () => {
          const tip = await honest.tip();
          const start = tip.height - tip.recentHeaders.length / 80 + 1;
          return { ...tip, recentHeaders: alter(start, tip.recentHeaders) };
        },
        headers: async (start, count) => alter(start, await honest.headers(start, count)),
      };
    };

  it("V1: a source's chain ends before it, and what lies below counts", async () => {
    const found = await read({ world, sources: [sourceOf("a", full, broken(7))] });
    expect(found.asOf).toMatchObject({ tipHeight: 6, height: 6, hash: full.hashAt(6) });
    expect(found.state.profileHash).toEqual(profile(2));
    expect(verdicts(found)).toEqual({ a: "agreed" });
  });

  it("V1: it is behind others whose chain goes on", async () => {
    const sources = [sourceOf("a", full, broken(7)), sourceOf("b", full)];
    const error = await failureOf("CHAIN_UNAVAILABLE", { world, sources });
    expect(attemptCodes(error)).toEqual({ a: "CHAIN_HEADER_INVALID" });
    const found = await read({ world, sources, minSources: 1 });
    expect(found.asOf.tipHeight).toBe(8);
    expect(verdicts(found)).toEqual({ a: "behind", b: "agreed" });
  });

  it("V1: operations above it are not read", async () => {
    const found = await read({ world, sources: [sourceOf("a", full, broken(5))] });
    expect(found.state).toMatchObject({ height: 4, profileHash: profile(1) });
    expect(found.pending).toMatchObject([{ txid: update.txid, kind: "update", height: null }]);
  });

  it("V1: a fork of which the first header breaks a rule takes nothing from the stored chain", async () => {
    const other = MinedChain.of(sameUpTo(world, 4), 9, { onto: { chain, upTo: 4 }, version: 5 });
    const outcome = await readOutcome({ world, sources: [sourceOf("a", other, broken(5))], chain: full.headerChain() });
    expect(outcome.chain.tipHash).toBe(full.hashAt(8));
    expect(outcome.result).toMatchObject({ code: "CHAIN_UNAVAILABLE" });
  });
});
