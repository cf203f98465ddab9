import { invalidArgument } from "../bytes/guards.js";
import { parseWebUrl } from "../runtime/web-url.js";

/** Exact `host:port` places that the caller allows although U1 does not. */
export type AllowHosts = ReadonlySet<string>;

/**
 * The caller's list of `host:port` as compared with {@link hostPort}; the port is always written out, an IPv6 address
 * stands in brackets.
 *
 * @throws INPUT_INVALID
 */
export function parseAllowHosts(list: readonly string[]): AllowHosts {
  return new Set(
    list.map((entry) => {
      const match = /^([^/?#@\\\s:*[\]]+|\[[0-9a-f:.]+\]):([0-9]{1,5})$/i.exec(entry);
      const port = Number(match?.[2]);
      const url = match === null ? null : parseWebUrl(`https://${match[1] ?? ""}/`);
      if (url === null || url.port !== "" || port < 1 || port > 65_535) {
        throw invalidArgument("allowHosts", "host:port with the port written out", entry);
      }
      return `${url.hostname}:${port}`;
    }),
  );
}

/** Host and port of a URL, a default port written out. */
export function hostPort(url: URL): string {
  return `${url.hostname}:${url.port === "" ? (url.protocol === "http:" ? "80" : "443") : url.port}`;
}

/**
 * U1: why a URL out of a profile or route may not be opened, or null. Judges scheme, user info and the host as it is
 * written; the address behind a name is judged by {@link addressRefusal} where the runtime shows it.
 */
export function urlRefusal(url: URL, allowHosts: AllowHosts): string | null {
  if (url.protocol !== "https:" && url.protocol !== "http:") return "neither https: nor http:";
  if (url.username !== "" || url.password !== "") return "user info in the URL";
  if (allowHosts.has(hostPort(url))) return null;
  if (url.protocol === "http:") return "http: to a host that is not allowed";
  return hostRefusal(url.hostname);
}

/** U1: why a host, a name or a literal address as WHATWG URLs write it, is off limits, or null. */
export function hostRefusal(hostname: string): string | null {
  if (hostname.startsWith("[")) return addressRefusal(hostname.slice(1, -1));
  if (parseIpv4(hostname) !== null) return addressRefusal(hostname);
  const name = hostname.replace(/\.$/, "");
  // A name without a dot is found only through the search list of the local network.
  if (!name.includes(".") || LOCAL_NAME.test(name)) return "a local name";
  return null;
}

// RFC 6761, RFC 6762, RFC 8375, and the top level that ICANN reserved for private use (metadata.google.internal).
const LOCAL_NAME = /\.(?:localhost|localdomain|local|internal|home\.arpa)$/;

/** U1: why an IPv4 or IPv6 address is not a global one, or null. What is not an address is refused too. */
export function addressRefusal(address: string): string | null {
  const ipv4 = parseIpv4(address);
  if (ipv4 !== null) return ipv4Refusal(ipv4);
  const ipv6 = parseIpv6(address);
  return ipv6 === null ? "not an address" : ipv6Refusal(ipv6);
}

// The IANA registry of special-purpose IPv4 addresses, multicast, and one metadata service in global space.
const IPV4_REFUSED: readonly (readonly [string, number, string])[] = [
  ["0.0.0.0", 8, "an unspecified address"],
  ["10.0.0.0", 8, "a private address"],
  ["100.64.0.0", 10, "a carrier-grade NAT address"],
  ["127.0.0.0", 8, "a loopback address"],
  ["168.63.129.16", 32, "a metadata address"],
  ["169.254.0.0", 16, "a link-local address"],
  ["172.16.0.0", 12, "a private address"],
  ["192.0.0.0", 24, "a reserved address"],
  ["192.0.2.0", 24, "a documentation address"],
  ["192.88.99.0", 24, "a 6to4 relay address"],
  ["192.168.0.0", 16, "a private address"],
  ["198.18.0.0", 15, "a benchmark address"],
  ["198.51.100.0", 24, "a documentation address"],
  ["203.0.113.0", 24, "a documentation address"],
  ["224.0.0.0", 4, "a multicast address"],
  ["240.0.0.0", 4, "a reserved address"],
];

function ipv4Refusal(address: number): string | null {
  for (const [network, bits, reason] of IPV4_REFUSED) {
    const size = 2 ** (32 - bits);
    if (Math.floor(address / size) === Math.floor((parseIpv4(network) ?? 0) / size)) return reason;
  }
  return null;
}

function ipv6Refusal(groups: readonly number[]): string | null {
  const [first = 0, second = 0] = groups;
  const embedded = (groups[6] ?? 0) * 65_536 + (groups[7] ?? 0);
  // NAT64's well-known prefix reaches the IPv4 address inside it, so that address decides.
  if (first === 0x64 && second === 0xff9b && groups.slice(2, 6).every((group) => group === 0)) {
    return ipv4Refusal(embedded);
  }
  // Only 2000::/3 is global. Outside it lie loopback, unspecified, IPv4-mapped and -compatible, local NAT64,
  // unique-local, link-local, site-local, multicast and segment routing.
  if (first < 0x2000 || first > 0x3fff) return "not a global IPv6 address";
  if (first === 0x2001 && second < 0x200) return "an IPv6 protocol assignment";
  if (first === 0x2001 && second === 0xdb8) return "a documentation address";
  if (first === 0x2002) return "a 6to4 address";
  if (first === 0x3fff && second < 0x1000) return "a documentation address";
  return null;
}

function parseIpv4(text: string): number | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return null;
  const bytes = match.slice(1).map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes.reduce((sum, byte) => sum * 256 + byte, 0) : null;
}

function parseIpv6(text: string): readonly number[] | null {
  const [head = "", tail, ...more] = text.split("::");
  if (more.length > 0) return null;
  const left = parseGroups(head, tail === undefined);
  const right = tail === undefined ? [] : parseGroups(tail, true);
  if (left === null || right === null) return null;
  const missing = 8 - left.length - right.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return null;
  return [...left, ...new Array<number>(missing).fill(0), ...right];
}

function parseGroups(text: string, mayEndInIpv4: boolean): readonly number[] | null {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    const ipv4 = mayEndInIpv4 && index === parts.length - 1 ? parseIpv4(part) : null;
    if (ipv4 !== null) groups.push(Math.floor(ipv4 / 65_536), ipv4 % 65_536);
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16));
    else return null;
  }
  return groups;
}
