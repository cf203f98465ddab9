import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { encodeHex } from "../../src/bytes/hex.js";
import { memoryCache } from "../../src/cache/memory.js";
import { isHawserError } from "../../src/errors.js";
import { floorKey } from "../../src/mutable/floor.js";
import { readFloor } from "../../src/mutable/floor-cache.js";
import { putRecord } from "../../src/mutable/put.js";
import { parseRecord, recordDigest } from "../../src/mutable/record.js";
import type { Signer, StorageProvider } from "../../src/ports.js";
import { memoryStorage } from "../../src/storage/memory.js";
import { FakeClock, settle } from "../unit/fake-clock.js";
import { context, routeWith, writer } from "../unit/mutable/world.js";
import { wrapped } from "../unit/route/places.js";
import { numRuns } from "./runs.js";

/** Each run checks several signatures. */
const timeoutMs = 60_000 + numRuns * 500;

const DATA = ["a", "b", "c"] as const;

/** One step of a history: puts that run at once. */
interface Put {
  readonly data: (typeof DATA)[number];
  /** Which provider each put writes to. */
  readonly provider: 0 | 1;
  /** How many times the provider's next write fails after having stored or before. */
  readonly failure: "none" | "before" | "after";
  readonly version: number | null;
  readonly delayTurns: number;
}

const put: fc.Arbitrary<Put> = fc.record({
  data: fc.constantFrom(...DATA),
  provider: fc.constantFrom(0 as const, 1 as const),
  failure: fc.constantFrom("none" as const, "none" as const, "before" as const, "after" as const),
  version: fc.oneof(
    { weight: 3, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 4 }) },
  ),
  delayTurns: fc.nat(3),
});
const histories = fc.array(fc.array(put, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 });

/** A signer that notes what it was asked to sign. */
function notingSigner(signed: Set<string>): Signer {
  return {
    publicKey: writer.publicKey,
    sign: (digest) => {
      signed.add(encodeHex(digest));
      return writer.sign(digest);
    },
  };
}

function unsteady(provider: StorageProvider, { failure, delayTurns }: Put): StorageProvider {
  return wrapped(provider, {
    write: async (path, body, options) => {
      for (let i = 0; i < delayTurns; i++) await settle();
      if (failure === "before") throw new Error("503");
      const outcome = await provider.write(path, body, options);
      if (failure === "after") throw new Error("connection reset");
      return outcome;
    },
  });
}

/** The versions under which each data was signed. */
function versionsOf(signed: ReadonlySet<string>): ReadonlyMap<number, readonly string[]> {
  const found = new Map<number, readonly string[]>();
  for (let ver = 1; ver <= 40; ver++) {
    const data = DATA.filter((one) => signed.has(encodeHex(recordDigest(context, ver, utf8(one)))));
    if (data.length > 0) found.set(ver, data);
  }
  return found;
}

describe("W5: writers that share a cache", () => {
  it(
    "never sign two data under one version, and never leave a floor that no provider holds",
    async () => {
      await fc.assert(
        fc.asyncProperty(histories, async (steps) => {
          const cache = memoryCache();
          const providers = [memoryStorage({ label: "0" }), memoryStorage({ label: "1" })] as const;
          const signed = new Set<string>();
          const signer = notingSigner(signed);
          let highestHeld = 0;
          for (const step of steps) {
            const outcomes = await Promise.allSettled(
              step.map((one) =>
                putRecord({
                  context,
                  publicKey: writer.publicKey,
                  route: routeWith(),
                  signer,
                  data: utf8(one.data),
                  storage: [unsteady(providers[one.provider], one)],
                  urlReader: null,
                  cache,
                  clock: new FakeClock(),
                  version: one.version ?? undefined,
                }),
              ),
            );
            for (const outcome of outcomes) {
              if (outcome.status === "fulfilled") highestHeld = Math.max(highestHeld, outcome.value.record.ver);
              else expect(isHawserError(outcome.reason)).toBe(true);
            }
            expect((await readFloor(cache, floorKey(context)))?.ver ?? 0).toBe(highestHeld);
          }
          for (const data of versionsOf(signed).values()) expect(data).toHaveLength(1);
          expect([...versionsOf(signed).values()].flat()).toHaveLength(signed.size);
        }),
        { numRuns },
      );
    },
    timeoutMs,
  );

  it(
    "with a conditional provider, every successful put of different data has its own version there",
    async () => {
      const devices = fc.array(fc.record({ data: fc.constantFrom(...DATA), delayTurns: fc.nat(3) }), {
        minLength: 2,
        maxLength: 4,
      });
      await fc.assert(
        fc.asyncProperty(devices, async (puts) => {
          const provider = memoryStorage();
          const outcomes = await Promise.allSettled(
            // Each device has its own cache: only the provider's condition stands between them.
            puts.map(({ data, delayTurns }) =>
              putRecord({
                context,
                publicKey: writer.publicKey,
                route: routeWith(),
                signer: writer,
                data: utf8(data),
                storage: [unsteady(provider, { data, delayTurns, provider: 0, failure: "none", version: null })],
                urlReader: null,
                cache: memoryCache(),
                clock: new FakeClock(),
              }),
            ),
          );
          const held = new Map<number, string>();
          for (const outcome of outcomes) {
            if (outcome.status === "rejected") {
              expect(outcome.reason).toMatchObject({ code: "CONFLICT_RECORD_MOVED" });
              continue;
            }
            const { ver, data } = outcome.value.record;
            const text = new TextDecoder().decode(data);
            expect(held.get(ver) ?? text).toBe(text);
            held.set(ver, text);
          }
          const stored = await provider.read("records/regtest/alice/settings@7.json", {
            kind: "record",
            maxBytes: 9_999,
          });
          if (stored === null) throw new Error("nothing was stored");
          const last = parseRecord(stored.bytes);
          expect(last.ver).toBe(Math.max(...held.keys()));
          expect(held.get(last.ver)).toBe(new TextDecoder().decode(last.data));
        }),
        { numRuns },
      );
    },
    timeoutMs,
  );
});
