import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { memoryCache } from "../../../src/cache/memory.js";
import { verifyBundle, verifyBundleWithReader } from "../../../src/client/bundle.js";
import { encodeBundle, parseBundle } from "../../../src/client/bundle-form.js";
import { contentKey } from "../../../src/immutable/key.js";
import type { Reader } from "../../../src/index.js";
import { immutableEntry, mutableEntry } from "../../../src/profile/entry.js";
import { expectCode } from "../storage/expect-code.js";
import { signRecord, worldWithData } from "./bundle-world.js";
import { contentOf, manyEntries, ReaderWorld, routeOf, type TestName } from "./reader-world.js";

const photo = utf8("a photo");
const network = "regtest";

describe("verifyBundle", () => {
  it("takes headers, floors, pins, a name and a clock that the verifier has", async () => {
    const { bundle, tenure, register, chain } = await worldWithData([mutableEntry(routeOf("settings"))]);
    const record = signRecord({ tenure, id: "settings", epoch: 1 }, 3, utf8("dark"));
    const bytes = encodeBundle({ ...bundle, record, from: 11, headers: chain.headers(11, 15) });
    await expectCode("CHAIN_HEADER_INVALID", verifyBundle(bytes, { network }));
    const headers = chain.headers(1, 10);
    const tipSec = chain.headerChain().tipTimeSec ?? 0;
    const nowMs = tipSec * 1000 + 60_000;
    const proof = await verifyBundle(bytes, { network, headers, pins: [register], name: "alice", nowMs });
    expect(proof).toMatchObject({ complete: false, registrationPinned: true, record: { ver: 3 } });
    expect(proof.asOf).toMatchObject({ tipHeight: 25, tipAgeMs: 60_000 });
    await expectCode("CHAIN_HEADER_INVALID", verifyBundle(bytes, { network, headers, nowMs: 1_000_000 }));
    await expectCode("BUNDLE_INVALID", verifyBundle(bytes, { network, headers, name: "bob" }));
    await expectCode("BUNDLE_INVALID", verifyBundle(bytes, { network, headers, minConfirmations: 7 }));
    await expectCode("INPUT_TOO_LARGE", verifyBundle(bytes, { network, headers, maxBytes: bytes.length - 1 }));
    await expectCode("CHAIN_NETWORK_MISMATCH", verifyBundle(bytes, { network: "signet" }));

    const floor = { tenure, id: "settings", epoch: 1, ver: 3 };
    const knowing = (...floors: readonly (typeof floor & { readonly sha256?: string })[]): Promise<unknown> =>
      verifyBundle(bytes, { network, headers, floors });
    await knowing(floor, { ...floor, id: "other", ver: 9 }, { ...floor, tenure: "00".repeat(32), ver: 9 });
    await expectCode("RECORD_STALE", knowing({ ...floor, ver: 4 }, floor));
    await expectCode("RECORD_STALE", knowing(floor, { ...floor, epoch: 2, ver: 1 }));
    await expectCode("RECORD_FORKED", knowing({ ...floor, sha256: "00".repeat(32) }));
  });

  it("refuses options of another form", async () => {
    const bytes = encodeBundle((await worldWithData([])).bundle);
    const floor = { tenure: "00".repeat(32), id: "a", epoch: 1, ver: 1 };
    for (const options of [
      { pins: ["00"] },
      { minConfirmations: 0 },
      { minConfirmations: 10_001 },
      { maxBytes: -1 },
      { nowMs: Number.NaN },
      { headers: [] as unknown as Uint8Array },
      { floors: [{ ...floor, ver: Number.NaN }] },
      { floors: [{ ...floor, epoch: -1 }] },
      { floors: [{ ...floor, tenure: "x" }] },
      { floors: [{ ...floor, sha256: "x" }] },
    ]) {
      await expectCode("INPUT_INVALID", verifyBundle(bytes, { network, ...options }));
    }
    await expectCode("NAME_INVALID", verifyBundle(bytes, { network, name: "Alice" }));
    await expectCode("INPUT_INVALID", verifyBundle(bytes, { network: "main" as "mainnet" }));
  });
});

