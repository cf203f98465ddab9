import { describe, expect, it } from "vitest";
import { watchProgress } from "../../../src/runtime/progress.js";
import { FakeClock } from "../fake-clock.js";

const URL = "https://a.example/x";
const progress = { firstByteMs: 1_000, idleMs: 3_000 };

describe("watchProgress", () => {
  it("gives up a server that sends nothing, at once when its time is over", async () => {
    const clock = new FakeClock();
    const watch = watchProgress(progress, clock, URL, undefined);
    await clock.advance(999);
    expect([watch.signal.aborted, watch.stalled()]).toEqual([false, null]);
    await clock.advance(1);
    expect(watch.signal.aborted).toBe(true);
    expect(watch.stalled()).toMatchObject({ code: "NETWORK_TIMEOUT", details: { url: URL, timeoutMs: 1_000 } });
    expect(watch.signal.reason).toBe(watch.stalled());
    watch.end();
  });

  it("gives up one that sends the head and then nothing", async () => {
    const clock = new FakeClock();
    const watch = watchProgress(progress, clock, URL, undefined);
    await clock.advance(900);
    watch.arrived();
    await clock.advance(2_999);
    expect(watch.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(watch.stalled()?.details.timeoutMs).toBe(3_000);
    watch.end();
  });

  it("lets one go on that sends a part in time, as long as it likes", async () => {
    const clock = new FakeClock();
    const watch = watchProgress(progress, clock, URL, undefined);
    for (let part = 0; part < 100; part++) {
      watch.arrived();
      await clock.advance(2_999);
    }
    expect(watch.signal.aborted).toBe(false);
    expect(clock.pending).toBe(1);
    watch.end();
    await clock.advance(0);
    expect(clock.pending).toBe(0);
    await clock.advance(10_000);
    expect(watch.stalled()).toBeNull();
  });

  it("aborts with the caller, which is no stall", () => {
    const caller = new AbortController();
    const watch = watchProgress(progress, new FakeClock(), URL, caller.signal);
    caller.abort(new Error("enough"));
    expect(watch.signal.aborted).toBe(true);
    expect(watch.signal.reason).toMatchObject({ message: "enough" });
    expect(watch.stalled()).toBeNull();
    watch.end();
  });

  it("does not wait longer where the clock is set back", async () => {
    const clock = new FakeClock();
    const watch = watchProgress(progress, clock, URL, undefined);
    await clock.advance(0);
    clock.jumpTo(clock.nowMs() - 1_000_000);
    await clock.advance(0);
    clock.jumpTo(clock.nowMs() + 1_001_000);
    await clock.advance(1_000);
    expect(watch.signal.aborted).toBe(true);
    watch.end();
  });
});
