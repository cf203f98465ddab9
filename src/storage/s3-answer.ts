import { HawserError } from "../errors.js";
import type { WriteCondition, WriteOutcome } from "../ports.js";
import { type HttpAnswer, statusError } from "../runtime/http-client.js";
import { full, gone, httpRefusal, refused, unsupported } from "./http-refusal.js";
import { isBlank, type S3Fault } from "./s3-fault.js";

/** A request to an S3 service, as errors name it. */
export interface S3Call {
  readonly label: string;
  /** Without what a signature puts into it. */
  readonly url: string;
  readonly operation: "read" | "write" | "remove";
}

/** An answer with what its body says. */
export interface S3Answer extends HttpAnswer {
  /** Null where the body is no error of S3. */
  readonly fault: S3Fault | null;
}

const REFUSED: ReadonlySet<string> = new Set([
  "AccessDenied",
  "AccountProblem",
  "AllAccessDisabled",
  "AuthorizationHeaderMalformed",
  "AuthorizationQueryParametersError",
  "ExpiredToken",
  "InvalidAccessKeyId",
  "InvalidSecurity",
  "InvalidToken",
  "NotSignedUp",
  "PermanentRedirect",
  "SignatureDoesNotMatch",
  "TokenRefreshRequired",
  "UnauthorizedAccess",
  // versitygw's word for a key id that it does not know, with status 404.
  "XAdminUserNotFound",
]);
const FULL: ReadonlySet<string> = new Set([
  "EntityTooLarge",
  "InsufficientCapacity",
  "InsufficientStorage",
  "QuotaExceeded",
  "StorageCapExceeded",
  "StorageFull",
  "TooManyObjects",
  "XMinioStorageFull",
]);
const CONCURRENT: ReadonlySet<string> = new Set(["ConditionalRequestConflict", "OperationAborted"]);

/**
 * Whether a 404 means that the key is not there. It says so in its code; some services send it without a body. A page of a
 * proxy in front of the service, or a bucket that is missing, says nothing of the key.
 */
export function isAbsent({ status, fault, bytes }: S3Answer): boolean {
  return status === 404 && (fault === null ? isBlank(bytes) : fault.code === "NoSuchKey");
}

/** Whether the service refuses the time of the signature. */
export function isSkewed({ fault }: S3Answer): boolean {
  return fault?.code === "RequestTimeTooSkewed";
}

/**
 * What an answer to a PUT means. S3 answers 200 with an ETag and no body: a page with status 200 that a proxy or a portal
 * serves is no proof that anything was stored.
 *
 * @throws STORAGE_REFUSED, STORAGE_GONE, STORAGE_FULL, STORAGE_CLOCK_SKEW, STORAGE_UNSUPPORTED, NETWORK_STATUS,
 * NETWORK_ANSWER_INVALID
 */
export function writeOutcome(call: S3Call, answer: S3Answer, condition: WriteCondition | undefined): WriteOutcome {
  const { status, fault, bytes, etag } = answer;
  if ((status === 200 || status === 201) && fault === null) {
    if (!isBlank(bytes)) throw invalidAnswer(call, `status ${status} with a body, which S3 does not send`);
    if (etag === null) throw invalidAnswer(call, `status ${status} without an ETag that can be read`);
    return "stored";
  }
  if (condition !== undefined) {
    if (status === 412) return "moved";
    // Another write was under way; this one was not carried out.
    if (status === 409 && (fault === null || CONCURRENT.has(fault.code))) return "moved";
    if ("ifTag" in condition && isAbsent(answer)) return "moved";
    if (status === 501) throw unsupported(call.label, "conditional write");
  }
  throw s3Refusal(call, answer);
}

/** What an answer to a DELETE means: nothing but that the key is gone, or an error. */
export function removeResult(call: S3Call, answer: S3Answer): true {
  const { status, fault, bytes } = answer;
  if (status === 204 || (status === 200 && isBlank(bytes))) return true;
  if (isAbsent(answer)) return true;
  if (status === 200 && fault === null) throw invalidAnswer(call, "status 200 with a body, which S3 does not send");
  throw s3Refusal(call, answer);
}

/**
 * The error for an answer that is neither success nor "absent", by the code in its body, else by its status. The message of
 * the body is never shown: it may hold the key id or the string that was to be signed.
 */
export function s3Refusal(call: S3Call, answer: S3Answer): HawserError {
  const { status, fault, retryAfterMs } = answer;
  const { label, url, operation } = call;
  const code = fault?.code;
  if (code === "NoSuchBucket") return gone(label, code);
  if (isSkewed(answer)) return clockSkew(label, null);
  if (code !== undefined && FULL.has(code)) return full(label, code);
  if (status === 413) return full(label, code ?? "status 413");
  if (code !== undefined && (REFUSED.has(code) || status === 401 || status === 403)) {
    return refused(label, operation, code);
  }
  const refusal = httpRefusal(call, answer);
  if (refusal.code !== "NETWORK_STATUS") return refusal;
  return statusError(url, status, code ?? "no answer of S3 to this request", retryAfterMs);
}

/** The service's clock and this one are too far apart. `skewMs`: how far its clock is ahead. */
export function clockSkew(label: string, skewMs: number | null): HawserError<"STORAGE_CLOCK_SKEW"> {
  const apart = skewMs === null ? "" : `, ${Math.round(skewMs / 1_000)} s`;
  const message = `${label} refuses the time of this machine's clock: they are too far apart${apart}.`;
  return new HawserError("STORAGE_CLOCK_SKEW", message, { label, skewMs });
}

function invalidAnswer({ url }: S3Call, reason: string): HawserError<"NETWORK_ANSWER_INVALID"> {
  return new HawserError("NETWORK_ANSWER_INVALID", `${url} gave no answer of S3: ${reason}.`, { url, reason });
}
