import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import type { StorageReader } from "../../../src/ports.js";
import { ReadBudget } from "../../../src/route/budget.js";
import { type FetchOptions, fetchAll, type ReplicaReply } from "../../../src/route/fetch.js";
import { recordReplicas } from "../../../src/route/replicas.js";
import { FakeClock, settle } from "../fake-clock.js";
import { rejectionOf } from "../mutable/world.js";
import { fails, hangs, readerThat, serves } from "./places.js";

const path = "records/regtest/alice/settings@7.json";

function optionsWith(clock: FakeClock, changes: Partial<FetchOptions> = {}): FetchOptions {
  return { clock, budget: new ReadBudget({ clock }), kind: "record", maxBytes: 10, ...changes };
}

function unreadable(): never {
  throw new Error("odd");
}

function replicasOf(...storage: StorageReader[]) {
  return recordReplicas({ storage, urlReader: null, path, urls: [] });
}

describe("fetchAll", () => {
  it("M8: tells bytes, absent and unreachable apart, in the order of the replicas", async () => {
    const replicas = replicasOf(serves("a", utf8("x")), serves("b", null), fails("c"));
    const replies = await fetchAll(replicas, optionsWith(new FakeClock()));
    expect(replies).toEqual([
      { label: "a", outcome: "bytes", bytes: utf8("x"), tag: null },
      { label: "b", outcome: "absent" },
      expect.objectContaining({ label: "c", outcome: "unreachable" }),
    ]);
  });

  it("M8: a replica that throws anything at all is unreachable", async () => {
    const noPeeking = new Proxy({}, { has: () => unreadable() });
    for (const thrown of [null, undefined, "text", 7, {}, new RangeError("boom"), noPeeking]) {
      const replies = await fetchAll(replicasOf(fails("a", thrown), serves("b", null)), optionsWith(new FakeClock()));
      expect(replies.map(({ outcome }) => outcome)).toEqual(["unreachable", "absent"]);
    }
  });

  it("M8: a replica that throws before it returns a promise is unreachable", async () => {
    const reader = readerThat("a", () => {
      throw new TypeError("at once");
    });
    const [reply] = await fetchAll(replicasOf(reader), optionsWith(new FakeClock()));
    expect(reply).toMatchObject({ outcome: "unreachable" });
  });

  it.each([[undefined], ["text"], [{}], [{ bytes: "text", tag: null }], [{ bytes: [1, 2], tag: null }]])(
    "M8: a replica that returns %j is unreachable",
    async (answer) => {
      const [reply] = await fetchAll(replicasOf(readerThat("a", async () => answer)), optionsWith(new FakeClock()));
      expect(reply).toMatchObject({ outcome: "unreachable" });
    },
  );

  it("U1: a replica that ignores the byte cap is unreachable", async () => {
    const replicas = replicasOf(serves("a", new Uint8Array(11)), serves("b", new Uint8Array(10)));
    const replies = await fetchAll(replicas, optionsWith(new FakeClock()));
    expect(replies[0]).toMatchObject({ outcome: "unreachable", attempt: { code: "NETWORK_TOO_LARGE" } });
    expect(replies[1]).toMatchObject({ outcome: "bytes" });
  });

  it("M8: a replica that never answers is unreachable after its deadline, and the others are waited for", async () => {
    const clock = new FakeClock();
    const late = readerThat("late", async () => {
      await clock.delay(14_999);
      return { bytes: utf8("x"), tag: null };
    });
    let done = false;
    const all = fetchAll(replicasOf(hangs("a"), late), optionsWith(clock)).finally(() => {
      done = true;
    });
    await clock.advance(14_998);
    expect(done).toBe(false);
    await clock.advance(2);
    expect(await all).toMatchObject([
      { outcome: "unreachable", attempt: { code: "NETWORK_TIMEOUT" } },
      { outcome: "bytes" },
    ]);
  });

  it("U1: gives an object twice the time of a record", async () => {
    const clock = new FakeClock();
    const all = fetchAll(replicasOf(hangs("a")), optionsWith(clock, { kind: "object" }));
    await clock.advance(29_999);
    expect(clock.pending).toBe(1);
    await clock.advance(1);
    expect((await all)[0]).toMatchObject({ outcome: "unreachable" });
  });

  it("U1: no replica gets more time than the read has left", async () => {
    const clock = new FakeClock();
    let replies: readonly ReplicaReply[] = [];
    const budget = new ReadBudget({ clock, timeoutMs: 100 });
    const all = fetchAll(replicasOf(hangs("a")), optionsWith(clock, { budget })).then((result) => {
      replies = result;
    });
    await clock.advance(100);
    expect(replies).toMatchObject([{ attempt: { code: "NETWORK_TIMEOUT" } }]);
    await all;
  });

  it("U1: asks none when the requests do not suffice for all", async () => {
    const clock = new FakeClock();
    let asked = 0;
    const counted = (label: string) =>
      readerThat(label, async () => {
        asked++;
        return null;
      });
    const budget = new ReadBudget({ clock, maxRequests: 1 });
    await rejectionOf(
      "NETWORK_TIME_LIMIT",
      fetchAll(replicasOf(counted("a"), counted("b")), optionsWith(clock, { budget })),
    );
    expect(asked).toBe(0);
  });

  it("U1: lists a URL that nothing opens as unreachable, at no cost", async () => {
    const clock = new FakeClock();
    const replicas = recordReplicas({ storage: [], urlReader: null, path, urls: ["ftp://a.example/"] });
    const budget = new ReadBudget({ clock, maxRequests: 0 });
    const [reply] = await fetchAll(replicas, optionsWith(clock, { budget }));
    expect(reply).toMatchObject({ outcome: "unreachable", attempt: { code: "NETWORK_HOST_REFUSED" } });
  });

  it("U1: a read ends when the caller aborts, even if a replica ignores its signal", async () => {
    const caller = new AbortController();
    const all = fetchAll(replicasOf(hangs("a")), optionsWith(new FakeClock(), { signal: caller.signal }));
    await settle();
    caller.abort();
    await rejectionOf("NETWORK_ABORTED", all);
  });

  it("M8: a reply is a copy, so that a reused buffer cannot change verified bytes", async () => {
    const buffer = Buffer.from("abc");
    const [reply] = await fetchAll(replicasOf(serves("a", buffer)), optionsWith(new FakeClock()));
    buffer.fill(0);
    expect(reply).toMatchObject({ bytes: utf8("abc") });
  });
});

