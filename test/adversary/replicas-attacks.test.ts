import { describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { memoryCache } from "../../src/cache/memory.js";
import { getObject } from "../../src/immutable/get.js";
import { contentKey } from "../../src/immutable/key.js";
import { type GetRecordInput, getRecord } from "../../src/mutable/get.js";
import { putRecord } from "../../src/mutable/put.js";
import type { StorageReader } from "../../src/ports.js";
import { ReadBudget } from "../../src/route/budget.js";
import { memoryStorage } from "../../src/storage/memory.js";
import { FakeClock } from "../unit/fake-clock.js";
import { context, rejectionOf, routeWith, signed, signerOf, stranger, writer } from "../unit/mutable/world.js";
import { fails, hangs, readerThat, serves, urlsWith } from "../unit/route/places.js";

function get(storage: readonly StorageReader[], changes: Partial<GetRecordInput> = {}) {
  const clock = changes.clock ?? new FakeClock();
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

const honest = serves("honest", signed(3, "the data"));

describe("rollback", () => {
  it("M5: an old record that is validly signed is not returned by a reader that saw a newer one", async () => {
    const cache = memoryCache();
    await get([honest], { cache });
    const error = await rejectionOf("RECORD_STALE", get([serves("replays", signed(2, "old"))], { cache }));
    expect(error.details).toMatchObject({ got: { epoch: 7, ver: 2 }, floor: { epoch: 7, ver: 3 } });
  });
});

describe("freeze", () => {
  it("M10: replicas that show nothing new are believed for maxAgeMs and no longer", async () => {
    const clock = new FakeClock();
    const cache = memoryCache();
    const frozen = [serves("a", signed(clock.nowMs(), "x")), serves("b", signed(clock.nowMs(), "x"))];
    const route = routeWith({ maxAgeMs: 60_000 });
    await get(frozen, { clock, cache, route });
    clock.jumpTo(clock.nowMs() + 60_001);
    await rejectionOf("RECORD_EXPIRED", get(frozen, { clock, cache, route }));
  });
});

describe("poisoning", () => {
  it("M8: the last of 40 replicas is enough if it is honest", async () => {
    const liars = Array.from({ length: 39 }, (_, i) => {
      const label = `liar ${i}`;
      const bodies = [
        signed(9, "evil", { signer: stranger }),
        utf8("<html>"),
        signed(9, "x", { context: { epoch: 6 } }),
      ];
      return i % 4 === 3 ? fails(label) : serves(label, bodies[i % 4] ?? null);
    });
    const got = await get([...liars, honest]);
    expect(got.data).toEqual(utf8("the data"));
    expect(got.replicas).toHaveLength(40);
    expect(new Set(got.replicas.slice(0, 39).map(({ verdict }) => verdict))).toEqual(
      new Set(["unverified", "unreachable"]),
    );
  });
});

describe("endless data and slow drip", () => {
  it("U1: a provider that ignores cap and deadline cannot pass bytes or hold the reader", async () => {
    const clock = new FakeClock();
    const endless = serves("endless", new Uint8Array(20 * 1024 * 1024));
    const got = get([endless, hangs("drip"), honest], { clock });
    await clock.advance(15_000);
    expect((await got).replicas.map(({ verdict }) => verdict)).toEqual(["unreachable", "unreachable", "fresh"]);
  });

  it("U1: every replica is told the cap and the signal", async () => {
    const seen: unknown[] = [];
    const watching = readerThat("a", async ({ maxBytes, kind, signal }) => {
      seen.push([maxBytes, kind, signal instanceof AbortSignal]);
      return null;
    });
    await rejectionOf("RECORD_UNAVAILABLE", get([watching]));
    expect(seen).toEqual([[1.5 * 1024 * 1024, "record", true]]);
  });

  it("U1: an object's good replica answers in time beside one that drips", async () => {
    const clock = new FakeClock();
    const data = utf8("object");
    const got = getObject({
      key: contentKey(data),
      content: { size: data.length, type: null, name: null, urls: null },
      storage: [hangs("drip"), serves("good", data)],
      urlReader: null,
      bases: [],
      clock,
      budget: new ReadBudget({ clock }),
    });
    await clock.advance(1_500);
    expect((await got).label).toBe("good");
  });
});

describe("request amplification", () => {
  it("U1: a route cannot make a reader send more requests than its budget", async () => {
    const urls = Array.from({ length: 16 }, (_, i) => `https://${i}.example/r`);
    const urlReader = urlsWith({});
    const clock = new FakeClock();
    const budget = new ReadBudget({ clock, maxRequests: 20 });
    const route = routeWith({ urls });
    await rejectionOf("RECORD_UNAVAILABLE", get([], { clock, budget, route, urlReader }));
    await rejectionOf("NETWORK_TIME_LIMIT", get([], { clock, budget, route, urlReader }));
    expect(urlReader.asked).toHaveLength(16);
  });

  it("U1: a route's URLs that nobody opens are never asked", async () => {
    const urls = ["file:/etc/passwd", "ftp://a.example/r", "http://127.0.0.1/r"];
    const urlReader = urlsWith({});
    const error = await rejectionOf("RECORD_UNAVAILABLE", get([], { route: routeWith({ urls }), urlReader }));
    expect(urlReader.asked).toEqual([]);
    expect(error.details.attempts.map(({ code }) => code)).toEqual(Array(3).fill("NETWORK_HOST_REFUSED"));
  });
});

describe("fork", () => {
  it("M9: two bodies under one version are found in every order of the replicas, and by two readers of one cache", async () => {
    const x = serves("x", signed(3, "x"));
    const y = serves("y", signed(3, "y"));
    for (const order of [
      [x, y],
      [y, x],
      [x, fails("z"), y],
    ]) {
      await rejectionOf("RECORD_FORKED", get(order));
    }
    const cache = memoryCache();
    await get([x], { cache });
    await rejectionOf("RECORD_FORKED", get([y], { cache }));
    expect((await get([y, serves("healed", signed(4, "z"))], { cache })).data).toEqual(utf8("z"));
  });
});

describe("fast-forward with a stolen key", () => {
  it("M6: a higher epoch under a new key restores reads and writes", async () => {
    const cache = memoryCache();
    const thief = signed(Number.MAX_SAFE_INTEGER, "the thief's");
    expect((await get([serves("a", thief)], { cache })).record.ver).toBe(Number.MAX_SAFE_INTEGER);
    const rotated = signerOf("rotated");
    const next = { context: { ...context, epoch: 30 }, route: routeWith({ epoch: 30 }), publicKey: rotated.publicKey };
    const provider = memoryStorage();
    const clock = new FakeClock();
    await putRecord({
      ...next,
      signer: rotated,
      data: utf8("ours again"),
      storage: [provider],
      urlReader: null,
      cache,
      clock,
    });
    const later = signed(Number.MAX_SAFE_INTEGER, "the thief's", { context: { epoch: 30 } });
    const got = await get([serves("thief", thief), serves("thief", later), provider], { cache, clock, ...next });
    expect(got.data).toEqual(utf8("ours again"));
  });
});

describe("hostile objects in place of errors and answers", () => {
  it("M8: hostile objects in place of errors and answers are unreachable replicas, never a crash", async () => {
    const hostile = new Proxy(
      {},
      {
        get: (_, property) => {
          if (property === "then") return undefined;
          throw new Error("trap");
        },
        has: () => {
          throw new Error("trap");
        },
      },
    );
    const places = [readerThat("a", async () => hostile), fails("b", hostile), fails("c", null), honest];
    expect((await get(places)).replicas.map(({ verdict }) => verdict)).toEqual([
      "unreachable",
      "unreachable",
      "unreachable",
      "fresh",
    ]);
  });
});
