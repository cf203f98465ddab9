import { describe, expect, it } from "vitest";
import { encodeBundle, parseBundle } from "../../src/client/bundle-form.js";
import { createReader, type Reader, verifyBundle, verifyBundleWithReader } from "../../src/index.js";
import { systemClock } from "../../src/runtime/clock.js";
import {
  alice,
  bob,
  buildTransaction,
  type Draft,
  outpoint,
  p2pkh,
  payloadOutput,
  World,
} from "../unit/name/builder.js";
import { MinedChain, sourceOf } from "../unit/name/chain-world.js";
import { expectCode } from "../unit/storage/expect-code.js";

const network = "regtest";
const none = new Uint8Array(32);

function readerOf(chain: MinedChain): Reader {
  const sources = [sourceOf("a", chain), sourceOf("b", chain)];
  return createReader({ network, sources, clock: { ...systemClock, nowMs: () => 4_000_000_000_000 } });
}

async function exported(reader: Reader): Promise<Uint8Array> {
  const result = await reader.exportBundle("alice");
  if (!result.found) throw new Error(result.why);
  return result.bundle;
}

describe("a bundle from somebody who leaves something out", () => {
  const world = new World();
  const { preorder, register } = world.register(20, { profileHash: none });
  const update = world.update(22, register, none);
  world.transfer(23, update, bob, none);
  const chain = MinedChain.of(world, 25);

  it("section 11: shows a past holder, and says that it is not complete", async () => {
    const bundle = parseBundle(await exported(readerOf(chain)));
    const older = encodeBundle({ ...bundle, txs: bundle.txs.slice(0, 3) });
    const proof = await verifyBundle(older, { network, pins: [register.txid] });
    expect(proof).toMatchObject({ complete: false, registrationPinned: true, state: { tenure: preorder.txid } });
    expect(proof.state.ownerScript).toBe(Buffer.from(alice).toString("hex"));
    // Nothing in it could be taken for the result of a read.
    for (const member of ["found", "data", "ver", "from", "replicas", "sources"]) {
      expect(proof).not.toHaveProperty(member);
      expect(proof.asOf).not.toHaveProperty(member);
    }
    const read = await readerOf(chain).getName("alice");
    expect(read.name.ownerScript).toBe(Buffer.from(bob).toString("hex"));
  });

  it("section 11: a reader that knows more is not changed by one", async () => {
    const reader = readerOf(chain);
    const bundle = parseBundle(await exported(reader));
    await verifyBundleWithReader(reader, encodeBundle({ ...bundle, txs: bundle.txs.slice(0, 3) }));
    expect((await reader.getName("alice")).name.ownerScript).toBe(Buffer.from(bob).toString("hex"));
  });

  it("V1: a bundle on a branch that lost is refused by whoever has the better one", async () => {
    const branch = MinedChain.of(new World(), 26, { onto: { chain, upTo: 19 }, version: 5 });
    const reader = readerOf(branch);
    expect((await reader.getName("alice")).found).toBe(false);
    await expectCode("CHAIN_WORK_INSUFFICIENT", verifyBundleWithReader(reader, await exported(readerOf(chain))));
  });
});

describe("what a bundle takes along", () => {
  it("V3: the transaction that a RECOVER spends", async () => {
    const world = new World();
    const { register } = world.register(20, { profileHash: none });
    world.pay(21, register);
    world.recover(22, { profileHash: none });
    const bytes = await exported(readerOf(MinedChain.of(world, 25)));
    expect(parseBundle(bytes).prev).toHaveLength(1);
    expect((await verifyBundle(bytes, { network })).state.unsealed).toBeNull();
  });

  it("V2: the coinbase of a block in which a proof looks like a transaction", async () => {
    const world = new World();
    const { register } = world.register(3, { profileHash: none });
    const pay = (valueSats: bigint): Draft => ({
      inputs: [{ txid: "07".repeat(32), vout: 0 }],
      outputs: [{ valueSats, script: p2pkh }],
    });
    world.mine(5, pay(1n));
    world.mine(5, ambiguousLeft());
    // Its txid ends a pair of 64 bytes that parse as a transaction; the value was searched for.
    world.mine(5, pay(561_341n));
    const bytes = await exported(readerOf(MinedChain.of(world, 6)));
    const bundle = parseBundle(bytes);
    expect(bundle.txs.map(({ position }) => position)).toEqual([1, 1, 0, 2]);
    expect((await verifyBundle(bytes, { network })).state.changesAtHeight).toBe(5 + 200 + 1);
    const bare = encodeBundle({ ...bundle, txs: bundle.txs.filter(({ position }) => position !== 0) });
    await expectCode("CHAIN_PROOF_INVALID", verifyBundle(bare, { network }));

    /** An UPDATE whose txid can begin such a pair. */
    function ambiguousLeft(): Draft {
      for (let mark = 0n; ; mark++) {
        const payload = payloadOutput({ kind: "update", profileHash: none });
        const outputs = [payload, world.seal(alice), { valueSats: mark, script: p2pkh }];
        const draft = { inputs: [outpoint(register)], outputs };
        if (buildTransaction(draft).txid.endsWith("01", 56)) return draft;
      }
    }
  });
});
