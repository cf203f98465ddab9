import { describe, expect, it } from "vitest";
import { concatBytes } from "../../../src/bytes/bytes.js";
import { HeaderChain } from "../../../src/chain/header-chain.js";
import { merkleBranch } from "../../../src/chain/merkle.js";
import { type Network, networks } from "../../../src/chain/network.js";
import type { Bundle } from "../../../src/client/bundle-form.js";
import { hash160 } from "../../../src/crypto/hash.js";
import { LATE_MS } from "../chain/mining.js";
import { anyOutpoint, bob, carol, compressed, headed, points, profile, World } from "../name/builder.js";
import { MinedChain, shortNetwork } from "../name/chain-world.js";
import { expectCode } from "../storage/expect-code.js";
import { bundleOf, check } from "./bundle-world.js";

const at = (list: Bundle["txs"], index: number): Bundle["txs"][number] => {
  const found = list[index];
  if (found === undefined) throw new Error(`no transaction ${index}`);
  return found;
};

/** A name that is registered at 20, updated at 22, in a chain of 25 blocks. */
function updated(): { world: World; chain: MinedChain; bundle: Bundle; register: string } {
  const world = new World();
  const { register } = world.register(20);
  world.update(22, register);
  const chain = MinedChain.of(world, 25);
  return { world, chain, bundle: bundleOf(world, chain), register: register.txid };
}

describe("what a bundle proves of a name", () => {
  it("is its state as of the last header, and never complete", async () => {
    const { bundle, chain, world, register } = updated();
    const tenure = world.transactions[0]?.tx.txid;
    expect(await check(bundle)).toEqual({
      complete: false,
      registrationPinned: false,
      network: "regtest",
      name: "alice",
      register,
      state: {
        status: "active",
        unsealed: null,
        tenure,
        ownerScript: expect.stringMatching(/^5120/),
        ownerKey: expect.any(String),
        profileHash: "02".repeat(32),
        changesAtHeight: 22 + networks.regtest.termBlocks + 1,
      },
      asOf: {
        height: 25,
        hash: chain.hashAt(25),
        time: chain.headerChain().headerAt(25)?.timeSec,
        tipHeight: 25,
        tipAgeMs: null,
        weakStart: false,
        signaturesUnchecked: false,
      },
      profile: null,
      record: null,
      object: null,
    });
  });

  it("is pinned only if the caller knew the REGISTER's txid", async () => {
    const { bundle, register, world } = updated();
    const update = world.transactions.at(-1)?.tx.txid ?? "";
    const pinned = await check(bundle, { pins: ["00".repeat(32), register] });
    expect([pinned.complete, pinned.registrationPinned]).toEqual([false, true]);
    expect((await check(bundle, { pins: [update] })).registrationPinned).toBe(false);
  });

  it("V7: tells how old its last header is, if there is a clock", async () => {
    const { bundle, chain } = updated();
    const tipSec = chain.headerChain().tipTimeSec ?? 0;
    expect((await check(bundle, { nowMs: tipSec * 1000 + 5 })).asOf.tipAgeMs).toBe(5);
    expect((await check(bundle, { nowMs: tipSec * 1000 - 5 })).asOf.tipAgeMs).toBe(0);
  });

  it("says that a name was released, or ran out, as its operations say", async () => {
    const world = new World();
    const { register } = world.register(20);
    world.release(22, register);
    const released = await check(bundleOf(world, MinedChain.of(world, 24)));
    expect(released.state).toMatchObject({ status: "released", tenure: null, profileHash: null });
    const free = await check(bundleOf(world, MinedChain.of(world, 22 + networks.regtest.cooldownBlocks)));
    expect([free.state.status, free.register]).toEqual(["free", register.txid]);
  });

  it("tells of a weak start", async () => {
    const { bundle } = updated();
    const checkpoint = { ...networks.regtest.checkpoint, weakStart: true };
    expect((await check(bundle, { network: { ...networks.regtest, checkpoint } })).asOf.weakStart).toBe(true);
  });
});

