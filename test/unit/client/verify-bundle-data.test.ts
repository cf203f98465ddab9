import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import type { Bundle } from "../../../src/client/bundle-form.js";
import { sha256 } from "../../../src/crypto/hash.js";
import { contentKey } from "../../../src/immutable/key.js";
import { limits } from "../../../src/limits.js";
import { immutableEntry, mutableEntry, type Route } from "../../../src/profile/entry.js";
import { encodeProfile } from "../../../src/profile/profile.js";
import { p2wsh, points, World } from "../name/builder.js";
import { MinedChain } from "../name/chain-world.js";
import { expectCode } from "../storage/expect-code.js";
import { bundleOf, check, type DataWorld, signRecord, worldWithData } from "./bundle-world.js";
import { contentOf, manyEntries, profileOf, routeOf } from "./reader-world.js";

const photo = utf8("a photo");
const photoEntry = immutableEntry(contentKey(photo), contentOf(photo, { name: "p.png" }));

/** A name with the record `settings`, version 7, in its bundle. */
async function withRecord(
  changes: Partial<Route> = {},
  signed: { readonly ver?: number; readonly id?: string; readonly epoch?: number } = {},
): Promise<DataWorld & { readonly bundle: Bundle; sign(ver: number, data: string): Uint8Array }> {
  const route = routeOf("settings", changes);
  const made = await worldWithData([mutableEntry(route), photoEntry]);
  const { ver = 7, ...rest } = signed;
  const sign = (version: number, data: string): Uint8Array =>
    signRecord({ tenure: made.tenure, id: "settings", epoch: route.epoch, ...rest }, version, utf8(data));
  return { ...made, bundle: { ...made.bundle, record: sign(ver, "dark") }, sign };
}

describe("the profile of a bundle", () => {
  it("C10: is the anchored one, or is left out", async () => {
    const { bundle } = await worldWithData([photoEntry]);
    const { profile } = await check(bundle);
    expect(profile).toMatchObject({ name: "alice", index: { entries: [{ key: photoEntry.key }] } });
    expect((await check({ ...bundle, profile: null })).profile).toBeNull();
    await expectCode("BUNDLE_INVALID", check({ ...bundle, profile: encodeProfile(profileOf("alice")) }));
    // Of a name whose profile is another, or that has none.
    const world = new World();
    const { register } = world.register(20, { profileHash: sha256(bundle.profile ?? new Uint8Array()) });
    world.update(22, register);
    await expectCode("BUNDLE_INVALID", check(bundleOf(world, MinedChain.of(world, 25), { profile: bundle.profile })));
    const bare = new World();
    bare.register(20, { profileHash: new Uint8Array(32) });
    await expectCode("BUNDLE_INVALID", check(bundleOf(bare, MinedChain.of(bare, 25), { profile: bundle.profile })));
  });

  it("P1, P5: keeps the rules of a profile", async () => {
    const bytes = encodeProfile(profileOf("bob"));
    const world = new World();
    world.register(20, { profileHash: sha256(bytes) });
    const chain = MinedChain.of(world, 25);
    await expectCode("PROFILE_INVALID", check(bundleOf(world, chain, { profile: bytes })));
  });

  it("vouches for all other data", async () => {
    const { bundle } = await withRecord();
    await expectCode("BUNDLE_INVALID", check({ ...bundle, profile: null }));
    await expectCode("BUNDLE_INVALID", check({ ...bundle, profile: null, record: null, object: photo }));
    await expectCode("BUNDLE_INVALID", check({ ...bundle, profile: null, record: null, nodes: [photo] }));
  });
});

