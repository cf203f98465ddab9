import { fromBech32, toBech32 } from "bitcoinjs-lib/src/address";
import { concatBytes } from "../bytes/bytes.js";
import { describe, invalidArgument } from "../bytes/guards.js";
import type { Network } from "../chain/network.js";
import { isOwnerScript, scriptKind } from "../chain/script.js";
import { HawserError } from "../errors.js";

const OP_0 = 0x00;
const OP_1 = 0x51;

/**
 * The address of a P2WPKH, P2WSH (bech32) or P2TR (bech32m) script. Testnet4 and signet addresses look the same.
 *
 * @throws INPUT_INVALID
 */
export function addressOf(script: Uint8Array, network: Network): string {
  const kind = scriptKind(script);
  if (kind === null) throw invalidArgument("script", "P2WPKH, P2WSH or P2TR", script);
  return toBech32(script.subarray(2), kind === "p2tr" ? 1 : 0, network.bech32Prefix);
}

/**
 * The script of a P2WPKH, P2WSH or P2TR address of this network; {@link addressOf} gives the address back (in lower
 * case). Other addresses are refused.
 *
 * @throws INPUT_INVALID
 */
export function scriptOfAddress(address: string, network: Network): Uint8Array {
  let decoded: ReturnType<typeof fromBech32>;
  try {
    decoded = fromBech32(address);
  } catch (cause) {
    throw invalidAddress(address, network, cause);
  }
  const { prefix, version, data } = decoded;
  // Money that goes to an address of another network is lost.
  if (prefix !== network.bech32Prefix || version > 1) throw invalidAddress(address, network);
  const script = concatBytes(Uint8Array.of(version === 0 ? OP_0 : OP_1, data.length), data);
  if (!isOwnerScript(script)) throw invalidAddress(address, network);
  return script;
}

function invalidAddress(address: unknown, network: Network, cause?: unknown): HawserError<"INPUT_INVALID"> {
  const expected = `P2WPKH, P2WSH or P2TR address of ${network.id} (${network.bech32Prefix}1...)`;
  const got = typeof address === "string" ? JSON.stringify(address.slice(0, 100)) : describe(address);
  const details = { argument: "address", expected, got };
  return new HawserError("INPUT_INVALID", `address: expected ${expected}, got ${got}.`, details, { cause });
}
