import { decodeBase64, encodeBase64 } from "../../bytes/base64.js";
import { utf8 } from "../../bytes/bytes.js";
import { decodeHex, encodeHex, isHex } from "../../bytes/hex.js";
import { encodeJson, isJsonObject, type Json, type JsonObject, parseJson } from "../../bytes/json.js";
import { HawserError } from "../../errors.js";
import type { Floor } from "../../mutable/floor.js";
import type { OperationKind } from "../../name/operation.js";
import type { Cache } from "../../ports.js";

/** What a journalled write does to a name. */
export type JournalKind = Exclude<OperationKind, "preorder">;

const JOURNAL_KINDS: readonly JournalKind[] = ["register", "update", "transfer", "release", "recover"];
const TRANSACTION_KINDS: readonly OperationKind[] = ["preorder", ...JOURNAL_KINDS];

/** A signed transaction, and its txid in display order. */
export interface TransactionVersion {
  readonly txid: string;
  readonly raw: Uint8Array;
}

/** A signed transaction of a pending write, in its newest version. */
export interface JournalTransaction extends TransactionVersion {
  readonly kind: OperationKind;
  /** What it replaced, the oldest first: any of them may be mined in its place (W3). Default: none. */
  readonly earlier?: readonly TransactionVersion[] | undefined;
  /** A payment that raises its fee, in every version, the oldest first. Default: none. */
  readonly children?: readonly TransactionVersion[] | undefined;
}

/** The floor that the first record of a new route sets. */
export interface JournalFloor extends Floor {
  readonly id: string;
}

/**
 * A write that has effects which must be finished (W3): everything that is needed to do each of them again. It is kept
 * before the first effect and dropped when the last transaction is at depth.
 */
export interface JournalEntry {
  /** 32 hex digits. */
  readonly id: string;
  readonly kind: JournalKind;
  readonly name: string;
  /** txid of the PREORDER. */
  readonly tenure: string;
  /**
   * `txid:vout` of the seal that the operation is based on (W4). For a RECOVER the txid of what unsealed the name: one
   * seals it again. Null for a registration.
   */
  readonly spends: string | null;
  /** The salt of a registration: without it nobody can register what the PREORDER committed to. */
  readonly salt: Uint8Array | null;
  /** SHA-256 of the profile that the last transaction anchors. */
  readonly profileHash: Uint8Array;
  /** In the order in which they are sent. */
  readonly transactions: readonly JournalTransaction[];
  /** Objects to store before the first transaction is sent (W1). */
  readonly objects: readonly Uint8Array[];
  /** Floors to raise once the operation is at depth: before, the record is not yet the one that readers see. */
  readonly floors: readonly JournalFloor[];
  /** Whether all records that it needs are stored; before, nothing of it is sent. */
  readonly ready: boolean;
  /** Keys of the index that the write changes. */
  readonly affectedIds: readonly string[];
  /** Providers that must hold the bytes (W7). */
  readonly required: number;
  readonly createdAtMs: number;
}

const VERSION = 1;

/** The pending writes of one network, kept in the cache. */
export class Journal {
  readonly #cache: Cache;
  readonly #prefix: string;

