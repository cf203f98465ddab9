import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import * as secp from "@noble/secp256k1";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { lmdbCache } from "../../src/cache/lmdb.js";
import { memoryCache } from "../../src/cache/memory.js";
import { exportFloors, importFloors } from "../../src/client/floors.js";
import { contentKey } from "../../src/immutable/key.js";
import type { Reader, ReaderOptions } from "../../src/index.js";
import { encodeRecord, parseRecord } from "../../src/mutable/record.js";
import { immutableEntry, mutableEntry, type Route } from "../../src/profile/entry.js";
import { diskStorage } from "../../src/storage/disk.js";
import { contentOf, ReaderWorld, recordPathOf, routeOf, type TestName } from "../unit/client/reader-world.js";
import { TestKey } from "../unit/devnet/wallet.js";
import { expectCode } from "../unit/storage/expect-code.js";
import { serve } from "../unit/storage/serve.js";

// What the reader of the first client of this kind got wrong, each as its user would meet it.

const ID = "settings";
const stranger = new TestKey("stranger");
let world: ReaderWorld;
let directory: string;
let names = 0;

beforeAll(async () => {
  world = await ReaderWorld.start();
  directory = await mkdtemp(join(tmpdir(), "hawser-lineage-"));
});
afterAll(async () => {
  await world.close();
  await rm(directory, { recursive: true });
});
afterEach(() => {
  for (const store of [0, 1]) world.devnet.tamper({ store, how: "honest" });
});

/** A name of its own with version 1 of its settings ("one") at both stores. */
const fresh = (changes: Partial<Route> = {}): Promise<{ name: TestName; route: Route }> =>
  world.registerWithRecord(`name-${++names}`, changes);

/** Makes every store, or one, serve these bytes as a record. */
async function plant(name: TestName, route: Route, body: Uint8Array, stores = world.stores): Promise<void> {
  for (const store of stores) await store.write(recordPathOf(name, route), body, { kind: "record" });
}

const get = ({ name }: TestName, options: Partial<ReaderOptions> = {}, id = ID) =>
  world.reader(options).getMutable(name, id);

/** Version and text of what a read gave, and what it said of each replica. */
async function told(name: TestName, options: Partial<ReaderOptions> = {}): Promise<readonly unknown[]> {
  const found = await get(name, options);
  if (!found.found) expect.fail("not found");
  return [found.ver, new TextDecoder().decode(found.data), ...found.replicas.map(({ verdict }) => verdict)];
}

it("lineage 1: a record of another id, name or registration by the same key is not taken for the one asked for", async () => {
  const { name, route } = await fresh();
  const { name: other } = await fresh();
  const elsewhere = [
    world.sign(other, route, { ver: 9, data: "of another name", tenure: name.tenure }),
    world.sign(name, route, { ver: 9, data: "of another registration", tenure: other.tenure }),
    world.sign(name, route, { ver: 9, data: "of another id", id: "sittings" }),
  ];
  const { data, ver, sig } = parseRecord(elsewhere[2] ?? new Uint8Array());
  for (const body of [...elsewhere, encodeRecord({ id: ID, data, ver, sig })]) {
    await plant(name, route, body);
    await expectCode("RECORD_UNVERIFIED", get(name));
  }
});

it("lineage 2: a route without key is verified with the profile's key, else the owner's, and is never unverified", async () => {
  const profileKey = new TestKey("profile");
  const route = routeOf(ID);
  const entries = [mutableEntry(route)];
  const pubkey = Buffer.from(profileKey.publicKey.slice(1)).toString("hex");
  const withKey = await world.register("keyed", await world.putProfile("keyed", { pubkey, entries }));
  const { name: plain } = await fresh();
  for (const [name, key] of [
    [withKey, profileKey],
    [plain, world.key],
  ] as const) {
    await plant(name, route, world.sign(name, route, { ver: 2, data: "forged", key: stranger }));
    await expectCode("RECORD_UNVERIFIED", get(name));
    await plant(name, route, world.sign(name, route, { ver: 2, data: "good", key }));
    expect((await told(name))[1]).toBe("good");
  }
  // The key of an owner who is a hash is not known until they act (C11).
  const hash = await world.putProfile(plain.name, { entries });
  await world.transfer(plain, new TestKey("heir").p2wpkh, hash);
  await expectCode("ROUTE_NO_KEY", get(plain));
});

