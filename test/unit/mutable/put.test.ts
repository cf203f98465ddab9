import { describe, expect, it } from "vitest";
import { encodeBase64 } from "../../../src/bytes/base64.js";
import { utf8 } from "../../../src/bytes/bytes.js";
import { memoryCache } from "../../../src/cache/memory.js";
import { HawserError } from "../../../src/errors.js";
import { floorKey } from "../../../src/mutable/floor.js";
import { raiseFloor, readFloor } from "../../../src/mutable/floor-cache.js";
import { type PutRecordInput, putRecord } from "../../../src/mutable/put.js";
import { parseRecord } from "../../../src/mutable/record.js";
import { cachedEpochs, readSigned, signedKey } from "../../../src/mutable/reserve.js";
import { surveyRecord } from "../../../src/mutable/survey.js";
import type { StorageProvider } from "../../../src/ports.js";
import { memoryStorage } from "../../../src/storage/memory.js";
import { FakeClock } from "../fake-clock.js";
import { fails, serves, urlsWith, wrapped } from "../route/places.js";
import {
  context,
  digestOf,
  floorAt,
  rejectionOf,
  routeWith,
  signed,
  stranger,
  type TestSigner,
  writer,
} from "./world.js";

const path = "records/regtest/alice/settings@7.json";
const read = { kind: "record", maxBytes: 2_000_000 } as const;

function inputWith(
  storage: readonly StorageProvider[],
  data: string,
  changes: Partial<PutRecordInput> = {},
): PutRecordInput {
  return {
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
  };
}

async function storeAt(provider: StorageProvider, body: Uint8Array): Promise<void> {
  await provider.write(path, body, { kind: "record" });
}

async function recordAt(provider: StorageProvider) {
  const stored = await provider.read(path, read);
  if (stored === null) return null;
  const { ver, data } = parseRecord(stored.bytes);
  return [ver, new TextDecoder().decode(data)];
}

/** A provider that lets a rival write between this writer's look and its write. */
function racedBy(
  provider: StorageProvider,
  rival: Uint8Array,
  changes: Partial<StorageProvider> = {},
): StorageProvider {
  let raced = false;
  return wrapped(provider, {
    write: async (where, body, options) => {
      if (!raced) {
        raced = true;
        await storeAt(provider, rival);
      }
      return provider.write(where, body, options);
    },
    ...changes,
  });
}

function down(label = "down"): StorageProvider {
  const refuse = () => Promise.reject(new HawserError("NETWORK_UNREACHABLE", "Down.", { url: label, reason: "down" }));
  return wrapped(memoryStorage(), { label, read: refuse, write: refuse });
}

function readOnly(): StorageProvider {
  return wrapped(memoryStorage({ label: "read-only" }), {
    write: () => Promise.reject(new HawserError("STORAGE_REFUSED", "No.", { label: "read-only", reason: "403" })),
  });
}

