import { describe, expect, it } from "vitest";
import { SourceHealth } from "../../../src/chain/source-health.js";
import type { Seat, SourceRest } from "../../../src/chain/union.js";
import { HawserError } from "../../../src/errors.js";
import { limits } from "../../../src/limits.js";
import { nothingHeld } from "./seats.js";

/** Such that its milliseconds add nothing to a rest. */
const START_MS = 1_700_000_000_000;
const LABELS = ["a", "b", "c"];
const unreachable = new HawserError("NETWORK_UNREACHABLE", "a is down.", { url: "a", reason: "down" });
const timeout = new HawserError("NETWORK_TIMEOUT", "a is late.", { url: "a", timeoutMs: 1 });
const status = (code: number): HawserError =>
  new HawserError("NETWORK_STATUS", "a is busy.", { url: "a", status: code, reason: "busy" });

type Ended = Pick<Seat, "label" | "failure" | "gone" | "chain" | "rest">;
const well = (label: string): Ended => ({ label, failure: null, gone: false, chain: nothingHeld(), rest: null });
const down = (label: string, failure: HawserError = unreachable): Ended => ({ ...well(label), failure, chain: null });

/** A health of which a test says what each read ended with, one after the other. */
function healthAfter(...reads: readonly Ended[]): { health: SourceHealth; restsAt: (nowMs: number) => string[] } {
  const health = new SourceHealth(limits);
  reads.forEach((seat, i) => {
    health.note([seat], START_MS + i, START_MS + i);
  });
  return { health, restsAt: (nowMs) => [...health.rest(LABELS, 1, nowMs).keys()] };
}

/** When the last of `failures` reads in a row, each as soon as it may be, is over, and how long the source then rests. */
function restAfter(failures: number, startMs = START_MS): number {
  const health = new SourceHealth(limits);
  for (let i = 0; i < failures; i++) health.note([down("a")], startMs, startMs);
  return health.rest(LABELS, 1, startMs).get("a")?.forMs ?? 0;
}

describe("V5: a source that gives no answer", () => {
  it("V5: is left alone after so many reads in a row, and not before", () => {
    const failing = Array.from({ length: limits.sourceFailuresBeforeRest }, () => down("a"));
    expect(healthAfter(...failing.slice(1)).restsAt(START_MS + 10)).toEqual([]);
    expect(healthAfter(...failing).restsAt(START_MS + 10)).toEqual(["a"]);
  });

  it("V5: an answer in between begins the count anew", () => {
    expect(healthAfter(down("a"), down("a"), well("a"), down("a"), down("a")).restsAt(START_MS + 10)).toEqual([]);
  });

  it.each([
    ["could not be reached", down("a"), true],
    ["was late", { ...down("a", timeout), gone: true }, true],
    ["was late after it gave its headers", { ...well("a"), failure: timeout, gone: true }, true],
    ["answered with 503", down("a", status(503)), true],
    ["answered with 429", down("a", status(429)), true],
    ["answered with 404", down("a", status(404)), false],
    ["gave its chain and stumbled over one question", { ...well("a"), failure: unreachable }, false],
    [
      "sent what is no answer",
      down("a", new HawserError("NETWORK_ANSWER_INVALID", "a errs.", { url: "a", reason: "no" })),
      false,
    ],
    [
      "is of another network",
      { ...down("a", new HawserError("CHAIN_NETWORK_MISMATCH", "a.", { expected: "x", found: [] })), gone: true },
      false,
    ],
  ])("V5: one that %s", (_, seat, rests) => {
    expect(healthAfter(seat, seat, seat).restsAt(START_MS + 10)).toEqual(rests ? ["a"] : []);
  });

  it("V5: reads beside one another count an outage once", () => {
    const health = new SourceHealth(limits);
    for (let i = 0; i < 5; i++) health.note([down("a")], START_MS, START_MS + 100);
    expect(health.rest(LABELS, 1, START_MS + 200).size).toBe(0);
  });

  it("V5: rests twice as long after each further failure, up to a cap", () => {
    const first = restAfter(limits.sourceFailuresBeforeRest);
    expect(first).toBe(limits.sourceRestMs * 0.75);
    expect(restAfter(limits.sourceFailuresBeforeRest + 1)).toBe(2 * first);
    expect(restAfter(limits.sourceFailuresBeforeRest + 2)).toBe(4 * first);
    expect(restAfter(100)).toBe(limits.sourceRestMaxMs * 0.75);
  });

  it("V5: readers do not come back all at once", () => {
    const late = restAfter(limits.sourceFailuresBeforeRest, START_MS + 999);
    expect(late).toBeGreaterThan(limits.sourceRestMs * 0.99);
    expect(late).toBeLessThanOrEqual(limits.sourceRestMs);
  });

  it("V5: is then asked by one read, and by the next ones once that is over", () => {
    const { health, restsAt } = healthAfter(down("a"), down("a"), down("a"));
    const overMs = START_MS + 2 + limits.sourceRestMs;
    expect(restsAt(overMs)).toEqual([]);
    expect(restsAt(overMs)).toEqual(["a"]);
    // A probe that was given up says nothing: the next one comes after the time that one call may take.
    expect(restsAt(overMs + limits.sourceTimeoutMs)).toEqual([]);
    health.note([well("a")], overMs, overMs + 1);
    expect(restsAt(overMs + 2)).toEqual([]);
    expect(restsAt(overMs + 2)).toEqual([]);
  });

  it("V5: a probe that fails too makes it rest longer", () => {
    const { health, restsAt } = healthAfter(down("a"), down("a"), down("a"));
    const overMs = START_MS + 2 + limits.sourceRestMs;
    expect(restsAt(overMs)).toEqual([]);
    health.note([down("a")], overMs, overMs);
    expect(restsAt(overMs + limits.sourceRestMs)).toEqual(["a"]);
    expect(restsAt(overMs + 2 * limits.sourceRestMs)).toEqual([]);
  });

  it("V5: is asked all the same where the others are too few", () => {
    const health = new SourceHealth(limits);
    for (let i = 0; i < 3; i++) health.note([down("a"), down("b")], START_MS + i, START_MS + i);
    const resting = (needed: number): string[] => [...health.rest(LABELS, needed, START_MS + 5).keys()];
    expect(resting(1)).toEqual(["a", "b"]);
    expect(resting(2)).toEqual([]);
    expect(resting(3)).toEqual([]);
  });

  it("V5: tells what it failed with and how long it rests; that it was not asked is no answer", () => {
    const { health } = healthAfter(down("a"), down("a"), down("a", timeout));
    const rest: SourceRest | undefined = health.rest(LABELS, 1, START_MS + 3).get("a");
    expect(rest).toMatchObject({ failure: timeout });
    expect(Number.isSafeInteger(rest?.forMs)).toBe(true);
    health.note(
      [{ ...well("a"), rest: rest ?? null, gone: true, failure: timeout, chain: null }],
      START_MS,
      START_MS + 4,
    );
    expect(health.rest(LABELS, 1, START_MS + 5).get("a")?.forMs).toBeLessThanOrEqual(rest?.forMs ?? 0);
  });

  it("V5: a clock that is set back does not make it rest for ever", () => {
    const { restsAt } = healthAfter(down("a"), down("a"), down("a"));
    expect(restsAt(START_MS - limits.sourceRestMaxMs)).toEqual([]);
  });
});
