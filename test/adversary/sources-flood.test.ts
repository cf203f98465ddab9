import { describe, expect, it } from "vitest";
import type { Transaction } from "../../src/chain/transaction.js";
import { HawserError } from "../../src/errors.js";
import { limits } from "../../src/limits.js";
import type { HistoryMark } from "../../src/ports.js";
import { LATE_MS } from "../unit/chain/mining.js";
import { FakeClock } from "../unit/fake-clock.js";
import { alice, anyOutpoint, bob, carol, outpoint, payloadOutput, profile, World } from "../unit/name/builder.js";
import {
  type CountingSource,
  hiding,
  MinedChain,
  shortNetwork,
  sourceOf,
  type Twist,
} from "../unit/name/chain-world.js";
import { failureOf, type Reading, read, readOutcome, resolutionOf, verdicts } from "../unit/name/reading.js";

/** entries - of a history that the sources of these tests still tell; public servers have such limits, too. */
const MOST = 20;

/** A source that tells of a long history only what is not above a place, and the marks that it was asked up to. */
function capped(
  label: string,
  chain: MinedChain,
  twist: Twist = () => ({}),
): { readonly source: CountingSource; readonly marks: (HistoryMark | null)[] } {
  const marks: (HistoryMark | null)[] = [];
  const source = sourceOf(label, chain, (honest) => {
    const twisted = { ...honest, ...twist(honest) };
    return {
      ...twisted,
      history: async (script, options) => {
        const before = options?.before ?? null;
        marks.push(before);
        const all = await twisted.history(script);
        const told = before === null ? all : all.filter(({ height }) => height !== null && height <= before.height);
        const isThere = before === null || chain.placeOf(before.txid)?.height === before.height;
        if (isThere && told.length <= MOST) return told;
        throw new HawserError("NETWORK_TIME_LIMIT", "Too many.", { limit: "history entries", max: MOST });
      },
    };
  });
  return { source, marks };
}

const pair = (chain: MinedChain, twist?: Twist): readonly CountingSource[] =>
  ["a", "b"].map((label) => capped(label, chain, twist).source);

/** Fills one block with payments to the beacon. */
function flood(world: World, height: number, entries = MOST + 5): readonly Transaction[] {
  return Array.from({ length: entries }, () =>
    world.mine(height, { inputs: [anyOutpoint()], outputs: [world.beacon()] }),
  );
}

/** A name whose beacon was flooded after its REGISTER at 3; its UPDATE came after the flood. */
function flooded(): { world: World; chain: MinedChain; register: Transaction; update: Transaction } {
  const world = new World();
  const { register } = world.register(3);
  flood(world, 5);
  const update = world.update(6, register, profile(2));
  return { world, chain: MinedChain.of(world, 8), register, update };
}

const tooLong = (reading: Reading): Promise<HawserError<"CHAIN_UNAVAILABLE">> =>
  failureOf("CHAIN_UNAVAILABLE", reading);

describe("V8: a beacon that was flooded before the REGISTER", () => {
  it("V8: cannot be read, with a hint or without, and is never called free", async () => {
    const world = new World();
    flood(world, 2);
    const { register } = world.register(4);
    const chain = MinedChain.of(world, 6);
    for (const hint of [undefined, register.txid]) {
      const error = await tooLong({ world, sources: pair(chain), hint });
      expect(error.details).toMatchObject({ needed: 2, answered: 0 });
    }
  });
});

