import { HawserError } from "../errors.js";
import { parseWebUrl } from "../runtime/web-url.js";

/** An FTP server that the application configured, and the folder there. */
export interface FtpBase {
  readonly host: string;
  readonly port: number;
  /** `ftps:`: TLS from the first byte on. */
  readonly implicitTls: boolean;
  /** Without a slash at the end. From the folder of the login where it does not begin with `/`; `""` is that folder. */
  readonly folder: string;
  /** host:port/path, for labels. */
  readonly label: string;
  /** As errors show it, ending in `/`. */
  readonly href: string;
}

/**
 * Guards the base URL of an FTP server. Its path begins at the folder that a login leads to (RFC 1738); a second slash,
 * or `%2F`, makes it one from the root.
 *
 * @throws INPUT_URL_INVALID
 */
export function parseFtpBase(baseUrl: string): FtpBase {
  const url = parseWebUrl(baseUrl);
  if (url === null) throw invalidUrl("(not shown)", "not a URL");
  const shown = `${url.protocol}//${url.host}${url.pathname}`;
  if (url.username !== "" || url.password !== "") throw invalidUrl(shown, "user info in the URL");
  if (url.protocol !== "ftp:" && url.protocol !== "ftps:") throw invalidUrl(shown, "neither ftp: nor ftps:");
  if (url.hostname === "") throw invalidUrl(shown, "no host");
  if (/[?#]/.test(baseUrl)) throw invalidUrl(shown, "a query or fragment in a base URL");
  const implicitTls = url.protocol === "ftps:";
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? (implicitTls ? 990 : 21) : Number(url.port),
    implicitTls,
    folder: parseFolder(shown, url.pathname),
    label: `${url.host}${url.pathname.replace(/\/$/, "")}`,
    href: shown.endsWith("/") ? shown : `${shown}/`,
  };
}

function parseFolder(shown: string, pathname: string): string {
  let folder: string;
  try {
    folder = decodeURIComponent(pathname.replace(/^\//, "")).replace(/\/+$/, "");
  } catch {
    throw invalidUrl(shown, "a path that is no UTF-8");
  }
  // A line break would end the command, and what follows it would be one of its own.
  if (/\p{Cc}/u.test(folder)) throw invalidUrl(shown, "control characters in the path");
  if (folder.split("/").some((segment) => segment === "." || segment === "..")) {
    throw invalidUrl(shown, "a path with . or ..");
  }
  return folder === "" && /^\/(?:\/|%2f)/i.test(pathname) ? "/" : folder;
}

function invalidUrl(url: string, reason: string): HawserError<"INPUT_URL_INVALID"> {
  return new HawserError("INPUT_URL_INVALID", `The URL cannot be used: ${reason}.`, { url, reason });
}
