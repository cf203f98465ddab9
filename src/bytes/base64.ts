const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUES = new Int16Array(128).fill(-1);
for (let i = 0; i < 64; i++) VALUES[ALPHABET.charCodeAt(i)] = i;
const CODES = Uint8Array.from(ALPHABET, (character) => character.charCodeAt(0));
const PAD = 61;
const decoder = new TextDecoder();

/** RFC 4648 section 4 base64, padded. */
export function encodeBase64(bytes: Uint8Array): string {
  const out = new Uint8Array(4 * Math.ceil(bytes.length / 3));
  let o = 0;
  for (let i = 0; i < bytes.length; i += 3) {
    const a = bytes[i] ?? 0;
    const b = bytes[i + 1] ?? 0;
    const c = bytes[i + 2] ?? 0;
    out[o++] = CODES[a >> 2] ?? 0;
    out[o++] = CODES[((a & 3) << 4) | (b >> 4)] ?? 0;
    out[o++] = i + 1 < bytes.length ? (CODES[((b & 15) << 2) | (c >> 6)] ?? 0) : PAD;
    out[o++] = i + 2 < bytes.length ? (CODES[c & 63] ?? 0) : PAD;
  }
  return decoder.decode(out);
}

/**
 * Bytes of padded base64 with zero pad bits and no other character, or null: every byte string has one
 * spelling (M3), so two different record bodies never carry the same data.
 */
export function decodeBase64(text: string): Uint8Array | null {
  if (text.length % 4 !== 0) return null;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const out = new Uint8Array((text.length / 4) * 3 - padding);
  const end = text.length - padding;
  let o = 0;
  let bits = 0;
  let held = 0;
  for (let i = 0; i < end; i++) {
    const code = text.charCodeAt(i);
    const value = code < 128 ? (VALUES[code] ?? -1) : -1;
    if (value < 0) return null;
    bits = ((bits << 6) | value) & 0xffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      out[o++] = (bits >> held) & 0xff;
    }
  }
  return (bits & ((1 << held) - 1)) === 0 ? out : null;
}