describe("V8: a beacon that was flooded after the REGISTER", () => {
  it("V5: is no answer without a hint, and never means that the name is free", async () => {
    const { world, chain } = flooded();
    const error = await tooLong({ world, sources: pair(chain) });
    expect(error.details).toMatchObject({ needed: 2, answered: 0 });
    expect(error.details.attempts.map(({ code }) => code)).toEqual(["NETWORK_TIME_LIMIT", "NETWORK_TIME_LIMIT"]);
  });

  it("V8: is read by a hint; no source is asked for all of it, and no entry of the flood is fetched", async () => {
    const { world, chain, register } = flooded();
    const asked = ["a", "b"].map((label) => capped(label, chain));
    const sources = asked.map(({ source }) => source);
    const found = await read({ world, sources, hint: register.txid });
    expect(found.state).toMatchObject({ ownerScript: alice, profileHash: profile(2) });
    expect(found.asOf.partial).toBe(false);
    expect(verdicts(found)).toEqual({ a: "agreed", b: "agreed" });
    for (const { marks } of asked) expect(marks).toEqual([{ txid: register.txid, height: 3 }]);
    // REGISTER, PREORDER and UPDATE.
    const fetched = sources.flatMap(({ calls }) => calls.filter((call) => call === "transaction"));
    expect(fetched.length).toBeLessThanOrEqual(2 * 3);
  });

  it("V8: the hint is read beside the headers: a read by it asks each thing once", async () => {
    const { world, chain, register } = flooded();
    const { source } = capped("a", chain);
    await read({ world, sources: [source], hint: register.txid });
    const counts = new Map(source.calls.map((call) => [call, source.calls.filter((one) => one === call).length]));
    expect(Object.fromEntries(counts)).toEqual({
      tip: 1,
      headers: 1,
      history: 1,
      transaction: 3,
      inclusion: 3,
      outspend: 2,
    });
  });

  it("V8: a hint is proven: n-1 of n sources that hide the REGISTER change nothing", async () => {
    const { world, chain, register, update } = flooded();
    const labels = ["a", "b", "c"];
    for (const honest of labels) {
      const sources = labels.map((label) => {
        return capped(label, chain, label === honest ? undefined : hiding(register, update)).source;
      });
      const found = await read({ world, sources, minSources: 1, hint: register.txid });
      expect(found.state).toMatchObject({ ownerScript: alice, profileHash: profile(2) });
    }
  });

  it("V8: a source that claims another height for the hint harms itself alone", async () => {
    const { world, chain, register } = flooded();
    for (const height of [1, 4, 8, 100]) {
      const elsewhere: Twist = (honest) => ({
        inclusion: async (txid, near) => {
          const claim = await honest.inclusion(txid, near);
          return claim === null || txid !== register.txid ? claim : { ...claim, height };
        },
      });
      const sources = [capped("a", chain, elsewhere).source, capped("b", chain).source];
      const found = await read({ world, sources, minSources: 1, hint: register.txid });
      expect(found.state).toMatchObject({ ownerScript: alice, profileHash: profile(2) });
      expect(verdicts(found)["b"]).toBe("agreed");
    }
  });

  it("V8: a source that answers with a flood of its own making is left alone", async () => {
    const { world, chain, register } = flooded();
    const invented = Array.from({ length: limits.historyMaxEntries }, (_, i) => {
      return { txid: i.toString(16).padStart(64, "0"), height: 2 };
    });
    const liar = sourceOf("liar", chain, () => ({ history: () => Promise.resolve(invented) }));
    const sources = [liar, ...pair(chain)];
    const found = await read({ world, sources, hint: register.txid });
    expect(found.state).toMatchObject({ ownerScript: alice, profileHash: profile(2) });
    expect(verdicts(found)).toEqual({ liar: "lied", a: "agreed", b: "agreed" });
    expect(liar.calls.length).toBeLessThan(60);
  });

  it("V5: a source that cannot stop at a place is asked for all, and answers where that is not too long", async () => {
    const { world, chain, register } = flooded();
    const whole = sourceOf("whole", chain, (honest) => ({
      history: (script, options) =>
        options?.before === undefined ? honest.history(script) : Promise.reject(new Error("what?")),
    }));
    const found = await read({ world, sources: [whole, capped("a", chain).source], hint: register.txid });
    expect(verdicts(found)).toEqual({ whole: "agreed", a: "agreed" });
  });

  it("V8: what one source can tell in full is a hint for another that cannot", async () => {
    const { world, chain } = flooded();
    const { source, marks } = capped("a", chain);
    const found = await read({ world, sources: [source, sourceOf("whole", chain)] });
    expect(verdicts(found)).toEqual({ a: "agreed", whole: "agreed" });
    expect(marks.at(-1)).toMatchObject({ height: 3 });
  });
});

describe("V8: two REGISTERs in one block", () => {
  it.each([
    ["first", 1, 2, alice],
    ["second", 2, 1, bob],
  ])("V8: a hint that names either never decides which was %s", async (_, alicePosition, bobPosition, winner) => {
    const world = new World();
    const ours = world.register(3, { position: alicePosition });
    const theirs = world.register(3, { owner: bob, position: bobPosition });
    flood(world, 5);
    const chain = MinedChain.of(world, 6);
    for (const { register } of [ours, theirs]) {
      const found = await read({ world, sources: pair(chain), hint: register.txid });
      expect(found.state).toMatchObject({ ownerScript: winner, registeredAtHeight: 3 });
      expect(verdicts(found)).toEqual({ a: "agreed", b: "agreed" });
    }
  });

  it("V8: nor does one of a later block, which cannot hold the name", async () => {
    const world = new World();
    world.register(3);
    const late = world.register(5, { owner: bob });
    flood(world, 6);
    const found = await read({ world, sources: pair(MinedChain.of(world, 8)), hint: late.register.txid });
    expect(found.state).toMatchObject({ ownerScript: alice, registeredAtHeight: 3 });
  });
});

