import { beforeEach, describe, expect, it } from "vitest";
import { merkleBranch } from "../../src/chain/merkle.js";
import type { Transaction } from "../../src/chain/transaction.js";
import type { InclusionClaim } from "../../src/ports.js";
import {
  alice,
  anyOutpoint,
  bob,
  buildTransaction,
  carol,
  compressed,
  type Draft,
  outpoint,
  p2pkh,
  payloadOutput,
  points,
  profile,
  salt,
  World,
} from "../unit/name/builder.js";
import { hiding, MinedChain, sourceOf, type Twist } from "../unit/name/chain-world.js";
import { failureOf, read, readOutcome, resolutionOf, verdicts } from "../unit/name/reading.js";

/** A source that calls the seal `spent` by a transaction of its own at `height`, with the proof that `prove` invents. */
function inventing(spent: Transaction, invented: Transaction, height: number, prove: () => InclusionClaim): Twist {
  return (honest) => ({
    outspend: (seal, script) =>
      seal.txid === spent.txid
        ? Promise.resolve({ spent: true, txid: invented.txid, height })
        : honest.outspend(seal, script),
    transaction: (txid) => (txid === invented.txid ? Promise.resolve(invented.raw) : honest.transaction(txid)),
    inclusion: (txid, near) => (txid === invented.txid ? Promise.resolve(prove()) : honest.inclusion(txid, near)),
  });
}

