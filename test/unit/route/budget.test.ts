import { describe, expect, it } from "vitest";
import { isHawserError } from "../../../src/errors.js";
import { ReadBudget } from "../../../src/route/budget.js";
import { FakeClock } from "../fake-clock.js";

describe("ReadBudget and a clock that jumps", () => {
  it("U1: one that is set back gives a read no more time than it had", () => {
    const clock = new FakeClock();
    const budget = new ReadBudget({ clock, timeoutMs: 5_000 });
    clock.jumpTo(clock.nowMs() - 86_400_000);
    expect(budget.remainingMs()).toBe(5_000);
  });

  it("U1: one that is set ahead ends the read with an error that says so", () => {
    const clock = new FakeClock();
    const budget = new ReadBudget({ clock, timeoutMs: 5_000 });
    clock.jumpTo(clock.nowMs() + 86_400_000);
    expect(budget.remainingMs()).toBe(0);
    try {
      budget.spend("a");
      expect.fail("no error");
    } catch (error) {
      expect(isHawserError(error, "NETWORK_TIME_LIMIT")).toBe(true);
    }
  });
});
