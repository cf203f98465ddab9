import type { LookupAddress, LookupOptions } from "node:dns";
import { lookup as systemLookup } from "node:dns";
import type { LookupFunction } from "node:net";
import { Agent, buildConnector, fetch as undiciFetch } from "undici";
import type { Dial } from "./dial.js";
import { type AllowHosts, addressRefusal } from "./host.js";
import { hostRefused } from "./host-refused.js";

/** Resolves a name to all its addresses, as `dns.lookup` does. */
export type Resolve = (
  hostname: string,
  options: LookupOptions & { all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * Connections of Node that go only to global addresses and to `allowHosts` (U1). The name is resolved once, every
 * address of the answer is judged, and the socket is opened to one of those very addresses: an answer that changes
 * between check and connect (DNS rebinding) has no effect.
 *
 * Node's own `fetch` does not let its connector be replaced, hence undici's.
 */
export function createDial(allowHosts: AllowHosts, resolve: Resolve = systemLookup): Dial {
  const connectAnywhere = buildConnector({});
  const connectGlobally = buildConnector({ lookup: createCheckedLookup(resolve) });
  const dispatcher = new Agent({
    connect: (options, callback) => {
      const { hostname } = options;
      const literal = hostname.includes(":");
      const defaultPort = options.protocol === "http:" ? "80" : "443";
      const port = options.port === "" ? defaultPort : options.port;
      if (allowHosts.has(`${literal ? `[${hostname}]` : hostname}:${port}`)) {
        connectAnywhere(options, callback);
        return;
      }
      // A literal address is dialled without a lookup.
      const reason = literal || /^[0-9.]+$/.test(hostname) ? addressRefusal(hostname) : null;
      if (reason === null) connectGlobally(options, callback);
      else callback(hostRefused(hostname, reason), null);
    },
  });
  return {
    fetch: async (request) => {
      const response = await undiciFetch(request.url, {
        method: request.method,
        headers: [...request.headers],
        signal: request.signal,
        cache: request.cache,
        redirect: "manual",
        credentials: "omit",
        referrerPolicy: "no-referrer",
        dispatcher,
      });
      // undici's Response is the same interface under a type of its own.
      return response as unknown as Response;
    },
    showsRedirects: true,
  };
}

/** A `lookup` for sockets that fails when any address of a name is not global. */
export function createCheckedLookup(resolve: Resolve): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        callback(error, "");
        return;
      }
      for (const { address } of addresses) {
        const reason = addressRefusal(address);
        if (reason !== null) {
          callback(hostRefused(hostname, `resolves to ${reason}`), "");
          return;
        }
      }
      const [first] = addresses;
      if (first === undefined) callback(hostRefused(hostname, "resolves to nothing"), "");
      else if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}
