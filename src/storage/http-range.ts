import { HawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { ByteRange, StorageReadOptions, StoredBytes } from "../ports.js";
import type { HttpAnswer } from "../runtime/http-client.js";
import { httpReadResult, strongTag } from "./http-read.js";
import { assertRange } from "./range.js";

// RFC 9110, section 14.4. The total may be unknown.
const CONTENT_RANGE = /^bytes ([0-9]{1,15})-([0-9]{1,15})\/([0-9]{1,15}|\*)$/;

/** What a read puts into its request, and how its answer is read. */
export interface HttpReadPlan {
  readonly headers: Readonly<Record<string, string>>;
  readonly cache: RequestCache;
  /** Of the exchange: a server that knows no ranges sends the whole. */
  readonly maxBytes: number;
  readonly bodyStatuses: readonly number[];
  /** Null where the server said "absent". @throws NETWORK_STATUS, NETWORK_ANSWER_INVALID, NETWORK_TOO_LARGE */
  readonly result: (url: string, answer: HttpAnswer) => StoredBytes | null;
}

/**
 * The plan of a read, of a part where `range` is given.
 *
 * @throws INPUT_INVALID for a range that is none
 */
export function planHttpRead({
  kind,
  range,
  maxBytes,
}: Pick<StorageReadOptions, "kind" | "range" | "maxBytes">): HttpReadPlan {
  if (range === undefined) {
    const cache = kind === "record" ? "no-store" : "default";
    return { headers: {}, cache, maxBytes, bodyStatuses: [200], result: httpReadResult };
  }
  assertRange(range);
  // No header can ask for no bytes.
  const last = Math.max(range.end - 1, range.start);
  return {
    // A browser sends this without preflight, and every runtime then asks for a body that is not compressed.
    headers: { range: `bytes=${range.start}-${last}` },
    // Chromium's cache answers with the Content-Range of another part that it has.
    cache: "no-store",
    maxBytes: Math.max(maxBytes, last + 1, limits.recordBodyMaxBytes),
    bodyStatuses: [200, 206],
    result: (url, answer) => {
      const stored = rangeResult(url, answer, { start: range.start, end: last + 1 });
      if (stored === null) return null;
      const bytes = stored.bytes.slice(0, range.end - range.start);
      if (bytes.length > maxBytes) {
        throw new HawserError("NETWORK_TOO_LARGE", `${url} holds more than ${maxBytes} bytes in that range.`, {
          url,
          maxBytes,
        });
      }
      return { bytes, tag: stored.tag };
    },
  };
}

function rangeResult(url: string, answer: HttpAnswer, { start, end }: ByteRange): StoredBytes | null {
  const { status, etag, bytes } = answer;
  if (status === 416) return { bytes: new Uint8Array(0), tag: strongTag(etag) };
  if (status !== 206) {
    const whole = httpReadResult(url, answer);
    return whole === null ? null : { bytes: whole.bytes.subarray(start, end), tag: whole.tag };
  }
  const encoding = answer.header("content-encoding") ?? "identity";
  if (encoding !== "identity") throw wrongPart(url, "a part of a compressed body");
  const sent = answer.header("content-range");
  if (sent === null) {
    // Browsers hide it where the server does not expose it.
    if (bytes.length > end - start) throw wrongPart(url, `${bytes.length} bytes instead of ${end - start}`);
    return { bytes, tag: strongTag(etag) };
  }
  const [, from, to, total] = CONTENT_RANGE.exec(sent) ?? [];
  const next = start + bytes.length;
  // Fewer bytes than were asked for are all that there are only where the body ends with them.
  const complete = next === end || (next < end && total !== "*" && Number(total) === next);
  if (Number(from) !== start || Number(to) !== next - 1 || !complete) throw wrongPart(url, sent.slice(0, 60));
  return { bytes, tag: strongTag(etag) };
}

function wrongPart(url: string, got: string): HawserError<"NETWORK_ANSWER_INVALID"> {
  const reason = `not the range that was asked for: ${got}`;
  return new HawserError("NETWORK_ANSWER_INVALID", `${url} sent ${reason}.`, { url, reason });
}
