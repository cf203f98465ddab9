import { describe, expect, it } from "vitest";
import { concatBytes, utf8 } from "../../../src/bytes/bytes.js";
import type { Transaction } from "../../../src/chain/transaction.js";
import {
  alice,
  anyOutpoint,
  bob,
  carol,
  compressed,
  headed,
  outpoint,
  p2pkh,
  p2wpkh,
  p2wsh,
  payloadOutput,
  points,
  profile,
  salt,
  World,
} from "./builder.js";

/** The clock of a name that was registered at 100 ends with 320; from this height on it is FREE. */
const freeFrom = 321;
const update = (n: number) => payloadOutput({ kind: "update", profileHash: profile(n) });

function registered(): { readonly world: World; readonly register: Transaction } {
  const world = new World();
  return { world, register: world.register(100).register };
}

/** One that was unsealed at 110. */
function unsealed(): World {
  const { world, register } = registered();
  world.pay(110, register);
  return world;
}

describe("C9: the block in which a tenure ends", () => {
  it.each([
    ["before", 3],
    ["after", 7],
  ])("C9: an UPDATE with the old seal %s the REGISTER of its block is nothing", (_what, position) => {
    const { world, register } = registered();
    const { preorder } = world.register(freeFrom, { owner: bob, position: 5 });
    const before = world.state(400);
    world.mine(freeFrom, { inputs: [outpoint(register)], outputs: [update(9), world.seal(alice)] }, position);
    expect(world.state(freeFrom)).toMatchObject({ tenure: preorder.txid, ownerScript: bob, unsealed: null });
    expect(world.state(400)).toEqual(before);
  });

  it.each([
    ["an UPDATE", update(9)],
    ["a TRANSFER", payloadOutput({ kind: "transfer", profileHash: profile(9) })],
    ["a RELEASE", payloadOutput({ kind: "release" })],
    ["a later version", headed(2, 3)],
    ["a payment", { valueSats: 1n, script: alice }],
  ])("C7: %s with the old seal, after another registered, changes nothing at any height", (_what, vout0) => {
    const { world, register } = registered();
    world.register(330, { owner: bob });
    const heights = [99, 100, 320, 321, 329, 330, 340, 341, 342, 530, 531, 551];
    const before = heights.map((height) => world.state(height));
    world.spend(341, register, vout0, world.seal(alice));
    expect(heights.map((height) => world.state(height))).toEqual(before);
  });

  it("C7: what an old seal led to late is no seal: a chain of late operations stays nothing", () => {
    const { world, register } = registered();
    const late = world.update(freeFrom, register);
    world.update(freeFrom + 1, late, profile(6));
    world.release(freeFrom + 2, world.update(freeFrom + 2, late, profile(7)));
    expect(world.state(freeFrom + 2)).toMatchObject({ status: "free", unsealed: null });
    expect(world.state(freeFrom + 2).operations.map(({ kind }) => kind)).toEqual(["preorder", "register"]);
    expect(world.state(freeFrom + 2).lastOperation?.kind).toBe("register");
  });

  it("C9: an operation in the last block of grace keeps what a REGISTER one block later would take", () => {
    const { world, register } = registered();
    const { preorder } = world.register(freeFrom, { owner: bob });
    expect(world.state(freeFrom).tenure).toBe(preorder.txid);
    world.update(320, register);
    expect(world.state(freeFrom)).toMatchObject({ status: "active", ownerScript: alice, profileHash: profile(2) });
    expect(world.state(400).ownerScript).toEqual(alice);
  });

  it("C9: an operation renews from its own height, also one in grace", () => {
    const { world, register } = registered();
    world.transfer(310, register, bob);
    expect(world.state(309)).toMatchObject({ status: "grace", changesAtHeight: 321 });
    expect(world.state(310)).toMatchObject({ status: "active", changesAtHeight: 511 });
    expect(world.state(511)).toMatchObject({ status: "grace", changesAtHeight: 531 });
    expect(world.state(531).status).toBe("free");
  });

  it("C9: what unseals in the last block of grace does, and a RECOVER behind it in that block still counts", () => {
    const { world, register } = registered();
    world.pay(320, register);
    expect(world.state(320)).toMatchObject({ status: "grace", unsealed: { height: 320 } });
    expect(world.state(321).status).toBe("free");
    world.recover(320);
    expect(world.state(320)).toMatchObject({ status: "active", unsealed: null, changesAtHeight: 521 });
    expect(world.state(321).status).toBe("active");
  });
});

