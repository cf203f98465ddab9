import { ripemd160 } from "@noble/hashes/legacy.js";
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8 } from "../bytes/bytes.js";

/** SHA-256. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return nobleSha256(bytes);
}

/** Double SHA-256, as Bitcoin hashes headers and transactions; internal byte order. */
export function hash256(bytes: Uint8Array): Uint8Array {
  return nobleSha256(nobleSha256(bytes));
}

/** RIPEMD-160 of SHA-256. */
export function hash160(bytes: Uint8Array): Uint8Array {
  return ripemd160(nobleSha256(bytes));
}

const prefixes = new Map<string, Uint8Array>();

/** BIP340 tagged hash: `SHA256(SHA256(tag) || SHA256(tag) || message)`. */
export function taggedHash(tag: string, message: Uint8Array): Uint8Array {
  let prefix = prefixes.get(tag);
  if (prefix === undefined) {
    const hashedTag = nobleSha256(utf8(tag));
    prefix = concatBytes(hashedTag, hashedTag);
    prefixes.set(tag, prefix);
  }
  return nobleSha256(concatBytes(prefix, message));
}
