import { FTPError } from "basic-ftp";
import { HawserError, isHawserError } from "../errors.js";
import { statusError } from "../runtime/http-client.js";
import { full, refused, unsupported } from "./http-refusal.js";

/** What was asked of an FTP server. */
export interface FtpRequest {
  readonly label: string;
  /** As errors show it. */
  readonly url: string;
  /** `read`, `write`, `remove` or the like. */
  readonly operation: string;
}

/** The code of a reply that refuses, or null for anything else that went wrong. */
export function replyCode(error: unknown): number | null {
  return error instanceof FTPError ? error.code : null;
}

/** Whether the connection failed rather than the request. */
export function isBroken(error: unknown): boolean {
  const code = replyCode(error);
  return code === null ? !isHawserError(error) : code === 421;
}

/**
 * What a 550 says in words, which is all that most servers tell apart by: RFC 959 has one code for a file that is not
 * there and for one that may not be read.
 */
export function readWords(error: unknown): "absent" | "refused" | null {
  const text = error instanceof Error ? error.message : "";
  if (/permission denied|access (?:is )?denied|not permitted|not allowed/i.test(text)) return "refused";
  // No path of the layout has a space in it, so that an echo of it says none of this.
  if (/no such (?:file|dir)|not found|(?:does not|doesn't) exist|(?:cannot|can't|could not) find/i.test(text)) {
    return "absent";
  }
  return null;
}

/**
 * The error for what went wrong at an FTP server. The words of its replies stay out of it: they may repeat what was sent,
 * the password included.
 */
export function ftpRefusal({ label, url, operation }: FtpRequest, error: unknown): HawserError {
  if (isHawserError(error)) return error;
  const code = replyCode(error);
  if (code === null) return unreachable(url, networkReason(error));
  const reason = `reply ${code}`;
  const text = error instanceof Error ? error.message : "";
  if (code === 452 || code === 552 || /no space|quota|disk full/i.test(text)) return full(label, reason);
  // 430 and 53x are about the login and its protection, 550 and 553 about one file.
  if ([331, 332, 430, 431, 530, 532, 533, 534, 535, 536, 550, 553].includes(code)) {
    return refused(label, operation, reason);
  }
  if (code === 502 || code === 504) return unsupported(label, operation);
  if ([421, 425, 426].includes(code)) return unreachable(url, reason);
  return statusError(url, code, `the ${operation} did not succeed`);
}

/** The connection failed. */
export function unreachable(url: string, reason: string): HawserError<"NETWORK_UNREACHABLE"> {
  return new HawserError("NETWORK_UNREACHABLE", `${url} cannot be reached: ${reason}.`, { url, reason });
}

function networkReason(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^[A-Z][A-Z0-9_]+$/.test(code) ? code : "no connection, or a broken one";
}
