import { invalidArgument } from "./guards.js";

const DIGITS = "0123456789abcdef";
const PAIRS: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => DIGITS.charAt(byte >> 4) + DIGITS.charAt(byte & 15),
);

/** Lower-case hex of `bytes`. */
export function encodeHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += PAIRS[byte] ?? "";
  return text;
}

/** Whether `text` is lower-case hex of exactly `length` bytes (any length when absent). */
export function isHex(text: unknown, length?: number): text is string {
  return (
    typeof text === "string" &&
    (length === undefined ? text.length % 2 === 0 : text.length === 2 * length) &&
    /^[0-9a-f]*$/.test(text)
  );
}

/** Bytes of lower-case hex; any other form is refused. @throws INPUT_INVALID */
export function decodeHex(text: string, length?: number, argument = "hex"): Uint8Array {
  if (!isHex(text, length)) {
    throw invalidArgument(
      argument,
      length === undefined ? "lower-case hex" : `${2 * length} lower-case hex digits`,
      text,
    );
  }
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** A reversed copy: between internal and display byte order. */
export function reversed(bytes: Uint8Array): Uint8Array {
  // Not slice(): that of a Node Buffer is a view, and the caller's bytes would be turned round.
  return new Uint8Array(bytes).reverse();
}
