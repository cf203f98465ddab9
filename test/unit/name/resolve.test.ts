import { describe, expect, it } from "vitest";
import { networks } from "../../../src/chain/network.js";
import { HawserError } from "../../../src/errors.js";
import { stateFromStored } from "../../../src/name/select-stored.js";
import { nothingStored } from "../../../src/name/stored-name.js";
import type { ProgressEvent } from "../../../src/ports.js";
import { GENESIS_TIME_SEC, LATE_MS } from "../chain/mining.js";
import { FakeClock } from "../fake-clock.js";
import {
  alice,
  anyOutpoint,
  bob,
  buildTransaction,
  headed,
  outpoint,
  payloadOutput,
  profile,
  World,
} from "./builder.js";
import { MinedChain, never, sourceOf, type Twist } from "./chain-world.js";
import { attemptCodes, failureOf, read, readOutcome, resolutionOf, verdicts } from "./reading.js";

/** A name with one UPDATE and blocks above it. */
function updated(tipHeight = 8): {
  world: World;
  chain: MinedChain;
  register: ReturnType<World["pay"]>;
  update: ReturnType<World["pay"]>;
} {
  const world = new World();
  const { register } = world.register(3);
  const update = world.update(5, register, profile(2));
  return { world, chain: MinedChain.of(world, tipHeight), register, update };
}

const silent: Twist = () => ({ history: () => Promise.reject(new Error("no")) });

describe("V5: how many must answer", () => {
  const { world, chain } = updated();
  const sources = [sourceOf("a", chain), sourceOf("b", chain), sourceOf("c", chain, silent)];

  it("V5: at least minSources, and the result says that others did not", async () => {
    for (const minSources of [1, 2]) {
      const found = await read({ world, sources, minSources });
      expect(found.asOf.partial).toBe(true);
      expect(verdicts(found)).toEqual({ a: "agreed", b: "agreed", c: "unreachable" });
    }
    const error = await failureOf("CHAIN_UNAVAILABLE", { world, sources, minSources: 3 });
    expect(error.details).toMatchObject({ needed: 3, answered: 2, attempts: [{ label: "c" }] });
  });

  it("V5: a caller may demand all", async () => {
    const error = await failureOf("CHAIN_UNAVAILABLE", { world, sources, minSources: 1, requireAllSources: true });
    expect(error.details).toMatchObject({ needed: 3, answered: 2 });
    expect(attemptCodes(error)).toEqual({ c: "NETWORK_UNREACHABLE" });
    const found = await read({ world, sources: sources.slice(0, 2), requireAllSources: true });
    expect(found.asOf.partial).toBe(false);
  });

  it("V5: a name that nobody registered needs as many", async () => {
    const nobody = new World(undefined, "nobody");
    const found = await read({ world: nobody, sources: sources.slice(0, 2) });
    expect(found.state).toMatchObject({ status: "free", height: 8 });
    await failureOf("CHAIN_UNAVAILABLE", { world: nobody, sources: sources.slice(1) });
  });

  it("V5: a source that fails once and answers when it is asked again has answered", async () => {
    const once: Twist = (honest) => {
      let calls = 0;
      return { history: (script) => (calls++ === 0 ? Promise.reject(new Error("once")) : honest.history(script)) };
    };
    const onceUnspent: Twist = (honest) => {
      let calls = 0;
      return {
        outspend: (seal, script) => (calls++ === 0 ? Promise.reject(new Error("once")) : honest.outspend(seal, script)),
      };
    };
    for (const twist of [once, onceUnspent]) {
      const found = await read({ world, sources: [sourceOf("a", chain, twist), sourceOf("b", chain)] });
      expect(verdicts(found)).toEqual({ a: "agreed", b: "agreed" });
    }
  });
});

