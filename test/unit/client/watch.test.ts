import { getEventListeners } from "node:events";
// Loaded by readers when a source fails first, for which no time may pass here.
import "../../../src/chain/source-health.js";
import { describe, expect, it } from "vitest";
import type { Transaction } from "../../../src/chain/transaction.js";
import { describeName } from "../../../src/client/results.js";
import { createWatch } from "../../../src/client/watch.js";
import {
  createReader,
  limits,
  type NameWatch,
  type Reader,
  type WatchEvent,
  type WatchOptions,
} from "../../../src/index.js";
import { LATE_MS } from "../chain/mining.js";
import { FakeClock } from "../fake-clock.js";
import { alice, bob, profile, World } from "../name/builder.js";
import { MinedChain, unreachable } from "../name/chain-world.js";
import { read } from "../name/reading.js";
import { ReaderWorld } from "./reader-world.js";
import { LiveSource } from "./watch-world.js";

/** A name in block 3 of 5, and one source that serves it. */
class Scene {
  readonly world = new World();
  readonly register: Transaction;
  readonly clock = new FakeClock(LATE_MS);
  readonly source: LiveSource;
  readonly reader: Reader;

  constructor() {
    this.register = this.world.register(3).register;
    this.source = new LiveSource("a", MinedChain.of(this.world, 5));
    this.reader = createReader({ network: "regtest", sources: [this.source], clock: this.clock });
  }

  watch(options: WatchOptions = {}): NameWatch {
    return this.reader.watch(this.world.name, options);
  }

  /** Mines on to a height, and tells of it if asked. */
  grow(tipHeight: number, mempool: readonly Transaction[] = []): void {
    const { chain } = this.source;
    this.source.chain = MinedChain.of(this.world, tipHeight, { onto: { chain, upTo: chain.tipHeight }, mempool });
  }

  /** The next event, for which time passes as long as it takes. */
  async next(watch: NameWatch): Promise<WatchEvent | "done"> {
    const step = watch.next();
    return this.outcome(step.then(({ done, value }) => (done === true ? "done" : value)));
  }

  async outcome<T>(promise: Promise<T>, stepMs = 500): Promise<T> {
    const state = { done: false };
    const end = (): void => {
      state.done = true;
    };
    promise.then(end, end);
    for (let i = 0; i < 10_000; i++) {
      for (let turn = 0; turn < 5; turn++) await this.clock.advance(0);
      if (state.done) return promise;
      await this.clock.advance(stepMs);
    }
    throw new Error("nothing happens");
  }
}

const kinds = (event: WatchEvent | "done"): readonly string[] =>
  event !== "done" && event.type === "changed" ? event.changes.map(({ what }) => what) : [];

