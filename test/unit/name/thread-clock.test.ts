import { describe, expect, it } from "vitest";
import { networks } from "../../../src/chain/network.js";
import { alice, anyOutpoint, bob, carol, headed, outpoint, payloadOutput, profile, World } from "./builder.js";

describe("C9: the clock", () => {
  it.each([
    [99, "free", null],
    [100, "active", 301],
    [299, "active", 301],
    [300, "active", 301],
    [301, "grace", 321],
    [302, "grace", 321],
    [319, "grace", 321],
    [320, "grace", 321],
    [321, "free", null],
    [322, "free", null],
  ] as const)("C9: at %i a name registered at 100 is %s", (height, status, changesAtHeight) => {
    const world = new World();
    const { preorder } = world.register(100);
    const held = status === "active" || status === "grace";
    expect(world.state(height)).toMatchObject({
      status,
      changesAtHeight,
      tenure: held ? preorder.txid : null,
      ownerScript: held ? alice : null,
      profileHash: held ? profile(1) : null,
      registeredAtHeight: held ? 100 : null,
    });
  });

  it("C9: mainnet's term, grace and cooldown", () => {
    const world = new World(networks.mainnet);
    const start = networks.mainnet.protocolStart + 10;
    const { register } = world.register(start);
    expect(world.state(start + 105_120).status).toBe("active");
    expect(world.state(start + 105_121).status).toBe("grace");
    expect(world.state(start + 113_760).status).toBe("grace");
    expect(world.state(start + 113_761).status).toBe("free");
    world.release(start + 50, register);
    expect(world.state(start + 50 + 1_007).status).toBe("released");
    expect(world.state(start + 50 + 1_008).status).toBe("free");
  });

  it.each([
    [300, true],
    [301, true],
    [320, true],
    [321, false],
    [322, false],
  ])("C9: an UPDATE at %i of a clock that ends with 320 renews: %s", (height, renews) => {
    const world = new World();
    const { register } = world.register(100);
    world.update(height, register);
    expect(world.state(height)).toMatchObject(
      renews ? { status: "active", changesAtHeight: height + 201, profileHash: profile(2) } : { status: "free" },
    );
  });

  it.each([
    ["a TRANSFER", payloadOutput({ kind: "transfer", profileHash: profile(3) })],
    ["a RELEASE", payloadOutput({ kind: "release" })],
    ["a later version", headed(2, 3)],
    ["a payment", { valueSats: 1n, script: alice }],
  ])("C7: %s that spends the seal after the tenure is nothing", (_what, vout0) => {
    const world = new World();
    const { register } = world.register(100);
    world.spend(321, register, vout0, world.seal(bob));
    expect(world.state(321)).toMatchObject({ status: "free", unsealed: null, unsupported: null });
    expect(world.state(321).operations).toHaveLength(2);
    world.register(321, { owner: bob });
    expect(world.state(321)).toMatchObject({ status: "active", ownerScript: bob, unsealed: null, unsupported: null });
  });

  it("C7: a payment in the last block of grace still unseals, and does not renew", () => {
    const world = new World();
    const { register } = world.register(100);
    world.pay(320, register);
    expect(world.state(320)).toMatchObject({ status: "grace", unsealed: { height: 320 } });
    expect(world.state(321).status).toBe("free");
  });
});

