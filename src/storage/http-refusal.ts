import { HawserError } from "../errors.js";
import { type HttpAnswer, statusError } from "../runtime/http-client.js";

/** What a server that speaks HTTP means by refusing. */
export interface HttpRefusal {
  readonly label: string;
  /** As errors show it. */
  readonly url: string;
  /** `read`, `write`, `remove` or the like. */
  readonly operation: string;
}

/**
 * The error for a status that is not success, by what HTTP says of it: 401 and 403 are missing rights, 405 and 501
 * something that the server cannot do, 507 (RFC 4918) no space. Statuses with a meaning of a provider's own are for that
 * provider to tell first.
 */
export function httpRefusal(
  { label, url, operation }: HttpRefusal,
  { status, retryAfterMs }: Pick<HttpAnswer, "status" | "retryAfterMs">,
): HawserError {
  const reason = `status ${status}`;
  if (status === 401 || status === 403) return refused(label, operation, reason);
  if (status === 405 || status === 501) return unsupported(label, operation);
  if (status === 507) return full(label, reason);
  return statusError(url, status, `the ${operation} did not succeed`, retryAfterMs);
}

/** The provider does not let this caller do it. */
export function refused(label: string, operation: string, reason: string): HawserError<"STORAGE_REFUSED"> {
  return new HawserError("STORAGE_REFUSED", `${label} refused to ${operation}: ${reason}.`, { label, reason });
}

/** The provider cannot do it for anybody. */
export function unsupported(label: string, operation: string): HawserError<"STORAGE_UNSUPPORTED"> {
  const message = `${label} does not support this operation: ${operation}.`;
  return new HawserError("STORAGE_UNSUPPORTED", message, { label, operation });
}

/** The provider has no space for it. */
export function full(label: string, reason: string): HawserError<"STORAGE_FULL"> {
  return new HawserError("STORAGE_FULL", `${label} has no space left: ${reason}.`, { label, reason });
}

/** The bucket, container, folder or account is missing. */
export function gone(label: string, reason: string): HawserError<"STORAGE_GONE"> {
  return new HawserError("STORAGE_GONE", `${label} is not there: ${reason}.`, { label, reason });
}
