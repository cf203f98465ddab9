import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import * as z from "zod/mini";
import { type Json, parseJson } from "../bytes/json.js";
import { HawserError } from "../errors.js";
import type { StorageSetting } from "../storage/open.js";
import { WRITE_GAP_MAX_MS } from "../storage/write-gap.js";
import type { Environment } from "./command.js";
import { isMissing, readFileAtMost } from "./files.js";
import type { SourceSetting } from "./source-url.js";

/**
 * A store as the configuration names it: a URL as `parseStorageUrl` takes it or the path of a directory, and members that
 * belong to its kind.
 */
export interface StoreSetting extends Omit<StorageSetting, "credentials"> {
  /** JSON file with the store's keys or passwords. */
  readonly credentialsFile?: string | undefined;
}

/** The members of `config.json`; each is optional. */
export interface ConfigFile {
  readonly network?: string | undefined;
  readonly sources?: readonly (string | SourceSetting)[] | undefined;
  /** URLs and paths of header files. */
  readonly headerFiles?: readonly string[] | undefined;
  readonly stores?: readonly (string | StoreSetting)[] | undefined;
  readonly allowHosts?: readonly string[] | undefined;
  readonly cache?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly signerKeyFile?: string | undefined;
  readonly minSources?: number | undefined;
  readonly minConfirmations?: number | undefined;
  readonly required?: number | undefined;
  readonly timeoutMs?: number | undefined;
  readonly feeRateSatsPerVbyte?: number | undefined;
  readonly maxFeeSats?: number | undefined;
}

const MAX_BYTES = 256 * 1024;

/** As much as the flags take. */
export const MAX_TIMEOUT_MS = 7 * 24 * 3_600_000;
export const MAX_CONFIRMATIONS = 10_000;

const count = z.number().check(z.int(), z.minimum(1));
const texts = z.array(z.string());
const store = z.strictObject({
  url: z.string(),
  writable: z.optional(z.boolean()),
  conditional: z.optional(z.boolean()),
  publicBaseUrl: z.optional(z.string()),
  label: z.optional(z.string()),
  endpoint: z.optional(z.string()),
  region: z.optional(z.string()),
  style: z.optional(z.enum(["path", "virtual-hosted"])),
  minWriteGapMs: z.optional(z.number().check(z.int(), z.minimum(0), z.maximum(WRITE_GAP_MAX_MS))),
  secure: z.optional(z.literal("explicit")),
  address: z.optional(z.string()),
  bootstrap: z.optional(texts),
  credentialsFile: z.optional(z.string()),
});
const source = z.strictObject({
  url: z.string(),
  label: z.optional(z.string()),
  cookieFile: z.optional(z.string()),
  user: z.optional(z.string()),
  passwordFile: z.optional(z.string()),
});
const configFile = z.strictObject({
  network: z.optional(z.string()),
  sources: z.optional(z.array(z.union([z.string(), source]))),
  headerFiles: z.optional(texts),
  stores: z.optional(z.array(z.union([z.string(), store]))),
  allowHosts: z.optional(texts),
  cache: z.optional(z.string()),
  keyFile: z.optional(z.string()),
  signerKeyFile: z.optional(z.string()),
  minSources: z.optional(count),
  minConfirmations: z.optional(count.check(z.maximum(MAX_CONFIRMATIONS))),
  required: z.optional(count),
  timeoutMs: z.optional(count.check(z.maximum(MAX_TIMEOUT_MS))),
  feeRateSatsPerVbyte: z.optional(z.number().check(z.positive())),
  maxFeeSats: z.optional(count),
});

/** Where the configuration lies: `$XDG_CONFIG_HOME/hawser/config.json`. */
export function configPath(environment: Environment): string {
  return join(xdgDirectory(environment, "XDG_CONFIG_HOME", ".config"), "hawser", "config.json");
}

/** Where state lies: `$XDG_STATE_HOME/hawser/<network>`. */
export function statePath(environment: Environment, network: string): string {
  return join(xdgDirectory(environment, "XDG_STATE_HOME", ".local/state"), "hawser", network);
}

