import { describe, expect, it } from "vitest";
import type { Transaction, TransactionOutput } from "../../../src/chain/transaction.js";
import type { ThreadState } from "../../../src/name/thread.js";
import {
  alice,
  anyOutpoint,
  bob,
  carol,
  headed,
  outpoint,
  p2pkh,
  payloadOutput,
  profile,
  rawPayloadOutput,
  World,
} from "./builder.js";

/** A name registered at 100 and, at 110, a transaction with these outputs whose vin 0 spends the seal. */
function after(...outputs: readonly TransactionOutput[]): { world: World; tx: Transaction; state: ThreadState } {
  const world = new World();
  const { register } = world.register(100);
  const tx = world.spend(110, register, ...outputs);
  return { world, tx, state: world.state(110) };
}

const world = new World();
const update = payloadOutput({ kind: "update", profileHash: profile(2) });
const transfer = payloadOutput({ kind: "transfer", profileHash: profile(3) });
const release = payloadOutput({ kind: "release" });

describe("C7: UPDATE and TRANSFER", () => {
  it("C7: UPDATE changes the profile, renews the clock and moves the seal to its vout 1", () => {
    const { tx, state } = after(update, world.seal(alice, 1_234n));
    expect(state).toMatchObject({
      status: "active",
      ownerScript: alice,
      profileHash: profile(2),
      profileHeight: 110,
      seal: { outpoint: outpoint(tx), valueSats: 1_234n, script: alice },
      registeredAtHeight: 100,
      changesAtHeight: 311,
      lastOperation: { kind: "update", txid: tx.txid, height: 110 },
    });
    expect(state.operations.map(({ kind }) => kind)).toEqual(["preorder", "register", "update"]);
  });

  it("V6: above the height that is read it is not applied", () => {
    const { world: known } = after(update, world.seal(alice));
    expect(known.state(109)).toMatchObject({ profileHash: profile(1), profileHeight: 100, changesAtHeight: 301 });
  });

  it("C7: TRANSFER also changes the owner, and the tenure stays", () => {
    const { world: known, tx, state } = after(transfer, world.seal(bob));
    expect(state).toMatchObject({
      tenure: known.state(100).tenure,
      ownerScript: bob,
      profileHash: profile(3),
      profileHeight: 110,
      changesAtHeight: 311,
      seal: { outpoint: outpoint(tx), script: bob },
    });
    // The owner that an UPDATE must name is the new one.
    known.update(111, tx, profile(5), alice);
    expect(known.state(111).unsealed).not.toBeNull();
  });

  it("C10: an UPDATE to 32 zero bytes takes the profile away", () => {
    const zeros = payloadOutput({ kind: "update", profileHash: new Uint8Array(32) });
    expect(after(zeros, world.seal(alice)).state).toMatchObject({ profileHash: null, profileHeight: 110 });
  });

  it("C6: a chain of operations in one block is followed in order", () => {
    const known = new World();
    const { register } = known.register(100);
    const first = known.update(100, register);
    const second = known.transfer(100, first, bob);
    expect(known.state(100)).toMatchObject({ ownerScript: bob, seal: { outpoint: outpoint(second) } });
    expect(known.state(100).operations.map(({ kind }) => kind)).toEqual(["preorder", "register", "update", "transfer"]);
  });

  it("C7: an UPDATE that does not spend the seal is nothing", () => {
    const known = new World();
    const { preorder } = known.register(100);
    known.mine(110, { inputs: [anyOutpoint()], outputs: [update, known.seal(alice)] });
    known.mine(110, { inputs: [outpoint(preorder, 0)], outputs: [update, known.seal(alice)] });
    expect(known.state(110)).toMatchObject({ profileHash: profile(1), unsealed: null });
  });

  it("C6: a spend whose place is not above the output's is on no chain and moves nothing", () => {
    const known = new World();
    const { register } = known.register(100, { position: 5 });
    known.mine(100, { inputs: [outpoint(register)], outputs: [update, known.seal(alice)] }, 4);
    expect(known.state(100)).toMatchObject({ profileHash: profile(1), unsealed: null });
  });
});

