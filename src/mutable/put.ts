import { equalBytes } from "../bytes/bytes.js";
import { assertBytes, invalidArgument } from "../bytes/guards.js";
import { encodeHex } from "../bytes/hex.js";
import { sha256 } from "../crypto/hash.js";
import type { Verified } from "../crypto/verified.js";
import { HawserError, isHawserError } from "../errors.js";
import type { Signer } from "../ports.js";
import type { Route } from "../profile/entry.js";
import { recordPath } from "../route/layout.js";
import { assertHeld, assertRequired, type ProviderOutcome } from "../route/provider-writes.js";
import { type NewerRecord, recordMovedError } from "./conflict.js";
import { contradictsFloor, type Floor, floorKey, raisedFloor } from "./floor.js";
import { raiseFloor } from "./floor-cache.js";
import { dropPending, keepPending, readPending } from "./pending-record.js";
import { encodeRecord, type MutableRecord, parseRecord, recordDataLimit, recordDigest } from "./record.js";
import { keepRecord } from "./record-cache.js";
import { amendSigned, reserveVersion, type SignedVersion, signedKey } from "./reserve.js";
import { type KnownVersions, type RecordBasis, selectVersion } from "./select-version.js";
import { storeRecord } from "./store.js";
import { type Survey, type SurveyInput, surveyRecord } from "./survey.js";
import { verifyRecord } from "./verify.js";
import type { Candidate } from "./verify-replies.js";

/** A write of one mutable record to a route that exists, or is about to. */
export interface PutRecordInput extends SurveyInput {
  /** Its key must be `publicKey`. */
  readonly signer: Signer;
  readonly data: Uint8Array;
  /** Exactly this version; it must be above everything known, or be the retry of a put of the same data. */
  readonly version?: number | undefined;
  /** Computes the version; it must be above `known.highest`. Default: one more, or the time on a route with `maxAgeMs`. */
  readonly nextVersion?: ((known: KnownVersions) => number) | undefined;
  /**
   * What the data was made from, as `readCurrent` gave it. Another top than this is a conflict, and so is the same data
   * from another writer: of two changes that come to the same, one would be lost.
   */
  readonly basis?: RecordBasis | undefined;
  /** Whether a race should be lost before anything is stored, at the price of time; always so with `basis`. Default false. */
  readonly inTurn?: boolean | undefined;
  /** Providers that must hold the record (W7). Default 1. */
  readonly required?: number | undefined;
  /**
   * Leaves the floor to the caller. For the first record of an epoch that no operation at depth anchors yet: a floor
   * under it would make the present route's records stale if the transaction never confirms. Default false.
   */
  readonly deferFloor?: boolean | undefined;
  /**
   * Keeps the signed record in the cache until the required providers hold it, so that another run can finish what this
   * one began (W3). Not for the records of a change that is journalled as a whole. Default true.
   */
  readonly keepPending?: boolean | undefined;
}

/** A record that the required providers hold. */
export interface PutRecord {
  readonly record: Verified<MutableRecord>;
  /** The bytes that were stored. */
  readonly body: Uint8Array;
  /** What the cache keeps now; with `deferFloor` what `raiseFloor` is to be called with. */
  readonly floor: Floor;
  readonly providers: readonly ProviderOutcome[];
}

/**
 * Signs and stores the next version of a record (W5, W7). The version is taken in the cache before anything is signed,
 * so that two data never share one; a put that failed can be called again with the same data and sends the same bytes.
 * The floor rises only once the required providers hold the record.
 *
 * @throws ROUTE_KEY_MISMATCH before anything is asked or sent; INPUT_TOO_LARGE, INPUT_INVALID; CONFLICT_RECORD_MOVED
 * when another writer was faster; RECORD_STALE when the cache knows a later epoch than the route's;
 * STORAGE_UNAVAILABLE; WALLET_REFUSED, WALLET_ANSWER_INVALID; NETWORK_ABORTED, CACHE_UNAVAILABLE, CACHE_CORRUPT
 */
export async function putRecord(input: PutRecordInput): Promise<PutRecord> {
  const { context, route, cache, data, basis, required = 1 } = input;
  assertPuttable(input, required);
  const survey = await surveyRecord(input);
  assertEpochCurrent(context, survey.floor);

  const dataHash = encodeHex(sha256(data));
  const { known } = survey;
  const { version, nextVersion, clock } = input;
  const ver = selectVersion({ route, known, sha256: dataHash, nowMs: clock.nowMs(), version, nextVersion, basis });
  const key = signedKey(context);
  const reserved = await reserveVersion(cache, key, {
    seen: known.signed,
    ver,
    sha256: dataHash,
    alone: basis !== undefined,
  });
  if (!reserved.taken) throw recordMovedError(context.id, ver, reserved.entry.ver, { ...reserved.entry, data: null });
  const candidate = await signCandidate(input, reserved.entry);
  const { body } = candidate;
  if (input.keepPending === false) await amendSigned(cache, key, { ...reserved.entry, sig: candidate.record.sig });
  else await keepPending(cache, context, { ...context, ver, body, createdAtMs: clock.nowMs() });

  return deliverRecord(input, survey, candidate);
}

/** What delivering a signed record takes of a put. */
export type DeliverInput = Omit<PutRecordInput, "signer" | "data" | "version" | "nextVersion">;

/**
 * Stores a signed record, raises the floor once the required providers hold it, and lets go of what is kept of it.
 *
 * @throws CONFLICT_RECORD_MOVED, STORAGE_UNAVAILABLE, NETWORK_ABORTED, CACHE_UNAVAILABLE, CACHE_CORRUPT
 */
