import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { memoryCache } from "../../../src/cache/memory.js";
import { sha256 } from "../../../src/crypto/hash.js";
import { signSchnorr } from "../../../src/crypto/schnorr.js";
import { limits } from "../../../src/limits.js";
import { type ReadCurrentInput, readCurrent } from "../../../src/mutable/current.js";
import { floorKey } from "../../../src/mutable/floor.js";
import { raiseFloor, readFloor } from "../../../src/mutable/floor-cache.js";
import { type PutRecordInput, putRecord } from "../../../src/mutable/put.js";
import { putRecordAgain } from "../../../src/mutable/put-again.js";
import { signedKey } from "../../../src/mutable/reserve.js";
import type { StorageProvider } from "../../../src/ports.js";
import { memoryStorage } from "../../../src/storage/memory.js";
import { FakeClock } from "../fake-clock.js";
import { fails, serves, wrapped } from "../route/places.js";
import { context, digestOf, floorAt, rejectionOf, routeWith, signed, stranger, writer } from "./world.js";

const path = "records/regtest/alice/settings@7.json";
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function inputWith(storage: readonly StorageProvider[], changes: Partial<ReadCurrentInput> = {}): ReadCurrentInput {
  return {
    context,
    publicKey: writer.publicKey,
    route: routeWith(),
    storage,
    urlReader: null,
    cache: memoryCache(),
    clock: new FakeClock(),
    ...changes,
  };
}

function putInput(input: ReadCurrentInput, data: string, changes: Partial<PutRecordInput> = {}): PutRecordInput {
  return { ...input, signer: writer, data: utf8(data), ...changes };
}

async function holding(label: string, ...bodies: readonly Uint8Array[]): Promise<StorageProvider> {
  const provider = memoryStorage({ label });
  for (const body of bodies) await provider.write(path, body, { kind: "record" });
  return provider;
}

describe("the record that a change starts from", () => {
  it("is the newest of all replicas, and is the floor before it is given out (M7)", async () => {
    const input = inputWith([await holding("a", signed(4, "old")), await holding("b", signed(5, "new"))]);
    const { current, basis } = await readCurrent(input);
    expect(current).toMatchObject({ ver: 5, data: utf8("new"), forked: false, branches: [{ ver: 5 }] });
    expect(basis).toEqual({ highest: 5, digests: [digestOf("new")] });
    expect(await readFloor(input.cache, floorKey(context))).toMatchObject({
      epoch: 7,
      ver: 5,
      sha256: digestOf("new"),
    });
    const deferred = inputWith(input.storage, { deferFloor: true });
    await readCurrent(deferred);
    expect(await readFloor(deferred.cache, floorKey(context))).toBeNull();
  });

  it("M9: has every branch of a fork at the top, in an order of its own, and is then no floor", async () => {
    const [a, b] = [await holding("a", signed(5, "x")), await holding("b", signed(5, "y"))];
    const orders = await Promise.all(
      [
        [a, b],
        [b, a],
      ].map((storage) => readCurrent(inputWith(storage))),
    );
    for (const { current } of orders) {
      expect(current.forked).toBe(true);
      expect(current.branches.map(({ data }) => text(data)).sort()).toEqual(["x", "y"]);
      expect(current.data).toEqual(current.branches[0]?.data);
    }
    expect(orders[0]?.current.data).toEqual(orders[1]?.current.data);
    const input = inputWith([a, b]);
    await readCurrent(input);
    expect(await readFloor(input.cache, floorKey(context))).toBeNull();
  });

  it("M9: says that it is forked where only the cache knows the other branch", async () => {
    const input = inputWith([await holding("a", signed(5, "x"))]);
    await raiseFloor(input.cache, floorKey(context), floorAt(5, "mine"));
    const { current } = await readCurrent(input);
    expect(current).toMatchObject({ forked: true, branches: [{ data: utf8("x") }] });
  });

  it.each([
    ["M5: older than what is known", "RECORD_STALE", signed(5, "x"), floorAt(6, "y")],
    ["M8: signed by a stranger", "RECORD_UNVERIFIED", signed(5, "x", { signer: stranger }), null],
  ] as const)("is an error where it is %s", async (_, code, body, floor) => {
    const input = inputWith([await holding("a", body)]);
    if (floor !== null) await raiseFloor(input.cache, floorKey(context), floor);
    await rejectionOf(code, readCurrent(input));
  });

  it("is an error, and never nothing, where nobody has it or answers", async () => {
    await rejectionOf("RECORD_UNAVAILABLE", readCurrent(inputWith([memoryStorage()])));
    await rejectionOf("RECORD_UNAVAILABLE", readCurrent(inputWith([], { readers: [fails("down")] })));
  });

  it("M10: is not one that has expired, unless the caller takes it", async () => {
    const clock = new FakeClock();
    const route = routeWith({ maxAgeMs: 1_000 });
    const body = signed(clock.nowMs() - 1_001, "x");
    const input = inputWith([], { clock, route, readers: [serves("a", body)] });
    await rejectionOf("RECORD_EXPIRED", readCurrent(input));
    const { current } = await readCurrent({ ...input, dangerAllowExpired: true });
    expect(text(current.data)).toBe("x");
  });
});