describe("W5: the version", () => {
  it("is 1 on an empty route, then one more than the highest", async () => {
    const provider = memoryStorage();
    const cache = memoryCache();
    const first = await putRecord(inputWith([provider], "a", { cache }));
    expect(first.record.ver).toBe(1);
    expect(first.providers).toEqual([{ label: "memory", outcome: "stored", attempt: null }]);
    expect((await putRecord(inputWith([provider], "b", { cache }))).record.ver).toBe(2);
    expect(await recordAt(provider)).toEqual([2, "b"]);
  });

  it("is above every replica, also those that are only read", async () => {
    const provider = memoryStorage();
    await storeAt(provider, signed(2, "b"));
    const url = "https://a.example/r";
    const put = await putRecord(
      inputWith([provider], "x", {
        readers: [serves("reader", signed(5, "e"))],
        urlReader: urlsWith({ [url]: signed(7, "g") }),
        route: routeWith({ urls: [url] }),
      }),
    );
    expect(put.record.ver).toBe(8);
    expect(await recordAt(provider)).toEqual([8, "x"]);
  });

  it("is above the cached floor and at least the route's minVer", async () => {
    const cache = memoryCache();
    await raiseFloor(cache, floorKey(context), floorAt(9, "i"));
    expect((await putRecord(inputWith([memoryStorage()], "x", { cache }))).record.ver).toBe(10);
    const route = routeWith({ minVer: 20 });
    expect((await putRecord(inputWith([memoryStorage()], "x", { route }))).record.ver).toBe(20);
  });

  it("is not moved by forged records or by those of another epoch", async () => {
    const readers = [
      serves("a", signed(50, "x", { signer: stranger })),
      serves("b", signed(60, "x", { context: { epoch: 6 } })),
    ];
    const cache = memoryCache();
    await raiseFloor(cache, floorKey(context), floorAt(99, "i", 6));
    expect((await putRecord(inputWith([memoryStorage()], "x", { readers, cache }))).record.ver).toBe(1);
  });

  it("may be the caller's, if it is above everything known", async () => {
    const provider = memoryStorage();
    await storeAt(provider, signed(2, "b"));
    expect((await putRecord(inputWith([provider], "x", { version: 7 }))).record.ver).toBe(7);
    const error = await rejectionOf("CONFLICT_RECORD_MOVED", putRecord(inputWith([provider], "y", { version: 7 })));
    const newer = { ver: 7, sha256: digestOf("x"), data: encodeBase64(utf8("x")) };
    expect(error.details).toEqual({ id: "settings", ver: 7, got: 7, newer });
    await rejectionOf("CONFLICT_RECORD_MOVED", putRecord(inputWith([provider], "y", { version: 6 })));
    for (const version of [0, -1, 1.5, 2 ** 53, Number.NaN]) {
      await rejectionOf("INPUT_INVALID", putRecord(inputWith([provider], "y", { version })));
    }
    expect(await recordAt(provider)).toEqual([7, "x"]);
  });

  it("may be computed from what is known", async () => {
    const provider = memoryStorage();
    await storeAt(provider, signed(2, "b"));
    const nextVersion: PutRecordInput["nextVersion"] = ({ highest, branches }) => {
      expect(branches.map(({ ver }) => ver)).toEqual([2]);
      return highest + 10;
    };
    expect((await putRecord(inputWith([provider], "x", { nextVersion }))).record.ver).toBe(12);
    await rejectionOf("INPUT_INVALID", putRecord(inputWith([provider], "y", { nextVersion: () => 12 })));
  });

  it("is refused where there is none left", async () => {
    const provider = memoryStorage();
    await storeAt(provider, signed(2 ** 53 - 1, "last"));
    await rejectionOf("INPUT_INVALID", putRecord(inputWith([provider], "x")));
  });

  it("is above a fork at the top, whose branches the survey shows", async () => {
    const [a, b] = [memoryStorage({ label: "a" }), memoryStorage({ label: "b" })];
    await storeAt(a, signed(3, "x"));
    await storeAt(b, signed(3, "y"));
    const { known } = await surveyRecord(inputWith([a, b], ""));
    expect(known.branches.map(({ data }) => new TextDecoder().decode(data))).toEqual(["x", "y"]);
    expect(known.highest).toBe(3);
    await putRecord(inputWith([a, b], "z"));
    expect([await recordAt(a), await recordAt(b)]).toEqual([
      [4, "z"],
      [4, "z"],
    ]);
  });

  it("M10: is the time on a route with maxAgeMs, and never ahead of it by more than 10 minutes", async () => {
    const clock = new FakeClock();
    const route = routeWith({ maxAgeMs: 60_000 });
    const provider = memoryStorage();
    await storeAt(provider, signed(clock.nowMs() + 3_600_000, "from the future"));
    expect((await putRecord(inputWith([provider], "x", { clock, route }))).record.ver).toBe(clock.nowMs());
    expect(await recordAt(provider)).toEqual([clock.nowMs(), "x"]);
    expect((await putRecord(inputWith([provider], "y", { clock, route }))).record.ver).toBe(clock.nowMs() + 1);
    for (const version of [clock.nowMs() + 600_001, clock.nowMs() - 60_001]) {
      await rejectionOf("INPUT_INVALID", putRecord(inputWith([memoryStorage()], "z", { clock, route, version })));
    }
  });
});

