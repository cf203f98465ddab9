import { concatBytes, utf8 } from "../bytes/bytes.js";
import { assertBytes, invalidArgument } from "../bytes/guards.js";
import { genesisInternal, type Network } from "../chain/network.js";
import { sha256, taggedHash } from "../crypto/hash.js";
import { isName, type Name, nameId, parseName } from "./name.js";

/** The operations of version 1, in the order of C2's table. */
export type OperationKind = "preorder" | "register" | "update" | "transfer" | "release" | "recover";

/** What an operation of version 1 says (C2). Hashes and the commitment are 32 bytes, the salt is 8. */
export type Payload =
  | { readonly kind: "preorder"; readonly commitment: Uint8Array }
  | { readonly kind: "register"; readonly salt: Uint8Array; readonly profileHash: Uint8Array; readonly name: string }
  | { readonly kind: "update" | "transfer" | "recover"; readonly profileHash: Uint8Array }
  | { readonly kind: "release" };

/**
 * What an output says: an operation of version 1; one of a version or op that this reader does not know (C7); or one
 * of version 1 whose body fails its row, which is no operation.
 */
export type DecodedPayload =
  | { readonly is: "known"; readonly payload: Payload }
  | { readonly is: "unknown"; readonly version: number; readonly op: number }
  | { readonly is: "malformed"; readonly kind: OperationKind };

const OP_RETURN = 0x6a;
const MIN_PAYLOAD_BYTES = 4;
const MAX_PAYLOAD_BYTES = 75;
const MAGIC = Uint8Array.of(0x68, 0x77, 0x73);
const VERSION = 1;
const HASH_BYTES = 32;
const SALT_BYTES = 8;
const OPS: readonly (OperationKind | undefined)[] = [
  undefined,
  "preorder",
  "register",
  "update",
  "transfer",
  "release",
  "recover",
];

/**
 * Reads the payload of an output (C1, C2). Null when there is none, or one that does not begin with "hws".
 *
 * @param script - the output's scriptPubKey
 * @param valueSats - the output's value; an output with any value has no payload
 */
export function decodePayload(script: Uint8Array, valueSats: bigint): DecodedPayload | null {
  const length = script.length - 2;
  // C1: one byte form alone. A second way to write a payload would be one that another reader does not see.
  if (valueSats !== 0n || script[0] !== OP_RETURN || script[1] !== length) return null;
  if (length < MIN_PAYLOAD_BYTES || length > MAX_PAYLOAD_BYTES) return null;
  if (script[2] !== MAGIC[0] || script[3] !== MAGIC[1] || script[4] !== MAGIC[2]) return null;
  const head = script[5] ?? 0;
  const version = head >> 4;
  const op = head & 15;
  const kind = version === VERSION ? OPS[op] : undefined;
  if (kind === undefined) return { is: "unknown", version, op };
  const payload = decodeBody(kind, script.slice(6));
  return payload === null ? { is: "malformed", kind } : { is: "known", payload };
}

// C1: body lengths are exact.
function decodeBody(kind: OperationKind, body: Uint8Array): Payload | null {
  switch (kind) {
    case "preorder":
      return body.length === HASH_BYTES ? { kind, commitment: body } : null;
    case "register":
      return decodeRegister(body);
    case "release":
      return body.length === 0 ? { kind } : null;
    default:
      return body.length === HASH_BYTES ? { kind, profileHash: body } : null;
  }
}

function decodeRegister(body: Uint8Array): Payload | null {
  const nameStart = SALT_BYTES + HASH_BYTES;
  // Byte by byte: a text decoder would drop a BOM, so that two payloads read as one name.
  const name = Array.from(body.subarray(nameStart), (byte) => String.fromCharCode(byte)).join("");
  // N1 also bounds the length: a body that ends before its name has the empty name, which is none.
  if (!isName(name)) return null;
  return { kind: "register", salt: body.slice(0, SALT_BYTES), profileHash: body.slice(SALT_BYTES, nameStart), name };
}

/**
 * The bytes of a payload, 4 to 75 (C2). {@link decodePayload} gives the same payload back.
 *
 * @throws INPUT_INVALID when a hash, commitment or salt has another length
 * @throws NAME_INVALID
 */
export function encodePayload(payload: Payload): Uint8Array {
  const head = Uint8Array.of(...MAGIC, (VERSION << 4) + OPS.indexOf(payload.kind));
  switch (payload.kind) {
    case "preorder":
      assertBytes("commitment", payload.commitment, HASH_BYTES);
      return concatBytes(head, payload.commitment);
    case "register":
      assertBytes("salt", payload.salt, SALT_BYTES);
      assertBytes("profileHash", payload.profileHash, HASH_BYTES);
      return concatBytes(head, payload.salt, payload.profileHash, utf8(parseName(payload.name)));
    case "release":
      return head;
    default:
      assertBytes("profileHash", payload.profileHash, HASH_BYTES);
      return concatBytes(head, payload.profileHash);
  }
}

/**
 * The script of the vout 0 that carries `payload`: `6a <len> <payload>` (C1).
 *
 * @throws INPUT_INVALID when the payload is not 4 to 75 bytes
 */
export function payloadScript(payload: Uint8Array): Uint8Array {
  if (payload.length < MIN_PAYLOAD_BYTES || payload.length > MAX_PAYLOAD_BYTES) {
    throw invalidArgument("payload", `${MIN_PAYLOAD_BYTES} to ${MAX_PAYLOAD_BYTES} bytes`, payload);
  }
  return concatBytes(Uint8Array.of(OP_RETURN, payload.length), payload);
}

/** What a PREORDER commits to. */
export interface PreorderTerms {
  readonly network: Network;
  readonly name: Name;
  /** 8 bytes. */
  readonly salt: Uint8Array;
  /** The scriptPubKey that will own the name (C3). */
  readonly ownerScript: Uint8Array;
}

/**
 * C4: `TH("hawser/preorder", G || nid || salt || SHA256(O))`. It binds network, name and owner, so that nobody who sees
 * the REGISTER can use the commitment for himself.
 *
 * @throws INPUT_INVALID when the salt is not 8 bytes
 */
export function preorderCommitment({ network, name, salt, ownerScript }: PreorderTerms): Uint8Array {
  assertBytes("salt", salt, SALT_BYTES);
  return taggedHash("hawser/preorder", concatBytes(genesisInternal(network), nameId(name), salt, sha256(ownerScript)));
}
