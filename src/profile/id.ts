import { describe } from "../bytes/guards.js";
import { HawserError } from "../errors.js";
import { limits } from "../limits.js";

declare const dataId: unique symbol;

/** An id of mutable data (M1). */
export type DataId = string & { readonly [dataId]: true };

/** Why a value is not an id of M1, as the end of a sentence "an id that ...", or null if it is one. */
export function idFault(value: unknown): string | null {
  if (typeof value !== "string") return "is not a string";
  if (value.length < 1 || value.length > limits.idMaxBytes) return `is not 1 to ${limits.idMaxBytes} bytes long`;
  // M1: lower case alone, so that no two ids meet on a file system that is blind to case.
  if (!/^[a-z0-9._~/-]*$/.test(value)) return "has a character other than a-z 0-9 . _ ~ - /";
  for (const segment of value.split("/")) {
    if (segment === "") return "has an empty segment";
    // M1: `.` and `..` would leave the name's folder; Windows drops a dot at the end.
    if (segment === "." || segment === "..") return "has a segment . or ..";
    if (segment.endsWith(".")) return "has a segment that ends in a dot";
    if (segment.endsWith(".json")) return "has a segment that ends in .json";
  }
  return null;
}

/**
 * Checks an id of mutable data (M1): 1 to 128 of `[a-z0-9._~-]` in segments joined by `/`.
 *
 * @throws INPUT_ID_INVALID
 */
export function parseId(value: unknown): DataId {
  const reason = idFault(value);
  if (reason === null) return value as DataId;
  const id = typeof value === "string" ? value.slice(0, limits.idMaxBytes) : describe(value);
  throw new HawserError("INPUT_ID_INVALID", `The id ${reason}.`, { id, reason });
}