describe("V7: asOf", () => {
  const { world, chain } = updated();
  const tipTimeMs = (GENESIS_TIME_SEC + 600 * 8) * 1000;

  it("V7: says at which block the state was read and how old the tip is", async () => {
    const clock = new FakeClock(tipTimeMs + 5_000);
    const found = await read({ world, sources: [sourceOf("a", chain)], minConfirmations: 3, clock });
    expect(found.asOf).toEqual({
      height: 6,
      hash: chain.hashAt(6),
      time: GENESIS_TIME_SEC + 600 * 6,
      tipHeight: 8,
      tipAgeMs: 5_000,
      partial: false,
      weakStart: false,
      signaturesUnchecked: false,
      sources: [{ label: "a", verdict: "agreed" }],
    });
    expect(found.chain.tipHash).toBe(chain.hashAt(8));
  });

  it("V7: a tip ahead of the clock has no age", async () => {
    const clock = new FakeClock(tipTimeMs - 60_000);
    const found = await read({ world, sources: [sourceOf("a", chain)], clock });
    expect(found.asOf.tipAgeMs).toBe(0);
  });

  it("V6: a chain that is too short is read at its checkpoint", async () => {
    const found = await read({ world, sources: [sourceOf("a", chain)], minConfirmations: 100 });
    expect(found.asOf).toMatchObject({ height: 0, hash: networks.regtest.genesisHash });
    expect(found.state.status).toBe("free");
    expect(found.pending.map(({ kind }) => kind)).toEqual(["preorder", "register", "update"]);
  });

  it("tells what it does", async () => {
    const events: ProgressEvent[] = [];
    await read({ world, sources: [sourceOf("a", chain)], onEvent: (event) => events.push(event) });
    expect(events.map(({ stage }) => stage)).toEqual(["headers", "name"]);
    expect(events[1]?.message).toContain("alice");
  });

  it("M6: lists the operations above b, those that are not applied included", async () => {
    const deep = new World({ ...networks.regtest, minConfirmations: 3 });
    const { register } = deep.register(3);
    deep.update(7, deep.update(5, register, profile(2)), profile(3));
    const found = await read({ world: deep, sources: [sourceOf("a", MinedChain.of(deep, 7))], minConfirmations: 2 });
    expect(found.recentOperations.map(({ height, profileHash }) => [height, profileHash])).toEqual([
      [5, profile(2)],
      [7, profile(3)],
    ]);
    expect(found.tipState).toMatchObject({ height: 7, profileHash: profile(3) });
    expect(found.state).toMatchObject({ height: 6, profileHash: profile(2) });
  });
});