describe("the names of a bundle", () => {
  it("a bundle for another network is refused with both names", async () => {
    const { bundle } = updated();
    const { details } = await expectCode("CHAIN_NETWORK_MISMATCH", check({ ...bundle, network: "signet" }));
    expect(details).toMatchObject({ expected: "regtest", found: [{ network: "signet" }] });
    await expectCode("BUNDLE_INVALID", check({ ...bundle, network: "constructor" }));
  });

  it("N1: a bundle of another name, or of none", async () => {
    const { bundle, world } = updated();
    expect((await check(bundle, { name: world.name })).name).toBe("alice");
    const other = new World(networks.regtest, "bob").name;
    await expectCode("BUNDLE_INVALID", check(bundle, { name: other }));
    const { details } = await expectCode("BUNDLE_INVALID", check({ ...bundle, name: "Alice" }));
    expect(details.reason).toBe("its name is none");
    // The operations are another name's.
    await expectCode("BUNDLE_INVALID", check({ ...bundle, name: "bob" }));
  });
});

describe("V1: the headers of a bundle", () => {
  it("begin above the checkpoint, or on a header that the verifier has", async () => {
    const { bundle, chain } = updated();
    const late = { ...bundle, from: 21, headers: chain.headers(21, 5) };
    await expectCode("CHAIN_HEADER_INVALID", check(late));
    expect((await check(late, { held: chain.headerChain(networks.regtest, 20) })).asOf.height).toBe(25);
    await expectCode("CHAIN_HEADER_INVALID", check(late, { held: chain.headerChain(networks.regtest, 19) }));
    await expectCode("CHAIN_HEADER_INVALID", check({ ...bundle, from: 0, headers: chain.headers(0, 26) }));
    const foreign = MinedChain.of(new World(), 25, { version: 5 }).headerChain(networks.regtest, 20);
    await expectCode("CHAIN_HEADER_INVALID", check(late, { held: foreign }));
  });

  it("are valid up to the last one, and whole", async () => {
    const { bundle } = updated();
    const inner = bundle.headers.slice();
    inner[10 * 80 + 40] = (inner[10 * 80 + 40] ?? 0) ^ 1;
    await expectCode("CHAIN_HEADER_INVALID", check({ ...bundle, headers: inner }));
    await expectCode("CHAIN_HEADER_INVALID", check({ ...bundle, headers: bundle.headers.subarray(0, 25 * 80 - 1) }));
    await expectCode(
      "CHAIN_HEADER_INVALID",
      check({ ...bundle, headers: concatBytes(bundle.headers, new Uint8Array(1)) }),
    );
  });

  it("are not ahead of the verifier's clock, if it gives one", async () => {
    const { bundle } = updated();
    expect((await check(bundle, { nowMs: LATE_MS })).asOf.height).toBe(25);
    await expectCode("CHAIN_HEADER_INVALID", check(bundle, { nowMs: 1_000_000 }));
  });

  it("lose against a chain of the verifier's with more work, and win against one with less", async () => {
    const { bundle, world } = updated();
    const other = (tipHeight: number): HeaderChain =>
      MinedChain.of(new World(), tipHeight, { version: 5 }).headerChain(networks.regtest);
    expect((await check(bundle, { held: other(24) })).asOf.height).toBe(25);
    await expectCode("CHAIN_WORK_INSUFFICIENT", check(bundle, { held: other(25) }));
    await expectCode("CHAIN_WORK_INSUFFICIENT", check(bundle, { held: other(26) }));
    // One that goes on from the bundle's is no rival, and what it holds above is not what the bundle is about.
    const longer = MinedChain.of(world, 40).headerChain();
    expect((await check(bundle, { held: longer })).asOf).toMatchObject({ height: 25, tipHeight: 25 });
  });

  it("reach the minimum work together with the verifier's", async () => {
    const { bundle, world, chain } = updated();
    const work = chain.headerChain().work;
    const network = (minimumWork: bigint): Network => ({ ...networks.regtest, minimumWork });
    const lacking = network(work + 1n);
    expect((await check(bundle, { network: network(work) })).asOf.height).toBe(25);
    const { details } = await expectCode("CHAIN_WORK_INSUFFICIENT", check(bundle, { network: lacking }));
    expect(details).toEqual({ work: work.toString(16), minimumWork: (work + 1n).toString(16) });
    // The bundle alone falls short; with the verifier's headers above, it proves what held at its last header.
    const held = MinedChain.of(world, 26).headerChain(lacking);
    expect((await check(bundle, { network: lacking, held })).asOf.height).toBe(25);
  });
});

