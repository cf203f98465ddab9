import { assertInteger } from "./bytes/guards.js";
import { memoryCache } from "./cache/memory.js";
import { getNetwork, type NetworkId } from "./chain/network.js";
import { createReaderFrom, type Reader } from "./client/reader.js";
import type { Cache, ChainSource, Clock, HeaderSource, Random, StorageReader, UrlReader } from "./ports.js";
import { StoragePolicy } from "./route/policy.js";
import type { StoragePolicyOptions } from "./route/policy-options.js";
import { joinUrlReaders } from "./route/url-readers.js";
import { systemClock } from "./runtime/clock.js";
import { systemRandom } from "./runtime/random.js";
import { httpUrlReader } from "./storage/http-url-reader.js";

/** How to build a {@link Reader}. */
export interface ReaderOptions {
  readonly network: NetworkId;
  /** Chain sources, at least one. Two that do not belong together make lying by omission visible. */
  readonly sources: readonly ChainSource[];
  /**
   * Where headers are taken from first when many are missing, for example `headerFile` of
   * `hawser/chain/header-file`. Nothing of them is trusted. Default: the chain sources alone.
   */
  readonly headerSources?: readonly HeaderSource[] | undefined;
  /** Where data is looked for beside the URLs in profiles and routes. Default: nowhere else. */
  readonly storage?: readonly StorageReader[] | undefined;
  /**
   * Floors, headers and operations of earlier reads. Default: in memory, so that a new process or page knows no floor
   * but the anchored one; use a durable cache to be safe from replays across restarts.
   */
  readonly cache?: Cache | undefined;
  /** Complete answers that a read needs (V5). Default 2, or 1 with a single source. */
  readonly minSources?: number | undefined;
  /** Blocks that an operation needs, its own included (V6). Default: the network's (mainnet 6). */
  readonly minConfirmations?: number | undefined;
  /** ms - reads fail with `CHAIN_STALE` when the tip is older. Default: the network's (mainnet 8 h, regtest none). */
  readonly maxTipAgeMs?: number | undefined;
  /**
   * `host:port` of places with a private or loopback address, or without TLS, that URLs out of profiles and routes may
   * lead to (U1). Default: none.
   */
  readonly allowHosts?: readonly string[] | undefined;
  /**
   * Open URLs of other schemes out of profiles and routes, asked in this order after the built-in reader of `https:`. A
   * URL that none opens is skipped (U1), and `file:` always. Default: none.
   */
  readonly urlReaders?: readonly UrlReader[] | undefined;
  /** How storage is treated where it fails or is slow, by this reader and the writers that are made with it. */
  readonly storagePolicy?: StoragePolicyOptions | undefined;
  readonly clock?: Clock | undefined;
  /** Of the waits before calls are repeated. Default: the runtime's generator. */
  readonly random?: Random | undefined;
}

/**
 * Builds a reader.
 *
 * @throws INPUT_INVALID
 */
export function createReader(options: ReaderOptions): Reader {
  const network = getNetwork(options.network);
  const { sources, minConfirmations = network.minConfirmations } = options;
  const { minSources = sources.length > 1 ? 2 : 1 } = options;
  assertInteger("minSources", minSources, 1);
  assertInteger("minConfirmations", minConfirmations, 1, 10_000);
  if (options.maxTipAgeMs !== undefined) assertInteger("maxTipAgeMs", options.maxTipAgeMs, 1);
  return createReaderFrom({
    network,
    sources,
    headerSources: options.headerSources,
    storage: options.storage ?? [],
    urlReader: joinUrlReaders([httpUrlReader({ allowHosts: options.allowHosts }), ...(options.urlReaders ?? [])]),
    policy: new StoragePolicy(options.storagePolicy ?? {}, options.random ?? systemRandom),
    cache: options.cache ?? memoryCache(),
    clock: options.clock ?? systemClock,
    minSources,
    minConfirmations,
    maxTipAgeMs: options.maxTipAgeMs ?? network.maxTipAgeMs,
  });
}

export type { NetworkId } from "./chain/network.js";
export type { SourceAnswer, SourceReason, SourceVerdict } from "./chain/union.js";
export { type VerifiedHeaders, type VerifyHeadersOptions, verifyHeaders } from "./chain/verify-header-bytes.js";
export type { AuditedItem, AuditedReplica, AuditOptions, AuditVerdict, FoundAudit } from "./client/audited.js";
export {
  type BundleFloor,
  type BundleOptions,
  type VerifyBundleOptions,
  verifyBundle,
  verifyBundleWithReader,
} from "./client/bundle.js";
export { type EvictOptions, evictValues } from "./client/evict-values.js";
export type { Expectation } from "./client/expectation.js";
export type { ExportedBundle, ExportOptions } from "./client/export-bundle.js";
export { exportFloors, type ImportedFloors, importFloors } from "./client/floors.js";
export type { HeaderSync, HeaderSyncOptions } from "./client/header-sync.js";
export type {
  FoundMirror,
  MirrorCount,
  MirroredItem,
  MirrorOptions,
  MirrorOutcome,
  RepairOptions,
} from "./client/mirrored.js";
export type { ReadPolicy } from "./client/policy.js";
export type { ListOptions, MutableReadOptions, ReadOptions } from "./client/read-options.js";
export type { Reader } from "./client/reader.js";
export type {
  AnswerOrigin,
  FoundImmutable,
  FoundList,
  FoundMutable,
  FoundName,
  FoundProfile,
  NameState,
  NotFound,
} from "./client/results.js";
export type { ReplicaUpkeep } from "./client/upkeep.js";
export type { BundleAsOf, ProvenBundle } from "./client/verify-bundle.js";
export type { BundleObject, BundleRecord } from "./client/verify-bundle-data.js";
export type { NameWatch, WatchChange, WatchEvent, WatchOptions, WatchResult } from "./client/watch-events.js";
export {
  type Attempt,
  type ErrorCode,
  type ErrorDetails,
  errorCodes,
  type ForkProof,
  HawserError,
  type HawserErrorJson,
  isHawserError,
  type Outcome,
  type Retry,
} from "./errors.js";
export { limits } from "./limits.js";
export type { ReplicaVerdict } from "./mutable/select.js";
export { verifyForkProof } from "./mutable/verify-fork.js";
export type { AsOf, PendingOperation } from "./name/resolution.js";
export type * from "./ports.js";
export type { Content, IndexEntry, Route } from "./profile/entry.js";
export type { Profile } from "./profile/profile.js";
export type { StoragePolicyOptions } from "./route/policy-options.js";
export { memoryCache };
