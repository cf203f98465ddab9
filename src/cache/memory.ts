import type { Cache, CacheChange } from "../ports.js";
import { assertCacheKey, cacheUnavailable } from "./key.js";

/**
 * A cache that lives as long as the process. Floors (M7) and the journal (W3) are lost with it, so it suits tests and
 * readers that accept to start from the anchored floor every time.
 *
 * Calls throw `INPUT_INVALID` for a key that is not 1 to 400 printable ASCII characters and `CACHE_UNAVAILABLE` after
 * `close`.
 */
export function memoryCache(): Cache {
  return new MemoryCache();
}

class MemoryCache implements Cache {
  readonly durable = false;
  readonly #entries = new Map<string, Uint8Array>();
  #closed = false;

  async get(key: string): Promise<Uint8Array | null> {
    return this.#read(key);
  }

  async update<Result>(key: string, change: (current: Uint8Array | null) => CacheChange<Result>): Promise<Result> {
    const { value, result } = change(this.#read(key));
    if (value === null) this.#entries.delete(key);
    // Copied, so that what the caller does with its bytes later does not change the entry.
    else if (value !== undefined) this.#entries.set(key, value.slice());
    return result;
  }

  async keys(prefix: string): Promise<readonly string[]> {
    this.#assertOpen();
    return [...this.#entries.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#entries.clear();
  }

  #read(key: string): Uint8Array | null {
    this.#assertOpen();
    assertCacheKey(key);
    return this.#entries.get(key)?.slice() ?? null;
  }

  #assertOpen(): void {
    if (this.#closed) throw cacheUnavailable("it is closed");
  }
}
