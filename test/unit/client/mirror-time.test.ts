import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StorageProvider } from "../../../src/index.js";
import { limits } from "../../../src/limits.js";
import { FakeClock, settle } from "../fake-clock.js";
import { wrapped } from "../route/places.js";
import { ReaderWorld } from "./reader-world.js";
import { emptyStore, outcomes, publish } from "./upkeep-world.js";

let world: ReaderWorld;
const home = emptyStore("home");
beforeAll(async () => {
  world = await ReaderWorld.start({ sources: 1, stores: 1 });
  await publish(world, "late", [home], { objects: 2, records: 2 });
});
afterAll(() => world.close());

let hung = 0;
let onHang = (): void => undefined;
const never = (): Promise<never> => {
  hung++;
  onHang();
  return new Promise(() => undefined);
};

/** Lets time pass from when a call hangs, until `ended` has. */
async function passTime(clock: FakeClock, ended: Promise<unknown>): Promise<void> {
  hung = 0;
  const over = { is: false };
  const done = ended.then(
    () => (over.is = true),
    () => (over.is = true),
  );
  while (!over.is) {
    if (hung > 0) await clock.advance(1_000);
    await settle();
  }
  await done;
}

const hanging: readonly (readonly [string, (store: StorageProvider) => StorageProvider])[] = [
  ["opening", (store) => wrapped(store, { open: never })],
  ["a look at a target", (store) => wrapped(store, { read: never })],
  ["a write to a target", (store) => wrapped(store, { write: never })],
];

describe("a mirror's time", () => {
  it.each(hanging)("is bounded where %s never ends, and the others get all of it", async (_, changed) => {
    const clock = new FakeClock(Date.now());
    const reader = world.reader({ storage: [home], clock, maxTipAgeMs: 2 ** 40 });
    const items: string[] = [];
    const copied = reader.mirror("late", {
      to: [changed(emptyStore("slow")), emptyStore("good")],
      onItem: (item) => void items.push(...outcomes([item])),
    });
    const startedMs = clock.nowMs();
    await passTime(clock, copied);
    expect(await copied).toMatchObject({ complete: false, providers: [{ stored: 0 }, { stored: 5, failed: 0 }] });
    expect(new Set(items.map((line) => line.replace(/^\w+ /, "")))).toEqual(
      new Set(["slow: failed NETWORK_TIMEOUT", "good: stored"]),
    );
    // Five items of a minute, and what comes before them; the clock runs ahead of what is no waiting.
    expect(clock.nowMs() - startedMs).toBeLessThan(15 * limits.readTimeoutMs);
  });

  it("is bounded where a place to copy from never answers", async () => {
    const clock = new FakeClock(Date.now());
    const reader = world.reader({ storage: [home], clock, maxTipAgeMs: 2 ** 40 });
    const target = emptyStore("copy");
    const from = [wrapped(home, { label: "mute", read: never })];
    const ended = reader.mirror("late", { to: target, from });
    await passTime(clock, ended);
    await expect(ended).rejects.toMatchObject({ code: "PROFILE_UNAVAILABLE" });
  });

  it.each(["mirror", "repair"] as const)("an abort ends a %s wherever it waits", async (what) => {
    for (const [, changed] of [...hanging, ["", (store: StorageProvider) => store] as const]) {
      const controller = new AbortController();
      onHang = () => {
        setImmediate(() => {
          controller.abort();
        });
      };
      const reader = world.reader({ storage: [home] });
      const ended = reader[what]("late", {
        to: changed(emptyStore("slow")),
        signal: controller.signal,
        onItem: () => {
          controller.abort();
        },
      });
      await expect(ended).rejects.toMatchObject({ code: "NETWORK_ABORTED" });
      onHang = () => undefined;
    }
  });

  it("one that was aborted before asks nobody and writes nothing", async () => {
    const calls: string[] = [];
    const target = wrapped(emptyStore("copy"), {
      open: async () => void calls.push("open"),
      read: async () => (calls.push("read"), null),
      write: async () => (calls.push("write"), "stored"),
    });
    const reader = world.reader({ storage: [home] });
    const signal = AbortSignal.abort();
    await expect(reader.mirror("late", { to: target, signal })).rejects.toMatchObject({ code: "NETWORK_ABORTED" });
    await expect(reader.repair("late", { to: target, signal })).rejects.toMatchObject({ code: "NETWORK_ABORTED" });
    expect(calls).toEqual([]);
  });
});
