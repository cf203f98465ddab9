import type { NetworkId } from "../chain/network.js";
import { isHawserError } from "../errors.js";
import { addressOfScript } from "./address.js";

/** What a hint may need to know about the run that failed. */
export interface HintContext {
  readonly network: NetworkId;
  /** Of the wallet; empty where there is none. */
  readonly addresses: readonly string[];
}

/** What somebody at a keyboard can do about the error of a write, or null where the error itself says it. */
export function hintOf(error: unknown, { network, addresses }: HintContext): string | null {
  if (isHawserError(error, "WALLET_FUNDS_INSUFFICIENT")) {
    return `Fund ${addresses.join(" or ")} and wait for a confirmation.`;
  }
  if (isHawserError(error, "NETWORK_ABORTED") || isHawserError(error, "CHAIN_TIMEOUT")) {
    return 'What was sent stays sent. Run the same command again to go on with it; "hawser bump" raises its fee.';
  }
  if (isHawserError(error, "WALLET_NOT_OWNER")) {
    const owner = addressOfScript(error.details.ownerScript, network);
    return `It belongs to ${owner}; this key has ${addresses.join(" and ")}.`;
  }
  if (isHawserError(error, "NAME_UNSEALED")) {
    return `"hawser name recover ${error.details.name}" seals it again.`;
  }
  if (isHawserError(error, "NAME_NOT_REGISTERED")) {
    const { name, status } = error.details;
    if (status === "free") return `"hawser name register ${name}" registers it.`;
    return `"hawser name show ${name}" tells when it can be registered again.`;
  }
  if (isHawserError(error, "CONFLICT_NAME_TAKEN")) {
    return `"hawser name show ${error.details.name}" tells who owns it. If that is you, nothing is left to do.`;
  }
  if (isHawserError(error, "CONFLICT_PENDING")) {
    if (error.details.unseals === true) {
      return `Once that is mined, "hawser name recover ${error.details.name}" seals it again.`;
    }
    const { name } = error.details;
    return `"hawser pending ${name}" lists what this cache has begun, "hawser name show ${name}" what sources see.`;
  }
  if (isHawserError(error, "ROUTE_KEY_MISMATCH")) {
    return (
      "Name the file of the key that signs it with --signer-key or HAWSER_SIGNER_KEY_FILE. The owner can name another key " +
      "(hawser name rotate-key), or a signer of its own for a new record (--delegate)."
    );
  }
  if (isHawserError(error, "ROUTE_NO_KEY")) {
    return "The owner can name one: hawser name rotate-key NAME --new-key FILE --drop-records.";
  }
  if (isHawserError(error, "INPUT_CONFIG_INVALID") && error.details.setting === "wallet" && addresses.length === 0) {
    return "Name the owner's key with --key-file FILE or HAWSER_KEY_FILE.";
  }
  return null;
}
