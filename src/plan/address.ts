import { bech32, bech32m } from "bech32";
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
  const program = bech32.toWords(script.subarray(2));
  return kind === "p2tr"
    ? bech32m.encode(network.bech32Prefix, [1, ...program])
    : bech32.encode(network.bech32Prefix, [0, ...program]);
}

/**
 * The script of a P2WPKH, P2WSH or P2TR address of this network; {@link addressOf} gives the address back (in lower
 * case). Other addresses are refused.
 *
 * @throws INPUT_INVALID
 */
export function scriptOfAddress(address: string, network: Network): Uint8Array {
  let decoded: ReturnType<typeof decodeSegwitAddress>;
  try {
    decoded = decodeSegwitAddress(address);
  } catch (cause) {
    throw invalidAddress(address, network, cause);
  }
  const { prefix, version, program } = decoded;
  // Money that goes to an address of another network is lost.
  if (prefix !== network.bech32Prefix || (version !== 0 && version !== 1)) throw invalidAddress(address, network);
  const script = concatBytes(Uint8Array.of(version === 0 ? OP_0 : OP_1, program.length), program);
  if (!isOwnerScript(script)) throw invalidAddress(address, network);
  return script;
}

/** Version (none when nothing follows the prefix) and program of an address, whichever they are; throws on all else. */
function decodeSegwitAddress(address: string): {
  readonly prefix: string;
  readonly version: number | undefined;
  readonly program: Uint8Array;
} {
  const v0 = bech32.decodeUnsafe(address);
  const { prefix, words } = v0 ?? bech32m.decode(address);
  const [version, ...program] = words;
  // BIP350: bech32 lets some characters be inserted unseen, so only version 0, which had it first, is written in it.
  if ((version === 0) !== (v0 !== undefined)) throw new Error("the checksum is of another kind");
  return { prefix, version, program: Uint8Array.from(bech32.fromWords(program)) };
}

function invalidAddress(address: unknown, network: Network, cause?: unknown): HawserError<"INPUT_INVALID"> {
  const expected = `P2WPKH, P2WSH or P2TR address of ${network.id} (${network.bech32Prefix}1...)`;
  const got = typeof address === "string" ? JSON.stringify(address.slice(0, 100)) : describe(address);
  const details = { argument: "address", expected, got };
  return new HawserError("INPUT_INVALID", `address: expected ${expected}, got ${got}.`, details, { cause });
}