describe("W5: a put of what was made from a record", () => {
  it("is a conflict before anything is signed when another came meanwhile, and carries that one", async () => {
    const provider = await holding("a", signed(4, "old"));
    const input = inputWith([provider]);
    const { basis } = await readCurrent(input);
    await provider.write(path, signed(5, "theirs"), { kind: "record" });
    const signer = { publicKey: writer.publicKey, sign: () => Promise.reject(new Error("asked to sign")) };
    const { details } = await rejectionOf(
      "CONFLICT_RECORD_MOVED",
      putRecord(putInput(input, "mine", { basis, signer })),
    );
    const newer = { ver: 5, sha256: digestOf("theirs"), data: Buffer.from("theirs").toString("base64") };
    expect(details).toEqual({ id: "settings", ver: 5, got: 5, newer });
    // Without a basis it is written above what came.
    expect((await putRecord(putInput(input, "mine"))).record.ver).toBe(6);
  });

  it("is one as well when a branch of a fork appeared under the same version", async () => {
    const [a, b] = [await holding("a", signed(4, "x")), await holding("b", signed(4, "x"))];
    const input = inputWith([a, b]);
    const { basis } = await readCurrent(input);
    await b.write(path, signed(4, "y"), { kind: "record" });
    await rejectionOf("CONFLICT_RECORD_MOVED", putRecord(putInput(input, "z", { basis })));
  });

  it("goes above what it was made from", async () => {
    const input = inputWith([await holding("a", signed(4, "x")), await holding("b", signed(4, "y"))]);
    const { basis } = await readCurrent(input);
    expect((await putRecord(putInput(input, "xy", { basis }))).record.ver).toBe(5);
  });

  /** Signs with other randomness, as each device does. */
  const otherDevice = {
    publicKey: writer.publicKey,
    sign: (digest: Uint8Array) => signSchnorr(digest, sha256(utf8("writer")), sha256(utf8("other"))),
  };

  it("is a conflict when another device stored the same data first: two changes that come to the same are two", async () => {
    const provider = await holding("a", signed(4, "1"));
    const input = inputWith([provider]);
    const { basis } = await readCurrent(input);
    const raced = (there: StorageProvider): StorageProvider =>
      wrapped(there, {
        write: async (where, body, options) => {
          await putRecord(putInput(inputWith([there]), "2", { signer: otherDevice }));
          return there.write(where, body, options);
        },
      });
    await rejectionOf(
      "CONFLICT_RECORD_MOVED",
      putRecord(putInput({ ...input, storage: [raced(provider)] }, "2", { basis })),
    );
    // A put that was not made from anything has then what it wanted.
    const plain = inputWith([raced(await holding("b", signed(4, "1")))]);
    expect(await putRecord(putInput(plain, "2"))).toMatchObject({
      record: { ver: 5 },
      providers: [{ outcome: "held" }],
    });
  });

  it("is a conflict when a process with the same cache took the version, for the same data too", async () => {
    const provider = await holding("a", signed(4, "1"));
    const input = inputWith([provider]);
    const { basis } = await readCurrent(input);
    let first = true;
    const cache = {
      ...input.cache,
      get: (key: string) => input.cache.get(key),
      keys: (prefix: string) => input.cache.keys(prefix),
      update: async (...args: Parameters<typeof input.cache.update>) => {
        if (first && args[0] === signedKey(context)) {
          first = false;
          await putRecord(putInput(inputWith([memoryStorage()], { cache: input.cache }), "2", { version: 5 }));
        }
        return input.cache.update(...args);
      },
    } as typeof input.cache;
    await rejectionOf("CONFLICT_RECORD_MOVED", putRecord(putInput({ ...input, cache }, "2", { basis })));
  });

  it("is never taken for the retry of a put that failed", async () => {
    const provider = await holding("a", signed(4, "1"));
    const input = inputWith([provider]);
    const refusing = wrapped(provider, { write: () => Promise.reject(new Error("full")) });
    await rejectionOf("STORAGE_UNAVAILABLE", putRecord(putInput({ ...input, storage: [refusing] }, "2")));
    const { basis } = await readCurrent(input);
    expect((await putRecord(putInput(input, "2", { basis }))).record.ver).toBe(6);
  });

  it("carries the newer record without its data where that is large", async () => {
    const large = "x".repeat(limits.conflictDataMaxBytes + 1);
    const input = inputWith([await holding("a", signed(5, large))]);
    const basis = { highest: 4, digests: [] };
    const { details } = await rejectionOf("CONFLICT_RECORD_MOVED", putRecord(putInput(input, "y", { basis })));
    expect(details.newer).toEqual({ ver: 5, sha256: digestOf(large), data: null });
  });
});