it("lineage 3: data that lies at the provider under its right hash is not served unless the name lists it", async () => {
  const [listed, unlisted] = [utf8("listed"), utf8("unlisted")];
  for (const bytes of [listed, unlisted]) await world.putObject(bytes);
  const entries = [immutableEntry(contentKey(listed), contentOf(listed))];
  await world.register("lister", await world.putProfile("lister", { entries }));
  const reader = world.reader();
  expect(await reader.getImmutable("lister", contentKey(listed))).toMatchObject({ found: true, data: listed });
  const missing = await reader.getImmutable("lister", contentKey(unlisted));
  expect(missing).toMatchObject({ found: false, why: "not-in-index" });
});

it("lineage 4: a signature on id foo1 version 2 does not hold for id foo version 12", async () => {
  const [foo, foo1] = [routeOf("foo"), routeOf("foo1")];
  const hash = await world.putProfile("bounds", { entries: [mutableEntry(foo), mutableEntry(foo1)] });
  const name = await world.register("bounds", hash);
  await world.putRecord(name, foo1, { ver: 2, data: "x" });
  expect(await get(name, {}, "foo1")).toMatchObject({ found: true, ver: 2 });
  const { data, sig } = parseRecord(world.sign(name, foo1, { ver: 2, data: "x" }));
  await plant(name, foo, encodeRecord({ id: "foo", data, ver: 12, sig }));
  await expectCode("RECORD_UNVERIFIED", get(name, {}, "foo"));
});

it("lineage 5: a lagging replica in front is no stale read", async () => {
  const { name, route } = await fresh();
  const cache = memoryCache();
  await world.putRecord(name, route, { ver: 2, data: "two" }, world.stores.slice(1));
  // The second time the cache knows that the first store is behind.
  for (let i = 0; i < 2; i++) expect(await told(name, { cache })).toEqual([2, "two", "behind", "fresh"]);
});

it("lineage 6: a high version of one name makes no other name's record stale", async () => {
  const [{ name, route }, { name: other }] = [await fresh(), await fresh()];
  const cache = memoryCache();
  await world.putRecord(name, route, { ver: 10, data: "ten" });
  expect((await told(name, { cache }))[0]).toBe(10);
  expect((await told(other, { cache }))[0]).toBe(1);
});

it("lineage 7: an id is no path: one with dots leaves no directory, one with slashes loses no floor", async () => {
  const reader = world.reader();
  const ids = ["../escaped", "a/../../b", "..", "a//b", "/etc/passwd", "a\\b", "A", "a/./b", "x.json"];
  for (const id of ids) await expectCode("INPUT_ID_INVALID", reader.getMutable("any", id));
  const routes = ["feeds/latest", "feeds.latest", "feeds-latest", "con"].map((id) => routeOf(id));
  const name = await world.register("paths", await world.putProfile("paths", { entries: routes.map(mutableEntry) }));
  const root = join(directory, "store");
  const disk = diskStorage(root);
  const storage = [...world.stores, disk];
  const open = (): Reader => world.reader({ cache: lmdbCache(join(directory, "paths")), storage });
  const newer = routes.map((route) => ({ route, body: world.sign(name, route, { ver: 2, data: route.id }) }));
  for (const { route, body } of newer) await plant(name, route, body, [disk]);
  const first = open();
  for (const { id } of routes) expect(await first.getMutable("paths", id)).toMatchObject({ data: utf8(id), ver: 2 });
  await first.close();
  const files = await readdir(directory, { recursive: true });
  expect(files.filter((file) => file.endsWith(".json"))).toHaveLength(routes.length);
  expect(files.filter((file) => file.endsWith(".json") && !file.startsWith("store/records/"))).toEqual([]);
  // The next program knows all four floors.
  const second = open();
  for (const route of routes) {
    await plant(name, route, world.sign(name, route, { ver: 1, data: "old" }), [disk]);
    await expectCode("RECORD_STALE", second.getMutable("paths", route.id));
  }
  await second.close();
});

