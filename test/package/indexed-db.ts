/**
 * As much of IndexedDB as the cache of the browser guide uses: one store, requests that answer later, transactions that
 * run one after the other and take back what they did when they abort.
 */
export class FakeIndexedDb {
  readonly #databases = new Map<string, FakeDatabase>();

  open(name: string): FakeRequest {
    const database = this.#databases.get(name) ?? new FakeDatabase();
    const isNew = !this.#databases.has(name);
    this.#databases.set(name, database);
    const request = new FakeRequest();
    setImmediate(() => {
      request.result = database;
      if (isNew) request.onupgradeneeded?.();
      request.onsuccess?.();
    });
    return request;
  }
}

export const FakeKeyRange = {
  bound: (lower: string, upper: string): KeyRange => ({ lower, upper }),
};

interface KeyRange {
  readonly lower: string;
  readonly upper: string;
}

class FakeRequest {
  result: unknown = undefined;
  readonly error: Error | null = null;
  onupgradeneeded: (() => void) | null = null;
  onsuccess: (() => void) | null = null;
  onerror: (() => void) | null = null;
}

class FakeDatabase {
  readonly entries = new Map<string, Uint8Array>();
  /** Settles when the last transaction that was begun is over. */
  last: Promise<void> = Promise.resolve();
  #isOpen = true;

  createObjectStore(): void {
    this.entries.clear();
  }

  transaction(): FakeTransaction {
    if (!this.#isOpen) throw new Error("InvalidStateError");
    const transaction = new FakeTransaction(this);
    this.last = this.last.then(() => transaction.run());
    return transaction;
  }

  close(): void {
    this.#isOpen = false;
  }
}

class FakeTransaction {
  readonly error: Error | null = null;
  oncomplete: (() => void) | null = null;
  onerror: (() => void) | null = null;
  onabort: (() => void) | null = null;
  readonly #database: FakeDatabase;
  readonly #queue: (() => void)[] = [];
  #aborted = false;

  constructor(database: FakeDatabase) {
    this.#database = database;
  }

  objectStore(): {
    get: (key: string) => FakeRequest;
    put: (value: Uint8Array, key: string) => FakeRequest;
    delete: (key: string) => FakeRequest;
    getAllKeys: (range: KeyRange) => FakeRequest;
  } {
    const { entries } = this.#database;
    return {
      get: (key) => this.#ask(() => structuredClone(entries.get(key))),
      put: (value, key) => {
        const copy = structuredClone(value);
        return this.#ask(() => {
          entries.set(key, copy);
        });
      },
      delete: (key) => this.#ask(() => entries.delete(key)),
      getAllKeys: ({ lower, upper }) =>
        this.#ask(() => [...entries.keys()].filter((key) => lower <= key && key <= upper).sort()),
    };
  }

  abort(): void {
    this.#aborted = true;
  }

  #ask(answer: () => unknown): FakeRequest {
    const request = new FakeRequest();
    this.#queue.push(() => {
      request.result = answer();
      request.onsuccess?.();
    });
    return request;
  }

  async run(): Promise<void> {
    const before = new Map(this.#database.entries);
    await new Promise((resolve) => setImmediate(resolve));
    for (let next = this.#queue.shift(); next !== undefined && !this.#aborted; next = this.#queue.shift()) {
      next();
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (!this.#aborted) {
      this.oncomplete?.();
      return;
    }
    this.#database.entries.clear();
    for (const [key, value] of before) this.#database.entries.set(key, value);
    this.onabort?.();
  }
}
