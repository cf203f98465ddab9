import { decodeBase32, encodeBase32 } from "../bytes/base32.js";
import { concatBytes, equalBytes } from "../bytes/bytes.js";
import { invalidArgument } from "../bytes/guards.js";
import { decodeHex, encodeHex } from "../bytes/hex.js";

/** CID version 1, codec raw, multihash sha2-256 of 32 bytes. */
const RAW_SHA256 = Uint8Array.of(0x01, 0x55, 0x12, 0x20);

/**
 * The CID of an object (I1): version 1, raw, SHA-256, in base32 with multibase `b`, always `bafkrei...`. The hash inside it
 * is the object's own, so that it is found again from the CID.
 *
 * @param hash - SHA-256, 64 lower-case hex digits.
 * @throws INPUT_INVALID
 */
export function encodeRawCid(hash: string): string {
  return `b${encodeBase32(concatBytes(RAW_SHA256, decodeHex(hash, 32, "hash")))}`;
}

/** The SHA-256 in a CID of {@link encodeRawCid}, in hex; null for any other text, other spellings of one included. */
export function decodeRawCid(cid: string): string | null {
  const bytes = cid.startsWith("b") ? decodeBase32(cid.slice(1)) : null;
  if (bytes?.length !== 36 || !equalBytes(bytes.subarray(0, 4), RAW_SHA256)) return null;
  return encodeHex(bytes.subarray(4));
}

/**
 * As {@link decodeRawCid}. The root of a file in several blocks (I3: `bafybei...`) names no object and is refused too.
 *
 * @throws INPUT_INVALID
 */
export function parseRawCid(cid: unknown): string {
  const hash = typeof cid === "string" ? decodeRawCid(cid) : null;
  if (hash === null) throw invalidArgument("cid", "the CID of one raw block in base32 (bafkrei...)", cid);
  return hash;
}
