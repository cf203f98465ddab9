import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { encodeHex } from "../../../src/bytes/hex.js";
import { networks } from "../../../src/chain/network.js";
import { contentKey } from "../../../src/immutable/key.js";
import type { IndexEntry } from "../../../src/index.js";
import { immutableEntry, mutableEntry } from "../../../src/profile/entry.js";
import { objectPath } from "../../../src/route/layout.js";
import { expectCode } from "../storage/expect-code.js";
import { contentOf, manyEntries, ReaderWorld, routeOf } from "./reader-world.js";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

async function collect(entries: AsyncIterable<IndexEntry>): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of entries) keys.push(key);
  return keys;
}

describe("reader", () => {
  let world: ReaderWorld;
  beforeAll(async () => {
    world = await ReaderWorld.start();
  });
  afterAll(() => world.close());

  const labels = (): readonly string[] => world.devnet.storeUrls.map((url) => new URL(url).host);

  describe("what is there", () => {
    const photo = utf8("a photo");
    const about = { nick: "al" };
    const route = routeOf("settings");
    const name = "alice";
    let tenure: string;
    let profileHash: Uint8Array;
    beforeAll(async () => {
      const entries = [
        mutableEntry(route),
        mutableEntry(routeOf("notes/one")),
        immutableEntry(contentKey(photo), contentOf(photo, { type: "image/png", name: "p.png" })),
      ];
      profileHash = await world.putProfile(name, { about, entries });
      await world.putObject(photo);
      const registered = await world.register(name, profileHash);
      ({ tenure } = registered);
      await world.putRecord(registered, route, { ver: 7, data: "dark" });
    });

    it("getName: the state of the name, the height that it is read at and who stood for it", async () => {
      const found = await world.reader().getName(name);
      const height = world.devnet.height();
      const script = encodeHex(world.key.p2tr);
      expect(found).toEqual({
        found: true,
        from: "network",
        name: {
          status: "active",
          unsealed: null,
          tenure,
          ownerScript: script,
          ownerKey: script.slice(4),
          profileHash: encodeHex(profileHash),
          changesAtHeight: expect.any(Number),
          pending: [],
        },
        asOf: {
          height,
          hash: expect.stringMatching(/^[0-9a-f]{64}$/),
          time: expect.any(Number),
          tipHeight: height,
          tipAgeMs: expect.any(Number),
          partial: false,
          weakStart: false,
          signaturesUnchecked: false,
          sources: world.devnet.sourceUrls.map((url) => ({ label: new URL(url).host, verdict: "agreed" })),
        },
      });
    });

    it("getProfile: the profile that the chain anchors; from the network as long as sources were asked", async () => {
      const reader = world.reader();
      const first = await reader.getProfile(name);
      if (!first.found) expect.fail("not found");
      expect(Object.keys(first).sort()).toEqual(["asOf", "found", "from", "name", "profile"]);
      expect(first).toMatchObject({ from: "network", profile: { name, about, pubkey: null, storage: [] } });
      expect(await reader.getProfile(name)).toMatchObject({ found: true, from: "network", profile: first.profile });
    });

    it("M8: getMutable: the data, its version, the route and one verdict per replica", async () => {
      const found = await world.reader().getMutable(name, "settings");
      if (!found.found) expect.fail("not found");
      expect(Object.keys(found).sort()).toEqual(
        ["asOf", "data", "found", "from", "name", "record", "replicas", "route", "ver"].sort(),
      );
      expect(text(found.data)).toBe("dark");
      expect(found).toMatchObject({ ver: 7, route, from: "network", record: { id: "settings", ver: 7 } });
      expect(found.replicas).toEqual(labels().map((label) => ({ label, verdict: "fresh", ver: 7, reason: null })));
    });

    it("I2: getImmutable: the data, what the owner says of it and the replicas that failed before", async () => {
      const key = contentKey(photo);
      const found = await world.reader().getImmutable(name, key);
      if (!found.found) expect.fail("not found");
      expect(Object.keys(found).sort()).toEqual(
        ["asOf", "attempts", "content", "data", "found", "from", "key", "name"].sort(),
      );
      expect(text(found.data)).toBe("a photo");
      expect(found).toMatchObject({ key, attempts: [], from: "network" });
      expect(found.content).toEqual({ size: photo.length, type: "image/png", name: "p.png", urls: null });
    });

    it("list: the verified entries, all of them or those with a prefix", async () => {
      const reader = world.reader();
      const found = await reader.list(name);
      if (!found.found) expect.fail("not found");
      expect(Object.keys(found).sort()).toEqual(["asOf", "entries", "found", "from", "name"]);
      expect((await collect(found.entries)).sort()).toEqual([`i:${contentKey(photo)}`, "m:notes/one", "m:settings"]);
      const notes = await reader.list(name, { prefix: "m:notes/" });
      if (!notes.found) expect.fail("not found");
      expect(await collect(notes.entries)).toEqual(["m:notes/one"]);
    });

    it("onEvent: tells the stages of a read in their order", async () => {
      const stages: string[] = [];
      await world.reader().getMutable(name, "settings", { onEvent: ({ stage }) => stages.push(stage) });
      expect(stages).toEqual(["headers", "name", "profile", "record"]);
      stages.length = 0;
      await world.reader().getImmutable(name, contentKey(photo), { onEvent: ({ stage }) => stages.push(stage) });
      expect(stages).toEqual(["headers", "name", "profile", "object"]);
    });
  });

  it("U1: data is found under the profile's storage and at its entry's URLs, places that no caller configured", async () => {
    const [first, second] = world.stores;
    if (first === undefined || second === undefined) expect.fail("two stores");
    const [based, linked] = [utf8("under a base"), utf8("at a URL")];
    await world.putObject(based, [second]);
    await world.putObject(linked, [second]);
    const url = second.urlOf(objectPath(contentKey(linked))) ?? "";
    const [plain, withUrl] = [contentOf(based), contentOf(linked, { urls: [url] })];
    const storage = [second.publicBaseUrl ?? ""];
    const entries = [immutableEntry(contentKey(based), plain), immutableEntry(contentKey(linked), withUrl)];
    await world.register("based", await world.putProfile("based", { storage, entries }, [first]));
    await world.register("linked", await world.putProfile("linked", { entries }, [first]));
    const reader = world.reader({ storage: [first] });
    expect(await reader.getImmutable("based", contentKey(based))).toMatchObject({ found: true, data: based });
    expect(await reader.getImmutable("linked", contentKey(linked))).toMatchObject({ found: true, data: linked });
    await expectCode("CONTENT_UNAVAILABLE", reader.getImmutable("linked", contentKey(based)));
    // A loopback address, which no URL out of a profile may lead to unless the caller allows it.
    const strict = world.reader({ storage: [first], allowHosts: [] });
    const refused = await expectCode("CONTENT_UNAVAILABLE", strict.getImmutable("based", contentKey(based)));
    expect(refused.details.attempts.map(({ code }) => code)).toEqual(["absent", "NETWORK_HOST_REFUSED"]);
  });

  it("C7: a name whose seal was spent by accident still resolves, marked", async () => {
    const { name } = await world.registerWithRecord("accident");
    const txid = await world.spendSeal(name);
    expect(await world.reader().getMutable("accident", "settings")).toMatchObject({
      found: true,
      ver: 1,
      name: { status: "active", unsealed: { txid, height: world.devnet.height() }, pending: [] },
    });
  });

  describe("what is not there", () => {
    const everyRead = (name: string): readonly (() => Promise<{ found: boolean }>)[] => {
      const reader = world.reader();
      return [
        () => reader.getProfile(name),
        () => reader.getMutable(name, "settings"),
        () => reader.getImmutable(name, "00".repeat(32)),
        () => reader.list(name),
      ];
    };

    it("P6: a name that nobody registered is no-name in every read", async () => {
      const reads = everyRead("nobody");
      const name = { status: "free", tenure: null, ownerScript: null, ownerKey: null, profileHash: null };
      expect(await world.reader().getName("nobody")).toMatchObject({ found: false, why: "no-name", name });
      for (const read of reads) {
        const result = await read();
        expect(Object.keys(result).sort()).toEqual(["asOf", "found", "from", "name", "why"]);
        expect(result).toMatchObject({ found: false, why: "no-name", name, asOf: { partial: false } });
      }
    });

    it("C10: a name without profile is no-profile, and getName finds it", async () => {
      const { tenure } = await world.register("bare");
      expect(await world.reader().getName("bare")).toMatchObject({ found: true, name: { profileHash: null, tenure } });
      for (const read of everyRead("bare")) {
        expect(await read()).toMatchObject({ found: false, why: "no-profile", name: { tenure } });
      }
    });

    it("P6: an id and a key that the index does not hold are not-in-index, whatever lies on storage", async () => {
      const known = await world.register("sparse", await world.putProfile("sparse", { entries: manyEntries(40) }));
      const bytes = utf8("not listed");
      await world.putObject(bytes);
      await world.putRecord(known, routeOf("other"), { ver: 1, data: "not listed" });
      const reader = world.reader();
      const absent = { found: false, why: "not-in-index", name: { tenure: known.tenure } };
      expect(await reader.getMutable("sparse", "other")).toMatchObject(absent);
      expect(await reader.getImmutable("sparse", contentKey(bytes))).toMatchObject(absent);
      // The same in a reader that has the profile and the nodes cached.
      expect(await reader.getMutable("sparse", "other")).toMatchObject(absent);
    });

    it("C9: a released name is no-name, with the height at which it becomes free", async () => {
      const { name } = await world.registerWithRecord("gone");
      const reader = world.reader();
      expect(await reader.getMutable("gone", "settings")).toMatchObject({ found: true });
      await world.release(name);
      const height = world.devnet.height();
      expect(await reader.getMutable("gone", "settings")).toMatchObject({
        found: false,
        why: "no-name",
        name: { status: "released", profileHash: null, changesAtHeight: height + networks.regtest.cooldownBlocks },
      });
    });

    it("C9: a name in grace still resolves, marked; later it is no-name", async () => {
      await using own = await ReaderWorld.start();
      await own.registerWithRecord("late");
      const registered = own.devnet.height();
      const { termBlocks, graceBlocks } = networks.regtest;
      const reader = own.reader();
      await own.devnet.mine(termBlocks);
      expect(await reader.getMutable("late", "settings")).toMatchObject({ found: true, name: { status: "active" } });
      await own.devnet.mine(1);
      expect(own.devnet.height()).toBe(registered + termBlocks + 1);
      expect(await reader.getMutable("late", "settings")).toMatchObject({ found: true, name: { status: "grace" } });
      await own.devnet.mine(graceBlocks);
      expect(await reader.getMutable("late", "settings")).toMatchObject({ found: false, why: "no-name" });
    });

    it("V6: an operation that is not deep enough is pending, in absence too", async () => {
      const name = await world.register("shallow");
      const txid = await world.update(name, await world.putProfile("shallow"));
      const reader = world.reader({ minConfirmations: 2 });
      expect(await reader.getProfile("shallow")).toMatchObject({
        found: false,
        why: "no-profile",
        name: { pending: [{ txid, kind: "update", height: world.devnet.height() }] },
        asOf: { height: world.devnet.height() - 1, tipHeight: world.devnet.height() },
      });
      expect(await world.reader().getProfile("shallow")).toMatchObject({ found: true, name: { pending: [] } });
    });
  });

  it("reads what a writer of this library wrote", async () => {
    const { writer } = await world.devnet.fundedWriter();
    await writer.registerName("written");
    await writer.putMutable("written", "settings", utf8("one"));
    await writer.putMutable("written", "settings", utf8("two"));
    const { key } = await writer.putImmutable("written", utf8("photo"), { fileName: "p.txt" });
    const reader = world.reader();
    expect(await reader.getMutable("written", "settings")).toMatchObject({ found: true, ver: 2, data: utf8("two") });
    expect(await reader.getImmutable("written", key)).toMatchObject({ found: true, data: utf8("photo") });
    const listed = await reader.list("written");
    if (!listed.found) expect.fail("not found");
    expect((await collect(listed.entries)).sort()).toEqual([`i:${key}`, "m:settings"]);
  });

  it("two reads at once, of one name and of two, each get their own answer", async () => {
    await world.registerWithRecord("left");
    const { name, route } = await world.registerWithRecord("right");
    await world.putRecord(name, route, { ver: 5, data: "five" });
    const reader = world.reader();
    const reads = await Promise.all([
      reader.getMutable("left", "settings"),
      reader.getMutable("right", "settings"),
      reader.getMutable("right", "settings"),
      reader.getName("nobody"),
      reader.getMutable("left", "missing"),
    ]);
    expect(reads.map((read) => ("ver" in read ? read.ver : null))).toEqual([1, 5, 5, null, null]);
    expect(reads[3]).toMatchObject({ why: "no-name" });
    expect(reads[4]).toMatchObject({ why: "not-in-index" });
    expect(reads.every(({ asOf }) => asOf.height === world.devnet.height())).toBe(true);
  });
});
