import { decodeHex } from "../bytes/hex.js";
import { getNetwork, type NetworkId } from "../chain/network.js";
import { addressOf, scriptOfAddress } from "../plan/address.js";
import type { FailValue } from "./usage.js";

/** A place for coins and names, as programs and as people know it. */
export interface Place {
  /** scriptPubKey. */
  readonly script: Uint8Array;
  readonly address: string;
}

/**
 * An address of the network, or a P2WPKH, P2WSH or P2TR script in hex.
 *
 * @throws what `fail` makes
 */
export function readPlace(text: string, networkId: NetworkId, fail: FailValue): Place {
  const network = getNetwork(networkId);
  try {
    const script = /^(?:[0-9a-f]{2})+$/.test(text) ? decodeHex(text) : scriptOfAddress(text, network);
    return { script, address: addressOf(script, network) };
  } catch {
    const expected = `an address of ${network.id} (${network.bech32Prefix}1...), or a P2WPKH, P2WSH or P2TR script in hex`;
    throw fail(expected, JSON.stringify(text.slice(0, 100)));
  }
}

/** The address of an owner script in hex; the script itself where it has none. */
export function addressOfScript(script: string, network: NetworkId): string {
  try {
    return addressOf(decodeHex(script), getNetwork(network));
  } catch {
    return script;
  }
}
