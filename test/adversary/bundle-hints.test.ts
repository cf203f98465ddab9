import { describe, expect, it } from "vitest";
import { encodeHex } from "../../src/bytes/hex.js";
import { memoryCache } from "../../src/cache/memory.js";
import { type Network, networks } from "../../src/chain/network.js";
import type { Transaction } from "../../src/chain/transaction.js";
import { type Bundle, encodeBundle } from "../../src/client/bundle-form.js";
import { createReaderFrom, type Reader } from "../../src/client/reader.js";
import { HawserError } from "../../src/errors.js";
import { limits } from "../../src/limits.js";
import type { Cache, ChainSource } from "../../src/ports.js";
import { GENESIS_TIME_SEC, LATE_MS } from "../unit/chain/mining.js";
import { bundleOf } from "../unit/client/bundle-world.js";
import { FakeClock } from "../unit/fake-clock.js";
import {
  alice,
  anyOutpoint,
  bob,
  buildTransaction,
  carol,
  compressed,
  outpoint,
  p2pkh,
  payloadOutput,
  points,
  profile,
  World,
} from "../unit/name/builder.js";
import {
  type CountingSource,
  hiding,
  MinedChain,
  shortNetwork,
  sourceOf,
  type Twist,
} from "../unit/name/chain-world.js";
import { expectCode } from "../unit/storage/expect-code.js";

interface Reading {
  readonly sources: readonly ChainSource[];
  readonly network?: Network;
  readonly cache?: Cache;
  readonly minConfirmations?: number;
  readonly minSources?: number;
}

function readerOf({ sources, network = networks.regtest, cache = memoryCache(), ...rest }: Reading): Reader {
  return createReaderFrom({
    network,
    sources,
    storage: [],
    urlReader: { opens: () => false, readUrl: () => Promise.resolve(null) },
    cache,
    clock: new FakeClock(LATE_MS),
    minSources: sources.length,
    minConfirmations: 1,
    maxTipAgeMs: null,
    ...rest,
  });
}

const pair = (chain: MinedChain, twist?: Twist): readonly CountingSource[] => {
  return ["a", "b"].map((label) => sourceOf(label, chain, twist));
};

const hintOf = (bundle: Bundle): { readonly hint: { readonly bundle: Uint8Array } } => {
  return { hint: { bundle: encodeBundle(bundle) } };
};

/** A bundle without these transactions. */
function without(bundle: Bundle, ...left: readonly Transaction[]): Bundle {
  const raws = new Set(left.map(({ raw }) => encodeHex(raw)));
  return { ...bundle, txs: bundle.txs.filter(({ raw }) => !raws.has(encodeHex(raw))) };
}

/** That a reader answers the same with this hint as without it, whatever it was given. */
async function expectNoDifference(reading: Reading, bundle: Bundle, name = "alice"): Promise<void> {
  const plain = await readerOf(reading).getName(name);
  const hinted = await readerOf(reading).getName(name, hintOf(bundle));
  expect(hinted).toEqual(plain);
}

function counts(source: CountingSource): Record<string, number> {
  const counted: Record<string, number> = {};
  for (const call of source.calls) counted[call] = (counted[call] ?? 0) + 1;
  return counted;
}

/** A name with three UPDATEs and a TRANSFER to bob, 20 blocks on. */
function story(): { world: World; chain: MinedChain; bundle: Bundle; operations: readonly Transaction[] } {
  const world = new World();
  const { preorder, register } = world.register(20);
  const first = world.update(22, register, profile(2));
  const second = world.update(23, first, profile(3));
  const third = world.update(30, second, profile(4));
  const transfer = world.transfer(35, third, bob, profile(5));
  const chain = MinedChain.of(world, 40);
  const operations = [preorder, register, first, second, third, transfer];
  return { world, chain, bundle: bundleOf(world, chain), operations };
}

