import { pathToFileURL } from "node:url";
import { lmdbCache } from "../cache/lmdb.js";
import { memoryCache } from "../cache/memory.js";
import { headerFile } from "../chain/sources/header-file.js";
import type { ReadOptions } from "../client/read-options.js";
import { HawserError, isHawserError } from "../errors.js";
import { createReader, type Reader } from "../index.js";
import type { Cache, ChainSource, StorageProvider, StorageReader, UrlReader } from "../ports.js";
import { httpUrlReader } from "../storage/http-url-reader.js";
import { type OpenedStorage, openStorage } from "../storage/open.js";
import type { Environment, Invocation } from "./command.js";
import { directoryOf, loadSettings, type Settings } from "./config.js";
import type { StoreSetting } from "./config-file.js";
import { readExpectations, readPolicy } from "./expectation.js";
import { closeSource, createSource, type SourceSetting } from "./source-url.js";
import { readStoreCredentials, withAmazonDefaults } from "./store-credentials.js";

/** A reader as flags, environment and configuration describe it. */
export interface Reading {
  readonly settings: Settings;
  readonly reader: Reader;
  /** In the order of the settings. */
  readonly sources: readonly ChainSource[];
  readonly cache: Cache;
  /** Every store, those that are only read included. */
  readonly stores: readonly ConfiguredStore[];
  /** Options of every read. */
  readonly options: ReadOptions;
}

/** A store with its setting. */
export interface ConfiguredStore {
  readonly setting: StoreSetting;
  readonly reader: StorageReader;
  /** Null where the settings do not say that it is written to. */
  readonly provider: StorageProvider | null;
  readonly urlReader: UrlReader | null;
  close(): Promise<void>;
}

/**
 * Runs with a reader, whose cache is closed afterwards.
 *
 * @throws INPUT_CONFIG_INVALID, INPUT_INVALID, INPUT_URL_INVALID, and what `run` throws
 */
export async function withReader<T>(
  { args, environment, output, signal }: Invocation,
  run: (reading: Reading) => Promise<T>,
): Promise<T> {
  const settings = await loadSettings(args, environment);
  if (settings.sources.length === 0) {
    throw missingSetting("sources", "no chain source is named", "--source URL (better two), HAWSER_SOURCES");
  }
  const policy = readPolicy(args);
  const expectations = await readExpectations(args, settings.network);
  const stores = await openStores(settings, environment);
  const sources = await createSources(settings, environment);
  const cache = createCache(settings.cache);
  const reader = createReader({
    network: settings.network,
    sources,
    headerSources: settings.headerFiles.map((place) =>
      named("header file", place, () => headerFile(place, { network: settings.network })),
    ),
    storage: stores.map((store) => store.reader),
    urlReaders: stores.flatMap(({ urlReader }) => (urlReader === null ? [] : [urlReader])),
    cache,
    minSources: settings.minSources,
    minConfirmations: settings.minConfirmations,
    allowHosts: settings.allowHosts,
  });
  try {
    const options = { signal, timeoutMs: settings.timeoutMs, onEvent: output.progress, policy, ...expectations };
    return await run({ settings, reader, sources, cache, stores, options });
  } catch (error) {
    if (stores.length === 0 && isHawserError(error, "PROFILE_UNAVAILABLE")) {
      output.hint("No store is named to look in: --store URL, HAWSER_STORES or stores in the configuration file.");
    } else if (isHawserError(error, "CACHE_MISS")) {
      output.hint("Read it once without --policy cache-only; the cache then has it.");
    } else if (isHawserError(error, "CACHE_UNAVAILABLE")) {
      output.hint(`The cache is ${settings.cache}; --cache DIR takes another, --cache memory: keeps nothing.`);
    } else if (settings.network === "regtest" && isOtherChain(error)) {
      output.hint(`If this is a new regtest chain, name a new --cache: ${settings.cache} may hold another chain.`);
    }
    throw error;
  } finally {
    output.endProgress();
    await reader.close();
    await Promise.all([...sources.map(closeSource), ...stores.map((store) => store.close())]);
  }
}

/** Whether sources answered, but not with a chain that goes on from what is known. */
function isOtherChain(error: unknown): boolean {
  return (
    isHawserError(error, "CHAIN_UNAVAILABLE") && error.details.attempts.some(({ code }) => code.startsWith("CHAIN_"))
  );
}