describe("V6: what is above E is pending and never applied", () => {
  it("V6: operations", async () => {
    const { world, update } = updated();
    const transfer = world.transfer(7, update, bob);
    const sources = [sourceOf("a", MinedChain.of(world, 8))];
    const found = await read({ world, sources, minConfirmations: 3 });
    expect(found.state).toMatchObject({ ownerScript: alice, profileHash: profile(2) });
    expect(found.pending).toMatchObject([{ txid: transfer.txid, kind: "transfer", height: 7 }]);
    const applied = await read({ world, sources, minConfirmations: 2 });
    expect(applied.state.ownerScript).toEqual(bob);
    expect(applied.pending).toEqual([]);
  });

  it("V6: what would unseal the name", async () => {
    const { world, update } = updated();
    const paid = world.pay(8, update);
    const found = await read({ world, sources: [sourceOf("a", MinedChain.of(world, 8))], minConfirmations: 2 });
    expect(found.state).toMatchObject({ unsealed: null, profileHash: profile(2) });
    expect(found.pending).toMatchObject([{ txid: paid.txid, kind: null, height: 8 }]);
  });

  it("V6: spends in the mempool, whatever they are", async () => {
    const { world, update } = updated();
    const outputs = [payloadOutput({ kind: "update", profileHash: profile(7) }), world.seal(alice)];
    const moving = buildTransaction({ inputs: [outpoint(update)], outputs });
    const paying = buildTransaction({ inputs: [anyOutpoint(), outpoint(update)], outputs: [world.seal(bob)] });
    for (const [tx, kind] of [
      [moving, "update"],
      [paying, null],
    ] as const) {
      const found = await read({ world, sources: [sourceOf("a", MinedChain.of(world, 8, { mempool: [tx] }))] });
      expect(found.state.profileHash).toEqual(profile(2));
      expect(found.tipState.profileHash).toEqual(profile(2));
      expect(found.pending).toMatchObject([{ txid: tx.txid, kind, height: null, reportedBy: ["a"] }]);
      expect(verdicts(found)).toEqual({ a: "agreed" });
    }
  });

  it("V6: a block above the best chain's tip is like the mempool", async () => {
    const { world, update, chain } = updated();
    const next = world.update(9, update, profile(7));
    const ahead: Twist = (honest) => ({
      outspend: async (seal, script) =>
        seal.txid === update.txid ? { spent: true, txid: next.txid, height: 9 } : honest.outspend(seal, script),
      transaction: (txid) => (txid === next.txid ? Promise.resolve(next.raw) : honest.transaction(txid)),
    });
    const found = await read({ world, sources: [sourceOf("a", chain, ahead), sourceOf("b", chain)] });
    expect(found.state.profileHash).toEqual(profile(2));
    expect(found.pending).toEqual([{ txid: next.txid, kind: "update", height: null, reportedBy: ["a"] }]);
    expect(verdicts(found)).toEqual({ a: "agreed", b: "agreed" });
  });

  it("V6: a spend of which nobody shows the bytes, or that spends something else, is not shown", async () => {
    const { world, update, register, chain } = updated();
    for (const txid of ["ab".repeat(32), register.txid]) {
      const vague: Twist = (honest) => ({
        outspend: (seal, script) =>
          seal.txid === update.txid
            ? Promise.resolve({ spent: true, txid, height: null })
            : honest.outspend(seal, script),
      });
      const found = await read({ world, sources: [sourceOf("a", chain, vague), sourceOf("b", chain)] });
      expect(found.pending).toEqual([]);
      expect(found.state.profileHash).toEqual(profile(2));
    }
  });

  it("V6: two that contradict one another are both shown, once each", async () => {
    const { world, update } = updated();
    const spends = [1, 2].map((n) => {
      const outputs = [payloadOutput({ kind: "update", profileHash: profile(n) }), world.seal(alice)];
      return buildTransaction({ inputs: [outpoint(update)], outputs });
    });
    const chains = spends.map((tx) => MinedChain.of(world, 8, { mempool: [tx] }));
    const base = chains[0];
    if (base === undefined) throw new Error("no chain");
    const twin = MinedChain.of(world, 8, { onto: { chain: base, upTo: 8 }, mempool: spends.slice(1) });
    const sources = [sourceOf("a", base), sourceOf("b", twin), sourceOf("c", twin)];
    const found = await read({ world, sources });
    expect(found.pending.map(({ txid }) => txid)).toEqual(spends.map(({ txid }) => txid));
  });
});

describe("C7: an operation of a later version", () => {
  const { world, update } = updated();
  const later = world.spend(7, update, headed(2, 3), world.seal(alice));
  const chain = MinedChain.of(world, 8);

  it("C7: at or below E it fails the read, and is kept", async () => {
    for (const minConfirmations of [1, 2]) {
      const outcome = await readOutcome({ world, sources: [sourceOf("a", chain)], minConfirmations });
      expect(outcome.result).toMatchObject({
        code: "CHAIN_UNSUPPORTED_OPERATION",
        details: { txid: later.txid, height: 7 },
      });
      const hidden: Twist = () => ({ outspend: () => Promise.resolve({ spent: false }) });
      const next = { world, sources: [sourceOf("a", chain, hidden)], after: outcome };
      await failureOf("CHAIN_UNSUPPORTED_OPERATION", next);
    }
  });

  it("C7: above E it is pending", async () => {
    const found = await read({ world, sources: [sourceOf("a", chain)], minConfirmations: 3 });
    expect(found.state).toMatchObject({ profileHash: profile(2), unsupported: null });
    expect(found.pending).toMatchObject([{ txid: later.txid, kind: null, height: 7 }]);
  });

  it("V5: too few answers are told before it", async () => {
    const sources = [sourceOf("a", chain), sourceOf("b", chain, silent)];
    await failureOf("CHAIN_UNAVAILABLE", { world, sources });
  });
});