describe("V2: the transactions of a bundle", () => {
  it("are each proven in their block", async () => {
    const { bundle, chain } = updated();
    const [preorder, register, update] = [at(bundle.txs, 0), at(bundle.txs, 1), at(bundle.txs, 2)];
    const withUpdate = (changes: Partial<typeof update>): Bundle => {
      return { ...bundle, txs: [preorder, register, { ...update, ...changes }] };
    };
    await expectCode("CHAIN_PROOF_INVALID", check(withUpdate({ branch: [] })));
    await expectCode("CHAIN_PROOF_INVALID", check(withUpdate({ branch: [new Uint8Array(32)] })));
    await expectCode("CHAIN_PROOF_INVALID", check(withUpdate({ position: 0 })));
    await expectCode("CHAIN_PROOF_INVALID", check(withUpdate({ position: update.position + 2 })));
    await expectCode("CHAIN_PROOF_INVALID", check(withUpdate({ height: 23 })));
    await expectCode("CHAIN_TRANSACTION_INVALID", check(withUpdate({ raw: update.raw.subarray(1) })));
    await expectCode(
      "CHAIN_TRANSACTION_INVALID",
      check(withUpdate({ raw: concatBytes(update.raw, new Uint8Array(1)) })),
    );
    // In a block whose header nobody has.
    const early = { ...bundle, from: 21, headers: chain.headers(21, 5), txs: [{ ...preorder, height: 0 }, register] };
    await expectCode("CHAIN_PROOF_INVALID", check(early, { held: chain.headerChain(networks.regtest, 20) }));
  });

  it("may have their block's coinbase beside them, which is no operation", async () => {
    const { bundle, chain } = updated();
    const [coinbase = ""] = chain.txids(22);
    const raw = chain.find(coinbase)?.raw ?? new Uint8Array();
    const proof = { raw, height: 22, position: 0, branch: merkleBranch(chain.txids(22), 0) };
    const [preorder, register, update] = [at(bundle.txs, 0), at(bundle.txs, 1), at(bundle.txs, 2)];
    const txs = [preorder, register, proof, update];
    expect(await check({ ...bundle, txs })).toEqual(await check(bundle));
    await expectCode("BUNDLE_INVALID", check({ ...bundle, txs: [preorder, register, update, proof] }));
    const wrong = { ...proof, branch: [...proof.branch, new Uint8Array(32)] };
    await expectCode("CHAIN_PROOF_INVALID", check({ ...bundle, txs: [preorder, register, wrong, update] }));
  });

  it("C6: stand in chain order, each once", async () => {
    const { bundle } = updated();
    const [preorder, register, update] = [at(bundle.txs, 0), at(bundle.txs, 1), at(bundle.txs, 2)];
    await expectCode("BUNDLE_INVALID", check({ ...bundle, txs: [preorder, update, register] }));
    await expectCode("BUNDLE_INVALID", check({ ...bundle, txs: [preorder, register, update, update] }));
  });

  it("V6: are deep enough below the last header", async () => {
    const { bundle, world } = updated();
    expect((await check(bundle, { minConfirmations: 4 })).asOf).toMatchObject({ height: 22, tipHeight: 25 });
    await expectCode("BUNDLE_INVALID", check(bundle, { minConfirmations: 5 }));
    // The verifier's own headers above the bundle do not make it deeper.
    const held = MinedChain.of(world, 40).headerChain();
    await expectCode("BUNDLE_INVALID", check(bundle, { held, minConfirmations: 5 }));
  });
});

