import { describe, expect, it } from "vitest";
import { candidateRecover, candidateRegister } from "../../../src/name/thread.js";
import { alice, anyOutpoint, bob, carol, headed, outpoint, p2pkh, payloadOutput, profile, World } from "./builder.js";

describe("V5: what must be asked", () => {
  it("V5: nothing before a REGISTER", () => {
    expect(new World().frontier(100)).toEqual({ seals: [], seal: null, ended: true, beacon: null });
  });

  it("V5: the spend of the last seal", () => {
    const world = new World();
    const { register } = world.register(100);
    const seal = { outpoint: outpoint(register), script: alice };
    expect(world.frontier(100)).toMatchObject({
      seals: [seal],
      seal,
      ended: false,
      beacon: { txid: register.txid, height: 100 },
    });
    const moved = world.transfer(110, register, bob);
    const next = { outpoint: outpoint(moved), script: bob };
    expect(world.frontier(110)).toMatchObject({ seals: [next], seal: next, ended: false });
    expect(world.frontier(109)).toMatchObject({ seals: [seal], seal, ended: false });
  });

  it("V5: none when the name is unsealed", () => {
    const world = new World();
    const { register } = world.register(100);
    world.pay(110, register);
    expect(world.frontier(110)).toMatchObject({ seals: [], seal: null, ended: true });
    const tx = world.recover(111);
    expect(world.frontier(111)).toMatchObject({ seal: { outpoint: outpoint(tx) }, ended: false });
  });

  it("V5: none after a RELEASE", () => {
    const world = new World();
    const { register } = world.register(100);
    world.release(110, register);
    expect(world.frontier(110)).toMatchObject({ seals: [], seal: null, ended: true });
  });

  it("C7: the seal of an operation that is not known is followed, and none where it left none", () => {
    const world = new World();
    const { register } = world.register(100);
    const later = world.spend(110, register, headed(2, 3), world.seal(bob));
    expect(world.frontier(110)).toMatchObject({ seal: { outpoint: outpoint(later), script: bob }, ended: false });
    world.spend(111, later, headed(2, 3));
    expect(world.frontier(111)).toMatchObject({ seals: [], seal: null, ended: true });
  });

  it("V5: that nobody renewed a lapsed name is an absence that must be asked", () => {
    const world = new World();
    const { register } = world.register(100);
    const seal = { outpoint: outpoint(register), script: alice };
    expect(world.frontier(320)).toMatchObject({ seals: [seal], seal, ended: false });
    expect(world.frontier(321)).toMatchObject({ seals: [seal], seal, ended: true });
    // Once it is known to be spent too late, it cannot have been spent in time.
    world.update(321, register);
    expect(world.frontier(321)).toMatchObject({ seals: [], seal: null, ended: true });
  });

  it("V5: also of every earlier tenure that is held to have lapsed", () => {
    const world = new World();
    const first = world.register(100);
    const second = world.register(321, { owner: bob });
    world.release(330, second.register);
    const third = world.register(335, { owner: carol });
    expect(world.frontier(340)).toMatchObject({
      beacon: { txid: third.register.txid, height: 335 },
      seals: [
        { outpoint: outpoint(first.register), script: alice },
        { outpoint: outpoint(third.register), script: carol },
      ],
      seal: { outpoint: outpoint(third.register), script: carol },
      ended: false,
    });
    world.pay(341, third.register);
    expect(world.frontier(341)).toMatchObject({ seals: [{ script: alice }], seal: null, ended: true });
  });

  it("V4: an UPDATE that one source hid takes a later registration back", () => {
    const world = new World();
    const { preorder, register } = world.register(100);
    world.register(321, { owner: bob });
    expect(world.state(321).ownerScript).toEqual(bob);
    const hidden = world.update(310, register);
    expect(world.state(321)).toMatchObject({ tenure: preorder.txid, ownerScript: alice });
    expect(world.frontier(321).seals).toEqual([{ outpoint: outpoint(hidden), script: alice }]);
  });
});

describe("V8: candidates", () => {
  const world = new World();
  const { preorder, register } = world.register(100);
  const recover = world.recover(100, { spends: anyOutpoint() });
  const tx = (how: Parameters<World["register"]>[1]) => new World().register(100, how).register;

  it("V8: a REGISTER of the name needs neither its PREORDER nor a place", () => {
    expect(candidateRegister(register, world.name, world.network)).toBe(true);
    expect(candidateRecover(register, world.name, world.network)).toBe(false);
    const strange = tx({ spends: () => [anyOutpoint()] });
    expect(candidateRegister(strange, world.name, world.network)).toBe(true);
  });

  it("V8: a RECOVER of the name needs no previous output", () => {
    expect(candidateRecover(recover, world.name, world.network)).toBe(true);
    expect(candidateRegister(recover, world.name, world.network)).toBe(false);
  });

  it("V8: junk at the beacon is neither", () => {
    const other = new World(undefined, "bob");
    const junk = world.mine(101, {
      inputs: [anyOutpoint()],
      outputs: [payloadOutput({ kind: "update", profileHash: profile(1) }), world.seal(alice), world.beacon()],
    });
    for (const each of [
      preorder,
      junk,
      tx({ written: "bob" }),
      tx({ beacon: null }),
      tx({ valueSats: 1n }),
      tx({ paid: p2pkh }),
    ]) {
      expect(candidateRegister(each, world.name, world.network)).toBe(false);
      expect(candidateRecover(each, world.name, world.network)).toBe(false);
    }
    expect(candidateRegister(register, other.name, world.network)).toBe(false);
    expect(candidateRecover(recover, other.name, world.network)).toBe(false);
  });
});