it("lineage 11: quotes inject nothing, numbers stay numbers, and no twin of a signature verifies", async () => {
  const { name, route } = await fresh();
  const injecting = '","ver":99,"id":"settings","x":"\\u0022é';
  const good = await world.putRecord(name, route, { ver: 2, data: injecting });
  expect((await told(name)).slice(0, 2)).toEqual([2, injecting]);
  const text = new TextDecoder().decode(good);
  const altered = [
    text.replace('"ver":2', '"ver":"2"'),
    text.replace('"ver":2', '"ver":9,"ver":2'),
    text.replace('"ver":2', '"ver":2.0'),
    text.replace('"ver":2', '"ver":2,"pubkey":""'),
    text.replace('"id":"settings"', '"id":"settings\\u0000"'),
  ];
  for (const body of altered) {
    expect(body).not.toBe(text);
    await plant(name, route, utf8(body));
    await expectCode("RECORD_UNVERIFIED", get(name));
  }
  const record = parseRecord(good);
  const { n, p } = secp.Point.CURVE();
  const [r, s] = [BigInt(`0x${record.sig.slice(0, 64)}`), BigInt(`0x${record.sig.slice(64)}`)];
  const hex = (value: bigint): string => (value % (1n << 256n)).toString(16).padStart(64, "0");
  for (const sig of [hex(r) + hex(n - s), hex(r) + hex(s + n), hex(p - r) + hex(s), hex(r + p) + hex(s)]) {
    await plant(name, route, encodeRecord({ ...record, sig }));
    await expectCode("RECORD_UNVERIFIED", get(name));
  }
});

it("lineage 13: a URL of a route opens no file and no private host, and is taken with its whole path", async () => {
  const secret = join(directory, "secret.json");
  const inside = await serve((_, response) => void response.end("{}"));
  try {
    const [base = ""] = world.devnet.storeUrls;
    const urls = [pathToFileURL(secret).href, `${inside.url}/record.json`, `${base}/a/b/settings.json`];
    const { name, route } = await fresh({ urls });
    const body = world.sign(name, route, { ver: 7, data: "seven" });
    await writeFile(secret, body);
    // What lies at the end of the path alone is not what was named.
    await fetch(`${base}/settings.json`, { method: "PUT", body: new Uint8Array(body) });
    expect((await told(name)).slice(0, 2)).toEqual([1, "one"]);
    expect(inside.seen).toEqual([]);
    await fetch(`${base}/a/b/settings.json`, { method: "PUT", body: new Uint8Array(body) });
    expect((await told(name)).slice(0, 2)).toEqual([7, "seven"]);
  } finally {
    await inside.close();
  }
});

it("lineage 15: a first reader has the anchored floor, a new device the old one's, and outages are told from forgeries", async () => {
  const anchored = await fresh({ minVer: 2 });
  await expectCode("RECORD_STALE", get(anchored.name));
  const { name, route } = await fresh();
  const old = world.sign(name, route, { ver: 1, data: "one" });
  await world.putRecord(name, route, { ver: 2, data: "two" });
  const phone = world.reader();
  await phone.getMutable(name.name, ID);
  await plant(name, route, old);
  const laptop = world.reader();
  await importFloors(laptop, await exportFloors(phone));
  await expectCode("RECORD_STALE", laptop.getMutable(name.name, ID));
  await plant(name, route, world.sign(name, route, { ver: 3, data: "three", key: stranger }));
  await expectCode("RECORD_UNVERIFIED", get(name));
  // The profile is known, so that the record alone is out of reach.
  const cache = memoryCache();
  await world.reader({ cache }).getProfile(name.name);
  for (const store of [0, 1]) world.devnet.tamper({ store, how: "down" });
  await expectCode("RECORD_UNAVAILABLE", get(name, { cache }));
});

it("lineage v0.0.13: a floor is found again where it was saved, also by the next program", async () => {
  const { name, route } = await fresh();
  const open = (): Reader => world.reader({ cache: lmdbCache(join(directory, "floors")) });
  const old = world.sign(name, route, { ver: 1, data: "one" });
  await world.putRecord(name, route, { ver: 2, data: "two" });
  for (const code of [null, "RECORD_STALE"] as const) {
    const reader = open();
    if (code === null) expect(await reader.getMutable(name.name, ID)).toMatchObject({ ver: 2 });
    await plant(name, route, old);
    await expectCode("RECORD_STALE", reader.getMutable(name.name, ID));
    await reader.close();
  }
});

it("lineage v0.17: the version that is returned and kept is the winner's, not that of the last replica", async () => {
  const { name, route } = await fresh();
  const cache = memoryCache();
  await world.putRecord(name, route, { ver: 2, data: "two" }, world.stores.slice(0, 1));
  expect(await told(name, { cache })).toEqual([2, "two", "fresh", "behind"]);
  world.devnet.tamper({ store: 0, how: "down" });
  await expectCode("RECORD_STALE", get(name, { cache }));
});
