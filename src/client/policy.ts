import { invalidArgument } from "../bytes/guards.js";
import { isHawserError } from "../errors.js";

/**
 * Whom a read may ask. `network`: sources and providers, and it fails where they cannot tell. `network-first`: the same,
 * but where they cannot tell, what the cache holds is returned. `cache-first`: what the cache holds, else the network.
 * `cache-only`: nobody; where the cache does not hold the answer, `CACHE_MISS`.
 */
export type ReadPolicy = "network" | "network-first" | "cache-first" | "cache-only";

/**
 * Reads as `policy` says.
 *
 * @param read - the read: `offline` from the cache alone, else from sources and providers.
 * @throws INPUT_INVALID for a policy that is none, and what `read` throws
 */
export async function readByPolicy<T>(
  policy: ReadPolicy | undefined,
  read: (offline: boolean) => Promise<T>,
): Promise<T> {
  switch (policy) {
    case undefined:
    case "network":
      return read(false);
    case "cache-only":
      return read(true);
    case "cache-first":
      return read(true).catch((error: unknown) => {
        if (mayDiffer(error)) return read(false);
        throw error;
      });
    case "network-first":
      return read(false).catch((error: unknown) => {
        if (!isOutage(error)) throw error;
        return read(true).catch((other: unknown) => {
          // M9: a contradiction that the cache proves is no outage.
          throw isHawserError(other, "RECORD_FORKED") ? other : error;
        });
      });
    default:
      throw invalidArgument("policy", "network, network-first, cache-first or cache-only", policy);
  }
}

/** Whether the network may know better than a cache that has no good answer. */
function mayDiffer(error: unknown): boolean {
  if (!isHawserError(error)) return false;
  return error.outcome === "wrong" || /^CACHE_MISS$|_UNSUPPORTED/.test(error.code);
}

/**
 * Whether a read could not find out. Data that is wrong is never a reason to take older data, nor is a caller who gave
 * up, or a cache that cannot be trusted with floors.
 */
function isOutage(error: unknown): boolean {
  return isHawserError(error) && error.outcome === "unknown" && !/^CACHE_|^NETWORK_ABORTED$/.test(error.code);
}
