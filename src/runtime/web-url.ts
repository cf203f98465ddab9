/** A WHATWG URL, relative to `base` where given, or null. */
export function parseWebUrl(text: string, base?: URL): URL | null {
  return URL.canParse(text, base) ? new URL(text, base) : null;
}