/** The error for a setting that a command cannot do without. */
export function missingSetting(name: string, reason: string, ways: string): HawserError<"INPUT_CONFIG_INVALID"> {
  const message = `${name}: ${reason}; name one with ${ways} or in the configuration file.`;
  return new HawserError("INPUT_CONFIG_INVALID", message, { setting: name, reason });
}

/** The cache at a place of the settings. */
export function createCache(place: string): Cache {
  return place === "memory:" ? memoryCache() : lmdbCache(place);
}

/** Every store of the settings. @throws as {@link openStore} */
async function openStores(settings: Settings, environment: Environment): Promise<readonly ConfiguredStore[]> {
  const opened: ConfiguredStore[] = [];
  // The DHT comes last: what is too large for it is pointed to where it lies.
  const isDht = ({ url }: StoreSetting): boolean => /^dht:/i.test(url);
  for (const setting of [...settings.stores].sort((a, b) => Number(isDht(a)) - Number(isDht(b)))) {
    opened.push(await openStore(setting, settings, environment, opened));
  }
  const order = settings.stores.map(({ url }) => url);
  return opened.sort((a, b) => order.indexOf(a.setting.url) - order.indexOf(b.setting.url));
}

/**
 * A store of the settings, or one that a command names.
 *
 * @throws INPUT_CONFIG_INVALID, INPUT_URL_INVALID, INPUT_FILE_UNUSABLE
 */
export async function openStore(
  setting: StoreSetting,
  settings: Settings,
  environment: Environment,
  others: readonly ConfiguredStore[] = [],
): Promise<ConfiguredStore> {
  try {
    const named: Record<string, unknown> = { ...withAmazonDefaults(setting, environment) };
    delete named["credentialsFile"];
    const stores = [...settings.stores.filter(({ url }) => url !== setting.url), setting];
    const credentials = await readStoreCredentials(setting, stores, environment);
    const directory = directoryOf(setting);
    const url = directory === null ? setting.url : pathToFileURL(directory).href;
    const opened: OpenedStorage = await openStorage(
      { ...named, url, credentials },
      {
        pointTo: others.map(({ reader }) => reader),
        follow: httpUrlReader({ allowHosts: settings.allowHosts }),
      },
    );
    if (setting.writable === true && opened.provider === null) {
      throw missingSetting("stores", `${opened.reader.label} can only be read`, "--write-store of another kind");
    }
    const { reader, provider, urlReader } = opened;
    const isWritable = setting.writable === true;
    return { setting, reader, provider: isWritable ? provider : null, urlReader, close: () => opened.close() };
  } catch (error) {
    throw withUrl("store", setting.url, withPlace(setting, error));
  }
}

/** Every chain source of the settings. @throws INPUT_CONFIG_INVALID, INPUT_URL_INVALID, INPUT_FILE_UNUSABLE */
async function createSources(
  { sources, network }: Settings,
  environment: Environment,
): Promise<readonly ChainSource[]> {
  return Promise.all(
    sources.map(async (setting: SourceSetting) => {
      try {
        return await createSource(setting, network, environment);
      } catch (error) {
        throw withUrl("source", setting.url, error);
      }
    }),
  );
}

function named<T>(what: string, url: string, create: () => T): T {
  try {
    return create();
  } catch (error) {
    throw withUrl(what, url, error);
  }
}

/** Says which of several stores a wrong or missing setting belongs to, and where credentials may stand. */
function withPlace({ url, credentialsFile }: StoreSetting, error: unknown): unknown {
  if (!isHawserError(error, "INPUT_CONFIG_INVALID") || !error.details.setting.startsWith("stores.")) return error;
  const { setting, reason } = error.details;
  const isKeyless = setting === "stores.credentials" && credentialsFile === undefined;
  const ways = isKeyless
    ? "; name a credentialsFile in the configuration file, or set the variables of hawser --help"
    : "";
  const message = `The store ${JSON.stringify(url.slice(0, 80))}: ${setting}: ${reason}${ways}.`;
  return new HawserError("INPUT_CONFIG_INVALID", message, { setting, reason: `${reason}${ways}` });
}

/** Says which of several URLs is the wrong one. The library does not show it, since it may hold a password. */
function withUrl(what: string, url: string, error: unknown): unknown {
  if (!isHawserError(error, "INPUT_URL_INVALID")) return error;
  const shown = url.includes("@") ? "(not shown)" : JSON.stringify(url.slice(0, 80));
  const { reason } = error.details;
  return new HawserError("INPUT_URL_INVALID", `The URL of a ${what}, ${shown}, cannot be used: ${reason}.`, {
    ...error.details,
  });
}
