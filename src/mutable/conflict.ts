import { encodeBase64 } from "../bytes/base64.js";
import { HawserError } from "../errors.js";
import { limits } from "../limits.js";

/** What is known of the record that came first. */
export interface NewerRecord {
  readonly ver: number;
  /** SHA-256 of the data, hex. */
  readonly sha256: string;
  /** Null where only the digest is known. */
  readonly data: Uint8Array | null;
}

/**
 * W5: a write lost a race.
 *
 * @param ver - what it was to have
 * @param got - what is there
 */
export function recordMovedError(
  id: string,
  ver: number,
  got: number,
  newer: NewerRecord | null,
): HawserError<"CONFLICT_RECORD_MOVED"> {
  const message = `Another writer stored or took version ${got} of ${JSON.stringify(id)} before this write of version ${ver}.`;
  const data = newer?.data ?? null;
  const carried = data === null || data.length > limits.conflictDataMaxBytes ? null : encodeBase64(data);
  return new HawserError("CONFLICT_RECORD_MOVED", message, {
    id,
    ver,
    got,
    newer: newer === null ? null : { ver: newer.ver, sha256: newer.sha256, data: carried },
  });
}