describe("a bundle as hint of a first read", () => {
  it("V8: leaves the tips, the beacon up to the REGISTER and the spend of the last seal to ask for", async () => {
    const { chain, bundle } = story();
    const marks: unknown[] = [];
    const sources = pair(chain, (honest) => ({
      history: (script, options) => {
        marks.push(options?.before?.height);
        return honest.history(script);
      },
    }));
    const found = await readerOf({ sources }).getName("alice", hintOf(bundle));
    expect(found).toMatchObject({ found: true, name: { ownerScript: encodeHex(bob), profileHash: "05".repeat(32) } });
    expect(found.asOf).toMatchObject({ height: 40, tipHeight: 40, partial: false });
    for (const source of sources) expect(counts(source)).toEqual({ tip: 1, outspend: 1, history: 1 });
    expect(marks).toEqual([20, 20]);
  });

  it("V5: leaves a reader that knows as much as one that asked for all", async () => {
    const { chain, bundle } = story();
    const cache = memoryCache();
    await readerOf({ sources: pair(chain), cache }).getName("alice", hintOf(bundle));
    const sources = pair(chain);
    expect((await readerOf({ sources, cache }).getName("alice")).found).toBe(true);
    for (const source of sources) expect(counts(source)).toEqual({ tip: 1, outspend: 1 });
  });

  it("V4: an absence that was told beside the tip is asked for again where E was not known", async () => {
    const { world, chain, bundle, operations } = story();
    const last = operations.at(-1);
    if (last === undefined) expect.fail("no operations");
    const update = world.update(48, last, profile(6), bob);
    const longer = MinedChain.of(world, 50, { onto: { chain, upTo: 40 } });
    // Their chain ends at 40 for the first question and at 50 for all that come after the tip was named.
    const grow: Twist = (honest) => {
      let isNamed = false;
      return {
        tip: async () => {
          const tip = await honest.tip();
          isNamed = true;
          return tip;
        },
        outspend: (out, script) => (isNamed ? honest.outspend(out, script) : Promise.resolve({ spent: false })),
      };
    };
    const sources = pair(longer, grow);
    const found = await readerOf({ sources }).getName("alice", hintOf(bundle));
    expect(found.name.profileHash).toBe("06".repeat(32));
    expect(update.txid).not.toBe(last.txid);
    expect(counts(sources[0] ?? expect.fail("no source"))).toMatchObject({ tip: 1, history: 1, outspend: 3 });
  });

  it("V8: counts none of its operations against the caps of a source", async () => {
    const world = new World();
    const { register } = world.register(20);
    let last = register;
    for (let i = 0; i <= limits.sourceMaxTransactions; i++) {
      last = world.update(21 + Math.floor(i / 5), last, profile(1 + (i % 200)));
    }
    const chain = MinedChain.of(world, 430);
    const sources = pair(chain);
    const found = await readerOf({ sources }).getName("alice", hintOf(bundleOf(world, chain)));
    expect(found).toMatchObject({ found: true, asOf: { partial: false } });
    for (const source of sources) expect(counts(source)).toEqual({ tip: 1, outspend: 1, history: 1 });
  });

  it("V8: reads a name whose beacon was flooded after its REGISTER, also after a reorganisation moved that", async () => {
    const most = 20;
    const capped = (chain: MinedChain): readonly CountingSource[] =>
      pair(chain, (honest) => ({
        history: async (script, options) => {
          const before = options?.before;
          const all = await honest.history(script);
          const told = before === undefined ? all : all.filter(({ height }) => (height ?? 99) <= before.height);
          const isThere = before === undefined || chain.placeOf(before.txid)?.height === before.height;
          if (isThere && told.length <= most) return told;
          throw new HawserError("NETWORK_TIME_LIMIT", "Too many.", { limit: "history entries", max: most });
        },
      }));
    const world = new World();
    const { preorder, register } = world.register(20);
    const flood = Array.from({ length: most + 5 }, () =>
      world.mine(25, { inputs: [anyOutpoint()], outputs: [world.beacon()] }),
    );
    const chain = MinedChain.of(world, 30);
    const bundle = bundleOf(world, chain);
    await expectCode("CHAIN_UNAVAILABLE", readerOf({ sources: capped(chain) }).getName("alice"));
    expect((await readerOf({ sources: capped(chain) }).getName("alice", hintOf(bundle))).found).toBe(true);

    const moved = new World();
    moved.prove(preorder, 21, 1);
    moved.prove(register, 23, 1);
    flood.forEach((tx, i) => {
      moved.prove(tx, 26, i + 1);
    });
    const branch = MinedChain.of(moved, 33, { onto: { chain, upTo: 18 }, version: 5 });
    await expectCode("CHAIN_UNAVAILABLE", readerOf({ sources: capped(branch) }).getName("alice"));
    const found = await readerOf({ sources: capped(branch) }).getName("alice", hintOf(bundle));
    expect(found).toMatchObject({ found: true, name: { tenure: preorder.txid }, asOf: { height: 33 } });
  });
});

