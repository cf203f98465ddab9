import { afterAll, describe, it } from "vitest";
import type { StorageProvider } from "../../../src/ports.js";
import { type StorageContractOptions, storageContract } from "../../../src/testing/index.js";

/** A provider under test, empty at first. */
export interface OpenedStorage {
  readonly storage: StorageProvider;
  close(): Promise<void>;
}

export const RECORD_PATH = "records/regtest/alice/settings@5.json";
export const OBJECT_PATH = `objects/ab/ab${"01".repeat(31)}`;

/** The contract of providers, for one that is opened anew at each place of it. */
export function describeStorageContract(
  name: string,
  open: () => Promise<OpenedStorage>,
  options: Omit<StorageContractOptions, "open"> = {},
): void {
  describe(`storage contract: ${name}`, () => {
    const places = new Map<string, Promise<OpenedStorage>>();
    afterAll(async () => {
      for (const opened of places.values()) await (await opened).close();
    });
    const cases = storageContract({
      ...options,
      open: async (place) => {
        const opened = places.get(place) ?? open();
        places.set(place, opened);
        return (await opened).storage;
      },
    });
    for (const { name: title, run } of cases) it(title, run);
  });
}
