import * as address from "bitcoinjs-lib/src/address";
import { regtest } from "bitcoinjs-lib/src/networks";
import { invalidArgument } from "../bytes/guards.js";

/** Kinds of output scripts in the words of Esplora servers. */
export type ScriptKind =
  | "empty"
  | "op_return"
  | "p2pk"
  | "p2pkh"
  | "p2sh"
  | "v0_p2wpkh"
  | "v0_p2wsh"
  | "v1_p2tr"
  | "unknown";

const hasForm = (script: Uint8Array, length: number, head: readonly number[], tail: readonly number[] = []): boolean =>
  script.length === length &&
  head.every((byte, i) => script[i] === byte) &&
  tail.every((byte, i) => script[length - tail.length + i] === byte);

/** What an output script is. */
export function kindOfScript(script: Uint8Array): ScriptKind {
  if (script.length === 0) return "empty";
  if (script[0] === 0x6a) return "op_return";
  if (hasForm(script, 22, [0x00, 0x14])) return "v0_p2wpkh";
  if (hasForm(script, 34, [0x00, 0x20])) return "v0_p2wsh";
  if (hasForm(script, 34, [0x51, 0x20])) return "v1_p2tr";
  if (hasForm(script, 25, [0x76, 0xa9, 0x14], [0x88, 0xac])) return "p2pkh";
  if (hasForm(script, 23, [0xa9, 0x14], [0x87])) return "p2sh";
  if (hasForm(script, 35, [0x21], [0xac]) || hasForm(script, 67, [0x41], [0xac])) return "p2pk";
  return "unknown";
}

/** The regtest address of an output script, or null when it has none. */
export function addressOf(script: Uint8Array): string | null {
  const kind = kindOfScript(script);
  if (kind === "v0_p2wpkh" || kind === "v0_p2wsh") return address.toBech32(script.subarray(2), 0, regtest.bech32);
  if (kind === "v1_p2tr") return address.toBech32(script.subarray(2), 1, regtest.bech32);
  if (kind === "p2pkh") return address.toBase58Check(script.slice(3, 23), regtest.pubKeyHash);
  if (kind === "p2sh") return address.toBase58Check(script.slice(2, 22), regtest.scriptHash);
  return null;
}

/**
 * The output script of a regtest address: P2WPKH, P2WSH, P2TR, P2PKH or P2SH.
 *
 * @throws INPUT_INVALID
 */
export function scriptOfAddress(text: string): Uint8Array {
  const script = tryBech32(text) ?? tryBase58(text);
  if (script === null) throw invalidArgument("address", "a regtest address", text);
  return script;
}

function tryBech32(text: string): Uint8Array | null {
  try {
    const { version, prefix, data } = address.fromBech32(text);
    const fits = version === 0 ? data.length === 20 || data.length === 32 : version === 1 && data.length === 32;
    if (prefix !== regtest.bech32 || !fits) return null;
    return Uint8Array.of(version === 0 ? 0x00 : 0x51, data.length, ...data);
  } catch {
    return null;
  }
}

function tryBase58(text: string): Uint8Array | null {
  try {
    const { version, hash } = address.fromBase58Check(text);
    if (version === regtest.pubKeyHash) return Uint8Array.of(0x76, 0xa9, 0x14, ...hash, 0x88, 0xac);
    if (version === regtest.scriptHash) return Uint8Array.of(0xa9, 0x14, ...hash, 0x87);
    return null;
  } catch {
    return null;
  }
}