describe("a bundle that leaves something out", () => {
  it("V5: of its newest operations, however many, changes no answer", async () => {
    const { chain, bundle, operations } = story();
    for (let kept = 0; kept < operations.length; kept++) {
      await expectNoDifference({ sources: pair(chain) }, without(bundle, ...operations.slice(kept)));
    }
  });

  it("V5: of any one operation changes no answer", async () => {
    const { chain, bundle, operations } = story();
    for (const operation of operations) {
      await expectNoDifference({ sources: pair(chain) }, without(bundle, operation));
    }
  });

  it("V4: cannot be helped by sources that hide the same, as long as one does not", async () => {
    const { chain, bundle, operations } = story();
    const [third, transfer] = operations.slice(-2);
    if (third === undefined || transfer === undefined) expect.fail("no operations");
    const sources = [sourceOf("a", chain), sourceOf("b", chain, hiding(third, transfer))];
    const given = hintOf(without(bundle, third, transfer));
    const found = await readerOf({ sources, minSources: 1 }).getName("alice", given);
    expect(found.name.ownerScript).toBe(encodeHex(bob));
    expect(found.asOf.sources).toMatchObject([{ verdict: "agreed" }, { verdict: "withheld" }]);
  });

  it("C5: the registration that holds the name, and shows a later one that does not count", async () => {
    const world = new World();
    const { preorder, register } = world.register(20, { owner: bob });
    const late = world.register(30, { owner: alice });
    const chain = MinedChain.of(world, 40);
    const bundle = without(bundleOf(world, chain), preorder, register);
    expect(bundle.txs).toHaveLength(2);
    const found = await readerOf({ sources: pair(chain) }).getName("alice", hintOf(bundle));
    expect(found.name).toMatchObject({ ownerScript: encodeHex(bob), tenure: preorder.txid });
    expect(late.preorder.txid).not.toBe(preorder.txid);
  });

  it("C8: the RECOVER after the seal was lost", async () => {
    const world = new World();
    const { register } = world.register(20);
    world.pay(22, register);
    const recover = world.recover(24);
    const chain = MinedChain.of(world, 30);
    const bundle = without(bundleOf(world, chain), recover);
    const found = await readerOf({ sources: pair(chain) }).getName("alice", hintOf(bundle));
    expect(found.name).toMatchObject({ unsealed: null, profileHash: "04".repeat(32) });
  });

  it("C8: the first of two RECOVERs", async () => {
    const world = new World();
    const { register } = world.register(20);
    world.pay(22, register);
    const first = world.recover(24, { profileHash: profile(7) });
    world.recover(26, { profileHash: profile(8) });
    const chain = MinedChain.of(world, 30);
    const bundle = without(bundleOf(world, chain), first);
    const found = await readerOf({ sources: pair(chain) }).getName("alice", hintOf(bundle));
    expect(found.name.profileHash).toBe("07".repeat(32));
  });
});

describe("an old bundle of a name that somebody else holds by now", () => {
  it("C7: after a RELEASE", async () => {
    const world = new World();
    const { register } = world.register(20);
    const chain = MinedChain.of(world, 24);
    const bundle = bundleOf(world, chain);
    world.release(26, register);
    const next = world.register(35, { owner: bob });
    const longer = MinedChain.of(world, 40, { onto: { chain, upTo: 24 } });
    const found = await readerOf({ sources: pair(longer) }).getName("alice", hintOf(bundle));
    expect(found.name).toMatchObject({ ownerScript: encodeHex(bob), tenure: next.preorder.txid });
    // Also where the bundle goes on to the RELEASE itself.
    const whole = without(bundleOf(world, longer), next.preorder, next.register);
    const again = await readerOf({ sources: pair(longer) }).getName("alice", hintOf(whole));
    expect(again.name.tenure).toBe(next.preorder.txid);
  });

  it("C9: after it lapsed, also where the bundle ends before that", async () => {
    const world = new World(shortNetwork);
    world.register(3);
    const chain = MinedChain.of(world, 5);
    const bundle = bundleOf(world, chain);
    const next = world.register(20, { owner: bob });
    const longer = MinedChain.of(world, 22, { onto: { chain, upTo: 5 } });
    const reading = { sources: pair(longer), network: shortNetwork };
    const whole = without(bundleOf(world, longer), next.preorder, next.register);
    for (const hint of [bundle, whole]) {
      const found = await readerOf(reading).getName("alice", hintOf(hint));
      expect(found.name).toMatchObject({ ownerScript: encodeHex(bob), tenure: next.preorder.txid });
    }
  });
});

