import { utf8 } from "../../bytes/bytes.js";
import { encodeJson } from "../../bytes/json.js";
import type { Cache } from "../../ports.js";
import type { JournalEntry, JournalRemoval } from "./journal.js";
import { Fields } from "./journal-fields.js";

/** Copies that a name does not list any more, at depth, and that providers may still hold (W8). */
export interface RemovalList {
  /** Where it is kept. */
  readonly key: string;
  readonly name: string;
  /** The operation that took them out of the index. */
  readonly operation: string;
  readonly createdAtMs: number;
  readonly removes: readonly JournalRemoval[];
}

const VERSION = 1;

/** What is still to be removed from storage, kept in the cache until every provider has answered. */
export class Removals {
  readonly #cache: Cache;
  readonly #prefix: string;

  constructor(cache: Cache, network: string) {
    this.#cache = cache;
    this.#prefix = `remove/${network}/`;
  }

  /** Keeps what an operation at depth no longer lists. Adding it again changes nothing. @throws CACHE_UNAVAILABLE */
  async add(
    entry: Pick<JournalEntry, "name" | "id" | "createdAtMs">,
    removes: readonly JournalRemoval[],
  ): Promise<void> {
    const [first] = removes;
    if (first === undefined) return;
    // The parts of one operation have different keys.
    const key = `${this.#prefix}${entry.name}/${entry.id}/${first.key}`;
    const value = encodeList({ key, name: entry.name, operation: entry.id, createdAtMs: entry.createdAtMs, removes });
    await this.#cache.update(key, () => ({ value, result: undefined }));
  }

  /** Keeps what is left of a list; nothing where all is done. */
  async replace(list: RemovalList, left: readonly JournalRemoval[]): Promise<void> {
    const value = left.length === 0 ? null : encodeList({ ...list, removes: left });
    await this.#cache.update(list.key, (current) => ({ ...(current === null ? {} : { value }), result: undefined }));
  }

  /** The lists of a name, or of all names. @throws CACHE_CORRUPT */
  async lists(name?: string): Promise<readonly RemovalList[]> {
    const keys = await this.#cache.keys(name === undefined ? this.#prefix : `${this.#prefix}${name}/`);
    const lists: RemovalList[] = [];
    for (const key of keys) {
      const bytes = await this.#cache.get(key);
      if (bytes !== null) lists.push(decodeList(bytes, key));
    }
    return lists.sort((a, b) => a.createdAtMs - b.createdAtMs);
  }
}

function encodeList({ name, operation, createdAtMs, removes }: RemovalList): Uint8Array {
  return utf8(
    encodeJson({
      v: VERSION,
      name,
      operation,
      createdAtMs,
      removes: removes.map(({ key, path }) => ({ key, path })),
    }),
  );
}

function decodeList(bytes: Uint8Array, key: string): RemovalList {
  const fields = new Fields(key);
  const json = fields.members(fields.parse(bytes));
  if (json["v"] !== VERSION) throw fields.fail("unknown version");
  return {
    key,
    name: fields.text(json["name"]),
    operation: fields.text(json["operation"]),
    createdAtMs: fields.count(json["createdAtMs"]),
    removes: fields.list(json["removes"]).map((item) => {
      const removal = fields.members(item);
      return { key: fields.text(removal["key"]), path: fields.text(removal["path"]) };
    }),
  };
}
