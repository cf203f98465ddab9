import { get, promisifyRequest, type UseStore } from "idb-keyval";
import { assertInteger, assertString, invalidArgument } from "../bytes/guards.js";
import { HawserError, isHawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { Cache, CacheChange, Clock } from "../ports.js";
import { systemClock } from "../runtime/clock.js";
import { assertCacheKey, cacheUnavailable } from "./key.js";

const STORE_NAME = "entries";
const DATABASE_VERSION = 1;

/** Options of {@link indexedDbCache}. */
export interface IndexedDbCacheOptions {
  /** The database, of its own within the page's origin. Default `"hawser"`. */
  readonly databaseName?: string | undefined;
  /** ms - how long the browser may take to open the database. Default 10,000. */
  readonly openTimeoutMs?: number | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * A durable cache in the browser's IndexedDB, for pages and workers. Any number of tabs of one origin may share it;
 * each update is one transaction, asked for with strict durability, and is over before it resolves. What the browser
 * may delete when space runs out is gone without a word: `navigator.storage.persist()` asks it not to.
 *
 * Nothing is opened before the first call. Calls throw `INPUT_INVALID` for a key that is not 1 to 400 printable ASCII
 * characters, `CACHE_CORRUPT` for an entry that is not bytes, and `CACHE_UNAVAILABLE` when the browser denies storage
 * (private windows, sandboxed frames), has no space left, keeps the database from being opened, has it in a newer
 * version, when the database was deleted while this cache was in use, or the cache is closed.
 *
 * @throws INPUT_INVALID
 */
export function indexedDbCache(options: IndexedDbCacheOptions = {}): Cache {
  const { databaseName = "hawser", openTimeoutMs = limits.cacheOpenTimeoutMs, clock = systemClock } = options;
  assertString("databaseName", databaseName);
  if (databaseName === "") throw invalidArgument("databaseName", "a name", databaseName);
  assertInteger("openTimeoutMs", openTimeoutMs, 1);
  return new IndexedDbCache({ databaseName, openTimeoutMs, clock });
}

interface Settings {
  readonly databaseName: string;
  readonly openTimeoutMs: number;
  readonly clock: Clock;
}

class IndexedDbCache implements Cache {
  readonly durable = true;
  readonly #settings: Settings;
  #connection: Promise<IDBDatabase> | null = null;
  #wasOpen = false;
  #closed = false;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  async get(key: string): Promise<Uint8Array | null> {
    assertCacheKey(key);
    return bytesOf(key, await get<unknown>(key, this.#useStore));
  }

  async update<Result>(key: string, change: (current: Uint8Array | null) => CacheChange<Result>): Promise<Result> {
    assertCacheKey(key);
    // M7: reading and writing are one transaction, beside which no other one runs, in other tabs neither.
    const outcome = await this.#useStore("readwrite", async (store) => {
      const current = bytesOf(key, await promisifyRequest<unknown>(store.get(key)));
      let decided: CacheChange<Result>;
      try {
        decided = change(current);
      } catch (refusal) {
        return { refusal };
      }
      const { value, result } = decided;
      if (value === null) await promisifyRequest(store.delete(key));
      // Copied: of a part of a buffer, the whole buffer would be stored.
      else if (value !== undefined) await promisifyRequest(store.put(new Uint8Array(value), key));
      // M7: a request that succeeded can still be undone, when the disk turns out to be full.
      await promisifyRequest(store.transaction);
      return { result };
    });
    if ("refusal" in outcome) throw outcome.refusal;
    return outcome.result;
  }

  async keys(prefix: string): Promise<readonly string[]> {
    // Keys are ASCII below 0x7f.
    const range = (): IDBKeyRange => IDBKeyRange.bound(prefix, `${prefix}\x7f`);
    const found = await this.#useStore("readonly", async (store) => promisifyRequest(store.getAllKeys(range())));
    return found.filter((key) => typeof key === "string");
  }

  async close(): Promise<void> {
    this.#closed = true;
    const connection = this.#connection;
    this.#connection = null;
    const database = await connection?.catch(() => null);
    database?.close();
  }

  readonly #useStore: UseStore = async (mode, callback) => {
    let transaction: IDBTransaction | null = null;
    try {
      const connection = this.#connect();
      transaction = begin(await connection, mode);
      if (transaction === null) {
        this.#forget(connection);
        transaction = begin(await this.#connect(), mode);
      }
      if (transaction === null) throw cacheUnavailable("the browser keeps closing the database");
      return await callback(transaction.objectStore(STORE_NAME));
    } catch (error) {
      if (isHawserError(error)) throw error;
      // A request only says that its transaction was aborted, and not that the disk is full.
      const cause: unknown = transaction?.error ?? error;
      throw cacheUnavailable(reasonOf(cause), cause);
    }
  };

  #connect(): Promise<IDBDatabase> {
    if (this.#closed) throw cacheUnavailable("it is closed");
    if (this.#connection !== null) return this.#connection;
    // A database that this cache had open and that is gone took its floors along: a new one is not taken for it.
    const connection = openDatabase(this.#settings, !this.#wasOpen);
    this.#connection = connection;
    const forget = (): void => {
      this.#forget(connection);
    };
    connection.then((database) => {
      this.#wasOpen = true;
      database.onclose = forget;
      database.onversionchange = () => {
        // Otherwise a page that deletes or upgrades the database would wait for this one.
        database.close();
      };
    }, forget);
    return connection;
  }

  #forget(connection: Promise<IDBDatabase>): void {
    if (this.#connection === connection) this.#connection = null;
  }
}

/** A transaction, or null on a connection that the browser has closed: not every one says so by an event. */
function begin(database: IDBDatabase, mode: IDBTransactionMode): IDBTransaction | null {
  try {
    return database.transaction(STORE_NAME, mode, { durability: "strict" });
  } catch (error) {
    if (error instanceof Error && error.name === "InvalidStateError") return null;
    throw error;
  }
}

async function openDatabase(settings: Settings, mayCreate: boolean): Promise<IDBDatabase> {
  const { databaseName, openTimeoutMs, clock } = settings;
  // Not there outside browsers, and null in private windows of some.
  const factory = globalThis.indexedDB as IDBFactory | null | undefined;
  if (factory === undefined || factory === null) throw cacheUnavailable("there is no IndexedDB here");
  const request = factory.open(databaseName, DATABASE_VERSION);
  let wasDeleted = false;
  request.onupgradeneeded = () => {
    wasDeleted = !mayCreate;
    if (mayCreate) request.result.createObjectStore(STORE_NAME);
    else request.transaction?.abort();
  };
  const timer = new AbortController();
  let isLate = false;
  const opening = promisifyRequest(request).then(
    (database) => {
      if (isLate) database.close();
      return database;
    },
    (error: unknown) => {
      throw wasDeleted ? cacheUnavailable("its database was deleted while it was in use", error) : error;
    },
  );
  const limit = clock.delay(openTimeoutMs, timer.signal).then(() => {
    isLate = true;
    // Of a database that is being deleted and that another page holds on to, the browser tells nothing.
    const reason = `the browser did not open the database within ${openTimeoutMs} ms; another page may hold it`;
    throw cacheUnavailable(reason);
  });
  try {
    return await Promise.race([opening, limit]);
  } finally {
    timer.abort();
  }
}

/** @throws CACHE_CORRUPT - never "absent", under which old data would be accepted */
function bytesOf(key: string, value: unknown): Uint8Array | null {
  if (value === undefined) return null;
  if (value instanceof Uint8Array) return value;
  const reason = "it does not hold bytes";
  throw new HawserError("CACHE_CORRUPT", `The cache entry ${key} is damaged: ${reason}.`, { key, reason });
}

const REASONS: Readonly<Record<string, string>> = {
  QuotaExceededError: "the browser has no space left for this site",
  SecurityError: "the browser denies storage to this page",
  InvalidStateError: "the browser stores nothing for this page, as in some private windows",
  VersionError: "its database was made by a newer version",
  NotFoundError: "a database of that name belongs to something else",
  AbortError: "the browser gave the transaction up",
};

function reasonOf(error: unknown): string {
  // A transaction that the browser aborts by itself has no error.
  if (!(error instanceof Error)) return "the browser gave the transaction up";
  const reason = REASONS[error.name] ?? "IndexedDB failed";
  return `${reason} (${error.name}: ${error.message})`;
}