describe("W5: before anything is sent", () => {
  it("a key other than the route's is refused", async () => {
    let calls = 0;
    const provider = wrapped(memoryStorage(), {
      read: async () => {
        calls++;
        return null;
      },
    });
    const error = await rejectionOf("ROUTE_KEY_MISMATCH", putRecord(inputWith([provider], "x", { signer: stranger })));
    expect(error.details.id).toBe("settings");
    expect(calls).toBe(0);
  });

  it("data that is too large is refused, unless the caller raises the limit", async () => {
    const data = "x".repeat(1024 * 1024 + 1);
    await rejectionOf("INPUT_TOO_LARGE", putRecord(inputWith([memoryStorage()], data)));
    const put = await putRecord(inputWith([memoryStorage()], data, { maxDataBytes: data.length }));
    expect(put.record.data).toHaveLength(data.length);
  });

  it("more required providers than there are is refused", async () => {
    const provider = memoryStorage();
    for (const required of [0, 2, 1.5]) {
      await rejectionOf("INPUT_INVALID", putRecord(inputWith([provider, provider], "x", { required })));
    }
    await rejectionOf("INPUT_INVALID", putRecord(inputWith([], "x")));
  });

  it("the route must be the context's", async () => {
    const route = routeWith({ epoch: 8 });
    await rejectionOf("INPUT_INVALID", putRecord(inputWith([memoryStorage()], "x", { route })));
  });

  it("a route older than the cache knows is refused", async () => {
    const cache = memoryCache();
    await raiseFloor(cache, floorKey(context), floorAt(1, "x", 8));
    await rejectionOf("RECORD_STALE", putRecord(inputWith([memoryStorage()], "x", { cache })));
  });

  it.each<[string, TestSigner["sign"], "WALLET_REFUSED" | "WALLET_ANSWER_INVALID"]>([
    [
      "refuses",
      () => {
        throw new Error("declined");
      },
      "WALLET_REFUSED",
    ],
    ["returns rubbish", () => new Uint8Array(64), "WALLET_ANSWER_INVALID"],
    ["returns too little", () => new Uint8Array(63), "WALLET_ANSWER_INVALID"],
    ["signs with another key", (digest) => stranger.sign(digest), "WALLET_ANSWER_INVALID"],
  ])("a signer that %s stops the write", async (_, sign, code) => {
    const provider = memoryStorage();
    await rejectionOf(code, putRecord(inputWith([provider], "x", { signer: { publicKey: writer.publicKey, sign } })));
    expect(await recordAt(provider)).toBeNull();
  });
});

