import { decodeBase64, encodeBase64 } from "../bytes/base64.js";
import { concatBytes, uintBE, utf8 } from "../bytes/bytes.js";
import { assertBytes, assertInteger, invalidArgument } from "../bytes/guards.js";
import { decodeHex, isHex, reversed } from "../bytes/hex.js";
import { encodeJson, isJsonObject, parseJson } from "../bytes/json.js";
import { genesisInternal, type Network } from "../chain/network.js";
import { sha256, taggedHash } from "../crypto/hash.js";
import { HawserError } from "../errors.js";
import { limits } from "../limits.js";
import { nameId, parseName } from "../name/name.js";
import { idFault, parseId } from "../profile/id.js";

/** A record's content (M3). Parsed is not verified: see `verifyRecord`. */
export interface MutableRecord {
  readonly id: string;
  readonly data: Uint8Array;
  /** 1 to 2^53 - 1. */
  readonly ver: number;
  /** BIP340 signature, 128 lower-case hex digits. */
  readonly sig: string;
}

/** What a record's signature binds it to besides its version and data (M4). */
export interface RecordContext {
  readonly network: Network;
  readonly name: string;
  /** txid of the PREORDER, display order. */
  readonly tenure: string;
  readonly id: string;
  /** 0 to 2^32 - 1. */
  readonly epoch: number;
}

/** How much {@link parseRecord} admits. */
export interface ParseRecordOptions {
  /**
   * bytes of data. Raises the protocol's 1 MiB and the limit of the body with it; a smaller value changes nothing, so
   * that no valid record is mistaken for a forged one.
   */
  readonly maxDataBytes?: number | undefined;
}

const MEMBERS = ["id", "data", "ver", "sig"] as const;
const MAX_EPOCH = 0xffff_ffff;
const BODY_BYTES_PER_DATA_BYTE = limits.recordBodyMaxBytes / limits.recordDataMaxBytes;

/** The most bytes that a record's data may have. @throws INPUT_INVALID */
export function recordDataLimit({ maxDataBytes }: ParseRecordOptions): number {
  if (maxDataBytes === undefined) return limits.recordDataMaxBytes;
  assertInteger("maxDataBytes", maxDataBytes);
  return Math.max(limits.recordDataMaxBytes, maxDataBytes);
}

/** The most bytes that a record's body may have: 1.5 for each that its data may have. @throws INPUT_INVALID */
export function recordBodyLimit(options: ParseRecordOptions): number {
  return Math.ceil(recordDataLimit(options) * BODY_BYTES_PER_DATA_BYTE);
}

/**
 * The record in a body (M3): JSON with exactly `id`, `data`, `ver` and `sig`, in any order, white space allowed.
 *
 * @throws RECORD_INVALID
 */
export function parseRecord(body: Uint8Array, options: ParseRecordOptions = {}): MutableRecord {
  const maxBodyBytes = recordBodyLimit(options);
  if (body.length > maxBodyBytes) throw invalidRecord(`its body has ${body.length} bytes, more than ${maxBodyBytes}`);
  const json = parseJson(body, { fail: invalidRecord, maxDepth: 1 });
  if (!isJsonObject(json)) throw invalidRecord("it is not an object");
  // M3: a member that this reader ignores could mean something to another.
  const unknown = Object.keys(json).find((name) => !MEMBERS.some((member) => member === name));
  if (unknown !== undefined) throw invalidRecord("it has an unknown member");
  const { id, data, ver, sig } = json;
  const fault = idFault(id);
  if (typeof id !== "string" || fault !== null) throw invalidRecord(`its id ${fault ?? "is not a string"}`);
  const bytes = typeof data === "string" ? decodeBase64(data) : null;
  if (bytes === null) throw invalidRecord("its data is not padded base64 in its one form");
  const maxDataBytes = recordDataLimit(options);
  if (bytes.length > maxDataBytes) throw invalidRecord(`its data has ${bytes.length} bytes, more than ${maxDataBytes}`);
  if (typeof ver !== "number" || ver < 1) throw invalidRecord("its ver is not an integer from 1 to 2^53 - 1");
  if (!isHex(sig, 64)) throw invalidRecord("its sig is not 128 lower-case hex digits");
  return { id, data: bytes, ver, sig };
}

/**
 * The body of a record, one byte form for one record; {@link parseRecord} gives the record back.
 *
 * @throws INPUT_ID_INVALID, INPUT_INVALID
 */
export function encodeRecord(record: MutableRecord): Uint8Array {
  const { id, data, ver, sig } = record;
  assertBytes("data", data);
  assertInteger("ver", ver, 1);
  if (!isHex(sig, 64)) throw invalidArgument("sig", "128 lower-case hex digits", sig);
  return utf8(encodeJson({ id: parseId(id), data: encodeBase64(data), ver, sig }));
}

/**
 * What a record's signature is over (M4): the tagged hash of network, name, tenure, id, epoch, version and data. Every
 * field has a fixed width or its length before it: no two contexts share their bytes.
 *
 * @throws NAME_INVALID, INPUT_ID_INVALID, INPUT_INVALID
 */
export function recordDigest(context: RecordContext, ver: number, data: Uint8Array): Uint8Array {
  return recordDigestOfHash(context, ver, sha256(data));
}

/** As {@link recordDigest}, for data of which only the SHA-256 is known. @throws as recordDigest */
export function recordDigestOfHash(context: RecordContext, ver: number, dataHash: Uint8Array): Uint8Array {
  const { network, name, tenure, epoch } = context;
  assertInteger("epoch", epoch, 0, MAX_EPOCH);
  assertInteger("ver", ver, 1);
  assertBytes("dataHash", dataHash, 32);
  const id = utf8(parseId(context.id));
  return taggedHash(
    "hawser/record",
    concatBytes(
      genesisInternal(network),
      nameId(parseName(name)),
      reversed(decodeHex(tenure, 32, "tenure")),
      uintBE(id.length, 2),
      id,
      uintBE(epoch, 4),
      uintBE(ver, 8),
      dataHash,
    ),
  );
}

function invalidRecord(reason: string): HawserError<"RECORD_INVALID"> {
  return new HawserError("RECORD_INVALID", `This is not a record: ${reason}.`, { reason });
}