describe("a watched name", () => {
  it("begins with the present state, and asks nobody before it is asked", async () => {
    const scene = new Scene();
    const watch = scene.watch();
    await scene.clock.advance(2 * limits.watchPollMs);
    expect(scene.source.reads).toBe(0);
    const first = await scene.next(watch);
    expect(first).toMatchObject({ type: "present", result: { found: true, asOf: { height: 5 } } });
    expect(first).toMatchObject({ result: await scene.reader.getName(scene.world.name) });
    await watch.return();
  });

  it("tells of a block, an operation in the mempool, its block and what it changed, and of nothing else", async () => {
    const scene = new Scene();
    const watch = scene.watch();
    await scene.next(watch);

    scene.grow(6);
    const { chain } = scene.source;
    const change = { what: "block", height: 6, hash: chain.hashAt(6), tipHeight: 6 };
    expect(await scene.next(watch)).toMatchObject({
      type: "changed",
      changes: [change],
      result: { asOf: { height: 6 } },
    });

    const update = scene.world.update(7, scene.register, profile(2));
    scene.grow(6, [update]);
    const operation = { what: "operation", txid: update.txid, kind: "update" };
    expect(await scene.next(watch)).toMatchObject({ changes: [{ ...operation, height: null, applied: false }] });

    scene.grow(7);
    expect(await scene.next(watch)).toMatchObject({
      changes: [
        { what: "block", height: 7 },
        { ...operation, height: 7, applied: true },
        { what: "name", members: ["profileHash", "changesAtHeight"] },
      ],
      result: { found: true, name: { profileHash: "02".repeat(32), pending: [] } },
    });

    // Time alone is no change, although the tip grows older with each of these reads.
    const { reads } = scene.source;
    const idle = watch.next();
    await scene.clock.advance(10 * (limits.watchPollMs + limits.watchMinIntervalMs));
    expect(scene.source.reads - reads).toBeGreaterThan(8);
    await watch.return();
    expect(await idle).toEqual({ done: true, value: undefined });
  });

  it("V6: tells what is mined and not deep enough yet, and when it is", async () => {
    const scene = new Scene();
    const reader = createReader({
      network: "regtest",
      sources: [scene.source],
      clock: scene.clock,
      minConfirmations: 2,
    });
    const watch = reader.watch(scene.world.name);
    await scene.next(watch);
    const { txid } = scene.world.update(6, scene.register, profile(2));
    scene.grow(6);
    const operation = { what: "operation", txid, kind: "update", height: 6 };
    expect(await scene.next(watch)).toMatchObject({ changes: [{ what: "block" }, { ...operation, applied: false }] });
    scene.grow(7);
    expect(await scene.next(watch)).toMatchObject({
      changes: [{ what: "block" }, { ...operation, applied: true }, { what: "name" }],
    });
    await watch.return();
  });

  it("tells of a reorganisation from which height on, and what it took back", async () => {
    const scene = new Scene();
    const update = scene.world.update(5, scene.register, profile(2));
    const { chain } = scene.source;
    scene.source.chain = MinedChain.of(scene.world, 6, { onto: { chain, upTo: 4 } });
    const watch = scene.watch();
    await scene.next(watch);
    const without = new World();
    without.register(3);
    scene.source.chain = MinedChain.of(without, 7, { onto: { chain: scene.source.chain, upTo: 4 }, version: 5 });
    expect(await scene.next(watch)).toMatchObject({
      changes: [
        { what: "reorganisation", height: 5 },
        { what: "block", height: 7 },
        { what: "withdrawn", txid: update.txid, kind: "update" },
        { what: "name", members: ["profileHash", "changesAtHeight"] },
      ],
    });
    await watch.return();
  });

  it("C7: tells of a seal that was spent by accident", async () => {
    const scene = new Scene();
    const watch = scene.watch();
    await scene.next(watch);
    const { txid } = scene.world.pay(6, scene.register);
    scene.grow(6);
    expect(await scene.next(watch)).toMatchObject({
      changes: [
        { what: "block" },
        { what: "operation", txid, kind: null, height: 6, applied: true },
        { what: "name", members: ["unsealed"] },
      ],
    });
    await watch.return();
  });

  it("gives whoever is slow the newest state, in one event", async () => {
    const scene = new Scene();
    const watch = scene.watch();
    await scene.next(watch);
    const { reads } = scene.source;
    const first = scene.world.update(6, scene.register, profile(2));
    scene.grow(6);
    scene.source.hint();
    await scene.clock.advance(10 * limits.watchPollMs);
    scene.world.update(8, first, profile(3));
    scene.grow(8);
    scene.source.hint();
    expect(scene.source.reads).toBe(reads);
    const event = await scene.next(watch);
    expect(event).toMatchObject({ result: { asOf: { height: 8 }, name: { profileHash: "03".repeat(32) } } });
    expect(kinds(event)).toEqual(["block", "operation", "operation", "name"]);
    expect(scene.source.reads).toBe(reads + 1);
    await watch.return();
  });

  it("serves calls of next one after the other", async () => {
    const scene = new Scene();
    const watch = scene.watch();
    const [one, two] = [watch.next(), watch.next()];
    expect((await scene.outcome(one)).value).toMatchObject({ type: "present" });
    scene.grow(6);
    expect((await scene.outcome(two)).value).toMatchObject({ type: "changed" });
    await watch.return();
  });
});