describe("W5: races", () => {
  it("a version that another writer stored first is a conflict and is not overwritten", async () => {
    const provider = memoryStorage();
    const error = await rejectionOf(
      "CONFLICT_RECORD_MOVED",
      putRecord(inputWith([racedBy(provider, signed(1, "rival"))], "x")),
    );
    const newer = { ver: 1, sha256: digestOf("rival"), data: encodeBase64(utf8("rival")) };
    expect(error.details).toEqual({ id: "settings", ver: 1, got: 1, newer });
    expect(await recordAt(provider)).toEqual([1, "rival"]);
  });

  it("a conflict at one provider is one, even if enough others took the record", async () => {
    const [a, b] = [memoryStorage({ label: "a" }), memoryStorage({ label: "b" })];
    await rejectionOf("CONFLICT_RECORD_MOVED", putRecord(inputWith([a, racedBy(b, signed(1, "rival"))], "x")));
  });

  it("after a conflict, providers without conditional writes are left alone", async () => {
    const [a, b] = [memoryStorage({ label: "a" }), memoryStorage({ label: "b" })];
    const plain = wrapped(b, { conditional: false });
    await rejectionOf("CONFLICT_RECORD_MOVED", putRecord(inputWith([plain, racedBy(a, signed(1, "rival"))], "x")));
    expect(await recordAt(b)).toBeNull();
  });

  it("a change that is no newer record is written over", async () => {
    const provider = memoryStorage();
    await storeAt(provider, signed(2, "b"));
    await putRecord(inputWith([racedBy(provider, signed(1, "old"))], "x"));
    expect(await recordAt(provider)).toEqual([3, "x"]);
  });

  it("a provider that refuses every condition fails, and does not hold the writer", async () => {
    let writes = 0;
    const stubborn = wrapped(memoryStorage(), {
      write: async () => {
        writes++;
        return "moved";
      },
    });
    const error = await rejectionOf("STORAGE_UNAVAILABLE", putRecord(inputWith([stubborn], "x")));
    expect(error.details.attempts[0]?.code).toBe("moved");
    expect(writes).toBe(3);
  });

  it("a write whose answer was lost counts when the look after it finds the record", async () => {
    const provider = memoryStorage();
    let lost = false;
    const lossy = wrapped(provider, {
      write: async (where, body, options) => {
        const outcome = await provider.write(where, body, options);
        if (lost) return outcome;
        lost = true;
        throw new Error("connection reset");
      },
    });
    const put = await putRecord(inputWith([lossy], "x"));
    expect(put.record.ver).toBe(1);
    expect(put.providers).toEqual([{ label: "memory", outcome: "stored", attempt: null }]);
  });

  it("does not write where it could not look", async () => {
    const provider = memoryStorage();
    await storeAt(provider, signed(9, "newer"));
    const blind = wrapped(provider, { label: "blind", read: () => Promise.reject(new Error("503")) });
    const put = await putRecord(inputWith([memoryStorage(), blind], "x"));
    expect(put.providers.map(({ outcome }) => outcome)).toEqual(["stored", "failed"]);
    expect(await recordAt(provider)).toEqual([9, "newer"]);
  });

  it("creates only where nothing was, and replaces only what was seen", async () => {
    const conditions: unknown[] = [];
    const provider = memoryStorage();
    const watched = wrapped(provider, {
      write: (where, body, options) => {
        conditions.push(options.condition);
        return provider.write(where, body, options);
      },
    });
    const cache = memoryCache();
    await putRecord(inputWith([watched], "a", { cache }));
    const tag = (await provider.read(path, read))?.tag;
    await putRecord(inputWith([watched], "b", { cache }));
    expect(conditions).toEqual([{ ifAbsent: true }, { ifTag: tag }]);
  });

  it("replaces nothing at a conditional provider that gives no tag", async () => {
    const provider = memoryStorage();
    await storeAt(provider, signed(1, "theirs"));
    const weak = wrapped(provider, {
      read: async (where, options) => {
        const found = await provider.read(where, options);
        return found === null ? null : { ...found, tag: null };
      },
    });
    const error = await rejectionOf("STORAGE_UNAVAILABLE", putRecord(inputWith([weak], "x")));
    expect(error.details.attempts[0]?.code).toBe("no-tag");
    expect(await recordAt(provider)).toEqual([1, "theirs"]);
  });

  it("writes without condition where there is none", async () => {
    const conditions: unknown[] = [];
    const plain = wrapped(memoryStorage(), {
      conditional: false,
      write: async (_where, _body, options) => {
        conditions.push(options.condition);
        return "stored";
      },
    });
    await putRecord(inputWith([plain], "a"));
    expect(conditions).toEqual([undefined]);
  });
});

