import { HawserError } from "../errors.js";
import { assertSameOrigin, type HttpBase, parseHttpBase } from "../runtime/http-base.js";
import { parseWebUrl } from "../runtime/web-url.js";
import { type AllowHosts, urlRefusal } from "./host.js";
import { hostRefused } from "./host-refused.js";

/** Where a hub's files are read. */
export interface GaiaReadPlace {
  readonly base: HttpBase;
  /** Whether the application named it, or the hub lies at the same origin; else U1 holds for it. */
  readonly isOwn: boolean;
}

/**
 * The read place in a hub's `hub_info`. The hub is not trusted with where this reader goes: another origin must be one
 * that a URL of a profile may name (U1).
 *
 * @throws NETWORK_ANSWER_INVALID, NETWORK_HOST_REFUSED
 */
export function parseHubInfo(
  shownUrl: string,
  bytes: Uint8Array,
  hub: HttpBase,
  allowHosts: AllowHosts,
): GaiaReadPlace {
  const prefix = readPrefix(bytes);
  const url = typeof prefix === "string" ? parseWebUrl(prefix) : null;
  if (typeof prefix !== "string" || url === null) throw invalidHubInfo(shownUrl);
  let base: HttpBase;
  try {
    base = parseHttpBase(prefix);
  } catch {
    throw invalidHubInfo(shownUrl);
  }
  if (base.origin === hub.origin) return { base, isOwn: true };
  const reason = urlRefusal(url, allowHosts);
  if (reason !== null) throw hostRefused(base.href, reason);
  return { base, isOwn: false };
}

/** Judges a redirect of a read. @throws NETWORK_HOST_REFUSED */
export function assertReadRedirect({ base, isOwn }: GaiaReadPlace, next: URL, allowHosts: AllowHosts): void {
  if (isOwn) {
    assertSameOrigin(base, next);
    return;
  }
  const reason = urlRefusal(next, allowHosts);
  if (reason !== null) throw hostRefused(base.href, reason);
}

/**
 * The tag for a hub's `If-Match`, or null. Hubs compare it as text, and those on a disk give it without quotes; one that a
 * cache on the way made weak would never match again.
 */
export function gaiaTag(etag: string | null): string | null {
  return etag !== null &&
    /^(?:"[\x21\x23-\x7e]+"|[\x21\x23-\x2b\x2d-\x7e]+)$/.test(etag) &&
    !/^W\//i.test(etag) &&
    etag !== "*"
    ? etag
    : null;
}

/**
 * A path of section 10 as a hub takes it: hubs refuse two dots in a row anywhere, so that ids with them have a `D` between
 * the dots, which no id has by itself (M1).
 */
export function gaiaPath(path: string): string {
  return path.replace(/\.(?=\.)/g, ".D");
}

function readPrefix(bytes: Uint8Array): unknown {
  try {
    const info: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof info === "object" && info !== null && "read_url_prefix" in info ? info.read_url_prefix : null;
  } catch {
    return null;
  }
}

function invalidHubInfo(url: string): HawserError<"NETWORK_ANSWER_INVALID"> {
  const reason = "no hub_info with a read_url_prefix";
  return new HawserError("NETWORK_ANSWER_INVALID", `${url} answered with ${reason}.`, { url, reason });
}
