/** What the body of an S3 error says. */
export interface S3Fault {
  /** For example `NoSuchKey`. */
  readonly code: string;
  /** The server's time in Unix ms, where it says so. */
  readonly serverTimeMs: number | null;
}

/** bytes - of a body that may be an error; the real ones have a few hundred. */
export const FAULT_MAX_BYTES = 64 * 1024;

const DOCUMENT = /^\uFEFF?\s*(?:<\?xml[^<>]*\?>\s*)?<Error(?:\s[^<>]*)?>([\s\S]*)<\/Error>\s*$/;
const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z$/;

/** Reads `<Error><Code>...</Code>...</Error>`; null for all else, such as the HTML page of a proxy. */
export function parseS3Fault(body: Uint8Array): S3Fault | null {
  if (body.length === 0 || body.length > FAULT_MAX_BYTES) return null;
  const inner = DOCUMENT.exec(new TextDecoder().decode(body))?.[1];
  if (inner === undefined) return null;
  const code = onlyChild(inner, "Code");
  if (code === null || !/^[A-Za-z][A-Za-z0-9]{0,63}$/.test(code)) return null;
  const time = onlyChild(inner, "ServerTime");
  const serverTimeMs = time !== null && TIME.test(time) ? Date.parse(time) : Number.NaN;
  return { code, serverTimeMs: Number.isNaN(serverTimeMs) ? null : serverTimeMs };
}

/** The text of an element that occurs once. Texts are escaped, so that none can look like an element. */
function onlyChild(inner: string, name: string): string | null {
  const parts = inner.split(`<${name}>`);
  const [text, ...rest] = parts[1]?.split(`</${name}>`) ?? [];
  return parts.length === 2 && rest.length === 1 && text !== undefined ? text.trim() : null;
}

/** Whether a body holds nothing to read. */
export function isBlank(body: Uint8Array): boolean {
  return body.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d));
}
