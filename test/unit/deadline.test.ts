import { describe, expect, it } from "vitest";
import { abortedError, throwIfAborted, withDeadline } from "../../src/deadline.js";
import type { Clock } from "../../src/ports.js";
import { caught, rejected } from "./profile/fixtures.js";

/** A clock whose delays end when the test says so. */
class FakeClock implements Clock {
  readonly delays: { readonly ms: number; readonly end: () => void; cancelled: boolean }[] = [];

  nowMs(): number {
    return 0;
  }

  delay(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const delay = { ms, end: resolve, cancelled: false };
      this.delays.push(delay);
      signal?.addEventListener("abort", () => {
        delay.cancelled = true;
        reject(abortedError("delay"));
      });
    });
  }
}

const never = async (): Promise<never> => new Promise<never>(() => undefined);

/** A call that settles the moment its signal aborts, as fetch does. */
const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener("abort", () => {
      reject(new Error("broke off"));
    });
  });

describe("withDeadline", () => {
  const options = (clock: Clock, signal?: AbortSignal): Parameters<typeof withDeadline>[0] => ({
    clock,
    timeoutMs: 50,
    signal,
    what: "https://h",
  });

  it("gives what the call gives, and stops its timer and its listener", async () => {
    const clock = new FakeClock();
    const caller = new AbortController();
    let inner: AbortSignal | undefined;
    const run = async (signal: AbortSignal): Promise<number> => {
      inner = signal;
      return Promise.resolve(7);
    };
    expect(await withDeadline(options(clock, caller.signal), run)).toBe(7);
    expect(clock.delays).toMatchObject([{ ms: 50, cancelled: true }]);
    caller.abort();
    expect(inner?.aborted).toBe(false);
  });

  it("passes on what the call throws, at once or later", async () => {
    const clock = new FakeClock();
    expect(await rejected(withDeadline(options(clock), async () => Promise.reject(new Error("later"))))).toContain(
      "later",
    );
    const atOnce = (): Promise<never> => {
      clock.delays.at(-1)?.end();
      throw new Error("at once");
    };
    expect(await rejected(withDeadline(options(clock), atOnce))).toContain("at once");
    expect(clock.delays.map(({ cancelled }) => cancelled)).toEqual([true, true]);
  });

  it.each([
    ["that ignores its signal", never],
    ["that settles on its signal", untilAborted],
  ])("ends a call %s after the time, and tells it", async (_, run) => {
    const clock = new FakeClock();
    let inner: AbortSignal | undefined;
    const call = withDeadline(options(clock), (signal) => {
      inner = signal;
      return run(signal);
    });
    clock.delays[0]?.end();
    expect(await rejected(call)).toBe("NETWORK_TIMEOUT: https://h did not answer within 50 ms.");
    expect(inner?.aborted).toBe(true);
  });

  it.each([
    ["that ignores its signal", never],
    ["that settles on its signal", untilAborted],
  ])("ends a call %s when the caller aborts, and tells it why", async (_, run) => {
    const clock = new FakeClock();
    const caller = new AbortController();
    let inner: AbortSignal | undefined;
    const call = withDeadline(options(clock, caller.signal), (signal) => {
      inner = signal;
      return run(signal);
    });
    caller.abort("enough");
    expect(await rejected(call)).toMatch(/^NETWORK_ABORTED/);
    expect(inner?.reason).toBe("enough");
    expect(clock.delays[0]?.cancelled).toBe(true);
  });

  it("does not start a call that was aborted before", async () => {
    const clock = new FakeClock();
    let ran = false;
    const run = async (): Promise<void> => {
      ran = true;
      return Promise.resolve();
    };
    expect(await rejected(withDeadline(options(clock, AbortSignal.abort()), run))).toMatch(/^NETWORK_ABORTED/);
    expect(ran).toBe(false);
    expect(clock.delays).toEqual([]);
  });
});

describe("throwIfAborted", () => {
  it("throws only when aborted", () => {
    expect(() => {
      throwIfAborted(undefined, "reading");
      throwIfAborted(new AbortController().signal, "reading");
    }).not.toThrow();
    expect(
      caught(() => {
        throwIfAborted(AbortSignal.abort(), "reading");
      }),
    ).toBe("NETWORK_ABORTED: reading was aborted by the caller.");
  });
});
