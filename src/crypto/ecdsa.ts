import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import * as secp from "@noble/secp256k1";
import { assertBytes } from "../bytes/guards.js";
import { HawserError } from "../errors.js";

// Set here too, not only in schnorr.ts: a bundle may hold this file without that one.
secp.hashes.sha256 = sha256;
secp.hashes.hmacSha256 = (key, message) => hmac(sha256, key, message);

/**
 * Whether `signature` is an ECDSA signature over `digest`. A high S is refused, as relay policy does (BIP146), so that
 * no third party can change a signature into another one that is also valid.
 *
 * @param signature - r and s, 32 bytes each (compact form, not DER).
 * @param digest - The 32 bytes that were signed; they are not hashed again.
 * @param publicKey - 33 bytes, compressed.
 */
export function verifyEcdsa(signature: Uint8Array, digest: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== 64 || digest.length !== 32 || publicKey.length !== 33) return false;
  try {
    return secp.verify(signature, digest, publicKey, { prehash: false, lowS: true, format: "compact" });
  } catch {
    // A key that is no point or a value out of range verifies nothing.
    return false;
  }
}

/**
 * A deterministic (RFC 6979) ECDSA signature over a 32-byte digest: r and s, 64 bytes, low S.
 *
 * @throws INPUT_INVALID, INPUT_KEY_INVALID
 */
export function signEcdsa(digest: Uint8Array, privateKey: Uint8Array): Uint8Array {
  assertBytes("digest", digest, 32);
  assertPrivateKey(privateKey);
  return secp.sign(digest, privateKey, { prehash: false, lowS: true, format: "compact" });
}

/**
 * The compressed public key (33 bytes) of a private key.
 *
 * @throws INPUT_KEY_INVALID
 */
export function publicKeyOf(privateKey: Uint8Array): Uint8Array {
  assertPrivateKey(privateKey);
  return secp.getPublicKey(privateKey, true);
}

function assertPrivateKey(privateKey: Uint8Array): void {
  if (!(privateKey instanceof Uint8Array) || !secp.utils.isValidSecretKey(privateKey)) {
    const reason = "not 32 bytes that are a private key of secp256k1";
    throw new HawserError("INPUT_KEY_INVALID", `The private key is ${reason}.`, { reason });
  }
}
