import { HawserError } from "../../errors.js";
import { parseWebUrl } from "../../runtime/web-url.js";

/** The place of an Electrum server. */
export interface ElectrumPlace {
  readonly transport: "tcp" | "tls" | "ws" | "wss";
  readonly href: string;
  /** As sockets take it: an IPv6 address without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** host:port, with the path of a WebSocket. */
  readonly label: string;
}

const HOSTNAME = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.]+\])$/;

/**
 * `tcp://host:port`, `tls://host:port`, `ws://host[:port][/path]` or `wss://host[:port][/path]`. User info, query and
 * fragment are refused, so that no secret can stand in labels and errors.
 *
 * @throws INPUT_URL_INVALID
 */
export function parseElectrumUrl(text: string): ElectrumPlace {
  const url = parseWebUrl(text);
  if (url === null) throw invalidUrl("(not shown)", "not a URL");
  const shown = `${url.protocol}//${url.host}${url.pathname}`;
  if (url.username !== "" || url.password !== "") throw invalidUrl(shown, "user info in the URL");
  const transport = (["tcp", "tls", "ws", "wss"] as const).find((name) => url.protocol === `${name}:`);
  if (transport === undefined) throw invalidUrl(shown, "neither tcp:, tls:, ws: nor wss:");
  if (/[?#]/.test(text)) throw invalidUrl(shown, "a query or fragment");
  if (!/^[\x21-\x7e]+$/.test(text) || !HOSTNAME.test(url.hostname))
    throw invalidUrl(shown, "characters that no host has");
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  const path = url.pathname.replace(/\/$/, "");
  if (transport === "ws" || transport === "wss") {
    const port = url.port === "" ? (transport === "ws" ? 80 : 443) : Number(url.port);
    return { transport, href: url.href, hostname, port, label: `${url.host}${path}` };
  }
  if (url.port === "" || url.port === "0") throw invalidUrl(shown, "no port");
  if (path !== "") throw invalidUrl(shown, "a path, which this transport does not have");
  return { transport, href: `${transport}://${url.host}`, hostname, port: Number(url.port), label: url.host };
}

function invalidUrl(url: string, reason: string): HawserError<"INPUT_URL_INVALID"> {
  return new HawserError("INPUT_URL_INVALID", `The URL of an Electrum server cannot be used: ${reason}.`, {
    url,
    reason,
  });
}
