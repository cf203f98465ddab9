import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { concatBytes, equalBytes } from "../bytes/bytes.js";
import { assertBytes } from "../bytes/guards.js";
import { HawserError, isHawserError } from "../errors.js";
import { isDhtSignature } from "./dht-item.js";

/** RFC 8410: what stands before the 32 bytes of an Ed25519 seed in DER. */
const PKCS8_HEAD = Uint8Array.of(
  0x30,
  0x2e,
  0x02,
  0x01,
  0x00,
  0x30,
  0x05,
  0x06,
  0x03,
  0x2b,
  0x65,
  0x70,
  0x04,
  0x22,
  0x04,
  0x20,
);

/** Signs with Ed25519. */
export type DhtSign = (message: Uint8Array) => Uint8Array | Promise<Uint8Array>;

/** The key of an address in the DHT, or only its public half. */
export interface DhtKeyOptions {
  /** Ed25519, 32 bytes: the address. */
  readonly publicKey: Uint8Array;
  /** Its seed of 32 bytes, or seed and public key, 64 bytes. Default: `sign`, else nothing is written. */
  readonly secretKey?: Uint8Array | undefined;
  /** Signs instead of `secretKey`, for keys that are kept elsewhere. */
  readonly sign?: DhtSign | undefined;
}

/**
 * What signs for the public key, or null where it is only to read.
 *
 * @throws INPUT_INVALID, INPUT_KEY_INVALID
 */
export function createDhtSign({ publicKey, secretKey, sign: given }: DhtKeyOptions): DhtSign | null {
  assertBytes("publicKey", publicKey, 32);
  if (secretKey === undefined) return given === undefined ? null : checkedSign(publicKey, given);
  assertBytes("secretKey", secretKey);
  if (secretKey.length !== 32 && secretKey.length !== 64)
    throw invalidKey("the secret key has neither 32 nor 64 bytes");
  const key = privateKeyOf(secretKey.slice(0, 32));
  const own = publicKeyOf(key);
  if (!equalBytes(own, publicKey) || (secretKey.length === 64 && !equalBytes(secretKey.subarray(32), own))) {
    throw invalidKey("the secret key is not that of the public key");
  }
  return (message) => new Uint8Array(sign(null, message, key));
}

/** A signer of the caller's own: what it gives is checked, since nodes drop what does not verify without a word. */
function checkedSign(publicKey: Uint8Array, given: DhtSign): DhtSign {
  return async (message) => {
    let signature: unknown;
    try {
      signature = await given(message);
    } catch (error) {
      if (isHawserError(error)) throw error;
      // Not kept as the cause: it may show something of the key.
      throw invalidKey("the function sign failed");
    }
    if (signature instanceof Uint8Array && isDhtSignature(publicKey, message, signature)) return signature;
    throw invalidKey("what the function sign gives is no signature of the public key");
  };
}

function privateKeyOf(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.from(concatBytes(PKCS8_HEAD, seed)), format: "der", type: "pkcs8" });
}

function publicKeyOf(key: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32));
}

function invalidKey(reason: string): HawserError<"INPUT_KEY_INVALID"> {
  return new HawserError("INPUT_KEY_INVALID", `The key of the DHT cannot be used: ${reason}.`, { reason });
}
