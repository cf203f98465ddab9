import { encodeBase64 } from "../bytes/base64.js";
import { utf8 } from "../bytes/bytes.js";
import { HawserError } from "../errors.js";
import { type HttpHeaders, resolveHeaders } from "../runtime/http-base.js";

/** A user name without `:`, and a password. Neither has control characters. */
export interface UserPassword {
  readonly username: string;
  readonly password: string;
}

/** Fixed credentials, or a function that gives them anew. */
export type BasicCredentials = UserPassword | (() => UserPassword | Promise<UserPassword>);

/**
 * Headers with Basic authentication (RFC 7617, UTF-8) on top of others. Without credentials they stay as they are.
 */
export function withBasicAuth(
  credentials: BasicCredentials | undefined,
  headers: HttpHeaders | undefined,
): HttpHeaders | undefined {
  if (credentials === undefined) return headers;
  return async ({ method }) => ({
    ...(await resolveHeaders(headers, method)),
    authorization: basicAuthorization(await resolveCredentials(credentials)),
  });
}

/** The credentials for one login. Errors never show them. @throws INPUT_CONFIG_INVALID */
export async function resolveCredentials(credentials: BasicCredentials): Promise<UserPassword> {
  let given: unknown;
  try {
    given = typeof credentials === "function" ? await credentials() : credentials;
  } catch {
    // Not kept as the cause: it is the application's, and may show what it asked for.
    throw invalidCredentials("the function failed");
  }
  const { username, password } = (given ?? {}) as Partial<Record<keyof UserPassword, unknown>>;
  if (typeof username !== "string" || typeof password !== "string") throw invalidCredentials("no strings");
  // A line break would end the command or header that carries them.
  if (/[\p{Cc}]/u.test(username + password)) throw invalidCredentials("control characters");
  return { username, password };
}

function basicAuthorization({ username, password }: UserPassword): string {
  if (username.includes(":")) throw invalidCredentials("a user name with a colon");
  return `Basic ${encodeBase64(utf8(`${username}:${password}`))}`;
}

function invalidCredentials(reason: string): HawserError<"INPUT_CONFIG_INVALID"> {
  const details = { setting: "credentials", reason };
  return new HawserError("INPUT_CONFIG_INVALID", `The setting credentials cannot be used: ${reason}.`, details);
}
