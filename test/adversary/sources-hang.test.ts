import { describe, expect, it } from "vitest";
import { concatBytes } from "../../src/bytes/bytes.js";
import { parseTransaction } from "../../src/chain/transaction.js";
import { HawserError } from "../../src/errors.js";
import { limits } from "../../src/limits.js";
import type { ChainSource } from "../../src/ports.js";
import { LATE_MS } from "../unit/chain/mining.js";
import { FakeClock } from "../unit/fake-clock.js";
import { buildTransaction, p2pkh, profile, World } from "../unit/name/builder.js";
import { hiding, MinedChain, never, sourceOf, type Twist } from "../unit/name/chain-world.js";
import {
  attemptCodes,
  failureOf,
  type Reading,
  read,
  readOutcome,
  resolutionOf,
  verdicts,
} from "../unit/name/reading.js";

type Method = "tip" | "headers" | "history" | "transaction" | "inclusion" | "outspend";
const METHODS: readonly Method[] = ["tip", "headers", "history", "transaction", "inclusion", "outspend"];

const world = new World();
const { register } = world.register(3);
const update = world.update(5, register, profile(2));
const chain = MinedChain.of(world, 8);

/** Never answers one method. */
const hanging =
  (method: Method): Twist =>
  () => ({ [method]: () => never() });

/** A read whose time a test moves; `tookMs` counts until it was done. */
async function timed(
  reading: Omit<Reading, "clock">,
): Promise<{ outcome: Awaited<ReturnType<typeof readOutcome>>; tookMs: number; clock: FakeClock }> {
  const clock = new FakeClock(LATE_MS);
  let tookMs = -1;
  const outcome = readOutcome({ ...reading, clock }).finally(() => {
    tookMs = clock.nowMs() - LATE_MS;
  });
  for (let i = 0; i < 1_000 && tookMs < 0; i++) await clock.advance(250);
  if (tookMs < 0) throw new Error("the read hangs");
  return { outcome: await outcome, tookMs, clock };
}

/** Longest that a read may wait for what others were faster at: its patience once, then a little for each step. */
const MOST_MS = limits.sourceLatenessMs + 5 * limits.sourceMinLatenessMs;

describe("V5: a source that never answers", () => {
  it.each(METHODS)("V5: %s: is dismissed after others have answered", async (method) => {
    for (const labels of [
      ["a", "b"],
      ["b", "a"],
    ]) {
      const sources = labels.map((label) => sourceOf(label, chain, label === "a" ? hanging(method) : undefined));
      const { outcome, tookMs, clock } = await timed({ world, sources, minSources: 1 });
      const found = resolutionOf(outcome);
      expect(found.state.profileHash).toEqual(profile(2));
      expect(verdicts(found)["b"]).toBe("agreed");
      expect(tookMs).toBeLessThanOrEqual(MOST_MS);
      expect(clock.pending).toBe(0);
    }
  });

  it.each(["tip", "history", "outspend"] as const)("V5: %s: it has not answered", async (method) => {
    const sources = [sourceOf("a", chain, hanging(method)), sourceOf("b", chain)];
    const { outcome } = await timed({ world, sources, minSources: 1 });
    const found = resolutionOf(outcome);
    expect(verdicts(found)).toEqual({ a: "unreachable", b: "agreed" });
    expect(found.asOf.partial).toBe(true);
    const { outcome: all } = await timed({ world, sources, minSources: 1, requireAllSources: true });
    expect(all.result).toMatchObject({
      code: "CHAIN_UNAVAILABLE",
      details: { needed: 2, answered: 1, attempts: [{ label: "a", code: "NETWORK_TIMEOUT" }] },
    });
  });

  it.each(METHODS)("V5: %s: alone it makes the read fail after the timeout", async (method) => {
    const { outcome, tookMs } = await timed({ world, sources: [sourceOf("a", chain, hanging(method))] });
    expect(outcome.result).toMatchObject({
      code: "CHAIN_UNAVAILABLE",
      details: { needed: 1, answered: 0, attempts: [{ label: "a", code: "NETWORK_TIMEOUT" }] },
    });
    expect(tookMs).toBeLessThanOrEqual(limits.sourceTimeoutMs + 250);
  });

  it("V5: many that hang one after the other hold the read no longer than one", async () => {
    const sources = METHODS.map((method) => sourceOf(method, chain, hanging(method)));
    const { outcome, tookMs } = await timed({ world, sources: [...sources, sourceOf("b", chain)], minSources: 1 });
    expect(resolutionOf(outcome).state.profileHash).toEqual(profile(2));
    expect(tookMs).toBeLessThanOrEqual(MOST_MS);
  });

  it("V1: one that names an honest tip does not hold up those that serve its headers", async () => {
    const sources = [sourceOf("a", chain, hanging("headers")), sourceOf("b", chain), sourceOf("c", chain)];
    const { outcome, tookMs } = await timed({ world, sources });
    expect(resolutionOf(outcome).asOf.tipHeight).toBe(8);
    expect(tookMs).toBeLessThanOrEqual(limits.sourceTimeoutMs + 250);
    expect(sources[1]?.calls).toContain("headers");
  });

  it("the caller's abort ends the read and tells the sources", async () => {
    for (const method of METHODS) {
      const clock = new FakeClock(LATE_MS);
      const controller = new AbortController();
      const told: boolean[] = [];
      const telling: Twist = () => ({
        [method]: (...args: readonly unknown[]) => {
          const { signal } = args.at(-1) as { readonly signal: AbortSignal };
          signal.addEventListener("abort", () => told.push(true));
          return never();
        },
      });
      const reading = readOutcome({
        world,
        sources: [sourceOf("a", chain, telling)],
        clock,
        signal: controller.signal,
      });
      await clock.advance(1);
      controller.abort();
      await expect(reading).rejects.toMatchObject({ code: "NETWORK_ABORTED" });
      expect(told).toContain(true);
      expect(clock.pending).toBe(0);
    }
  });
});

