import type { Cache } from "../ports.js";
import { decodeFloor, encodeFloor, type Floor, raisedFloor } from "./floor.js";

/** The cached floor, or null if there is none. @throws CACHE_UNAVAILABLE, CACHE_CORRUPT */
export async function readFloor(cache: Cache, key: string): Promise<Floor | null> {
  const bytes = await cache.get(key);
  return bytes === null ? null : decodeFloor(bytes, key);
}

/**
 * M7: keeps a floor durably, unless the cache already has a higher one. Nothing may be returned before this resolves.
 *
 * @param key - see `floorKey`.
 * @returns the floor as it was before, null if there was none: the caller judges whether it is higher, or has other
 * data under the same version (M9)
 * @throws CACHE_UNAVAILABLE, CACHE_CORRUPT
 */
export async function raiseFloor(cache: Cache, key: string, floor: Floor): Promise<Floor | null> {
  return cache.update(key, (current) => {
    const previous = current === null ? null : decodeFloor(current, key);
    const raised = raisedFloor(previous, floor);
    return raised === previous ? { result: previous } : { value: encodeFloor(raised), result: previous };
  });
}
