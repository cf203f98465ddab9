import type { StoredBytes } from "../ports.js";
import { type HttpAnswer, statusError } from "../runtime/http-client.js";

const ABSENT: readonly number[] = [404, 410];

/**
 * What an answer to a read means: only 404 and 410 say "absent" and only 200 gives bytes. All else, 403 and 5xx
 * included, leaves unknown whether the bytes exist (P6).
 *
 * @throws NETWORK_STATUS
 */
export function httpReadResult(url: string, answer: HttpAnswer): StoredBytes | null {
  if (ABSENT.includes(answer.status)) return null;
  if (answer.status !== 200) {
    throw statusError(url, answer.status, "neither the bytes nor absence", answer.retryAfterMs);
  }
  return { bytes: answer.bytes, tag: strongTag(answer.etag) };
}

/** The tag that can make a write conditional. RFC 9110: If-Match never holds for a weak tag, so it is none. */
export function strongTag(etag: string | null): string | null {
  return etag !== null && /^"[\x21\x23-\x7e]*"$/.test(etag) ? etag : null;
}
