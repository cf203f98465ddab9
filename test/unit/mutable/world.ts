import { utf8 } from "../../../src/bytes/bytes.js";
import { encodeHex } from "../../../src/bytes/hex.js";
import { networks } from "../../../src/chain/network.js";
import { sha256 } from "../../../src/crypto/hash.js";
import { signSchnorr } from "../../../src/crypto/schnorr.js";
import { xOnlyPublicKeyOf } from "../../../src/crypto/taproot.js";
import { type ErrorCode, type HawserError, isHawserError } from "../../../src/errors.js";
import type { Floor } from "../../../src/mutable/floor.js";
import { encodeRecord, type RecordContext, recordDigest } from "../../../src/mutable/record.js";
import type { SelectInput } from "../../../src/mutable/select.js";
import type { Signer } from "../../../src/ports.js";
import type { Route } from "../../../src/profile/entry.js";
import type { ReplicaReply } from "../../../src/route/fetch.js";

/** A signer whose key follows from a word. */
export interface TestSigner extends Signer {
  readonly publicKey: Uint8Array;
  sign(digest: Uint8Array): Uint8Array;
}

export function signerOf(word: string): TestSigner {
  const privateKey = sha256(utf8(word));
  return {
    publicKey: xOnlyPublicKeyOf(privateKey),
    sign: (digest) => signSchnorr(digest, privateKey, sha256(digest)),
  };
}

export const writer = signerOf("writer");
export const stranger = signerOf("stranger");

export const context: RecordContext = {
  network: networks.regtest,
  name: "alice",
  tenure: "1f".repeat(32),
  id: "settings",
  epoch: 7,
};

export function routeWith(changes: Partial<Route> = {}): Route {
  return { id: context.id, urls: [], pubkey: null, epoch: context.epoch, minVer: null, maxAgeMs: null, ...changes };
}

/** What may be different about a record that {@link signed} makes. */
export interface SignedOptions {
  readonly context?: Partial<RecordContext>;
  readonly signer?: TestSigner;
}

/** The body of a signed record. */
export function signed(ver: number, data: string, options: SignedOptions = {}): Uint8Array {
  const where = { ...context, ...options.context };
  const bytes = utf8(data);
  const sig = (options.signer ?? writer).sign(recordDigest(where, ver, bytes));
  return encodeRecord({ id: where.id, data: bytes, ver, sig: encodeHex(sig) });
}

export function digestOf(data: string): string {
  return encodeHex(sha256(utf8(data)));
}

export function floorAt(ver: number, data: string | null = null, epoch = context.epoch): Floor {
  return { epoch, ver, sha256: data === null ? null : digestOf(data) };
}

export function answered(label: string, bytes: Uint8Array): ReplicaReply {
  return { label, outcome: "bytes", bytes, tag: null };
}

export function absent(label: string): ReplicaReply {
  return { label, outcome: "absent" };
}

export function unreachable(label: string): ReplicaReply {
  return { label, outcome: "unreachable", attempt: { label, code: "NETWORK_TIMEOUT", message: "It did not answer." } };
}

/** Input of `selectRecord` without any floor. */
export function selectInput(replies: readonly ReplicaReply[], changes: Partial<SelectInput> = {}): SelectInput {
  return {
    context,
    publicKey: writer.publicKey,
    replies,
    route: routeWith(),
    floor: floorAt(0),
    cached: null,
    nowMs: 1_700_000_000_000,
    ...changes,
  };
}

/** The error that `run` throws, which must have `code`. */
export function errorOf<Code extends ErrorCode>(code: Code, run: () => unknown): HawserError<Code> {
  try {
    run();
  } catch (error) {
    if (isHawserError(error, code)) return error;
    throw error;
  }
  throw new Error(`expected ${code}, nothing was thrown`);
}

/** The error that a promise ends with, which must have `code`. */
export async function rejectionOf<Code extends ErrorCode>(
  code: Code,
  promise: Promise<unknown>,
): Promise<HawserError<Code>> {
  const outcome = await promise.then(
    (): { error: unknown } => ({ error: new Error(`expected ${code}, nothing was thrown`) }),
    (error: unknown) => ({ error }),
  );
  if (isHawserError(outcome.error, code)) return outcome.error;
  throw outcome.error;
}
