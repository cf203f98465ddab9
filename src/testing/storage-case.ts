import { utf8 } from "../bytes/bytes.js";
import { encodeHex } from "../bytes/hex.js";
import type { StorageProvider, StorageReader, StoredKind } from "../ports.js";
import { fail } from "./contract.js";

/** What the cases may do with the implementation under test. */
export interface StorageBench {
  /** A provider over this case's place; each call may give a handle of its own. */
  readonly open: () => Promise<StorageProvider>;
  /** Something to store at a path of its own: these bytes, or random ones of this number (by default 200). */
  readonly fresh: (kind: StoredKind, given?: number | Uint8Array) => Promise<Sample>;
  /** Bytes that the place takes in one body. */
  readonly maxBytes: Readonly<Record<StoredKind, number>>;
  readonly kinds: readonly StoredKind[];
}

/** Something to store. */
export interface Sample {
  readonly kind: StoredKind;
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** A demand on providers. */
export interface StorageCase {
  readonly name: string;
  /** Left out where the provider does not keep that kind. */
  readonly needs?: StoredKind | undefined;
  readonly check: (bench: StorageBench) => Promise<void>;
}

/** The network, name and epoch of every record here. */
const RECORDS = "records/regtest/alice";

/** Section 10: where a record of the test name lies. */
export function recordAt(id: string, epoch = 5): string {
  return `${RECORDS}/${id}@${epoch}.json`;
}

/** Section 10: where an object lies. */
export async function objectAt(bytes: Uint8Array): Promise<string> {
  const hash = encodeHex(new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(bytes))));
  return `objects/${hash.slice(0, 2)}/${hash}`;
}

/** Bytes that nobody can guess. */
export function randomBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  // The platform gives at most this many at once.
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

/** A word that no other has. */
export function randomWord(): string {
  return encodeHex(randomBytes(6));
}

/** JSON as records are, of exactly so many bytes, at least 20. */
export function recordBody(length: number): Uint8Array {
  const filler = encodeHex(randomBytes(Math.ceil(length / 2))).slice(0, length - '{"a":""}'.length);
  return utf8(`{"a":"${filler}"}`);
}

/** Everything at a path; null where the place says that it is absent. */
export async function readAll(
  storage: StorageReader,
  { kind, path }: Pick<Sample, "kind" | "path">,
  maxBytes = 2 * 1024 * 1024,
): Promise<Uint8Array | null> {
  const stored: unknown = await storage.read(path, { kind, maxBytes });
  if (stored === null) return null;
  const { bytes, tag } = stored as { readonly bytes?: unknown; readonly tag?: unknown };
  if (!(bytes instanceof Uint8Array)) fail(`the bytes of a read of ${path}`, "a Uint8Array", bytes);
  if (tag !== null && typeof tag !== "string") fail(`the tag of a read of ${path}`, "a string or null", tag);
  return bytes;
}

/** Writes without a condition, and fails unless it is stored. */
export async function store(storage: StorageProvider, { kind, path, bytes }: Sample): Promise<void> {
  const outcome: unknown = await storage.write(path, bytes, { kind });
  if (outcome !== "stored") fail(`a write of ${path} without a condition`, '"stored"', outcome);
}
