import { memoryCache } from "../../../../src/cache/memory.js";
import type { Cache, CacheChange } from "../../../../src/ports.js";

const HEADERS = "headers/";

/**
 * A cache that begins with nothing but the headers of `headers`, which it shares. For readers that are to know nothing
 * of names and data: each would otherwise ask for the same hundred headers, ten at a time.
 */
export function withHeadersOf(headers: Cache): Cache {
  return new HeadersCache(headers);
}

/** Copies the headers of one cache into another, which is on its own from then on. */
export async function copyHeaders(from: Cache, to: Cache): Promise<void> {
  for (const key of await from.keys(HEADERS)) {
    const value = await from.get(key);
    await to.update(key, () => ({ value, result: undefined }));
  }
}

class HeadersCache implements Cache {
  readonly durable = false;
  readonly #headers: Cache;
  readonly #own = memoryCache();

  constructor(headers: Cache) {
    this.#headers = headers;
  }

  get(key: string): Promise<Uint8Array | null> {
    return this.#of(key).get(key);
  }

  update<Result>(key: string, change: (current: Uint8Array | null) => CacheChange<Result>): Promise<Result> {
    return this.#of(key).update(key, change);
  }

  async keys(prefix: string): Promise<readonly string[]> {
    const [shared, own] = await Promise.all([this.#headers.keys(prefix), this.#own.keys(prefix)]);
    return [...shared, ...own].sort();
  }

  close(): Promise<void> {
    return this.#own.close();
  }

  #of(key: string): Cache {
    return key.startsWith(HEADERS) ? this.#headers : this.#own;
  }
}
