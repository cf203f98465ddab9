import type { StorageWriteOptions, WriteCondition } from "../ports.js";

/** The headers of a conditional PUT (RFC 9110); none without a condition. */
export function conditionHeaders(condition: WriteCondition | undefined): Readonly<Record<string, string>> {
  if (condition === undefined) return {};
  return "ifAbsent" in condition ? { "if-none-match": "*" } : { "if-match": condition.ifTag };
}

/** The media type that a body is uploaded as. */
export function contentType({ kind }: Pick<StorageWriteOptions, "kind">): { readonly "content-type": string } {
  return { "content-type": kind === "record" ? "application/json" : "application/octet-stream" };
}
