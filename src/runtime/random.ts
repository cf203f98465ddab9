import { assertInteger } from "../bytes/guards.js";
import type { Random } from "../ports.js";

// Web Crypto refuses larger requests.
const MOST_BYTES_AT_ONCE = 65_536;

/** The runtime's cryptographically secure generator. */
export const systemRandom: Random = {
  bytes(length) {
    assertInteger("length", length);
    const bytes = new Uint8Array(length);
    for (let start = 0; start < length; start += MOST_BYTES_AT_ONCE) {
      crypto.getRandomValues(bytes.subarray(start, start + MOST_BYTES_AT_ONCE));
    }
    return bytes;
  },
};
