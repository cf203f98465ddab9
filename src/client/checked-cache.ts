import { concatBytes, equalBytes, utf8 } from "../bytes/bytes.js";
import { sha256 } from "../crypto/hash.js";
import { HawserError } from "../errors.js";
import type { Cache } from "../ports.js";

const SUM_BYTES = 32;
/** What sources and providers can supply again; damage there costs a longer read. Everything else is irreplaceable. */
const REPLACEABLE = /^(?:headers|mirror|name|object|record)\//;

/**
 * A cache whose entries carry a checksum over key and value. A flipped bit in a floor would let old data pass for new,
 * one in the journal would lose a name, and both would go unseen.
 *
 * A damaged entry that can be had again reads as absent; any other is CACHE_CORRUPT, also when it is updated, so that it
 * is never taken for "none" nor overwritten.
 */
export function checkedCache(cache: Cache): Cache {
  const open = (key: string, stored: Uint8Array | null): Uint8Array | null => {
    if (stored === null) return null;
    const value = stored.slice(SUM_BYTES);
    if (equalBytes(stored.subarray(0, SUM_BYTES), sumOf(key, value))) return value;
    if (REPLACEABLE.test(key)) return null;
    const reason = "its checksum does not fit";
    throw new HawserError("CACHE_CORRUPT", `The cache entry ${key} is damaged: ${reason}.`, { key, reason });
  };
  return {
    durable: cache.durable,
    get: async (key) => open(key, await cache.get(key)),
    update: (key, change) =>
      cache.update(key, (current) => {
        const { value, result } = change(open(key, current));
        if (value === undefined) return { result };
        return { value: value === null ? null : concatBytes(sumOf(key, value), value), result };
      }),
    keys: (prefix) => cache.keys(prefix),
    close: () => cache.close(),
  };
}

function sumOf(key: string, value: Uint8Array): Uint8Array {
  return sha256(concatBytes(utf8(`${key}\n`), value));
}
