import * as secp from "@noble/secp256k1";
import { describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { decodeHex, encodeHex } from "../../src/bytes/hex.js";
import { memoryCache } from "../../src/cache/memory.js";
import { networks } from "../../src/chain/network.js";
import { type GetObjectInput, getObject } from "../../src/immutable/get.js";
import { contentKey } from "../../src/immutable/key.js";
import { floorKey } from "../../src/mutable/floor.js";
import { readFloor } from "../../src/mutable/floor-cache.js";
import { type GetRecordInput, getRecord } from "../../src/mutable/get.js";
import { type PutRecordInput, putRecord } from "../../src/mutable/put.js";
import { encodeRecord, parseRecord, recordDigest } from "../../src/mutable/record.js";
import { signedKey } from "../../src/mutable/reserve.js";
import type { StorageProvider, StorageReader } from "../../src/ports.js";
import { immutableEntry, immutableKey } from "../../src/profile/entry.js";
import { emptyIndex } from "../../src/profile/index-node.js";
import { changeIndex, getEntry } from "../../src/profile/index-tree.js";
import { ReadBudget } from "../../src/route/budget.js";
import { requireEffectiveKey } from "../../src/route/route.js";
import { memoryStorage } from "../../src/storage/memory.js";
import { FakeClock } from "../unit/fake-clock.js";
import {
  context,
  errorOf,
  rejectionOf,
  routeWith,
  type SignedOptions,
  signed,
  stranger,
  writer,
} from "../unit/mutable/world.js";
import { fails, serves, wrapped } from "../unit/route/places.js";

/** A read of alice's settings from these places, with an empty cache unless one is given. */
function get(storage: readonly StorageReader[], changes: Partial<GetRecordInput> = {}) {
  const clock = new FakeClock();
  return getRecord({
    context,
    publicKey: writer.publicKey,
    route: routeWith(),
    storage,
    urlReader: null,
    cache: memoryCache(),
    clock,
    budget: new ReadBudget({ clock }),
    ...changes,
  });
}

function put(storage: readonly StorageProvider[], data: string, changes: Partial<PutRecordInput> = {}) {
  return putRecord({
    context,
    publicKey: writer.publicKey,
    route: routeWith(),
    signer: writer,
    data: utf8(data),
    storage,
    urlReader: null,
    cache: memoryCache(),
    clock: new FakeClock(),
    ...changes,
  });
}

const unwritable = (): StorageProvider =>
  wrapped(memoryStorage({ label: "down" }), { write: () => Promise.reject(new Error("503")) });

describe("lineage defect 1: identity not compared", () => {
  const elsewhere: readonly (readonly [string, SignedOptions["context"]])[] = [
    ["id", { id: "other" }],
    ["name", { name: "bob" }],
    ["network", { network: networks.mainnet }],
    ["tenure", { tenure: "2f".repeat(32) }],
  ];
  it.each(elsewhere)("M4: a record of another %s by the same key is not this one", async (_, where) => {
    await rejectionOf("RECORD_UNVERIFIED", get([serves("a", signed(9, "x", { context: where ?? {} }))]));
  });

  it("M4: a record of another id is not this one when the id in its body is put right", async () => {
    // The second has the length of the id that is asked for.
    for (const id of ["other", "sittings"]) {
      const { data, ver, sig } = parseRecord(signed(9, "x", { context: { id } }));
      await rejectionOf("RECORD_UNVERIFIED", get([serves("a", encodeRecord({ id: "settings", data, ver, sig }))]));
    }
  });
});

describe("lineage defect 2: no key, no check", () => {
  it("M2: a route without a key falls back to the profile's, then the owner's, and without any to an error", () => {
    const route = { id: "settings", pubkey: null };
    const profileKey = encodeHex(stranger.publicKey);
    expect(requireEffectiveKey(route, { pubkey: profileKey }, writer.publicKey)).toEqual(stranger.publicKey);
    expect(requireEffectiveKey(route, { pubkey: null }, writer.publicKey)).toEqual(writer.publicKey);
    errorOf("ROUTE_NO_KEY", () => requireEffectiveKey(route, { pubkey: null }, null));
  });

  it("M2: an empty key verifies nothing", async () => {
    await rejectionOf("RECORD_UNVERIFIED", get([serves("a", signed(1, "x"))], { publicKey: new Uint8Array() }));
  });
});

describe("lineage defect 3: membership check commented out", () => {
  const load = () => Promise.reject(new Error("no node is needed"));

  it("I2: an object is read with the entry of the name's index, which only a listed key has", async () => {
    const data = utf8("listed");
    const key = contentKey(data);
    const entry = immutableEntry(key, { size: data.length, type: null, name: null, urls: null });
    const { root } = await changeIndex(emptyIndex, [{ key: immutableKey(key), entry }], load);
    const unlisted = contentKey(utf8("unlisted"));
    expect((await getEntry(root, immutableKey(unlisted), load)).entry).toBeNull();
    const listed = (await getEntry(root, immutableKey(key), load)).entry;
    if (listed?.kind !== "immutable") throw new Error("the key is not in the index");
    const clock = new FakeClock();
    const input: GetObjectInput = {
      key,
      content: listed.content,
      storage: [serves("a", data)],
      urlReader: null,
      bases: [],
      clock,
      budget: new ReadBudget({ clock }),
    };
    expect((await getObject(input)).bytes).toEqual(data);
  });
});

describe("lineage defect 4: ambiguous signed bytes", () => {
  it("M4: id foo1 version 2 and id foo version 12 sign different bytes", () => {
    const digest = (id: string, ver: number) => encodeHex(recordDigest({ ...context, id }, ver, utf8("x")));
    expect(digest("foo1", 2)).not.toBe(digest("foo", 12));
  });

  it("M4: no border between the fields can be moved", () => {
    const digests = [
      recordDigest({ ...context, id: "a" }, 1, utf8("bc")),
      recordDigest({ ...context, id: "ab" }, 1, utf8("c")),
      recordDigest({ ...context, name: "alic", id: "ea" }, 1, utf8("bc")),
      recordDigest({ ...context, id: "a", epoch: 0x0700 }, 1, utf8("bc")),
      recordDigest({ ...context, id: "a" }, 0x0100, utf8("bc")),
    ];
    expect(new Set(digests.map(encodeHex)).size).toBe(digests.length);
  });
});

describe("lineage defect 5: first replica wins", () => {
  it("M8: a lagging replica in front is only behind, also when the cache knows the newer version", async () => {
    const cache = memoryCache();
    const replicas = [serves("lagging", signed(3, "old")), serves("current", signed(4, "new"))];
    for (let i = 0; i < 2; i++) {
      const got = await get(replicas, { cache });
      expect(got.record.ver).toBe(4);
      expect(got.replicas.map(({ verdict }) => verdict)).toEqual(["behind", "fresh"]);
    }
  });

  it("M8: the version that is returned is the winner's, not that of the last replica that was looked at", async () => {
    const got = await get([serves("a", signed(4, "new")), serves("b", signed(3, "old"))]);
    expect(got.record.ver).toBe(4);
    expect(got.floor.ver).toBe(4);
  });
});

describe("lineage defect 6: floor keyed by id only", () => {
  it("M5: version 10 of one name, network or tenure does not make version 1 of another stale", async () => {
    const cache = memoryCache();
    await get([serves("a", signed(10, "x"))], { cache });
    for (const change of [{ name: "bob" }, { network: networks.signet }, { tenure: "2f".repeat(32) }]) {
      const body = signed(1, "y", { context: change });
      expect((await get([serves("a", body)], { cache, context: { ...context, ...change } })).record.ver).toBe(1);
    }
    await rejectionOf("RECORD_STALE", get([serves("a", signed(1, "y"))], { cache }));
  });

  it("M5: a floor is read under the key that it was written under", async () => {
    const cache = memoryCache();
    await get([serves("a", signed(10, "x"))], { cache });
    expect(await cache.keys("floor/")).toEqual([floorKey(context)]);
  });
});

describe("lineage defect 8: floor raised by a failed put", () => {
  it("M7: a put that failed does not raise the floor, nor do its retries", async () => {
    const cache = memoryCache();
    const provider = memoryStorage();
    await put([provider], "first", { cache });
    for (let i = 0; i < 3; i++) await rejectionOf("STORAGE_UNAVAILABLE", put([unwritable()], "second", { cache }));
    expect((await get([provider], { cache })).record.ver).toBe(1);
    expect((await put([provider], "second", { cache })).record.ver).toBe(2);
  });
});

describe("lineage defect 9: writer versions unchecked", () => {
  it("W5: a version cannot go backwards", async () => {
    const cache = memoryCache();
    const provider = memoryStorage();
    await put([provider], "x", { cache, version: 5 });
    await rejectionOf("CONFLICT_RECORD_MOVED", put([provider], "y", { cache, version: 4 }));
    await rejectionOf("CONFLICT_RECORD_MOVED", put([provider], "y", { version: 5 }));
    await rejectionOf("INPUT_INVALID", put([provider], "y", { nextVersion: () => 5 }));
  });

  it("W5: of two devices that write at once one is told, where the provider has conditions", async () => {
    const provider = memoryStorage();
    const outcomes = await Promise.allSettled([put([provider], "phone"), put([provider], "laptop")]);
    const rejected = outcomes.filter(({ status }) => status === "rejected") as PromiseRejectedResult[];
    expect(rejected).toHaveLength(1);
    expect(rejected[0]?.reason).toMatchObject({ code: "CONFLICT_RECORD_MOVED" });
  });

  it("M9: two devices that write at once without conditions make a fork, which the next put heals", async () => {
    const plain = [memoryStorage({ label: "a" }), memoryStorage({ label: "b" })].map((provider) =>
      wrapped(provider, { conditional: false }),
    );
    const [a, b] = plain;
    if (a === undefined || b === undefined) throw new Error("two providers are needed");
    await Promise.all([put([a], "phone"), put([b], "laptop")]);
    await rejectionOf("RECORD_FORKED", get(plain));
    await put(plain, "both");
    expect((await get(plain)).data).toEqual(utf8("both"));
  });
});

describe("lineage defect 10: wrong writer key accepted", () => {
  it("W5: a put with another key than the route's ends before anything is signed or stored", async () => {
    const provider = memoryStorage();
    const cache = memoryCache();
    await rejectionOf("ROUTE_KEY_MISMATCH", put([provider], "x", { signer: stranger, cache }));
    expect(await cache.get(signedKey(context))).toBeNull();
    await rejectionOf("RECORD_UNAVAILABLE", get([provider]));
  });
});

describe("lineage defect 11: canonical form breakable", () => {
  it("M3: a quote in an id injects nothing", () => {
    const { sig } = parseRecord(signed(1, "x"));
    errorOf("INPUT_ID_INVALID", () => encodeRecord({ id: 'a","ver":9,"x":"', data: utf8("x"), ver: 1, sig }));
  });

  it("M3: numbers are no strings, and strings no numbers", async () => {
    const text = new TextDecoder().decode(signed(1, "x"));
    await rejectionOf("RECORD_UNVERIFIED", get([serves("a", utf8(text.replace('"ver":1', '"ver":"1"')))]));
  });

  it("M4: a twin of a signature does not verify", async () => {
    const record = parseRecord(signed(1, "x"));
    const order = secp.Point.CURVE().n;
    const s = BigInt(`0x${record.sig.slice(64)}`);
    const field = secp.Point.CURVE().p;
    const r = BigInt(`0x${record.sig.slice(0, 64)}`);
    const hex = (value: bigint): string => (value % (1n << 256n)).toString(16).padStart(64, "0");
    const twins = [hex(r) + hex(order - s), hex(r) + hex(s + order), hex(field - r) + hex(s), hex(r + field) + hex(s)];
    for (const sig of twins) {
      expect(decodeHex(sig)).toHaveLength(64);
      await rejectionOf("RECORD_UNVERIFIED", get([serves("a", encodeRecord({ ...record, sig }))]));
    }
  });
});

describe("lineage defect 12: delete was weak", () => {
  it("M6: an old record revives nothing after its id was deleted and made anew, even for a first reader", async () => {
    const next = { ...context, epoch: 20 };
    const route = routeWith({ epoch: 20 });
    const old = serves("replays", signed(99, "earlier life"));
    await rejectionOf("RECORD_UNVERIFIED", get([old], { context: next, route }));
    const current = serves("current", signed(1, "new life", { context: next }));
    expect((await get([old, current], { context: next, route })).data).toEqual(utf8("new life"));
  });

  it("M5: the floor of an earlier life does not make the new one stale", async () => {
    const cache = memoryCache();
    await get([serves("a", signed(99, "earlier life"))], { cache });
    const next = { ...context, epoch: 20 };
    const current = serves("a", signed(1, "new life", { context: next }));
    expect((await get([current], { cache, context: next, route: routeWith({ epoch: 20 }) })).record.ver).toBe(1);
    expect(await readFloor(cache, floorKey(context))).toMatchObject({ epoch: 20, ver: 1 });
    await rejectionOf("RECORD_STALE", get([serves("a", signed(100, "earlier life"))], { cache }));
  });
});

describe("lineage defect 15: first contact and outages", () => {
  it("M5: the anchored floor protects a reader whose cache is lost", async () => {
    const route = routeWith({ minVer: 5 });
    await rejectionOf("RECORD_STALE", get([serves("a", signed(4, "old"))], { route }));
    expect((await get([serves("a", signed(5, "new"))], { route })).record.ver).toBe(5);
  });

  it("M8: an outage and tampering are two outcomes", async () => {
    await rejectionOf("RECORD_UNAVAILABLE", get([fails("a"), serves("b", null)]));
    await rejectionOf("RECORD_UNVERIFIED", get([fails("a"), serves("b", signed(1, "x", { signer: stranger }))]));
  });
});
