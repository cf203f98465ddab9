import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../../src/runtime/clock.js";
import { expectCode } from "../storage/expect-code.js";

describe("systemClock", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_700_000_000_000 });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("tells milliseconds since the epoch", () => {
    expect(systemClock.nowMs()).toBe(1_700_000_000_000);
  });

  it("waits as long as asked, also longer than a timer can hold", async () => {
    const sixtyDaysMs = 60 * 24 * 60 * 60 * 1000;
    let done = false;
    const waiting = systemClock.delay(sixtyDaysMs).then(() => {
      done = true;
    });
    await vi.advanceTimersByTimeAsync(sixtyDaysMs - 1);
    expect(done).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await waiting;
    expect(vi.getTimerCount()).toBe(0);
  });

  it("rejects when aborted, before and during, and leaves no timer or listener", async () => {
    await expectCode("NETWORK_ABORTED", systemClock.delay(1, AbortSignal.abort()));
    const controller = new AbortController();
    const remove = vi.spyOn(controller.signal, "removeEventListener");
    const waiting = systemClock.delay(1_000, controller.signal);
    controller.abort();
    await expectCode("NETWORK_ABORTED", waiting);
    const other = systemClock.delay(5, new AbortController().signal);
    await vi.advanceTimersByTimeAsync(5);
    await other;
    const kept = new AbortController();
    const removeKept = vi.spyOn(kept.signal, "removeEventListener");
    const last = systemClock.delay(5, kept.signal);
    await vi.advanceTimersByTimeAsync(5);
    await last;
    expect(removeKept).toHaveBeenCalledOnce();
    expect(remove).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });
});