describe("W7: providers", () => {
  it("are counted, with an outcome each", async () => {
    const storage = [memoryStorage({ label: "a" }), down(), readOnly()];
    const put = await putRecord(inputWith(storage, "x"));
    expect(put.providers.map(({ label, outcome, attempt }) => [label, outcome, attempt?.code])).toEqual([
      ["a", "stored", undefined],
      ["down", "failed", "NETWORK_UNREACHABLE"],
      ["read-only", "failed", "STORAGE_REFUSED"],
    ]);
    const error = await rejectionOf("STORAGE_UNAVAILABLE", putRecord(inputWith(storage, "x", { required: 2 })));
    expect(error.details).toMatchObject({ required: 2, stored: 1 });
    expect(error.details.attempts).toHaveLength(2);
  });

  it("that answer nonsense or never do not hold the writer", async () => {
    const clock = new FakeClock();
    const nonsense = wrapped(memoryStorage({ label: "nonsense" }), { write: async () => "yes" as "stored" });
    const hanging = wrapped(memoryStorage({ label: "hanging" }), { write: () => new Promise(() => undefined) });
    const put = putRecord(inputWith([memoryStorage(), nonsense, hanging], "x", { clock }));
    await clock.advance(15_000);
    expect((await put).providers.map(({ attempt }) => attempt?.code)).toEqual([
      undefined,
      "NETWORK_ANSWER_INVALID",
      "NETWORK_TIMEOUT",
    ]);
  });

  it("raise the floor once enough hold the record, and not before", async () => {
    const cache = memoryCache();
    const storage = [memoryStorage(), down()];
    await rejectionOf("STORAGE_UNAVAILABLE", putRecord(inputWith(storage, "x", { cache, required: 2 })));
    expect(await readFloor(cache, floorKey(context))).toBeNull();
    const put = await putRecord(inputWith(storage, "x", { cache }));
    expect(await readFloor(cache, floorKey(context))).toEqual(put.floor);
    expect(put.floor).toMatchObject({ epoch: 7, ver: 1, sha256: digestOf("x") });
  });

  it("leave the floor to a caller who asks for it", async () => {
    const cache = memoryCache();
    const put = await putRecord(inputWith([memoryStorage()], "x", { cache, deferFloor: true }));
    expect(await readFloor(cache, floorKey(context))).toBeNull();
    expect(put.floor).toMatchObject({ epoch: 7, ver: 1, sha256: digestOf("x") });
  });

  it("W5: other data that a reader returned under the version meanwhile is a conflict", async () => {
    const cache = memoryCache();
    const provider = memoryStorage();
    const watched = wrapped(provider, {
      write: async (where, body, options) => {
        await raiseFloor(cache, floorKey(context), floorAt(1, "rival"));
        return provider.write(where, body, options);
      },
    });
    await rejectionOf("CONFLICT_RECORD_MOVED", putRecord(inputWith([watched], "x", { cache })));
  });
});

