import { describe } from "../bytes/guards.js";
import { HawserError } from "../errors.js";
import { limits } from "../limits.js";

/**
 * Why a value is not a URL of U1, as the end of a sentence "a URL that ...", or null if it is one.
 *
 * @param storage - whether it is for a profile's `storage`, where a query would end up in front of the object's path
 * @param maxBytes - default 255; more for a base with an object's path after it
 */
export function urlFault(value: unknown, storage: boolean, maxBytes: number = limits.urlMaxBytes): string | null {
  if (typeof value !== "string") return "is not a string";
  if (value.length < 1 || value.length > maxBytes) return `is not 1 to ${maxBytes} bytes long`;
  // U1: `"` and `\` have two spellings in JSON or two meanings to URL parsers, `#` never reaches a server.
  if (!/^[!$-[\]-~]*$/.test(value)) return 'has a character outside 0x21 to 0x7e, or one of " \\ #';
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):(?:\/\/([^/?]*))?/.exec(value);
  if (match === null) return "does not begin with a scheme and a colon";
  const [, scheme = "", authority] = match;
  // Schemes compare without case everywhere else, so `HTTPS:` is held to the same rule.
  if (/^https?$/i.test(scheme) && (authority === undefined || !/^[^:]/.test(authority))) {
    return "has no // and host";
  }
  // U1: user info is a credential, or makes the host look like another one.
  if (authority?.includes("@") === true) return "has user info";
  if (storage && value.includes("?")) return "has a query";
  return null;
}

/**
 * Checks a URL for a route or content entry (U1). It is given back as it is, never normalised.
 *
 * @param options - `storage`: for a profile's `storage`, where no `?` is admitted; default false
 * @throws INPUT_URL_INVALID
 */
export function parseUrl(value: unknown, options: { readonly storage?: boolean | undefined } = {}): string {
  const fault = urlFault(value, options.storage === true);
  // Only a string that is a URL already may be shown: user info and the like could be a secret.
  if (fault !== null || typeof value !== "string") throw urlError(describe(value), `The URL ${fault ?? ""}.`, fault);
  return value;
}

/**
 * Checks a list of at most 16 URLs (U1).
 *
 * @throws INPUT_URL_INVALID
 */
export function parseUrls(
  values: unknown,
  options: { readonly storage?: boolean | undefined } = {},
): readonly string[] {
  if (!Array.isArray(values)) throw urlError(describe(values), "A list of URLs is expected.", "not a list");
  if (values.length > limits.urlsMax) {
    throw urlError(describe(values), `A list has at most ${limits.urlsMax} URLs, got ${values.length}.`, "too many");
  }
  return values.map((value) => parseUrl(value, options));
}

function urlError(url: string, message: string, reason: string | null): HawserError<"INPUT_URL_INVALID"> {
  return new HawserError("INPUT_URL_INVALID", message, { url, reason: reason ?? "not a string" });
}
