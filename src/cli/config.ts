import { fileURLToPath } from "node:url";
import { getNetwork, type NetworkId } from "../chain/network.js";
import { HawserError } from "../errors.js";
import type { Arguments, Environment } from "./command.js";
import {
  type ConfigFile,
  configPath,
  isPath,
  MAX_CONFIRMATIONS,
  MAX_TIMEOUT_MS,
  readConfigFile,
  type StoreSetting,
  statePath,
} from "./config-file.js";
import { CREDENTIAL_VARIABLES, type SourceSetting } from "./source-url.js";
import { STORE_VARIABLES } from "./store-credentials.js";
import { type FailValue, readInteger, readRate, usageError } from "./usage.js";

/** What a command works with, after flags, environment and configuration file were put on top of one another. */
export interface Settings {
  readonly network: NetworkId;
  readonly sources: readonly SourceSetting[];
  /** URLs and paths. */
  readonly headerFiles: readonly string[];
  /** Read from; those that are writable are also written to. No two have one place. */
  readonly stores: readonly StoreSetting[];
  readonly allowHosts: readonly string[];
  /** A directory, or `memory:`. */
  readonly cache: string;
  /** The key that owns and pays. */
  readonly keyFile: string | undefined;
  /** The key that signs records, where it is not that of `keyFile`. */
  readonly signerKeyFile: string | undefined;
  readonly minSources: number | undefined;
  readonly minConfirmations: number | undefined;
  readonly required: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly feeRateSatsPerVbyte: number | undefined;
  readonly maxFeeSats: bigint | undefined;
}

/** Where a value may stand besides its flag. */
interface Setting<Member extends keyof ConfigFile> {
  readonly flag: string;
  readonly variable: string;
  readonly member: Member;
}

const setting = <Member extends keyof ConfigFile>(flag: string, variable: string, member: Member): Setting<Member> => ({
  flag,
  variable,
  member,
});

const SETTINGS = {
  network: setting("network", "HAWSER_NETWORK", "network"),
  sources: setting("source", "HAWSER_SOURCES", "sources"),
  headerFiles: setting("header-file", "HAWSER_HEADER_FILES", "headerFiles"),
  stores: setting("store", "HAWSER_STORES", "stores"),
  writeStores: setting("write-store", "HAWSER_WRITE_STORES", "stores"),
  allowHosts: setting("allow-host", "HAWSER_ALLOW_HOSTS", "allowHosts"),
  cache: setting("cache", "HAWSER_CACHE", "cache"),
  keyFile: setting("key-file", "HAWSER_KEY_FILE", "keyFile"),
  signerKeyFile: setting("signer-key", "HAWSER_SIGNER_KEY_FILE", "signerKeyFile"),
  minSources: setting("min-sources", "HAWSER_MIN_SOURCES", "minSources"),
  minConfirmations: setting("min-confirmations", "HAWSER_MIN_CONFIRMATIONS", "minConfirmations"),
  required: setting("required", "HAWSER_REQUIRED", "required"),
  timeoutMs: setting("timeout", "HAWSER_TIMEOUT", "timeoutMs"),
  feeRate: setting("fee-rate", "HAWSER_FEE_RATE", "feeRateSatsPerVbyte"),
  maxFee: setting("max-fee-sats", "HAWSER_MAX_FEE_SATS", "maxFeeSats"),
} as const;

/** The environment variables that stand for flags, with the flag of each. */
export const environmentVariables: readonly (readonly [variable: string, flag: string])[] = [
  ...Object.values(SETTINGS).map(({ variable, flag }) => [variable, `--${flag}`] as const),
  ...Object.values(CREDENTIAL_VARIABLES).map((variable) => [variable, "of bitcoin+http: sources"] as const),
  ...Object.entries(STORE_VARIABLES).map(
    ([member, variable]) => [variable, `${member} of the store that needs one`] as const,
  ),
];

/**
 * Flags over `HAWSER_*` variables over `$XDG_CONFIG_HOME/hawser/config.json`. A list replaces the list below it; lists
 * in variables are separated by commas.
 *
 * @throws INPUT_INVALID for a flag, INPUT_CONFIG_INVALID for a variable or the file, INPUT_FILE_UNUSABLE
 */
