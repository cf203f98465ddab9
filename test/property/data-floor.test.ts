import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memoryCache } from "../../src/cache/memory.js";
import { compareVersion, decodeFloor, encodeFloor, type Floor, greatestFloor } from "../../src/mutable/floor.js";
import { raiseFloor, readFloor } from "../../src/mutable/floor-cache.js";
import type { Cache } from "../../src/ports.js";
import { nextEpoch } from "../../src/route/route.js";
import { settle } from "../unit/fake-clock.js";
import { digestOf } from "../unit/mutable/world.js";
import { numRuns } from "./runs.js";

const floor: fc.Arbitrary<Floor> = fc.record({
  epoch: fc.nat(3),
  ver: fc.nat(3),
  sha256: fc.constantFrom(null, digestOf("x"), digestOf("y")),
  sig: fc.constant(null),
});

/** A cache whose changes run twice and whose updates finish late, as other tabs and processes make them. */
function unrulyCache(): Cache {
  const inner = memoryCache();
  return {
    durable: false,
    get: (key) => inner.get(key),
    keys: (prefix) => inner.keys(prefix),
    close: () => inner.close(),
    update: async (key, change) => {
      await settle();
      const result = await inner.update(key, (current) => {
        change(current);
        return change(current);
      });
      await settle();
      return result;
    },
  };
}

describe("the floor", () => {
  it("M7: a floor is read as it was written", () => {
    fc.assert(
      fc.property(floor, (value) => {
        expect(decodeFloor(encodeFloor(value), "k")).toEqual(value);
      }),
      { numRuns },
    );
  });

  it("M7: the floor is never lowered, by whatever runs at once, and ends as the greatest", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(floor, { minLength: 1, maxLength: 8 }), async (floors) => {
        const cache = unrulyCache();
        const previous = await Promise.all(floors.map((one) => raiseFloor(cache, "k", one)));
        const last = await readFloor(cache, "k");
        if (last === null) throw new Error("no floor was kept");
        for (const one of [...floors, ...previous]) {
          if (one !== null) expect(compareVersion(last, one)).toBeGreaterThanOrEqual(0);
        }
        expect(floors.some((one) => compareVersion(one, last) === 0)).toBe(true);
        for (let i = 1; i < previous.length; i++) {
          const [before, after] = [previous[i - 1] ?? null, previous[i] ?? null];
          if (before !== null && after !== null) expect(compareVersion(after, before)).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns },
    );
  });

  it("M5: of several floors the greatest does not depend on their order", () => {
    fc.assert(
      fc.property(floor, fc.array(floor, { maxLength: 5 }), (first, rest) => {
        const forward = greatestFloor(first, ...rest);
        const [head = first, ...tail] = [...rest, first].reverse();
        expect(compareVersion(forward, greatestFloor(head, ...tail))).toBe(0);
      }),
      { numRuns: numRuns * 4 },
    );
  });
});

describe("the next epoch", () => {
  it("M6: the next epoch is above every known one and above all that is settled, and the chain reaches it", () => {
    const input = fc.record({
      tipHeight: fc.nat(1_000_000),
      minConfirmations: fc.integer({ min: 1, max: 12 }),
      knownEpochs: fc.array(fc.nat(1_000_020), { maxLength: 4 }),
    });
    fc.assert(
      fc.property(input, ({ tipHeight, minConfirmations, knownEpochs }) => {
        const { epoch, waitForTip } = nextEpoch({ tipHeight, minConfirmations, knownEpochs });
        for (const known of [...knownEpochs, tipHeight - minConfirmations]) expect(epoch).toBeGreaterThan(known);
        const tipWhenSent = Math.max(tipHeight, waitForTip ?? 0);
        expect(epoch).toBeLessThanOrEqual(tipWhenSent + 1);
        expect(waitForTip === null).toBe(epoch <= tipHeight + 1);
      }),
      { numRuns: numRuns * 4 },
    );
  });
});
