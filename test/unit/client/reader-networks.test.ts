import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeHex, encodeHex } from "../../../src/bytes/hex.js";
import { memoryCache } from "../../../src/cache/memory.js";
import { type Network, type NetworkId, networks } from "../../../src/chain/network.js";
import { createReaderFrom, type Reader } from "../../../src/client/reader.js";
import type { ReaderParts } from "../../../src/client/reader-core.js";
import { sha256 } from "../../../src/crypto/hash.js";
import { signSchnorr } from "../../../src/crypto/schnorr.js";
import { contentKey } from "../../../src/immutable/key.js";
import { encodeRecord, recordDigest } from "../../../src/mutable/record.js";
import type { Cache, StorageProvider } from "../../../src/ports.js";
import { mutableEntry } from "../../../src/profile/entry.js";
import { buildIndex } from "../../../src/profile/index-tree.js";
import { encodeProfile } from "../../../src/profile/profile.js";
import { objectPath, recordPath } from "../../../src/route/layout.js";
import { memoryStorage } from "../../../src/storage/memory.js";
import { EASY_BITS, easySignet, easyTestnet4, GENESIS_TIME_SEC, genesisHeaders, HALF_BITS } from "../chain/mining.js";
import { FakeClock } from "../fake-clock.js";
import { alice, World } from "../name/builder.js";
import { MinedChain, sourceOf } from "../name/chain-world.js";
import { expectCode } from "../storage/expect-code.js";
import { profileOf, ReaderWorld, routeOf } from "./reader-world.js";

const CHECKPOINT = 2_015;
const REGISTERED = 2_030;
const TIP = 2_060;
/** Of the P2TR script `alice`. */
const OWNER_KEY = decodeHex("01".padStart(64, "0"));
const DATA = new TextEncoder().encode("on this network");
const noUrls = { opens: () => false, readUrl: () => Promise.resolve(null) };

/** Time and bits of the blocks above the checkpoint: on testnet4 every fourth is an exception (BIP94). */
function headerAt(id: NetworkId, height: number): { readonly timeSec?: number; readonly bits?: number } {
  if (height <= CHECKPOINT) return {};
  const isLate = (h: number): boolean => id === "testnet4" && h % 4 === 3;
  let timeSec = GENESIS_TIME_SEC + 600 * CHECKPOINT;
  for (let h = CHECKPOINT + 1; h <= height; h++) timeSec += isLate(h) ? 1_201 : 600;
  return { timeSec, bits: isLate(height) ? EASY_BITS : HALF_BITS };
}

/** A chain on which "alice" is registered `age` blocks after its PREORDER, and what its index leads to. */
async function worldOn(
  rules: Network,
  age = rules.minAgeBlocks,
): Promise<{
  readonly network: Network;
  readonly chain: MinedChain;
  readonly storage: StorageProvider;
  readonly tenure: string;
  reader(changes?: Partial<ReaderParts>): Reader;
}> {
  const base = MinedChain.of(new World(), CHECKPOINT);
  const network = { ...rules, checkpoint: { ...rules.checkpoint, hash: base.hashAt(CHECKPOINT) } };
  const world = new World(network);
  const storage = memoryStorage();
  const route = routeOf("settings");
  const index = await buildIndex([mutableEntry(route)], () => Promise.resolve());
  const profile = encodeProfile(profileOf(world.name, { index }));
  await storage.write(objectPath(contentKey(profile)), profile, { kind: "object" });
  const { preorder } = world.register(REGISTERED, { profileHash: sha256(profile), preorderAt: REGISTERED - age });
  const tenure = preorder.txid;
  const place = { network, name: world.name, tenure, id: route.id, epoch: route.epoch };
  const sig = encodeHex(signSchnorr(recordDigest(place, 7, DATA), OWNER_KEY, new Uint8Array(32)));
  const record = encodeRecord({ id: route.id, data: DATA, ver: 7, sig });
  const path = recordPath({ network: network.id, name: world.name, id: route.id, epoch: route.epoch });
  await storage.write(path, record, { kind: "record" });
  const chain = MinedChain.of(world, TIP, {
    onto: { chain: base, upTo: CHECKPOINT },
    header: (height) => headerAt(network.id, height),
  });
  const tipSec = headerAt(network.id, TIP).timeSec ?? 0;
  const reader = (changes: Partial<ReaderParts> = {}): Reader =>
    createReaderFrom({
      network,
      sources: [sourceOf("a", chain), sourceOf("b", chain)],
      storage: [storage],
      urlReader: noUrls,
      cache: memoryCache(),
      clock: new FakeClock((tipSec + 60) * 1000),
      minSources: 2,
      minConfirmations: network.minConfirmations,
      maxTipAgeMs: network.maxTipAgeMs,
      ...changes,
    });
  return { network, chain, storage, tenure, reader };
}

