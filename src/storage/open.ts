import { decodeHex, isHex } from "../bytes/hex.js";
import { HawserError } from "../errors.js";
import type { StorageProvider, StorageReader, UrlReader } from "../ports.js";
import { parseStorageUrl, type StorageKind, type StoragePlace } from "./storage-url.js";

/** Credentials of one store; each kind takes its own members. */
export interface StorageCredentials {
  /** S3. */
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: string | undefined;
  readonly sessionToken?: string | undefined;
  /** WebDAV and FTP. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Gaia; for plain HTTP, WebDAV and Kubo a bearer token. */
  readonly token?: string | undefined;
  /** DHT: the ed25519 seed, 32 bytes in hex. */
  readonly secretKey?: string | undefined;
}

/** A store as a configuration names it. */
export interface StorageSetting {
  /** As {@link parseStorageUrl} takes it. Without credentials. */
  readonly url: string;
  /** Plain HTTP: whether the server takes PUT and DELETE. Default false. */
  readonly writable?: boolean | undefined;
  /**
   * Whether the server honours conditions on writes. Default: plain HTTP false; S3 and WebDAV are asked before the first
   * write.
   */
  readonly conditional?: boolean | undefined;
  /** Base of the URLs that readers are given. Default: plain HTTP the URL itself, else none. */
  readonly publicBaseUrl?: string | undefined;
  /** Name in verdicts. Default: made of the URL. */
  readonly label?: string | undefined;
  /** S3: the service, for example `https://s3.eu-central-003.backblazeb2.com`. Default: AWS. */
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly style?: "path" | "virtual-hosted" | undefined;
  /** S3: ms - 0 to 60,000, between two writes of one key. Default: 1,000 for R2, else 0. */
  readonly minWriteGapMs?: number | undefined;
  /** FTP: TLS from the first command on (`AUTH TLS`). Without it `ftp://` sends the password as it is. */
  readonly secure?: "explicit" | undefined;
  /** Gaia: whose storage it is. */
  readonly address?: string | undefined;
  /** DHT: nodes to begin with, as `host:port`. Default: nodes of the public DHT. */
  readonly bootstrap?: readonly string[] | undefined;
  readonly credentials?: StorageCredentials | undefined;
}

/** What {@link openStorage} gives. */
export interface OpenedStorage {
  readonly kind: StorageKind;
  readonly reader: StorageReader;
  /** The same as a place that is written to; null where it can only be read, or was not said to be writable. */
  readonly provider: StorageProvider | null;
  /** Opens URLs of the scheme that the place publishes (`ipfs:`, `dht:`), for `urlReaders` of a reader; else null. */
  readonly urlReader: UrlReader | null;
  close(): Promise<void>;
}

/** Other places that an opened one may need. */
export interface OpenStorageContext {
  /** DHT: a record that is too large for it is replaced by a pointer to these places. */
  readonly pointTo?: readonly StorageReader[] | undefined;
  /** DHT: opens the URLs of such pointers, under U1. */
  readonly follow?: UrlReader | undefined;
}

/**
 * Opens the store that a setting names. The code of each kind is loaded when one is named, so that nobody loads what is
 * not used. For Node: `file:`, `ftp:` and `dht:` need it.
 *
 * @throws INPUT_URL_INVALID, INPUT_CONFIG_INVALID for members that do not belong to the kind, or are missing,
 * INPUT_INVALID for numbers out of their range
 */
export async function openStorage(
  setting: string | StorageSetting,
  context: OpenStorageContext = {},
): Promise<OpenedStorage> {
  const given: StorageSetting = typeof setting === "string" ? { url: setting } : setting;
  const place = parseStorageUrl(given.url);
  assertMembers(place.kind, given);
  const opened = await openPlace(place, given, context);
  const { reader } = opened;
  return { kind: place.kind, ...opened, close: async () => reader.close?.() };
}

/** Members of a setting besides `url` and `label`, and of its credentials, that mean something for a kind. */
const MEMBERS: Readonly<
  Record<
    StorageKind,
    readonly [settings: readonly (keyof StorageSetting)[], keys: readonly (keyof StorageCredentials)[]]
  >
> = {
  http: [["writable", "conditional", "publicBaseUrl", "credentials"], ["token"]],
  disk: [["writable", "publicBaseUrl"], []],
  s3: [
    ["writable", "conditional", "publicBaseUrl", "endpoint", "region", "style", "minWriteGapMs", "credentials"],
    ["accessKeyId", "secretAccessKey", "sessionToken"],
  ],
  webdav: [
    ["writable", "conditional", "publicBaseUrl", "credentials"],
    ["username", "password", "token"],
  ],
  ftp: [
    ["writable", "publicBaseUrl", "secure", "credentials"],
    ["username", "password"],
  ],
  "ipfs-gateway": [[], []],
  kubo: [["writable", "credentials"], ["token"]],
  gaia: [["writable", "address", "credentials"], ["token"]],
  dht: [["writable", "bootstrap", "credentials"], ["secretKey"]],
};

