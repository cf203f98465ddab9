import { HawserError } from "../../../src/errors.js";
import type { Cache, CacheChange } from "../../../src/ports.js";

/** What caches at one place share. */
export class Place {
  readonly entries = new Map<string, Uint8Array>();
  readonly handles: ModelCache[] = [];
  /** Keys that were written at some time, and those of them that were deleted. */
  readonly written = new Set<string>();
  readonly deleted = new Set<string>();
}

/** A cache that keeps its contract, written so that each part of it can be broken alone. */
export class ModelCache implements Cache {
  readonly durable: boolean = true;
  readonly place: Place;
  closed = false;
  inFlight = 0;

  constructor(place: Place) {
    this.place = place;
    place.handles.push(this);
  }

  async get(key: string): Promise<Uint8Array | null> {
    this.guard(key);
    await Promise.resolve();
    return this.read(key);
  }

  async update<Result>(key: string, change: (current: Uint8Array | null) => CacheChange<Result>): Promise<Result> {
    this.guard(key);
    this.inFlight += 1;
    try {
      await Promise.resolve();
      return this.commit(key, change);
    } finally {
      this.inFlight -= 1;
    }
  }

  async keys(prefix: string): Promise<readonly string[]> {
    this.guardOpen();
    return [...this.place.entries.keys()].filter((key) => this.hasPrefix(key, prefix)).sort();
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  commit<Result>(key: string, change: (current: Uint8Array | null) => CacheChange<Result>): Result {
    const { value, result } = change(this.read(key));
    if (value !== undefined) this.write(key, value);
    return result;
  }

  hasPrefix(key: string, prefix: string): boolean {
    return key.startsWith(prefix);
  }

  read(key: string): Uint8Array | null {
    return this.place.entries.get(key)?.slice() ?? null;
  }

  write(key: string, value: Uint8Array | null): void {
    this.place.written.add(key);
    if (value === null) {
      this.place.entries.delete(key);
      this.place.deleted.add(key);
    } else this.store(key, value);
  }

  store(key: string, value: Uint8Array): void {
    this.place.entries.set(key, value.slice());
  }

  guard(key: string): void {
    this.guardOpen();
    if (/^[\x20-\x7e]{1,400}$/.test(key)) return;
    throw new HawserError("INPUT_INVALID", "Not a key.", { argument: "key", expected: "a key", got: "another" });
  }

  guardOpen(): void {
    if (this.closed) throw unavailable("it is closed");
  }
}

export function unavailable(reason: string): HawserError<"CACHE_UNAVAILABLE"> {
  return new HawserError("CACHE_UNAVAILABLE", `The cache cannot be used: ${reason}.`, { reason });
}
