import { invalidArgument } from "../bytes/guards.js";
import { isHex } from "../bytes/hex.js";
import { getNetwork, type NetworkId } from "../chain/network.js";
import { parseName } from "../name/name.js";
import { parseId } from "../profile/id.js";

const MAX_EPOCH = 0xffff_ffff;

/** What a record's path is made of. */
export interface RecordPlace {
  readonly network: NetworkId;
  readonly name: string;
  readonly id: string;
  /** 0 to 2^32 - 1. */
  readonly epoch: number;
}

/**
 * Where an object lies on every provider with paths (protocol section 10).
 *
 * @param hash - SHA-256 of the object, 64 lower-case hex digits.
 * @throws INPUT_INVALID
 */
export function objectPath(hash: string): string {
  if (!isHex(hash, 32)) throw invalidArgument("hash", "64 lower-case hex digits", hash);
  return `objects/${hash.slice(0, 2)}/${hash}`;
}

/**
 * Where a record lies on every provider with paths (protocol section 10). The epoch is in the path, so that a new life
 * of an id does not overwrite the old one before its transaction is at depth. Name and id are checked here once more: a
 * path is made of nothing that could leave its folder.
 *
 * @throws INPUT_INVALID, NAME_INVALID, INPUT_ID_INVALID
 */
export function recordPath({ network, name, id, epoch }: RecordPlace): string {
  if (!Number.isSafeInteger(epoch) || epoch < 0 || epoch > MAX_EPOCH) {
    throw invalidArgument("epoch", `integer from 0 to ${MAX_EPOCH}`, epoch);
  }
  return `records/${getNetwork(network).id}/${parseName(name)}/${parseId(id)}@${epoch}.json`;
}

/** The URL of a path under a base URL: a `/` is put between them if the base does not end in one (U1). */
export function joinBase(baseUrl: string, path: string): string {
  return baseUrl.endsWith("/") ? `${baseUrl}${path}` : `${baseUrl}/${path}`;
}