describe("V5: a source that gives no usable answer", () => {
  const wrong: readonly (readonly [string, Twist])[] = METHODS.flatMap((method) => [
    [
      `${method}: throws at once`,
      () => ({
        [method]: () => {
          throw new Error("broken");
        },
      }),
    ],
    [`${method}: fails`, () => ({ [method]: () => Promise.reject(new Error("broken")) })],
    [`${method}: undefined`, () => ({ [method]: () => Promise.resolve(undefined) })],
    [`${method}: text`, () => ({ [method]: () => Promise.resolve("ab".repeat(80)) })],
    [`${method}: an object`, () => ({ [method]: () => Promise.resolve({ height: Number.NaN, spent: "no" }) })],
  ]);

  it.each(wrong)("V5: %s", async (_, twist) => {
    const [a, b, c] = [sourceOf("a", chain, twist), sourceOf("b", chain), sourceOf("c", chain)];
    const found = await read({ world, sources: [a, b, c] });
    expect(found.state.profileHash).toEqual(profile(2));
    expect(verdicts(found)).toMatchObject({ b: "agreed", c: "agreed" });
    const error = await failureOf("CHAIN_UNAVAILABLE", { world, sources: [a] });
    const codes = ["NETWORK_UNREACHABLE", "NETWORK_ANSWER_INVALID"];
    expect(codes).toContain(attemptCodes(error)["a"]);
  });

  it("V5: heights below 0, positions below 0 and hashes that are none", async () => {
    const twists: readonly Partial<ChainSource>[] = [
      { tip: () => Promise.resolve({ height: -1, hash: chain.hashAt(8), recentHeaders: new Uint8Array() }) },
      { tip: () => Promise.resolve({ height: 8, hash: "xy".repeat(32), recentHeaders: new Uint8Array() }) },
      { history: () => Promise.resolve([{ txid: register.txid, height: -3 }]) },
      { history: () => Promise.resolve([{ txid: "xy".repeat(32), height: 3 }]) },
      { inclusion: () => Promise.resolve({ height: -1, position: 1, branch: [] }) },
      { inclusion: () => Promise.resolve({ height: 3, position: -1, branch: [] }) },
      { outspend: () => Promise.resolve({ spent: true, txid: "xy".repeat(32), height: 5 }) },
      { outspend: () => Promise.resolve({ spent: true, txid: update.txid, height: -5 }) },
    ];
    for (const twist of twists) {
      const error = await failureOf("CHAIN_UNAVAILABLE", { world, sources: [sourceOf("a", chain, () => twist)] });
      expect(attemptCodes(error)).toEqual({ a: "NETWORK_ANSWER_INVALID" });
    }
  });

  it("V5: branch items that are no hashes prove nothing", async () => {
    const short: Twist = (honest) => ({
      inclusion: async (txid, height) => {
        const claim = await honest.inclusion(txid, height);
        return claim === null ? null : { ...claim, branch: claim.branch.map((hash) => hash.subarray(1)) };
      },
    });
    const error = await failureOf("CHAIN_UNAVAILABLE", { world, sources: [sourceOf("a", chain, short)] });
    expect(error).toBeInstanceOf(HawserError);
    const found = await read({ world, sources: [sourceOf("a", chain, short), sourceOf("b", chain)], minSources: 1 });
    expect(found.state.profileHash).toEqual(profile(2));
  });
});