describe("what sources tell by themselves", () => {
  it("makes the next read come sooner, and nothing else", async () => {
    const scene = new Scene();
    const watch = scene.watch();
    await scene.next(watch);
    const step = watch.next();
    await scene.clock.advance(limits.watchMinIntervalMs + 1);
    scene.grow(6);
    const { reads } = scene.source;
    scene.source.hint();
    scene.source.hint();
    await scene.clock.advance(0);
    expect((await step).value).toMatchObject({ type: "changed" });
    expect(scene.source.reads).toBe(reads + 1);
    await watch.return();
  });

  it("costs one read for each least interval, however often it comes", async () => {
    const scene = new Scene();
    const watch = scene.watch({ minIntervalMs: 2_000, pollIntervalMs: 600_000 });
    await scene.next(watch);
    const { reads } = scene.source;
    const step = watch.next();
    for (let ms = 0; ms < 60_000; ms += 50) {
      scene.source.hint();
      await scene.clock.advance(50);
    }
    expect(scene.source.reads - reads).toBeGreaterThan(20);
    expect(scene.source.reads - reads).toBeLessThanOrEqual(30);
    await watch.return();
    await step;
  });

  it("is asked about the beacon and the owner's script, and about the next owner's after a transfer", async () => {
    const scene = new Scene();
    const watch = scene.watch();
    await scene.next(watch);
    const scripts = (): unknown => [...scene.source.watched].map((one) => one.scripts);
    const beacon = scene.world.beacon().script;
    expect(scripts()).toEqual([[beacon, alice]]);
    scene.grow(6);
    await scene.next(watch);
    expect(scene.source.subscriptions).toBe(1);
    scene.world.transfer(7, scene.register, bob);
    scene.grow(7);
    await scene.next(watch);
    expect(scripts()).toEqual([[beacon, bob]]);
    expect(scene.source.subscriptions).toBe(2);
    await watch.return();
    expect(scripts()).toEqual([]);
  });

  it("is asked again where a source gave up, but not at every read", async () => {
    const scene = new Scene();
    scene.source.refusesToWatch = true;
    const watch = scene.watch({ pollIntervalMs: 10_000 });
    await scene.next(watch);
    expect(scene.source.subscriptions).toBe(1);
    const step = watch.next();
    await scene.clock.advance(9_000);
    expect(scene.source.subscriptions).toBe(1);
    await scene.clock.advance(100_000);
    expect(scene.source.subscriptions).toBeGreaterThan(5);
    expect(scene.source.subscriptions).toBeLessThanOrEqual(12);
    scene.source.refusesToWatch = false;
    await scene.clock.advance(20_000);
    expect(scene.source.watched.size).toBe(1);
    await watch.return();
    await step;
  });

  it("is not heard after the end", async () => {
    const scene = new Scene();
    const watch = scene.watch();
    await scene.next(watch);
    const [entry] = scene.source.watched;
    await watch.return();
    entry?.onChange();
    expect(await watch.next()).toEqual({ done: true, value: undefined });
  });
});

describe("reads that fail while a name is watched", () => {
  it("are events, ever further apart up to the poll, and the first that succeeds says so", async () => {
    const scene = new Scene();
    const watch = scene.watch({ minIntervalMs: 1_000, pollIntervalMs: 5_000 });
    await scene.next(watch);
    scene.source.isDown = true;
    const waits: number[] = [];
    for (let failures = 1; failures <= 5; failures++) {
      const startMs = scene.clock.nowMs();
      const event = await scene.outcome(watch.next(), 100);
      if (failures > 1) waits.push(scene.clock.nowMs() - startMs);
      const retryInMs = Math.min(5_000, 1_000 * 2 ** (failures - 1));
      expect(event.value).toMatchObject({ type: "failed", failures, retryInMs, error: { code: "CHAIN_UNAVAILABLE" } });
      // What sources tell does not make a read that fails come sooner.
      scene.source.hint();
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 5_000]);
    scene.source.isDown = false;
    expect(await scene.next(watch)).toMatchObject({ type: "changed", changes: [{ what: "recovered" }] });
    scene.source.isDown = true;
    expect(await scene.next(watch)).toMatchObject({ type: "failed", failures: 1, retryInMs: 1_000 });
    await watch.return();
  });

  it("come before the first state as well", async () => {
    const scene = new Scene();
    scene.source.isDown = true;
    const watch = scene.watch();
    expect(await scene.next(watch)).toMatchObject({ type: "failed" });
    scene.source.isDown = false;
    expect(await scene.next(watch)).toMatchObject({ type: "present" });
    await watch.return();
  });

  it("end it where they are the caller's fault", async () => {
    const scene = new Scene();
    expect(() => scene.reader.watch("Alice")).toThrow(expect.objectContaining({ code: "NAME_INVALID" }));
    for (const options of [
      { pollIntervalMs: 0 },
      { minIntervalMs: 1.5 },
      { timeoutMs: 0 },
      { hint: "x" },
      { id: "A" },
    ]) {
      const watch = scene.watch(options);
      await expect(watch.next()).rejects.toMatchObject({ outcome: "input" });
      expect(scene.clock.pending).toBe(0);
    }
    const bad = scene.watch({ timeoutMs: 0 });
    await expect(bad.next()).rejects.toMatchObject({ code: "INPUT_INVALID" });
    expect(await bad.next()).toEqual({ done: true, value: undefined });
  });

  it("end it where the cache is gone", async () => {
    const scene = new Scene();
    const watch = scene.watch();
    await scene.next(watch);
    scene.grow(6);
    await scene.reader.close();
    await expect(scene.next(watch)).rejects.toMatchObject({ code: "CACHE_UNAVAILABLE" });
    expect(scene.source.watched.size).toBe(0);
    expect(await watch.next()).toEqual({ done: true, value: undefined });
  });
});