describe("ReadBudget", () => {
  it("U1: a read has 64 requests and 60 seconds by default", () => {
    const clock = new FakeClock();
    const budget = new ReadBudget({ clock });
    for (let i = 0; i < 64; i++) budget.spend("a");
    expect(() => budget.spend("a")).toThrow(
      expect.objectContaining({ code: "NETWORK_TIME_LIMIT", details: { limit: "requests", max: 64 } }),
    );
    expect(budget.remainingMs()).toBe(60_000);
  });

  it("U1: a read ends with its time", () => {
    const clock = new FakeClock();
    const budget = new ReadBudget({ clock, timeoutMs: 50 });
    clock.jumpTo(clock.nowMs() + 49);
    expect(budget.remainingMs()).toBe(1);
    budget.spend("a");
    clock.jumpTo(clock.nowMs() + 1);
    expect(() => budget.spend("a")).toThrow(
      expect.objectContaining({ code: "NETWORK_TIME_LIMIT", details: { limit: "time", max: 50 } }),
    );
    expect(budget.remainingMs()).toBe(0);
  });

  it("U1: a budget ends when the caller aborts", () => {
    const budget = new ReadBudget({ clock: new FakeClock(), signal: AbortSignal.abort() });
    expect(() => budget.spend("a")).toThrow(expect.objectContaining({ code: "NETWORK_ABORTED" }));
  });
});