describe("V8: a source that reports too much", () => {
  it("V8: a history that is too long is no answer", async () => {
    const entries = Array.from({ length: limits.historyMaxEntries + 1 }, () => ({ txid: register.txid, height: 3 }));
    const long: Twist = () => ({ history: () => Promise.resolve(entries) });
    const found = await read({ world, sources: [sourceOf("a", chain, long), sourceOf("b", chain)], minSources: 1 });
    expect(found.state.profileHash).toEqual(profile(2));
    expect(verdicts(found)).toEqual({ a: "unreachable", b: "agreed" });
    await failureOf("CHAIN_UNAVAILABLE", { world, sources: [sourceOf("a", chain, long)] });
  });

  /** A history that ends with transactions that mean nothing, all of which it serves. */
  function flooding(junk: ReadonlyMap<string, Uint8Array>): Twist {
    const entries = [...junk.keys()].map((txid) => ({ txid, height: 4 }));
    return (honest) => ({
      history: async (script) => [...(await honest.history(script)), ...entries],
      transaction: (txid) => {
        const raw = junk.get(txid);
        return raw === undefined ? honest.transaction(txid) : Promise.resolve(raw);
      },
    });
  }

  async function isTooMuch(twist: Twist): Promise<void> {
    const sources = [sourceOf("a", chain, twist), sourceOf("b", chain), sourceOf("c", chain, hiding(update))];
    const found = await read({ world, sources });
    expect(found.state.profileHash).toEqual(profile(2));
    expect(verdicts(found)).toEqual({ a: "unreachable", b: "agreed", c: "withheld" });
    expect(found.asOf.partial).toBe(true);
    const error = await failureOf("CHAIN_UNAVAILABLE", { world, sources: [sourceOf("a", chain, twist)] });
    expect(error.details.attempts).toMatchObject([
      { label: "a", code: "NETWORK_ANSWER_INVALID", message: expect.stringContaining("more than") as string },
    ]);
  }

  it("V8: a flood of transactions", async () => {
    const junk = Array.from({ length: limits.sourceMaxTransactions }, (_, i) =>
      buildTransaction({
        inputs: [{ txid: update.txid, vout: 1 }],
        outputs: [{ valueSats: BigInt(i), script: p2pkh }],
      }),
    );
    const raws = new Map(junk.slice(1).map(({ txid, raw }) => [txid, raw]));
    await isTooMuch((honest) => ({
      ...flooding(raws)(honest),
      // With this one and the REGISTER it sends more than the cap.
      outspend: async (outpoint, script) => {
        const spend = await honest.outspend(outpoint, script);
        return spend.spent ? spend : { spent: true, txid: junk[0]?.txid ?? "", height: null };
      },
      history: () => Promise.resolve([...raws.keys(), register.txid].map((txid) => ({ txid, height: 4 }))),
    }));
  });

  it("V8: a flood of bytes", async () => {
    const size = 3_900_000;
    const script = concatBytes(Uint8Array.of(0xfe, size & 255, (size >> 8) & 255, size >> 16, 0), new Uint8Array(size));
    const junk = Array.from({ length: Math.ceil(limits.sourceMaxBytes / size) }, (_, i) => {
      const { raw } = buildTransaction({
        inputs: [{ txid: "05".repeat(32), vout: i }],
        outputs: [{ valueSats: 5n, script: p2pkh }],
      });
      // All but the small script's length and bytes, and the lock time.
      const head = raw.subarray(0, raw.length - 4 - 1 - p2pkh.length);
      return concatBytes(head, script, new Uint8Array(4));
    });
    await isTooMuch(flooding(new Map(junk.map((raw) => [parseTransaction(raw).txid, raw]))));
  });
});
