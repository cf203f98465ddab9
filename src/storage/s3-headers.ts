import type { StoredKind, WriteCondition } from "../ports.js";

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
  const kept =
    kind === "record"
      ? { "content-type": "application/json", "cache-control": "no-cache" }
      : { "content-type": "application/octet-stream", "cache-control": "public, max-age=31536000, immutable" };
  if (condition === undefined) return kept;
  return { ...kept, ...("ifAbsent" in condition ? { "if-none-match": "*" } : { "if-match": condition.ifTag }) };
}