describe("a reader's bundles", () => {
  let world: ReaderWorld;
  let name: TestName;
  let reader: Reader;
  const route = routeOf("settings");
  beforeAll(async () => {
    world = await ReaderWorld.start();
    const entries = [mutableEntry(route), immutableEntry(contentKey(photo), contentOf(photo)), ...manyEntries(100)];
    name = await world.register("alice", await world.putProfile("alice", { entries }));
    await world.putObject(photo);
    await world.putRecord(name, route, { ver: 7, data: "dark" });
    reader = world.reader();
  });
  afterAll(() => world.close());

  const exported = async (
    options: Parameters<Reader["exportBundle"]>[1] = {},
    given = "alice",
  ): Promise<Uint8Array> => {
    const result = await reader.exportBundle(given, options);
    if (!result.found) throw new Error(result.why);
    return result.bundle;
  };

  it("hold what a read finds, and verify without a network", async () => {
    const result = await reader.exportBundle("alice", { id: "settings", key: contentKey(photo) });
    const read = await reader.getMutable("alice", "settings");
    if (!result.found || !read.found) throw new Error("not found");
    expect(result).toMatchObject({ name: read.name, asOf: { height: read.asOf.height } });
    const proof = await verifyBundle(result.bundle, { network });
    expect({ ...proof.state, pending: [] }).toEqual(read.name);
    expect(proof).toMatchObject({ complete: false, name: "alice", asOf: { height: read.asOf.height } });
    expect(proof.record).toMatchObject({ id: "settings", ver: 7, data: utf8("dark"), route });
    expect(proof.object?.data).toEqual(photo);
    expect(parseBundle(result.bundle).nodes.length).toBeGreaterThanOrEqual(1);
  });

  it("hold no more than was asked for, from the height on that was asked for", async () => {
    const small = parseBundle(await exported());
    expect(small).toMatchObject({ from: 1, nodes: [], record: null, object: null, prev: [] });
    expect(small.txs).toHaveLength(2);
    const from = world.devnet.height();
    const late = await exported({ from });
    expect(parseBundle(late).headers).toHaveLength(80);
    await expectCode("CHAIN_HEADER_INVALID", verifyBundle(late, { network }));
    expect((await verifyBundleWithReader(reader, late)).asOf.tipHeight).toBe(from);
    for (const wrong of [0, from + 1, 1.5]) {
      await expectCode("INPUT_INVALID", reader.exportBundle("alice", { from: wrong }));
    }
  });

  it("are made from a cache as from a first read", async () => {
    const cache = memoryCache();
    const again = world.reader({ cache });
    const first = await again.exportBundle("alice", { id: "settings" });
    const second = await world.reader({ cache }).exportBundle("alice", { id: "settings" });
    if (!first.found || !second.found) throw new Error("not found");
    expect(second.bundle).toEqual(first.bundle);
  });

  it("leave pending operations out", async () => {
    const deep = world.reader({ minConfirmations: 3 });
    const dave = await world.register("dave");
    await world.devnet.mine(2);
    await world.update(dave, null);
    const result = await deep.exportBundle("dave");
    if (!result.found) throw new Error(result.why);
    expect(result.name.pending).toHaveLength(1);
    expect(parseBundle(result.bundle).txs).toHaveLength(2);
    expect((await verifyBundle(result.bundle, { network, minConfirmations: 3 })).asOf.height).toBe(result.asOf.height);
    expect((await verifyBundleWithReader(deep, result.bundle)).complete).toBe(false);
  });

  it("tell that a name is unsealed", async () => {
    const lost = await world.register("erin");
    await world.spendSeal(lost);
    const result = await reader.exportBundle("erin");
    if (!result.found) throw new Error(result.why);
    const { state } = await verifyBundle(result.bundle, { network });
    expect(state.unsealed?.txid).toMatch(/^[0-9a-f]{64}$/);
  });

  it("are not made of what does not exist", async () => {
    expect(await reader.exportBundle("nobody")).toMatchObject({ found: false, why: "no-name" });
    expect(await reader.exportBundle("alice", { id: "none" })).toMatchObject({ found: false, why: "not-in-index" });
    const missing = { found: false, why: "not-in-index" };
    expect(await reader.exportBundle("alice", { key: "00".repeat(32) })).toMatchObject(missing);
    await world.register("bare");
    expect(await reader.exportBundle("bare", { id: "a" })).toMatchObject({ found: false, why: "no-profile" });
    expect(parseBundle(await exported({}, "bare")).profile).toBeNull();
    await expectCode("NAME_INVALID", reader.exportBundle("Alice"));
    await expectCode("INPUT_ID_INVALID", reader.exportBundle("alice", { id: "A" }));
    await expectCode("INPUT_INVALID", reader.exportBundle("alice", { key: "x" }));
    const unixfs = `bafybei${"a".repeat(52)}`;
    await expectCode("INPUT_INVALID", reader.exportBundle("alice", { key: unixfs }));
  });

  it("a reader verifies with its headers and floors, and raises none", async () => {
    const old = await exported({ id: "settings" });
    const fresh = world.reader();
    expect((await verifyBundleWithReader(fresh, old)).record?.ver).toBe(7);
    await world.putRecord(name, route, { ver: 8, data: "light" });
    await reader.getMutable("alice", "settings");
    await expectCode("RECORD_STALE", verifyBundleWithReader(reader, old));
    const newer = await exported({ id: "settings" });
    expect((await verifyBundleWithReader(fresh, newer, { pins: ["00".repeat(32)] })).registrationPinned).toBe(false);
    // What a bundle showed is no floor: only a read is.
    expect((await verifyBundleWithReader(fresh, old)).record?.ver).toBe(7);
  });
});
