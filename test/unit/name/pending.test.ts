import { describe, expect, it } from "vitest";
import { kindOf, pendingOperations } from "../../../src/name/pending.js";
import { coinbase } from "../chain/transactions.js";
import { alice, anyOutpoint, bob, buildTransaction, headed, p2pkh, payloadOutput, profile, World } from "./builder.js";

describe("what a transaction says that it is", () => {
  const world = new World();
  const { preorder, register } = world.register(3);
  const update = world.update(4, register);
  const transfer = world.transfer(5, update, bob);
  const release = world.release(6, transfer);
  const recover = world.recover(7);

  it("C2: an operation", () => {
    const kinds = [preorder, register, update, transfer, release, recover].map(kindOf);
    expect(kinds).toEqual(["preorder", "register", "update", "transfer", "release", "recover"]);
  });

  it("C2: nothing: a payment, a later version, a payload with value or elsewhere", () => {
    const payload = payloadOutput({ kind: "release" });
    const payment = { valueSats: 1n, script: p2pkh };
    for (const outputs of [[payment], [headed(2, 3)], [{ ...payload, valueSats: 1n }], [payment, payload]]) {
      expect(kindOf(buildTransaction({ inputs: [anyOutpoint()], outputs }))).toBeNull();
    }
  });

  it("C1: a coinbase is never an operation", () => {
    const inputs = [{ txid: "00".repeat(32), vout: 0xffffffff }];
    const mined = buildTransaction({ inputs, outputs: [payloadOutput({ kind: "release" })] });
    expect(kindOf(mined)).toBeNull();
    expect(kindOf(coinbase(1))).toBeNull();
    expect(kindOf({ ...mined, outputs: [] })).toBeNull();
  });
});

describe("V6: what is pending", () => {
  it("V6: mined operations above the height, in chain order, then the mempool", () => {
    const world = new World();
    const { register } = world.register(3);
    const first = world.update(5, register);
    const second = world.transfer(6, first, bob);
    const waiting = buildTransaction({ inputs: [anyOutpoint()], outputs: [payloadOutput({ kind: "release" })] });
    const pending = pendingOperations(world.state(6), 4, [{ tx: waiting, reportedBy: ["a"] }]);
    expect(pending).toEqual([
      { txid: first.txid, kind: "update", height: 5, reportedBy: [] },
      { txid: second.txid, kind: "transfer", height: 6, reportedBy: [] },
      { txid: waiting.txid, kind: "release", height: null, reportedBy: ["a"] },
    ]);
    expect(pendingOperations(world.state(6), 6, [])).toEqual([]);
    expect(pendingOperations(world.state(6), 5, [])).toEqual(pending.slice(1, 2));
  });

  it("V6: what unseals the name above the height", () => {
    const world = new World();
    const { register } = world.register(3);
    const paid = world.pay(5, register);
    expect(pendingOperations(world.state(6), 4, [])).toEqual([
      { txid: paid.txid, kind: null, height: 5, reportedBy: [] },
    ]);
    expect(pendingOperations(world.state(6), 5, [])).toEqual([]);
  });

  it("C7: an operation that is not known above the height", () => {
    const world = new World();
    const { register } = world.register(3);
    const later = world.spend(5, register, headed(2, 3), world.seal(alice));
    world.update(6, later, profile(3));
    expect(pendingOperations(world.state(6), 4, [])).toContainEqual({
      txid: later.txid,
      kind: null,
      height: 5,
      reportedBy: [],
    });
    expect(pendingOperations(world.state(6), 6, [])).toEqual([]);
  });
});
