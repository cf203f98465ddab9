import { invalidArgument } from "../bytes/guards.js";
import { encodeHex } from "../bytes/hex.js";
import { sha256 } from "../crypto/hash.js";
import { contentKeyKind } from "../profile/entry.js";

/** A key of immutable data: I1's SHA-256 in hex, or I3's CID of a UnixFS root. */
export interface ContentKey {
  readonly kind: "sha256" | "unixfs";
  readonly key: string;
}

/** I1: the key of data up to 1 MiB, its SHA-256 in lower-case hex. */
export function contentKey(bytes: Uint8Array): string {
  return encodeHex(sha256(bytes));
}

/**
 * A key of immutable data in its one form: 64 lower-case hex digits, or a CIDv1 dag-pb sha2-256 in base32.
 *
 * @throws INPUT_INVALID
 */
export function parseContentKey(value: unknown): ContentKey {
  const kind = typeof value === "string" ? contentKeyKind(value) : null;
  if (typeof value !== "string" || kind === null) {
    throw invalidArgument("key", "64 lower-case hex digits or a CID of a UnixFS root in base32", value);
  }
  return { kind, key: value };
}
