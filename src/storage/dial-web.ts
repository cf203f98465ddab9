import type { Dial } from "./dial.js";

/**
 * Connections of a browser or another web runtime.
 *
 * What cannot be checked here: the address that a name resolves to, and the places between the first URL and the last
 * of a chain of redirects (a manual redirect is opaque to scripts, so the platform follows it). What protects instead
 * is the platform: requests carry no credentials, answers without CORS permission are unreadable, secure pages load no
 * `http:` resources, and browsers guard private networks. `allowHosts` still decides about hosts as written and
 * about the URL that answered.
 */
export function createDial(): Dial {
  return { fetch: (request) => fetch(request), showsRedirects: false };
}
