import { decodeBase64, encodeBase64 } from "../bytes/base64.js";
import { utf8 } from "../bytes/bytes.js";
import { assertBytes, assertInteger } from "../bytes/guards.js";
import { decodeHex, encodeHex, isHex } from "../bytes/hex.js";
import { encodeJson, isJsonObject, type Json, type JsonObject, parseJson } from "../bytes/json.js";
import type { StoredTransaction } from "../chain/evidence.js";
import { HawserError } from "../errors.js";
import { limits } from "../limits.js";

/** A proof bundle as section 11 writes it. Parsed is not verified: see `verifyBundle`. */
export interface Bundle {
  /** Whatever the bundle says; neither a known network nor a valid name yet. */
  readonly network: string;
  readonly name: string;
  /** Height of the first of `headers`. */
  readonly from: number;
  /** 80 bytes each. */
  readonly headers: Uint8Array;
  /** Operations, and coinbases where V2 needs them, in chain order. */
  readonly txs: readonly StoredTransaction[];
  /** Raw transactions that inputs of `txs` spend (V3). */
  readonly prev: readonly Uint8Array[];
  readonly profile: Uint8Array | null;
  readonly nodes: readonly Uint8Array[];
  /** The body of a mutable record. */
  readonly record: Uint8Array | null;
  readonly object: Uint8Array | null;
}

const VERSION = 1;
const MEMBERS = ["hawserBundle", "network", "name", "from", "headers", "txs", "prev", "nodes"];
const OPTIONAL_MEMBERS = ["profile", "record", "object"];
const TX_MEMBERS = ["raw", "height", "pos", "branch"];
/** The bundle, `txs`, one of them, its `branch`. */
const DEPTH = 4;

/**
 * The bundle in these bytes (section 11): JSON with the members of the format, in any order.
 *
 * @param maxBytes - what the caller is ready to read. Default 64 MiB.
 * @throws INPUT_INVALID, INPUT_TOO_LARGE, BUNDLE_INVALID, BUNDLE_UNSUPPORTED
 */
export function parseBundle(bytes: Uint8Array, maxBytes: number = limits.bundleMaxBytes): Bundle {
  assertBytes("bytes", bytes);
  assertInteger("maxBytes", maxBytes);
  if (bytes.length > maxBytes) {
    throw new HawserError("INPUT_TOO_LARGE", `The bundle is ${bytes.length} bytes, at most ${maxBytes} are allowed.`, {
      what: "bundle",
      bytes: bytes.length,
      maxBytes,
    });
  }
  const json = parseJson(bytes, { fail: bundleInvalid, maxDepth: DEPTH });
  if (!isJsonObject(json)) throw bundleInvalid("it is not an object");
  assertVersion(json["hawserBundle"]);
  const members = readMembers(json, "it", MEMBERS, OPTIONAL_MEMBERS);
  const headers = readHex(members["headers"], "headers");
  // Without a header of its own a bundle would have no height that it is about.
  if (headers.length === 0) throw bundleInvalid("it has no headers");
  return {
    network: readText(members["network"], "network"),
    name: readText(members["name"], "name"),
    from: readCount(members["from"], "from"),
    headers,
    txs: readList(members["txs"], "txs").map(readTransaction),
    prev: readList(members["prev"], "prev").map((raw) => readHex(raw, "prev")),
    profile: readOptional(members, "profile"),
    nodes: readList(members["nodes"], "nodes").map((node) => readBase64(node, "nodes")),
    record: readOptional(members, "record"),
    object: readOptional(members, "object"),
  };
}

/** The bytes of a bundle; {@link parseBundle} gives it back. */
export function encodeBundle(bundle: Bundle): Uint8Array {
  const { network, name, from, headers, txs, prev, profile, nodes, record, object } = bundle;
  return utf8(
    encodeJson({
      hawserBundle: VERSION,
      network,
      name,
      from,
      headers: encodeHex(headers),
      txs: txs.map(({ raw, height, position, branch }) => {
        return { raw: encodeHex(raw), height, pos: position, branch: branch.map(encodeHex) };
      }),
      prev: prev.map(encodeHex),
      ...(profile === null ? {} : { profile: encodeBase64(profile) }),
      nodes: nodes.map(encodeBase64),
      ...(record === null ? {} : { record: encodeBase64(record) }),
      ...(object === null ? {} : { object: encodeBase64(object) }),
    }),
  );
}

/** The error for a bundle that does not prove what it should. `reason` continues "The bundle is not valid: ". */
export function bundleInvalid(reason: string): HawserError<"BUNDLE_INVALID"> {
  return new HawserError("BUNDLE_INVALID", `The bundle is not valid: ${reason}.`, { reason });
}

/** Before its form is judged, as a later version may have another one. */
function assertVersion(version: Json | undefined): void {
  if (typeof version !== "number") throw bundleInvalid("it has no version");
  if (version === VERSION) return;
  const shown = String(version);
  throw new HawserError("BUNDLE_UNSUPPORTED", `The bundle is of version ${shown}; this verifier knows version 1.`, {
    version: shown,
  });
}

/** Section 11: a member that one verifier ignores is one that another may obey. The JSON reader refuses repeated ones. */
function readMembers(
  json: Json | undefined,
  what: string,
  names: readonly string[],
  optional: readonly string[] = [],
): JsonObject {
  if (!isJsonObject(json)) throw bundleInvalid(`${what} is not an object`);
  const missing = names.find((name) => !Object.hasOwn(json, name));
  if (missing !== undefined) throw bundleInvalid(`${what} has no member ${missing}`);
  const isOther = Object.keys(json).some((name) => !names.includes(name) && !optional.includes(name));
  if (isOther) throw bundleInvalid(`${what} has an unknown member`);
  return json;
}

function readTransaction(json: Json): StoredTransaction {
  const members = readMembers(json, "one of txs", TX_MEMBERS);
  return {
    raw: readHex(members["raw"], "raw"),
    height: readCount(members["height"], "height"),
    position: readCount(members["pos"], "pos"),
    branch: readList(members["branch"], "branch").map((hash) => readHex(hash, "branch", 32)),
  };
}

function readText(json: Json | undefined, what: string): string {
  if (typeof json !== "string") throw bundleInvalid(`${what} is not a string`);
  return json;
}

function readCount(json: Json | undefined, what: string): number {
  if (typeof json !== "number" || json < 0) throw bundleInvalid(`${what} is not an integer of at least 0`);
  return json;
}

function readList(json: Json | undefined, what: string): readonly Json[] {
  if (!Array.isArray(json)) throw bundleInvalid(`${what} is not an array`);
  return json as readonly Json[];
}

function readHex(json: Json | undefined, what: string, length?: number): Uint8Array {
  if (!isHex(json, length)) throw bundleInvalid(`${what} is not lower-case hex of the right length`);
  return decodeHex(json);
}

function readBase64(json: Json | undefined, what: string): Uint8Array {
  const bytes = typeof json === "string" ? decodeBase64(json) : null;
  if (bytes === null) throw bundleInvalid(`${what} is not padded base64 in its one form`);
  return bytes;
}

function readOptional(members: JsonObject, name: string): Uint8Array | null {
  return name in members ? readBase64(members[name], name) : null;
}
