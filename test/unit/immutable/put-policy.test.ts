import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { HawserError } from "../../../src/errors.js";
import { contentKey } from "../../../src/immutable/key.js";
import { putObject } from "../../../src/immutable/put.js";
import type { StorageProvider } from "../../../src/ports.js";
import { StoragePolicy } from "../../../src/route/policy.js";
import type { StoragePolicyOptions } from "../../../src/route/policy-options.js";
import { memoryStorage } from "../../../src/storage/memory.js";
import { IdleClock } from "../idle-clock.js";
import { rejectionOf } from "../mutable/world.js";
import { wrapped } from "../route/places.js";

const bytes = utf8("the data");
const key = contentKey(bytes);
const path = `objects/${key.slice(0, 2)}/${key}`;
const most = { bytes: (length: number) => new Uint8Array(length).fill(255) };
const down = () => new HawserError("NETWORK_UNREACHABLE", "Reset.", { url: "a", reason: "reset" });

function policyWith(options: StoragePolicyOptions = {}) {
  return new StoragePolicy(options, most);
}

async function put(storage: readonly StorageProvider[], policy?: StoragePolicy, clock = new IdleClock(), required = 1) {
  return (await putObject({ bytes, storage, clock, policy, required })).providers;
}

/** A provider of which the first writes fail, after they took place or before. */
function failing(
  times: number,
  mode: "lost" | "refused",
  changes: Partial<StorageProvider> = {},
  error: () => unknown = down,
) {
  const inner = memoryStorage();
  const calls = { writes: 0, reads: 0 };
  const provider = wrapped(inner, {
    label: "a",
    ...changes,
    read: (where, options) => {
      calls.reads++;
      return inner.read(where, options);
    },
    write: async (where, body, options) => {
      calls.writes++;
      if (calls.writes > times) return inner.write(where, body, options);
      if (mode === "lost") await inner.write(where, body, options);
      throw error();
    },
  });
  return { provider, calls };
}

describe("W1: a write that fails for the moment", () => {
  it("is made again without a condition, 3 times in all", async () => {
    const clock = new IdleClock();
    const twice = failing(2, "refused", { conditional: false });
    expect(await put([twice.provider], policyWith(), clock)).toMatchObject([{ outcome: "stored" }]);
    expect(twice.calls.writes).toBe(3);
    expect(clock.delays).toEqual([249, 499]);
    const thrice = failing(3, "refused", { conditional: false });
    await rejectionOf("STORAGE_UNAVAILABLE", put([thrice.provider], policyWith()));
  });

  it("is stored where only the answer to a conditional one was lost: it is looked for, not repeated", async () => {
    for (const policy of [undefined, policyWith()]) {
      const { provider, calls } = failing(1, "lost");
      expect(await put([provider], policy)).toEqual([{ label: "a", outcome: "stored", attempt: null }]);
      expect(calls.writes).toBe(1);
    }
  });

  it("is made again under a condition that holds where a conditional one did not take place", async () => {
    const { provider, calls } = failing(1, "refused");
    expect(await put([provider], policyWith())).toMatchObject([{ outcome: "stored" }]);
    expect(calls.writes).toBe(2);
  });

  it("fails with what it failed with where it is not made again", async () => {
    for (const policy of [undefined, policyWith()]) {
      const always = failing(9, "refused");
      const error = await rejectionOf("STORAGE_UNAVAILABLE", put([always.provider], policy));
      expect(error.details.attempts).toMatchObject([{ label: "a", code: "NETWORK_UNREACHABLE" }]);
      expect(always.calls.writes).toBe(policy === undefined ? 1 : 3);
    }
    const refused = new HawserError("STORAGE_REFUSED", "No.", { label: "a", reason: "403" });
    const { provider, calls } = failing(9, "refused", {}, () => refused);
    const error = await rejectionOf("STORAGE_UNAVAILABLE", put([provider], policyWith()));
    expect(error.details.attempts).toMatchObject([{ code: "STORAGE_REFUSED" }]);
    // What was refused did not take place: there is nothing to look for.
    expect(calls).toEqual({ writes: 1, reads: 0 });
  });
});

