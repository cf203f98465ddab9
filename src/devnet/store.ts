import { utf8 } from "../bytes/bytes.js";
import { encodeHex } from "../bytes/hex.js";
import { isJsonObject, type Json, parseJson } from "../bytes/json.js";
import { sha256 } from "../crypto/hash.js";
import { HawserError } from "../errors.js";
import type { StoreWord } from "./tamper.js";

/** What a store shows at a path. */
export interface StoredFile {
  readonly bytes: Uint8Array;
  /** null: the store derives it from the path. */
  readonly contentType: string | null;
}

/** A file as it is kept. */
export interface StoreEntry extends StoredFile {
  /** The bytes that were there before these; null for the first. */
  readonly previous: StoredFile | null;
}

/** Where a store keeps its files beyond the life of the process. */
export interface StoreKeeper {
  /** What was kept, by path. */
  load(): ReadonlyMap<string, StoreEntry>;
  /** Sets what a path holds; it is on disk, whole, when this returns. @throws STORAGE_REFUSED */
  keep(path: string, entry: StoreEntry): void;
  /** @throws STORAGE_REFUSED */
  drop(path: string): void;
}

/** Files in memory, on disk too where there is a keeper, and what a misbehaving store shows of them. */
export class Store {
  readonly #files: Map<string, StoreEntry>;
  readonly #keeper: StoreKeeper | null;
  #mode: StoreWord = "honest";
  #frozen: ReadonlyMap<string, StoredFile> = new Map();

  constructor(keeper: StoreKeeper | null = null) {
    this.#keeper = keeper;
    this.#files = new Map(keeper?.load() ?? []);
  }

  /** How the store behaves from now on. */
  tamper(mode: StoreWord): void {
    // Freezing twice keeps the first moment: what was frozen stays so until the store is honest again.
    if (mode === "freeze" && this.#mode !== "freeze") this.#frozen = new Map(this.#files);
    this.#mode = mode;
  }

  /** What the store shows at a path, or null. */
  show(path: string): StoredFile | null {
    if (this.#mode === "freeze") return this.#frozen.get(path) ?? null;
    const entry = this.#files.get(path);
    if (entry === undefined) return null;
    if (this.#mode === "stale") return entry.previous ?? entry;
    return this.#mode === "forge" ? { ...entry, bytes: forge(path, entry.bytes) } : entry;
  }

  write(path: string, file: StoredFile): void {
    const old = this.#files.get(path);
    const changed = old !== undefined && etagOf(old.bytes) !== etagOf(file.bytes);
    const before = changed ? { bytes: old.bytes, contentType: old.contentType } : (old?.previous ?? null);
    const entry: StoreEntry = { bytes: file.bytes, contentType: file.contentType, previous: before };
    this.#keeper?.keep(path, entry);
    this.#files.set(path, entry);
  }

  remove(path: string): void {
    if (!this.#files.has(path)) return;
    this.#keeper?.drop(path);
    this.#files.delete(path);
  }
}

/** A strong entity tag. */
export function etagOf(bytes: Uint8Array): string {
  return `"${encodeHex(sha256(bytes).subarray(0, 16))}"`;
}

/** Other bytes: a record keeps its id, version and signature and gets other data. */
function forge(path: string, bytes: Uint8Array): Uint8Array {
  return (path.startsWith("/records/") ? forgeRecord(bytes) : null) ?? flipped(bytes);
}

function forgeRecord(bytes: Uint8Array): Uint8Array | null {
  const fail = (reason: string): Error => new HawserError("RECORD_INVALID", `Not a record: ${reason}.`, { reason });
  let record: Json;
  try {
    record = parseJson(bytes, { fail });
  } catch {
    return null;
  }
  if (!isJsonObject(record) || typeof record["data"] !== "string") return null;
  const data = flipped(Uint8Array.from(Buffer.from(record["data"], "base64")));
  return utf8(JSON.stringify({ ...record, data: Buffer.from(data).toString("base64") }));
}

function flipped(bytes: Uint8Array): Uint8Array {
  const other = bytes.length === 0 ? new Uint8Array(1) : bytes.slice();
  other[0] = (other[0] ?? 0) ^ 1;
  return other;
}
