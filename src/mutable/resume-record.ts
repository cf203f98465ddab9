import { encodeHex } from "../bytes/hex.js";
import { sha256 } from "../crypto/hash.js";
import { HawserError, isHawserError } from "../errors.js";
import { recordMovedError } from "./conflict.js";
import { dropPending, type PendingRecord } from "./pending-record.js";
import {
  assertEpochCurrent,
  candidateOf,
  type DeliverInput,
  deliverRecord,
  newerRecord,
  type PutRecord,
} from "./put.js";
import { parseRecord } from "./record.js";
import { surveyRecord } from "./survey.js";

/**
 * Stores the very bytes of a record that an earlier run signed (W3). What another writer stored under its version or
 * above comes first: then this one is given up, as it would have been at the time.
 *
 * @throws CONFLICT_RECORD_MOVED and RECORD_EXPIRED (it is given up), and as `putRecord`
 */
export async function resumeRecord(input: DeliverInput, pending: PendingRecord): Promise<PutRecord> {
  const { data, ver, sig } = parseRecord(pending.body, input);
  const { maxAgeMs } = input.route;
  const ageMs = input.clock.nowMs() - ver;
  // M10: its version is its time, and readers refuse it by now.
  if (maxAgeMs !== null && ageMs > maxAgeMs) {
    await dropPending(input.cache, input.context, ver);
    const message = `The record ${pending.id} was signed ${ageMs} ms ago and is of no use after ${maxAgeMs}; it is given up.`;
    throw new HawserError("RECORD_EXPIRED", message, { id: pending.id, ageMs, maxAgeMs });
  }
  const survey = await surveyRecord(input);
  assertEpochCurrent(input.context, survey.floor);
  const dataHash = encodeHex(sha256(data));
  const candidate = candidateOf({ ...input, data }, { ver, sha256: dataHash, sig, done: false }, sig);
  if (candidate === null) {
    await dropPending(input.cache, input.context, ver);
    const message = `The kept signature of version ${ver} of ${pending.id} is not of the route's key any more.`;
    throw new HawserError("CONFLICT_RECORD_MOVED", message, { id: pending.id, ver, got: ver, newer: null });
  }
  // A version that a later put of this cache has taken is no bar: nothing was stored under it yet, or it would be here.
  const newer = survey.known.candidates.find(
    ({ record, sha256: other }) => record.ver > ver || (record.ver === ver && other !== dataHash),
  );
  const { cached } = survey.known;
  if (newer !== undefined || (cached !== null && cached.ver > ver)) {
    await dropPending(input.cache, input.context, ver);
    const got = newer?.record.ver ?? cached?.ver ?? ver;
    throw recordMovedError(pending.id, ver, got, newer === undefined ? null : newerRecord(newer));
  }
  try {
    return await deliverRecord(input, survey, candidate);
  } catch (error) {
    if (isHawserError(error, "CONFLICT_RECORD_MOVED")) await dropPending(input.cache, input.context, ver);
    throw error;
  }
}
