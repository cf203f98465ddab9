import * as z from "zod/mini";
import { parseJson } from "../bytes/json.js";
import { HawserError } from "../errors.js";
import type { StorageCredentials } from "../storage/open.js";
import { parseStorageUrl, type StorageKind } from "../storage/storage-url.js";
import type { Environment } from "./command.js";
import { isPath, type StoreSetting } from "./config-file.js";
import { readFileAtMost } from "./files.js";

const MAX_BYTES = 16 * 1024;

/** Which environment variable holds a credential, where no file is named; Amazon's own names for S3. */
export const STORE_VARIABLES = {
  accessKeyId: "AWS_ACCESS_KEY_ID",
  secretAccessKey: "AWS_SECRET_ACCESS_KEY",
  sessionToken: "AWS_SESSION_TOKEN",
  username: "HAWSER_STORE_USER",
  password: "HAWSER_STORE_PASSWORD",
  token: "HAWSER_STORE_TOKEN",
  secretKey: "HAWSER_STORE_SECRET_KEY",
} as const;

/**
 * What the environment gives to which kind. Nothing to plain HTTP: what is only read there is read by everybody, and a
 * token for one server must not be sent to another.
 */
const OF_KIND: Partial<Readonly<Record<StorageKind, readonly (keyof StorageCredentials)[]>>> = {
  s3: ["accessKeyId", "secretAccessKey", "sessionToken"],
  webdav: ["username", "password"],
  ftp: ["username", "password"],
  gaia: ["token"],
  kubo: ["token"],
  dht: ["secretKey"],
};

const text = z.optional(z.string());
const credentialsFile = z.strictObject({
  accessKeyId: text,
  secretAccessKey: text,
  sessionToken: text,
  username: text,
  password: text,
  token: text,
  secretKey: text,
});

/**
 * The credentials of one of `stores`: of its file, else of the environment. Those of the environment are for one store
 * of a kind: with two it would be open whose they are.
 *
 * @throws INPUT_CONFIG_INVALID, INPUT_FILE_UNUSABLE, INPUT_TOO_LARGE, INPUT_URL_INVALID
 */
export async function readStoreCredentials(
  store: StoreSetting,
  stores: readonly StoreSetting[],
  environment: Environment,
): Promise<StorageCredentials | undefined> {
  if (store.credentialsFile !== undefined) return parseCredentials(store.credentialsFile);
  const kind = kindOf(store);
  const members = OF_KIND[kind] ?? [];
  const found = Object.fromEntries(
    members.flatMap((member) => {
      const value = environment[STORE_VARIABLES[member]];
      return value === undefined || value === "" ? [] : [[member, value]];
    }),
  );
  if (Object.keys(found).length === 0) return undefined;
  // WebDAV and FTP share their variables.
  const shares = (other: StoreSetting): boolean =>
    other.credentialsFile === undefined && OF_KIND[kindOf(other)]?.[0] === members[0];
  if (stores.filter(shares).length > 1) {
    const names = Object.keys(found).map((member) => STORE_VARIABLES[member as keyof StorageCredentials]);
    throw badCredentials(`several stores would take ${names.join(" and ")}; name a credentialsFile for each`);
  }
  return found;
}

/** What the environment says of S3 besides keys, for stores that do not say it themselves. */
export function withAmazonDefaults(store: StoreSetting, environment: Environment): StoreSetting {
  if (kindOf(store) !== "s3") return store;
  const variable = (...names: readonly string[]): string | undefined =>
    names.map((name) => environment[name]).find((value) => value !== undefined && value !== "");
  return {
    ...store,
    endpoint: store.endpoint ?? variable("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    region: store.region ?? variable("AWS_REGION", "AWS_DEFAULT_REGION"),
  };
}

function kindOf({ url }: StoreSetting): StorageKind {
  return isPath(url) ? "disk" : parseStorageUrl(url).kind;
}

async function parseCredentials(path: string): Promise<StorageCredentials> {
  // Neither the bytes nor what the parser says of them is shown.
  const fail = (): HawserError =>
    badCredentials(`${path} is no JSON object of the documented members, all of them text`);
  const parsed = credentialsFile.safeParse(parseJson(await readFileAtMost(path, MAX_BYTES), { fail }));
  if (!parsed.success) throw fail();
  return parsed.data;
}

function badCredentials(reason: string): HawserError<"INPUT_CONFIG_INVALID"> {
  return new HawserError("INPUT_CONFIG_INVALID", `credentials of a store: ${reason}.`, { setting: "stores", reason });
}