describe("P3: the index nodes of a bundle", () => {
  const route = routeOf("settings");
  const entries = [...manyEntries(1_000), mutableEntry(route)];

  it("lead from the profile to the record", async () => {
    const { bundle, tenure } = await worldWithData(entries);
    expect(bundle.nodes.length).toBeGreaterThan(16);
    const record = signRecord({ tenure, id: "settings", epoch: 1 }, 3, utf8("dark"));
    const whole = await check({ ...bundle, record });
    expect(whole.record).toEqual({
      id: "settings",
      data: utf8("dark"),
      ver: 3,
      sig: expect.stringMatching(/^[0-9a-f]{128}$/),
      route,
    });
    await expectCode("BUNDLE_INVALID", check({ ...bundle, record, nodes: [] }));
  });

  it("are refused where nothing leads to them, and where one is there twice", async () => {
    const { bundle } = await worldWithData(entries);
    const [first = photo] = bundle.nodes;
    await expectCode("BUNDLE_INVALID", check({ ...bundle, nodes: [...bundle.nodes, first] }));
    await expectCode("BUNDLE_INVALID", check({ ...bundle, nodes: [...bundle.nodes, photo] }));
    const changed = first.slice();
    changed[20] = (changed[20] ?? 0) ^ 1;
    await expectCode("BUNDLE_INVALID", check({ ...bundle, nodes: [changed, ...bundle.nodes.slice(1)] }));
  });

  it("are nodes, also where no record is looked up", async () => {
    const bytes = utf8('{"entries":[]}');
    const hash = Buffer.from(sha256(bytes)).toString("hex");
    const profile = encodeProfile(profileOf("alice", { index: { children: [hash, ...Array(15).fill(null)] } }));
    const world = new World();
    world.register(20, { profileHash: sha256(profile) });
    const chain = MinedChain.of(world, 25);
    await expectCode("INDEX_INVALID", check(bundleOf(world, chain, { profile, nodes: [bytes] })));
  });

  it("are visited once each, however often their parents name them", async () => {
    let hash = "00".repeat(32);
    const nodes: Uint8Array[] = [];
    for (let depth = 14; depth > 0; depth--) {
      const bytes = utf8(JSON.stringify({ children: Array(16).fill(hash) }));
      nodes.push(bytes);
      hash = Buffer.from(sha256(bytes)).toString("hex");
    }
    const profile = encodeProfile(profileOf("alice", { index: { children: Array(16).fill(hash) } }));
    const world = new World();
    world.register(20, { profileHash: sha256(profile) });
    const chain = MinedChain.of(world, 25);
    expect((await check(bundleOf(world, chain, { profile, nodes }))).complete).toBe(false);
  });
});

