import { encodeHex } from "../bytes/hex.js";
import { sha256 } from "../crypto/hash.js";
import { recordPath } from "../route/layout.js";
import { assertHeld, assertRequired } from "../route/provider-writes.js";
import { recordMovedError } from "./conflict.js";
import { contradictsFloor, type Floor, floorKey, raisedFloor } from "./floor.js";
import { raiseFloor } from "./floor-cache.js";
import { candidateOf, newerRecord, type PutRecord, type PutRecordInput } from "./put.js";
import { amendSigned, signedKey } from "./reserve.js";
import { type KnownVersions, newestOf } from "./select-version.js";
import { storeRecord } from "./store.js";
import { surveyRecord } from "./survey.js";
import type { Candidate } from "./verify-replies.js";

/** A record that was signed before, to be stored once more. */
export type PutAgainInput = Omit<PutRecordInput, "basis" | "nextVersion" | "signer" | "version">;

/**
 * W2: stores the bytes that were signed for these data before, by this writer or another, at every provider. Signs
 * nothing.
 *
 * @returns null where nobody knows a record of these data
 * @throws CONFLICT_RECORD_MOVED where it is not the newest any more; INPUT_INVALID, STORAGE_UNAVAILABLE, NETWORK_ABORTED,
 * CACHE_UNAVAILABLE, CACHE_CORRUPT
 */
export async function putRecordAgain(input: PutAgainInput): Promise<PutRecord | null> {
  const { context, cache, data, storage, required = 1, deferFloor = false } = input;
  assertRequired(required, storage, "record");
  const { known, replicas } = await surveyRecord(input);
  const dataHash = encodeHex(sha256(data));
  const candidate = signedBefore(input, known, dataHash);
  if (candidate === null) return null;
  const { network, name, id, epoch } = context;
  const { record, body } = candidate;
  const { ver, sig } = record;
  if (known.highest > ver) throw recordMovedError(id, ver, known.highest, newestOf(known));
  const path = recordPath({ network: network.id, name, id, epoch });
  const { providers, movedTo } = await storeRecord({ survey: input, replicas, path, candidate, required });
  if (movedTo !== null) throw recordMovedError(id, ver, movedTo.record.ver, newerRecord(movedTo));
  assertHeld(providers, required);
  const reached: Floor = { epoch, ver, sha256: dataHash, sig };
  const previous = deferFloor ? null : await raiseFloor(cache, floorKey(context), reached);
  if (contradictsFloor(previous, reached, dataHash)) {
    throw recordMovedError(id, ver, ver, { ver, sha256: previous?.sha256 ?? "", data: null });
  }
  await amendSigned(cache, signedKey(context), { ver, sha256: dataHash, sig, done: true });
  return { record, body, floor: raisedFloor(previous, reached), providers };
}

/** The newest record of the data: what this cache's writer signed, or what a replica serves. */
function signedBefore(input: PutAgainInput, { signed, candidates }: KnownVersions, dataHash: string): Candidate | null {
  const kept =
    signed === null || signed.sig === null || signed.sha256 !== dataHash
      ? null
      : candidateOf(input, signed, signed.sig);
  return candidates
    .filter(({ sha256: digest }) => digest === dataHash)
    .reduce((best, other) => (best !== null && best.record.ver >= other.record.ver ? best : other), kept);
}