describe("W7: a provider that takes no writes", () => {
  it("is left alone after 3 of them, with its outcome, as long as enough others are left", async () => {
    const policy = policyWith({ attempts: 1 });
    const clock = new IdleClock();
    const { provider, calls } = failing(99, "refused", { conditional: false });
    const storage = [provider, memoryStorage()];
    for (let i = 0; i < 3; i++) await put(storage, policy, clock);
    expect(await put(storage, policy, clock)).toMatchObject([
      { label: "a", outcome: "failed", attempt: { label: "a", code: "STORAGE_PAUSED" } },
      { outcome: "held" },
    ]);
    expect(calls.writes).toBe(3);
    await rejectionOf("STORAGE_UNAVAILABLE", put(storage, policy, clock, 2));
    expect(calls.writes).toBe(4);
    await rejectionOf("STORAGE_UNAVAILABLE", put([provider], policy, clock));
    expect(calls.writes).toBe(5);
  });

  it("is not opened meanwhile; one that cannot be opened is such a one", async () => {
    const policy = policyWith({ attempts: 1 });
    const clock = new IdleClock();
    let opened = 0;
    const provider = wrapped(memoryStorage(), {
      label: "a",
      open: () => {
        opened++;
        return Promise.reject(down());
      },
    });
    const storage = [provider, memoryStorage()];
    for (let i = 0; i < 5; i++) await put(storage, policy, clock);
    expect(opened).toBe(3);
  });

  it("M8: is still read from, and one that gives nothing is still written to", async () => {
    const policy = policyWith({ attempts: 1, failuresBeforePause: 1 });
    const clock = new IdleClock();
    const health = await policy.load();
    const call = { place: "a", clock } as const;
    health?.note({ ...call, operation: "write" }, down(), clock.nowMs());
    const paused = (operation: "record" | "object" | "write") =>
      health?.resting(["a"], operation, 0, clock.nowMs()).size;
    expect([paused("record"), paused("object"), paused("write")]).toEqual([0, 0, 1]);
    health?.forgive({ ...call, operation: "write" });
    health?.note({ ...call, operation: "record" }, down(), clock.nowMs());
    expect([paused("record"), paused("object"), paused("write")]).toEqual([1, 0, 0]);
  });
});

describe("W7: writes that are confirmed", () => {
  const confirming = policyWith({ confirmWrites: true });
  /** A provider that says "stored" and keeps what `kept` makes of it; shows it after so many reads. */
  function careless(kept: (body: Uint8Array) => Uint8Array | null, lateReads = 0): StorageProvider {
    const inner = memoryStorage();
    let reads = 0;
    return wrapped(inner, {
      label: "careless",
      conditional: false,
      write: async (where, body, { kind }) => {
        const keep = kept(body);
        return keep === null ? "stored" : inner.write(where, keep, { kind });
      },
      read: async (where, options) => (++reads > lateReads ? inner.read(where, options) : null),
    });
  }

  it("STORAGE_LOST: one that said stored and did not, or stored something else, has failed", async () => {
    for (const kept of [() => null, () => utf8("other")]) {
      const storage = [careless(kept), memoryStorage()];
      expect(await put(storage)).toMatchObject([{ outcome: "stored" }, { outcome: "stored" }]);
      expect(await put(storage, policyWith({ confirmWrites: true }))).toMatchObject([
        { label: "careless", outcome: "failed", attempt: { label: "careless", code: "STORAGE_LOST" } },
        { outcome: "held" },
      ]);
    }
  });

  it("one that shows a write a little later has stored it", async () => {
    const clock = new IdleClock();
    expect(await put([careless((body) => body, 1)], confirming, clock)).toMatchObject([{ outcome: "stored" }]);
    expect(clock.delays).toEqual([1_000]);
    const error = await rejectionOf("STORAGE_UNAVAILABLE", put([careless((body) => body, 2)], confirming));
    expect(error.details.attempts).toMatchObject([{ code: "STORAGE_LOST" }]);
  });

  it("one that cannot be asked has failed with that", async () => {
    const mute = wrapped(memoryStorage(), { label: "mute", conditional: false, read: () => Promise.reject(down()) });
    const error = await rejectionOf("STORAGE_UNAVAILABLE", put([mute], confirming));
    expect(error.details.attempts).toMatchObject([{ label: "mute", code: "NETWORK_UNREACHABLE" }]);
  });

  it("one that loses what it is given is left alone, for longer each time", async () => {
    const policy = policyWith({ confirmWrites: true });
    const clock = new IdleClock();
    const storage = [careless(() => null), memoryStorage()];
    const code = async () => (await put(storage, policy, clock))[0]?.attempt?.code;
    expect([await code(), await code()]).toEqual(["STORAGE_LOST", "STORAGE_PAUSED"]);
    await clock.delay(30_000);
    expect(await code()).toBe("STORAGE_LOST");
    await clock.delay(120_000);
    expect(await code()).toBe("STORAGE_PAUSED");
    expect((await putObject({ bytes, storage: [memoryStorage()], clock, policy })).path).toBe(path);
  });
});
