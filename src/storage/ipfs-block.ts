import { encodeHex } from "../bytes/hex.js";
import { sha256 } from "../crypto/hash.js";
import { HawserError } from "../errors.js";
import { decodeRawCid, encodeRawCid } from "../immutable/cid.js";
import { unsupported } from "./http-refusal.js";
import { parseStoragePath } from "./path.js";

/** Section 10: an object's CID, and its hash in hex. */
export interface IpfsObject {
  readonly hash: string;
  readonly cid: string;
}

/**
 * The object at a path of the layout.
 *
 * @throws INPUT_INVALID; STORAGE_UNSUPPORTED for a record's path: what IPFS holds never changes
 */
export function ipfsObjectOf(label: string, path: string): IpfsObject {
  const object = objectOf(path);
  if (object === null) throw unsupported(label, "records");
  return object;
}

/** The URL of the object at a path, in its one form; null for a record. @throws INPUT_INVALID */
export function ipfsUrlOf(path: string): string | null {
  const object = objectOf(path);
  return object === null ? null : `ipfs://${object.cid}`;
}

function objectOf(path: string): IpfsObject | null {
  const [folder, , hash = ""] = parseStoragePath(path);
  return folder === "objects" ? { hash, cid: encodeRawCid(hash) } : null;
}

/** The object of a URL of {@link ipfsUrlOf}; null for every other URL, paths below a CID and other CIDs included. */
export function parseIpfsUrl(url: string): IpfsObject | null {
  const cid = url.startsWith("ipfs://") ? url.slice("ipfs://".length) : "";
  const hash = decodeRawCid(cid);
  return hash === null ? null : { hash, cid };
}

/** The error for a URL that is none of {@link ipfsUrlOf}. */
export function invalidIpfsUrl(url: string): HawserError<"INPUT_URL_INVALID"> {
  const details = { url: `(${url.length} characters)`, reason: "not ipfs:// and the CID of one raw block" };
  return new HawserError("INPUT_URL_INVALID", `The URL cannot be opened: ${details.reason}.`, details);
}

/**
 * Bytes leave a server of IPFS only if they are the block of that CID: an error page with status 200, another block and
 * half a block are none.
 *
 * @throws NETWORK_ANSWER_INVALID
 */
export function assertBlock(shownUrl: string, { hash }: IpfsObject, bytes: Uint8Array): void {
  if (encodeHex(sha256(bytes)) === hash) return;
  const reason = `${bytes.length} bytes that are not the block of this CID`;
  throw new HawserError("NETWORK_ANSWER_INVALID", `${shownUrl} answered with ${reason}.`, { url: shownUrl, reason });
}
