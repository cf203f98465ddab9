import { utf8 } from "../bytes/bytes.js";
import { isHex } from "../bytes/hex.js";
import { encodeJson, isJsonObject, parseJson } from "../bytes/json.js";
import { HawserError } from "../errors.js";
import type { RecordContext } from "./record.js";

/** A place in the order of versions (M5). */
export interface Version {
  readonly epoch: number;
  readonly ver: number;
}

/** The lowest version that may still be returned, with what is known about the data under it. */
export interface Floor extends Version {
  /** SHA-256 of the data, hex; null where only the version is known. */
  readonly sha256: string | null;
  /** Signature over that data, hex; with it a contradiction can be proven to others (M9). */
  readonly sig?: string | null | undefined;
}

/** M5: versions order by epoch, then by ver; negative when `a` is older. */
export function compareVersion(a: Version, b: Version): number {
  return a.epoch !== b.epoch ? a.epoch - b.epoch : a.ver - b.ver;
}

/** M5: the greatest of the floors; of equal versions the first that knows its data. */
export function greatestFloor(first: Floor, ...others: readonly (Floor | null)[]): Floor {
  return others.reduce<Floor>((greatest, floor) => {
    if (floor === null) return greatest;
    const order = compareVersion(floor, greatest);
    return order > 0 || (order === 0 && greatest.sha256 === null) ? floor : greatest;
  }, first);
}

/** Where a floor is cached. All four parts are in the key: ids of two names, or two holders, never share a floor. */
export function floorKey({ network, name, tenure, id }: Omit<RecordContext, "epoch">): string {
  return `floor/${network.id}/${name}/${tenure}/${id}`;
}

/** The bytes under which a floor is cached. */
export function encodeFloor(floor: Floor): Uint8Array {
  const { epoch, ver, sha256, sig } = floor;
  return utf8(encodeJson({ epoch, ver, sha256, sig: sig ?? null }));
}

/**
 * The floor in cached bytes. Damaged bytes are an error and never "no floor", under which old data would be accepted.
 *
 * @param key - the cache key, for the error.
 * @throws CACHE_CORRUPT
 */
export function decodeFloor(bytes: Uint8Array, key: string): Floor {
  const fail = (reason: string): HawserError<"CACHE_CORRUPT"> =>
    new HawserError("CACHE_CORRUPT", `The cached floor ${key} cannot be read: ${reason}.`, { key, reason });
  const json = parseJson(bytes, { fail, maxDepth: 1 });
  if (!isJsonObject(json)) throw fail("not an object");
  const { epoch, ver, sha256, sig, ...rest } = json;
  if (Object.keys(rest).length > 0) throw fail("an unknown member");
  if (typeof epoch !== "number" || epoch < 0 || typeof ver !== "number" || ver < 0) throw fail("a wrong version");
  if (sha256 !== null && !isHex(sha256, 32)) throw fail("a wrong digest");
  if (sig !== null && !isHex(sig, 64)) throw fail("a wrong signature");
  return { epoch, ver, sha256, sig };
}

/**
 * M7: what the cache keeps after `next` was seen: never something lower than `previous`, and of two data under one
 * version the first, so that the second is known as a fork.
 */
export function raisedFloor(previous: Floor | null, next: Floor): Floor {
  return previous === null ? next : greatestFloor(previous, next);
}

/** M9: whether data contradicts what the cache knows under the same version. */
export function contradictsFloor(cached: Floor | null, version: Version, sha256: string): boolean {
  return cached !== null && cached.sha256 !== null && compareVersion(cached, version) === 0 && cached.sha256 !== sha256;
}
