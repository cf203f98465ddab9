import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { memoryCache } from "../../src/cache/memory.js";
import { HawserError } from "../../src/errors.js";
import type { Cache, StorageProvider } from "../../src/index.js";
import { objectPath } from "../../src/route/layout.js";
import { ReaderWorld } from "../unit/client/reader-world.js";
import { contentsOf, emptyStore, mirrored, type Published, publish } from "../unit/client/upkeep-world.js";
import { wrapped } from "../unit/route/places.js";
import { numRuns } from "./runs.js";

const COUNT = 70;
let world: ReaderWorld;
let name: Published;
const home = emptyStore("home");
beforeAll(async () => {
  world = await ReaderWorld.start({ sources: 1, stores: 1 });
  name = await publish(world, "resume", [home], { objects: COUNT, records: 2 });
});
afterAll(() => world.close());

/** A store whose `at`-th call, of either sort, aborts the mirror before or after it takes place. */
function cutting(
  store: StorageProvider,
  at: number,
  isBefore: boolean,
  controller: AbortController,
): { readonly store: StorageProvider; readonly calls: { read: number; write: number } } {
  const calls = { read: 0, write: 0 };
  const count = async <T>(call: () => Promise<T>): Promise<T> => {
    const isIt = calls.read + calls.write === at;
    if (isIt && isBefore) controller.abort();
    const value = await call();
    if (isIt) controller.abort();
    return value;
  };
  return {
    calls,
    store: wrapped(store, {
      read: (path, options) => {
        calls.read++;
        return count(() => store.read(path, options));
      },
      write: (path, body, options) => {
        calls.write++;
        return count(() => store.write(path, body, options));
      },
    }),
  };
}

/** Cuts a mirror off at its `at`-th call to the target, if it comes that far. */
async function cutOff(copy: StorageProvider, cache: Cache, at: number, isBefore: boolean, maxParallel: number) {
  const controller = new AbortController();
  const target = cutting(copy, at, isBefore, controller);
  const reader = world.reader({ storage: [home], cache });
  const options = { to: target.store, signal: controller.signal, maxParallel };
  const ended = await reader.mirror("resume", options).then(
    () => "whole",
    (error: unknown) => (error as { readonly code?: unknown }).code,
  );
  expect(ended).toBe(controller.signal.aborted ? "NETWORK_ABORTED" : "whole");
  return target.calls;
}

/** The paths of all objects, in the order of the index. */
async function objectOrder(): Promise<readonly string[]> {
  const { items } = await mirrored(world.reader({ storage: [home] }), "resume", { to: emptyStore("order") });
  return items.flatMap(({ kind, path }) => (kind === "object" && path !== null ? [path] : []));
}

async function goOn(copy: StorageProvider, cache: Cache) {
  const target = cutting(copy, -1, false, new AbortController());
  const { result, items } = await mirrored(world.reader({ storage: [home], cache }), "resume", { to: target.store });
  expect(result.complete).toBe(true);
  expect(await contentsOf(copy, name)).toEqual(await contentsOf(home, name));
  return { result, items, calls: target.calls };
}