describe("V8: a hint that names an earlier tenure", () => {
  /** Alice's tenure lapses at 14 and Bob registers the name at 15. */
  function lapsed(): { world: World; old: Transaction; present: Transaction } {
    const world = new World(shortNetwork);
    const { register: old } = world.register(3);
    const { register: present } = world.register(15, { owner: bob });
    return { world, old, present };
  }

  it("V8: costs work and changes nothing", async () => {
    const { world, old } = lapsed();
    const found = await read({ world, sources: pair(MinedChain.of(world, 17)), hint: old.txid });
    expect(found.state).toMatchObject({ status: "active", ownerScript: bob });
  });

  it("V8: does not help past a flood: the read fails, it does not show the old holder or a free name", async () => {
    const { world, old, present } = lapsed();
    flood(world, 16);
    const chain = MinedChain.of(world, 18);
    await tooLong({ world, sources: pair(chain), hint: old.txid });
    const found = await read({ world, sources: pair(chain), hint: present.txid });
    expect(found.state).toMatchObject({ status: "active", ownerScript: bob });
  });

  it("V8: nor where the old tenure was released, nor past what came between the two", async () => {
    const world = new World(shortNetwork);
    const first = world.register(3);
    world.release(5, first.register);
    flood(world, 6);
    const second = world.register(8, { owner: bob });
    flood(world, 9);
    const chain = MinedChain.of(world, 10);
    await tooLong({ world, sources: pair(chain), hint: first.register.txid });
    // Entries between the two cannot be skipped either.
    await tooLong({ world, sources: pair(chain), hint: second.register.txid });
  });

  it("V8: one of the present tenure finds what was released before it", async () => {
    const world = new World(shortNetwork);
    const first = world.register(3);
    world.release(5, first.register);
    const second = world.register(8, { owner: bob });
    flood(world, 9);
    const chain = MinedChain.of(world, 10);
    const found = await read({ world, sources: pair(chain), hint: second.register.txid });
    expect(found.state).toMatchObject({ ownerScript: bob, registeredAtHeight: 8 });
  });

  it("V8: is refused a name that was unsealed: a RECOVER may be in the flood", async () => {
    const world = new World();
    const { register } = world.register(3);
    world.pay(4, register);
    const recover = world.recover(5);
    flood(world, 6);
    const chain = MinedChain.of(world, 8);
    await tooLong({ world, sources: pair(chain), hint: register.txid });
    // Where the RECOVER itself is known, what came after it can be left out.
    const found = await read({ world, sources: pair(chain), hint: recover.txid });
    expect(found.state).toMatchObject({ unsealed: null, profileHash: profile(4) });
  });
});

describe("V8: a hint that is nothing", () => {
  const world = new World();
  const { preorder, register } = world.register(3);
  const update = world.update(5, register, profile(2));
  const [junk] = flood(world, 6, 1);
  const other = new World(undefined, "bob").register(3).register;
  world.prove(other, 6, 9);
  const named = payloadOutput({ kind: "register", salt: new Uint8Array(8), profileHash: profile(9), name: world.name });
  // It spends what is no PREORDER.
  const bare = world.mine(6, { inputs: [outpoint(update, 9)], outputs: [named, world.seal(carol), world.beacon()] });
  const unmined = new World().register(3, { owner: bob }).register;
  const chain = MinedChain.of(world, 8, { mempool: [unmined] });

  it.each([
    ["no transaction", "ab".repeat(32)],
    ["the PREORDER", preorder.txid],
    ["an UPDATE", update.txid],
    ["a payment to the beacon", junk?.txid ?? ""],
    ["the REGISTER of another name", other.txid],
    ["a REGISTER without a PREORDER", bare.txid],
    ["a REGISTER that is not mined", unmined.txid],
    ["a coinbase", chain.txids(3)[0] ?? ""],
  ])("V8: %s costs work and changes no answer", async (_, hint) => {
    const found = await read({ world, sources: pair(chain), hint });
    const told = await read({ world, sources: pair(chain) });
    expect(found.state).toEqual(told.state);
    expect(found.pending).toEqual(told.pending);
    expect(verdicts(found)).toEqual({ a: "agreed", b: "agreed" });
    const nobody = new World(undefined, "nobody");
    const free = await read({ world: nobody, sources: pair(chain), hint });
    expect(free.state.status).toBe("free");
  });
});

