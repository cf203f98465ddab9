import { decodeHex, encodeHex } from "../bytes/hex.js";
import { HawserError, isHawserError } from "../errors.js";
import { limits } from "../limits.js";
import { parseStoragePath } from "./path.js";

/** A record in the DHT: whose key signs its item, and its path. */
export interface DhtPath {
  readonly publicKey: Uint8Array;
  readonly path: string;
}

/** Whether a path of the layout is that of a record. @throws INPUT_INVALID */
export function isRecordPath(path: string): boolean {
  return parseStoragePath(path)[0] === "records";
}

/** The URL of a record: `dht:<public key, hex>/<path>`; null for objects, and where U1 would refuse it as too long. */
export function dhtUrlOf({ publicKey, path }: DhtPath): string | null {
  const url = `dht:${encodeHex(publicKey)}/${path}`;
  return isRecordPath(path) && url.length <= limits.urlMaxBytes ? url : null;
}

/** The record of a URL of {@link dhtUrlOf}, or null for every other URL. */
export function parseDhtUrl(url: string): DhtPath | null {
  const [, key = "", path = ""] = /^dht:([0-9a-f]{64})\/(.*)$/s.exec(url) ?? [];
  if (key === "") return null;
  try {
    return isRecordPath(path) ? { publicKey: decodeHex(key, 32), path } : null;
  } catch (error) {
    if (isHawserError(error, "INPUT_INVALID")) return null;
    throw error;
  }
}

/** The error for a URL that is none of {@link dhtUrlOf}. */
export function invalidDhtUrl(url: string): HawserError<"INPUT_URL_INVALID"> {
  const details = { url: `(${url.length} characters)`, reason: "not dht:<public key>/<path of a record>" };
  return new HawserError("INPUT_URL_INVALID", `The URL cannot be opened: ${details.reason}.`, details);
}
