import { describe, expect, it } from "vitest";
import { networks } from "../../../src/chain/network.js";
import {
  alice,
  anyOutpoint,
  bob,
  headed,
  outpoint,
  p2pkh,
  p2wsh,
  payloadOutput,
  points,
  profile,
  type Registering,
  World,
} from "./builder.js";

const { regtest, mainnet } = networks;

describe("C5: a valid REGISTER", () => {
  it("C5: gives owner, profile, seal and the PREORDER's txid as tenure", () => {
    const world = new World();
    const { preorder, register } = world.register(100);
    expect(world.state(100)).toEqual({
      height: 100,
      status: "active",
      tenure: preorder.txid,
      ownerScript: alice,
      ownerKey: points[0],
      ownerKeyMissingIn: [],
      unsealed: null,
      profileHash: profile(1),
      profileHeight: 100,
      seal: { outpoint: outpoint(register), valueSats: 1_000n, script: alice },
      registeredAtHeight: 100,
      lastOperation: { kind: "register", txid: register.txid, height: 100, position: 1, profileHash: profile(1) },
      operations: [
        { kind: "preorder", txid: preorder.txid, height: 99, position: 1, profileHash: null },
        { kind: "register", txid: register.txid, height: 100, position: 1, profileHash: profile(1) },
      ],
      changesAtHeight: 301,
      unsupported: null,
    });
  });

  it("C5: before it the name is free, and nobody's", () => {
    const world = new World();
    world.register(100);
    expect(world.state(99)).toEqual({
      height: 99,
      status: "free",
      tenure: null,
      ownerScript: null,
      ownerKey: null,
      ownerKeyMissingIn: [],
      unsealed: null,
      profileHash: null,
      profileHeight: null,
      seal: null,
      registeredAtHeight: null,
      lastOperation: null,
      operations: [],
      changesAtHeight: null,
      unsupported: null,
    });
  });

  it("C2: the beacon output may have any value, and the PREORDER's seal too", () => {
    const world = new World();
    world.register(100, { beacon: world.beacon(0n) });
    expect(world.state(100).status).toBe("active");
  });

  it("C3: P2WSH can own a name", () => {
    const world = new World();
    world.register(100, { owner: p2wsh(points[0]) });
    expect(world.state(100).ownerScript).toEqual(p2wsh(points[0]));
  });

  it("C10: 32 zero bytes are no profile", () => {
    const world = new World();
    world.register(100, { profileHash: new Uint8Array(32) });
    const state = world.state(100);
    expect(state).toMatchObject({ status: "active", profileHash: null, profileHeight: 100 });
    expect(state.lastOperation?.profileHash).toBeNull();
  });

  it("C1: vout 0 has no value", () => {
    const world = new World();
    const preorder = world.mine(99, {
      inputs: [anyOutpoint()],
      outputs: [payloadOutput({ kind: "preorder", commitment: world.commitment(alice) }), world.seal(alice)],
    });
    const said = payloadOutput({
      kind: "register",
      salt: new Uint8Array(8).fill(5),
      profileHash: profile(1),
      name: "alice",
    });
    world.spend(100, preorder, { ...said, valueSats: 1n }, world.seal(alice), world.beacon());
    expect(world.state(100).status).toBe("free");
  });
});

