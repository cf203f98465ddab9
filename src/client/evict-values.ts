import { getNetwork, type NetworkId } from "../chain/network.js";
import type { Cache } from "../ports.js";

/** Options of {@link evictValues}. */
export interface EvictOptions {
  /** Leave the records of other networks. Objects belong to no network and go in any case. Default: of all networks. */
  readonly network?: NetworkId | undefined;
}

/**
 * Makes room in a cache: removes what can be had again from providers, which are the bodies of records, profiles, index
 * nodes and immutable data. Floors, versions that a writer took, the journal, operations of names and headers stay, so
 * that nothing old passes for new afterwards and no write is lost; reads by the policy `cache-only` are `CACHE_MISS`
 * until the values were read again.
 *
 * @param cache - the one that was given to a reader. It may be in use.
 * @returns how many entries were removed
 * @throws INPUT_INVALID, CACHE_UNAVAILABLE (what was removed until then is gone; do it again)
 */
export async function evictValues(cache: Cache, { network }: EvictOptions = {}): Promise<number> {
  const records = network === undefined ? "record/" : `record/${getNetwork(network).id}/`;
  let removed = 0;
  for (const prefix of ["object/", records]) {
    for (const key of await cache.keys(prefix)) {
      await cache.update(key, () => ({ value: null, result: undefined }));
      removed += 1;
    }
  }
  return removed;
}
