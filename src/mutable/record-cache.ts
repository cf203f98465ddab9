import { equalBytes } from "../bytes/bytes.js";
import { isHawserError } from "../errors.js";
import type { Cache } from "../ports.js";
import { parseRecord, type RecordContext } from "./record.js";

/** Where the newest body of a record is kept; not with its floor, which must outlive it. */
export function recordKey({ network, name, tenure, id, epoch }: RecordContext): string {
  return `record/${network.id}/${name}/${tenure}/${id}@${epoch}`;
}

/** Keeps a verified body, unless a newer one is there, for reads that ask nobody. */
export function keepRecord(cache: Cache, context: RecordContext, ver: number, body: Uint8Array): Promise<void> {
  return keepValue(cache, recordKey(context), body, (current) => versionOf(current) > ver);
}

/**
 * Keeps what can be had again. A cache without space for it is no reason to withhold a value whose floor it holds.
 *
 * @param isNewer - whether what is there already must stay.
 */
export async function keepValue(
  cache: Cache,
  key: string,
  value: Uint8Array,
  isNewer: (current: Uint8Array) => boolean,
): Promise<void> {
  const stays = (current: Uint8Array | null): boolean =>
    current !== null && (equalBytes(current, value) || isNewer(current));
  try {
    if (stays(await cache.get(key))) return;
    await cache.update(key, (current) => (stays(current) ? { result: undefined } : { value, result: undefined }));
  } catch (error) {
    if (!isHawserError(error, "CACHE_UNAVAILABLE")) throw error;
  }
}

function versionOf(body: Uint8Array): number {
  try {
    return parseRecord(body, { maxDataBytes: body.length }).ver;
  } catch {
    return 0;
  }
}
