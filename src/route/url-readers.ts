import { HawserError } from "../errors.js";
import type { UrlReader } from "../ports.js";

/**
 * One reader out of several: a URL is read by the first that opens it. `file:` is opened by none (U1): a route must not
 * lead into the reader's own machine, whatever the reader of another scheme takes for its own.
 */
export function joinUrlReaders(readers: readonly UrlReader[]): UrlReader {
  const openerOf = (url: string): UrlReader | undefined =>
    /^file:/i.test(url) ? undefined : readers.find((reader) => opensSafely(reader, url));
  return {
    opens: (url) => openerOf(url) !== undefined,
    readUrl: async (url, options) => {
      const reader = openerOf(url);
      if (reader !== undefined) return reader.readUrl(url, options);
      throw new HawserError("NETWORK_HOST_REFUSED", `Nothing here opens ${url}.`, { url, reason: "nothing opens it" });
    },
  };
}

/** One that chokes on a URL does not open it, and keeps no other from doing so. */
function opensSafely(reader: UrlReader, url: string): boolean {
  try {
    const opens: unknown = reader.opens(url);
    return opens === true;
  } catch {
    return false;
  }
}