function xdgDirectory(environment: Environment, variable: string, fallback: string): string {
  const given = environment[variable];
  // The XDG specification: a relative path is to be ignored.
  if (given !== undefined && isAbsolute(given)) return given;
  const home = environment["HOME"];
  return join(home === undefined || home === "" ? homedir() : home, fallback);
}

/**
 * The configuration file; empty where there is none. Relative paths in it count from its directory.
 *
 * @throws INPUT_CONFIG_INVALID, INPUT_FILE_UNUSABLE
 */
export async function readConfigFile(path: string): Promise<ConfigFile> {
  let bytes: Uint8Array;
  try {
    bytes = await readFileAtMost(path, MAX_BYTES);
  } catch (error) {
    if (error instanceof HawserError && isMissing(error.cause)) return {};
    throw error;
  }
  return parseConfigFile(bytes, path);
}

/**
 * Parses a configuration file. Unknown members are refused: one that is spelt wrongly would otherwise weaken a check
 * without a word.
 *
 * @param path - for messages, and for relative paths in it
 * @throws INPUT_CONFIG_INVALID
 */
export function parseConfigFile(bytes: Uint8Array, path: string): ConfigFile {
  const fail = (reason: string): HawserError => {
    return new HawserError("INPUT_CONFIG_INVALID", `${path} cannot be used: ${reason}.`, { setting: path, reason });
  };
  const parsed = configFile.safeParse(parseJson(bytes, { fail, readNumber }), { error: messageOf });
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.join(".") ?? "";
    throw fail(`${where === "" ? "" : `${where}: `}${issue?.message ?? "wrong"}`);
  }
  const { data } = parsed;
  const directory = dirname(path);
  return {
    ...data,
    sources: data.sources?.map((one) =>
      typeof one === "string"
        ? one
        : {
            ...one,
            cookieFile: one.cookieFile === undefined ? undefined : resolve(directory, one.cookieFile),
            passwordFile: one.passwordFile === undefined ? undefined : resolve(directory, one.passwordFile),
          },
    ),
    stores: data.stores?.map((one) =>
      typeof one === "string"
        ? placeFrom(directory, one)
        : {
            ...one,
            url: placeFrom(directory, one.url),
            credentialsFile: one.credentialsFile === undefined ? undefined : resolve(directory, one.credentialsFile),
          },
    ),
    headerFiles: data.headerFiles?.map((one) => placeFrom(directory, one)),
    cache: data.cache === undefined || data.cache === "memory:" ? data.cache : resolve(directory, data.cache),
    keyFile: data.keyFile === undefined ? undefined : resolve(directory, data.keyFile),
    signerKeyFile: data.signerKeyFile === undefined ? undefined : resolve(directory, data.signerKeyFile),
  };
}

/** Whether a place is a path, not a URL. A scheme of one letter is a drive. */
export function isPath(place: string): boolean {
  return !/^[A-Za-z][A-Za-z0-9+.-]+:/.test(place);
}

function placeFrom(directory: string, place: string): string {
  return isPath(place) ? resolve(directory, place) : place;
}

/** Fee rates have decimals. */
function readNumber(text: string): Json {
  return /^-?(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{1,15})?$/.test(text) ? Number(text) : text;
}

/** The messages of zod are not part of its small build. */
function messageOf(issue: { readonly code?: string; readonly expected?: unknown; readonly keys?: unknown }): string {
  if (issue.code === "unrecognized_keys" && Array.isArray(issue.keys)) {
    return `unknown member ${issue.keys.map((key) => JSON.stringify(key)).join(", ")}`;
  }
  if (issue.code === "invalid_type" && typeof issue.expected === "string") return `expected ${issue.expected}`;
  if (issue.code === "too_small") return "the number is too small";
  if (issue.code === "too_big") return "the number is too large";
  if (issue.code === "invalid_union")
    return "expected a URL, or an object with a url and members that docs/guides/node.md lists";
  return "not of the documented form";
}