describe("V4: sources that report what nobody can prove", () => {
  let world: World;
  let register: Transaction;
  let update: Transaction;
  let chain: MinedChain;

  beforeEach(() => {
    world = new World();
    register = world.register(3).register;
    update = world.update(5, register, profile(2));
    chain = MinedChain.of(world, 7);
  });

  /** An UPDATE of the newest seal that is in no block. */
  function fakeUpdate(): Transaction {
    const outputs = [payloadOutput({ kind: "update", profileHash: profile(66) }), world.seal(bob)];
    return buildTransaction({ inputs: [outpoint(update)], outputs });
  }

  /** The proof that a real transaction has. */
  function proofOf(tx: Transaction): InclusionClaim {
    const { height, position } = chain.placeOf(tx.txid) ?? { height: 0, position: 0 };
    return { height, position, branch: merkleBranch(chain.txids(height), position) };
  }

  /** The liar is not believed and not counted, in whatever place it stands; the others' answer is. */
  async function isLie(twist: Twist): Promise<void> {
    const honest = await read({ world, sources: [sourceOf("a", chain)] });
    for (const liar of ["a", "b", "c"]) {
      const sources = ["a", "b", "c"].map((label) => sourceOf(label, chain, label === liar ? twist : undefined));
      const found = await read({ world, sources });
      expect(found.state).toEqual(honest.state);
      expect(found.pending).toEqual([]);
      expect(verdicts(found)).toEqual({ a: "agreed", b: "agreed", c: "agreed", [liar]: "lied" });
      expect(found.asOf.partial).toBe(true);
      await failureOf("CHAIN_UNAVAILABLE", { world, sources, requireAllSources: true });
    }
    const error = await failureOf("CHAIN_UNAVAILABLE", { world, sources: [sourceOf("a", chain, twist)] });
    expect(error.details).toMatchObject({ needed: 1, answered: 0, attempts: [{ label: "a" }] });
  }

  it("V2: an UPDATE with the branch of another transaction", async () => {
    await isLie(inventing(update, fakeUpdate(), 5, () => proofOf(update)));
  });

  it("V2: an UPDATE with an invented branch", async () => {
    const proof = { height: 6, position: 1, branch: [new Uint8Array(32)] };
    await isLie(inventing(update, fakeUpdate(), 6, () => proof));
  });

  it("V2: an UPDATE with no branch at all", async () => {
    await isLie(inventing(update, fakeUpdate(), 6, () => ({ height: 6, position: 0, branch: [] })));
  });

  it("V2: an UPDATE that it knows no place of", async () => {
    const fake = fakeUpdate();
    await isLie((honest) => ({
      ...inventing(update, fake, 6, () => proofOf(update))(honest),
      inclusion: (txid, near) => (txid === fake.txid ? Promise.resolve(null) : honest.inclusion(txid, near)),
    }));
  });

  it("V4: a spend by a transaction that it does not show", async () => {
    const fake = fakeUpdate();
    await isLie((honest) => ({
      ...inventing(update, fake, 6, () => proofOf(update))(honest),
      transaction: (txid) => (txid === fake.txid ? Promise.resolve(null) : honest.transaction(txid)),
    }));
  });

  it("V4: a spend by a real transaction that spends something else", async () => {
    const fit = register;
    await isLie((honest) => ({
      outspend: (seal, script) =>
        seal.txid === update.txid
          ? Promise.resolve({ spent: true, txid: fit.txid, height: 3 })
          : honest.outspend(seal, script),
    }));
  });

  it("V3: other bytes than those of the txid", async () => {
    await isLie(inventing(update, { ...fakeUpdate(), raw: register.raw }, 6, () => proofOf(update)));
  });

  it("V3: bytes that are no transaction", async () => {
    await isLie(inventing(update, { ...fakeUpdate(), raw: Uint8Array.of(1, 2, 3) }, 6, () => proofOf(update)));
  });

  it("V4: an invented REGISTER in the beacon's history", async () => {
    const payload = payloadOutput({ kind: "register", salt, profileHash: profile(66), name: world.name });
    const outputs = [payload, world.seal(bob), world.beacon()];
    const fake = buildTransaction({ inputs: [anyOutpoint()], outputs });
    await isLie((honest) => ({
      history: async (script) => [...(await honest.history(script)), { txid: fake.txid, height: 2 }],
      transaction: (txid) => (txid === fake.txid ? Promise.resolve(fake.raw) : honest.transaction(txid)),
      inclusion: (txid, near) => (txid === fake.txid ? Promise.resolve(proofOf(update)) : honest.inclusion(txid, near)),
    }));
  });

  it("V2: a real operation at another height is proven where it is, by others", async () => {
    const moved: Twist = (honest) => ({
      inclusion: async (txid, near) => {
        const claim = await honest.inclusion(txid, near);
        return claim === null ? null : { ...claim, height: claim.height + 1 };
      },
    });
    for (const labels of [
      ["a", "b"],
      ["b", "a"],
    ]) {
      const sources = labels.map((label) => sourceOf(label, chain, label === "a" ? moved : undefined));
      const found = await read({ world, sources });
      expect(found.state).toMatchObject({ registeredAtHeight: 3, profileHeight: 5, profileHash: profile(2) });
    }
    await failureOf("CHAIN_UNAVAILABLE", { world, sources: [sourceOf("a", chain, moved)] });
  });

  it("V3: wrong bytes of a real operation count against their source also where others have the right ones", async () => {
    const garbled: Twist = (honest) => ({
      transaction: (txid) => honest.transaction(txid === update.txid ? register.txid : txid),
    });
    const found = await read({ world, sources: [sourceOf("a", chain, garbled), sourceOf("b", chain)], minSources: 1 });
    expect(found.state.profileHash).toEqual(profile(2));
    expect(verdicts(found)).toEqual({ a: "lied", b: "agreed" });
  });

  it("V8: after some lies the further reports of a source are left alone", async () => {
    const invented = Array.from({ length: 500 }, (_, i) => ({ txid: i.toString(16).padStart(64, "0"), height: 4 }));
    const flood: Twist = (honest) => ({ history: async (script) => [...invented, ...(await honest.history(script))] });
    const [a, b, c] = [sourceOf("a", chain, flood), sourceOf("b", chain), sourceOf("c", chain)];
    const found = await read({ world, sources: [a, b, c] });
    expect(found.state.profileHash).toEqual(profile(2));
    expect(verdicts(found)).toEqual({ a: "lied", b: "agreed", c: "agreed" });
    for (const source of [a, b, c]) expect(source.calls.length).toBeLessThan(50);
  });

  it("V4: a reported transaction that its source then does not give is no answer", async () => {
    const failing: Twist = (honest) => ({
      ...inventing(update, fakeUpdate(), 6, () => proofOf(update))(honest),
      transaction: () => Promise.reject(new Error("broken")),
    });
    const sources = [sourceOf("a", chain, failing), sourceOf("b", chain), sourceOf("c", chain)];
    const found = await read({ world, sources });
    expect(verdicts(found)).toEqual({ a: "unreachable", b: "agreed", c: "agreed" });
    const error = await failureOf("CHAIN_UNAVAILABLE", { world, sources, requireAllSources: true });
    expect(error.details.attempts).toMatchObject([{ label: "a", code: "NETWORK_UNREACHABLE" }]);
  });
});

