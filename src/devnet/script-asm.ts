import { OPS } from "bitcoinjs-lib/src/ops";
import { encodeHex } from "../bytes/hex.js";

/** Names that Esplora servers print differently, or where one opcode has several. */
const NAMES = new Map<number, string>([
  [0x00, "OP_0"],
  [0x4f, "OP_PUSHNUM_NEG1"],
  [0xb1, "OP_CLTV"],
  [0xb2, "OP_CSV"],
]);
for (const [name, value] of Object.entries(OPS)) {
  // The enum also maps codes back to names.
  if (typeof value === "string") continue;
  const code: number = value;
  if (code >= 0x51 && code <= 0x60) NAMES.set(code, `OP_PUSHNUM_${code - 0x50}`);
  else if (!NAMES.has(code)) NAMES.set(code, name);
}

/** A script in words, as Esplora servers print it: `OP_0 OP_PUSHBYTES_20 <hex>`. */
export function scriptAsm(script: Uint8Array): string {
  const words: string[] = [];
  for (let at = 0; at < script.length; ) {
    const code = script[at++] ?? 0;
    const lengthBytes = code === 0x4c ? 1 : code === 0x4d ? 2 : code === 0x4e ? 4 : 0;
    if (code === 0 || (code > 0x4b && lengthBytes === 0)) {
      words.push(NAMES.get(code) ?? `OP_RETURN_${code}`);
      continue;
    }
    let length = lengthBytes === 0 ? code : 0;
    for (let i = lengthBytes - 1; i >= 0; i--) length = length * 256 + (script[at + i] ?? 0);
    at += lengthBytes;
    if (at + length > script.length) return [...words, "<push past end>"].join(" ");
    const name = lengthBytes === 0 ? `OP_PUSHBYTES_${code}` : `OP_PUSHDATA${lengthBytes}`;
    words.push(name);
    if (length > 0) words.push(encodeHex(script.subarray(at, at + length)));
    at += length;
  }
  return words.join(" ");
}
