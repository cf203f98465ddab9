import { concatBytes } from "../bytes/bytes.js";
import { assertInteger } from "../bytes/guards.js";
import { encodeHex } from "../bytes/hex.js";
import { sha256 } from "../crypto/hash.js";

/** The output scripts that can own a name (C3). */
export type ScriptKind = "p2wpkh" | "p2wsh" | "p2tr";

const OP_0 = 0x00;
const OP_1 = 0x51;
const OP_1_MINUS_ONE = 0x50;

/** Which of C3's forms (`0014<20>`, `0020<32>`, `5120<32>`) the script has exactly, or null. */
export function scriptKind(script: Uint8Array): ScriptKind | null {
  const [version, push] = script;
  if (script.length === 22 && version === OP_0 && push === 20) return "p2wpkh";
  if (script.length === 34 && push === 32) {
    if (version === OP_0) return "p2wsh";
    if (version === OP_1) return "p2tr";
  }
  return null;
}

/** Whether a script can own a name. C3: segwit only, since a malleable txid would let anyone void a child. */
export function isOwnerScript(script: Uint8Array): boolean {
  return scriptKind(script) !== null;
}

/** A script as lower-case hex, for results and errors. */
export function scriptHex(script: Uint8Array): string {
  return encodeHex(script);
}

/** The P2WSH output script of a witness script: `0020<SHA256>`. */
export function p2wshScript(witnessScript: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(OP_0, 32), sha256(witnessScript));
}

/** The shortest push of `value` (0 to 2^31 - 1) as a script number: OP_0, OP_1 to OP_16, or length and bytes. */
export function pushNumber(value: number): Uint8Array {
  assertInteger("value", value, 0, 0x7fffffff);
  if (value === 0) return Uint8Array.of(OP_0);
  if (value <= 16) return Uint8Array.of(OP_1_MINUS_ONE + value);
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.push(rest % 256);
  // The top bit is the sign: a value that uses it needs one more byte.
  if ((bytes.at(-1) ?? 0) >= 0x80) bytes.push(0);
  return Uint8Array.of(bytes.length, ...bytes);
}
