import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { encodeHex } from "../../../src/bytes/hex.js";
import { sha256 } from "../../../src/crypto/hash.js";
import { contentKey } from "../../../src/immutable/key.js";
import type { IndexEntry } from "../../../src/index.js";
import { immutableEntry, mutableEntry } from "../../../src/profile/entry.js";
import { encodeNode } from "../../../src/profile/index-node.js";
import { encodeProfile } from "../../../src/profile/profile.js";
import { objectPath } from "../../../src/route/layout.js";
import { TestKey } from "../devnet/wallet.js";
import { expectCode } from "../storage/expect-code.js";
import { contentOf, manyEntries, profileOf, ReaderWorld, routeOf } from "./reader-world.js";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

async function collect(entries: AsyncIterable<IndexEntry>): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of entries) keys.push(key);
  return keys;
}

describe("reader: what cannot be had, and what is wrong", () => {
  let world: ReaderWorld;
  beforeAll(async () => {
    world = await ReaderWorld.start();
  });
  afterAll(() => world.close());

  const labels = (): readonly string[] => world.devnet.storeUrls.map((url) => new URL(url).host);

  it("P6: an anchored profile that nobody serves is PROFILE_UNAVAILABLE, though the one before is cached", async () => {
    const { name, route } = await world.registerWithRecord("moved");
    const reader = world.reader();
    expect(await reader.getMutable("moved", "settings")).toMatchObject({ found: true });
    const next = encodeProfile(profileOf("moved", { about: { next: 1 } }));
    const hash = encodeHex(sha256(next));
    await world.update(name, sha256(next));
    await world.putRecord(name, route, { ver: 2, data: "two" });
    for (const read of [
      () => reader.getProfile("moved"),
      () => reader.getMutable("moved", "settings"),
      () => reader.getImmutable("moved", "00".repeat(32)),
      () => reader.list("moved"),
    ]) {
      const error = await expectCode("PROFILE_UNAVAILABLE", read);
      expect(error.details.profileHash).toBe(hash);
      expect(error.details.attempts).toEqual(
        labels().map((label) => ({ label, code: "absent", message: expect.any(String) })),
      );
    }
    expect(await reader.getName("moved")).toMatchObject({ found: true, name: { profileHash: hash } });
    await world.putObject(next);
    expect(await reader.getMutable("moved", "settings")).toMatchObject({ found: false, why: "not-in-index" });
  });

  it("P6: other bytes in place of the profile are never taken for it, nor kept", async () => {
    const hash = await world.putProfile("swapped", {}, []);
    await world.register("swapped", hash);
    const forged = encodeProfile(profileOf("swapped", { about: { forged: 1 } }));
    for (const store of world.stores) await store.write(objectPath(encodeHex(hash)), forged, { kind: "object" });
    const reader = world.reader();
    const error = await expectCode("PROFILE_UNAVAILABLE", reader.getProfile("swapped"));
    expect(error.details.attempts.map(({ label }) => label)).toEqual(labels());
    await world.putProfile("swapped");
    expect(await reader.getProfile("swapped")).toMatchObject({ found: true, profile: { about: {} } });
  });

  it.each<[string, (name: string) => Uint8Array]>([
    ["another name's", () => encodeProfile(profileOf("somebody-else"))],
    ["text", () => utf8("hello")],
    ["JSON in another form", (name) => utf8(text(encodeProfile(profileOf(name))).replace(":", ": "))],
    ["empty", () => new Uint8Array(0)],
  ])("P1, P5: an anchored profile that is %s is PROFILE_INVALID", async (what, make) => {
    const name = `bad-${contentKey(utf8(what)).slice(0, 8)}`;
    await world.register(name, await world.putObject(make(name)));
    const reader = world.reader();
    await expectCode("PROFILE_INVALID", reader.getProfile(name));
    await expectCode("PROFILE_INVALID", reader.getMutable(name, "settings"));
    await expectCode("PROFILE_INVALID", reader.list(name));
  });

  it("P5: a profile of a later version is PROFILE_UNSUPPORTED", async () => {
    const bytes = utf8(text(encodeProfile(profileOf("newer"))).replace('"hawser":1', '"hawser":2'));
    await world.register("newer", await world.putObject(bytes));
    await expectCode("PROFILE_UNSUPPORTED", world.reader().getProfile("newer"));
  });

  it("P1: a profile above 256 KiB is not read to its end", async () => {
    const hash = await world.putObject(new Uint8Array(256 * 1024 + 1).fill(0x20));
    await world.register("huge", hash);
    const error = await expectCode("PROFILE_UNAVAILABLE", world.reader().getProfile("huge"));
    expect(error.details.attempts.map(({ code }) => code)).toEqual(["NETWORK_TOO_LARGE", "NETWORK_TOO_LARGE"]);
  });

  it("P6: an index node that nobody serves is INDEX_UNAVAILABLE, never absence", async () => {
    const entries = [...manyEntries(40), mutableEntry(routeOf("settings"))];
    const hash = await world.putProfile("holes", { entries });
    await world.register("holes", hash);
    const reader = world.reader();
    const profile = await reader.getProfile("holes");
    if (!profile.found || !("children" in profile.profile.index)) expect.fail("expected an inner node");
    const children = profile.profile.index.children.filter((child) => child !== null);
    for (const child of children) for (const store of world.stores) await store.remove(objectPath(child));
    const error = await expectCode("INDEX_UNAVAILABLE", reader.getMutable("holes", "settings"));
    expect(children).toContain(error.details.hash);
    expect(error.details.attempts.map(({ label }) => label)).toEqual(labels());
    await expectCode("INDEX_UNAVAILABLE", reader.getImmutable("holes", "00".repeat(32)));
    const listed = await reader.list("holes");
    if (!listed.found) expect.fail("not found");
    await expectCode("INDEX_UNAVAILABLE", collect(listed.entries));
  });

  it("P5: an index node off its path is INDEX_INVALID", async () => {
    const node = encodeNode({ entries: [mutableEntry(routeOf("settings"))] }, "");
    const child = encodeHex(await world.putObject(node));
    const index = { children: Array.from({ length: 16 }, () => child) };
    await world.register("crooked", await world.putObject(encodeProfile(profileOf("crooked", { index }))));
    const reader = world.reader();
    await expectCode("INDEX_INVALID", reader.getMutable("crooked", "elsewhere"));
    const listed = await reader.list("crooked");
    if (!listed.found) expect.fail("not found");
    await expectCode("INDEX_INVALID", collect(listed.entries));
  });

  it("I2: CONTENT_UNAVAILABLE where no replica answers, CONTENT_UNVERIFIED where one answers with other bytes", async () => {
    const bytes = utf8("precious");
    const key = contentKey(bytes);
    const hash = await world.putProfile("keeper", { entries: [immutableEntry(key, contentOf(bytes))] });
    await world.register("keeper", hash);
    const reader = world.reader();
    const missing = await expectCode("CONTENT_UNAVAILABLE", reader.getImmutable("keeper", key));
    expect(missing.details).toEqual({
      key,
      attempts: labels().map((label) => ({ label, code: "absent", message: expect.any(String) })),
    });
    const [first, second] = world.stores;
    if (first === undefined || second === undefined) expect.fail("two stores");
    await first.write(objectPath(key), utf8("other bytes"), { kind: "object" });
    const wrong = await expectCode("CONTENT_UNVERIFIED", reader.getImmutable("keeper", key));
    expect(wrong.details.attempts.map(({ label }) => label)).toEqual(labels());
    await second.write(objectPath(key), bytes, { kind: "object" });
    const found = await reader.getImmutable("keeper", key);
    if (!found.found) expect.fail("not found");
    expect(text(found.data)).toBe("precious");
    expect(found.attempts.map(({ label }) => label)).toEqual([labels()[0]]);
  });

  it("M2: ROUTE_NO_KEY where neither route, profile nor owner gives a key; with the route's key it is read", async () => {
    const name = await world.register("keyless");
    const plain = routeOf("settings");
    const keyed = routeOf("keyed", { pubkey: encodeHex(world.key.p2tr.subarray(2)) });
    const hash = await world.putProfile("keyless", { entries: [mutableEntry(plain), mutableEntry(keyed)] });
    await world.transfer(name, new TestKey("heir").p2wpkh, hash);
    await world.putRecord(name, plain, { ver: 1, data: "unsigned" });
    await world.putRecord(name, keyed, { ver: 1, data: "signed" });
    const reader = world.reader();
    const error = await expectCode("ROUTE_NO_KEY", reader.getMutable("keyless", "settings"));
    expect(error.details).toEqual({ id: "settings" });
    expect(await reader.getMutable("keyless", "keyed")).toMatchObject({ found: true, data: utf8("signed") });
  });

  it("M2: the route's key goes before the profile's and that before the owner's", async () => {
    const [profileKey, routeKey] = [new TestKey("profile"), new TestKey("route")];
    const pubkey = (key: TestKey): string => encodeHex(key.p2tr.subarray(2));
    const [plain, keyed] = [routeOf("plain"), routeOf("keyed", { pubkey: pubkey(routeKey) })];
    const entries = [mutableEntry(plain), mutableEntry(keyed)];
    const name = await world.register("keys", await world.putProfile("keys", { pubkey: pubkey(profileKey), entries }));
    const reader = world.reader();
    for (const route of [plain, keyed]) await world.putRecord(name, route, { ver: 1, data: "by the owner" });
    await expectCode("RECORD_UNVERIFIED", reader.getMutable("keys", "plain"));
    await expectCode("RECORD_UNVERIFIED", reader.getMutable("keys", "keyed"));
    await world.putRecord(name, plain, { ver: 1, data: "p", key: profileKey });
    await world.putRecord(name, keyed, { ver: 1, data: "p", key: profileKey });
    expect(await reader.getMutable("keys", "plain")).toMatchObject({ found: true, data: utf8("p") });
    await expectCode("RECORD_UNVERIFIED", reader.getMutable("keys", "keyed"));
    await world.putRecord(name, keyed, { ver: 1, data: "r", key: routeKey });
    expect(await reader.getMutable("keys", "keyed")).toMatchObject({ found: true, data: utf8("r") });
  });

  it("M6: a route with an epoch above its operation's height is ROUTE_EPOCH_INVALID, that route alone", async () => {
    const name = await world.register("thief");
    const height = world.devnet.height() + 1;
    const [reachable, beyond] = [routeOf("a", { epoch: height }), routeOf("b", { epoch: height + 1 })];
    const entries = [mutableEntry(reachable), mutableEntry(beyond)];
    await world.update(name, await world.putProfile("thief", { entries }));
    for (const route of [reachable, beyond]) await world.putRecord(name, route, { ver: 1, data: "one" });
    await world.devnet.mine(3);
    const reader = world.reader();
    const error = await expectCode("ROUTE_EPOCH_INVALID", reader.getMutable("thief", "b"));
    expect(error.details).toEqual({ id: "b", epoch: height + 1, height });
    // Also when the early question has read the same record already.
    await expectCode("ROUTE_EPOCH_INVALID", reader.getMutable("thief", "b"));
    expect(await reader.getMutable("thief", "a")).toMatchObject({ found: true });
  });

  it("P4: an entry of the wrong kind under a key is refused", async () => {
    const route = routeOf("settings");
    // No encoder makes such an index; a reader refuses its bytes before anything is looked up.
    const bytes = text(encodeProfile(profileOf("mixed", { index: { entries: [mutableEntry(route)] } })));
    await world.register("mixed", await world.putObject(utf8(bytes.replace('"m:settings"', '"i:settings"'))));
    await expectCode("PROFILE_INVALID", world.reader().getMutable("mixed", "settings"));
  });

  it("all sources down is CHAIN_UNAVAILABLE with what each said, also with everything cached", async () => {
    await world.registerWithRecord("offline");
    const reader = world.reader();
    expect(await reader.getMutable("offline", "settings")).toMatchObject({ found: true });
    try {
      for (const source of [0, 1]) world.devnet.tamper({ source, how: "down" });
      const error = await expectCode("CHAIN_UNAVAILABLE", reader.getMutable("offline", "settings"));
      expect(error.details).toMatchObject({ needed: 2, answered: 0 });
      expect(error.details.attempts).toHaveLength(2);
      world.devnet.tamper({ source: 0, how: "honest" });
      await expectCode("CHAIN_UNAVAILABLE", reader.getMutable("offline", "settings"));
      const single = world.reader({ minSources: 1 });
      expect(await single.getMutable("offline", "settings")).toMatchObject({ found: true, asOf: { partial: true } });
      await expectCode("CHAIN_UNAVAILABLE", single.getName("offline", { requireAllSources: true }));
    } finally {
      for (const source of [0, 1]) world.devnet.tamper({ source, how: "honest" });
    }
    expect(await reader.getMutable("offline", "settings")).toMatchObject({ found: true, asOf: { partial: false } });
  });
});