describe("C5: two REGISTERs in one block", () => {
  it.each([
    ["the first tenure", 100],
    ["the block in which the name lapses", freeFrom],
  ])("C5: %s: the lower position wins, whichever was delivered first", (_what, height) => {
    for (const [first, second] of [
      [4, 5],
      [5, 4],
    ] as const) {
      const world = new World();
      if (height > 100) world.register(100, { owner: carol });
      const a = world.register(height, { owner: alice, position: first });
      const b = world.register(height, { owner: bob, position: second });
      const { preorder } = first < second ? a : b;
      expect(world.state(height).tenure).toBe(preorder.txid);
      expect(world.state(height).operations).toHaveLength(2);
      // The other one stays nothing.
      expect(world.state(500).tenure === preorder.txid || world.state(500).status === "free").toBe(true);
    }
  });

  it("C5: in the block in which the cooldown ends both orders are decided by position alone", () => {
    for (const [first, second] of [
      [4, 5],
      [5, 4],
    ] as const) {
      const { world, register } = registered();
      world.release(110, register);
      const a = world.register(115, { owner: alice, position: first });
      const b = world.register(115, { owner: bob, position: second });
      expect(world.state(115).tenure).toBe((first < second ? a : b).preorder.txid);
    }
  });

  it("C5: a name that was taken and given back earlier in the block is not FREE", () => {
    const { world, register } = registered();
    world.release(100, register);
    world.register(100, { owner: bob });
    world.register(104, { owner: bob });
    expect(world.state(104).status).toBe("released");
    expect(world.state(105).status).toBe("free");
    const { preorder } = world.register(105, { owner: carol });
    expect(world.state(105).tenure).toBe(preorder.txid);
  });

  it.each([
    ["before", 3],
    ["after", 7],
  ])("C9: a REGISTER %s the RELEASE in its block is nothing", (_what, position) => {
    const { world, register } = registered();
    world.mine(110, { inputs: [outpoint(register)], outputs: [payloadOutput({ kind: "release" })] }, 5);
    world.register(110, { owner: bob, position });
    expect(world.state(110).status).toBe("released");
    expect(world.state(115).status).toBe("free");
  });

  it("C5: the loser of a block does not register when the winner has lapsed", () => {
    const { world } = registered();
    world.register(100, { owner: bob });
    expect(world.state(freeFrom)).toMatchObject({ status: "free", tenure: null });
  });
});

describe("C6: several operations in one block", () => {
  it("C6: REGISTER, UPDATE, TRANSFER and RELEASE, each at its position", () => {
    const { world, register } = registered();
    const updated = world.update(100, register);
    const moved = world.transfer(100, updated, bob);
    world.release(100, moved);
    const state = world.state(100);
    expect(state).toMatchObject({ status: "released", changesAtHeight: 105, tenure: null });
    expect(state.operations.map(({ kind, position }) => [kind, position])).toEqual([
      ["preorder", 1],
      ["register", 1],
      ["update", 2],
      ["transfer", 3],
      ["release", 4],
    ]);
    expect(world.state(99).status).toBe("free");
  });

  it("C8: REGISTER, what unseals, RECOVER and UPDATE", () => {
    const { world, register } = registered();
    world.pay(100, register);
    const recovered = world.recover(100);
    world.update(100, recovered, profile(6));
    expect(world.state(100)).toMatchObject({ unsealed: null, profileHash: profile(6), changesAtHeight: 301 });
    expect(world.state(100).operations.map(({ kind }) => kind)).toEqual(["preorder", "register", "recover", "update"]);
  });

  it("C7: an operation of a later version, then a RELEASE", () => {
    const { world, register } = registered();
    const later = world.spend(110, register, headed(2, 3), world.seal(alice));
    world.release(110, later);
    expect(world.state(110)).toMatchObject({ status: "released", unsupported: null, changesAtHeight: 115 });
  });
});

describe("C3: who can hold a name", () => {
  it("C3: no operation gives it to a script that is not segwit", () => {
    const taken = new World();
    taken.register(100, { owner: p2pkh });
    expect(taken.state(100).status).toBe("free");
    for (const kind of ["update", "transfer"] as const) {
      const { world, register } = registered();
      world.spend(110, register, payloadOutput({ kind, profileHash: profile(2) }), world.seal(p2pkh));
      expect(world.state(110), kind).toMatchObject({ ownerScript: alice, unsealed: { height: 110 } });
    }
    const world = unsealed();
    world.recover(120, { paid: p2pkh });
    expect(world.state(120)).toMatchObject({ ownerScript: alice, unsealed: { height: 110 } });
  });

  it("C3: the current owner is a script byte by byte: another kind over the same key is another owner", () => {
    const [x] = points;
    const { world, register } = registered();
    world.update(110, register, profile(2), p2wsh(x));
    expect(world.state(110).unsealed).toMatchObject({ height: 110 });
    world.recover(120, { owner: p2wsh(x) });
    world.recover(121, { owner: p2wpkh(compressed(x)) });
    expect(world.state(121).unsealed).toMatchObject({ height: 110 });
    world.recover(122, { owner: alice });
    expect(world.state(122).unsealed).toBeNull();
  });
});

