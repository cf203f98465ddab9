import { HawserError, isHawserError } from "../errors.js";
import { dropPending, type PendingRecord } from "./pending-record.js";
import { type PutRecord, type PutRecordInput, putRecord } from "./put.js";
import { parseRecord } from "./record.js";

/** What finishing a record needs; nobody signs anything. */
export type ResumeRecordInput = Omit<PutRecordInput, "data" | "signer" | "version" | "nextVersion" | "keepPending">;

/**
 * Stores the very bytes of a record that an earlier run signed (W3). What another writer stored under its version or
 * above comes first: then this one is given up, as it would have been at the time.
 *
 * @throws CONFLICT_RECORD_MOVED and RECORD_EXPIRED (it is given up), and as `putRecord`
 */
export async function resumeRecord(input: ResumeRecordInput, pending: PendingRecord): Promise<PutRecord> {
  const { data, ver } = parseRecord(pending.body, input);
  const { maxAgeMs } = input.route;
  const ageMs = input.clock.nowMs() - ver;
  // M10: its version is its time, and readers refuse it by now.
  if (maxAgeMs !== null && ageMs > maxAgeMs) {
    await dropPending(input.cache, input.context, ver);
    const message = `The record ${pending.id} was signed ${ageMs} ms ago and is of no use after ${maxAgeMs}; it is given up.`;
    throw new HawserError("RECORD_EXPIRED", message, { id: pending.id, ageMs, maxAgeMs });
  }
  const signer = {
    publicKey: input.publicKey,
    sign: () => {
      // Its own signature is kept with it, unless the key of the route has changed since.
      const message = `The kept signature of version ${ver} of ${pending.id} is not of the route's key any more.`;
      throw new HawserError("CONFLICT_RECORD_MOVED", message, { id: pending.id, ver, got: ver, newer: null });
    },
  };
  try {
    return await putRecord({ ...input, signer, data, version: ver });
  } catch (error) {
    if (isHawserError(error, "CONFLICT_RECORD_MOVED")) await dropPending(input.cache, input.context, ver);
    throw error;
  }
}
