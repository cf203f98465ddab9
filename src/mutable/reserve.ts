import { utf8 } from "../bytes/bytes.js";
import { isHex } from "../bytes/hex.js";
import { encodeJson, isJsonObject, parseJson } from "../bytes/json.js";
import { HawserError } from "../errors.js";
import type { Cache } from "../ports.js";
import { floorKey } from "./floor.js";
import { readFloor } from "./floor-cache.js";
import type { RecordContext } from "./record.js";

const MANY_IDS = 16;

/** The newest version of one id and epoch that a writer of this cache has taken, before it signed. */
export interface SignedVersion {
  readonly ver: number;
  /** SHA-256 of the data that the version was taken for, hex. */
  readonly sha256: string;
  /** The signature, so that a retry sends the same bytes; null while there is none yet. */
  readonly sig: string | null;
  /** Whether the required providers held it: the next put of the same data is then a new version, not a retry. */
  readonly done: boolean;
}

/** Where the version is kept that was taken last. */
export function signedKey(context: RecordContext): string {
  return `${signedPrefix(context)}${context.id}@${context.epoch}`;
}

/** The version that was taken last, or null. @throws CACHE_UNAVAILABLE, CACHE_CORRUPT */
export async function readSigned(cache: Cache, key: string): Promise<SignedVersion | null> {
  const bytes = await cache.get(key);
  return bytes === null ? null : decodeSigned(bytes, key);
}

/** What {@link reserveVersion} needs. */
export interface Reservation {
  /** What was read when the version was chosen. */
  readonly seen: SignedVersion | null;
  readonly ver: number;
  readonly sha256: string;
  /** Whether the same version for the same data, taken by somebody else, is a refusal too. Default false. */
  readonly alone?: boolean | undefined;
}

/** What became of a reservation. */
export interface ReservationResult {
  readonly taken: boolean;
  /** What the cache holds now. */
  readonly entry: SignedVersion;
}

/**
 * Takes a version for one digest, durably and atomically, before anything is signed under it. Two writers that share a
 * cache therefore never sign two data under one version, whatever the providers do.
 *
 * @returns `taken: false` and what is there, when another writer took this version for other data or moved on since
 * `seen` was read
 * @throws CACHE_UNAVAILABLE, CACHE_CORRUPT
 */
export async function reserveVersion(
  cache: Cache,
  key: string,
  { seen, ver, sha256, alone = false }: Reservation,
): Promise<ReservationResult> {
  return cache.update<ReservationResult>(key, (current) => {
    const entry = current === null ? null : decodeSigned(current, key);
    const same = entry !== null && entry.ver === ver && entry.sha256 === sha256;
    if (same && !alone) return { result: { taken: true, entry } };
    if (entry !== null && (entry.ver >= ver || entry.ver !== seen?.ver)) return { result: { taken: false, entry } };
    const fresh: SignedVersion = { ver, sha256, sig: null, done: false };
    return { value: encodeSigned(fresh), result: { taken: true, entry: fresh } };
  });
}

/** Adds the signature, or that the required providers hold the record, while the entry is still about this version. */
export async function amendSigned(cache: Cache, key: string, amended: SignedVersion): Promise<void> {
  await cache.update(key, (current) => {
    const entry = current === null ? null : decodeSigned(current, key);
    const same = entry !== null && entry.ver === amended.ver && entry.sha256 === amended.sha256;
    return same
      ? { value: encodeSigned({ ...amended, done: entry.done || amended.done }), result: undefined }
      : { result: undefined };
  });
}

/** M6: every epoch that each of these ids has in this cache, read or written, in no order. */
export async function cachedEpochs(
  cache: Cache,
  place: Omit<RecordContext, "epoch" | "id">,
  ids: readonly string[],
): Promise<ReadonlyMap<string, readonly number[]>> {
  const found = new Map<string, number[]>(ids.map((id) => [id, []]));
  // One look at all keys of the name is cheaper than one for each of many ids.
  const prefix = signedPrefix(place);
  const prefixes = ids.length > MANY_IDS ? [prefix] : ids.map((id) => `${prefix}${id}@`);
  for (const key of (await Promise.all(prefixes.map((each) => cache.keys(each)))).flat()) {
    const at = key.lastIndexOf("@");
    found.get(key.slice(prefix.length, at))?.push(Number(key.slice(at + 1)));
  }
  for (const [id, epochs] of found) {
    const floor = await readFloor(cache, floorKey({ ...place, id }));
    if (floor !== null) epochs.push(floor.epoch);
  }
  return found;
}

/** The epoch is a part of the key: a new life that was never anchored must not block the old one. */
function signedPrefix({ network, name, tenure }: Omit<RecordContext, "epoch" | "id">): string {
  return `signed/${network.id}/${name}/${tenure}/`;
}

function encodeSigned({ ver, sha256, sig, done }: SignedVersion): Uint8Array {
  return utf8(encodeJson({ ver, sha256, sig, done }));
}

function decodeSigned(bytes: Uint8Array, key: string): SignedVersion {
  const fail = (reason: string): HawserError<"CACHE_CORRUPT"> =>
    new HawserError("CACHE_CORRUPT", `The cached ${key} cannot be read: ${reason}.`, { key, reason });
  const json = parseJson(bytes, { fail, maxDepth: 1 });
  if (!isJsonObject(json)) throw fail("not an object");
  const { ver, sha256, sig, done } = json;
  if (typeof ver !== "number" || ver < 1) throw fail("a wrong version");
  if (!isHex(sha256, 32)) throw fail("a wrong digest");
  if (sig !== null && !isHex(sig, 64)) throw fail("a wrong signature");
  if (typeof done !== "boolean") throw fail("a wrong mark");
  return { ver, sha256, sig, done };
}