describe("a mirror that is cut off", () => {
  it("at any of its calls goes on, leaves nothing out, and repeats little", { timeout: 120_000 }, async () => {
    const whole = await cutOff(emptyStore("copy"), memoryCache(), -1, true, 1);
    const total = whole.read + whole.write;
    for (let at = 1; at <= total; at += at < 12 ? 1 : 11) {
      const [copy, cache] = [emptyStore("copy"), memoryCache()];
      const done = await cutOff(copy, cache, at, at % 2 === 0, 1);
      expect(done.read + done.write).toBe(at);
      const { calls, result } = await goOn(copy, cache);
      expect(done.write + calls.write).toBeLessThanOrEqual(whole.write + 1);
      // From the place of the first run on: what it did is not read again but for the nodes that lead there.
      if (at > total / 2 && at < total - 10) {
        expect(result.resumed).toBe(true);
        expect(calls.read).toBeLessThan((whole.read * 3) / 4);
      }
    }
  });

  it("again and again, with many at once, ends with everything in its place", { timeout: 120_000 }, async () => {
    const cuts = fc.array(fc.record({ at: fc.integer({ min: 1, max: 120 }), isBefore: fc.boolean() }), {
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(cuts, fc.integer({ min: 1, max: 12 }), async (all, maxParallel) => {
        const [copy, cache] = [emptyStore("copy"), memoryCache()];
        for (const { at, isBefore } of all) await cutOff(copy, cache, at, isBefore, maxParallel);
        await goOn(copy, cache);
      }),
      { numRuns },
    );
  });
});

describe("the place of a mirror", () => {
  /** A run that was cut off late, and how many calls a whole one takes. */
  async function late(label = "copy"): Promise<{ copy: StorageProvider; cache: Cache; total: number }> {
    const whole = await cutOff(emptyStore(label), memoryCache(), -1, true, 1);
    const [copy, cache, total] = [emptyStore(label), memoryCache(), whole.read + whole.write];
    await cutOff(copy, cache, total - 40, true, 1);
    return { copy, cache, total };
  }

  it("counts for the providers that it was kept for, not for others that are called the same", async () => {
    const { cache } = await late();
    const { result } = await goOn(emptyStore("copy"), cache);
    expect(result.resumed).toBe(false);
  });

  it("does not count where the target was emptied", async () => {
    const { copy, cache } = await late();
    for (const path of name.paths) await copy.remove(path);
    expect((await goOn(copy, cache)).result.resumed).toBe(false);
  });

  it.each(["that looks at everything anew", "at a target that lost some"])(
    "does not lead over what a later run %s found to be nowhere",
    async (how) => {
      const { copy, cache } = await late();
      const order = await objectOrder();
      // Nobody has the first any more: the next run gets no place of its own.
      const [lost = ""] = order;
      await copy.remove(lost);
      const gappy = wrapped(home, {
        read: (path, options) => (path === lost ? Promise.resolve(null) : home.read(path, options)),
      });
      if (how.startsWith("at")) for (const path of order.slice(1)) await copy.remove(path);
      const controller = new AbortController();
      const cut = world.reader({ storage: [gappy], cache }).mirror("resume", {
        to: copy,
        signal: controller.signal,
        resume: how.startsWith("at"),
        onItem: ({ kind }) => {
          if (kind === "record") controller.abort();
        },
      });
      await expect(cut).rejects.toMatchObject({ code: "NETWORK_ABORTED" });
      const { result, items } = await mirrored(world.reader({ storage: [gappy], cache }), "resume", { to: copy });
      expect(items.some(({ path }) => path === lost)).toBe(true);
      expect(result).toMatchObject({ complete: false, resumed: false });
    },
  );

  it("survives an outage of the target", async () => {
    const { copy, cache } = await late();
    const down = wrapped(copy, {
      read: async () => {
        throw new HawserError("NETWORK_UNREACHABLE", "Down.", { url: "copy", reason: "down" });
      },
    });
    const reader = world.reader({ storage: [home], cache, storagePolicy: { attempts: 1 } });
    await expect(reader.mirror("resume", { to: down })).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect((await goOn(copy, cache)).result.resumed).toBe(true);
  });

  it("does not count where the caller says so, and is forgotten once a mirror came to its end", async () => {
    const { copy, cache } = await late();
    const reader = world.reader({ storage: [home], cache });
    const anew = await mirrored(reader, "resume", { to: copy, resume: false });
    expect(anew.result).toMatchObject({ resumed: false, complete: true });
    await copy.remove(objectPath(name.keys[0] ?? ""));
    const again = await goOn(copy, cache);
    expect(again.result).toMatchObject({ resumed: false, providers: [{ stored: 1 }] });
    expect(await cache.keys("mirror/")).toEqual([]);
  });

  it("does not pass what could not be copied", async () => {
    const [copy, cache] = [emptyStore("copy"), memoryCache()];
    const missing = objectPath(name.keys[3] ?? "");
    const gappy = wrapped(home, {
      read: (path, options) => (path === missing ? Promise.resolve(null) : home.read(path, options)),
    });
    const controller = new AbortController();
    const target = cutting(copy, 180, true, controller);
    const reader = world.reader({ storage: [gappy], cache });
    const cut = reader.mirror("resume", { to: target.store, signal: controller.signal, maxParallel: 1 });
    await expect(cut).rejects.toMatchObject({ code: "NETWORK_ABORTED" });
    await goOn(copy, cache);
  });

  it("is of no use once it is a day old, or is damaged", async () => {
    const { copy, cache } = await late();
    const [key = ""] = await cache.keys("mirror/");
    const kept = await cache.get(key);
    const start = Date.now();
    const later = (ms: number): { nowMs(): number; delay(ms: number, signal?: AbortSignal): Promise<void> } => ({
      nowMs: () => start + ms,
      delay: (_, signal) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener("abort", () => {
            reject(new Error("aborted"));
          });
        }),
    });
    const resumed = async (ms: number): Promise<boolean> => {
      await cache.update(key, () => ({ value: kept, result: undefined }));
      const reader = world.reader({ storage: [home], cache, clock: later(ms), maxTipAgeMs: 2 ** 40 });
      return (await mirrored(reader, "resume", { to: copy })).result.resumed;
    };
    expect(await resumed(23 * 3_600_000)).toBe(true);
    expect(await resumed(25 * 3_600_000)).toBe(false);
    await cache.update(key, () => ({ value: kept?.map((byte) => byte ^ 1) ?? null, result: undefined }));
    expect((await mirrored(world.reader({ storage: [home], cache }), "resume", { to: copy })).result.resumed).toBe(
      false,
    );
  });
});
