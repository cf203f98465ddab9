import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { memoryCache } from "../../../src/cache/memory.js";
import type { NetworkId } from "../../../src/chain/network.js";
import { evictValues } from "../../../src/client/evict-values.js";
import type { Cache } from "../../../src/index.js";
import { numRuns } from "../../property/runs.js";
import { expectCode } from "../storage/expect-code.js";

const tenure = "1f".repeat(32);
const irreplaceable = [
  "floor/regtest/alice/" + tenure + "/settings",
  "floor/regtest/record/" + tenure + "/object/1",
  "signed/regtest/alice/" + tenure + "/settings@7",
  "journal/regtest/alice/register",
  "name/regtest/alice",
  "headers/regtest/000000",
  "headers/regtest/work",
  "pin/regtest/alice",
  `writing/regtest/alice/${tenure}/settings@7`,
  "written/regtest/alice",
  "remove/regtest/alice",
  "objects/1",
  "records/regtest/1",
];
const values = [
  `object/${"ab".repeat(32)}`,
  `object/${"cd".repeat(32)}`,
  `record/regtest/alice/${tenure}/settings@7`,
  `record/mainnet/alice/${tenure}/settings@7`,
];

async function cacheWith(keys: readonly string[]): Promise<Cache> {
  const cache = memoryCache();
  for (const key of keys) await cache.update(key, () => ({ value: utf8(key), result: undefined }));
  return cache;
}

describe("evictValues", () => {
  it("M7: removes values, and no floor, taken version, journal, name, header or pin", async () => {
    const cache = await cacheWith([...irreplaceable, ...values]);
    expect(await evictValues(cache)).toBe(values.length);
    expect(await cache.keys("")).toEqual([...irreplaceable].sort());
    for (const key of irreplaceable) expect(await cache.get(key)).toEqual(utf8(key));
    expect(await evictValues(cache)).toBe(0);
  });

  it("leaves the records of other networks where one is named", async () => {
    const cache = await cacheWith([...irreplaceable, ...values]);
    expect(await evictValues(cache, { network: "regtest" })).toBe(3);
    expect(await cache.keys("record/")).toEqual([`record/mainnet/alice/${tenure}/settings@7`]);
    const error = await expectCode("INPUT_INVALID", evictValues(cache, { network: "" as NetworkId }));
    expect(error.details.argument).toBe("network");
    expect(await cache.keys("record/")).toHaveLength(1);
  });

  it("M7: whatever keys there are, only values go", async () => {
    const part = fc.stringMatching(/^[a-z0-9./@-]{1,12}$/);
    const kind = fc.constantFrom("floor", "signed", "journal", "name", "headers", "pin", "object", "record", "recordx");
    const key = fc.tuple(kind, fc.constantFrom("regtest", "mainnet"), part).map((parts) => parts.join("/"));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(key, { maxLength: 12 }), async (keys) => {
        const cache = await cacheWith(keys);
        await evictValues(cache);
        expect(await cache.keys("")).toEqual(keys.filter((one) => !/^(?:object|record)\//.test(one)).sort());
      }),
      { numRuns },
    );
  });
});
