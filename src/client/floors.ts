import { assertBytes } from "../bytes/guards.js";
import { HawserError } from "../errors.js";
import { compareVersion, contradictsFloor, floorKey } from "../mutable/floor.js";
import { raiseFloor, readFloor } from "../mutable/floor-cache.js";
import { decodeFloors, encodeFloors, type PlacedFloor, parseFloorPlace } from "../mutable/floor-list.js";
import { coreOf, type Reader } from "./reader.js";

/** What {@link importFloors} did. */
export interface ImportedFloors {
  /** Floors that are higher now, or are known for the first time. */
  readonly raised: number;
  /** Floors that this device had, or had higher. */
  readonly kept: number;
  /**
   * Ids for which the other device saw other data under the same version (M9): somebody signed two. What this device
   * saw is kept.
   */
  readonly forked: readonly { readonly name: string; readonly id: string }[];
}

/**
 * The floors of a reader's cache (M7), of its network, for another device of the same person: with them it refuses what
 * this one would refuse, from its first read on. They tell which names and ids this reader has read.
 *
 * @returns text of one line for each floor, for {@link importFloors}
 * @throws INPUT_INVALID, CACHE_UNAVAILABLE, CACHE_CORRUPT (nothing is left out in silence)
 */
export async function exportFloors(reader: Reader): Promise<Uint8Array> {
  const { cache, network } = coreOf(reader).parts;
  const prefix = `floor/${network.id}/`;
  const floors: PlacedFloor[] = [];
  for (const key of await cache.keys(prefix)) {
    const place = parseFloorPlace(key.slice(prefix.length));
    if (place === null) {
      const reason = "it names no floor";
      throw new HawserError("CACHE_CORRUPT", `The cache key ${key} is damaged: ${reason}.`, { key, reason });
    }
    const floor = await readFloor(cache, key);
    if (floor !== null) floors.push({ ...place, floor });
  }
  return encodeFloors(network, floors);
}

/**
 * Takes over floors that {@link exportFloors} gave on another device. A floor is only ever raised, so this may be done
 * again, with old exports too. Take them from a device that you trust: a floor that is too high makes this reader refuse
 * good data.
 *
 * Everything is judged before the first floor is raised. A cache that fails in between has taken some; do it again.
 *
 * @throws INPUT_INVALID, INPUT_FLOORS_INVALID (damaged, of another network, or not floors; nothing was taken over),
 *   CACHE_UNAVAILABLE, CACHE_CORRUPT
 */
export async function importFloors(reader: Reader, bytes: Uint8Array): Promise<ImportedFloors> {
  const { cache, network } = coreOf(reader).parts;
  assertBytes("bytes", bytes);
  let raised = 0;
  let kept = 0;
  const forked: { readonly name: string; readonly id: string }[] = [];
  for (const { name, tenure, id, floor } of decodeFloors(network, bytes)) {
    const previous = await raiseFloor(cache, floorKey({ network, name, tenure, id }), floor);
    if (previous === null || compareVersion(floor, previous) > 0) raised += 1;
    else kept += 1;
    if (floor.sha256 !== null && contradictsFloor(previous, floor, floor.sha256)) forked.push({ name, id });
  }
  return { raised, kept, forked };
}