describe("V3: what operations rest on", () => {
  const hide =
    (txid: string): Twist =>
    (honest) => ({
      transaction: (asked) => (asked === txid ? Promise.resolve(null) : honest.transaction(asked)),
    });

  it("C5: a PREORDER that nobody has makes the read fail, it does not make the name free", async () => {
    const world = new World();
    const { preorder } = world.register(3);
    const chain = MinedChain.of(world, 5);
    const noPlace: Twist = (honest) => ({
      inclusion: (txid, near) => (txid === preorder.txid ? Promise.resolve(null) : honest.inclusion(txid, near)),
    });
    for (const twist of [hide(preorder.txid), noPlace]) {
      const sources = [sourceOf("a", chain, twist), sourceOf("b", chain, twist)];
      const error = await failureOf("CHAIN_UNAVAILABLE", { world, sources, minSources: 1 });
      expect(error.details).toMatchObject({ needed: 1, answered: 0 });
      const found = await read({ world, sources: [...sources, sourceOf("c", chain)] });
      expect(found.state).toMatchObject({ status: "active", tenure: preorder.txid });
    }
  });

  it("V3: so does the output that a RECOVER spends", async () => {
    const world = new World();
    const { register } = world.register(3);
    world.pay(5, register);
    const coin = world.coinOf(alice);
    world.recover(6, { spends: coin });
    const chain = MinedChain.of(world, 7);
    const sources = [sourceOf("a", chain, hide(coin.txid)), sourceOf("b", chain, hide(coin.txid))];
    await failureOf("CHAIN_UNAVAILABLE", { world, sources, minSources: 1 });
    const found = await read({ world, sources: [...sources, sourceOf("c", chain)] });
    expect(found.state).toMatchObject({ unsealed: null, profileHash: profile(4) });
    // It is kept, and so can be withheld no more.
    const before = await readOutcome({ world, sources: [sourceOf("c", chain)] });
    const warm = await read({ world, sources: sources.slice(0, 1), after: before });
    expect(warm.state.profileHash).toEqual(profile(4));
  });

  it("C5: a REGISTER that spends no PREORDER needs none to be proven", async () => {
    const world = new World();
    const funding = world.mine(2, { inputs: [anyOutpoint()], outputs: [world.seal(bob), world.seal(bob)] });
    world.register(3, { spends: () => [outpoint(funding)] });
    const noPlace: Twist = (honest) => ({
      inclusion: (txid, near) => (txid === funding.txid ? Promise.resolve(null) : honest.inclusion(txid, near)),
    });
    const found = await read({ world, sources: [sourceOf("a", MinedChain.of(world, 4), noPlace)] });
    expect(found.state.status).toBe("free");
  });
});