describe("a bundle of another chain", () => {
  it("V1: with less work than the sources' is of no use", async () => {
    const { chain, bundle } = story();
    const other = new World();
    other.register(22, { owner: carol });
    const lost = MinedChain.of(other, 38, { onto: { chain, upTo: 19 }, version: 5 });
    await expectNoDifference({ sources: pair(chain) }, bundleOf(other, lost));
    const reader = readerOf({ sources: pair(lost), minConfirmations: 1 });
    // And one with more work than they have is not passed over: to answer would be to answer from a chain that lost.
    await expectCode("CHAIN_UNAVAILABLE", reader.getName("alice", hintOf(bundle)));
  });

  it("V1: with less work than the reader's own does not make it forget that", async () => {
    const { chain } = story();
    const other = new World();
    other.register(22, { owner: carol });
    const lost = MinedChain.of(other, 38, { onto: { chain, upTo: 19 }, version: 5 });
    const cache = memoryCache();
    await readerOf({ sources: pair(chain), cache }).getName("alice");
    const reader = readerOf({ sources: pair(lost), cache });
    await expectCode("CHAIN_UNAVAILABLE", reader.getName("alice", hintOf(bundleOf(other, lost))));
  });

  it("V1: with more work than any source's fails the read and leaves nothing behind", async () => {
    const { chain } = story();
    const other = new World();
    other.register(22, { owner: carol });
    const forged = MinedChain.of(other, 60, { onto: { chain, upTo: 19 }, version: 5 });
    const cache = memoryCache();
    const reader = readerOf({ sources: pair(chain), cache });
    await reader.getName("alice");
    const keys = await cache.keys("");
    const before = await Promise.all(keys.map((key) => cache.get(key)));
    await expectCode("CHAIN_UNAVAILABLE", reader.getName("alice", hintOf(bundleOf(other, forged))));
    expect(await cache.keys("")).toEqual(keys);
    expect(await Promise.all(keys.map((key) => cache.get(key)))).toEqual(before);
    for (const again of [reader, readerOf({ sources: pair(chain), cache })]) {
      expect((await again.getName("alice")).name.ownerScript).toBe(encodeHex(bob));
    }
  });

  it("V6: one that a reorganisation undid is dropped: the operation is read where it is now, or not at all", async () => {
    const { chain, bundle, operations } = story();
    const [preorder, register] = operations;
    if (preorder === undefined || register === undefined) expect.fail("no operations");
    const moved = new World();
    moved.register(24, { owner: carol });
    moved.prove(preorder, 25, 1);
    moved.prove(register, 27, 1);
    const branch = MinedChain.of(moved, 45, { onto: { chain, upTo: 18 }, version: 5 });
    const found = await readerOf({ sources: pair(branch) }).getName("alice", hintOf(bundle));
    expect(found.name.ownerScript).toBe(encodeHex(carol));
    const empty = MinedChain.of(new World(), 45, { onto: { chain, upTo: 18 }, version: 5 });
    expect(await readerOf({ sources: pair(empty) }).getName("alice", hintOf(bundle))).toMatchObject({
      found: false,
      why: "no-name",
    });
  });

  it("V1: headers that break a rule end it, and those before still count", async () => {
    const { chain, bundle } = story();
    for (const at of [0, 1, 25, 39]) {
      const headers = bundle.headers.slice();
      // The bits: no nonce makes up for them.
      headers[80 * at + 72] = (headers[80 * at + 72] ?? 0) ^ 1;
      await expectNoDifference({ sources: pair(chain) }, { ...bundle, headers });
    }
    await expectNoDifference({ sources: pair(chain) }, { ...bundle, headers: bundle.headers.subarray(0, 1234) });
    await expectNoDifference({ sources: pair(chain) }, { ...bundle, from: 7 });
    await expectNoDifference({ sources: pair(chain) }, { ...bundle, from: Number.MAX_SAFE_INTEGER });
    expect(GENESIS_TIME_SEC * 1000).toBeLessThan(LATE_MS);
  });

  it("V2: transactions at places where they are not prove nothing", async () => {
    const { chain, bundle } = story();
    const changed = (change: (tx: Bundle["txs"][number]) => Partial<Bundle["txs"][number]>): Bundle => {
      return { ...bundle, txs: bundle.txs.map((tx) => ({ ...tx, ...change(tx) })) };
    };
    for (const wrong of [
      changed(({ height }) => ({ height: height - 1 })),
      changed(() => ({ height: Number.MAX_SAFE_INTEGER })),
      changed(({ position }) => ({ position: position + 1 })),
      changed(() => ({ branch: [] })),
      changed(() => ({ branch: [new Uint8Array(32)] })),
      changed(() => ({ raw: new Uint8Array(10) })),
    ]) {
      await expectNoDifference({ sources: pair(chain) }, wrong);
    }
  });

  it("V2: a REGISTER that somebody made up is in no block, and costs questions only", async () => {
    const { chain } = story();
    const invented = new World();
    const { preorder, register } = invented.register(25, { owner: carol });
    const bundle = bundleOf(invented, MinedChain.of(invented, 38));
    const onHonest = { ...bundle, headers: chain.headers(1, 40) };
    expect(bundle.txs.map(({ raw }) => raw)).toEqual([preorder.raw, register.raw]);
    await expectNoDifference({ sources: pair(chain) }, onHonest);
    await expectNoDifference({ sources: pair(MinedChain.of(new World(), 40)) }, bundle);
  });
});

