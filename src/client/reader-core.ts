import { invalidArgument } from "../bytes/guards.js";
import { type HeaderChain, selectBestChain } from "../chain/header-chain.js";
import type { Network } from "../chain/network.js";
import { withDeadline } from "../deadline.js";
import { HawserError, isHawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { Name } from "../name/name.js";
import type { Resolution } from "../name/resolution.js";
import { resolveName } from "../name/resolve.js";
import {
  decodeStoredName,
  encodeStoredName,
  nothingStored,
  type StoredName,
  storedNameKey,
} from "../name/stored-name.js";
import type { Cache, ChainSource, Clock, ProgressEvent, StorageReader, UrlReader } from "../ports.js";
import { ReadBudget } from "../route/budget.js";
import { StoredHeaders } from "./stored-headers.js";

/** What a reader is made of once its defaults are filled in. */
export interface ReaderParts {
  readonly network: Network;
  readonly sources: readonly ChainSource[];
  readonly storage: readonly StorageReader[];
  readonly urlReader: UrlReader;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly minSources: number;
  readonly minConfirmations: number;
  readonly maxTipAgeMs: number | null;
}

/** The options of one read that concern every layer below it. */
export interface SessionOptions {
  /** Aborts the read with `NETWORK_ABORTED`. */
  readonly signal?: AbortSignal | undefined;
  /** ms - for the whole read. Default 60,000. */
  readonly timeoutMs?: number | undefined;
  /** Every configured source must answer completely, else `CHAIN_UNAVAILABLE`. Default false. */
  readonly requireAllSources?: boolean | undefined;
  readonly onEvent?: ((event: ProgressEvent) => void) | undefined;
}

/** One read under way: its time, its requests and its listener. */
export interface Session {
  readonly signal: AbortSignal;
  readonly budget: ReadBudget;
  readonly requireAllSources: boolean;
  readonly onEvent: ((event: ProgressEvent) => void) | undefined;
}

/** The part of a reader that writers share: the chain that it holds, and names resolved on it. */
export class ReaderCore {
  readonly parts: ReaderParts;
  readonly #headers: StoredHeaders;
  #chain: Promise<HeaderChain> | null = null;

  constructor(parts: ReaderParts) {
    if (parts.sources.length === 0) throw invalidArgument("sources", "at least one chain source", parts.sources);
    if (parts.minSources > parts.sources.length) {
      throw invalidArgument("minSources", `at most the ${parts.sources.length} configured sources`, parts.minSources);
    }
    this.parts = parts;
    this.#headers = new StoredHeaders(parts.cache, parts.network);
  }

  /** Runs one read under its time limit and request budget. */
  run<T>(what: string, options: SessionOptions, read: (session: Session) => Promise<T>): Promise<T> {
    const { clock } = this.parts;
    const timeoutMs = options.timeoutMs ?? limits.readTimeoutMs;
    return withDeadline({ clock, timeoutMs, signal: options.signal, what }, (signal) => {
      const budget = new ReadBudget({ clock, timeoutMs, signal });
      const requireAllSources = options.requireAllSources ?? false;
      return read({ signal, budget, requireAllSources, onEvent: options.onEvent });
    });
  }

  /** The best chain that this reader knows. */
  chain(): Promise<HeaderChain> {
    this.#chain ??= this.#headers.load(this.parts.clock.nowMs());
    return this.#chain;
  }

  /** Keeps a chain for later reads if it has more work than the one that is held. */
  async adopt(chain: HeaderChain): Promise<void> {
    const best = selectBestChain(await this.chain(), [chain]);
    this.#chain = Promise.resolve(best);
    await this.#headers.save(best);
  }

  async storedName(name: Name): Promise<StoredName> {
    const key = storedNameKey(this.parts.network.id, name);
    const bytes = await this.parts.cache.get(key);
    if (bytes === null) return nothingStored;
    try {
      return decodeStoredName(bytes, key);
    } catch (error) {
      // Operations can be asked for again, so a damaged entry costs a longer read only. Floors are kept elsewhere.
      if (isHawserError(error, "CACHE_CORRUPT")) return nothingStored;
      throw error;
    }
  }

  /**
   * The state of a name (V1 to V7); keeps headers and operations for the next read.
   *
   * @throws CHAIN_UNAVAILABLE, CHAIN_STALE, CHAIN_UNSUPPORTED_OPERATION, CHAIN_WORK_INSUFFICIENT
   */
  async resolve(name: Name, session: Session): Promise<Resolution> {
    const { network, sources, clock, minSources, minConfirmations, cache } = this.parts;
    const [chain, stored] = await Promise.all([this.chain(), this.storedName(name)]);
    const resolution = await resolveName({
      network,
      name,
      sources,
      clock,
      signal: session.signal,
      chain,
      stored,
      minSources,
      minConfirmations,
      requireAllSources: session.requireAllSources,
      onEvent: session.onEvent,
    });
    await this.adopt(resolution.chain);
    const value = encodeStoredName(resolution.stored);
    await cache.update(storedNameKey(network.id, name), () => ({ value, result: undefined }));
    this.#assertFresh(resolution);
    return resolution;
  }

  // V7: without this, sources that all stopped at an old block would freeze every name in time.
  #assertFresh(resolution: Resolution): void {
    const { maxTipAgeMs } = this.parts;
    const { tipAgeMs, tipHeight } = resolution.asOf;
    if (maxTipAgeMs === null || tipAgeMs <= maxTipAgeMs) return;
    const details = { tipAgeMs, maxTipAgeMs, tipHeight };
    throw new HawserError(
      "CHAIN_STALE",
      `The newest block is ${Math.round(tipAgeMs / 60_000)} minutes old, expected at most ${Math.round(maxTipAgeMs / 60_000)}.`,
      details,
    );
  }
}
