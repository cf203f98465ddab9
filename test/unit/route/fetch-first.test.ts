import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { type Attempt, HawserError } from "../../../src/errors.js";
import type { StorageReader } from "../../../src/ports.js";
import { ReadBudget } from "../../../src/route/budget.js";
import { type FetchFirstOptions, fetchFirstValid } from "../../../src/route/fetch-first.js";
import { recordReplicas } from "../../../src/route/replicas.js";
import { FakeClock, settle } from "../fake-clock.js";
import { rejectionOf } from "../mutable/world.js";
import { fails, hangs, readerThat, serves } from "./places.js";

const good = utf8("good");
const bad = utf8("bad");

function accept(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes);
  if (text === "good") return text;
  throw new HawserError("CONTENT_UNVERIFIED", "Wrong.", { key: "k", attempts: [] });
}

function fail(attempts: readonly Attempt[], anyWrong: boolean): HawserError {
  return anyWrong
    ? new HawserError("CONTENT_UNVERIFIED", "Wrong.", { key: "k", attempts })
    : new HawserError("CONTENT_UNAVAILABLE", "Gone.", { key: "k", attempts });
}

function first(storage: readonly StorageReader[], clock: FakeClock, changes: Partial<FetchFirstOptions> = {}) {
  const replicas = recordReplicas({ storage, urlReader: null, path: "objects/ab/cd", urls: [] });
  const options = { clock, budget: new ReadBudget({ clock }), kind: "object", maxBytes: 10, fail } as const;
  return fetchFirstValid(replicas, accept, { ...options, ...changes });
}

describe("fetchFirstValid", () => {
  it("I2: takes the first replica whose bytes are accepted and tells what failed before", async () => {
    const found = await first([fails("a"), serves("b", null), serves("c", bad), serves("d", good)], new FakeClock());
    expect(found).toMatchObject({ value: "good", label: "d" });
    expect(found.attempts.map(({ label, code }) => [label, code])).toEqual([
      ["a", "BUG_UNREACHABLE"],
      ["b", "absent"],
      ["c", "CONTENT_UNVERIFIED"],
    ]);
  });

  it("I2: asks no further replica than it needs", async () => {
    let asked = 0;
    const counted = readerThat("b", async () => {
      asked++;
      return null;
    });
    await first([serves("a", good), counted], new FakeClock());
    expect(asked).toBe(0);
  });

  it("I2: asks the next replica beside a slow one after 1.5 seconds, at most 3 at a time", async () => {
    const clock = new FakeClock();
    const asked: string[] = [];
    const slow = (label: string) =>
      readerThat(label, () => {
        asked.push(label);
        return new Promise(() => undefined);
      });
    const found = first([slow("a"), slow("b"), slow("c"), slow("d"), serves("e", good)], clock);
    await clock.advance(1_499);
    expect(asked).toEqual(["a"]);
    await clock.advance(1);
    expect(asked).toEqual(["a", "b"]);
    await clock.advance(10_000);
    expect(asked).toEqual(["a", "b", "c"]);
    await clock.advance(30_000);
    expect((await found).label).toBe("e");
  });

  it("I2: tells the losers to stop and leaves no timer behind", async () => {
    const clock = new FakeClock();
    let stopped = false;
    const slow = readerThat("a", ({ signal }) => {
      signal?.addEventListener("abort", () => {
        stopped = true;
      });
      return new Promise(() => undefined);
    });
    const found = first([slow, serves("b", good)], clock, { hedgeDelayMs: 10 });
    await clock.advance(10);
    expect((await found).label).toBe("b");
    await settle();
    expect(stopped).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it("P6: says whether any replica answered with wrong bytes", async () => {
    await rejectionOf("CONTENT_UNAVAILABLE", first([fails("a"), serves("b", null)], new FakeClock()));
    const error = await rejectionOf("CONTENT_UNVERIFIED", first([serves("a", bad), fails("b")], new FakeClock()));
    expect(error.details.attempts).toHaveLength(2);
    await rejectionOf("CONTENT_UNAVAILABLE", first([], new FakeClock()));
  });

  it("U1: ends when the requests are used up, unless one under way succeeds", async () => {
    const clock = new FakeClock();
    const budget = () => new ReadBudget({ clock, maxRequests: 1 });
    await rejectionOf("NETWORK_TIME_LIMIT", first([fails("a"), serves("b", good)], clock, { budget: budget() }));
    const late = readerThat("a", async () => {
      await clock.delay(5_000);
      return { bytes: good, tag: null };
    });
    const found = first([late, serves("b", good)], clock, { budget: budget() });
    await clock.advance(5_000);
    expect((await found).label).toBe("a");
  });

  it("U1: ends when the caller aborts", async () => {
    const caller = new AbortController();
    const found = first([hangs("a"), hangs("b")], new FakeClock(), { signal: caller.signal });
    await settle();
    caller.abort();
    await rejectionOf("NETWORK_ABORTED", found);
  });
});