describe("the end of a read", () => {
  it("ends what is still under way", async () => {
    const { world, chain } = updated();
    const signals: AbortSignal[] = [];
    const lingering: Twist = (honest) => ({
      transaction: (txid, options) => {
        if (options?.signal !== undefined) signals.push(options.signal);
        return txid === chain.txids(3)[1] ? honest.transaction(txid) : never();
      },
    });
    const clock = new FakeClock(LATE_MS);
    const reading = read({
      world,
      sources: [sourceOf("a", chain, lingering), sourceOf("b", chain)],
      minSources: 1,
      clock,
    });
    await clock.advance(60_000);
    await reading;
    expect(signals.length).toBeGreaterThan(0);
    for (const signal of signals.slice(1)) expect(signal.aborted).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it("V4: the state of what is stored needs nobody, and is null without", async () => {
    const { world, chain } = updated();
    const outcome = await readOutcome({ world, sources: [sourceOf("a", chain)] });
    const { network, name } = world;
    const input = { network, name, chain: outcome.chain, stored: outcome.stored, clock: new FakeClock(LATE_MS) };
    expect(stateFromStored(input, 1)).toEqual(resolutionOf(outcome).state);
    expect(stateFromStored(input, 5)).toMatchObject({ height: 4, profileHash: profile(1) });
    expect(stateFromStored({ ...input, stored: nothingStored }, 1)).toBeNull();
  });
});

describe("V7: who stood for an answer", () => {
  it("V7: every source is named, with what its answer was worth", async () => {
    const { world, chain } = updated();
    const short = MinedChain.of(world, 7, { onto: { chain, upTo: 7 } });
    const sources = [sourceOf("a", chain), sourceOf("b", chain, silent), sourceOf("c", short), sourceOf("d", chain)];
    const found = await read({ world, sources });
    expect(found.asOf.sources).toEqual([
      { label: "a", verdict: "agreed" },
      {
        label: "b",
        verdict: "unreachable",
        reason: { code: "NETWORK_UNREACHABLE", message: "b gave no answer: no." },
      },
      { label: "c", verdict: "behind" },
      { label: "d", verdict: "agreed" },
    ]);
  });

  it("V7: what one call failed with is no reason where the source answered after all", async () => {
    const { world, chain } = updated();
    let failures = 0;
    const stumbling = sourceOf("b", chain, (honest) => ({
      inclusion: (txid, height) => {
        failures += 1;
        return failures === 1 ? Promise.reject(new Error("no")) : honest.inclusion(txid, height);
      },
    }));
    const found = await read({ world, sources: [stumbling, sourceOf("a", chain)] });
    expect(failures).toBeGreaterThan(0);
    expect(found.asOf.sources).toEqual([
      { label: "b", verdict: "agreed" },
      { label: "a", verdict: "agreed" },
    ]);
  });

  it("V5: a source that rests is not asked, has not answered, and is shown with its last failure", async () => {
    const { world, chain } = updated();
    const rested = sourceOf("b", chain);
    const failure = new HawserError("NETWORK_TIMEOUT", "b was late.", { url: "b", timeoutMs: 1 });
    const resting = new Map([["b", { failure, forMs: 5_000 }]]);
    const sources = [sourceOf("a", chain), rested];
    const found = await read({ world, sources, minSources: 1, resting });
    expect(rested.calls).toEqual([]);
    expect(found.asOf.partial).toBe(true);
    const reason = { code: "NETWORK_TIMEOUT", message: "b was late.", restsForMs: 5_000 };
    expect(found.asOf.sources).toEqual([
      { label: "a", verdict: "agreed" },
      { label: "b", verdict: "unreachable", reason },
    ]);
    const { result } = await readOutcome({ world, sources, minSources: 2, resting });
    expect(result).toMatchObject({ code: "CHAIN_UNAVAILABLE", details: { needed: 2, answered: 1 } });
  });
});

describe("V6: what is stored", () => {
  it("V6: is read at E like everything else", async () => {
    const { world, chain } = updated();
    const outcome = await readOutcome({ world, sources: [sourceOf("a", chain)] });
    const { network, name } = world;
    const input = { network, name, chain: outcome.chain, stored: outcome.stored, clock: new FakeClock(LATE_MS) };
    expect(stateFromStored(input, 4)).toMatchObject({ height: 5, profileHash: profile(2) });
    expect(stateFromStored(input, 5)).toMatchObject({ height: 4, profileHash: profile(1) });
  });
});
