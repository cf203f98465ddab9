import { describe, expect, it } from "vitest";
import { HawserError } from "../../../src/errors.js";
import type { StorageProvider, StoredBytes, StoredKind, WriteOutcome } from "../../../src/ports.js";
import { type ContractCase, storageContract } from "../../../src/testing/index.js";
import { brokenKinds, brokenStorages } from "./broken-storages.js";
import { Files, ModelStorage } from "./model-storage.js";

/** Opens providers of a kind, those of one place on the same files. */
function opener(make: new (files: Files) => ModelStorage): (place: string) => ModelStorage {
  const places = new Map<string, Files>();
  return (name) => {
    const files = places.get(name) ?? new Files();
    places.set(name, files);
    return new make(files);
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

class ObjectStorage extends ModelStorage {
  override readonly kinds: readonly StoredKind[] = ["object"];
}

/** Answers everything with one error. */
class FailingStorage extends ModelStorage {
  readonly #make: () => unknown;
  constructor(make: () => unknown) {
    super(new Files());
    this.#make = make;
  }
  override async read(): Promise<StoredBytes | null> {
    throw this.#make();
  }
  override async write(): Promise<WriteOutcome> {
    throw this.#make();
  }
}

const refused = (reason: string): HawserError =>
  new HawserError("STORAGE_REFUSED", `model refused: ${reason}.`, { label: "model", reason });

describe("storageContract", () => {
  const all = storageContract({ open: opener(ModelStorage) }).map(({ name }) => name);

  it("passes a provider that keeps it, twice and all at once", async () => {
    const cases = storageContract({ open: opener(ModelStorage) });
    expect(await failures(cases)).toEqual(new Map());
    await Promise.all(cases.map(({ run }) => run()));
  });

  it("passes a provider without conditions, and one that keeps objects alone", async () => {
    class Plain extends ModelStorage {
      override conditional = false;
    }
    expect(await failures(storageContract({ open: opener(Plain) }))).toEqual(new Map());
    const cases = storageContract({ open: opener(ObjectStorage), kinds: ["object"] });
    expect(cases.length).toBeLessThan(all.length);
    expect(await failures(cases)).toEqual(new Map());
  });

  it("has cases of different names, and a broken provider for each", () => {
    expect(new Set(all).size).toBe(all.length);
    expect(new Set([...brokenStorages, ...brokenKinds].map(({ finds }) => finds))).toEqual(new Set(all));
  });

  it.each(brokenStorages)("a provider that $fault is told so, by one case: $finds", async ({ finds, also, make }) => {
    const failed = await failures(storageContract({ open: opener(make) }));
    expect([...failed.keys()].sort()).toEqual([finds, ...also].sort());
    expect(failed.get(finds)).toMatch(/expected .+, got .+\.$/s);
  });

  it.each(brokenKinds)("a provider of objects that $fault is told so: $finds", async ({ finds, make }) => {
    const failed = await failures(storageContract({ open: opener(make), kinds: ["object"] }));
    expect([...failed.keys()]).toEqual([finds]);
  });

  describe("providers over a server that fails", () => {
    const errorCase = async (options: Partial<Parameters<typeof storageContract>[0]>): Promise<string | undefined> => {
      const cases = storageContract({ open: opener(ModelStorage), ...options });
      const [failed] = (await failures(cases.slice(all.length))).values();
      expect(cases).toHaveLength(all.length + 1);
      return failed;
    };
    const failing = (make: () => unknown): (() => StorageProvider) => {
      return () => new FailingStorage(make);
    };

    it("wrong credentials, a missing bucket and a stopped server have a case each, where they are given", async () => {
      const goneError = new HawserError("STORAGE_GONE", "model is gone.", { label: "model", reason: "no bucket" });
      const details = { url: "model", reason: "ECONNREFUSED" };
      const unreachable = new HawserError("NETWORK_UNREACHABLE", "model cannot be reached.", details);
      expect(await errorCase({ openRefused: failing(() => refused("403")) })).toBeUndefined();
      expect(await errorCase({ openGone: failing(() => goneError) })).toBeUndefined();
      expect(await errorCase({ openStopped: failing(() => unreachable) })).toBeUndefined();
    });

    it("absence and success in their place are told", async () => {
      const open = opener(ModelStorage);
      for (const options of [
        { openRefused: () => open("a") },
        { openGone: () => open("b") },
        { openStopped: () => open("c") },
      ]) {
        expect(await errorCase(options)).toMatch(/a read: expected a HawserError .*, got the answer null/);
      }
      class Writes extends FailingStorage {
        override write = async (): Promise<WriteOutcome> => "stored";
      }
      const openRefused = (): StorageProvider => new Writes(() => refused("403"));
      expect(await errorCase({ openRefused })).toMatch(/a write: expected .*, got the answer "stored"/);
    });

    it("another code is told", async () => {
      expect(await errorCase({ openGone: failing(() => refused("404")) })).toMatch(
        /a read: expected a HawserError STORAGE_GONE, got HawserError STORAGE_REFUSED/,
      );
    });

    it("a secret that shows is told, and not shown", async () => {
      const secrets = ["hunter2"];
      const cause = new Error("PASS hunter2");
      const hidden = (): HawserError =>
        new HawserError("STORAGE_REFUSED", "no.", { label: "model", reason: "530" }, { cause });
      const inMessage = await errorCase({ openRefused: failing(() => refused("hunter2 is wrong")), secrets });
      const inCause = await errorCase({ openRefused: failing(hidden), secrets });
      class Shows extends FailingStorage {
        readonly password = "hunter2";
      }
      const inProvider = await errorCase({ openRefused: () => new Shows(() => refused("530")), secrets });
      for (const said of [inMessage, inCause, inProvider]) {
        expect(said).toMatch(/printed: expected none of the secrets/);
        expect(said).not.toContain("hunter2");
      }
    });
  });

  it("closes what it opened, also where a case fails", async () => {
    const opened: ModelStorage[] = [];
    class Counted extends ModelStorage {
      constructor(files: Files) {
        super(files);
        opened.push(this);
      }
      override async read(): Promise<StoredBytes | null> {
        throw new Error("no");
      }
    }
    const failed = await failures(storageContract({ open: opener(Counted) }));
    expect(failed.size).toBeGreaterThan(10);
    expect(opened.filter(({ closed }) => !closed)).toEqual([]);
  });

  it("names places that fit a directory or a bucket, and new ones in every run", async () => {
    const places: string[] = [];
    const cases = storageContract({
      open: (place) => {
        places.push(place);
        return new ModelStorage(new Files());
      },
    });
    await failures(cases);
    const first = new Set(places.splice(0));
    await failures(cases);
    for (const place of places) {
      expect(place).toMatch(/^[a-z0-9-]{1,60}$/);
      expect(first).not.toContain(place);
    }
  });
});
