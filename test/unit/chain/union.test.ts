import { describe, expect, it } from "vitest";
import {
  ask,
  askEach,
  createPanel,
  dismiss,
  dissolve,
  firstAnswer,
  type Seat,
  spend,
  verdictOf,
  witnesses,
} from "../../../src/chain/union.js";
import { HawserError } from "../../../src/errors.js";
import { limits } from "../../../src/limits.js";
import { settle } from "../fake-clock.js";
import { World } from "../name/builder.js";
import { MinedChain, never, unreachable } from "../name/chain-world.js";
import { nothingHeld, panelOf, partialSource } from "./seats.js";

const three = ["a", "b", "c"].map((label) => partialSource(label, {}));

/** Tells when a promise is done. */
function watch(promise: Promise<unknown>): { done: boolean } {
  const state = { done: false };
  const end = (): void => {
    state.done = true;
  };
  promise.then(end, end);
  return state;
}

describe("V5: one call to one source", () => {
  it("V5: gives what the source answers", async () => {
    const { panel, seats, clock } = panelOf(three);
    expect(await ask(panel, seats[0], (source) => Promise.resolve(source.label))).toEqual({ value: "a" });
    expect(seats[0]).toMatchObject({ failure: null, gone: false });
    expect(clock.pending).toBe(0);
  });

  it("V5: a failure is written down and means not answered", async () => {
    const { panel, seats } = panelOf(three);
    const failure = unreachable("a");
    expect(await ask(panel, seats[0], () => Promise.reject(failure))).toBeNull();
    expect(seats[0]).toMatchObject({ failure, gone: false });
    const cause = new Error("broken");
    expect(await ask(panel, seats[0], () => Promise.reject(cause))).toBeNull();
    expect(seats[0].failure).toMatchObject({
      code: "NETWORK_UNREACHABLE",
      details: { url: "a", reason: "broken" },
      cause,
    });
  });

  it("V5: a source that lets the time run out is asked no more", async () => {
    const { panel, seats, clock } = panelOf(three);
    const asking = ask(panel, seats[0], () => never());
    const state = watch(asking);
    await clock.advance(limits.sourceTimeoutMs - 1);
    expect(state.done).toBe(false);
    await clock.advance(1);
    expect(state.done).toBe(true);
    expect(await asking).toBeNull();
    expect(seats[0]).toMatchObject({ failure: { code: "NETWORK_TIMEOUT" }, gone: true });
    let called = false;
    const again = await ask(panel, seats[0], () => {
      called = true;
      return Promise.resolve(1);
    });
    expect({ again, called }).toEqual({ again: null, called: false });
  });

  it("V5: a source that is dismissed while it is asked is told so and gives nothing", async () => {
    const { panel, seats } = panelOf(three);
    let told = false;
    const asking = ask(panel, seats[0], (_, signal) => {
      signal.addEventListener("abort", () => {
        told = true;
      });
      return never();
    });
    const failure = unreachable("a");
    dismiss(seats[0], failure);
    expect(await asking).toBeNull();
    expect(told).toBe(true);
    dismiss(seats[0], unreachable("a", "later"));
    expect(seats[0].failure).toBe(failure);
  });

  it("only the caller's abort is thrown", async () => {
    const controller = new AbortController();
    const { panel, seats } = panelOf(three, controller.signal);
    const asking = ask(panel, seats[0], () => never());
    controller.abort();
    await expect(asking).rejects.toMatchObject({ code: "NETWORK_ABORTED" });
    await expect(ask(panel, seats[0], () => Promise.resolve(1))).rejects.toMatchObject({ code: "NETWORK_ABORTED" });
    const { panel: other, seats: others } = panelOf(three, new AbortController().signal);
    const own = new HawserError("NETWORK_ABORTED", "It gave up.", { operation: "x" });
    expect(await ask(other, others[0], () => Promise.reject(own))).toBeNull();
  });

  it("what is under way ends with the panel", async () => {
    const { panel, seats, clock } = panelOf(three);
    const asking = ask(panel, seats[0], () => never());
    dissolve(panel);
    expect(await asking).toBeNull();
    expect(clock.pending).toBe(0);
    expect(seats[0].failure).toBeNull();
  });

  it("many calls at once cause no warning of a leak", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", onWarning);
    const { panel, seats } = panelOf(three);
    const asking = Array.from({ length: 40 }, () => ask(panel, seats[0], () => never()));
    await settle();
    dissolve(panel);
    await Promise.all(asking);
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
  });
});