describe("V8: a reader that knows the name", () => {
  const DAY_MS = limits.beaconAbsenceMaxAgeMs;

  /** A read before the flood, and the chain with it. */
  async function known(): Promise<{ reading: Reading; world: World; register: Transaction; chain: MinedChain }> {
    const world = new World();
    const { register } = world.register(3);
    const before = MinedChain.of(world, 4);
    const after = await readOutcome({ world, sources: pair(before) });
    flood(world, 5);
    world.update(6, register, profile(2));
    const chain = MinedChain.of(world, 8, { onto: { chain: before, upTo: 4 } });
    return { reading: { world, sources: pair(chain), after }, world, register, chain };
  }

  it("V8: needs no hint after a flood, within a day and after it", async () => {
    const { reading, register, chain } = await known();
    for (const [ageMs, expected] of [
      [0, []],
      [DAY_MS, [{ txid: register.txid, height: 3 }]],
      [30 * DAY_MS, [{ txid: register.txid, height: 3 }]],
    ] as const) {
      const asked = ["a", "b"].map((label) => capped(label, chain));
      const sources = asked.map(({ source }) => source);
      const found = await read({ ...reading, sources, clock: new FakeClock(LATE_MS + ageMs) });
      expect(found.state).toMatchObject({ ownerScript: alice, profileHash: profile(2) });
      for (const { marks } of asked) expect(marks).toEqual(expected);
    }
  });

  it("V8: keeps what a hint led to, so that the next read needs none", async () => {
    const { world, chain, register } = flooded();
    const after = await readOutcome({ world, sources: pair(chain), hint: register.txid });
    expect([...(after.stored.beacon?.checkedAtMs.keys() ?? [])]).toEqual(["a", "b"]);
    const clock = new FakeClock(LATE_MS + DAY_MS);
    for (const rest of [{}, { clock }]) {
      const found = await read({ world, sources: pair(chain), after, ...rest });
      expect(found.state).toMatchObject({ ownerScript: alice, profileHash: profile(2) });
    }
  });

  it("V8: asks a source that is new up to the REGISTER alone", async () => {
    const { reading, register, chain } = await known();
    const { source, marks } = capped("new", chain);
    const found = await read({ ...reading, sources: [...reading.sources, source] });
    expect(verdicts(found)).toEqual({ a: "agreed", b: "agreed", new: "agreed" });
    expect(marks).toEqual([{ txid: register.txid, height: 3 }]);
  });

  it("V6: finds a REGISTER that a reorganisation moved, and everything before it there", async () => {
    const { reading, world, chain } = await known();
    const [preorder, register] = world.transactions;
    if (preorder === undefined || register === undefined) throw new Error("nothing was registered");
    const moved = new World();
    moved.prove(preorder.tx, 2, 8);
    moved.prove(register.tx, 6, 8);
    flood(moved, 7);
    const branch = { onto: { chain, upTo: 1 }, version: 5 };
    const late = await read({ ...reading, sources: pair(MinedChain.of(moved, 10, branch)) });
    expect(late.state).toMatchObject({ ownerScript: alice, registeredAtHeight: 6, profileHash: profile(1) });
    // On another branch somebody was first.
    moved.register(5, { owner: bob });
    const other = await read({ ...reading, sources: pair(MinedChain.of(moved, 10, branch)) });
    expect(other.state).toMatchObject({ ownerScript: bob, registeredAtHeight: 5 });
  });

  it("V8: still needs what came after the end of the tenure, and a hint there", async () => {
    const world = new World(shortNetwork);
    world.register(3);
    const before = MinedChain.of(world, 4);
    const after = await readOutcome({ world, sources: pair(before) });
    const { register: present } = world.register(15, { owner: bob });
    flood(world, 16);
    const chain = MinedChain.of(world, 17, { onto: { chain: before, upTo: 4 } });
    await tooLong({ world, sources: pair(chain), after });
    const found = await read({ world, sources: pair(chain), after, hint: present.txid });
    expect(found.state).toMatchObject({ status: "active", ownerScript: bob });
  });

  it("V5: that the beacon held nothing below the REGISTER says nothing about a RECOVER after it", async () => {
    const world = new World();
    const { register } = world.register(3);
    const before = MinedChain.of(world, 4);
    const after = await readOutcome({ world, sources: pair(before) });
    world.pay(5, register);
    const first = world.recover(6, { profileHash: profile(6) });
    world.recover(7, { profileHash: profile(7) });
    const chain = MinedChain.of(world, 8, { onto: { chain: before, upTo: 4 } });
    const liar = sourceOf("a", chain, hiding(first));
    const silent = sourceOf("b", chain, () => ({ history: () => Promise.reject(new Error("no")) }));
    const error = await tooLong({ world, sources: [liar, silent], after });
    expect(error.details).toMatchObject({ answered: 1, attempts: [{ label: "b" }] });
    const found = await read({ world, sources: [liar, sourceOf("b", chain)], after });
    expect(resolutionOf({ ...after, result: found }).state.profileHash).toEqual(profile(6));
  });
});
