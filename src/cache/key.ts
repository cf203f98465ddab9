import { invalidArgument } from "../bytes/guards.js";
import { HawserError } from "../errors.js";

/** Guards a cache key: 1 to 400 bytes of printable ASCII. @throws INPUT_INVALID */
export function assertCacheKey(key: string): void {
  if (!/^[\x20-\x7e]{1,400}$/.test(key)) throw invalidArgument("key", "1 to 400 printable ASCII characters", key);
}

/** The error for a cache that cannot be used. */
export function cacheUnavailable(reason: string, cause?: unknown): HawserError<"CACHE_UNAVAILABLE"> {
  return new HawserError("CACHE_UNAVAILABLE", `The cache cannot be used: ${reason}.`, { reason }, { cause });
}
