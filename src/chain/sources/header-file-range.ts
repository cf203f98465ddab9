import { HawserError } from "../../errors.js";
import type { CallOptions } from "../../ports.js";
import { HEADER_BYTES } from "../header.js";

/** What reads a part of a header file. */
export interface RangeReader {
  readonly label: string;
  /** At most `length` bytes from `offset` on, whole headers; none at and behind the end of the file. */
  read(offset: number, length: number, options: CallOptions): Promise<Uint8Array>;
}

/** The error for a file that holds no headers, or not where they are looked for. */
export function invalidFile(url: string, reason: string): HawserError<"NETWORK_ANSWER_INVALID"> {
  return new HawserError("NETWORK_ANSWER_INVALID", `${url} cannot be used as a header file: ${reason}.`, {
    url,
    reason,
  });
}

/** @throws NETWORK_ANSWER_INVALID for a length that whole headers cannot have */
export function assertWholeHeaders(url: string, bytes: number): void {
  if (bytes % HEADER_BYTES !== 0) throw invalidFile(url, `${bytes} bytes are no multiple of ${HEADER_BYTES}`);
}
