import { readFile } from "node:fs/promises";
import { encodeBase64 } from "../../bytes/base64.js";
import { utf8 } from "../../bytes/bytes.js";
import { HawserError, isHawserError } from "../../errors.js";

/** How a Bitcoin Core source proves to the server who it is: a cookie file, or a user with a password. */
export type BitcoinCoreCredentials =
  | {
      /** Path of the `.cookie` file in the server's data directory (of the network's own folder in it). */
      readonly cookieFile: string;
      readonly user?: undefined;
      readonly password?: undefined;
    }
  | {
      /** Without a colon. */
      readonly user: string;
      /** A function is called before each request and may refresh it. */
      readonly password: string | (() => string | Promise<string>);
      readonly cookieFile?: undefined;
    };

/** bytes - of a cookie file: Core writes 75. */
const COOKIE_MAX_BYTES = 1_024;

/** characters - of what is hidden in messages: a shorter password could not be told from any word. */
const LEAST_SECRET = 4;

/** The value of an Authorization header, and what must be shown nowhere. */
export interface Authorization {
  readonly header: string;
  readonly secrets: readonly string[];
}

/** @throws INPUT_CONFIG_INVALID */
export function checkCredentials(options: BitcoinCoreCredentials): void {
  // Callers without types give what they like.
  const { cookieFile, user, password }: { readonly [Name in keyof BitcoinCoreCredentials]?: unknown } = options;
  const isText = (value: unknown): boolean => typeof value === "string" && value !== "";
  if (cookieFile !== undefined) {
    if (user !== undefined || password !== undefined)
      throw invalidSetting("cookieFile", "given beside user and password");
    if (!isText(cookieFile)) throw invalidSetting("cookieFile", "not the path of a file");
    return;
  }
  if (!isText(user) || String(user).includes(":")) {
    throw invalidSetting("user", "a server needs a cookieFile, or a user (without a colon) and a password");
  }
  if (typeof password !== "string" && typeof password !== "function") throw invalidSetting("password", "missing");
}

/**
 * What the next request carries. The cookie is read each time, since every start of the server writes a new one.
 *
 * @throws INPUT_FILE_UNUSABLE, INPUT_CONFIG_INVALID
 */
export async function resolveCredentials(credentials: BitcoinCoreCredentials): Promise<Authorization> {
  if (credentials.cookieFile !== undefined) return authorizationOf(await readCookie(credentials.cookieFile));
  const { user, password } = credentials;
  let secret: unknown;
  try {
    secret = typeof password === "function" ? await password() : password;
  } catch (error) {
    if (isHawserError(error)) throw error;
    // Not kept as the cause: what a credential store says may hold the credential.
    throw invalidSetting("password", "the function failed");
  }
  if (typeof secret !== "string") throw invalidSetting("password", "the function gave no text");
  return authorizationOf(`${user}:${secret}`);
}

function authorizationOf(pair: string): Authorization {
  const encoded = encodeBase64(utf8(pair));
  const password = pair.slice(pair.indexOf(":") + 1);
  return {
    header: `Basic ${encoded}`,
    secrets: [encoded, pair, password].filter((secret) => secret.length >= LEAST_SECRET),
  };
}

async function readCookie(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown failure";
    const absent = code === "ENOENT" ? ": the server writes it when it starts and removes it when it stops" : "";
    throw unusableFile(path, `it cannot be read (${code})${absent}`);
  }
  const line = text.trim();
  if (line.length > COOKIE_MAX_BYTES || !/^[^:\s]+:\S+$/.test(line)) throw unusableFile(path, "it holds no cookie");
  return line;
}

function unusableFile(path: string, reason: string): HawserError<"INPUT_FILE_UNUSABLE"> {
  return new HawserError("INPUT_FILE_UNUSABLE", `The cookie file ${path} cannot be used: ${reason}.`, { path, reason });
}

function invalidSetting(setting: string, reason: string): HawserError<"INPUT_CONFIG_INVALID"> {
  return new HawserError("INPUT_CONFIG_INVALID", `The setting ${setting} cannot be used: ${reason}.`, {
    setting,
    reason,
  });
}
