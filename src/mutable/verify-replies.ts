import { encodeHex } from "../bytes/hex.js";
import { sha256 } from "../crypto/hash.js";
import type { Verified } from "../crypto/verified.js";
import { type Attempt, attemptOf, type HawserError, isHawserError } from "../errors.js";
import type { ReplicaReply } from "../route/fetch.js";
import { type MutableRecord, type ParseRecordOptions, parseRecord, type RecordContext } from "./record.js";
import { verifyRecord } from "./verify.js";

/** A record that verified, with what it is compared by. */
export interface Candidate {
  readonly record: Verified<MutableRecord>;
  /** The bytes as they were served. */
  readonly body: Uint8Array;
  /** SHA-256 of the data, hex. */
  readonly sha256: string;
}

/** A replica's reply after verification. */
export type CheckedReply =
  | { readonly label: string; readonly kind: "verified"; readonly candidate: Candidate }
  | { readonly label: string; readonly kind: "unverified" | "unreachable" | "absent"; readonly attempt: Attempt };

/** What replies are verified against. */
export interface VerifyRepliesInput extends ParseRecordOptions {
  readonly context: RecordContext;
  /** x-only, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly replies: readonly ReplicaReply[];
}

/** Verifies every reply, each distinct body once; the results are in the order of the replies. */
export function verifyReplies(input: VerifyRepliesInput): readonly CheckedReply[] {
  const known = new Map<string, Candidate | HawserError>();
  return input.replies.map((reply): CheckedReply => {
    const { label } = reply;
    if (reply.outcome === "unreachable") return { label, kind: "unreachable", attempt: reply.attempt };
    if (reply.outcome === "absent") {
      return {
        label,
        kind: "absent",
        attempt: { label, code: "absent", message: "The server says it has no record." },
      };
    }
    const bodyHash = encodeHex(sha256(reply.bytes));
    const checked = known.get(bodyHash) ?? checkBody(reply.bytes, input);
    known.set(bodyHash, checked);
    return isHawserError(checked)
      ? { label, kind: "unverified", attempt: attemptOf(label, checked) }
      : { label, kind: "verified", candidate: checked };
  });
}

function checkBody(body: Uint8Array, input: VerifyRepliesInput): Candidate | HawserError {
  try {
    const record = verifyRecord(parseRecord(body, input), input.context, input.publicKey);
    return { record, body, sha256: encodeHex(sha256(record.data)) };
  } catch (error) {
    // Only what says something about the bytes: a wrong argument must not look like a forged record.
    if (isHawserError(error, "RECORD_INVALID") || isHawserError(error, "RECORD_SIGNATURE_INVALID")) return error;
    throw error;
  }
}