describe("a version is taken before it is signed", () => {
  it("so that a failed put of other data does not use it again", async () => {
    const cache = memoryCache();
    await rejectionOf("STORAGE_UNAVAILABLE", putRecord(inputWith([down()], "x", { cache })));
    const put = await putRecord(inputWith([memoryStorage()], "y", { cache }));
    expect(put.record.ver).toBe(2);
  });

  it("and a retry of the same data sends the same bytes", async () => {
    const cache = memoryCache();
    const sent: Uint8Array[] = [];
    const failing = wrapped(memoryStorage(), {
      write: (_where, body) => {
        sent.push(body);
        return Promise.reject(new Error("503"));
      },
    });
    let calls = 0;
    const signer = { publicKey: writer.publicKey, sign: (digest: Uint8Array) => (calls++, writer.sign(digest)) };
    await rejectionOf("STORAGE_UNAVAILABLE", putRecord(inputWith([failing], "x", { cache, signer })));
    await rejectionOf("STORAGE_UNAVAILABLE", putRecord(inputWith([failing], "x", { cache, signer })));
    expect((await putRecord(inputWith([memoryStorage()], "x", { cache, signer }))).body).toEqual(sent[0]);
    expect(sent[0]).toEqual(sent[1]);
    expect(calls).toBe(1);
  });

  it("W2: a put that succeeded can be repeated with its version, without it the data gets a new one", async () => {
    const cache = memoryCache();
    const provider = memoryStorage();
    const first = await putRecord(inputWith([provider], "x", { cache }));
    const other = memoryStorage({ label: "other" });
    const again = await putRecord(inputWith([provider, other], "x", { cache, version: 1 }));
    expect(again.body).toEqual(first.body);
    expect(again.providers.map(({ outcome }) => outcome)).toEqual(["held", "stored"]);
    expect((await putRecord(inputWith([provider], "x", { cache }))).record.ver).toBe(2);
    await rejectionOf("CONFLICT_RECORD_MOVED", putRecord(inputWith([provider], "x", { cache, version: 1 })));
  });

  it("a retry that meets other data under its version goes above it", async () => {
    const cache = memoryCache();
    await rejectionOf("STORAGE_UNAVAILABLE", putRecord(inputWith([down()], "x", { cache })));
    const provider = memoryStorage();
    await storeAt(provider, signed(1, "rival"));
    expect((await putRecord(inputWith([provider], "x", { cache }))).record.ver).toBe(2);
    const read2 = memoryCache();
    await rejectionOf("STORAGE_UNAVAILABLE", putRecord(inputWith([down()], "x", { cache: read2 })));
    await raiseFloor(read2, floorKey(context), floorAt(1, "rival"));
    expect((await putRecord(inputWith([memoryStorage()], "x", { cache: read2 }))).record.ver).toBe(2);
  });

  it("M10: a retry that would be born expired gets a new time", async () => {
    const cache = memoryCache();
    const clock = new FakeClock();
    const route = routeWith({ maxAgeMs: 60_000 });
    await rejectionOf("STORAGE_UNAVAILABLE", putRecord(inputWith([down()], "x", { cache, clock, route })));
    clock.jumpTo(clock.nowMs() + 60_001);
    const put = await putRecord(inputWith([memoryStorage()], "x", { cache, clock, route }));
    expect(put.record.ver).toBe(clock.nowMs());
  });

  it("two puts at once on one cache never share a version", async () => {
    const cache = memoryCache();
    const outcomes = await Promise.allSettled(
      ["x", "y", "z"].map((data) => putRecord(inputWith([memoryStorage()], data, { cache }))),
    );
    const won = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value.record.ver] : []));
    const lost = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []));
    expect(won).toEqual([1]);
    for (const reason of lost) expect(reason).toMatchObject({ code: "CONFLICT_RECORD_MOVED" });
  });

  it("is kept for each epoch, so that a life that was never anchored does not block the old one", async () => {
    const cache = memoryCache();
    const next = { ...context, epoch: 9 };
    const changes = { cache, context: next, route: routeWith({ epoch: 9 }), deferFloor: true };
    await putRecord(inputWith([memoryStorage()], "new life", changes));
    expect((await putRecord(inputWith([memoryStorage()], "old life", { cache }))).record.ver).toBe(1);
    expect(new Set((await cachedEpochs(cache, context, [context.id])).get(context.id))).toEqual(new Set([7, 9]));
    await raiseFloor(cache, floorKey(context), floorAt(1, "x", 12));
    expect(new Set((await cachedEpochs(cache, context, [context.id])).get(context.id))).toEqual(new Set([7, 9, 12]));
  });

  it.each([
    "{",
    "[]",
    '{"ver":0,"sha256":null,"sig":null,"done":false}',
    `{"ver":1,"sha256":"xx","sig":null,"done":false}`,
    `{"ver":1,"sha256":"${"ab".repeat(32)}","sig":"xx","done":false}`,
    `{"ver":1,"sha256":"${"ab".repeat(32)}","sig":null,"done":1}`,
  ])("and a damaged entry is an error, never a free version: %s", async (text) => {
    const cache = memoryCache();
    await cache.update(signedKey(context), () => ({ value: utf8(text), result: null }));
    await rejectionOf("CACHE_CORRUPT", readSigned(cache, signedKey(context)));
    await rejectionOf("CACHE_CORRUPT", putRecord(inputWith([memoryStorage()], "x", { cache })));
  });

  it("and a kept signature that went bad is made anew", async () => {
    const cache = memoryCache();
    const entry = `{"ver":4,"sha256":"${digestOf("x")}","sig":"${"5a".repeat(64)}","done":false}`;
    await cache.update(signedKey(context), () => ({ value: utf8(entry), result: null }));
    expect((await putRecord(inputWith([memoryStorage()], "x", { cache }))).record.ver).toBe(4);
  });

  it("W3: an abort after the version was taken can be finished later", async () => {
    const cache = memoryCache();
    const caller = new AbortController();
    const provider = wrapped(memoryStorage(), {
      write: () => {
        caller.abort();
        return new Promise(() => undefined);
      },
    });
    const { signal } = caller;
    await rejectionOf("NETWORK_ABORTED", putRecord(inputWith([provider], "x", { cache, signal })));
    expect(await readSigned(cache, signedKey(context))).toMatchObject({ ver: 1, sha256: digestOf("x"), done: false });
    expect((await putRecord(inputWith([memoryStorage()], "x", { cache }))).record.ver).toBe(1);
  });
});

