import { encodeBase64 } from "../../bytes/base64.js";
import { utf8 } from "../../bytes/bytes.js";
import { encodeHex } from "../../bytes/hex.js";
import { encodeJson, type Json, type JsonObject } from "../../bytes/json.js";
import type { Floor } from "../../mutable/floor.js";
import type { OperationKind } from "../../name/operation.js";
import { Fields } from "./journal-fields.js";

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

/** Something that the name does not list any more once the operation is at depth: only then may it be removed (W8). */
export interface JournalRemoval {
  /** The key of the index that it was listed under, such as `m:settings`. */
  readonly key: string;
  /** Section 10's path. */
  readonly path: string;
}

/** What an operation changes, key by key. */
export interface JournalChanges {
  /** Keys of the index that the write changes. */
  readonly affectedIds: readonly string[];
  /** Floors to raise once the operation is at depth: before, the record is not yet the one that readers see. */
  readonly floors: readonly JournalFloor[];
  /** Copies to remove once the operation is at depth (W8). */
  readonly removes: readonly JournalRemoval[];
}

/**
 * A write that has effects which must be finished (W3): everything that is needed to do each of them again. It is kept
 * before the first effect and dropped when the last transaction is at depth.
 */
export interface JournalEntry extends JournalChanges {
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
  /** Whether all records that it needs are stored; before, nothing of it is sent. */
  readonly ready: boolean;
  /**
   * The first key of each part, where the changes are too many for one entry. They are kept beside it then, in the order
   * of their keys, and the lists here are empty.
   */
  readonly parts: readonly string[];
  /** Providers that must hold the bytes (W7). */
  readonly required: number;
  readonly createdAtMs: number;
}

/** Entries of version 1 had neither removals nor parts, and transactions neither earlier versions nor children. */
const VERSION = 2;

export function encodeEntry(entry: JournalEntry): Uint8Array {
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
      ready: entry.ready,
      ...changesToJson(entry),
      parts: entry.parts,
      required: entry.required,
      createdAtMs: entry.createdAtMs,
    }),
  );
}

/** @throws CACHE_CORRUPT */
export function decodeEntry(bytes: Uint8Array, key: string): JournalEntry {
  const fields = new Fields(key);
  const json = fields.members(fields.parse(bytes));
  if (json["v"] !== 1 && json["v"] !== VERSION) throw fields.fail("unknown version");
  const { removes, parts } = json["v"] === 1 ? { removes: [], parts: [] } : json;
  return {
    id: fields.text(json["id"]),
    kind: fields.oneOf(json["kind"], JOURNAL_KINDS),
    name: fields.text(json["name"]),
    tenure: fields.text(json["tenure"]),
    spends: fields.optionalText(json["spends"]),
    salt: json["salt"] === null ? null : fields.hex(json["salt"]),
    profileHash: fields.hex(json["profileHash"]),
    transactions: fields.list(json["transactions"]).map((item) => transactionFromJson(item, fields)),
    objects: fields.list(json["objects"]).map((item) => fields.base64(item)),
    ready: fields.flag(json["ready"]),
    ...changesFromJson(json, removes, fields),
    parts: fields.list(parts).map((item) => fields.text(item)),
    required: fields.count(json["required"]),
    createdAtMs: fields.count(json["createdAtMs"]),
  };
}

/** One part of what an operation changes, where it changes more than one entry holds. */
export function encodePart(changes: JournalChanges): Uint8Array {
  return utf8(encodeJson({ v: VERSION, ...changesToJson(changes) }));
}

/** @throws CACHE_CORRUPT */
export function decodePart(bytes: Uint8Array, key: string): JournalChanges {
  const fields = new Fields(key);
  const json = fields.members(fields.parse(bytes));
  if (json["v"] !== VERSION) throw fields.fail("unknown version");
  return changesFromJson(json, json["removes"], fields);
}

function transactionToJson({ kind, txid, raw, earlier, children }: JournalTransaction): JsonObject {
  return {
    kind,
    ...versionToJson({ txid, raw }),
    ...(earlier === undefined ? {} : { earlier: earlier.map(versionToJson) }),
    ...(children === undefined ? {} : { children: children.map(versionToJson) }),
  };
}

function transactionFromJson(item: Json, fields: Fields): JournalTransaction {
  const { kind, earlier, children, ...newest } = fields.members(item);
  const version = (value: Json): TransactionVersion => {
    const { txid, raw } = fields.members(value);
    return { txid: fields.text(txid), raw: fields.hex(raw) };
  };
  return {
    kind: fields.oneOf(kind, TRANSACTION_KINDS),
    ...version(newest),
    ...(earlier === undefined ? {} : { earlier: fields.list(earlier).map(version) }),
    ...(children === undefined ? {} : { children: fields.list(children).map(version) }),
  };
}

function versionToJson({ txid, raw }: TransactionVersion): JsonObject {
  return { txid, raw: encodeHex(raw) };
}

function changesToJson({ affectedIds, floors, removes }: JournalChanges): JsonObject {
  return {
    affectedIds,
    floors: floors.map(({ id, epoch, ver, sha256, sig }) => ({ id, epoch, ver, sha256, sig: sig ?? null })),
    removes: removes.map(({ key, path }) => ({ key, path })),
  };
}

function changesFromJson(json: JsonObject, removes: Json | undefined, fields: Fields): JournalChanges {
  return {
    affectedIds: fields.list(json["affectedIds"]).map((item) => fields.text(item)),
    floors: fields.list(json["floors"]).map((item) => {
      const { id, epoch, ver, sha256, sig } = fields.members(item);
      return {
        id: fields.text(id),
        epoch: fields.count(epoch),
        ver: fields.count(ver),
        sha256: fields.optionalText(sha256),
        sig: fields.optionalText(sig),
      };
    }),
    removes: fields.list(removes).map((item) => {
      const { key, path } = fields.members(item);
      return { key: fields.text(key), path: fields.text(path) };
    }),
  };
}