describe("C9: registering again", () => {
  it.each([
    [320, false],
    [321, true],
    [322, true],
  ])("C5, C9: at %i after a clock that ends with 320 a REGISTER is valid: %s", (height, valid) => {
    const world = new World();
    const { preorder } = world.register(100);
    const second = world.register(height, { owner: bob });
    expect(world.state(322).tenure).toBe(valid ? second.preorder.txid : null);
    expect(world.state(320).tenure).toBe(preorder.txid);
  });

  it("C9: an UPDATE in grace moves the day on which others can register", () => {
    const world = new World();
    const { preorder, register } = world.register(100);
    world.update(310, register);
    world.register(321, { owner: bob });
    expect(world.state(321)).toMatchObject({ tenure: preorder.txid, ownerScript: alice });
    expect(world.state(530).status).toBe("grace");
    expect(world.state(531).status).toBe("free");
  });

  it("C5: a new tenure starts from nothing: owner, profile, operations, key and clock", () => {
    const world = new World();
    const { register } = world.register(100);
    world.update(110, register);
    const second = world.register(400, { owner: carol, profileHash: profile(8) });
    expect(world.state(400)).toMatchObject({
      tenure: second.preorder.txid,
      ownerScript: carol,
      ownerKey: null,
      profileHash: profile(8),
      registeredAtHeight: 400,
      changesAtHeight: 601,
    });
    expect(world.state(400).operations.map(({ txid }) => txid)).toEqual([second.preorder.txid, second.register.txid]);
  });

  it("C7: the old seal, spent late, is nothing for the new tenure", () => {
    const world = new World();
    const { register } = world.register(100);
    world.register(400, { owner: bob });
    const before = world.state(410);
    world.update(405, register);
    expect(world.state(410)).toEqual(before);
  });

  it("C8: a RECOVER by the old owner is nothing for the new tenure", () => {
    const world = new World();
    world.register(100);
    const second = world.register(400, { owner: bob });
    world.pay(401, second.register);
    world.recover(402, { owner: alice });
    expect(world.state(402)).toMatchObject({ ownerScript: bob, unsealed: { height: 401 } });
  });

  it("C9: three tenures in a row, the second by RELEASE", () => {
    const world = new World();
    world.register(100);
    const second = world.register(321, { owner: bob });
    world.release(330, second.register);
    const third = world.register(335, { owner: carol });
    expect(world.state(320).ownerScript).toEqual(alice);
    expect(world.state(329).ownerScript).toEqual(bob);
    expect(world.state(334).status).toBe("released");
    expect(world.state(335)).toMatchObject({ tenure: third.preorder.txid, ownerScript: carol });
    expect(world.state(535).status).toBe("active");
    expect(world.state(556).status).toBe("free");
  });

  it("C9: an unsealed name lapses like any other", () => {
    const world = new World();
    const { register } = world.register(100);
    world.pay(110, register);
    world.register(320, { owner: bob });
    expect(world.state(320).ownerScript).toEqual(alice);
    const second = world.register(321, { owner: carol });
    expect(world.state(321).tenure).toBe(second.preorder.txid);
  });
});

describe("C9: RELEASE", () => {
  it("C9: from its height on the name resolves to nothing, and is free a cooldown later", () => {
    const world = new World();
    const { register } = world.register(100);
    const tx = world.release(110, register);
    expect(world.state(109)).toMatchObject({ status: "active", ownerScript: alice });
    expect(world.state(110)).toMatchObject({
      status: "released",
      changesAtHeight: 115,
      tenure: null,
      ownerScript: null,
      ownerKey: null,
      profileHash: null,
      profileHeight: null,
      seal: null,
      registeredAtHeight: null,
      lastOperation: { kind: "release", txid: tx.txid, height: 110, profileHash: null },
    });
    expect(world.state(114)).toMatchObject({ status: "released", changesAtHeight: 115 });
    expect(world.state(115)).toMatchObject({ status: "free", changesAtHeight: null });
  });

  it.each([
    [110, false],
    [114, false],
    [115, true],
    [116, true],
  ])("C9: a REGISTER at %i after a RELEASE at 110 is valid: %s", (height, valid) => {
    const world = new World();
    const { register } = world.register(100);
    world.release(110, register);
    world.register(height, { owner: bob });
    expect(world.state(116).status).toBe(valid ? "active" : "free");
  });

  it("C9: it replaces the clock also at the end of grace", () => {
    const world = new World();
    const { register } = world.register(100);
    world.release(320, register);
    world.register(321, { owner: bob });
    expect(world.state(324).status).toBe("released");
    expect(world.state(325).status).toBe("free");
  });

  it("C9: operations of its block before it count, nothing after it does", () => {
    const world = new World();
    const { register } = world.register(100);
    const updated = world.update(110, register);
    const tx = world.spend(110, updated, payloadOutput({ kind: "release" }), world.seal(alice));
    world.update(110, tx);
    world.update(111, tx);
    world.recover(112);
    const state = world.state(112);
    expect(state).toMatchObject({ status: "released", changesAtHeight: 115, seal: null });
    expect(state.operations.map(({ kind }) => kind)).toEqual(["preorder", "register", "update", "release"]);
  });

  it("C9: a RECOVER before it in its block counts, and the RELEASE ends what it sealed", () => {
    const world = new World();
    const { register } = world.register(100);
    world.pay(110, register);
    const recovered = world.recover(120);
    world.release(120, recovered);
    expect(world.state(120).status).toBe("released");
    expect(world.state(120).operations.at(-2)?.kind).toBe("recover");
  });

  it("C2: a RELEASE that does not spend the seal is nothing", () => {
    const world = new World();
    world.register(100);
    world.mine(110, { inputs: [anyOutpoint()], outputs: [payloadOutput({ kind: "release" })] });
    expect(world.state(110).status).toBe("active");
  });

  it("C7: after a payment spent the seal there is nothing to release", () => {
    const world = new World();
    const { register } = world.register(100);
    const outputs = [world.seal(alice), world.seal(alice)];
    const paid = world.mine(110, { inputs: [outpoint(register)], outputs });
    world.release(111, paid);
    expect(world.state(111)).toMatchObject({ status: "active", unsealed: { height: 110 } });
  });
});
