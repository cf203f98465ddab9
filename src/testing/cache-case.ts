import type { Cache } from "../ports.js";

/** Opens caches for one case: at its own place, or at another one beside it. */
export interface Bench {
  readonly open: (beside?: string) => Promise<Cache>;
}

/** A demand on caches. */
export interface CacheCase {
  readonly name: string;
  readonly check: (bench: Bench) => Promise<void>;
}

/** An update that writes `value` whatever is there; null deletes. */
export function set(cache: Cache, key: string, value: Uint8Array | null): Promise<void> {
  return cache.update(key, () => ({ value, result: undefined }));
}
