import type { StoredKind, WriteCondition } from "../ports.js";
import { conditionHeaders, contentType } from "./http-condition.js";

/** What a path of the layout is for. */
export function kindOfPath(path: string): StoredKind {
  return path.startsWith("objects/") ? "object" : "record";
}

/**
 * The headers of an upload. Services keep media type and cache control and send them to readers: an object never changes,
 * a record may at any time.
 */
export function uploadHeaders(
  kind: StoredKind,
  condition: WriteCondition | undefined,
): Readonly<Record<string, string>> {
  const caching = kind === "record" ? "no-cache" : "public, max-age=31536000, immutable";
  return { ...contentType({ kind }), "cache-control": caching, ...conditionHeaders(condition) };
}
