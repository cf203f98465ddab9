import { describe, expect, it } from "vitest";
import { createLimiter } from "../../../src/profile/limiter.js";
import { rejected } from "./fixtures.js";

describe("createLimiter", () => {
  it("runs at most so many jobs, in order, and all of them", async () => {
    const limit = createLimiter(3);
    const order: number[] = [];
    let running = 0;
    let most = 0;
    const jobs = Array.from({ length: 20 }, (_, i) =>
      limit(async () => {
        order.push(i);
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        return i;
      }),
    );
    expect(await Promise.all(jobs)).toEqual(order);
    expect(order).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(most).toBe(3);
    expect(await limit(async () => Promise.resolve("again"))).toBe("again");
  });

  it("does not run those that wait once one has failed", async () => {
    const limit = createLimiter(1);
    let ran = 0;
    const failing = limit(async () => Promise.reject(new Error("first")));
    const waiting = limit(async () => Promise.resolve(ran++));
    expect(await rejected(failing)).toContain("first");
    expect(await rejected(waiting)).toContain("first");
    expect(await rejected(limit(async () => Promise.resolve(ran++)))).toContain("first");
    expect(ran).toBe(0);
  });
});