describe("the end of a watch", () => {
  const nothingLeft = (scene: Scene, signal?: AbortSignal): void => {
    expect(scene.clock.pending).toBe(0);
    expect(scene.source.watched.size).toBe(0);
    if (signal !== undefined) expect(getEventListeners(signal, "abort")).toHaveLength(0);
  };

  it("comes with the signal, without an error, while it waits", async () => {
    const scene = new Scene();
    const { signal, ...controller } = abortable();
    const watch = scene.watch({ signal });
    await scene.next(watch);
    const step = watch.next();
    await scene.clock.advance(limits.watchMinIntervalMs + 1);
    expect(scene.clock.pending).toBe(1);
    controller.abort();
    expect(await step).toEqual({ done: true, value: undefined });
    expect(await watch.next()).toEqual({ done: true, value: undefined });
    nothingLeft(scene, signal);
  });

  it("comes with the signal while it reads, while it is idle, and before it began", async () => {
    for (const when of ["reading", "idle", "before"]) {
      const scene = new Scene();
      const { signal, ...controller } = abortable();
      const watch = scene.watch({ signal });
      if (when !== "before") await scene.next(watch);
      if (when === "reading") {
        scene.source.tip = () => {
          controller.abort();
          return new Promise(() => undefined);
        };
      } else controller.abort();
      expect(await scene.next(watch)).toBe("done");
      nothingLeft(scene, signal);
    }
  });

  it("comes with return, also before anything was asked, and with break", async () => {
    const scene = new Scene();
    const { signal } = abortable();
    expect(await scene.watch({ signal }).return()).toEqual({ done: true, value: undefined });
    const watch = scene.watch({ signal });
    await scene.next(watch);
    const waiting = watch.next();
    await scene.clock.advance(10);
    expect(await watch.return()).toEqual({ done: true, value: undefined });
    expect(await waiting).toEqual({ done: true, value: undefined });
    nothingLeft(scene, signal);
    for await (const event of scene.watch({ signal })) {
      expect(event.type).toBe("present");
      break;
    }
    nothingLeft(scene, signal);
    {
      await using own = scene.watch({ signal });
      await scene.next(own);
    }
    nothingLeft(scene, signal);
  });

  it("leaves nothing behind after a thousand events, and nothing grows on the way", async () => {
    const scene = new Scene();
    const { signal } = abortable();
    const before = await read({ world: scene.world, sources: [scene.source], minSources: 1 });
    scene.grow(6);
    const after = await read({ world: scene.world, sources: [scene.source], minSources: 1 });
    const parts = { sources: [scene.source], clock: scene.clock };
    const options = { signal, minIntervalMs: 1, pollIntervalMs: 10 };
    let reads = 0;
    const watch = createWatch({
      parts,
      beacon: scene.world.beacon().script,
      options,
      read: (_, seen) => {
        reads += 1;
        if (reads % 3 === 0) return Promise.reject(unreachable("a"));
        const resolution = reads % 2 === 0 ? before : after;
        seen(resolution);
        const { state, pending, asOf } = resolution;
        return Promise.resolve({ found: true as const, name: describeName(state, pending), asOf, from: "network" });
      },
    });
    for (let i = 0; i < 1_000; i++) {
      const step = watch.next();
      await scene.clock.advance(25);
      expect((await step).done).toBe(false);
      if (i % 100 !== 99) continue;
      expect(scene.clock.pending).toBe(0);
      expect(scene.source.watched.size).toBe(1);
      expect(getEventListeners(signal, "abort")).toHaveLength(1);
    }
    expect(scene.source.subscriptions).toBe(1);
    await watch.return();
    nothingLeft(scene, signal);
  });
});

function abortable(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    abort: () => {
      controller.abort();
    },
  };
}

it("tells of new versions of a watched record, and of its end", async () => {
  await using world = await ReaderWorld.start({ sources: 1, stores: 1 });
  const { name, route } = await world.registerWithRecord("alice");
  await using watch = world.reader().watch("alice", { id: "settings", pollIntervalMs: 1, minIntervalMs: 1 });
  const next = async (): Promise<unknown> => (await watch.next()).value;
  expect(await next()).toMatchObject({ type: "present", result: { found: true, ver: 1 } });
  await world.putRecord(name, route, { ver: 2, data: "two" });
  expect(await next()).toMatchObject({
    type: "changed",
    changes: [{ what: "record", epoch: 1, ver: 2 }],
    result: { found: true, ver: 2, data: new TextEncoder().encode("two") },
  });
  await world.update(name, await world.putProfile("alice"));
  const last = { what: "record", epoch: null, ver: null };
  for (;;) {
    const event = (await next()) as WatchEvent;
    if (event.type === "changed" && event.changes.some(({ what }) => what === "record")) {
      expect(event.changes).toContainEqual(last);
      expect(event.result).toMatchObject({ found: false, why: "not-in-index" });
      return;
    }
  }
});
