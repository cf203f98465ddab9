import { statfsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { isHawserError } from "../errors.js";
import type { Cache, CacheChange } from "../ports.js";
import { makeDirectory } from "../runtime/make-directory.js";
import { assertCacheKey, cacheUnavailable } from "./key.js";
import { decodeLmdbEntry, encodeLmdbEntry } from "./lmdb-entry.js";
import { lmdbFileDefect } from "./lmdb-file.js";

// The types of lmdb's CommonJS build; those of its ES module do not compile under NodeNext. The rule takes the import's
// attributes for a value.
/* eslint-disable @typescript-eslint/no-unsafe-assignment */
type Lmdb = typeof import("lmdb", { with: { "resolution-mode": "require" }});
type Database = import("lmdb", { with: { "resolution-mode": "require" }}).RootDatabase<Uint8Array, Buffer>;
/* eslint-enable @typescript-eslint/no-unsafe-assignment */

const FILE_NAME = "cache.mdb";
/** bytes - a new database and its lock file, with room to spare. */
const LEAST_SPACE_BYTES = 65_536;

/**
 * A durable cache in a directory of its own, for Node. Any number of processes on one machine may share it; updates are
 * transactions, and each is on disk before it resolves. The directory is created for its owner alone (modes 0700 and
 * 0600). Not for network file systems.
 *
 * Needs the optional dependency `lmdb`. Nothing is opened before the first call. Calls throw `INPUT_INVALID` for a key
 * that is not 1 to 400 printable ASCII characters, and `CACHE_UNAVAILABLE` when `lmdb` is not installed, the directory
 * cannot be used, no space is left, the file is damaged, empty or something else's (nothing is deleted or repaired then)
 * or the cache is closed. lmdb itself writes to the standard error output when a commit fails.
 *
 * @param directory - Where the cache lies; created if missing.
 */
export function lmdbCache(directory: string): Cache {
  return new LmdbCache(directory);
}

class LmdbCache implements Cache {
  readonly durable = true;
  readonly #directory: string;
  #database: Database | null = null;
  readonly #updating = new Set<Promise<void>>();
  #closed = false;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async get(key: string): Promise<Uint8Array | null> {
    assertCacheKey(key);
    const database = this.#open();
    return guard(() => {
      // Snapshots live for a turn of the event loop; an entry that another process wrote just now must be seen.
      database.resetReadTxn();
      return valueOf(database, Buffer.from(key));
    });
  }

  async update<Result>(key: string, change: (current: Uint8Array | null) => CacheChange<Result>): Promise<Result> {
    assertCacheKey(key);
    const database = this.#open();
    const binaryKey = Buffer.from(key);
    let outcome: { readonly result: Result } | { readonly refusal: unknown } | undefined;
    const updating = guardAsync(async () => {
      // The callback runs inside the write transaction, which one process at a time can hold.
      await database.transaction(() => {
        const current = valueOf(database, binaryKey);
        let decided: CacheChange<Result>;
        try {
          decided = change(current);
        } catch (refusal) {
          outcome = { refusal };
          return;
        }
        const { value, result } = decided;
        if (value === null) leaveToTransaction(database.remove(binaryKey));
        else if (value !== undefined) leaveToTransaction(database.put(binaryKey, encodeLmdbEntry(binaryKey, value)));
        outcome = { result };
      });
      // M7: what is promised to be durable is on disk, not in the page cache.
      await database.flushed;
    });
    this.#updating.add(updating);
    try {
      await updating;
    } finally {
      this.#updating.delete(updating);
    }
    if (outcome === undefined) throw cacheUnavailable("a transaction did not run");
    if ("refusal" in outcome) throw outcome.refusal;
    return outcome.result;
  }

  async keys(prefix: string): Promise<readonly string[]> {
    const database = this.#open();
    return guard(() => {
      database.resetReadTxn();
      const start = prefix === "" ? Buffer.of(0) : Buffer.from(prefix);
      // Keys are ASCII, so 0xff sorts after every key with the prefix.
      const end = Buffer.concat([Buffer.from(prefix), Buffer.of(0xff)]);
      return [...database.getKeys({ start, end })].map((key) => key.toString("latin1"));
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const database = this.#database;
    this.#database = null;
    // Closing would cut off what is on its way.
    await Promise.allSettled(this.#updating);
    if (database !== null) await guardAsync(() => database.close());
  }

  #open(): Database {
    if (this.#closed) throw cacheUnavailable("it is closed");
    if (this.#database !== null) return this.#database;
    const openDatabase = loadLmdb();
    return guard(() => {
      makeDirectory(this.#directory, 0o700);
      const path = join(this.#directory, FILE_NAME);
      const defect = lmdbFileDefect(path);
      if (defect !== null) throw cacheUnavailable(`${path} is damaged: ${defect}`);
      if (!hasSpaceFor(path)) throw cacheUnavailable(`no space is left for ${path}`);
      const options = {
        path,
        noSubdir: true,
        encoding: "binary",
        keyEncoding: "binary",
        // Otherwise a commit is reported before it is synced.
        overlappingSync: false,
        eventTurnBatching: false,
        permissionsMode: 0o600,
      } as const;
      this.#database = openDatabase<Uint8Array, Buffer>(options);
      return this.#database;
    });
  }
}

/** lmdb maps its lock file into memory, and the process ends where the disk has no space for what it writes there. */
function hasSpaceFor(path: string): boolean {
  if ((statSync(`${path}-lock`, { throwIfNoEntry: false })?.blocks ?? 0) > 0) return true;
  const { bavail, bsize } = statfsSync(dirname(path));
  return bavail * bsize >= LEAST_SPACE_BYTES;
}

/** @throws CACHE_UNAVAILABLE */
function loadLmdb(): Lmdb["open"] {
  try {
    return (createRequire(import.meta.url)("lmdb") as Lmdb).open;
  } catch (cause) {
    throw cacheUnavailable("the optional dependency lmdb is not installed or does not load here", cause);
  }
}

function guard<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw isHawserError(error) ? error : cacheUnavailable(reasonOf(error), error);
  }
}

async function guardAsync(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (isHawserError(error)) throw error;
    const cause = await commitErrorOf(error);
    throw cacheUnavailable(reasonOf(cause), cause);
  }
}

/** What a full disk does to an operation is told by its transaction; a second rejection would end the process. */
function leaveToTransaction(operation: Promise<unknown>): void {
  operation.catch(() => undefined);
}

/** lmdb keeps why a commit failed in a promise of its own, which ends the process if nobody waits for it. */
async function commitErrorOf(error: unknown): Promise<unknown> {
  const commitError = error instanceof Error && "commitError" in error ? error.commitError : undefined;
  if (!(commitError instanceof Promise)) return error;
  const told = commitError.then(
    () => error,
    (cause: unknown) => cause,
  );
  return Promise.race([told, new Promise((resolve) => setImmediate(resolve, error))]);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : "unknown failure";
}

/** A copy: LMDB's bytes are valid until the next transaction only. @throws CACHE_CORRUPT */
function valueOf(database: Database, key: Buffer): Uint8Array | null {
  const stored = database.get(key);
  return stored === undefined ? null : decodeLmdbEntry(key, stored);
}