it("one unreachable URL of the route does not block a write", async () => {
  const put = await putRecord(inputWith([memoryStorage()], "x", { readers: [fails("gone")] }));
  expect(put.record.ver).toBe(1);
});

describe("W7: providers of records", () => {
  it("are those that keep records: others are neither asked nor counted", async () => {
    const refuses = () => Promise.reject(new Error("asked"));
    const objects = wrapped(memoryStorage(), {
      label: "objects",
      kinds: ["object"],
      read: refuses,
      write: refuses,
      open: refuses,
    });
    const records = wrapped(memoryStorage(), { label: "records", kinds: ["record"] });
    const put = await putRecord(inputWith([objects, records], "x"));
    expect(put.providers).toEqual([{ label: "records", outcome: "stored", attempt: null }]);
    await rejectionOf("INPUT_INVALID", putRecord(inputWith([objects, records], "x", { required: 2 })));
    await rejectionOf("INPUT_INVALID", putRecord(inputWith([objects], "x")));
  });

  it("are opened before it is looked at which of them write conditionally", async () => {
    const provider = { ...memoryStorage(), ...wrapped(memoryStorage(), {}), conditional: false };
    const conditions: unknown[] = [];
    const { write } = provider;
    provider.write = async (where, body, options) => {
      conditions.push(options.condition);
      return write(where, body, options);
    };
    provider.open = async () => {
      provider.conditional = true;
    };
    await putRecord(inputWith([provider], "x"));
    expect(conditions).toEqual([{ ifAbsent: true }]);
  });

  it("that cannot be opened have failed, and are opened again by the next write", async () => {
    let down = true;
    const gone = new HawserError("STORAGE_GONE", "No bucket.", { label: "gone", reason: "no bucket" });
    const open = () => (down ? Promise.reject(gone) : Promise.resolve());
    const storage = [wrapped(memoryStorage(), { label: "gone", open }), memoryStorage()];
    const first = await putRecord(inputWith(storage, "x"));
    expect(first.providers).toEqual([
      { label: "gone", outcome: "failed", attempt: { label: "gone", code: "STORAGE_GONE", message: "No bucket." } },
      { label: "memory", outcome: "stored", attempt: null },
    ]);
    down = false;
    expect((await putRecord(inputWith(storage, "y"))).providers.map(({ outcome }) => outcome)).toEqual([
      "stored",
      "stored",
    ]);
  });
});
