const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/** RFC 4648 section 6 base32 in lower case, without padding. */
export function encodeBase32(bytes: Uint8Array): string {
  let text = "";
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0xfff;
    held += 8;
    while (held >= 5) {
      held -= 5;
      text += ALPHABET.charAt((bits >> held) & 31);
    }
  }
  return held === 0 ? text : text + ALPHABET.charAt((bits << (5 - held)) & 31);
}

/**
 * Bytes of lower-case base32 without padding and with zero bits after the last byte, or null: every byte string has one
 * spelling, so two texts never name the same bytes.
 */
export function decodeBase32(text: string): Uint8Array | null {
  const out = new Uint8Array(Math.floor((text.length * 5) / 8));
  // 1, 3 and 6 characters more than whole groups of 8 are one more than their bytes need.
  if ([1, 3, 6].includes(text.length % 8)) return null;
  let o = 0;
  let held = 0;
  let bits = 0;
  for (const character of text) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) return null;
    bits = ((bits << 5) | value) & 0xfff;
    held += 5;
    if (held >= 8) {
      held -= 8;
      out[o++] = (bits >> held) & 0xff;
    }
  }
  return (bits & ((1 << held) - 1)) === 0 ? out : null;
}