describe("C5: an invalid REGISTER is nothing", () => {
  const world = new World();
  const commitment = world.commitment(alice);
  const invalid: readonly (readonly [string, Registering])[] = [
    ["another name in the payload", { written: "alicf" }],
    ["a beacon of another name", { beacon: new World(regtest, "bob").beacon() }],
    ["no beacon", { beacon: null }],
    ["a beacon below vout 2", { between: [{ valueSats: 5n, script: p2pkh }] }],
    ["a bond below BOND", { valueSats: 999n }],
    ["an owner script that is not segwit", { owner: p2pkh }],
    ["vout 1 to another than the PREORDER's", { paid: bob }],
    [
      "a PREORDER that pays another",
      { preorderOutputs: [payloadOutput({ kind: "preorder", commitment }), world.seal(bob)] },
    ],
    ["a PREORDER without vout 1", { preorderOutputs: [payloadOutput({ kind: "preorder", commitment })] }],
    ["a PREORDER that commits to another owner", { committed: world.commitment(bob) }],
    ["a PREORDER of another network", { committed: new World(mainnet).commitment(alice) }],
    ["a PREORDER of another name", { committed: new World(regtest, "bob").commitment(alice) }],
    ["a PREORDER of a later version", { preorderOutputs: [headed(2, 1, commitment), world.seal(alice)] }],
    [
      "an UPDATE in the place of a PREORDER",
      { preorderOutputs: [payloadOutput({ kind: "update", profileHash: commitment }), world.seal(alice)] },
    ],
    ["vin 0 that spends another output", { spends: (tx) => [outpoint(tx, 0), outpoint(tx)] }],
    ["vin 0 that is not the PREORDER", { spends: (tx) => [anyOutpoint(), outpoint(tx)] }],
    ["vin 0 that spends vout 2", { spends: (tx) => [outpoint(tx, 2)] }],
  ];
  it.each(invalid)("C5: %s", (_what, how) => {
    const tried = new World();
    tried.register(100, how);
    expect(tried.state(100).status).toBe("free");
  });

  it("C5: a PREORDER that is not proven to be in the chain", () => {
    const tried = new World();
    tried.register(100);
    const [preorder, register] = tried.transactions;
    if (preorder === undefined || register === undefined) throw new Error("incomplete world");
    tried.previous.set(preorder.tx.txid, preorder.tx);
    expect(tried.state(100, [register]).status).toBe("free");
    expect(tried.state(100).status).toBe("active");
  });

  it("C1: a coinbase is never an operation, and so no PREORDER", () => {
    const tried = new World();
    const coinbase = { txid: "00".repeat(32), vout: 0xffffffff };
    tried.register(150, { preorderAt: 10, preorderInputs: [coinbase] });
    expect(tried.state(150).status).toBe("free");
    // With a second input it is no coinbase.
    const other = new World();
    other.register(150, { preorderAt: 10, preorderInputs: [coinbase, anyOutpoint()] });
    expect(other.state(150).status).toBe("active");
    // Nor with an outpoint that is null by half.
    const third = new World();
    third.register(150, { preorderAt: 10, preorderInputs: [{ ...coinbase, vout: 0 }] });
    expect(third.state(150).status).toBe("active");
  });
});

describe("C5: heights", () => {
  const start = mainnet.protocolStart;
  const registered = (preorderAt: number, height: number): boolean => {
    const world = new World(mainnet);
    world.register(height, { preorderAt });
    return world.state(height).status === "active";
  };

  it.each([
    [0, false],
    [5, false],
    [6, true],
    [7, true],
    [2_015, true],
    [2_016, true],
    [2_017, false],
  ])("C5: an age of %i blocks is valid: %s", (age, valid) => {
    expect(registered(start + 10, start + 10 + age)).toBe(valid);
  });

  it.each([
    [start - 1, false],
    [start, true],
    [start + 1, true],
  ])("C5: a PREORDER at %i counts from PROTOCOL_START on: %s", (preorderAt, valid) => {
    expect(registered(preorderAt, preorderAt + 6)).toBe(valid);
  });

  it("C5: a PREORDER that is mined above its REGISTER is none", () => {
    const world = new World();
    world.register(100, { preorderAt: 101 });
    expect(world.state(101).status).toBe("free");
  });
});

describe("C5, C6: the first valid REGISTER wins", () => {
  it("C6: by height", () => {
    const world = new World();
    world.register(101, { owner: bob, preorderAt: 50 });
    world.register(100);
    expect(world.state(101).ownerScript).toEqual(alice);
  });

  it("C6: by position within a block, whatever the order of delivery and the age of the PREORDER", () => {
    const world = new World();
    world.register(100, { owner: bob, position: 10, preorderAt: 50 });
    const { preorder } = world.register(100, { position: 9 });
    expect(world.state(100).tenure).toBe(preorder.txid);
    expect(world.state(100, [...world.transactions].reverse()).tenure).toBe(preorder.txid);
    const turned = new World();
    turned.register(100, { position: 9 });
    const other = turned.register(100, { owner: bob, position: 8 });
    expect(turned.state(100).tenure).toBe(other.preorder.txid);
  });

  it("C5: an invalid one before it takes nothing", () => {
    const world = new World();
    world.register(99, { owner: bob, valueSats: 1n });
    world.register(100);
    expect(world.state(100).ownerScript).toEqual(alice);
  });

  it("C5: a later one changes nothing", () => {
    const world = new World();
    world.register(100);
    const before = world.state(150);
    world.register(101, { owner: bob });
    world.register(100, { owner: bob });
    expect(world.state(150)).toEqual(before);
  });
});