export async function deliverRecord(input: DeliverInput, survey: Survey, candidate: Candidate): Promise<PutRecord> {
  const { context, cache, basis, required = 1 } = input;
  const { network, name, id, epoch } = context;
  const { ver } = candidate.record;
  const path = recordPath({ network: network.id, name, id, epoch });
  const { providers, movedTo } = await storeRecord({
    survey: input,
    replicas: survey.replicas,
    path,
    candidate,
    alone: basis !== undefined,
    inTurn: basis !== undefined || input.inTurn,
    required,
  });
  // W5: never a silent second version, not even where enough other providers took it.
  if (movedTo !== null) {
    await dropPending(cache, context, ver);
    throw recordMovedError(id, ver, movedTo.record.ver, newerRecord(movedTo));
  }
  assertHeld(providers, required);

  const { sha256: dataHash } = candidate;
  const reached: Floor = { epoch, ver, sha256: dataHash, sig: candidate.record.sig };
  const previous = input.deferFloor === true ? null : await raiseFloor(cache, floorKey(context), reached);
  if (contradictsFloor(previous, reached, dataHash)) {
    throw recordMovedError(id, ver, ver, { ver, sha256: previous?.sha256 ?? "", data: null });
  }
  await amendSigned(cache, signedKey(context), { ver, sha256: dataHash, sig: candidate.record.sig, done: true });
  await keepRecord(cache, context, ver, candidate.body);
  if (input.keepPending !== false) await dropPending(cache, context, ver);
  return { record: candidate.record, body: candidate.body, floor: raisedFloor(previous, reached), providers };
}

/** A record that was served, as a conflict tells of it. */
export function newerRecord({ record, sha256 }: Candidate): NewerRecord {
  return { ver: record.ver, sha256, data: record.data };
}

/** W5: a record under another key would be stored where no reader accepts it. @throws ROUTE_KEY_MISMATCH */
export function assertRouteKey({ id }: Pick<Route, "id">, publicKey: Uint8Array, signer: Signer): void {
  if (equalBytes(signer.publicKey, publicKey)) return;
  const details = { id, expected: encodeHex(publicKey), got: encodeHex(signer.publicKey) };
  const message = `The signer's key ${details.got} is not the key ${details.expected} of the route.`;
  throw new HawserError("ROUTE_KEY_MISMATCH", message, details);
}

function assertPuttable(input: PutRecordInput, required: number): void {
  const { context, route, signer, publicKey, data, storage } = input;
  assertRouteKey(route, publicKey, signer);
  if (route.id !== context.id || route.epoch !== context.epoch) {
    throw invalidArgument("route", "the route of the context's id and epoch", route);
  }
  assertBytes("data", data);
  const maxBytes = recordDataLimit(input);
  if (data.length > maxBytes) {
    const message = `A record's data has at most ${maxBytes} bytes, got ${data.length}.`;
    throw new HawserError("INPUT_TOO_LARGE", message, { what: "data", bytes: data.length, maxBytes });
  }
  assertRequired(required, storage, "record");
}

/** M5: under a later epoch in the cache this route is an old one, and nobody here could read what it would hold. */
export function assertEpochCurrent({ id, epoch }: PutRecordInput["context"], floor: Floor | null): void {
  if (floor === null || floor.epoch <= epoch) return;
  throw new HawserError(
    "RECORD_STALE",
    `The route of ${JSON.stringify(id)} has epoch ${epoch}, older than ${floor.epoch}, which is already known.`,
    { id, got: { epoch, ver: 0 }, floor: { epoch: floor.epoch, ver: floor.ver }, attempts: [] },
  );
}

/** The record under a version that is taken: with the kept signature if it is good, so that a retry is the same. */
async function signCandidate(input: PutRecordInput, taken: SignedVersion): Promise<Candidate> {
  const keptSig = taken.sig ?? (await pendingSignature(input, taken));
  const kept = keptSig === null ? null : candidateOf(input, taken, keptSig);
  if (kept !== null) return kept;
  const digest = recordDigest(input.context, taken.ver, input.data);
  const sig = encodeHex(await askSigner(input.signer, digest));
  const candidate = candidateOf(input, taken, sig);
  if (candidate === null) throw wrongSignature("it does not verify under the signer's own key");
  return candidate;
}

/** The signature of an earlier try, which is kept with the record that it is on. */
async function pendingSignature(input: PutRecordInput, { ver }: SignedVersion): Promise<string | null> {
  const pending = await readPending(input.cache, input.context);
  return pending?.ver === ver ? parseRecord(pending.body, input).sig : null;
}

/** The record of a version that was taken, or null where the signature does not verify. */
export function candidateOf(
  input: Pick<PutRecordInput, "context" | "data" | "publicKey" | "maxDataBytes">,
  { ver, sha256 }: SignedVersion,
  sig: string,
): Candidate | null {
  const { context, data, publicKey } = input;
  const body = encodeRecord({ id: context.id, data, ver, sig });
  try {
    return { record: verifyRecord(parseRecord(body, input), context, publicKey), body, sha256 };
  } catch (error) {
    if (isHawserError(error, "RECORD_SIGNATURE_INVALID")) return null;
    throw error;
  }
}

async function askSigner(signer: Signer, digest: Uint8Array): Promise<Uint8Array> {
  let signature: unknown;
  try {
    signature = await signer.sign(digest);
  } catch (error) {
    if (isHawserError(error)) throw error;
    throw new HawserError("WALLET_REFUSED", "The signer refused to sign.", { reason: "it failed" }, { cause: error });
  }
  if (signature instanceof Uint8Array && signature.length === 64) return signature;
  throw wrongSignature("it is not 64 bytes");
}

function wrongSignature(reason: string): HawserError<"WALLET_ANSWER_INVALID"> {
  return new HawserError("WALLET_ANSWER_INVALID", `The signer returned a wrong signature: ${reason}.`, { reason });
}
