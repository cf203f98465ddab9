/**
 * The ms for which a `Retry-After` header asks to be left alone: seconds or a date (RFC 9110, section 10.2.3). Null
 * without one, and for one that is neither.
 */
export function parseRetryAfter(value: string | null, nowMs: number): number | null {
  if (value === null) return null;
  if (/^[0-9]{1,9}$/.test(value)) return Number(value) * 1_000;
  // Everything else that engines take for a date has letters as well, and no wrong one can do more than a long wait.
  const atMs = /^[A-Z][a-z]{2},? /.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}
