import { throwIfAborted } from "../deadline.js";
import { type Attempt, attemptOf, isHawserError } from "../errors.js";
import { verifyObject } from "../immutable/verify.js";
import { type FetchOptions, fetchOne, type ReplicaReply } from "../route/fetch.js";
import type { AuditPlace } from "./audit-places.js";
import type { AuditedReplica } from "./audited.js";

/** What replicas hold of an object. */
export interface AskedObject {
  readonly replicas: readonly AuditedReplica[];
  /** The object, where one of them has it. */
  readonly bytes: Uint8Array | null;
}

/**
 * Asks every replica for an object, all at once. Of what they send one copy is kept.
 *
 * @throws NETWORK_ABORTED
 */
export async function askObject(
  places: readonly AuditPlace[],
  hash: string,
  options: FetchOptions,
): Promise<AskedObject> {
  let bytes: Uint8Array | null = null;
  throwIfAborted(options.signal, "The audit");
  const replicas = await Promise.all(
    places.map(async ({ replica, url, isPublic }): Promise<AuditedReplica> => {
      const judged = judgeObject(await fetchOne(replica, options), hash);
      bytes ??= judged.bytes;
      const { verdict, attempt } = judged;
      return { label: replica.label, url, public: isPublic, verdict, ver: null, attempt };
    }),
  );
  throwIfAborted(options.signal, "The audit");
  return { replicas, bytes };
}

/** What one reply is worth as an object with this hash. */
export interface JudgedObject {
  readonly verdict: "present" | "missing" | "wrong" | "unknown";
  readonly attempt: Attempt | null;
  /** Verified. */
  readonly bytes: Uint8Array | null;
}

export function judgeObject(reply: ReplicaReply, hash: string): JudgedObject {
  const { label } = reply;
  if (reply.outcome === "absent") {
    const attempt = { label, code: "absent", message: "The server says that it does not have it." };
    return { verdict: "missing", attempt, bytes: null };
  }
  if (reply.outcome === "unreachable") {
    const { attempt } = reply;
    return { verdict: isOversize(attempt) ? "wrong" : "unknown", attempt, bytes: null };
  }
  try {
    return { verdict: "present", attempt: null, bytes: verifyObject(reply.bytes, hash) };
  } catch (error) {
    if (!isHawserError(error, "CONTENT_UNVERIFIED")) throw error;
    return { verdict: "wrong", attempt: attemptOf(label, error), bytes: null };
  }
}

/** More bytes than anything of its kind has were served: whatever they are, they are not what belongs there. */
export function isOversize({ code }: Attempt): boolean {
  return code === "NETWORK_TOO_LARGE";
}