  constructor(cache: Cache, network: string) {
    this.#cache = cache;
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
    const there = await this.#cache.update<JournalEntry | null>(key, (current) => {
      const found = current === null ? null : decodeEntry(current, key);
      return found?.ready === true ? { result: found } : { value: encodeEntry(entry), result: null };
    });
    if (there === null) return;
    const message = `Operation ${there.id} of ${name} is pending; call again to go on with it.`;
    throw new HawserError("CONFLICT_PENDING", message, { name, operation: there.id });
  }

  /** Replaces an entry; false where it is gone, because another run gave it up. @throws CACHE_UNAVAILABLE, CACHE_CORRUPT */
  amend(entry: JournalEntry): Promise<boolean> {
    const key = this.#key(entry);
    return this.#cache.update(key, (current) =>
      current !== null && decodeEntry(current, key).id === entry.id
        ? { value: encodeEntry(entry), result: true }
        : { result: false },
    );
  }

  /** The entry as the journal has it now, or null where it is gone. @throws CACHE_CORRUPT */
  async current(entry: JournalEntry): Promise<JournalEntry | null> {
    const key = this.#key(entry);
    const bytes = await this.#cache.get(key);
    const found = bytes === null ? null : decodeEntry(bytes, key);
    return found?.id === entry.id ? found : null;
  }

  /**
   * Changes the transactions of an entry, and nothing else of it; null where it is gone or `revise` gives null. What other
   * runs changed meanwhile stays.
   */
  revise(
    entry: JournalEntry,
    revise: (transactions: readonly JournalTransaction[]) => readonly JournalTransaction[] | null,
  ): Promise<JournalEntry | null> {
    const key = this.#key(entry);
    return this.#cache.update<JournalEntry | null>(key, (current) => {
      const found = current === null ? null : decodeEntry(current, key);
      const transactions = found?.id === entry.id ? revise(found.transactions) : null;
      if (found === null || transactions === null) return { result: null };
      const revised = { ...found, transactions };
      return { value: encodeEntry(revised), result: revised };
    });
  }

  /** Drops an entry whose effects are all done, or can never be; another one in its place stays. */
  async drop(entry: JournalEntry): Promise<void> {
    const key = this.#key(entry);
    await this.#cache.update(key, (current) =>
      current !== null && decodeEntry(current, key).id === entry.id
        ? { value: null, result: undefined }
        : { result: undefined },
    );
  }

  /** The pending writes of a name, or of all names, oldest first. @throws CACHE_CORRUPT */
  async entries(name?: string): Promise<readonly JournalEntry[]> {
    const keys = await this.#cache.keys(name === undefined ? this.#prefix : `${this.#prefix}${name}/`);
    const values = await Promise.all(keys.map(async (key) => ({ key, bytes: await this.#cache.get(key) })));
    return values
      .flatMap(({ key, bytes }) => (bytes === null ? [] : [decodeEntry(bytes, key)]))
      .sort((a, b) => a.createdAtMs - b.createdAtMs);
  }

  #key({ kind, name, spends, id }: JournalEntry): string {
    return `${this.#prefix}${name}/${kind === "register" ? kind : (spends ?? id)}`;
  }
}

function encodeEntry(entry: JournalEntry): Uint8Array {
  return utf8(
    encodeJson({
      v: VERSION,
      id: entry.id,
      kind: entry.kind,
      name: entry.name,
      tenure: entry.tenure,
      spends: entry.spends,
      salt: entry.salt === null ? null : encodeHex(entry.salt),
      profileHash: encodeHex(entry.profileHash),
      transactions: entry.transactions.map(transactionToJson),
      objects: entry.objects.map(encodeBase64),
      floors: entry.floors.map(({ id, epoch, ver, sha256, sig }) => ({ id, epoch, ver, sha256, sig: sig ?? null })),
      ready: entry.ready,
      affectedIds: entry.affectedIds,
      required: entry.required,
      createdAtMs: entry.createdAtMs,
    }),
  );
}

function transactionToJson({ kind, txid, raw, earlier, children }: JournalTransaction): JsonObject {
  return {
    kind,
    txid,
    raw: encodeHex(raw),
    ...(earlier === undefined ? {} : { earlier: earlier.map(versionToJson) }),
    ...(children === undefined ? {} : { children: children.map(versionToJson) }),
  };
}

function versionToJson({ txid, raw }: TransactionVersion): JsonObject {
  return { txid, raw: encodeHex(raw) };
}

function decodeEntry(bytes: Uint8Array, key: string): JournalEntry {
  const fail = (reason: string) =>
    new HawserError("CACHE_CORRUPT", `The pending write ${key} does not decode: ${reason}.`, { key, reason });
  const json = parseJson(bytes, { fail });
  if (!isJsonObject(json) || json["v"] !== VERSION) throw fail("unknown version");
  const text = (value: Json | undefined): string => {
    if (typeof value !== "string") throw fail("expected a string");
    return value;
  };
  const count = (value: Json | undefined): number => {
    if (typeof value !== "number" || value < 0) throw fail("expected a number");
    return value;
  };
  const flag = (value: Json | undefined): boolean => {
    if (typeof value !== "boolean") throw fail("expected true or false");
    return value;
  };
  const hex = (value: Json | undefined): Uint8Array => {
    if (!isHex(value)) throw fail("expected hex");
    return decodeHex(value);
  };
  const base64 = (value: Json | undefined): Uint8Array => {
    const decoded = decodeBase64(text(value));
    if (decoded === null) throw fail("expected base64");
    return decoded;
  };
  const list = (value: Json | undefined): readonly Json[] => {
    if (!Array.isArray(value)) throw fail("expected a list");
    return value as readonly Json[];
  };
  const oneOf = <T extends string>(value: Json | undefined, ...words: readonly T[]): T => {
    const word = words.find((candidate) => candidate === value);
    if (word === undefined) throw fail(`expected one of ${words.join(", ")}`);
    return word;
  };
  const members = (value: Json) => {
    if (!isJsonObject(value)) throw fail("expected an object");
    return value;
  };
  return {
    id: text(json["id"]),
    kind: oneOf(json["kind"], ...JOURNAL_KINDS),
    name: text(json["name"]),
    tenure: text(json["tenure"]),
    spends: json["spends"] === null ? null : text(json["spends"]),
    salt: json["salt"] === null ? null : hex(json["salt"]),
    profileHash: hex(json["profileHash"]),
    transactions: list(json["transactions"]).map((item) => {
      const { kind, txid, raw, earlier, children } = members(item);
      const versions = (value: Json) =>
        list(value).map((one) => ({ txid: text(members(one)["txid"]), raw: hex(members(one)["raw"]) }));
      return {
        kind: oneOf(kind, ...TRANSACTION_KINDS),
        txid: text(txid),
        raw: hex(raw),
        ...(earlier === undefined ? {} : { earlier: versions(earlier) }),
        ...(children === undefined ? {} : { children: versions(children) }),
      };
    }),
    objects: list(json["objects"]).map(base64),
    floors: list(json["floors"]).map((item) => {
      const { id, epoch, ver, sha256, sig } = members(item);
      const optional = (value: Json | undefined) => (value === null ? null : text(value));
      return { id: text(id), epoch: count(epoch), ver: count(ver), sha256: optional(sha256), sig: optional(sig) };
    }),
    ready: flag(json["ready"]),
    affectedIds: list(json["affectedIds"]).map(text),
    required: count(json["required"]),
    createdAtMs: count(json["createdAtMs"]),
  };
}
