import { createDial } from "#dial";
import { HawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { Clock, UrlReader } from "../ports.js";
import { urlFault } from "../profile/url.js";
import { objectPath } from "../route/layout.js";
import { fetchHttp } from "../runtime/http-client.js";
import { parseWebUrl } from "../runtime/web-url.js";
import type { Dial } from "./dial.js";
import { type AllowHosts, parseAllowHosts, urlRefusal } from "./host.js";
import { hostRefused } from "./host-refused.js";
import { planHttpRead } from "./http-range.js";
import { progressOf, type StorageProgress } from "./progress.js";

/** Options of {@link httpUrlReader}. */
export interface HttpUrlReaderOptions {
  /**
   * Exact `host:port` places, port written out, that may be opened although they are loopback, private or `http:`.
   * Default: none.
   */
  readonly allowHosts?: readonly string[] | undefined;
  /** How long a server may be silent. Default: {@link limits}. */
  readonly progress?: StorageProgress | undefined;
  /** Default: the machine's. */
  readonly clock?: Clock | undefined;
}

/**
 * Opens `https:` URLs out of profiles and routes under the rules of U1: no credentials, no cookies, no place on a
 * local network (judged on the address that is dialled, in Node), at most 3 redirects, each judged again.
 *
 * Other schemes are not opened, `http:` only at `allowHosts`. In browsers the platform follows redirects and resolves
 * names; see `dial-web.ts` for what cannot be checked there.
 *
 * @throws INPUT_INVALID for an entry of `allowHosts` that is not `host:port`. Reads throw `INPUT_URL_INVALID`,
 * `NETWORK_HOST_REFUSED`, `NETWORK_STATUS`, `NETWORK_TOO_LARGE`, `NETWORK_UNREACHABLE` and `NETWORK_ABORTED`.
 */
export function httpUrlReader(options: HttpUrlReaderOptions = {}): UrlReader {
  const allowHosts = parseAllowHosts(options.allowHosts ?? []);
  return createUrlReader(createDial(allowHosts), allowHosts, options);
}

/** A reader over connections of the caller's choice. */
export function createUrlReader(
  dial: Dial,
  allowHosts: AllowHosts,
  patience: Pick<HttpUrlReaderOptions, "progress" | "clock"> = {},
): UrlReader {
  return {
    opens(url) {
      const parsed = parseReadableUrl(url);
      // An http: URL that is not allowed is one that nobody opens; a refused https: host is told by the read.
      return parsed !== null && (parsed.protocol === "https:" || urlRefusal(parsed, allowHosts) === null);
    },
    async readUrl(url, readOptions) {
      const parsed = parseReadableUrl(url);
      if (parsed === null) throw invalidUrl(url);
      // U1: a URL in a profile must not become a request into the reader's own network (SSRF).
      assertAllowed(parsed, url, allowHosts);
      const plan = planHttpRead(readOptions);
      const answer = await fetchHttp({
        url: parsed,
        shownUrl: url,
        headers: plan.headers,
        cache: plan.cache,
        signal: readOptions.signal,
        maxBytes: plan.maxBytes,
        bodyStatuses: plan.bodyStatuses,
        checkRedirect: (next) => {
          assertAllowed(next, url, allowHosts);
        },
        runtimeFollows: !dial.showsRedirects,
        fetch: dial.fetch,
        progress: progressOf(readOptions.kind, patience.progress),
        clock: patience.clock,
      });
      return plan.result(url, answer)?.bytes ?? null;
    },
  };
}

function assertAllowed(url: URL, shownUrl: string, allowHosts: AllowHosts): void {
  const reason = urlRefusal(url, allowHosts);
  if (reason !== null) throw hostRefused(shownUrl, reason);
}

/** bytes - U1 bounds a base in a profile; what is opened has a slash and a path of section 10 after it. */
const MAX_BYTES = limits.urlMaxBytes + 1 + objectPath("0".repeat(64)).length;

function parseReadableUrl(url: string): URL | null {
  if (urlFault(url, false, MAX_BYTES) !== null) return null;
  const parsed = parseWebUrl(url);
  return parsed?.protocol === "https:" || parsed?.protocol === "http:" ? parsed : null;
}

function invalidUrl(url: string): HawserError<"INPUT_URL_INVALID"> {
  // Not shown: what is no URL of U1 may hold user info.
  const details = { url: `(${url.length} characters)`, reason: "not an http: or https: URL that U1 admits" };
  return new HawserError("INPUT_URL_INVALID", `The URL cannot be opened: ${details.reason}.`, details);
}
