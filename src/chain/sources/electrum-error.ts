import { HawserError, isHawserError } from "../../errors.js";
import { electrumLimits } from "./electrum-limits.js";

/** The error for a message that is not what the protocol says. */
export function invalidAnswer(url: string, reason: string): HawserError<"NETWORK_ANSWER_INVALID"> {
  return new HawserError("NETWORK_ANSWER_INVALID", `${url} gave an answer that cannot be used: ${reason}.`, {
    url,
    reason,
  });
}

/** The error for a connection that cannot be made or was lost. */
export function unreachable(url: string, reason: string, cause?: unknown): HawserError<"NETWORK_UNREACHABLE"> {
  const options = cause === undefined ? undefined : { cause };
  return new HawserError("NETWORK_UNREACHABLE", `${url} cannot be reached: ${reason}.`, { url, reason }, options);
}

/** The error for a message above the cap. */
export function tooLarge(url: string, maxBytes: number): HawserError<"NETWORK_TOO_LARGE"> {
  return new HawserError("NETWORK_TOO_LARGE", `${url} sent more than ${maxBytes} bytes.`, { url, maxBytes });
}

/** What aiorpcX servers answer when a client has used up what it may, and when they are busy. */
const EXHAUSTED: readonly number[] = [-101, -102];
/** Of JSON-RPC itself: the request was not understood, or the server failed while it worked on it. */
const isProtocolCode = (code: number): boolean => code <= -32_000 && code >= -32_768;

/** The error for a server's own error answer; `status` is its code, 0 where it gave none. */
export function refusedAnswer(url: string, error: unknown): HawserError<"NETWORK_STATUS"> {
  // Blockstream's electrs gives the words alone.
  const { code, message } = (typeof error === "object" ? error : { message: error }) as Partial<
    Record<string, unknown>
  >;
  const status = Number.isSafeInteger(code) ? Number(code) : 0;
  const reason = shownWords(message);
  return new HawserError("NETWORK_STATUS", `${url} answered with error ${status}: ${reason}.`, { url, status, reason });
}

function shownWords(message: unknown): string {
  if (typeof message !== "string") return "no reason given";
  const words = message
    // ElectrumX repeats the transaction that was sent.
    .replace(/\[[0-9a-f]{64,}\]/g, "")
    .replace(/[^\x20-\x7e]+/g, " ")
    .trim()
    .replace(/\.$/, "");
  return words === "" ? "no reason given" : words.slice(0, electrumLimits.reasonMaxCharacters);
}

/** A server's error answer about what was asked for, and not about the asking; null for any other failure. */
export function serverRefusal(error: unknown): HawserError<"NETWORK_STATUS"> | null {
  if (!isHawserError(error, "NETWORK_STATUS")) return null;
  const { status } = error.details;
  return EXHAUSTED.includes(status) || isProtocolCode(status) ? null : error;
}

/** Whether a server says that it has no such method. */
export function lacksMethod(error: unknown): boolean {
  return isHawserError(error, "NETWORK_STATUS") && error.details.status === -32_601;
}
