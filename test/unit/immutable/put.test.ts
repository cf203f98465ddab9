import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { HawserError } from "../../../src/errors.js";
import { contentKey } from "../../../src/immutable/key.js";
import { putObject } from "../../../src/immutable/put.js";
import type { StorageProvider } from "../../../src/ports.js";
import { memoryStorage } from "../../../src/storage/memory.js";
import { FakeClock } from "../fake-clock.js";
import { rejectionOf } from "../mutable/world.js";
import { wrapped } from "../route/places.js";

const bytes = utf8("the data");
const key = contentKey(bytes);
const path = `objects/${key.slice(0, 2)}/${key}`;

function put(storage: readonly StorageProvider[], changes: { required?: number; signal?: AbortSignal } = {}) {
  return putObject({ bytes, storage, clock: new FakeClock(), ...changes });
}

async function bytesAt(provider: StorageProvider) {
  return (await provider.read(path, { kind: "object", maxBytes: 2_000_000 }))?.bytes ?? null;
}

function broken(label: string): StorageProvider {
  return wrapped(memoryStorage(), { label, write: () => Promise.reject(new Error("503")) });
}

describe("W7: putObject", () => {
  it("stores the bytes at every provider under their hash", async () => {
    const [a, b] = [memoryStorage({ label: "a" }), memoryStorage({ label: "b" })];
    const plain = wrapped(b, { conditional: false });
    const stored = await put([a, plain]);
    expect(stored).toMatchObject({ key, path });
    expect(stored.providers.map(({ label, outcome }) => [label, outcome])).toEqual([
      ["a", "stored"],
      ["b", "stored"],
    ]);
    expect([await bytesAt(a), await bytesAt(b)]).toEqual([bytes, bytes]);
  });

  it("W1: can be repeated", async () => {
    const provider = memoryStorage();
    await put([provider]);
    expect((await put([provider])).providers[0]?.outcome).toBe("held");
  });

  it("replaces damaged bytes, also those that are too large to read", async () => {
    for (const damage of [utf8("damage"), new Uint8Array(1024 * 1024 + 1)]) {
      const provider = memoryStorage();
      await provider.write(path, damage, { kind: "object" });
      expect((await put([provider])).providers[0]?.outcome).toBe("stored");
      expect(await bytesAt(provider)).toEqual(bytes);
    }
  });

  it("counts by provider and tells what each said", async () => {
    const stored = await put([broken("a"), memoryStorage()]);
    expect(stored.providers.map(({ outcome }) => outcome)).toEqual(["failed", "stored"]);
    const error = await rejectionOf("STORAGE_UNAVAILABLE", put([broken("a"), memoryStorage()], { required: 2 }));
    expect(error.details).toMatchObject({ required: 2, stored: 1, attempts: [{ label: "a" }] });
  });

  it("gives up on a provider that refuses every condition or answers nonsense", async () => {
    const stubborn = wrapped(memoryStorage(), { write: async () => "moved" });
    const nonsense = wrapped(memoryStorage(), { write: async () => undefined as unknown as "stored" });
    const error = await rejectionOf("STORAGE_UNAVAILABLE", put([stubborn, nonsense]));
    expect(error.details.attempts.map(({ code }) => code)).toEqual(["moved", "NETWORK_ANSWER_INVALID"]);
  });

  it("gives up on a provider that never answers", async () => {
    const clock = new FakeClock();
    const hanging = wrapped(memoryStorage(), { write: () => new Promise(() => undefined) });
    const stored = putObject({ bytes, storage: [hanging, memoryStorage()], clock });
    await clock.advance(30_000);
    expect((await stored).providers.map(({ attempt }) => attempt?.code)).toEqual(["NETWORK_TIMEOUT", undefined]);
  });

  it("refuses what a reader would not read, and counts that cannot be met", async () => {
    const storage = [memoryStorage()];
    const large = new Uint8Array(1024 * 1024 + 1);
    await rejectionOf("INPUT_TOO_LARGE", putObject({ bytes: large, storage, clock: new FakeClock() }));
    await rejectionOf("INPUT_INVALID", put(storage, { required: 2 }));
    await rejectionOf("INPUT_INVALID", put([]));
  });

  it("ends when the caller aborts", async () => {
    await rejectionOf("NETWORK_ABORTED", put([memoryStorage()], { signal: AbortSignal.abort() }));
  });

  it("gives a provider only what it keeps, and counts those that keep objects", async () => {
    const objects = wrapped(memoryStorage(), { label: "objects", kinds: ["object"] });
    const refuses = () => Promise.reject(new Error("asked"));
    const records = wrapped(memoryStorage(), {
      label: "records",
      kinds: ["record"],
      read: refuses,
      write: refuses,
      open: refuses,
    });
    const stored = await put([records, objects]);
    expect(stored.providers).toEqual([{ label: "objects", outcome: "stored", attempt: null }]);
    const error = await rejectionOf("INPUT_INVALID", put([records, objects], { required: 2 }));
    expect(error.details.argument).toBe("required");
    await rejectionOf("INPUT_INVALID", put([records]));
  });
});

describe("opening a provider", () => {
  /** A provider that finds out when it is opened that its server takes conditions. */
  function probing(open: () => Promise<void>, label = "probing"): StorageProvider {
    const inner = memoryStorage();
    const provider = { ...wrapped(inner, { label }), conditional: false };
    provider.open = async () => {
      await open();
      provider.conditional = true;
    };
    return provider;
  }

  it("comes before its first write, which then knows what it can do", async () => {
    let opened = 0;
    const provider = probing(async () => {
      opened++;
    });
    await put([provider]);
    expect(opened).toBe(1);
    expect((await put([provider])).providers[0]?.outcome).toBe("held");
  });

  it("fails that provider alone, and is tried again by the next write", async () => {
    let down = true;
    const provider = probing(() => {
      return down
        ? Promise.reject(new HawserError("STORAGE_GONE", "No bucket.", { label: "probing", reason: "no bucket" }))
        : Promise.resolve();
    });
    const [first, second] = (await put([provider, memoryStorage()])).providers;
    expect(first).toMatchObject({ outcome: "failed", attempt: { label: "probing", code: "STORAGE_GONE" } });
    expect(second?.outcome).toBe("stored");
    expect(await bytesAt(provider)).toBeNull();
    down = false;
    expect((await put([provider])).providers[0]?.outcome).toBe("stored");
  });

  it("has a deadline", async () => {
    const clock = new FakeClock();
    const stored = putObject({ bytes, storage: [probing(() => new Promise(() => undefined)), memoryStorage()], clock });
    await clock.advance(30_000);
    expect((await stored).providers.map(({ attempt }) => attempt?.code)).toEqual(["NETWORK_TIMEOUT", undefined]);
  });
});
