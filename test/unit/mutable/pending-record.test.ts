import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { encodeJson, isJsonObject, type Json, parseJson } from "../../../src/bytes/json.js";
import { memoryCache } from "../../../src/cache/memory.js";
import { checkedCache } from "../../../src/client/checked-cache.js";
import { floorKey } from "../../../src/mutable/floor.js";
import { raiseFloor } from "../../../src/mutable/floor-cache.js";
import {
  dropPending,
  keepPending,
  listPending,
  type PendingRecord,
  readPending,
} from "../../../src/mutable/pending-record.js";
import { putRecord } from "../../../src/mutable/put.js";
import { readSigned, reserveVersion, signedKey } from "../../../src/mutable/reserve.js";
import { resumeRecord } from "../../../src/mutable/resume-record.js";
import type { Cache } from "../../../src/ports.js";
import { memoryStorage } from "../../../src/storage/memory.js";
import { FakeClock } from "../fake-clock.js";
import { wrapped } from "../route/places.js";
import { context, digestOf, floorAt, routeWith, signed, writer } from "./world.js";

const PATH = "records/regtest/alice/settings@7.json";

const newCache = (): Cache => checkedCache(memoryCache());

const record: PendingRecord = {
  name: context.name,
  tenure: context.tenure,
  id: context.id,
  epoch: context.epoch,
  ver: 3,
  body: utf8("the exact bytes"),
  createdAtMs: 1_700_000_000_000,
};

async function keyIn(cache: Cache): Promise<string> {
  const [key, ...more] = await cache.keys("writing/");
  expect(more).toEqual([]);
  return key ?? "";
}

describe("W3: a record on its way", () => {
  it("is read as it was kept, by its id and epoch", async () => {
    const cache = newCache();
    await keepPending(cache, context, record);
    expect(await readPending(cache, context)).toEqual(record);
    expect(await readPending(cache, { ...context, epoch: context.epoch + 1 })).toBeNull();
    expect(await readPending(cache, { ...context, id: "other" })).toBeNull();
    expect(await readPending(cache, { ...context, tenure: "00".repeat(32) })).toBeNull();
  });

  it("is listed with its name's or with all, the oldest first", async () => {
    const cache = newCache();
    const later = { ...record, id: "a", createdAtMs: record.createdAtMs + 1 };
    await keepPending(cache, { ...context, id: "a" }, later);
    await keepPending(cache, context, record);
    expect(await listPending(cache, context.network.id)).toEqual([record, later]);
    expect(await listPending(cache, context.network.id, context.name)).toEqual([record, later]);
    expect(await listPending(cache, context.network.id, context.name.slice(0, -1))).toEqual([]);
    expect(await listPending(cache, "mainnet")).toEqual([]);
  });

  it("gives way to a newer version, and is dropped by its own alone", async () => {
    const cache = newCache();
    await keepPending(cache, context, record);
    await keepPending(cache, context, { ...record, ver: 4 });
    await dropPending(cache, context, 3);
    expect(await readPending(cache, context)).toMatchObject({ ver: 4 });
    await dropPending(cache, context, 4);
    expect(await cache.keys("writing/")).toEqual([]);
    await dropPending(cache, context, 4);
  });

  it("that is damaged is CACHE_CORRUPT, names its place and stays", async () => {
    const cache = newCache();
    await keepPending(cache, context, record);
    const key = await keyIn(cache);
    const good = parseJson((await cache.get(key)) ?? new Uint8Array(), { fail: (reason) => new Error(reason) });
    if (!isJsonObject(good)) throw new Error("no object");
    const damaged: readonly (Json | Uint8Array)[] = [
      new Uint8Array(),
      new Uint8Array([0xff]),
      utf8(encodeJson(good)).slice(0, -2),
      null,
      [],
      { ...good, v: 2 },
      ...["v", "name", "tenure", "id", "epoch", "ver", "body", "createdAtMs"].flatMap((member) => [
        { ...good, [member]: null },
        { ...good, [member]: typeof good[member] === "string" ? 1 : "x" },
      ]),
      { ...good, body: "not base64!" },
    ];
    for (const value of damaged) {
      const bytes = value instanceof Uint8Array ? value : utf8(encodeJson(value));
      await cache.update(key, () => ({ value: bytes, result: undefined }));
      const corrupt = { code: "CACHE_CORRUPT", details: { key } };
      await expect(readPending(cache, context)).rejects.toMatchObject(corrupt);
      await expect(listPending(cache, context.network.id)).rejects.toMatchObject(corrupt);
      await expect(dropPending(cache, context, 3)).rejects.toMatchObject(corrupt);
      expect(await cache.get(key)).toEqual(bytes);
    }
  });
});