describe("C8: the end of what is UNSEALED", () => {
  it("C8: the first RECOVER wins, and what follows the second is nothing", () => {
    const world = unsealed();
    const first = world.recover(120, { profileHash: profile(7) });
    const second = world.recover(121, { profileHash: profile(8) });
    world.update(122, second, profile(9));
    expect(world.state(122)).toMatchObject({
      profileHash: profile(7),
      profileHeight: 120,
      seal: { outpoint: outpoint(first) },
      changesAtHeight: 321,
    });
  });

  it("C8: a RECOVER from before counts for no later loss", () => {
    const { world, register } = registered();
    world.recover(105);
    world.pay(110, register);
    expect(world.state(200).unsealed).toMatchObject({ height: 110 });
  });

  it("C8: a RECOVER that an earlier loss used does not serve for the next", () => {
    const world = unsealed();
    world.pay(121, world.recover(120));
    expect(world.state(200)).toMatchObject({ unsealed: { height: 121 }, changesAtHeight: 321 });
  });

  it("C9: a RECOVER after the clock ran out is nothing, before and after another registered", () => {
    const world = unsealed();
    world.recover(freeFrom);
    expect(world.state(freeFrom).status).toBe("free");
    world.register(330, { owner: bob });
    world.recover(331);
    expect(world.state(331)).toMatchObject({ ownerScript: bob, profileHash: profile(1), unsealed: null });
  });

  it("C9: one behind a RECOVER that came too late does not count either", () => {
    const world = unsealed();
    world.update(323, world.recover(322), profile(9));
    expect(world.state(323)).toMatchObject({ status: "free", lastOperation: { kind: "register" } });
  });

  it("C8: the owner after a TRANSFER recovers, the one before does not", () => {
    const { world, register } = registered();
    world.pay(111, world.transfer(110, register, bob));
    world.recover(112, { owner: alice });
    expect(world.state(112).unsealed).toMatchObject({ height: 111 });
    world.recover(113, { owner: bob });
    expect(world.state(113)).toMatchObject({ ownerScript: bob, unsealed: null });
  });

  it("C8: the profile and its height stay while the name is UNSEALED, at every height between", () => {
    const { world, register } = registered();
    world.pay(130, world.update(120, register, profile(5)));
    world.recover(150, { profileHash: profile(6) });
    for (const height of [120, 129, 130, 131, 149]) {
      expect(world.state(height)).toMatchObject({ profileHash: profile(5), profileHeight: 120, changesAtHeight: 321 });
      expect(world.state(height).unsealed !== null).toBe(height >= 130);
    }
    expect(world.state(150)).toMatchObject({ profileHash: profile(6), profileHeight: 150, changesAtHeight: 351 });
  });
});

describe("C7: an operation of a later version at the end of a tenure", () => {
  it("C7: in the last block of grace it renews, one block later it is nothing", () => {
    const { world, register } = registered();
    world.spend(320, register, headed(2, 3), world.seal(alice));
    expect(world.state(320)).toMatchObject({ status: "active", unsupported: { height: 320 }, changesAtHeight: 521 });
    const late = registered();
    late.world.spend(321, late.register, headed(2, 3), late.world.seal(alice));
    expect(late.world.state(321)).toMatchObject({ status: "free", unsupported: null });
  });

  it("C7: known operations on its seal renew, and reads fail until the tenure's end and no longer", () => {
    const { world, register } = registered();
    const later = world.spend(110, register, headed(2, 3), world.seal(alice));
    const updated = world.update(310, later, profile(6));
    expect(world.state(310)).toMatchObject({ status: "active", unsupported: { height: 110 }, changesAtHeight: 511 });
    world.pay(320, updated);
    expect(world.state(320)).toMatchObject({ unsealed: { height: 320 }, unsupported: { height: 110 } });
    expect(world.state(530)).toMatchObject({ status: "grace", unsupported: { height: 110 } });
    const { preorder } = world.register(531, { owner: bob });
    expect(world.state(531)).toMatchObject({ tenure: preorder.txid, unsupported: null, unsealed: null });
  });

  it("C7: of a tenure that nothing more counts in, no later version renews either", () => {
    const { world, register } = registered();
    const later = world.spend(110, register, headed(2, 3));
    world.mine(120, { inputs: [outpoint(later, 0)], outputs: [headed(2, 3), world.seal(alice)] });
    world.mine(121, { inputs: [outpoint(later)], outputs: [headed(2, 3), world.seal(alice)] });
    expect(world.state(330)).toMatchObject({ status: "grace", seal: null, unsupported: { height: 110 } });
    expect(world.state(331).status).toBe("free");
  });

  it("C7: a REGISTER of a later version, valid in all else, takes no name", () => {
    for (const version of [1, 2]) {
      const world = new World();
      const promised = payloadOutput({ kind: "preorder", commitment: world.commitment(alice) });
      const preorder = world.mine(99, { inputs: [anyOutpoint()], outputs: [promised, world.seal(alice)] });
      const body = concatBytes(salt, profile(1), utf8(world.name));
      world.spend(100, preorder, headed(version, 2, body), world.seal(alice), world.beacon());
      expect(world.state(100)).toMatchObject({ status: version === 1 ? "active" : "free", unsupported: null });
    }
  });

  it("C7: nor does a RECOVER of a later version recover one", () => {
    const world = unsealed();
    const later = [headed(2, 6), world.seal(alice), world.beacon()];
    world.mine(120, { inputs: [world.coinOf(alice)], outputs: later });
    expect(world.state(120)).toMatchObject({ unsealed: { height: 110 }, unsupported: null });
  });
});
