import { describe, expect, it } from "vitest";
import { concatBytes } from "../../../src/bytes/bytes.js";
import {
  alice,
  anyOutpoint,
  bob,
  buildTransaction,
  carol,
  compressed,
  type Draft,
  noPoint,
  outpoint,
  p2tr,
  p2wpkh,
  p2wsh,
  payloadOutput,
  points,
  profile,
  World,
} from "./builder.js";

const signature = new Uint8Array(71).fill(0x30);
const key = compressed(points[2]);
const update = payloadOutput({ kind: "update", profileHash: profile(2) });

describe("C11: by kind of owner", () => {
  it("C11: P2TR: the output key", () => {
    const world = new World();
    world.register(100);
    expect(world.state(100)).toMatchObject({ ownerKey: points[0], ownerKeyMissingIn: [] });
  });

  it("C11: P2TR with an x that lifts to no point: none", () => {
    const world = new World();
    world.register(100, { owner: p2tr(noPoint) });
    expect(world.state(100).ownerKey).toBeNull();
  });

  it("C11: P2WSH: none", () => {
    const world = new World();
    world.register(100, { owner: p2wsh(points[0]), witness: [signature, key] });
    expect(world.state(100)).toMatchObject({ ownerKey: null, ownerKeyMissingIn: [] });
  });

  it.each([2, 3])("C11: P2WPKH with prefix 0%i: the x coordinate from the witness", (prefix) => {
    const publicKey = compressed(points[2], prefix);
    const world = new World();
    world.register(100, { owner: p2wpkh(publicKey), witness: [signature, publicKey] });
    expect(world.state(100)).toMatchObject({ ownerKey: points[2], ownerKeyMissingIn: [] });
  });

  it.each([
    ["an x that lifts to no point", compressed(noPoint)],
    ["prefix 04", compressed(points[2], 4)],
    ["65 bytes", concatBytes(Uint8Array.of(4), points[2], points[1])],
    ["32 bytes", points[2]],
    // With a zero byte behind it, this would be a point.
    ["32 bytes with prefix 02", compressed(new Uint8Array(31).fill(1))],
    ["34 bytes", concatBytes(compressed(points[2]), Uint8Array.of(0))],
  ])("C11: P2WPKH of %s: none", (_what, publicKey) => {
    const world = new World();
    world.register(100, { owner: p2wpkh(publicKey), witness: [signature, publicKey] });
    expect(world.state(100)).toMatchObject({ ownerScript: p2wpkh(publicKey), ownerKey: null, ownerKeyMissingIn: [] });
  });
});

describe("C11: which witness is believed", () => {
  it.each([
    ["no witness", []],
    ["another key", [signature, compressed(points[1])]],
    ["the same x with the other prefix", [signature, compressed(points[2], 3)]],
    ["the key alone", [key]],
    ["the key first", [key, signature]],
    ["three items", [signature, key, key]],
  ])("C11: %s is not, and the operation is named as one to ask another source for", (_what, witness) => {
    const world = new World();
    const { register } = world.register(100, { owner: carol, witness });
    expect(world.state(100)).toMatchObject({
      status: "active",
      ownerKey: null,
      ownerKeyMissingIn: [register.txid],
    });
  });

  it("C11: a right copy of the same transaction is found in any order of delivery", () => {
    const world = new World();
    const { register } = world.register(100, { owner: carol, witness: [signature, key] });
    const draft = (witness: readonly Uint8Array[]): Draft => ({
      inputs: register.inputs.map((input) => ({ ...input.outpoint, witness })),
      outputs: register.outputs,
    });
    const position = world.transactions.at(-1)?.position ?? 0;
    for (const witness of [[signature, compressed(points[0])], []]) {
      const copy = buildTransaction(draft(witness));
      expect(copy.txid).toBe(register.txid);
      world.prove(copy, 100, position);
    }
    expect(world.state(100).ownerKey).toEqual(points[2]);
    expect(world.state(100, [...world.transactions].reverse()).ownerKey).toEqual(points[2]);
    expect(world.state(100).operations).toHaveLength(2);
  });

  it("C11: the witness of an input other than vin 0 is not", () => {
    const world = new World();
    const { register } = world.register(100, {
      owner: carol,
      spends: (preorder) => [outpoint(preorder), { ...anyOutpoint(), witness: [signature, key] }],
    });
    expect(world.state(100)).toMatchObject({ ownerKey: null, ownerKeyMissingIn: [register.txid] });
  });

  it("C11: the PREORDER's witness is not", () => {
    const world = new World();
    world.register(100, {
      owner: carol,
      preorderInputs: [{ ...anyOutpoint(), witness: [signature, key] }],
    });
    expect(world.state(100).ownerKey).toBeNull();
  });

  it("C11: nor one of a spend that is no valid operation", () => {
    const world = new World();
    const { register } = world.register(100, { owner: carol });
    world.mine(110, { inputs: [{ ...outpoint(register), witness: [signature, key] }], outputs: [world.seal(carol)] });
    expect(world.state(110)).toMatchObject({ ownerKey: null, unsealed: { height: 110 } });
  });

  it("C11: nor one above the height that is read", () => {
    const world = new World();
    const { register } = world.register(100, { owner: carol });
    const inputs = [{ ...outpoint(register), witness: [signature, key] }];
    world.mine(110, { inputs, outputs: [update, world.seal(carol)] });
    expect(world.state(109).ownerKey).toBeNull();
    expect(world.state(110)).toMatchObject({ ownerKey: points[2], ownerKeyMissingIn: [] });
  });
});

describe("C11: over the operations of a tenure", () => {
  it("C11: unknown after a TRANSFER to P2WPKH until that owner acts", () => {
    const world = new World();
    const { register } = world.register(100);
    const moved = world.transfer(110, register, carol);
    expect(world.state(110)).toMatchObject({ ownerScript: carol, ownerKey: null, ownerKeyMissingIn: [] });
    const inputs = [{ ...outpoint(moved), witness: [signature, key] }];
    world.mine(111, { inputs, outputs: [update, world.seal(carol)] });
    expect(world.state(111).ownerKey).toEqual(points[2]);
  });

  it("C11: a former owner's key is not the present owner's", () => {
    const world = new World();
    const { register } = world.register(100, { owner: carol, witness: [signature, key] });
    world.transfer(110, register, p2wpkh(compressed(points[1])));
    expect(world.state(110)).toMatchObject({ ownerKey: null, ownerKeyMissingIn: [] });
  });

  it("C11: an owner who comes back in the same tenure is known from before", () => {
    const world = new World();
    const { register } = world.register(100, { owner: carol, witness: [signature, key] });
    const away = world.transfer(110, register, bob);
    world.transfer(111, away, carol);
    expect(world.state(111)).toMatchObject({ ownerScript: carol, ownerKey: points[2] });
  });

  it("C11: but not from an earlier tenure", () => {
    const world = new World();
    const { register } = world.register(100, { owner: carol, witness: [signature, key] });
    world.release(110, register);
    world.register(120, { owner: alice });
    const last = world.transactions.at(-1)?.tx;
    if (last === undefined) throw new Error("incomplete world");
    world.transfer(121, last, carol);
    expect(world.state(121)).toMatchObject({ ownerScript: carol, ownerKey: null });
  });

  it("C11: a RECOVER tells the key", () => {
    const world = new World();
    const { register } = world.register(100, { owner: carol });
    world.pay(110, register);
    expect(world.state(110).ownerKey).toBeNull();
    world.recover(120, { owner: carol, spends: { ...world.coinOf(carol), witness: [signature, key] } });
    expect(world.state(120).ownerKey).toEqual(points[2]);
  });
});