describe.each([
  ["testnet4", easyTestnet4, { depth: 12, term: 52_560, minAge: 3 }],
  ["signet", easySignet, { depth: 2, term: 52_560, minAge: 1 }],
] as const)("a reader of %s", (id, rules, expected) => {
  let world: Awaited<ReturnType<typeof worldOn>>;
  beforeAll(async () => {
    world = await worldOn(rules);
  });

  it(`V6, V7: ${id}: reads a name with the network's constants and says what its chain rests on`, async () => {
    const found = await world.reader().getName("alice");
    const height = TIP - expected.depth + 1;
    expect(found).toMatchObject({
      found: true,
      name: {
        status: "active",
        tenure: world.tenure,
        ownerScript: encodeHex(alice),
        changesAtHeight: REGISTERED + expected.term + 1,
      },
      asOf: {
        height,
        hash: world.chain.hashAt(height),
        tipHeight: TIP,
        tipAgeMs: 60_000,
        partial: false,
        weakStart: true,
        signaturesUnchecked: id === "signet",
        sources: [
          { label: "a", verdict: "agreed" },
          { label: "b", verdict: "agreed" },
        ],
      },
    });
  });

  it(`C5: ${id}: counts a REGISTER ${expected.minAge} blocks after its PREORDER, and none that comes sooner`, async () => {
    const soon = await worldOn(rules, expected.minAge - 1);
    expect(await soon.reader().getName("alice")).toMatchObject({ found: false, name: { status: "free" } });
    const late = await worldOn(rules, expected.minAge + 1);
    expect(await late.reader().getName("alice")).toMatchObject({ found: true });
  });

  it(`M4: ${id}: reads a record that was signed for this network, from its place`, async () => {
    const found = await world.reader().getMutable("alice", "settings");
    expect(found).toMatchObject({ found: true, ver: 7, data: DATA, asOf: { weakStart: true } });
  });

  it(`M4: ${id}: refuses a record that was signed for another network`, async () => {
    const storage = memoryStorage();
    const other: Network = id === "signet" ? networks.testnet4 : networks.signet;
    const place = { network: other, name: "alice", tenure: world.tenure, id: "settings", epoch: 1 };
    const sig = encodeHex(signSchnorr(recordDigest(place, 9, DATA), OWNER_KEY, new Uint8Array(32)));
    const path = recordPath({ network: world.network.id, name: "alice", id: "settings", epoch: 1 });
    await storage.write(path, encodeRecord({ id: "settings", data: DATA, ver: 9, sig }), { kind: "record" });
    const found = await world.reader({ storage: [world.storage, storage] }).getMutable("alice", "settings");
    expect(found).toMatchObject({ found: true, ver: 7, replicas: [{ verdict: "fresh" }, { verdict: "unverified" }] });
  });

  it(`V7: ${id}: a tip older than 8 hours is stale`, async () => {
    const tipSec = headerAt(world.network.id, TIP).timeSec ?? 0;
    const at = (ageMs: number): Reader => world.reader({ clock: new FakeClock(tipSec * 1000 + ageMs) });
    expect(await at(8 * 3_600_000).getName("alice")).toMatchObject({ found: true });
    await expectCode("CHAIN_STALE", at(8 * 3_600_000 + 1).getName("alice"));
  });

  it(`V1: ${id}: goes on with the headers that it stored, under the network's own keys`, async () => {
    const cache: Cache = memoryCache();
    await world.reader({ cache }).getName("alice");
    const keys = await cache.keys("headers/");
    expect(keys).toEqual([`headers/${id}/000000`, `headers/${id}/work`]);
    const source = sourceOf("a", world.chain);
    const again = world.reader({ cache, sources: [source], minSources: 1 });
    expect(await again.getName("alice")).toMatchObject({ found: true, asOf: { tipHeight: TIP } });
    expect(source.calls).not.toContain("headers");
  });

  it(`V1: ${id}: fails at first contact with sources of another network`, async () => {
    const foreign = sourceOf("a", MinedChain.of(new World(), 40), (honest) => ({
      headers: (start, count) => (start === 0 ? Promise.resolve(genesisHeaders.regtest) : honest.headers(start, count)),
    }));
    const error = await expectCode(
      "CHAIN_NETWORK_MISMATCH",
      world.reader({ sources: [foreign], minSources: 1 }).getMutable("alice", "settings"),
    );
    expect(error).toMatchObject({
      message: `Expected sources of ${id}: a serves regtest.`,
      outcome: "input",
      details: { expected: id, found: [{ source: "a", network: "regtest" }] },
    });
  });
});

describe("a regtest server as the source of another network's reader", () => {
  let world: ReaderWorld;
  beforeAll(async () => {
    world = await ReaderWorld.start();
    await world.register("alice");
  });
  afterAll(() => world.close());

  it.each(["mainnet", "testnet4", "signet"] as const)("V1: fails at first contact: %s", async (network) => {
    const reader = world.reader({ network });
    const labels = world.devnet.sourceUrls.map((url) => new URL(url).host);
    for (const read of [
      () => reader.getName("alice"),
      () => reader.getProfile("alice"),
      () => reader.getMutable("alice", "settings"),
      () => reader.getImmutable("alice", "00".repeat(32)),
    ]) {
      const error = await expectCode("CHAIN_NETWORK_MISMATCH", read());
      expect(error.details.expected).toBe(network);
      expect(error.details.found).toEqual(
        labels.map((source) => ({ source, network: "regtest", genesisHash: networks.regtest.genesisHash })),
      );
      for (const label of labels) expect(error.message).toContain(`${label} serves regtest`);
    }
  });
});