describe("the record of a bundle", () => {
  it("P2: has a route in the index", async () => {
    const { bundle, tenure } = await withRecord();
    expect((await check(bundle)).record).toMatchObject({ id: "settings", ver: 7, data: utf8("dark") });
    const other = signRecord({ tenure, id: "other", epoch: 1 }, 7, utf8("dark"));
    await expectCode("BUNDLE_INVALID", check({ ...bundle, record: other }));
  });

  it("M3, M4: is a record, signed by the route's key for this tenure and epoch", async () => {
    const { bundle, tenure, sign } = await withRecord();
    await expectCode("RECORD_INVALID", check({ ...bundle, record: photo }));
    const at = { tenure, id: "settings", epoch: 1 };
    const otherEpoch = signRecord({ ...at, epoch: 2 }, 7, utf8("dark"));
    const { details } = await expectCode("RECORD_UNVERIFIED", check({ ...bundle, record: otherEpoch }));
    expect(details.attempts).toMatchObject([{ label: "bundle", code: "RECORD_SIGNATURE_INVALID" }]);
    const otherTenure = signRecord({ ...at, tenure: "00".repeat(32) }, 7, utf8("dark"));
    await expectCode("RECORD_UNVERIFIED", check({ ...bundle, record: otherTenure }));
    const forged = new TextDecoder().decode(sign(7, "dark")).replace('"ver":7', '"ver":8');
    await expectCode("RECORD_UNVERIFIED", check({ ...bundle, record: utf8(forged) }));
  });

  it("M2: is returned under no key but the one that the route, the profile or the owner names", async () => {
    const named = await withRecord({ pubkey: Buffer.from(points[1]).toString("hex") });
    await expectCode("RECORD_UNVERIFIED", check(named.bundle));
    const made = await worldWithData([mutableEntry(routeOf("settings"))], {}, p2wsh(points[0]));
    const record = signRecord({ tenure: made.tenure, id: "settings", epoch: 1 }, 1, photo);
    await expectCode("ROUTE_NO_KEY", check({ ...made.bundle, record }));
  });

  it("M6: has a route whose epoch is no higher than its operation", async () => {
    expect((await check((await withRecord({ epoch: 20 })).bundle)).record?.ver).toBe(7);
    await expectCode("ROUTE_EPOCH_INVALID", check((await withRecord({ epoch: 21 })).bundle));
  });

  it("M5: is not below the floor of its route, nor below one that the verifier has for this id and tenure", async () => {
    await expectCode("RECORD_STALE", check((await withRecord({ minVer: 8 })).bundle));
    const { bundle, tenure } = await withRecord({ epoch: 2, minVer: 7 });
    const floor = { epoch: 2, ver: 7, sha256: null };
    const asked: unknown[] = [];
    const knowing = (epoch: number, ver: number): Promise<unknown> =>
      check(bundle, {
        knownFloor: (at) => {
          asked.push([at.network.id, at.name, at.tenure, at.id]);
          return Promise.resolve({ ...floor, epoch, ver });
        },
      });
    await knowing(2, 7);
    await knowing(1, 9);
    expect(asked[0]).toEqual(["regtest", "alice", tenure, "settings"]);
    await expectCode("RECORD_STALE", knowing(2, 8));
    await expectCode("RECORD_STALE", knowing(3, 1));
  });

  it("M9: contradicts nothing that the verifier knows of this version", async () => {
    const { bundle } = await withRecord();
    const floor = { epoch: 1, ver: 7, sha256: "00".repeat(32), sig: "00".repeat(64) };
    await expectCode("RECORD_FORKED", check(bundle, { knownFloor: () => Promise.resolve(floor) }));
  });

  it("M10: is in time, if the verifier has a clock", async () => {
    const nowMs = 3_000_000_000_000;
    const { bundle, sign } = await withRecord({ maxAgeMs: 1_000 }, { ver: nowMs });
    expect((await check(bundle, { nowMs: nowMs + 1_000 })).record?.ver).toBe(nowMs);
    await expectCode("RECORD_EXPIRED", check(bundle, { nowMs: nowMs + 1_001 }));
    const early = nowMs - limits.recordMaxAheadMs - 1;
    await expectCode("RECORD_FROM_FUTURE", check(bundle, { nowMs: early }));
    expect((await check(bundle)).record?.route.maxAgeMs).toBe(1_000);
    expect((await check({ ...bundle, record: sign(5, "old") })).record?.ver).toBe(5);
  });
});

describe("the object of a bundle", () => {
  it("I2: is in the index by its hash", async () => {
    const { bundle } = await worldWithData([photoEntry]);
    expect((await check({ ...bundle, object: photo })).object).toEqual({
      key: contentKey(photo),
      data: photo,
      content: contentOf(photo, { name: "p.png" }),
    });
    await expectCode("BUNDLE_INVALID", check({ ...bundle, object: utf8("a photO") }));
  });

  it("I1: has at most 1 MiB", async () => {
    const most = new Uint8Array(limits.objectMaxBytes);
    const more = new Uint8Array(limits.objectMaxBytes + 1);
    const { bundle } = await worldWithData(
      [most, more].map((bytes) => immutableEntry(contentKey(bytes), contentOf(bytes))),
    );
    expect((await check({ ...bundle, object: most })).object?.data.length).toBe(limits.objectMaxBytes);
    await expectCode("BUNDLE_INVALID", check({ ...bundle, object: more }));
  });
});