describe("C7: anything else unseals", () => {
  const bytes = (body: readonly number[]): Uint8Array => Uint8Array.from(body);
  const other: readonly (readonly [string, readonly TransactionOutput[]])[] = [
    ["no payload", [{ valueSats: 900n, script: p2pkh }]],
    ["a foreign payload", [rawPayloadOutput(bytes([1, 2, 3, 4])), world.seal(alice)]],
    ["an UPDATE in vout 1", [world.seal(alice), update]],
    ["a RELEASE in vout 1", [world.seal(alice), release]],
    ["an UPDATE whose vout 2 is what vout 1 should be", [update, world.seal(p2pkh), world.seal(alice)]],
    ["an UPDATE with a value", [{ ...update, valueSats: 1n }, world.seal(alice)]],
    ["an UPDATE with a long body", [headed(1, 3, new Uint8Array(33)), world.seal(alice)]],
    ["an UPDATE with a short body", [headed(1, 3, new Uint8Array(31)), world.seal(alice)]],
    ["an UPDATE without vout 1", [update]],
    ["an UPDATE below BOND", [update, world.seal(alice, 999n)]],
    ["an UPDATE to another owner", [update, world.seal(bob)]],
    ["a TRANSFER without vout 1", [transfer]],
    ["a TRANSFER below BOND", [transfer, world.seal(bob, 999n)]],
    ["a TRANSFER to a script that cannot own", [transfer, world.seal(p2pkh)]],
    ["a RELEASE with a body", [headed(1, 5, new Uint8Array(1)), world.seal(alice)]],
    ["a PREORDER", [payloadOutput({ kind: "preorder", commitment: profile(9) }), world.seal(alice)]],
    [
      "a REGISTER",
      [
        payloadOutput({ kind: "register", salt: new Uint8Array(8), profileHash: profile(9), name: "alice" }),
        world.seal(alice),
        world.beacon(),
      ],
    ],
    ["a RECOVER", [payloadOutput({ kind: "recover", profileHash: profile(9) }), world.seal(alice), world.beacon()]],
  ];
  it.each(other)("C7: %s: owner and profile stay, the clock is not renewed", (_what, outputs) => {
    const { world: known, tx, state } = after(...outputs);
    expect(state).toMatchObject({
      status: "active",
      ownerScript: alice,
      profileHash: profile(1),
      profileHeight: 100,
      unsealed: { txid: tx.txid, height: 110 },
      unsupported: null,
      seal: null,
      changesAtHeight: 301,
    });
    expect(state.operations).toHaveLength(2);
    expect(known.state(109).unsealed).toBeNull();
  });

  it.each([
    ["UPDATE", [update, world.seal(alice)]],
    ["TRANSFER", [transfer, world.seal(bob)]],
    ["RELEASE", [release]],
  ] as const)("C1: %s with the seal at another input than vin 0", (_what, outputs) => {
    const known = new World();
    const { register } = known.register(100);
    const tx = known.mine(110, { inputs: [anyOutpoint(), outpoint(register)], outputs });
    expect(known.state(110)).toMatchObject({
      status: "active",
      unsealed: { txid: tx.txid, height: 110 },
      ownerScript: alice,
      profileHash: profile(1),
    });
  });

  it("C7: what spends an output of the transaction that unsealed is nothing", () => {
    const { world: known, tx } = after(world.seal(alice), world.seal(alice));
    known.update(111, tx);
    expect(known.state(111)).toMatchObject({ profileHash: profile(1), unsealed: { txid: tx.txid } });
  });

  it("C7: other inputs and outputs are free", () => {
    const known = new World();
    const { register } = known.register(100);
    const inputs = [outpoint(register), anyOutpoint(), anyOutpoint()];
    known.mine(110, { inputs, outputs: [update, known.seal(alice), known.seal(p2pkh), known.seal(bob)] });
    expect(known.state(110)).toMatchObject({ profileHash: profile(2), unsealed: null });
  });
});

