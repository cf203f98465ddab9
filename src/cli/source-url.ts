import type { NetworkId } from "../chain/network.js";
import { esplora } from "../chain/sources/esplora.js";
import { HawserError, isHawserError } from "../errors.js";
import type { ChainSource } from "../ports.js";
import type { Environment } from "./command.js";
import { readFileAtMost } from "./files.js";

/** A chain source as flags, environment and configuration name it. */
export interface SourceSetting {
  /**
   * `https://` or `http://` (Esplora, also `esplora+https://`), `electrum+tcp://`, `electrum+tls://`, `electrum+ws://`,
   * `electrum+wss://`, `bitcoin+http://` or `bitcoin+https://`.
   */
  readonly url: string;
  /** Name in verdicts. Default: made of the URL. */
  readonly label?: string | undefined;
  /** Bitcoin Core: path of its `.cookie`. */
  readonly cookieFile?: string | undefined;
  /** Bitcoin Core: the user of its RPC; the password comes from `passwordFile` or the environment. */
  readonly user?: string | undefined;
  readonly passwordFile?: string | undefined;
}

/** Which kind of server a URL names, and the URL as its source takes it. */
export interface SourceUrl {
  readonly kind: "esplora" | "electrum" | "bitcoin-core";
  readonly url: string;
}

/** The schemes that `--source` takes, for help and errors. */
const SCHEMES = "https://, electrum+tls://, electrum+tcp://, electrum+wss://, electrum+ws:// or bitcoin+http://";
/** Credentials of Bitcoin Core's RPC, for sources that have none in the configuration file. */
export const CREDENTIAL_VARIABLES = {
  cookieFile: "HAWSER_RPC_COOKIE_FILE",
  user: "HAWSER_RPC_USER",
  password: "HAWSER_RPC_PASSWORD",
} as const;
const MAX_PASSWORD_BYTES = 4_096;

/**
 * What a URL of a chain source means.
 *
 * @throws INPUT_URL_INVALID; the message shows no part of the URL but its scheme, since it may hold a password
 */
export function parseSourceUrl(text: string): SourceUrl {
  const [, scheme = "", rest = ""] = /^([A-Za-z][A-Za-z0-9+.-]*):(\/\/.*)$/s.exec(text) ?? [];
  const [family = "", transport] = scheme.toLowerCase().split("+");
  if (transport === undefined) {
    if (family === "http" || family === "https") return { kind: "esplora", url: text };
  } else {
    const url = `${transport}:${rest}`;
    const isWeb = transport === "http" || transport === "https";
    if (family === "esplora" && isWeb) return { kind: "esplora", url };
    if (family === "electrum" && ["tcp", "tls", "ws", "wss"].includes(transport)) return { kind: "electrum", url };
    if (family === "bitcoin" && isWeb) {
      // It would be in the history of the shell and in the list of processes.
      if (/^\/\/[^/?#]*@/.test(rest)) {
        throw unusable(`${scheme}:`, `no credentials belong in it; ${credentialWays()}`);
      }
      return { kind: "bitcoin-core", url };
    }
  }
  throw unusable(scheme === "" ? "it" : `${scheme}:`, `expected ${SCHEMES}`);
}

/**
 * The chain source that a setting describes. The code of each kind is loaded when one is named.
 *
 * @throws INPUT_URL_INVALID, INPUT_CONFIG_INVALID, INPUT_FILE_UNUSABLE, INPUT_TOO_LARGE
 */
export async function createSource(
  setting: SourceSetting,
  network: NetworkId,
  environment: Environment,
): Promise<ChainSource> {
  const { label } = setting;
  const { kind, url } = parseSourceUrl(setting.url);
  if (kind !== "bitcoin-core") assertNoCredentials(setting, kind);
  if (kind === "esplora") return esplora(url, { label });
  if (kind === "electrum") {
    const { electrum } = await import("../chain/sources/electrum.js");
    return electrum(url, { label });
  }
  const credentials = await readCredentials(setting, environment);
  const { bitcoinCore } = await import("../chain/sources/bitcoin-core.js");
  return bitcoinCore(url, { label, network, ...credentials });
}

type Credentials = { readonly cookieFile: string } | { readonly user: string; readonly password: string };

/** The setting's own credentials, else those of the environment. */
async function readCredentials(setting: SourceSetting, environment: Environment): Promise<Credentials> {
  const { cookieFile, user, passwordFile } = setting;
  if (cookieFile !== undefined && (user !== undefined || passwordFile !== undefined)) {
    throw badSetting("expected cookieFile, or user with passwordFile, and not both");
  }
  if (cookieFile !== undefined) return { cookieFile };
  const variable = (name: keyof typeof CREDENTIAL_VARIABLES): string | undefined => {
    const value = environment[CREDENTIAL_VARIABLES[name]];
    return value === "" ? undefined : value;
  };
  const given = user ?? variable("user");
  if (given !== undefined) {
    const password = passwordFile === undefined ? variable("password") : await readPassword(passwordFile);
    if (password === undefined) {
      throw badSetting(`a user without a password; name a passwordFile or set ${CREDENTIAL_VARIABLES.password}`);
    }
    return { user: given, password };
  }
  if (passwordFile !== undefined) throw badSetting("a passwordFile without a user");
  const cookie = variable("cookieFile");
  if (cookie === undefined) throw badSetting(`no credentials for Bitcoin Core; ${credentialWays()}`);
  return { cookieFile: cookie };
}

/** The first line of a file. */
async function readPassword(path: string): Promise<string> {
  const text = new TextDecoder().decode(await readFileAtMost(path, MAX_PASSWORD_BYTES));
  return text.replace(/\r?\n[^]*$/, "");
}

function assertNoCredentials({ cookieFile, user, passwordFile }: SourceSetting, kind: string): void {
  if (cookieFile === undefined && user === undefined && passwordFile === undefined) return;
  throw badSetting(`cookieFile, user and passwordFile belong to bitcoin+http: sources, got ${kind}`);
}

function credentialWays(): string {
  const { cookieFile, user, password } = CREDENTIAL_VARIABLES;
  return `name a cookieFile, or user and passwordFile, in the configuration file, or set ${cookieFile}, or ${user} and ${password}`;
}

function badSetting(reason: string): HawserError<"INPUT_CONFIG_INVALID"> {
  return new HawserError("INPUT_CONFIG_INVALID", `sources: ${reason}.`, { setting: "sources", reason });
}

function unusable(what: string, reason: string): HawserError<"INPUT_URL_INVALID"> {
  const message = `The URL of a source cannot be used: ${what} is no such URL; ${reason}.`;
  return new HawserError("INPUT_URL_INVALID", message, { url: what, reason: `${what} is no such URL; ${reason}` });
}

/** Ends the connections that a source holds. */
export async function closeSource(source: ChainSource): Promise<void> {
  if (!("close" in source) || typeof source.close !== "function") return;
  try {
    await (source as { close(): Promise<void> }).close();
  } catch (error) {
    // What was asked of it is done.
    if (!isHawserError(error)) throw error;
  }
}