/** A member that is not heeded would be a mistake without a word. */
function assertMembers(kind: StorageKind, setting: StorageSetting): void {
  const [settings, keys] = MEMBERS[kind];
  const { credentials = {} } = setting;
  const isSet = (member: string, value: unknown): boolean =>
    value !== undefined && !(member === "writable" && value === false);
  const stray = Object.entries(setting).find(
    ([member, value]) => isSet(member, value) && !["url", "label", ...settings].includes(member),
  );
  if (stray !== undefined) throw badSetting(stray[0], `it means nothing for a store of the kind ${kind}`);
  const strayKey = Object.entries(credentials).find(
    ([member, value]) => value !== undefined && !(keys as readonly string[]).includes(member),
  );
  if (strayKey !== undefined) {
    throw badSetting(`credentials.${strayKey[0]}`, `it means nothing for a store of the kind ${kind}`);
  }
}

function directoryOf(url: string, fileURLToPath: (url: string) => string): string {
  try {
    return fileURLToPath(url);
  } catch {
    throw badSetting("url", "expected a file: URL of an absolute path without a host");
  }
}

function badSetting(member: string, reason: string): HawserError<"INPUT_CONFIG_INVALID"> {
  const setting = `stores.${member}`;
  return new HawserError("INPUT_CONFIG_INVALID", `${setting}: ${reason}.`, { setting, reason });
}

type Opened = Pick<OpenedStorage, "reader" | "provider" | "urlReader">;

async function openPlace(place: StoragePlace, setting: StorageSetting, context: OpenStorageContext): Promise<Opened> {
  const { label, publicBaseUrl, conditional, credentials } = setting;
  const common = { label, ...(publicBaseUrl === undefined ? {} : { publicBaseUrl }) };
  switch (place.kind) {
    case "http": {
      const { http } = await import("./http.js");
      const { writable, conditional: honoured } = setting;
      const storage = http(place.url, { ...common, writable, conditional: honoured, headers: bearer(credentials) });
      return { reader: storage, provider: writable === true ? storage : null, urlReader: null };
    }
    case "disk": {
      const [{ diskStorage }, { fileURLToPath }] = await Promise.all([import("./disk.js"), import("node:url")]);
      return both(diskStorage(directoryOf(place.url, fileURLToPath), common));
    }
    case "s3": {
      const { s3 } = await import("./s3.js");
      const { endpoint, region, style, minWriteGapMs } = setting;
      const { accessKeyId, secretAccessKey, sessionToken } = credentials ?? {};
      if (accessKeyId === undefined || secretAccessKey === undefined) {
        throw badSetting("credentials", "S3 needs an accessKeyId and a secretAccessKey");
      }
      const { bucket, prefix } = place;
      const keys = { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
      const bucketAt = { bucket, prefix, endpoint, region, style };
      return both(s3({ ...common, ...bucketAt, conditional, minWriteGapMs, credentials: keys }));
    }
    case "webdav": {
      const { webdav } = await import("./webdav.js");
      return both(webdav(place.url, { ...common, conditional, ...login(credentials), headers: bearer(credentials) }));
    }
    case "ftp": {
      const { ftp } = await import("./ftp.js");
      return both(ftp(place.url, { ...common, secure: setting.secure, ...login(credentials) }));
    }
    case "ipfs-gateway": {
      const { ipfsGateway } = await import("./ipfs-gateway.js");
      const storage = ipfsGateway(place.url, { label });
      return { reader: storage, provider: null, urlReader: storage };
    }
    case "kubo": {
      const { kubo } = await import("./kubo.js");
      const storage = kubo(place.url, { label, headers: bearer(credentials) });
      return { ...both(storage), urlReader: storage };
    }
    case "gaia": {
      const { gaia } = await import("./gaia.js");
      const { address } = setting;
      const token = credentials?.token;
      if (address === undefined || token === undefined)
        throw badSetting("address", "Gaia needs an address and a token");
      return both(gaia({ hubUrl: place.url, address, token, label }));
    }
    case "dht": {
      const { dht } = await import("./dht.js");
      const { bootstrap } = setting;
      const publicKey = keyOf("url", place.publicKey);
      const secret = credentials?.secretKey;
      const secretKey = secret === undefined ? undefined : keyOf("credentials.secretKey", secret);
      const storage = dht({ ...context, publicKey, secretKey, bootstrap, label });
      return { reader: storage, provider: secretKey === undefined ? null : storage, urlReader: storage };
    }
  }
}

function both(provider: StorageProvider): Opened {
  return { reader: provider, provider, urlReader: null };
}

function bearer(credentials: StorageCredentials | undefined): Readonly<Record<string, string>> | undefined {
  return credentials?.token === undefined ? undefined : { authorization: `Bearer ${credentials.token}` };
}

function login(credentials: StorageCredentials | undefined): {
  readonly credentials?: { readonly username: string; readonly password: string };
} {
  const { username, password } = credentials ?? {};
  if (username === undefined && password === undefined) return {};
  if (username === undefined || password === undefined)
    throw badSetting("credentials", "expected a username and a password, or neither");
  return { credentials: { username, password } };
}

function keyOf(what: string, hex: string): Uint8Array {
  // Not shown: it may be a secret.
  if (!isHex(hex, 32)) throw badSetting(what, "expected 64 lower-case hex digits");
  return decodeHex(hex);
}
