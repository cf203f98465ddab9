import { createHash, createPublicKey, verify } from "node:crypto";
import { concatBytes, utf8 } from "../bytes/bytes.js";
import { sha256 } from "../crypto/hash.js";

/** bytes - BEP44: `v`, bencoded, has fewer than 1,000. */
const BENCODED_MAX_BYTES = 999;
/** RFC 8410: what stands before the 32 bytes of an Ed25519 public key in DER. */
const SPKI_HEAD = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00);

/** A mutable item of BEP44 whose value is a byte string. */
export interface DhtItem {
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** At most 64 bytes. */
  readonly salt: Uint8Array;
  /** 0 to 2^53 - 1. */
  readonly seq: number;
  /** `v` before it is bencoded. */
  readonly value: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/** The salt of a path of section 10: one key holds any number of records. */
export function dhtSalt(path: string): Uint8Array {
  return sha256(utf8(path));
}

/** BEP44: where the item of a key and salt is looked for. 20 bytes. */
export function dhtTarget(publicKey: Uint8Array, salt: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha1").update(publicKey).update(salt).digest());
}

/** BEP44: what is signed. */
export function dhtSignedBytes({ salt, seq, value }: Pick<DhtItem, "salt" | "seq" | "value">): Uint8Array {
  const saltPart = salt.length === 0 ? [] : [utf8(`4:salt${salt.length}:`), salt];
  return concatBytes(...saltPart, utf8(`3:seqi${seq}e1:v${value.length}:`), value);
}

/** Whether a value is short enough to lie in the DHT itself. */
export function fitsDht(value: Uint8Array): boolean {
  return `${value.length}:`.length + value.length <= BENCODED_MAX_BYTES;
}

/** Whether `signature` is Ed25519's of `publicKey` over `message`; false for anything that is no key or signature. */
export function isDhtSignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  try {
    const key = createPublicKey({
      key: Buffer.from(concatBytes(SPKI_HEAD, publicKey)),
      format: "der",
      type: "spki",
    });
    return verify(null, message, key, signature);
  } catch {
    // 32 bytes that are no point.
    return false;
  }
}

/** BEP44: the key's owner made this item, and nobody changed it on the way. */
export function isDhtItem(item: DhtItem): boolean {
  return isDhtSignature(item.publicKey, dhtSignedBytes(item), item.signature);
}
