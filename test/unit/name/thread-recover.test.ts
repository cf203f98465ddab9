import { describe, expect, it } from "vitest";
import type { Transaction } from "../../../src/chain/transaction.js";
import { alice, anyOutpoint, bob, outpoint, p2pkh, payloadOutput, profile, type Recovering, World } from "./builder.js";

/** A name that was registered at 100 and unsealed at 110, position 5. */
function unsealed(): { world: World; register: Transaction; spent: Transaction } {
  const world = new World();
  const { register } = world.register(100);
  const outputs = [{ valueSats: 900n, script: p2pkh }, world.seal(alice)];
  const spent = world.mine(110, { inputs: [outpoint(register)], outputs }, 5);
  return { world, register, spent };
}

describe("C8: RECOVER", () => {
  it("C8: seals the name again, renews the clock and carries a profile", () => {
    const { world } = unsealed();
    const tx = world.recover(150);
    expect(world.state(149).unsealed).not.toBeNull();
    expect(world.state(150)).toMatchObject({
      status: "active",
      unsealed: null,
      ownerScript: alice,
      profileHash: profile(4),
      profileHeight: 150,
      changesAtHeight: 351,
      seal: { outpoint: outpoint(tx), script: alice },
      lastOperation: { kind: "recover", txid: tx.txid },
    });
  });

  it("C8: its seal is followed, and may be lost and recovered again", () => {
    const { world } = unsealed();
    const first = world.recover(150);
    const updated = world.update(151, first);
    world.pay(152, updated);
    expect(world.state(152)).toMatchObject({ profileHash: profile(2), unsealed: { height: 152 } });
    world.recover(153, { profileHash: profile(6) });
    expect(world.state(153)).toMatchObject({ profileHash: profile(6), unsealed: null });
  });

  const elsewhere = new World();
  const invalid: readonly (readonly [string, Recovering])[] = [
    ["vin 0 of another owner", { spends: { ...anyOutpoint() } }],
    ["no beacon", { beacon: null }],
    ["a beacon below vout 2", { between: [{ valueSats: 5n, script: p2pkh }] }],
    ["the beacon of another name", { beacon: new World(undefined, "bob").beacon() }],
    ["a bond below BOND", { valueSats: 999n }],
    ["a seal of another owner", { paid: bob }],
  ];
  it.each(invalid)("C8: %s is nothing", (_what, how) => {
    const { world } = unsealed();
    world.recover(150, how);
    expect(world.state(150).unsealed).not.toBeNull();
    world.recover(151);
    expect(world.state(151)).toMatchObject({ unsealed: null, profileHeight: 151 });
  });

  it("C8: a stranger cannot recover by paying the owner", () => {
    const { world } = unsealed();
    world.recover(150, { spends: world.coinOf(bob), paid: alice });
    expect(world.state(150).unsealed).not.toBeNull();
  });

  it("C1: an output of the owner at another input than vin 0 does not authorise", () => {
    const { world } = unsealed();
    world.recover(150, { spends: world.coinOf(bob), also: [world.coinOf(alice)] });
    expect(world.state(150).unsealed).not.toBeNull();
  });

  it("V3: the spent output is read from the transaction whose hash is the outpoint's txid", () => {
    const { world } = unsealed();
    const foreign = anyOutpoint();
    const lie = elsewhere.keep({
      inputs: [anyOutpoint()],
      outputs: [0, 1, 2, 3].map(() => ({ valueSats: 5_000n, script: alice })),
    });
    world.previous.set(foreign.txid, lie);
    world.recover(150, { spends: foreign });
    expect(world.state(150).unsealed).not.toBeNull();
  });

  it("V3: without the previous transaction it does not count, and it may be among the proven ones", () => {
    const { world, spent } = unsealed();
    world.recover(150, { spends: outpoint(spent, 0) });
    expect(world.state(150).unsealed).not.toBeNull();
    world.recover(151, { spends: outpoint(spent, 2) });
    expect(world.state(151).unsealed).not.toBeNull();
    world.recover(152, { spends: outpoint(spent) });
    expect(world.state(152).unsealed).toBeNull();
  });

  it("C8: the transaction that unseals does not recover", () => {
    const world = new World();
    const { register } = world.register(100);
    world.recover(110, { spends: world.coinOf(alice), also: [outpoint(register)] });
    expect(world.state(110).unsealed).not.toBeNull();
  });

  it.each([
    [109, 9, false],
    [110, 4, false],
    [110, 6, true],
    [111, 1, true],
  ])(
    "C8: at height %i, position %i, where the name was unsealed at 110, 5, it counts: %s",
    (height, position, counts) => {
      const { world } = unsealed();
      world.recover(height, { position });
      expect(world.state(111).unsealed === null).toBe(counts);
    },
  );

  it("C8: the first in chain order counts, however they are delivered", () => {
    const { world } = unsealed();
    world.recover(151, { profileHash: profile(7) });
    world.recover(150, { profileHash: profile(8), position: 9 });
    world.recover(150, { profileHash: profile(9), position: 8 });
    expect(world.state(151)).toMatchObject({ profileHash: profile(9), profileHeight: 150 });
  });

  it("C8: one for a name that is sealed is nothing", () => {
    const world = new World();
    world.register(100);
    world.recover(150);
    expect(world.state(150)).toMatchObject({ profileHash: profile(1), changesAtHeight: 301 });
  });

  it("C7: one that spends the seal unseals the name", () => {
    const world = new World();
    const { register } = world.register(100);
    const tx = world.recover(150, { spends: outpoint(register) });
    expect(world.state(150)).toMatchObject({ profileHash: profile(1), unsealed: { txid: tx.txid } });
  });

  it.each([
    [300, true],
    [301, true],
    [320, true],
    [321, false],
  ])("C9: at height %i of a clock that ends with 320 it counts: %s", (height, counts) => {
    const { world } = unsealed();
    world.recover(height);
    expect(world.state(height).status).toBe(counts ? "active" : "free");
  });

  it("C8: an UPDATE does not recover", () => {
    const { world } = unsealed();
    const update = payloadOutput({ kind: "update", profileHash: profile(2) });
    world.mine(150, { inputs: [world.coinOf(alice)], outputs: [update, world.seal(alice), world.beacon()] });
    expect(world.state(150).unsealed).not.toBeNull();
  });
});