describe("V5: asking several sources", () => {
  it("ends when all are done, whether they answered or not", async () => {
    const { panel, clock } = panelOf(three);
    const asked: string[] = [];
    await askEach(panel, panel.seats, async ({ label }) => {
      await settle();
      asked.push(label);
      return label === "b";
    });
    expect(asked).toEqual(["a", "b", "c"]);
    expect(clock.pending).toBe(0);
    await askEach(panel, [], () => Promise.resolve(true));
  });

  it("asks nobody who is gone", async () => {
    const { panel, seats } = panelOf(three);
    dismiss(seats[0], unreachable("a"));
    const asked: string[] = [];
    await askEach(panel, panel.seats, ({ label }) => {
      asked.push(label);
      return Promise.resolve(true);
    });
    expect(asked).toEqual(["b", "c"]);
    for (const seat of panel.seats) dismiss(seat, unreachable(seat.label));
    await askEach(panel, panel.seats, () => never());
  });

  it("V5: dismisses those that are late after one that answered", async () => {
    const { panel, clock } = panelOf(three);
    const asking = askEach(panel, panel.seats, ({ label }) => (label === "b" ? Promise.resolve(true) : never()));
    const state = watch(asking);
    await clock.advance(limits.sourceLatenessMs - 1);
    expect(state.done).toBe(false);
    await clock.advance(1);
    await asking;
    expect(panel.seats.map(({ gone }) => gone)).toEqual([true, false, true]);
    expect(panel.seats[0]?.failure).toMatchObject({
      code: "NETWORK_TIMEOUT",
      details: { url: "a", timeoutMs: limits.sourceLatenessMs },
    });
  });

  it("V5: waits as long as nobody has answered", async () => {
    const { panel, clock } = panelOf(three);
    const state = watch(askEach(panel, panel.seats, ({ label }) => (label === "b" ? Promise.resolve(false) : never())));
    await clock.advance(10 * limits.sourceLatenessMs);
    expect(state.done).toBe(false);
    expect(panel.seats.some(({ gone }) => gone)).toBe(false);
  });

  it("V5: is patient but once for a whole read, and a little always", async () => {
    const { panel, clock } = panelOf(three);
    const wait = async (late: string): Promise<number> => {
      const startMs = clock.nowMs();
      const state = watch(
        askEach(panel, panel.seats, ({ label }) => (label === late ? never() : Promise.resolve(true))),
      );
      while (!state.done) await clock.advance(500);
      return clock.nowMs() - startMs;
    };
    expect(await wait("a")).toBe(limits.sourceLatenessMs);
    expect(await wait("b")).toBe(limits.sourceMinLatenessMs);
  });

  it("V5: counts the time after the first answer alone", async () => {
    const { panel, clock } = panelOf(three);
    const first = askEach(panel, panel.seats, async ({ label }) => {
      await clock.delay({ a: 5_000, b: 8_000, c: 9_000 }[label] ?? 0);
      return true;
    });
    await clock.advance(9_000);
    await first;
    expect(panel.latenessMs).toBe(limits.sourceLatenessMs - 4_000);
  });

  it("V5: counts once what several steps wait for at the same time", async () => {
    const { panel, clock } = panelOf(three);
    const step = (lateMs: number): Promise<void> =>
      askEach(panel, panel.seats, async ({ label }) => {
        if (label === "c") await clock.delay(lateMs);
        return true;
      });
    const steps = Promise.all([step(3_000), step(3_000), step(5_000)]);
    await clock.advance(5_000);
    await steps;
    expect(panel.latenessMs).toBe(limits.sourceLatenessMs - 5_000);
    const next = step(1_000);
    await clock.advance(1_000);
    await next;
    expect(panel.latenessMs).toBe(limits.sourceLatenessMs - 6_000);
  });

  it("V5: a clock that is set back gives no more patience", async () => {
    const { panel, clock } = panelOf(three);
    const asking = askEach(panel, panel.seats, async ({ label }) => {
      if (label === "c") await clock.delay(1_000);
      if (label === "c") clock.jumpTo(clock.nowMs() - 60_000);
      return true;
    });
    await clock.advance(1_000);
    await asking;
    expect(panel.latenessMs).toBe(limits.sourceLatenessMs);
  });

  it("passes on what is thrown, and leaves no timer behind", async () => {
    const { panel, clock } = panelOf(three);
    const failing = askEach(panel, panel.seats, async ({ label }) => {
      if (label === "a") return true;
      await settle();
      throw unreachable(label);
    });
    await expect(failing).rejects.toMatchObject({ code: "NETWORK_UNREACHABLE" });
    expect(clock.pending).toBe(0);
  });
});

