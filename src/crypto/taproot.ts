import * as secp from "@noble/secp256k1";
import { concatBytes } from "../bytes/bytes.js";
import { assertBytes } from "../bytes/guards.js";
import { HawserError } from "../errors.js";
import { taggedHash } from "./hash.js";
import { isXOnlyPoint } from "./schnorr.js";

const ORDER = secp.Point.CURVE().n;

/** An x-only key and whether its point has an odd y. */
export interface TweakedKey {
  readonly parity: 0 | 1;
  /** 32 bytes. */
  readonly xOnly: Uint8Array;
}

/**
 * `P + tweak * G` for the point P of x-only key `xOnly` with even y (BIP341), or null when the key is no point, the
 * tweak is not below the curve order, or the sum is the point at infinity.
 */
export function addTweak(xOnly: Uint8Array, tweak: Uint8Array): TweakedKey | null {
  if (!isXOnlyPoint(xOnly) || tweak.length !== 32) return null;
  const scalar = secp.etc.bytesToNumberBE(tweak);
  if (scalar >= ORDER) return null;
  const point = secp.Point.fromBytes(concatBytes(Uint8Array.of(2), xOnly));
  const sum = scalar === 0n ? point : point.add(secp.Point.BASE.multiply(scalar));
  if (sum.is0()) return null;
  const bytes = sum.toBytes(true);
  return { parity: bytes[0] === 3 ? 1 : 0, xOnly: bytes.slice(1) };
}

/**
 * The output key of an internal key (BIP341).
 *
 * @param internalKey - x-only, 32 bytes.
 * @param merkleRoot - Of the script tree; absent for an output that only its key can spend (BIP86).
 * @throws INPUT_KEY_INVALID
 */
export function taprootOutputKey(internalKey: Uint8Array, merkleRoot?: Uint8Array): Uint8Array {
  const tweaked = addTweak(internalKey, tapTweak(internalKey, merkleRoot));
  if (tweaked === null) throw invalidKey("the internal key is not the x coordinate of a point of secp256k1");
  return tweaked.xOnly;
}

/**
 * The private key of {@link addTweak}'s result, or null where there is none.
 *
 * @param privateKey - 32 bytes; negated where its point has an odd y (BIP341).
 * @throws INPUT_KEY_INVALID
 */
export function addPrivateTweak(privateKey: Uint8Array, tweak: Uint8Array): Uint8Array | null {
  const isOdd = publicKey(privateKey)[0] === 3;
  const scalar = secp.etc.bytesToNumberBE(privateKey);
  const added = secp.etc.bytesToNumberBE(tweak);
  if (added >= ORDER) return null;
  const sum = secp.etc.numberToBytesBE(((isOdd ? ORDER - scalar : scalar) + added) % ORDER);
  return isPrivateKey(sum) ? sum : null;
}

/**
 * The private key that signs for {@link taprootOutputKey} of `privateKey`'s public key (BIP341).
 *
 * @param privateKey - 32 bytes.
 * @param merkleRoot - As for the output key.
 * @throws INPUT_KEY_INVALID
 */
export function tweakPrivateKey(privateKey: Uint8Array, merkleRoot?: Uint8Array): Uint8Array {
  const tweaked = addPrivateTweak(privateKey, tapTweak(xOnlyPublicKeyOf(privateKey), merkleRoot));
  if (tweaked === null) throw invalidKey("it has no Taproot output key");
  return tweaked;
}

/**
 * The x-only public key (32 bytes, BIP340) of a private key.
 *
 * @throws INPUT_KEY_INVALID
 */
export function xOnlyPublicKeyOf(privateKey: Uint8Array): Uint8Array {
  return publicKey(privateKey).slice(1);
}

/** Whether `value` is 32 bytes that are a private key of secp256k1. */
export function isPrivateKey(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && secp.utils.isValidSecretKey(value);
}

/**
 * A private key out of a 32-byte digest, modulo the curve order.
 *
 * @throws INPUT_KEY_INVALID for the digests that give zero
 */
export function privateKeyOfDigest(digest: Uint8Array): Uint8Array {
  assertBytes("digest", digest, 32);
  const key = secp.etc.numberToBytesBE(secp.etc.bytesToNumberBE(digest) % ORDER);
  if (!isPrivateKey(key)) throw invalidKey("it is zero");
  return key;
}

function tapTweak(xOnly: Uint8Array, merkleRoot: Uint8Array | undefined): Uint8Array {
  return taggedHash("TapTweak", merkleRoot === undefined ? xOnly : concatBytes(xOnly, merkleRoot));
}

function publicKey(privateKey: Uint8Array): Uint8Array {
  if (!isPrivateKey(privateKey)) throw invalidKey("it is not 32 bytes that are a private key of secp256k1");
  return secp.getPublicKey(privateKey, true);
}

function invalidKey(reason: string): HawserError<"INPUT_KEY_INVALID"> {
  return new HawserError("INPUT_KEY_INVALID", `The key cannot be used: ${reason}.`, { reason });
}