describe("W3: a put that failed", () => {
  const input = (cache: Cache, data: string) => ({
    context,
    publicKey: writer.publicKey,
    route: routeWith(),
    signer: writer,
    data: utf8(data),
    urlReader: null,
    cache,
    clock: new FakeClock(),
  });
  const broken = () => [wrapped(memoryStorage(), { write: () => Promise.reject(new Error("down")) })];

  it("keeps its record until the required providers hold it", async () => {
    const cache = newCache();
    await expect(putRecord({ ...input(cache, "1"), storage: broken() })).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
    });
    const kept = await readPending(cache, context);
    expect(kept).toMatchObject({ ver: 1, id: context.id, epoch: context.epoch });
    const storage = memoryStorage();
    const { body } = await putRecord({ ...input(cache, "1"), storage: [storage] });
    expect(body).toEqual(kept?.body);
    expect(await readPending(cache, context)).toBeNull();
  });

  it("keeps nothing where the change as a whole is journalled", async () => {
    const cache = newCache();
    const put = putRecord({ ...input(cache, "1"), storage: broken(), keepPending: false });
    await expect(put).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect(await cache.keys("writing/")).toEqual([]);
  });

  async function failedPut(cache: Cache): Promise<PendingRecord> {
    await expect(putRecord({ ...input(cache, "1"), storage: broken() })).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
    });
    return (await readPending(cache, context)) ?? expect.fail("nothing was kept");
  }

  it("is finished although a later one took a version and died before it stored anything", async () => {
    const cache = newCache();
    const kept = await failedPut(cache);
    const key = signedKey(context);
    const seen = await readSigned(cache, key);
    const { taken } = await reserveVersion(cache, key, { seen, ver: 2, sha256: digestOf("2") });
    expect(taken).toBe(true);
    const storage = memoryStorage();
    const { body, floor } = await resumeRecord({ ...input(cache, "1"), storage: [storage] }, kept);
    expect([body, floor.ver]).toEqual([kept.body, 1]);
    expect(await readPending(cache, context)).toBeNull();
    // The version that was taken stays taken.
    expect(await readSigned(cache, key)).toMatchObject({ ver: 2, sha256: digestOf("2") });
  });

  it("that was done but for its entry here is done", async () => {
    const cache = newCache();
    const storage = memoryStorage();
    const { body, record: put } = await putRecord({ ...input(cache, "1"), storage: [storage] });
    const kept = { ...record, ver: put.ver, body };
    await keepPending(cache, context, kept);
    const { providers } = await resumeRecord({ ...input(cache, "1"), storage: [storage] }, kept);
    expect(providers).toMatchObject([{ outcome: "held" }]);
    expect(await readPending(cache, context)).toBeNull();
  });

  it("W5: is given up where another version came first, at a place or in the cache", async () => {
    for (const isServed of [true, false]) {
      const cache = newCache();
      const kept = await failedPut(cache);
      const storage = memoryStorage();
      if (isServed) await storage.write(PATH, signed(2, "2"), { kind: "record" });
      else await raiseFloor(cache, floorKey(context), floorAt(2, "2"));
      await expect(resumeRecord({ ...input(cache, "1"), storage: [storage] }, kept)).rejects.toMatchObject({
        code: "CONFLICT_RECORD_MOVED",
        details: { ver: 1, got: 2 },
      });
      expect(await readPending(cache, context)).toBeNull();
    }
  });

  it("M10: is given up once its time is over", async () => {
    const cache = newCache();
    const clock = new FakeClock();
    const route = routeWith({ maxAgeMs: 1_000 });
    const timed = { ...input(cache, "1"), route, clock };
    await expect(putRecord({ ...timed, storage: broken() })).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    const kept = await readPending(cache, context);
    if (kept === null) throw new Error("nothing was kept");
    await clock.advance(1_001);
    const storage = memoryStorage();
    const { signer, data, ...resumed } = timed;
    expect([signer, data.length]).toEqual([writer, 1]);
    await expect(resumeRecord({ ...resumed, storage: [storage] }, kept)).rejects.toMatchObject({
      code: "RECORD_EXPIRED",
      details: { id: context.id, ageMs: 1_001, maxAgeMs: 1_000 },
    });
    expect(await readPending(cache, context)).toBeNull();
  });

  it("M2: is given up where the route has another key since", async () => {
    const cache = newCache();
    await expect(putRecord({ ...input(cache, "1"), storage: broken() })).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
    });
    const kept = await readPending(cache, context);
    if (kept === null) throw new Error("nothing was kept");
    const { signer, data, ...resumed } = input(cache, "1");
    expect([signer, data.length]).toEqual([writer, 1]);
    const publicKey = new Uint8Array(32).fill(1);
    const resume = resumeRecord({ ...resumed, publicKey, storage: [memoryStorage()] }, kept);
    await expect(resume).rejects.toMatchObject({ code: "CONFLICT_RECORD_MOVED" });
    expect(await readPending(cache, context)).toBeNull();
  });
});