describe("W2: a record that is stored again", () => {
  it("has the same bytes at every provider, without a signer", async () => {
    const [a, b] = [memoryStorage({ label: "a" }), memoryStorage({ label: "b" })];
    const input = inputWith([a]);
    const first = await putRecord(putInput(input, "x"));
    const again = await putRecordAgain({ ...input, storage: [a, b], data: utf8("x"), required: 2 });
    expect(again).toMatchObject({ body: first.body, providers: [{ outcome: "held" }, { outcome: "stored" }] });
  });

  it("may be what a replica serves, for a writer with another cache", async () => {
    const [a, b] = [memoryStorage({ label: "a" }), memoryStorage({ label: "b" })];
    const first = await putRecord(putInput(inputWith([a]), "x"));
    const input = inputWith([a, b]);
    expect(await putRecordAgain({ ...input, data: utf8("x") })).toMatchObject({ body: first.body });
    expect(await readFloor(input.cache, floorKey(context))).toMatchObject({ ver: 1 });
  });

  it("comes back where no provider has it any more", async () => {
    const input = inputWith([memoryStorage()]);
    const first = await putRecord(putInput(input, "x"));
    const empty = { ...input, storage: [memoryStorage()], data: utf8("x") };
    expect(await putRecordAgain(empty)).toMatchObject({ body: first.body, record: { ver: 1 } });
    // Under a floor that is not its own to raise the cache stays as it is.
    const other = inputWith([await holding("a", first.body)], { deferFloor: true });
    await putRecordAgain({ ...other, data: utf8("x") });
    expect(await readFloor(other.cache, floorKey(context))).toBeNull();
  });

  it("is nothing where nobody knows a record of the data", async () => {
    const input = inputWith([memoryStorage()]);
    await putRecord(putInput(input, "x"));
    expect(await putRecordAgain({ ...input, data: utf8("y") })).toBeNull();
  });

  it("is a conflict where a newer one is known, and does not come back over it", async () => {
    const provider = memoryStorage();
    const input = inputWith([provider]);
    const first = await putRecord(putInput(input, "x"));
    await putRecord(putInput(inputWith([provider]), "y"));
    const { details } = await rejectionOf("CONFLICT_RECORD_MOVED", putRecordAgain({ ...input, data: utf8("x") }));
    expect(details).toMatchObject({ ver: 1, got: 2, newer: { ver: 2, sha256: digestOf("y") } });
    // One that comes between look and write is one too, and so is what the cache was told meanwhile.
    const racing = wrapped(await holding("b"), {
      write: async () => "moved" as const,
      read: async () => ({ bytes: signed(3, "z"), tag: null }),
    });
    await rejectionOf(
      "CONFLICT_RECORD_MOVED",
      putRecordAgain({ ...inputWith([racing], { cache: input.cache }), data: utf8("x") }),
    );
    const told = inputWith([await holding("c", first.body)]);
    await raiseFloor(told.cache, floorKey(context), floorAt(1, "other"));
    await rejectionOf("CONFLICT_RECORD_MOVED", putRecordAgain({ ...told, data: utf8("x") }));
  });

  it("fails where too few providers take it", async () => {
    const input = inputWith([await holding("a", signed(1, "x"))]);
    const full = wrapped(memoryStorage({ label: "full" }), { write: () => Promise.reject(new Error("full")) });
    const storage = [...input.storage, full];
    const again = { ...input, storage, data: utf8("x") };
    await rejectionOf("STORAGE_UNAVAILABLE", putRecordAgain({ ...again, required: 2 }));
    await rejectionOf("INPUT_INVALID", putRecordAgain({ ...again, required: 3 }));
  });
});
