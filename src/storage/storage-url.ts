import { HawserError } from "../errors.js";

/** Where data is stored, by the scheme of its URL. */
export type StoragePlace =
  | { readonly kind: "http" | "webdav" | "ftp" | "ipfs-gateway" | "kubo" | "gaia"; readonly url: string }
  | { readonly kind: "disk"; readonly url: string }
  | { readonly kind: "s3"; readonly bucket: string; readonly prefix: string }
  | { readonly kind: "dht"; readonly publicKey: string };

export type StorageKind = StoragePlace["kind"];

/** The schemes, for errors. */
const SCHEMES =
  "https://, s3://bucket/prefix, dav+https://, ftp://, ftps://, ipfs+https://, kubo+http://, gaia+https://, dht: or file://";

const FAMILIES: Readonly<Record<string, "webdav" | "ipfs-gateway" | "kubo" | "gaia">> = {
  dav: "webdav",
  ipfs: "ipfs-gateway",
  kubo: "kubo",
  gaia: "gaia",
};

/**
 * What the URL of a store in a configuration means: `https://` and `http://` are plain HTTP; `dav+`, `ipfs+`, `kubo+` and
 * `gaia+` before either name a kind of server; `s3://bucket/prefix`, `ftp://`, `ftps://`, `dht:` with a public key in hex,
 * and `file://`. Only for URLs that the application was configured with: none of these but `https:` comes out of a route.
 *
 * @throws INPUT_URL_INVALID; the message shows no part of the URL but its scheme, since it may hold a password
 */
export function parseStorageUrl(text: string): StoragePlace {
  const [, scheme = "", rest = ""] = /^([A-Za-z][A-Za-z0-9+.-]*):(.*)$/s.exec(text) ?? [];
  const lower = scheme.toLowerCase();
  const [family = "", transport, ...more] = lower.split("+");
  // It would be in the history of the shell, in the list of processes and in the configuration.
  if (/^\/\/[^/?#]*@/.test(rest)) throw unusable(`${lower}:`, "no credentials belong in it");
  if (lower === "http" || lower === "https") return { kind: "http", url: text };
  if (lower === "ftp" || lower === "ftps") return { kind: "ftp", url: text };
  if (lower === "file") return { kind: "disk", url: text };
  if (lower === "dht") return { kind: "dht", publicKey: rest };
  if (lower === "s3") {
    const [, bucket, prefix = ""] = /^\/\/([^/?#]+)(?:\/([^?#]*))?$/.exec(rest) ?? [];
    if (bucket === undefined) throw unusable("s3:", "expected s3://bucket or s3://bucket/prefix");
    return { kind: "s3", bucket, prefix };
  }
  const kind = Object.hasOwn(FAMILIES, family) ? FAMILIES[family] : undefined;
  if (kind !== undefined && (transport === "http" || transport === "https") && more.length === 0) {
    return { kind, url: `${transport}:${rest}` };
  }
  throw unusable(lower === "" ? "it" : `${lower}:`, `expected ${SCHEMES}`);
}

function unusable(what: string, reason: string): HawserError<"INPUT_URL_INVALID"> {
  const full = `${what} is no such URL; ${reason}`;
  return new HawserError("INPUT_URL_INVALID", `The URL of a store cannot be used: ${full}.`, {
    url: what,
    reason: full,
  });
}
