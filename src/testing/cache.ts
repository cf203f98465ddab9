import type { Cache } from "../ports.js";
import { entryCases } from "./cache-entries.js";
import { handleCases } from "./cache-handles.js";
import { keyCases } from "./cache-keys.js";
import { updateCases } from "./cache-updates.js";
import { type ContractCase, contractCase } from "./contract.js";

/** What {@link cacheContract} tests. */
export interface CacheContractOptions {
  /**
   * Opens a cache at a place: empty the first time that this place is named, and with the entries that are there every
   * later time, also while an earlier handle is open. A place is 1 to 60 letters, digits and hyphens, new in each run,
   * and fits a directory, a database or a prefix.
   */
  readonly open: (place: string) => Cache | Promise<Cache>;
  /**
   * Whether caches that were opened at one place have the same entries. False only for one whose entries live and die
   * with the handle, as in memory: the cases with several handles are left out then, and it must not be `durable`.
   * Default true.
   */
  readonly shared?: boolean | undefined;
}

/**
 * What every `Cache` must do, as cases for any test runner: each opens places of its own and closes what it opened, so
 * they may run in any order and beside each other. They take up to 10 MB in a place; clear the places away afterwards.
 *
 * Not judged, since it takes more than one process: that updates are atomic against other processes too, and that what
 * was acknowledged outlives a crash.
 */
export function cacheContract(options: CacheContractOptions): readonly ContractCase[] {
  const { open, shared = true } = options;
  const cases = [...entryCases, ...keyCases, ...updateCases, ...handleCases(shared)];
  return cases.map(({ name, check }, index) =>
    contractCase(name, async () => {
      const place = `hawser-contract-${index + 1}-${randomWord()}`;
      const opened: Cache[] = [];
      try {
        await check({
          open: async (beside) => {
            const cache = await open(beside === undefined ? place : `${place}-${beside}`);
            opened.push(cache);
            return cache;
          },
        });
      } finally {
        // A case is about one thing; one of its own is about closing.
        await Promise.allSettled(opened.map(async (cache) => cache.close()));
      }
    }),
  );
}

function randomWord(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
