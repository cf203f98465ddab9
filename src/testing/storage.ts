import type { StorageProvider, StoredKind } from "../ports.js";
import { type ContractCase, contractCase } from "./contract.js";
import { bodyCases } from "./storage-bodies.js";
import {
  objectAt,
  randomBytes,
  randomWord,
  recordAt,
  recordBody,
  type Sample,
  type StorageBench,
} from "./storage-case.js";
import { conditionCases } from "./storage-conditions.js";
import { errorCases, type FailingProviders } from "./storage-errors.js";
import { limitCases } from "./storage-limits.js";
import { pathCases } from "./storage-paths.js";
import { togetherCases } from "./storage-together.js";

/** What {@link storageContract} tests. */
export interface StorageContractOptions extends FailingProviders {
  /**
   * Opens a provider at a place: empty the first time that this place is named, and with what is there every later time,
   * also while an earlier handle is open. A place is 1 to 60 lower-case letters, digits and hyphens, new in each run, and
   * fits a directory, a bucket or a prefix. A provider that is addressed by content alone may have one place for all.
   */
  readonly open: (place: string) => StorageProvider | Promise<StorageProvider>;
  /** Which kinds it keeps, as its `kinds` say. Default: both. */
  readonly kinds?: readonly StoredKind[] | undefined;
  /** Bytes that it takes in one body, where that is less than the protocol's 1.5 MiB for a record and 1 MiB for an object. */
  readonly maxBytes?: Partial<Readonly<Record<StoredKind, number>>> | undefined;
}

const LARGEST: Readonly<Record<StoredKind, number>> = { record: 1.5 * 1024 * 1024, object: 1024 * 1024 };
const USUAL_BYTES = 200;

/**
 * What every `StorageProvider` must do, as cases for any test runner: each opens a place of its own and closes what it
 * opened, so they may run in any order and beside each other. They take up to 5 MB in a place; clear the places away
 * afterwards. Run them against the real server: a mock shows what its author believed.
 *
 * Not judged, since it takes a failing machine: that what was reported as stored outlives a crash.
 */
export function storageContract(options: StorageContractOptions): readonly ContractCase[] {
  const { open, kinds = ["record", "object"], maxBytes = {} } = options;
  const cases = [...bodyCases, ...pathCases, ...limitCases, ...conditionCases, ...togetherCases];
  const own = cases
    .filter(({ needs }) => needs === undefined || kinds.includes(needs))
    .map(({ name, check }, index) =>
      contractCase(name, async () => {
        const place = `hawser-contract-${index + 1}-${randomWord()}`;
        const opened: StorageProvider[] = [];
        try {
          await check({
            open: async () => {
              const storage = await open(place);
              opened.push(storage);
              await storage.open?.();
              return storage;
            },
            fresh,
            maxBytes: { ...LARGEST, ...maxBytes },
            kinds,
          });
        } finally {
          await Promise.allSettled(opened.map(async (storage) => storage.close?.()));
        }
      }),
    );
  return [...own, ...errorCases(options)];
}

const fresh: StorageBench["fresh"] = async (kind, given = USUAL_BYTES): Promise<Sample> => {
  if (kind === "record") {
    const bytes = typeof given === "number" ? recordBody(given) : given;
    return { kind, path: recordAt(`fresh/${randomWord()}`), bytes };
  }
  const bytes = typeof given === "number" ? randomBytes(given) : given;
  return { kind, path: await objectAt(bytes), bytes };
};