describe("V2: a block in which a proof looks like a transaction", () => {
  const world = new World();
  const { register } = world.register(3);
  const pay = (valueSats: bigint): Draft => ({
    inputs: [{ txid: "07".repeat(32), vout: 0 }],
    outputs: [{ valueSats, script: p2pkh }],
  });
  world.mine(5, pay(1n));
  const update = world.mine(5, ambiguousLeft());
  // Its txid ends a pair of 64 bytes that parse as a transaction; the value was searched for.
  world.mine(5, pay(561_341n));
  const chain = MinedChain.of(world, 6);
  const noCoinbase: Twist = () => ({ coinbaseTxid: () => Promise.reject(new Error("unknown")) });

  /** An UPDATE whose txid can begin such a pair. */
  function ambiguousLeft(): Draft {
    for (let mark = 0n; ; mark++) {
      const payload = payloadOutput({ kind: "update", profileHash: profile(2) });
      const draft = {
        inputs: [outpoint(register)],
        outputs: [payload, world.seal(alice), { valueSats: mark, script: p2pkh }],
      };
      if (buildTransaction(draft).txid.endsWith("01", 56)) return draft;
    }
  }

  it("V2: the coinbase's proof is asked for and makes it stand", async () => {
    const source = sourceOf("a", chain);
    const found = await read({ world, sources: [source] });
    expect(found.state.profileHash).toEqual(profile(2));
    expect(source.calls).toContain("coinbaseTxid");
  });

  it("V2: without one nothing is read", async () => {
    await failureOf("CHAIN_UNAVAILABLE", { world, sources: [sourceOf("a", chain, noCoinbase)] });
  });

  it.each([
    ["the id of another transaction", { coinbaseTxid: () => Promise.resolve(update.txid) }],
    ["an id that nobody knows", { coinbaseTxid: () => Promise.resolve("ab".repeat(32)) }],
    ["something else", { coinbaseTxid: () => Promise.resolve("coinbase") }],
  ])("V2: %s is no coinbase", async (_, twist) => {
    await failureOf("CHAIN_UNAVAILABLE", { world, sources: [sourceOf("a", chain, () => twist)] });
    const found = await read({ world, sources: [sourceOf("a", chain, () => twist), sourceOf("b", chain)] });
    expect(found.state.profileHash).toEqual(profile(2));
  });

  it("V2: any source's coinbase will do, also of one that hides the operation", async () => {
    const sources = [sourceOf("a", chain, noCoinbase), sourceOf("b", chain, hiding(update))];
    const found = await read({ world, sources });
    expect(found.state.profileHash).toEqual(profile(2));
    expect(verdicts(found)).toEqual({ a: "agreed", b: "withheld" });
  });

  it("V2: the coinbase is kept with the operations that need it", async () => {
    const before = await readOutcome({ world, sources: [sourceOf("a", chain)] });
    const sources = [sourceOf("a", chain, (honest) => ({ ...noCoinbase(honest), ...hiding(update)(honest) }))];
    const found = await read({ world, sources, after: before });
    expect(found.state.profileHash).toEqual(profile(2));
  });
});

describe("C11: altered witnesses", () => {
  const key = compressed(points[2]);
  const signature = new Uint8Array(71).fill(9);
  const world = new World();
  const { preorder, register } = world.register(3, { owner: carol, witness: [signature, key] });
  const chain = MinedChain.of(world, 4);
  const withWitness = (witness: readonly Uint8Array[]): Uint8Array =>
    buildTransaction({ inputs: [{ ...outpoint(preorder), witness }], outputs: register.outputs }).raw;
  const altered =
    (witness: readonly Uint8Array[]): Twist =>
    (honest) => ({
      transaction: (txid) =>
        txid === register.txid ? Promise.resolve(withWitness(witness)) : honest.transaction(txid),
    });

  it.each([
    ["another key", [signature, compressed(points[0])]],
    ["a third item", [signature, key, Uint8Array.of(1)]],
    ["the items swapped", [key, signature]],
    ["no witness", []],
  ])("C11: %s hides the owner's key from nobody whom another source tells", async (_, witness) => {
    for (const labels of [
      ["a", "b"],
      ["b", "a"],
    ]) {
      const sources = labels.map((label) => sourceOf(label, chain, label === "a" ? altered(witness) : undefined));
      const outcome = await readOutcome({ world, sources });
      expect(resolutionOf(outcome).state).toMatchObject({ ownerScript: carol, ownerKey: points[2] });
      // The right copy is the one that is kept.
      const found = await read({ world, sources: [sourceOf("c", chain, altered(witness))], after: outcome });
      expect(found.state.ownerKey).toEqual(points[2]);
    }
  });

  it("C11: where no source tells it, there is none and the rest of the answer stands", async () => {
    const twist = altered([signature, compressed(points[0])]);
    const found = await read({ world, sources: [sourceOf("a", chain, twist), sourceOf("b", chain, twist)] });
    expect(found.state).toMatchObject({ ownerScript: carol, ownerKey: null, profileHash: profile(1) });
  });

  it("C11: what is fetched again must be the same transaction", async () => {
    const foreign: Twist = (honest) => {
      let asked = 0;
      return {
        transaction: (txid) => {
          if (txid !== register.txid) return honest.transaction(txid);
          return asked++ === 0 ? Promise.resolve(withWitness([])) : honest.transaction(preorder.txid);
        },
      };
    };
    const found = await read({ world, sources: [sourceOf("a", chain, foreign)] });
    expect(found.state).toMatchObject({ ownerScript: carol, ownerKey: null });
  });
});