export async function loadSettings(args: Arguments, environment: Environment): Promise<Settings> {
  const file = await readConfigFile(configPath(environment));
  const layers = new Layers(args, environment);
  const network = readNetwork(layers, file);
  return {
    network,
    sources: (layers.list(SETTINGS.sources)?.values ?? file.sources ?? []).map((source) =>
      typeof source === "string" ? { url: source } : source,
    ),
    headerFiles: layers.list(SETTINGS.headerFiles)?.values ?? file.headerFiles ?? [],
    stores: readStores(layers, file),
    allowHosts: layers.list(SETTINGS.allowHosts)?.values ?? file.allowHosts ?? [],
    cache: layers.text(SETTINGS.cache)?.value ?? file.cache ?? statePath(environment, network),
    keyFile: layers.text(SETTINGS.keyFile)?.value ?? file.keyFile,
    signerKeyFile: layers.text(SETTINGS.signerKeyFile)?.value ?? file.signerKeyFile,
    minSources: layers.integer(SETTINGS.minSources, 1) ?? file.minSources,
    minConfirmations: layers.integer(SETTINGS.minConfirmations, 1, MAX_CONFIRMATIONS) ?? file.minConfirmations,
    required: layers.integer(SETTINGS.required, 1) ?? file.required,
    timeoutMs: layers.integer(SETTINGS.timeoutMs, 1, MAX_TIMEOUT_MS) ?? file.timeoutMs,
    feeRateSatsPerVbyte: layers.read(SETTINGS.feeRate, readRate) ?? file.feeRateSatsPerVbyte,
    maxFeeSats: toSats(layers.integer(SETTINGS.maxFee, 0) ?? file.maxFeeSats),
  };
}

/** The network alone, for commands that need no more. @throws as {@link loadSettings} */
export async function loadNetwork(args: Arguments, environment: Environment): Promise<NetworkId> {
  return readNetwork(new Layers(args, environment), await readConfigFile(configPath(environment)));
}

function readNetwork(layers: Layers, file: ConfigFile): NetworkId {
  const given = layers.text(SETTINGS.network);
  const id = given?.value ?? file.network ?? "mainnet";
  try {
    return getNetwork(id).id;
  } catch {
    const fail = given?.fail ?? failConfig("network in the configuration file");
    throw fail("mainnet, testnet4, signet or regtest", JSON.stringify(id.slice(0, 40)));
  }
}

function readStores(layers: Layers, file: ConfigFile): readonly StoreSetting[] {
  const configured = (file.stores ?? []).map((store) => (typeof store === "string" ? { url: store } : store));
  const given = layers.list(SETTINGS.stores);
  const givenWritable = layers.list(SETTINGS.writeStores);
  const readOnly =
    given === undefined
      ? configured.filter(({ writable }) => writable !== true)
      : given.values.map((url): StoreSetting => ({ url }));
  const writable =
    givenWritable === undefined
      ? configured.filter((store) => store.writable === true)
      : givenWritable.values.map((url): StoreSetting => ({ url, writable: true }));
  const byPlace = new Map<string, StoreSetting>();
  // A place that is named for both is one that is written to.
  for (const store of [...readOnly, ...writable]) byPlace.set(placeKey(store.url), store);
  return [...byPlace.values()];
}

function placeKey(url: string): string {
  return url.replace(/\/$/, "");
}

/** The directory of a store that is one on disk, or null. @throws INPUT_CONFIG_INVALID */
export function directoryOf({ url }: StoreSetting): string | null {
  if (isPath(url)) return url;
  if (!/^file:/i.test(url)) return null;
  try {
    return fileURLToPath(url);
  } catch {
    throw failConfig("store")("a file: URL of an absolute path without a host", JSON.stringify(url.slice(0, 80)));
  }
}

function toSats(value: number | undefined): bigint | undefined {
  return value === undefined ? undefined : BigInt(value);
}

function failConfig(name: string): FailValue {
  return (expected, got) => {
    const reason = `expected ${expected}, got ${got}`;
    return new HawserError("INPUT_CONFIG_INVALID", `${name}: ${reason}.`, { setting: name, reason });
  };
}

/** Flags on top of the environment. */
class Layers {
  readonly #args: Arguments;
  readonly #environment: Environment;

  constructor(args: Arguments, environment: Environment) {
    this.#args = args;
    this.#environment = environment;
  }

  text({
    flag,
    variable,
  }: Setting<keyof ConfigFile>): { readonly value: string; readonly fail: FailValue } | undefined {
    const given = this.#args.declares(flag) ? this.#args.text(flag) : undefined;
    if (given !== undefined) {
      return { value: given, fail: (expected, got) => usageError(`--${flag}`, expected, got) };
    }
    const value = this.#environment[variable];
    return value === undefined || value === "" ? undefined : { value, fail: failConfig(variable) };
  }

  list({ flag, variable }: Setting<keyof ConfigFile>): { readonly values: readonly string[] } | undefined {
    const given = this.#args.declares(flag) ? this.#args.list(flag) : undefined;
    if (given !== undefined) return { values: given };
    const value = this.#environment[variable];
    if (value === undefined || value === "") return undefined;
    return { values: value.split(",").map((one) => one.trim()) };
  }

  read<T>(which: Setting<keyof ConfigFile>, read: (text: string, fail: FailValue) => T): T | undefined {
    const found = this.text(which);
    return found === undefined ? undefined : read(found.value, found.fail);
  }

  integer(which: Setting<keyof ConfigFile>, min: number, max?: number): number | undefined {
    return this.read(which, (text, fail) => readInteger(text, fail, min, max));
  }
}
