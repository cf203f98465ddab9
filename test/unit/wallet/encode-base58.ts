import { concatBytes } from "../../../src/bytes/bytes.js";
import { encodeHex } from "../../../src/bytes/hex.js";
import { hash256 } from "../../../src/crypto/hash.js";

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/** Base58Check text of bytes that do not begin with zero. */
export function encodeBase58Check(payload: Uint8Array): string {
  let rest = BigInt(`0x${encodeHex(concatBytes(payload, hash256(payload).subarray(0, 4)))}`);
  let text = "";
  for (; rest > 0n; rest /= 58n) text = ALPHABET.charAt(Number(rest % 58n)) + text;
  return text;
}
