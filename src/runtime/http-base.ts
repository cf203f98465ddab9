import { HawserError, isHawserError } from "../errors.js";
import { parseWebUrl } from "./web-url.js";

/** A server that the application configured. */
export interface HttpBase {
  /** The base URL as given, ending in `/`. */
  readonly href: string;
  readonly origin: string;
  /** host:port/path, for labels. */
  readonly label: string;
}

/**
 * Guards the base URL of a server that the application chose. Any host will do, loopback included; user info, query and
 * fragment will not, so that no secret can stand in labels, errors and published URLs.
 *
 * @throws INPUT_URL_INVALID
 */
export function parseHttpBase(baseUrl: string): HttpBase {
  const url = parseWebUrl(baseUrl);
  if (url === null) throw invalidUrl("(not shown)", "not a URL");
  const shown = `${url.origin}${url.pathname}`;
  if (url.username !== "" || url.password !== "") throw invalidUrl(shown, "user info in the URL");
  if (url.protocol !== "https:" && url.protocol !== "http:") throw invalidUrl(shown, "neither https: nor http:");
  if (/[?#]/.test(baseUrl)) throw invalidUrl(shown, "a query or fragment in a base URL");
  if (!/^[\x21-\x7e]+$/.test(baseUrl) || /["\\]/.test(baseUrl)) throw invalidUrl(shown, "characters that U1 forbids");
  return {
    href: baseUrl.endsWith("/") ? baseUrl : `${baseUrl}/`,
    origin: url.origin,
    label: `${url.host}${url.pathname.replace(/\/$/, "")}`,
  };
}

/** Refuses a redirect away from the origin that the application configured. @throws NETWORK_HOST_REFUSED */
export function assertSameOrigin(base: HttpBase, next: URL): void {
  if (next.origin === base.origin && next.username === "" && next.password === "") return;
  throw new HawserError("NETWORK_HOST_REFUSED", `${base.label} redirects away from its origin.`, {
    url: base.href,
    reason: "a redirect to another origin",
  });
}

function invalidUrl(url: string, reason: string): HawserError<"INPUT_URL_INVALID"> {
  return new HawserError("INPUT_URL_INVALID", `The URL cannot be used: ${reason}.`, { url, reason });
}

/** Request headers, for example credentials; a function is called before each request and may refresh them. */
export type HttpHeaders =
  | Readonly<Record<string, string>>
  | ((request: {
      readonly method: string;
    }) => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>);

/** The headers for one request. Errors never show a value. @throws INPUT_CONFIG_INVALID */
export async function resolveHeaders(
  headers: HttpHeaders | undefined,
  method: string,
): Promise<Readonly<Record<string, string>> | undefined> {
  if (headers === undefined) return undefined;
  try {
    const resolved = typeof headers === "function" ? await headers({ method }) : headers;
    return Object.fromEntries(new Headers({ ...resolved }));
  } catch (error) {
    if (isHawserError(error)) throw error;
    // Not kept as the cause: the message of a refused header shows its value.
    throw new HawserError("INPUT_CONFIG_INVALID", "The setting headers gives no usable request headers.", {
      setting: "headers",
      reason: "not a set of HTTP header names and values, or the function failed",
    });
  }
}