describe("the first answer", () => {
  it("is asked of one source after another until one has it", async () => {
    const { panel, clock } = panelOf(three);
    const asked: string[] = [];
    const attempt = ({ label }: Seat): Promise<string | null> => {
      asked.push(label);
      return Promise.resolve(label === "b" ? "found" : null);
    };
    expect(await firstAnswer(panel, panel.seats, attempt)).toBe("found");
    expect(asked).toEqual(["a", "b"]);
    expect(clock.pending).toBe(0);
  });

  it("is null when nobody has it or nobody is there", async () => {
    const { panel, seats } = panelOf(three);
    expect(await firstAnswer(panel, panel.seats, () => Promise.resolve(null))).toBeNull();
    expect(await firstAnswer(panel, [], never)).toBeNull();
    dismiss(seats[0], unreachable("a"));
    const asked: string[] = [];
    await firstAnswer(panel, panel.seats, ({ label }) => {
      asked.push(label);
      return Promise.resolve(null);
    });
    expect(asked).toEqual(["b", "c"]);
  });

  it("is asked of the next source too while one hesitates", async () => {
    const { panel, clock } = panelOf(three);
    const asked: string[] = [];
    const asking = firstAnswer(panel, panel.seats, ({ label }) => {
      asked.push(label);
      return label === "c" ? Promise.resolve("found") : never<string>();
    });
    await clock.advance(limits.sourceHedgeMs - 1);
    expect(asked).toEqual(["a"]);
    await clock.advance(1);
    expect(asked).toEqual(["a", "b"]);
    await clock.advance(limits.sourceHedgeMs);
    expect(await asking).toBe("found");
  });

  it("may come from the one that hesitated", async () => {
    const { panel, clock } = panelOf(three);
    const asking = firstAnswer(panel, panel.seats, async ({ label }) => {
      if (label === "a") await clock.delay(5_000);
      return label === "a" ? "late" : null;
    });
    const state = watch(asking);
    await clock.advance(4_999);
    expect(state.done).toBe(false);
    await clock.advance(1);
    expect(await asking).toBe("late");
  });

  it("passes on what is thrown", async () => {
    const { panel, clock } = panelOf(three);
    await expect(firstAnswer(panel, panel.seats, () => Promise.reject(unreachable("a")))).rejects.toMatchObject({
      code: "NETWORK_UNREACHABLE",
    });
    expect(clock.pending).toBe(0);
  });
});

describe("V8: the work that a source may cause", () => {
  it.each([
    ["transactions", limits.sourceMaxTransactions, 0],
    ["bytes", 0, limits.sourceMaxBytes],
  ])("V8: is bounded in %s, over the whole read", (_, transactions, bytes) => {
    const { seats } = panelOf(three);
    const [seat] = seats;
    expect(spend(seat, transactions / 2, bytes / 2)).toBe(true);
    expect(spend(seat, transactions / 2, bytes / 2)).toBe(true);
    expect(seat.gone).toBe(false);
    expect(spend(seat, Math.sign(transactions), Math.sign(bytes))).toBe(false);
    expect(seat).toMatchObject({ gone: true, failure: { code: "NETWORK_ANSWER_INVALID" } });
  });
});

describe("V4: what a source was worth", () => {
  const world = new World();
  const chain = MinedChain.of(world, 6);
  const best = chain.headerChain();
  const other = MinedChain.of(world, 6, { onto: { chain, upTo: 4 }, version: 5 }).headerChain();
  const found = [{ source: "a", network: "signet", genesisHash: "" }];
  const mismatch = new HawserError("CHAIN_NETWORK_MISMATCH", "another", { expected: "mainnet", found });
  const syncing = new HawserError("CHAIN_SOURCE_BEHIND", "behind", { source: "a", tipHeight: 1, checkpointHeight: 9 });
  const seatOn = (changes: Partial<Seat>): Seat => {
    const { seats } = panelOf(three);
    return { ...seats[0], chain: best, reach: 6, ...changes };
  };

  it("V4: absence is witnessed by those that reach the height on the best chain", () => {
    expect(witnesses(seatOn({}), best, 6)).toBe(true);
    expect(witnesses(seatOn({ reach: 5 }), best, 6)).toBe(false);
    expect(witnesses(seatOn({ reach: 5 }), best, 5)).toBe(true);
    expect(witnesses(seatOn({ chain: null }), best, 6)).toBe(false);
    expect(witnesses(seatOn({ chain: other }), best, 6)).toBe(false);
    expect(witnesses(seatOn({ chain: other }), best, 5)).toBe(false);
    expect(witnesses(seatOn({ chain: other }), best, 4)).toBe(true);
  });

  it.each([
    ["that answered everything", "agreed", {}, true],
    ["that left an answer out", "unreachable", {}, false],
    ["without a chain", "unreachable", { chain: null, lies: 1, withheld: true }, true],
    ["without a chain, whose failure is known", "unreachable", { chain: null, failure: unreachable("a") }, false],
    ["of another network", "other-network", { chain: null, failure: mismatch }, false],
    ["that has not reached the checkpoint", "behind", { chain: null, failure: syncing }, false],
    ["with another block at the height", "other-chain", { chain: other, lies: 1, withheld: true }, true],
    ["with another block below the height", "other-chain", { chain: other, reach: 5 }, true],
    ["that ends before the chains part", "behind", { chain: other, reach: 4 }, true],
    ["that ends before the height", "behind", { reach: 5, lies: 1, withheld: true }, true],
    ["that lied and left something out", "lied", { lies: 1, withheld: true }, true],
    ["that left out what another proved", "withheld", { withheld: true }, true],
    ["that left out more than one thing", "withheld", { withheld: true }, false],
  ] as const)("V4: a source %s: %s", (_, verdict, changes, complete) => {
    expect(verdictOf(seatOn(changes), best, 6, complete)).toBe(verdict);
  });

  it("V4: nothing is known of a source at first", () => {
    const { clock } = panelOf(three);
    const [seat] = createPanel(three, clock, undefined).seats;
    expect(seat).toMatchObject({ label: "a", chain: null, reach: -1, failure: null, lies: 0, gone: false });
    expect(seat !== undefined && verdictOf(seat, nothingHeld(), 0, false)).toBe("unreachable");
  });
});
