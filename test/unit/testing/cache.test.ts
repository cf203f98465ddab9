import { describe, expect, it } from "vitest";
import { isHawserError } from "../../../src/errors.js";
import type { Cache } from "../../../src/ports.js";
import { type ContractCase, cacheContract } from "../../../src/testing/index.js";
import { brokenCaches, brokenPlaces } from "./broken-caches.js";
import { ModelCache, Place } from "./model-cache.js";

/** Opens caches of a kind, those of one place on the same entries. */
function opener(make: new (place: Place) => Cache, nameOf = (place: string) => place): (place: string) => Cache {
  const places = new Map<string, Place>();
  return (given) => {
    const name = nameOf(given);
    const place = places.get(name) ?? new Place();
    places.set(name, place);
    return new make(place);
  };
}

/** Which cases fail, with what they say. */
async function failures(cases: readonly ContractCase[]): Promise<ReadonlyMap<string, string>> {
  const failed = new Map<string, string>();
  for (const { name, run } of cases) {
    await run().catch((error: unknown) => {
      failed.set(name, error instanceof Error ? error.message : String(error));
    });
  }
  return failed;
}

describe("cacheContract", () => {
  const all = cacheContract({ open: opener(ModelCache) }).map(({ name }) => name);

  it("passes a cache that keeps it, twice and all at once", async () => {
    const cases = cacheContract({ open: opener(ModelCache) });
    expect(await failures(cases)).toEqual(new Map());
    await Promise.all(cases.map(({ run }) => run()));
  });

  it("has cases of different names, and a broken cache for each", () => {
    expect(new Set(all).size).toBe(all.length);
    expect(new Set([...brokenCaches.map(({ finds }) => finds), brokenPlaces])).toEqual(new Set(all));
  });

  it.each(brokenCaches)("a cache that $fault is told so, by one case: $finds", async ({ finds, make }) => {
    const failed = await failures(cacheContract({ open: opener(make) }));
    expect([...failed.keys()]).toEqual([finds]);
    expect(failed.get(finds)).toMatch(/expected .+, got .+\.$/s);
  });

  it("a cache whose places have things in common is told so", async () => {
    const open = opener(ModelCache, (place) => place.replace(/-beside$/, ""));
    const failed = await failures(cacheContract({ open }));
    // Closing is by handle, so that nothing else fails.
    expect([...failed.keys()]).toEqual([brokenPlaces]);
  });

  it("asks a cache that is not shared for what one handle can do, and not to say that it is durable", async () => {
    const open = () => new ModelCache(new Place());
    const cases = cacheContract({ open, shared: false });
    expect(all.filter((name) => !cases.some((one) => one.name === name))).toHaveLength(5);
    expect(await failures(cases)).toEqual(
      new Map([
        [
          "durable is true or false, and true only where entries outlive the handle",
          "durable of a cache that is not shared: expected false, got true.",
        ],
      ]),
    );
  });

  it("closes what it opened, also where a case fails", async () => {
    const opened: ModelCache[] = [];
    class Counted extends ModelCache {
      constructor(place: Place) {
        super(place);
        opened.push(this);
      }
      override async get(): Promise<Uint8Array | null> {
        throw new Error("no");
      }
    }
    const failed = await failures(cacheContract({ open: opener(Counted) }));
    expect(failed.size).toBeGreaterThan(10);
    expect(opened.filter(({ closed }) => !closed)).toEqual([]);
  });

  it("names places that fit a directory, and new ones in every run", async () => {
    const places: string[] = [];
    const open = (place: string): Cache => {
      places.push(place);
      return new ModelCache(new Place());
    };
    const cases = cacheContract({ open, shared: false });
    await failures(cases);
    const first = new Set(places.splice(0));
    await failures(cases);
    for (const place of places) {
      expect(place).toMatch(/^[a-zA-Z0-9-]{1,60}$/);
      expect(first).not.toContain(place);
    }
    expect(new Set(places).size).toBe(first.size);
  });

  it("says what came where opening fails, with the error as the cause", async () => {
    const problem = new TypeError("no database here");
    const [first] = cacheContract({ open: () => Promise.reject(problem) });
    const error: unknown = await first?.run().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ message: "expected no error, got TypeError: no database here.", cause: problem });
    expect(isHawserError(error)).toBe(false);
  });
});