describe("C7: a version or op that this reader does not know", () => {
  it.each([
    ["version 2", headed(2, 3)],
    ["version 0", headed(0, 3)],
    ["op 0", headed(1, 0)],
    ["op 7", headed(1, 7)],
    ["a later RELEASE", headed(2, 5, new Uint8Array(0))],
  ])("C7: %s makes reads fail while the tenure is active or in grace, and renews the clock", (_what, payload) => {
    const { world: known, tx } = after(payload, world.seal(alice));
    const unsupported = { txid: tx.txid, height: 110 };
    expect(known.state(109).unsupported).toBeNull();
    expect(known.state(110)).toMatchObject({ status: "active", unsupported, unsealed: null, changesAtHeight: 311 });
    expect(known.state(310)).toMatchObject({ status: "active", unsupported });
    expect(known.state(311)).toMatchObject({ status: "grace", unsupported });
    expect(known.state(330)).toMatchObject({ status: "grace", unsupported });
    expect(known.state(331)).toMatchObject({ status: "free", unsupported: null, tenure: null });
  });

  it("C7: also when another input than vin 0 spends the seal", () => {
    const known = new World();
    const { register } = known.register(100);
    const inputs = [anyOutpoint(), outpoint(register)];
    const tx = known.mine(110, { inputs, outputs: [headed(2, 3), known.seal(bob)] });
    expect(known.state(110)).toMatchObject({ unsupported: { txid: tx.txid }, unsealed: null });
    expect(known.state(110).seal?.outpoint).toEqual(outpoint(tx));
  });

  it("C8: one that does not spend the seal is nothing", () => {
    const known = new World();
    known.register(100);
    known.mine(110, { inputs: [anyOutpoint()], outputs: [headed(2, 3), known.seal(alice), known.beacon()] });
    expect(known.state(110)).toMatchObject({ unsupported: null, unsealed: null, profileHash: profile(1) });
  });

  it("C8: nor is one while the name is unsealed", () => {
    const { world: known } = after({ valueSats: 1n, script: p2pkh });
    known.mine(111, { inputs: [known.coinOf(alice)], outputs: [headed(2, 6), known.seal(alice), known.beacon()] });
    expect(known.state(111)).toMatchObject({ unsupported: null, profileHash: profile(1) });
    expect(known.state(111).unsealed).not.toBeNull();
  });

  it("C7: a payload with a value, or one that does not begin with hws, only unseals", () => {
    for (const vout0 of [
      { ...headed(2, 3), valueSats: 1n },
      rawPayloadOutput(Uint8Array.from([0x68, 0x77, 0x74, 0x23])),
    ]) {
      const { state } = after(vout0, world.seal(alice));
      expect(state.unsupported).toBeNull();
      expect(state.unsealed).not.toBeNull();
    }
  });

  it("C7: its vout 1 is followed as seal, its script taken as owner, and the failure stays", () => {
    const { world: known, tx } = after(headed(2, 3), world.seal(bob));
    known.update(150, tx, profile(5), bob);
    expect(known.state(150)).toMatchObject({ unsupported: { txid: tx.txid, height: 110 }, changesAtHeight: 351 });
    expect(known.state(150).unsealed).toBeNull();
    const second = after(headed(2, 3), world.seal(bob));
    second.world.update(150, second.tx, profile(5), alice);
    expect(second.world.state(150)).toMatchObject({ changesAtHeight: 311, unsupported: { height: 110 } });
    expect(second.world.state(150).unsealed).not.toBeNull();
  });

  it("C7: a second one renews the clock again, and the first is the one reported", () => {
    const { world: known, tx } = after(headed(2, 3), world.seal(bob));
    const second = known.spend(120, tx, headed(3, 9), known.seal(carol));
    expect(known.state(120)).toMatchObject({
      unsupported: { txid: tx.txid, height: 110 },
      changesAtHeight: 321,
      seal: { outpoint: outpoint(second), script: carol },
    });
  });

  it("C7: a RELEASE of version 1 ends the tenure", () => {
    const { world: known, tx } = after(headed(2, 3), world.seal(bob));
    known.release(150, tx);
    expect(known.state(149).unsupported).not.toBeNull();
    expect(known.state(150)).toMatchObject({ status: "released", unsupported: null, changesAtHeight: 155 });
    expect(known.state(155).status).toBe("free");
  });

  it("C7: a later operation unseals as usual, and the owner that it named recovers", () => {
    const { world: known, tx } = after(headed(2, 3), world.seal(bob));
    const plain = known.pay(150, tx);
    expect(known.state(150)).toMatchObject({ unsealed: { txid: plain.txid }, changesAtHeight: 311 });
    known.recover(160, { owner: alice });
    expect(known.state(160).unsealed).not.toBeNull();
    known.recover(161, { owner: bob });
    expect(known.state(161)).toMatchObject({ unsealed: null, unsupported: { txid: tx.txid }, changesAtHeight: 362 });
  });

  it.each([
    ["no vout 1", []],
    ["a script that cannot own", [world.seal(p2pkh)]],
    ["a value below BOND", [world.seal(bob, 999n)]],
  ])("C7: with %s the clock is renewed all the same and nothing more of the tenure counts", (_what, outputs) => {
    const { world: known, tx, state } = after(headed(2, 3), ...outputs);
    expect(state).toMatchObject({ seal: null, unsealed: null, unsupported: { txid: tx.txid }, changesAtHeight: 311 });
    known.update(120, tx, profile(5), bob);
    known.recover(121, { owner: alice });
    known.recover(122, { owner: bob });
    expect(known.state(150)).toMatchObject({ seal: null, unsealed: null, changesAtHeight: 311 });
    expect(known.state(330).status).toBe("grace");
    expect(known.state(331).status).toBe("free");
  });

  it("C7: after its tenure the name is registered and read as ever", () => {
    const { world: known } = after(headed(2, 3), world.seal(alice));
    known.register(330, { owner: bob });
    const { preorder } = known.register(331, { owner: carol });
    expect(known.state(331)).toMatchObject({ status: "active", tenure: preorder.txid, unsupported: null });
  });
});