describe("what a bundle can carry beside the truth", () => {
  it("C11: a witness that was altered hides no key", async () => {
    const world = new World();
    const witness = [new Uint8Array(64), compressed(points[2])];
    const { preorder, register } = world.register(20, { owner: carol, witness });
    const chain = MinedChain.of(world, 30);
    const bundle = bundleOf(world, chain);
    const stripped = buildTransaction({
      inputs: [outpoint(preorder)],
      outputs: register.outputs,
    });
    expect(stripped.txid).toBe(register.txid);
    const txs = bundle.txs.map((tx) => (tx.height === 20 ? { ...tx, raw: stripped.raw } : tx));
    const found = await readerOf({ sources: pair(chain) }).getName("alice", hintOf({ ...bundle, txs }));
    expect(found.name.ownerKey).toBe(encodeHex(points[2]));
  });

  it("V8: real transactions of others are not taken into the cache", async () => {
    const { world, chain, bundle } = story();
    const busy = new World();
    for (const { tx, height, position } of world.transactions) busy.prove(tx, height, position);
    for (let i = 0; i < 30; i++) {
      busy.mine(36, { inputs: [anyOutpoint()], outputs: [{ valueSats: 1n, script: p2pkh }, busy.seal(alice)] });
      busy.mine(37, { inputs: [anyOutpoint()], outputs: [payloadOutput({ kind: "update", profileHash: profile(9) })] });
    }
    const longer = MinedChain.of(busy, 40, { onto: { chain, upTo: 35 } });
    const full = bundleOf(busy, longer);
    expect(full.txs.length).toBe(bundle.txs.length + 60);
    const [plain, hinted] = [memoryCache(), memoryCache()];
    await readerOf({ sources: pair(longer), cache: plain }).getName("alice");
    await readerOf({ sources: pair(longer), cache: hinted }).getName("alice", hintOf(full));
    const sizeOf = async (cache: Cache): Promise<number> => (await cache.get("name/regtest/alice"))?.length ?? 0;
    expect(await sizeOf(hinted)).toBe(await sizeOf(plain));
  });
});

describe("a bundle that is none of this read's", () => {
  const read = (hint: unknown): Promise<unknown> => {
    const { chain } = story();
    return readerOf({ sources: pair(chain) }).getName("alice", { hint: hint as string });
  };

  it("section 11: of another network, name or version, damaged or too large, is refused before anybody is asked", async () => {
    const { chain, bundle } = story();
    const sources = pair(chain);
    const ask = (given: Uint8Array, maxBytes?: number): Promise<unknown> => {
      return readerOf({ sources }).getName("alice", { hint: { bundle: given, maxBytes } });
    };
    const bytes = encodeBundle(bundle);
    await expectCode("BUNDLE_INVALID", ask(bytes.subarray(1)));
    await expectCode("BUNDLE_INVALID", ask(new Uint8Array(0)));
    await expectCode("BUNDLE_INVALID", ask(encodeBundle({ ...bundle, name: "bob" })));
    await expectCode("BUNDLE_INVALID", ask(encodeBundle({ ...bundle, network: "main" })));
    await expectCode("CHAIN_NETWORK_MISMATCH", ask(encodeBundle({ ...bundle, network: "signet" })));
    const text = new TextDecoder().decode(bytes).replace('"hawserBundle":1', '"hawserBundle":2');
    await expectCode("BUNDLE_UNSUPPORTED", ask(new TextEncoder().encode(text)));
    await expectCode("INPUT_TOO_LARGE", ask(bytes, bytes.length - 1));
    for (const source of sources) expect(source.calls).toEqual([]);
    await ask(bytes, bytes.length);
  });

  it.each([[null], [7], [{}], [new Uint8Array(3)], [{ bundle: "{}" }], [{ bundle: new Uint8Array(1), maxBytes: -1 }]])(
    "section 11: what is neither txid nor bundle is INPUT_INVALID: %j",
    async (hint) => {
      await expectCode("INPUT_INVALID", read(hint));
    },
  );
});
