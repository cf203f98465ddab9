import { encodeHex } from "../bytes/hex.js";
import { sha256 } from "../crypto/hash.js";
import { mintVerified, type Verified } from "../crypto/verified.js";
import { HawserError } from "../errors.js";

/**
 * I2: bytes are an object if and only if they hash to its key; anything else was changed or is another object.
 *
 * @param hash - SHA-256, 64 lower-case hex digits.
 * @throws CONTENT_UNVERIFIED
 */
export function verifyObject(bytes: Uint8Array, hash: string): Verified<Uint8Array> {
  const got = encodeHex(sha256(bytes));
  if (got === hash) return mintVerified(bytes);
  throw new HawserError("CONTENT_UNVERIFIED", `The bytes hash to ${got}, not to ${hash}.`, { key: hash, attempts: [] });
}