describe("V5: a bundle without what must exist", () => {
  it("has no registration", async () => {
    const { bundle } = updated();
    await expectCode("BUNDLE_INVALID", check({ ...bundle, txs: [] }));
    await expectCode("BUNDLE_INVALID", check({ ...bundle, txs: [at(bundle.txs, 0)] }));
  });

  it("C5: lacks the PREORDER, or its place", async () => {
    const { bundle } = updated();
    const [preorder, ...others] = bundle.txs;
    await expectCode("BUNDLE_INVALID", check({ ...bundle, txs: others }));
    await expectCode("BUNDLE_INVALID", check({ ...bundle, txs: others, prev: [preorder?.raw ?? new Uint8Array()] }));
  });

  it("C5: of a later holder, lacks the PREORDER of an earlier REGISTER and so hides whether that one counted", async () => {
    const world = new World();
    world.register(10);
    world.register(20, { owner: bob, preorderAt: 15 });
    const chain = MinedChain.of(world, 25);
    const bundle = bundleOf(world, chain);
    expect((await check(bundle)).state.ownerScript).toMatch(/^512079be/);
    await expectCode("BUNDLE_INVALID", check({ ...bundle, txs: bundle.txs.slice(1) }));
    const [preorder, ...others] = bundle.txs;
    await expectCode("BUNDLE_INVALID", check({ ...bundle, txs: others, prev: [preorder?.raw ?? new Uint8Array()] }));
  });

  it("C8: lacks what a RECOVER spends, or has more than is needed", async () => {
    const world = new World();
    const { register } = world.register(20);
    world.pay(21, register);
    world.recover(22);
    const chain = MinedChain.of(world, 25);
    const bundle = bundleOf(world, chain);
    expect(bundle.prev).toHaveLength(1);
    expect((await check(bundle)).state).toMatchObject({ unsealed: null, profileHash: "04".repeat(32) });
    await expectCode("BUNDLE_INVALID", check({ ...bundle, prev: [] }));
    const [prev = new Uint8Array()] = bundle.prev;
    await expectCode("BUNDLE_INVALID", check({ ...bundle, prev: [prev, prev] }));
    await expectCode("BUNDLE_INVALID", check({ ...bundle, prev: [prev, at(bundle.txs, 0).raw] }));
    const foreign = new World().keep({ inputs: [anyOutpoint()], outputs: [{ valueSats: 1n, script: bob }] });
    await expectCode("BUNDLE_INVALID", check({ ...bundle, prev: [prev, foreign.raw] }));
    await expectCode("CHAIN_TRANSACTION_INVALID", check({ ...bundle, prev: [prev.subarray(1)] }));
  });
});

describe("the thread of a bundle", () => {
  it("C7: an operation of a later version is no older profile's answer", async () => {
    const world = new World();
    const { register } = world.register(20);
    world.spend(21, register, headed(2, 3), world.seal(bob));
    await expectCode("CHAIN_UNSUPPORTED_OPERATION", check(bundleOf(world, MinedChain.of(world, 25))));
  });

  it("C9: a later registration counts once the first has run out", async () => {
    const world = new World(shortNetwork);
    world.register(10, { profileHash: profile(1) });
    world.register(30, { owner: bob, profileHash: profile(9) });
    const bundle = bundleOf(world, MinedChain.of(world, 31));
    expect((await check(bundle, { network: shortNetwork })).state.profileHash).toBe("09".repeat(32));
  });

  it("C11: a copy whose witness does not show a P2WPKH owner's key", async () => {
    const key = compressed(points[2]);
    const world = new World();
    world.register(20, { owner: carol, witness: [Uint8Array.of(1), key] });
    const bundle = bundleOf(world, MinedChain.of(world, 25));
    expect((await check(bundle)).state.ownerKey).toBe(Buffer.from(points[2]).toString("hex"));
    expect(hash160(key)).toEqual(carol.subarray(2));
    const damaged = at(bundle.txs, 1).raw.slice();
    const where = Buffer.from(damaged).indexOf(key) + 5;
    damaged[where] = (damaged[where] ?? 0) ^ 1;
    const txs = [at(bundle.txs, 0), { ...at(bundle.txs, 1), raw: damaged }];
    await expectCode("BUNDLE_INVALID", check({ ...bundle, txs }));
  });
});
