import { isHawserError } from "../errors.js";
import { invalidSetting } from "./s3-place.js";

/** Keys of an S3 service. They are sent to it in signed form alone. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials. */
  readonly sessionToken?: string | undefined;
}

/** Credentials, or a function that is called before each request and may refresh them. */
export type S3CredentialSource = S3Credentials | (() => S3Credentials | Promise<S3Credentials>);

/** The credentials for one request. Errors never show a value. @throws INPUT_CONFIG_INVALID, and its own of the function */
export async function resolveS3Credentials(source: S3CredentialSource): Promise<S3Credentials> {
  if (typeof source !== "function") return parseCredentials(source);
  let given: unknown;
  try {
    given = await source();
  } catch (error) {
    if (isHawserError(error)) throw error;
    // Not kept as the cause: what such a function fails with may show what it holds.
    throw invalidSetting("credentials", "the function failed");
  }
  return parseCredentials(given);
}

/** @throws INPUT_CONFIG_INVALID */
export function parseCredentials(given: unknown): S3Credentials {
  const { accessKeyId, secretAccessKey, sessionToken } = (given ?? {}) as Readonly<Record<string, unknown>>;
  if (!isToken(accessKeyId)) throw invalidSetting("credentials", "no accessKeyId of printable ASCII characters");
  if (!isToken(secretAccessKey))
    throw invalidSetting("credentials", "no secretAccessKey of printable ASCII characters");
  if (sessionToken === undefined) return { accessKeyId, secretAccessKey };
  if (!isToken(sessionToken))
    throw invalidSetting("credentials", "a sessionToken of other than printable ASCII characters");
  return { accessKeyId, secretAccessKey, sessionToken };
}

function isToken(value: unknown): value is string {
  return typeof value === "string" && /^[\x21-\x7e]{1,8192}$/.test(value);
}
