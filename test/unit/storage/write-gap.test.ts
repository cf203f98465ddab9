import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { WRITE_GAP_MAX_MS, WriteGap } from "../../../src/storage/write-gap.js";
import { FakeClock, settle } from "../fake-clock.js";
import { expectCode } from "./expect-code.js";

const START_MS = 1_700_000_000_000;

/** A gap of 1,000 ms, and a list of what was sent when. */
function paced(minWriteGapMs = 1_000, clock = new FakeClock(START_MS)) {
  const gap = new WriteGap({ minWriteGapMs, clock, label: "bucket" });
  const sent: string[] = [];
  /** Sends at once, and answers after `tookMs`. */
  const write = (key: string, name: string, signal?: AbortSignal, tookMs = 0): Promise<string> =>
    gap.run(key, signal, async () => {
      sent.push(`${name} ${clock.nowMs() - START_MS}`);
      if (tookMs > 0) await clock.delay(tookMs);
      return name;
    });
  return { gap, clock, sent, write };
}

describe("WriteGap", () => {
  it("keeps writes of one key apart, in the order in which they were asked for, and gives each its own outcome", async () => {
    const { clock, sent, write } = paced();
    const all = Promise.all([write("a", "one"), write("a", "two"), write("a", "three")]);
    await settle();
    expect(sent).toEqual(["one 0"]);
    await clock.advance(999);
    expect(sent).toEqual(["one 0"]);
    await clock.advance(1);
    expect(sent).toEqual(["one 0", "two 1000"]);
    await clock.advance(1_000);
    expect(sent).toEqual(["one 0", "two 1000", "three 2000"]);
    expect(await all).toEqual(["one", "two", "three"]);
    expect(clock.pending).toBe(0);
  });

  it("counts from the end of the one before: the service may have counted it then", async () => {
    const { clock, sent, write } = paced();
    const first = write("a", "one", undefined, 400);
    const second = write("a", "two");
    await clock.advance(1_399);
    await first;
    expect(sent).toEqual(["one 0"]);
    await clock.advance(1);
    await second;
    expect(sent).toEqual(["one 0", "two 1400"]);
    // Only what is left of the gap.
    await clock.advance(700);
    const third = write("a", "three");
    await clock.advance(300);
    await third;
    expect(sent[2]).toBe("three 2400");
    await clock.advance(1_000);
    await write("a", "four");
    expect(sent[3]).toBe("four 3400");
  });

  it("different keys do not wait for each other", async () => {
    const { clock, sent, write } = paced();
    const hanging = write("a", "a1", undefined, 5_000);
    const waiting = write("a", "a2");
    await Promise.all([write("b", "b1"), write("c", "c1")]);
    expect(sent).toEqual(["a1 0", "b1 0", "c1 0"]);
    await clock.advance(6_000);
    await Promise.all([hanging, waiting]);
  });

  it("a write that failed counts, and does not stop those behind it", async () => {
    const { gap, clock, sent, write } = paced();
    const failed = gap.run("a", undefined, () => Promise.reject(new Error("no"))).catch(String);
    const thrown = gap
      .run("a", undefined, () => {
        throw new Error("at once");
      })
      .catch(String);
    const third = write("a", "three");
    expect(await failed).toBe("Error: no");
    await clock.advance(999);
    expect(sent).toEqual([]);
    await clock.advance(1);
    expect(await thrown).toBe("Error: at once");
    await clock.advance(1_000);
    await third;
    expect(sent).toEqual(["three 2000"]);
  });

  it("an abort ends what waits for the gap, sends nothing, and leaves those behind as they were", async () => {
    const { clock, sent, write } = paced();
    const caller = new AbortController();
    await write("a", "one");
    const second = expectCode("NETWORK_ABORTED", write("a", "two", caller.signal));
    const third = write("a", "three");
    await clock.advance(400);
    caller.abort(new Error("enough"));
    const error = await second;
    expect([error.details.operation, (error.cause as Error).message]).toEqual(["bucket", "enough"]);
    await clock.advance(599);
    expect(sent).toEqual(["one 0"]);
    await clock.advance(1);
    await third;
    expect(sent).toEqual(["one 0", "three 1000"]);
    expect(clock.pending).toBe(0);
  });

  it("an abort ends what waits behind another, at once, and keeps the order of the rest", async () => {
    const { clock, sent, write } = paced();
    const callers = [new AbortController(), new AbortController()] as const;
    const first = write("a", "one", undefined, 500);
    const second = write("a", "two");
    const third = expectCode("NETWORK_ABORTED", write("a", "three", callers[0].signal));
    const fourth = write("a", "four");
    const fifth = expectCode("NETWORK_ABORTED", write("a", "five", callers[1].signal));
    await settle();
    for (const caller of callers) caller.abort();
    expect((await third).details.operation).toBe("bucket");
    await fifth;
    await clock.advance(10_000);
    await Promise.all([first, second, fourth]);
    expect(sent).toEqual(["one 0", "two 1500", "four 2500"]);
  });

  it("an abort of one whose turn has come takes nobody else out of the row, and no signal is heard for longer", async () => {
    const { clock, sent, write } = paced();
    const [aborted, kept] = [new AbortController(), new AbortController()];
    const first = write("a", "one", kept.signal, 500);
    const second = expectCode("NETWORK_ABORTED", write("a", "two", aborted.signal));
    const third = write("a", "three", kept.signal);
    await clock.advance(1_000);
    aborted.abort();
    await second;
    await clock.advance(500);
    await Promise.all([first, third]);
    expect(sent).toEqual(["one 0", "three 1500"]);
    expect(getEventListeners(kept.signal, "abort")).toEqual([]);
  });

  it("an abort that came before asks for no turn; one that comes as the gap ends sends nothing", async () => {
    const { clock, sent, write } = paced();
    const first = write("a", "one", undefined, 500);
    await expectCode("NETWORK_ABORTED", write("a", "none", AbortSignal.abort()));
    await clock.advance(500);
    await first;
    const caller = new AbortController();
    // A clock that does not heed its signal.
    const deaf = paced(1_000, new FakeClock(START_MS));
    deaf.clock.delay = (ms) => clock.delay(ms);
    await deaf.write("a", "one");
    const waiting = expectCode("NETWORK_ABORTED", deaf.write("a", "two", caller.signal));
    await settle();
    caller.abort();
    await clock.advance(1_000);
    await waiting;
    expect([sent, deaf.sent]).toEqual([["one 0"], ["one 0"]]);
  });

  it("a clock that fails sends nothing", async () => {
    const { clock, sent, write } = paced();
    await write("a", "one");
    clock.delay = () => Promise.reject(new Error("no timer"));
    await expect(write("a", "two", new AbortController().signal)).rejects.toThrow("no timer");
    expect(sent).toEqual(["one 0"]);
  });

  it("what was sent and does not heed its abort holds nobody up, and counts from the abort", async () => {
    const { gap, clock, sent, write } = paced();
    const caller = new AbortController();
    let answer = (): void => undefined;
    const hanging = gap.run("a", caller.signal, () => new Promise<void>((resolve) => (answer = resolve)));
    const second = write("a", "two");
    const third = write("a", "three");
    const fourth = write("a", "four");
    await clock.advance(5_000);
    expect(sent).toEqual([]);
    caller.abort();
    await clock.advance(999);
    expect(sent).toEqual([]);
    await clock.advance(1);
    await second;
    expect(sent).toEqual(["two 6000"]);
    // Its answer, late, gives away no second turn.
    answer();
    await hanging;
    await clock.advance(999);
    expect(sent).toEqual(["two 6000"]);
    await clock.advance(1);
    await third;
    expect(sent).toEqual(["two 6000", "three 7000"]);
    await clock.advance(1_000);
    await fourth;
    expect(sent[2]).toBe("four 8000");
  });

  it("an abort after the end does not count as a write", async () => {
    const { clock, sent, write } = paced();
    const caller = new AbortController();
    await write("a", "one", caller.signal);
    const second = write("a", "two");
    await clock.advance(500);
    const third = write("a", "three");
    caller.abort();
    await clock.advance(500);
    await second;
    expect(sent).toEqual(["one 0", "two 1000"]);
    await clock.advance(1_000);
    await third;
  });

  it("remembers a key for as long as its gap lasts", async () => {
    const { gap, clock, write } = paced();
    for (let index = 0; index < 100; index++) {
      await write(`${index}`, "x");
      await clock.advance(100);
    }
    expect(gap.remembered).toBe(10);
    const caller = new AbortController();
    const given = expectCode("NETWORK_ABORTED", write("99", "x", caller.signal));
    await settle();
    caller.abort();
    await given;
    await clock.advance(1_000);
    await write("last", "x");
    expect(gap.remembered).toBe(1);
  });

  it("forgets others beside a key that is written again and again", async () => {
    const { gap, clock, write } = paced();
    await write("often", "x");
    for (let index = 0; index < 20; index++) {
      await write(`${index}`, "x");
      const again = write("often", "x");
      await clock.advance(1_000);
      await again;
    }
    expect(gap.remembered).toBeLessThan(4);
  });

  it("a clock that is set back makes nothing wait longer than the gap", async () => {
    const { clock, sent, write } = paced();
    await write("a", "one");
    clock.jumpTo(START_MS - 3_600_000);
    const second = write("a", "two");
    await clock.advance(1_000);
    await second;
    expect(sent[1]).toBe("two -3599000");
    // It goes on from there.
    await clock.advance(600);
    const third = write("a", "three");
    await clock.advance(400);
    await third;
    expect(sent[2]).toBe("three -3598000");
  });

  it("0 lets everything go at once, in any order", async () => {
    const { gap, sent, write, clock } = paced(0);
    const hanging = write("a", "one", undefined, 1_000);
    await write("a", "two");
    expect(sent).toEqual(["one 0", "two 0"]);
    expect(gap.remembered).toBe(0);
    await clock.advance(1_000);
    await hanging;
  });

  it.each([-1, 0.5, Number.NaN, WRITE_GAP_MAX_MS + 1, "1000", null])("refuses a gap of %j", async (minWriteGapMs) => {
    const error = await expectCode("INPUT_INVALID", () => paced(minWriteGapMs as number));
    expect(error.details).toMatchObject({ argument: "minWriteGapMs", expected: "integer from 0 to 60000" });
    expect(paced(60_000).gap.minWriteGapMs).toBe(60_000);
  });
});
