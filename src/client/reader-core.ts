import { equalBytes } from "../bytes/bytes.js";
import { assertInteger, invalidArgument } from "../bytes/guards.js";
import { type HeaderChain, selectBestChain } from "../chain/header-chain.js";
import type { Network } from "../chain/network.js";
import type { SourceHealth } from "../chain/source-health.js";
import { withDeadline } from "../deadline.js";
import { cacheMiss, HawserError, isHawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { Name } from "../name/name.js";
import type { Resolution, ResolveInput } from "../name/resolution.js";
import { type ResolveOutcome, resolveName } from "../name/resolve.js";
import { selectStored } from "../name/select-stored.js";
import {
  decodeStoredName,
  encodeStoredName,
  mergeStoredNames,
  nothingStored,
  type ReadMark,
  type StoredName,
  storedNameKey,
} from "../name/stored-name.js";
import type { Cache, ChainSource, Clock, HeaderSource, ProgressEvent, StorageReader, UrlReader } from "../ports.js";
import { ReadBudget } from "../route/budget.js";
import type { StoragePolicy } from "../route/policy.js";
import { checkedCache } from "./checked-cache.js";
import { assertExpectation, type Expectation, parseExpectation } from "./expectation.js";
import { type BundleHint, parseHint, type ReadHint } from "./hint.js";
import { StoredHeaders } from "./stored-headers.js";

/** ms - the longest that timers count; about 25 days. */
const MAX_TIMEOUT_MS = 2_147_483_647;

/** What a reader is made of once its defaults are filled in. */
export interface ReaderParts {
  readonly network: Network;
  readonly sources: readonly ChainSource[];
  /** Default: none. */
  readonly headerSources?: readonly HeaderSource[] | undefined;
  readonly storage: readonly StorageReader[];
  readonly urlReader: UrlReader;
  /** How storage is treated, by this reader and its writers. Default: each place is asked once, in order. */
  readonly policy?: StoragePolicy | undefined;
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
  /**
   * txid, in display order, of the name's REGISTER, or of a RECOVER after it (V8). With it a first read gets past
   * whatever was sent to the name's beacon later. It is verified like everything else and pins nothing: a wrong one
   * costs questions and changes no answer. Later reads with the same cache need no hint while that tenure lasts.
   *
   * Or a proof bundle of the name (section 11): headers, operations, profile, nodes and objects in it need not be asked
   * for, and its record is one more replica's. The sources are asked all the same for what a bundle cannot prove, that
   * it leaves nothing out. What does not hold on the best chain is not used. If a bundle's headers have more work than
   * any source's, the read fails with `CHAIN_UNAVAILABLE` as it would if the reader had them stored.
   */
  readonly hint?: string | BundleHint | undefined;
  /**
   * Who has to hold the name at the height that is read, else the read fails with `NAME_OWNER_CHANGED` and returns,
   * fetches and raises nothing; a name that nobody holds any more fails as well. Operations in `name.pending` do not
   * count yet (V6).
   */
  readonly expect?: Expectation | undefined;
  readonly onEvent?: ((event: ProgressEvent) => void) | undefined;
}

/** One read under way: its time, its requests and its listener. */
export interface Session {
  readonly signal: AbortSignal;
  readonly budget: ReadBudget;
  readonly timeoutMs: number;
  readonly requireAllSources: boolean;
  readonly hint: ReadHint;
  readonly expect: Expectation | null;
  /** Whether the cache alone may answer. */
  readonly offline: boolean;
  readonly onEvent: ((event: ProgressEvent) => void) | undefined;
  /** For who needs more of the name than its answer tells. */
  readonly onResolution?: ((resolution: Resolution) => void) | undefined;
}

/** What a read needs to know of a name. */
export type Answer = Pick<Resolution, "state" | "pending" | "asOf">;

/** The part of a reader that writers share: the chain that it holds, and names resolved on it. */
export class ReaderCore {
  readonly parts: ReaderParts;
  readonly #headers: StoredHeaders;
  #loading: Promise<HeaderChain> | null = null;
  /** The best chain since the stored one was loaded. */
  #best: HeaderChain | null = null;
  /** Null as long as every source has always answered. */
  #health: SourceHealth | null = null;

  constructor(given: ReaderParts) {
    const { sources, minSources } = given;
    if (sources.length === 0) throw invalidArgument("sources", "at least one chain source", sources);
    if (minSources > sources.length) {
      throw invalidArgument("minSources", `at most the ${sources.length} configured sources`, minSources);
    }
    // V5 counts sources, and what is stored of them goes by label: the same one twice would vouch for itself.
    if (new Set(sources.map(({ label }) => label)).size < sources.length) {
      throw invalidArgument("sources", "chain sources with different labels", sources);
    }
    this.parts = { ...given, cache: checkedCache(given.cache) };
    this.#headers = new StoredHeaders(this.parts.cache, given.network, given.clock);
  }

  /**
   * Runs one read under its time limit and request budget.
   *
   * @param offline - whether the cache alone may answer
   * @throws INPUT_INVALID, NETWORK_TIMEOUT, NETWORK_ABORTED; for a bundle as hint also INPUT_TOO_LARGE, BUNDLE_INVALID,
   *   BUNDLE_UNSUPPORTED, CHAIN_NETWORK_MISMATCH
   */
  async run<T>(
    what: string,
    options: SessionOptions,
    read: (session: Session) => Promise<T>,
    offline = false,
  ): Promise<T> {
    const { clock } = this.parts;
    const timeoutMs = options.timeoutMs ?? limits.readTimeoutMs;
    assertInteger("timeoutMs", timeoutMs, 1, MAX_TIMEOUT_MS);
    const hint = parseHint(options.hint, this.parts.network);
    const expect = parseExpectation(options.expect);
    const over = new AbortController();
    try {
      return await withDeadline({ clock, timeoutMs, signal: options.signal, what }, (inner) => {
        const signal = AbortSignal.any([inner, over.signal]);
        const budget = new ReadBudget({ clock, timeoutMs, signal });
        const requireAllSources = options.requireAllSources ?? false;
        return read({ signal, budget, timeoutMs, requireAllSources, hint, expect, offline, onEvent: options.onEvent });
      });
    } finally {
      // What was asked on a guess and is not needed must not go on, nor keep a process alive.
      over.abort();
    }
  }

  /** The best chain that this reader knows. */
  async chain(): Promise<HeaderChain> {
    if (this.#best !== null) return this.#best;
    this.#loading ??= this.#headers.load();
    try {
      const loaded = await this.#loading;
      this.#best ??= loaded;
      return this.#best;
    } catch (error) {
      // A cache that cannot be read now may be readable for the next call.
      this.#loading = null;
      throw error;
    }
  }

  /** Keeps a chain for later reads if it has more work than the one that is held. */
  async adopt(chain: HeaderChain): Promise<void> {
    const held = await this.chain();
    // V1: compared with what is held by now, so that of two reads at once the better chain stays.
    this.#best = selectBestChain(this.#best ?? held, [chain]);
    await this.#headers.save(this.#best);
  }

  async storedName(name: Name): Promise<StoredName> {
    const key = storedNameKey(this.parts.network.id, name);
    const bytes = await this.parts.cache.get(key);
    // Operations can be asked for again, so a damaged entry costs a longer read only. Floors are kept elsewhere.
    return bytes === null ? nothingStored : decodeOr(bytes, key, nothingStored);
  }

  /**
   * The state of a name (V1 to V7); keeps headers and operations for the next read.
   *
   * @throws CHAIN_UNAVAILABLE, CHAIN_NETWORK_MISMATCH, CHAIN_STALE, CHAIN_UNSUPPORTED_OPERATION,
   *   CHAIN_WORK_INSUFFICIENT, NAME_OWNER_CHANGED; BUNDLE_INVALID for a bundle of another name as hint
   */
  async resolve(name: Name, session: Session): Promise<Resolution> {
    const { network, sources, headerSources, clock, minSources, minConfirmations } = this.parts;
    const { bundle, txid } = session.hint;
    const [own, kept] = await Promise.all([this.chain(), this.storedName(name)]);
    const held = { chain: own, stored: kept, hint: txid };
    const { chain, stored, hint } = bundle?.join(name, held, clock.nowMs()) ?? held;
    const { signal, requireAllSources, timeoutMs } = session;
    const outcome = await this.#ask({
      network,
      name,
      sources,
      clock,
      signal,
      chain,
      stored,
      minSources,
      minConfirmations,
      requireAllSources,
      hint,
      timeoutMs,
      fillHeaders:
        (headerSources ?? []).length === 0
          ? undefined
          : async (panel, tips, held) => {
              const { fillStored } = await import("./header-sync.js");
              return (await fillStored(this, panel, tips, held, session.onEvent)).chain;
            },
      onEvent: session.onEvent,
    });
    const { result } = outcome;
    // Also where the read fails: what was proven must not be withheld from the next one. But headers that a bundle alone
    // shows must not be held against the sources for good, where they cost little work.
    if (chain === own || !(result instanceof HawserError)) {
      await this.adopt(outcome.chain);
      const readAt = result instanceof HawserError ? null : markOf(result);
      await this.#keep(name, kept, { ...outcome.stored, readAt });
    }
    if (result instanceof HawserError) throw result;
    this.#assertFresh(result);
    assertExpectation(name, result.state, session.expect);
    session.onResolution?.(result);
    return result;
  }

  /** Resolves without the sources that failed of late, and with them where the others do not suffice (V5). */
  async #ask(input: ResolveInput, everybody = false): Promise<ResolveOutcome> {
    const { sources, clock } = input;
    const needed = input.requireAllSources ? sources.length : input.minSources;
    const labels = sources.map(({ label }) => label);
    const startedAtMs = clock.nowMs();
    const resting = everybody ? undefined : this.#health?.rest(labels, needed, startedAtMs);
    const isShort = (error: unknown): boolean => {
      return resting !== undefined && resting.size > 0 && isHawserError(error) && error.code.startsWith("CHAIN_");
    };
    const outcome = await resolveName({ ...input, resting }).catch((error: unknown) => {
      if (isShort(error)) return null;
      throw error;
    });
    if (outcome === null) return this.#ask(input, true);
    const { seats, result } = outcome;
    if (this.#health !== null || seats.some(({ failure }) => failure !== null)) {
      // Where it cannot be loaded, which an outage can be the cause of, every source goes on being asked.
      const health = await import("../chain/source-health.js").catch(() => null);
      this.#health ??= health === null ? null : new health.SourceHealth(limits);
      this.#health?.note(seats, startedAtMs, clock.nowMs());
    }
    return isShort(result) ? this.#ask(input, true) : outcome;
  }

  /**
   * The state of a name as the session allows: as {@link resolve}, or what the last complete read found.
   *
   * @throws as {@link resolve}, or CACHE_MISS, CHAIN_UNSUPPORTED_OPERATION, NAME_OWNER_CHANGED
   */
  async stateOf(name: Name, session: Session): Promise<Answer> {
    if (!session.offline) return this.resolve(name, session);
    const { network, clock, sources, minConfirmations } = this.parts;
    const stored = await this.storedName(name);
    // Another process may have kept the headers of this read since.
    if ((await this.chain()).tipHeight < (stored.readAt?.height ?? 0)) await this.adopt(await this.#headers.load());
    const chain = await this.chain();
    const minSources = session.requireAllSources ? sources.length : this.parts.minSources;
    const answer = selectStored({ network, name, chain, stored, clock }, { minConfirmations, minSources });
    if (answer === null) throw cacheMiss("name", name);
    assertExpectation(name, answer.state, session.expect);
    return answer;
  }

  async #keep(name: Name, loaded: StoredName, found: StoredName): Promise<void> {
    const key = storedNameKey(this.parts.network.id, name);
    await this.parts.cache.update(key, (current) => {
      const kept = current === null ? nothingStored : decodeOr(current, key, nothingStored);
      const value = encodeStoredName(mergeStoredNames(loaded, found, kept));
      return current !== null && equalBytes(value, current) ? { result: undefined } : { value, result: undefined };
    });
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

function markOf({ asOf: { height, hash, tipHeight, sources } }: Answer): ReadMark {
  return { height, hash, tipHeight, agreed: sources.filter(({ verdict }) => verdict === "agreed").length };
}

function decodeOr(bytes: Uint8Array, key: string, otherwise: StoredName): StoredName {
  try {
    return decodeStoredName(bytes, key);
  } catch (error) {
    if (isHawserError(error, "CACHE_CORRUPT")) return otherwise;
    throw error;
  }
}
