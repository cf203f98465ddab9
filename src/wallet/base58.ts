import { equalBytes } from "../bytes/bytes.js";
import { hash256 } from "../crypto/hash.js";

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const CHECKSUM_BYTES = 4;
/** characters - no key is longer; decoding is quadratic. */
const MAX_CHARACTERS = 128;

/** The bytes of Base58Check text without their checksum, or null when it is none. */
export function decodeBase58Check(text: string): Uint8Array | null {
  if (text.length > MAX_CHARACTERS) return null;
  // Little-endian while it grows.
  const bytes: number[] = [];
  for (const character of text) {
    let carry = ALPHABET.indexOf(character);
    if (carry < 0) return null;
    for (let i = 0; i < bytes.length; i++) {
      carry += (bytes[i] ?? 0) * 58;
      bytes[i] = carry & 0xff;
      carry >>= 8;
    }
    if (carry > 0) bytes.push(carry);
  }
  const leadingZeros = text.length - text.replace(/^1+/, "").length;
  const decoded = Uint8Array.from([...new Array<number>(leadingZeros).fill(0), ...bytes.reverse()]);
  const payload = decoded.slice(0, -CHECKSUM_BYTES);
  const isIntact = equalBytes(hash256(payload).subarray(0, CHECKSUM_BYTES), decoded.subarray(payload.length));
  return isIntact ? payload : null;
}
