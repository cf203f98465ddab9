import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { memoryCache } from "../../../src/cache/memory.js";
import { networks } from "../../../src/chain/network.js";
import { type Bundle, encodeBundle, parseBundle } from "../../../src/client/bundle-form.js";
import type { ExportOptions } from "../../../src/client/export-bundle.js";
import { HintBundle } from "../../../src/client/hint.js";
import { contentKey } from "../../../src/immutable/key.js";
import type { Reader } from "../../../src/index.js";
import { limits } from "../../../src/limits.js";
import { immutableEntry, mutableEntry, type Route } from "../../../src/profile/entry.js";
import { expectCode } from "../storage/expect-code.js";
import { Rounds } from "./reader-rounds.js";
import { contentOf, manyEntries, ReaderWorld, routeOf, type TestName } from "./reader-world.js";

const photo = utf8("a photo");
const photoKey = contentKey(photo);

describe("a bundle as hint", () => {
  let world: ReaderWorld;
  let name: TestName;
  let route: Route;
  beforeAll(async () => {
    world = await ReaderWorld.start();
    route = routeOf("settings");
    const entries = [mutableEntry(route), immutableEntry(photoKey, contentOf(photo)), ...manyEntries(100)];
    name = await world.register("alice", await world.putProfile("alice", { entries }));
    await world.putObject(photo);
    await world.putRecord(name, route, { ver: 7, data: "seven" });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
  });
  afterAll(() => world.close());

  const exported = async (options: ExportOptions = { id: "settings", key: photoKey }): Promise<Bundle> => {
    const result = await world.reader().exportBundle("alice", options);
    if (!result.found) throw new Error(result.why);
    return parseBundle(result.bundle);
  };
  const hintOf = (bundle: Bundle): { readonly hint: { readonly bundle: Uint8Array } } => {
    return { hint: { bundle: encodeBundle(bundle) } };
  };
  const get = (reader: Reader, bundle: Bundle): ReturnType<Reader["getMutable"]> => {
    return reader.getMutable("alice", "settings", hintOf(bundle));
  };
  const rounds = async (read: () => Promise<{ readonly found: boolean }>): Promise<Rounds> => {
    const gate = new Rounds();
    vi.stubGlobal("fetch", gate.fetch);
    const result = await gate.run(read);
    vi.unstubAllGlobals();
    expect(result.found).toBe(true);
    return gate;
  };

  describe("in round trips over HTTP", () => {
    it("cold getMutable is three: what a bundle holds is not asked for, the record is", async () => {
      const bundle = await exported();
      const gate = await rounds(() => get(world.reader(), bundle));
      expect(gate.rounds).toHaveLength(3);
      expect(gate.count("objects/")).toBe(0);
      expect(gate.count("records/")).toBe(2);
      // Of each source: tip, spend of the seal, and two pages of the beacon's history.
      expect(gate.requests).toHaveLength(2 * 4 + 2);
    });

    it("V4: is three as well with an old bundle, however many blocks came since", async () => {
      const bundle = await exported();
      await world.devnet.mine(15);
      const gate = await rounds(() => get(world.reader(), bundle));
      expect(gate.rounds).toHaveLength(3);
      await world.devnet.mine(1);
      const again = await exported();
      await world.devnet.mine(1);
      expect((await rounds(() => get(world.reader(), again))).rounds).toHaveLength(3);
    });

    it("getImmutable of an object that is in it asks the chain alone", async () => {
      const bundle = await exported();
      const gate = await rounds(() => world.reader().getImmutable("alice", photoKey, hintOf(bundle)));
      expect(gate.rounds).toHaveLength(2);
      expect(gate.count("objects/")).toBe(0);
    });
  });

  describe("and its data", () => {
    it("stands in for stores that have lost profile, nodes and object", async () => {
      const bundle = await exported();
      const reader = world.reader({ storage: [] });
      const found = await reader.getMutable("alice", "settings", hintOf(bundle));
      expect(found).toMatchObject({ found: true, ver: 7, from: "network" });
      const photoFound = await world.reader({ storage: [] }).getImmutable("alice", photoKey, hintOf(bundle));
      expect(photoFound).toMatchObject({ found: true, data: photo, attempts: [] });
      // What a read took from it is kept like what it took from elsewhere.
      expect(await reader.getProfile("alice")).toMatchObject({ found: true });
      const again = await world.reader({ storage: [] }).exportBundle("alice", {
        id: "settings",
        key: photoKey,
        ...hintOf(bundle),
      });
      expect(again).toMatchObject({ found: true, bundle: encodeBundle(bundle) });
    });

    it("P1: a profile of other bytes is none: it is had from the stores", async () => {
      const bundle = await exported();
      const forged = { ...bundle, profile: utf8("{}"), nodes: [utf8("{}")], object: utf8("other") };
      const found = await world.reader().getMutable("alice", "settings", hintOf(forged));
      expect(found).toMatchObject({ found: true, ver: 7 });
      const alone = world.reader({ storage: [] });
      await expectCode("PROFILE_UNAVAILABLE", alone.getProfile("alice", hintOf(forged)));
      expect(await world.reader().getImmutable("alice", photoKey, hintOf(forged))).toMatchObject({ data: photo });
    });

    it("U1: an object of more bytes than a server could send is none", () => {
      const bytes = new Uint8Array(limits.objectMaxBytes + 1);
      const bundle: Bundle = {
        network: "regtest",
        name: "alice",
        from: 1,
        headers: new Uint8Array(80),
        txs: [],
        prev: [],
        profile: bytes.subarray(1),
        nodes: [],
        record: null,
        object: bytes,
      };
      const hint = new HintBundle(bundle, networks.regtest);
      expect(hint.object(contentKey(bytes.subarray(1)), limits.objectMaxBytes)).toHaveLength(limits.objectMaxBytes);
      expect(hint.object(contentKey(bytes.subarray(1)), limits.nodeMaxBytes)).toBeNull();
      expect(hint.object("00".repeat(32), limits.objectMaxBytes)).toBeNull();
    });

    it("I2: an object that the index does not hold is not vouched for", async () => {
      const other = utf8("not alice's");
      const bundle = { ...(await exported()), object: other };
      expect(await world.reader().getImmutable("alice", contentKey(other), hintOf(bundle))).toMatchObject({
        found: false,
        why: "not-in-index",
      });
    });

    it("lists the name with it", async () => {
      const found = await world.reader().list("alice", { prefix: "m:", ...hintOf(await exported()) });
      if (!found.found) throw new Error(found.why);
      const keys = [];
      for await (const { key } of found.entries) keys.push(key);
      expect(keys).toEqual(["m:settings"]);
    });
  });

  describe("and its record", () => {
    it("M8: is one more replica's: a newer one at a store is the answer, also where one replica is asked", async () => {
      const bundle = await exported();
      await world.putRecord(name, route, { ver: 8, data: "eight" });
      const found = await get(world.reader(), bundle);
      expect(found).toMatchObject({ found: true, ver: 8 });
      expect(found.found && found.replicas.map(({ label, verdict }) => [label === "bundle", verdict])).toEqual([
        [false, "fresh"],
        [false, "fresh"],
        [true, "behind"],
      ]);
      const one = await world.reader().getMutable("alice", "settings", { replicas: 1, ...hintOf(bundle) });
      expect(one).toMatchObject({ found: true, ver: 8, replicas: [{ verdict: "fresh" }, { label: "bundle" }] });
      // Also where the record is asked for beside the chain.
      const warm = world.reader();
      await get(warm, bundle);
      await world.putRecord(name, route, { ver: 9, data: "nine" });
      expect(await get(warm, bundle)).toMatchObject({ found: true, ver: 9 });
    });

    it("M8: is the answer where no replica has one, and says so", async () => {
      const bundle = await exported();
      const found = await world.reader({ storage: [] }).getMutable("alice", "settings", hintOf(bundle));
      expect(found).toMatchObject({ found: true, ver: 9, replicas: [{ label: "bundle", verdict: "fresh" }] });
    });

    it("M5: below the floor is a replay", async () => {
      const bundle = await exported();
      const cache = memoryCache();
      await world.putRecord(name, route, { ver: 10, data: "ten" });
      await world.reader({ cache }).getMutable("alice", "settings");
      await expectCode("RECORD_STALE", get(world.reader({ cache, storage: [] }), bundle));
      await expectCode(
        "RECORD_STALE",
        world.reader({ storage: [] }).getMutable("alice", "settings", { minVersion: 10, ...hintOf(bundle) }),
      );
    });

    it("M4: a forged one is listed as unverified and never returned", async () => {
      const bundle = await exported();
      const forged = { ...bundle, record: world.sign(name, route, { ver: 99, data: "x", tenure: "00".repeat(32) }) };
      const found = await get(world.reader(), forged);
      expect(found).toMatchObject({ found: true, ver: 10 });
      expect(found.found && found.replicas.at(-1)).toMatchObject({ label: "bundle", verdict: "unverified" });
      await expectCode("RECORD_UNVERIFIED", get(world.reader({ storage: [] }), forged));
    });

    it("M8: of another id, or none, is no reply", async () => {
      const bundle = await exported();
      const alone = world.reader({ storage: [] });
      for (const record of [world.sign(name, route, { ver: 99, data: "x", id: "other" }), utf8("{}"), null]) {
        await expectCode("RECORD_UNAVAILABLE", get(alone, { ...bundle, record }));
      }
    });

    it("M9: of other data under the version that would be returned is a fork", async () => {
      const bundle = await exported();
      const record = world.sign(name, route, { ver: 10, data: "another ten" });
      await expectCode("RECORD_FORKED", get(world.reader(), { ...bundle, record }));
    });
  });
});
