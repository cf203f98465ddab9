import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { memoryCache } from "../../../src/cache/memory.js";
import { HawserError } from "../../../src/errors.js";
import { getRecord } from "../../../src/mutable/get.js";
import { putRecord } from "../../../src/mutable/put.js";
import type { StorageProvider, StorageReader } from "../../../src/ports.js";
import { ReadBudget } from "../../../src/route/budget.js";
import { StoragePolicy } from "../../../src/route/policy.js";
import type { StoragePolicyOptions } from "../../../src/route/policy-options.js";
import { memoryStorage } from "../../../src/storage/memory.js";
import { IdleClock } from "../idle-clock.js";
import { fails, readerThat, serves, wrapped } from "../route/places.js";
import { context, rejectionOf, routeWith, signed, writer } from "./world.js";

const path = "records/regtest/alice/settings@7.json";
const down = () => new HawserError("NETWORK_UNREACHABLE", "Reset.", { url: "a", reason: "reset" });
const policyWith = (options: StoragePolicyOptions = {}) =>
  new StoragePolicy(options, { bytes: (length) => new Uint8Array(length) });

function put(storage: readonly StorageProvider[], policy?: StoragePolicy, clock = new IdleClock(), data = "x") {
  return putRecord({
    context,
    publicKey: writer.publicKey,
    route: routeWith(),
    signer: writer,
    data: utf8(data),
    storage,
    urlReader: null,
    cache: memoryCache(),
    clock,
    policy,
  });
}

function get(storage: readonly StorageReader[], policy: StoragePolicy, clock: IdleClock, cache = memoryCache()) {
  return getRecord({
    context,
    publicKey: writer.publicKey,
    route: routeWith(),
    storage,
    urlReader: null,
    cache,
    clock,
    policy,
    budget: new ReadBudget({ clock }),
  });
}

describe("W5: a conditional write that fails for the moment", () => {
  it("is made again under what lies there now", async () => {
    const inner = memoryStorage();
    let writes = 0;
    const flaky = wrapped(inner, {
      write: async (where, body, options) => {
        if (++writes === 1) throw down();
        return inner.write(where, body, options);
      },
    });
    expect((await put([flaky], policyWith())).providers).toMatchObject([{ outcome: "stored" }]);
    expect(writes).toBe(2);
  });

  it("without a policy fails with what it failed with", async () => {
    const broken = wrapped(memoryStorage(), { write: () => Promise.reject(down()) });
    const error = await rejectionOf("STORAGE_UNAVAILABLE", put([broken]));
    expect(error.details.attempts).toMatchObject([{ code: "NETWORK_UNREACHABLE" }]);
  });

  it("is a conflict where another writer's record is found there", async () => {
    const inner = memoryStorage();
    const raced = wrapped(inner, {
      write: async (where) => {
        await inner.write(where, signed(1, "rival"), { kind: "record" });
        throw down();
      },
    });
    await rejectionOf("CONFLICT_RECORD_MOVED", put([raced], policyWith()));
  });
});

describe("W7: records whose write is confirmed", () => {
  const confirming = policyWith({ confirmWrites: true });
  const keeping = (keep: (body: Uint8Array) => Uint8Array | null): StorageProvider => {
    const inner = memoryStorage();
    return wrapped(inner, {
      label: "careless",
      conditional: false,
      write: async (where, body) => {
        const kept = keep(body);
        return kept === null ? "stored" : inner.write(where, kept, { kind: "record" });
      },
    });
  };

  it("STORAGE_LOST: fail where the provider does not have it", async () => {
    for (const keep of [() => null, () => utf8("page"), () => signed(0 + 1, "x", { context: { epoch: 6 } })]) {
      const { providers } = await put([keeping(keep), memoryStorage()], policyWith({ confirmWrites: true }));
      expect(providers.find(({ label }) => label === "careless")).toMatchObject({
        outcome: "failed",
        attempt: { code: "STORAGE_LOST" },
      });
    }
  });

  it("succeed where it has, or where a later one was put above it", async () => {
    expect((await put([keeping((body) => body)], confirming)).providers).toMatchObject([{ outcome: "stored" }]);
    expect((await put([keeping(() => signed(2, "y"))], confirming)).providers).toMatchObject([{ outcome: "stored" }]);
  });

  it("are a conflict where another's lies there under the same version", async () => {
    await rejectionOf("CONFLICT_RECORD_MOVED", put([keeping(() => signed(1, "y"))], confirming));
  });
});

describe("M8: records of places that are left alone", () => {
  const once = { attempts: 1, failuresBeforePause: 1 };

  /** A policy that leaves a place alone, and one that has a newer record by then. */
  async function paused(clock: IdleClock) {
    const policy = policyWith(once);
    let up = false;
    let asked = 0;
    const place = readerThat("a", async () => {
      asked++;
      if (!up) throw down();
      return { bytes: signed(5, "new"), tag: null };
    });
    await get([place, serves("b", signed(1, "old"))], policy, clock);
    up = true;
    return { policy, place, askedOf: () => asked };
  }

  it("are not asked for while another replica has one", async () => {
    const clock = new IdleClock();
    const { policy, place, askedOf } = await paused(clock);
    const got = await get([place, serves("b", signed(1, "old"))], policy, clock);
    expect(got.replicas).toMatchObject([
      { label: "a", verdict: "unreachable", reason: expect.stringContaining("left alone") as string },
      { label: "b", verdict: "fresh" },
    ]);
    expect(askedOf()).toBe(1);
  });

  it.each<[string, StorageReader]>([
    ["none", serves("b", null)],
    ["none that verifies", serves("b", utf8("page"))],
    ["no answer", fails("b", down())],
  ])("are asked for where the others have %s", async (_, other) => {
    const clock = new IdleClock();
    const { policy, place } = await paused(clock);
    expect((await get([place, other], policy, clock)).record.ver).toBe(5);
  });

  it("M5: are asked for where the others have only what is too old", async () => {
    const clock = new IdleClock();
    const { policy, place } = await paused(clock);
    const cache = memoryCache();
    await get([serves("c", signed(3, "known"))], policy, clock, cache);
    expect((await get([place, serves("b", signed(1, "old"))], policy, clock, cache)).record.ver).toBe(5);
  });

  it("W5: are looked at before a write", async () => {
    const clock = new IdleClock();
    const policy = policyWith(once);
    const provider = memoryStorage();
    let up = false;
    const place = wrapped(provider, {
      label: "a",
      read: (where, options) => (up ? provider.read(where, options) : Promise.reject(down())),
    });
    await get([place, serves("b", signed(1, "old"))], policy, clock);
    up = true;
    await provider.write(path, signed(5, "new"), { kind: "record" });
    expect((await put([place, memoryStorage()], policy, clock)).record.ver).toBe(6);
  });
});
