import { sha256 } from "@noble/hashes/sha2.js";
import * as secp from "@noble/secp256k1";

// The hook is set in the file that uses it: a separate set-up module would be dropped by bundlers, because the package
// says that it has no side effects, and every verification would throw. HMAC is needed by ECDSA alone.
secp.hashes.sha256 = sha256;

/** Whether `signature` (64 bytes) is a BIP340 signature of `publicKey` (x-only, 32 bytes) over `message`. */
export function verifySchnorr(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== 64 || publicKey.length !== 32) return false;
  try {
    return secp.schnorr.verify(signature, message, publicKey);
  } catch {
    // A key that is no point or a value out of range verifies nothing (P5).
    return false;
  }
}

/** A BIP340 signature over `message`. `auxRand` is 32 fresh random bytes. */
export function signSchnorr(message: Uint8Array, privateKey: Uint8Array, auxRand: Uint8Array): Uint8Array {
  return secp.schnorr.sign(message, privateKey, auxRand);
}

/** Whether 32 bytes are the x coordinate of a point. */
export function isXOnlyPoint(x: Uint8Array): boolean {
  if (x.length !== 32) return false;
  try {
    liftX(x).assertValidity();
    return true;
  } catch {
    return false;
  }
}

function liftX(x: Uint8Array): secp.Point {
  const compressed = new Uint8Array(33);
  compressed[0] = 2;
  compressed.set(x, 1);
  return secp.Point.fromBytes(compressed);
}
