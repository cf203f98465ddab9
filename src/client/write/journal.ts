import { HawserError } from "../../errors.js";
import { type Name, parseName } from "../../name/name.js";
import type { Cache } from "../../ports.js";
import {
  decodeEntry,
  decodePart,
  encodeEntry,
  encodePart,
  type JournalChanges,
  type JournalEntry,
  type JournalFloor,
  type JournalTransaction,
} from "./journal-entry.js";
import { partOf, splitEntry } from "./journal-parts.js";

export type {
  JournalChanges,
  JournalEntry,
  JournalFloor,
  JournalKind,
  JournalRemoval,
  JournalTransaction,
  TransactionVersion,
} from "./journal-entry.js";

/** The pending writes of one network, kept in the cache. */
export class Journal {
  readonly #cache: Cache;
  readonly #network: string;
  readonly #prefix: string;

  constructor(cache: Cache, network: string) {
    this.#cache = cache;
    this.#network = network;
    this.#prefix = `journal/${network}/`;
  }

  /**
   * Keeps a new entry durably. Of two registrations of one name that began at once only one gets in: both PREORDERs
   * would lock a bond, and only one of them could become the name. Of two operations that spend one seal likewise: the
   * second would drive the first out of the mempool (W4). One that was never made ready gives way: nothing of it was sent.
   *
   * @throws CONFLICT_PENDING, CACHE_UNAVAILABLE, CACHE_CORRUPT
   */
  async put(entry: JournalEntry): Promise<void> {
    const { name } = entry;
    const key = this.#key(entry);
    const { head, parts } = splitEntry(entry);
    const { there, replaced } = await this.#cache.update<Put>(key, (current) => {
      const found = current === null ? null : decodeEntry(current, key);
      if (found?.ready === true) return { result: { there: found, replaced: null } };
      return { value: encodeEntry(head), result: { there: null, replaced: found } };
    });
    if (there !== null) {
      const message = `Operation ${there.id} of ${name} is pending; call again to go on with it.`;
      throw new HawserError("CONFLICT_PENDING", message, { name, operation: there.id });
    }
    if (replaced !== null) await this.#dropParts(replaced);
    await this.#putParts(entry, parts);
    await this.#remember(name);
  }

  /** Every name that was ever written with this cache. */
  async names(): Promise<readonly Name[]> {
    return (await this.#cache.keys(this.#writtenPrefix)).map((key) => parseName(key.slice(this.#writtenPrefix.length)));
  }

  /** Replaces an entry; false where it is gone, because another run gave it up. @throws CACHE_UNAVAILABLE, CACHE_CORRUPT */
  async amend(entry: JournalEntry): Promise<boolean> {
    const { head, parts } = splitEntry(entry);
    // Before the entry says that they are there.
    await this.#putParts(entry, parts);
    const isThere = await this.#change(entry, () => head);
    if (!isThere) await this.#dropParts(entry);
    return isThere;
  }

  /** The entry as the journal has it now, or null where it is gone. @throws CACHE_CORRUPT */
  async current(entry: JournalEntry): Promise<JournalEntry | null> {
    const key = this.#key(entry);
    const bytes = await this.#cache.get(key);
    const found = bytes === null ? null : decodeEntry(bytes, key);
    return found?.id === entry.id ? found : null;
  }

  /** Changes the transactions of an entry, and nothing else of it; null where it is gone or `revise` gives null. */
  async revise(
    entry: JournalEntry,
    revise: (transactions: readonly JournalTransaction[]) => readonly JournalTransaction[] | null,
  ): Promise<JournalEntry | null> {
    let revised: JournalEntry | null = null;
    await this.#change(entry, (found) => {
      const transactions = revise(found.transactions);
      revised = transactions === null ? null : { ...found, transactions };
      return revised ?? found;
    });
    return revised;
  }

  /** Sets the floor that a key's record has once the operation is at depth; false where the operation is gone. */
  async setFloor(entry: JournalEntry, floor: JournalFloor): Promise<boolean> {
    const set = <T extends JournalChanges>(changes: T): T => ({
      ...changes,
      floors: [...changes.floors.filter(({ id }) => id !== floor.id), floor],
    });
    const key = this.#partKey(entry, partOf(entry.parts, `m:${floor.id}`));
    if (key === null) return this.#change(entry, set);
    return this.#cache.update(key, (current) =>
      current === null ? { result: false } : { value: encodePart(set(decodePart(current, key))), result: true },
    );
  }

  /** Drops an entry whose effects are all done, or can never be; another one in its place stays. */
  async drop(entry: JournalEntry): Promise<void> {
    // Its parts first: without the entry nobody would find them.
    await this.#dropParts(entry);
    await this.#change(entry, () => null);
  }

  /** The pending writes of a name, or of all names, oldest first. @throws CACHE_CORRUPT */
  async entries(name?: string): Promise<readonly JournalEntry[]> {
    const keys = await this.#cache.keys(name === undefined ? this.#prefix : `${this.#prefix}${name}/`);
    const values = await Promise.all(keys.map(async (key) => ({ key, bytes: await this.#cache.get(key) })));
    return values
      .flatMap(({ key, bytes }) => (bytes === null ? [] : [decodeEntry(bytes, key)]))
      .sort((a, b) => a.createdAtMs - b.createdAtMs);
  }

  /** What an operation changes as the journal knows it now: of the entry and of each of its parts. */
  async *changes(entry: JournalEntry): AsyncIterable<JournalChanges> {
    const found = await this.current(entry);
    if (found === null) return;
    yield found;
    for (const at of found.parts.keys()) {
      const part = await this.#part(entry, at);
      if (part !== null) yield part;
    }
  }

  /** Whether an operation changes a key of the index. */
  async affects(entry: JournalEntry, key: string): Promise<boolean> {
    const at = partOf(entry.parts, key);
    const changes = at === null ? entry : await this.#part(entry, at);
    return changes?.affectedIds.includes(key) === true;
  }

  /** Runs a change on the entry if it is still there, and says whether it was. */
  #change(entry: JournalEntry, change: (found: JournalEntry) => JournalEntry | null): Promise<boolean> {
    const key = this.#key(entry);
    return this.#cache.update(key, (current) => {
      const found = current === null ? null : decodeEntry(current, key);
      if (found?.id !== entry.id) return { result: false };
      const changed = change(found);
      return { value: changed === null ? null : encodeEntry(changed), result: true };
    });
  }

  async #remember(name: string): Promise<void> {
    const key = `${this.#writtenPrefix}${name}`;
    if ((await this.#cache.get(key)) === null) {
      await this.#cache.update(key, () => ({ value: new Uint8Array(), result: undefined }));
    }
  }

  get #writtenPrefix(): string {
    return `written/${this.#network}/`;
  }

  async #putParts(entry: JournalEntry, parts: readonly JournalChanges[]): Promise<void> {
    for (const [at, part] of parts.entries()) {
      const value = encodePart(part);
      await this.#cache.update(this.#partKey(entry, at), () => ({ value, result: undefined }));
    }
  }

  async #dropParts(entry: JournalEntry): Promise<void> {
    for (const key of await this.#cache.keys(this.#partPrefix(entry))) {
      await this.#cache.update(key, () => ({ value: null, result: undefined }));
    }
  }

  async #part(entry: JournalEntry, at: number): Promise<JournalChanges | null> {
    const key = this.#partKey(entry, at);
    const bytes = await this.#cache.get(key);
    return bytes === null ? null : decodePart(bytes, key);
  }

  #partKey(entry: JournalEntry, at: number): string;
  #partKey(entry: JournalEntry, at: number | null): string | null;
  #partKey(entry: JournalEntry, at: number | null): string | null {
    return at === null ? null : `${this.#partPrefix(entry)}${at}`;
  }

  #partPrefix({ name, id }: JournalEntry): string {
    return `journal-part/${this.#network}/${name}/${id}/`;
  }

  #key({ kind, name, spends, id }: JournalEntry): string {
    return `${this.#prefix}${name}/${kind === "register" ? kind : (spends ?? id)}`;
  }
}

interface Put {
  /** A ready entry that is in the way. */
  readonly there: JournalEntry | null;
  /** One that was never made ready and gave way. */
  readonly replaced: JournalEntry | null;
}
