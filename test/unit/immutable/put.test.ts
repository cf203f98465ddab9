import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
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
});
