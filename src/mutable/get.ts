import type { Verified } from "../crypto/verified.js";
import { cacheMiss, isHawserError } from "../errors.js";
import type { Cache, Clock, StorageReader, UrlReader } from "../ports.js";
import type { Route } from "../profile/entry.js";
import type { ReadBudget } from "../route/budget.js";
import { fetchAll, type ReplicaReply } from "../route/fetch.js";
import { recordPath } from "../route/layout.js";
import type { StoragePolicy } from "../route/policy.js";
import { type Replica, recordReplicas } from "../route/replicas.js";
import { compareVersion, type Floor, floorKey, raisedFloor } from "./floor.js";
import { raiseFloor, readFloor } from "./floor-cache.js";
import { type MutableRecord, type ParseRecordOptions, type RecordContext, recordBodyLimit } from "./record.js";
import { keepRecord, recordKey } from "./record-cache.js";
import { floorOf, type RecordBounds, type ReplicaVerdict, type SelectedRecord, selectRecord } from "./select.js";

/** Times that a read begins anew because others with the same cache were faster. */
const MAX_OVERTAKEN = 8;

/** What a record is judged by. */
export interface JudgeRecordInput extends RecordBounds, ParseRecordOptions {
  readonly context: RecordContext;
  /** The effective key (M2), x-only. */
  readonly publicKey: Uint8Array;
  /** Out of a verified profile; its id and epoch are those of `context`. */
  readonly route: Route;
  readonly cache: Cache;
  readonly clock: Clock;
  /** Replies that were asked for beforehand by {@link fetchRecordReplies} with this context and route. */
  readonly replies?: Promise<readonly ReplicaReply[]> | undefined;
}

/** A read of one mutable record. */
export interface GetRecordInput extends JudgeRecordInput {
  readonly storage: readonly StorageReader[];
  readonly urlReader: UrlReader | null;
  readonly budget: ReadBudget;
  /** Which calls are repeated, and which replicas are left alone. Default: none. */
  readonly policy?: StoragePolicy | undefined;
  /** Asks only the first so many replicas that can be asked. Default: all (M8). */
  readonly maxReplicas?: number | undefined;
  /** ms that each replica has. Default 15,000. */
  readonly recordTimeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** A copy that the caller has: one more replica's reply, beside those of all that are asked. */
  readonly given?: ReplicaReply | undefined;
}

/** A verified record that is not older than anything known before. */
export interface GotRecord {
  readonly record: Verified<MutableRecord>;
  readonly data: Uint8Array;
  /** The bytes as they were served. */
  readonly body: Uint8Array;
  /** One verdict per replica (M8). */
  readonly replicas: readonly ReplicaVerdict[];
  /** What the cache keeps now (M7). */
  readonly floor: Floor;
}

/**
 * Reads a mutable record: asks every replica, chooses by M5 and M8 to M11, and raises the cached floor durably before
 * it returns (M7).
 *
 * @throws RECORD_*; NETWORK_TIME_LIMIT, NETWORK_ABORTED, CACHE_UNAVAILABLE, CACHE_CORRUPT
 */
export async function getRecord(input: GetRecordInput): Promise<GotRecord> {
  const { cache, context } = input;
  const key = floorKey(context);
  const cached = await readFloor(cache, key);
  let got = await readAwake(input, key, cached, input.replies ?? fetchRecordReplies(input));
  // Another call returned something newer in the meantime: what was fetched before it is too old, not a replay. Beside
  // busy writers that happens several times in a row; replicas alone cannot make it happen.
  for (let again = 0; "moved" in got && again < MAX_OVERTAKEN; again++) {
    got = await readAwake(input, key, got.moved, fetchRecordReplies(input));
  }
  if ("moved" in got) throw got.error;
  await keepRecord(cache, context, got.record.ver, got.body);
  return got;
}

/**
 * The record that an earlier call left in the cache. It is judged like a replica's: signature, floor (M5), age (M10),
 * fork (M9), bounds (M11).
 *
 * @throws CACHE_MISS where there is none under this route, or none that the bounds admit; RECORD_STALE, RECORD_EXPIRED,
 * RECORD_FROM_FUTURE, RECORD_FORKED, CACHE_UNAVAILABLE, CACHE_CORRUPT
 */
export async function getCachedRecord(input: JudgeRecordInput): Promise<GotRecord> {
  const { cache, context } = input;
  const key = floorKey(context);
  const bytes = await cache.get(recordKey(context));
  const reply: ReplicaReply =
    bytes === null ? { label: "cache", outcome: "absent" } : { label: "cache", outcome: "bytes", bytes, tag: null };
  try {
    const got = await readOnce(input, key, await readFloor(cache, key), Promise.resolve([reply]));
    if ("moved" in got) throw got.error;
    return { ...got, replicas: [] };
  } catch (error) {
    const isMiss = isHawserError(error, "RECORD_UNAVAILABLE") || isHawserError(error, "RECORD_UNVERIFIED");
    throw isMiss ? cacheMiss("record", context.id, error) : error;
  }
}

/** The floor rose above what this call fetched. */
interface Moved {
  readonly moved: Floor | null;
  readonly error: unknown;
}

/** Where the replicas that were asked do not suffice, those that were left alone are asked, too. */
async function readAwake(
  input: GetRecordInput,
  key: string,
  cached: Floor | null,
  fetched: Promise<readonly ReplicaReply[]>,
): Promise<GotRecord | Moved> {
  try {
    return await readOnce(input, key, cached, fetched);
  } catch (error) {
    if (!isHawserError(error) || !error.code.startsWith("RECORD_") || !(await fetched).some(isLeftAlone)) throw error;
    return readOnce(input, key, cached, fetchRecordReplies({ ...input, everybody: true }));
  }
}

function isLeftAlone(reply: ReplicaReply): boolean {
  return reply.outcome === "unreachable" && reply.attempt.code === "STORAGE_PAUSED";
}

async function readOnce(
  input: JudgeRecordInput,
  key: string,
  cached: Floor | null,
  fetched: Promise<readonly ReplicaReply[]>,
): Promise<GotRecord | Moved> {
  const { cache, clock, context, route } = input;
  const replies = await fetched;
  const select = (known: Floor | null): SelectedRecord =>
    selectRecord({
      ...input,
      replies,
      cached: known,
      floor: floorOf(route, known, input.minVersion),
      nowMs: clock.nowMs(),
    });
  // M7: replies that were asked for before the cache was read may be older than what another call returned since.
  const selected = input.replies === fetched ? orMoved(() => select(cached), cached) : select(cached);
  if ("moved" in selected) return selected;
  const { record } = selected;
  const reached: Floor = { epoch: context.epoch, ver: record.ver, sha256: selected.sha256, sig: record.sig };
  const previous = await raiseFloor(cache, key, reached);
  if (previous !== null && movedMeanwhile(previous, cached) && compareVersion(previous, reached) >= 0) {
    // M5, M9: another call returned something newer, or other data under this version, while this one was waiting.
    const again = orMoved(() => select(previous), previous);
    if ("moved" in again) return again;
  }
  return {
    record,
    data: record.data,
    body: selected.body,
    replicas: selected.replicas,
    floor: raisedFloor(previous, reached),
  };
}

function orMoved(select: () => SelectedRecord, known: Floor | null): SelectedRecord | Moved {
  try {
    return select();
  } catch (error) {
    if (isHawserError(error, "RECORD_STALE")) return { moved: known, error };
    throw error;
  }
}

function movedMeanwhile(now: Floor, before: Floor | null): boolean {
  return before === null || compareVersion(now, before) !== 0 || now.sha256 !== before.sha256;
}

/** What the replies of the replicas of one route depend on. */
export type FetchRecordInput = ParseRecordOptions &
  Pick<
    GetRecordInput,
    | "context"
    | "route"
    | "storage"
    | "urlReader"
    | "clock"
    | "budget"
    | "policy"
    | "signal"
    | "maxReplicas"
    | "recordTimeoutMs"
    | "given"
  > & {
    /** Whether replicas that the policy would leave alone are asked as well. Default false. */
    readonly everybody?: boolean | undefined;
  };

/** Asks every replica of a route (M8). Nothing is verified yet. @throws NETWORK_TIME_LIMIT, NETWORK_ABORTED */
export async function fetchRecordReplies(input: FetchRecordInput): Promise<readonly ReplicaReply[]> {
  const { clock, budget, context, route, storage, urlReader, signal } = input;
  const { network, name, id, epoch } = context;
  const path = recordPath({ network: network.id, name, id, epoch });
  const replicas = recordReplicas({ storage, urlReader, path, urls: route.urls });
  const replies = await fetchAll(selectReplicas(replicas, input.maxReplicas), {
    clock,
    budget,
    kind: "record",
    maxBytes: recordBodyLimit(input),
    timeoutMs: input.recordTimeoutMs,
    policy: input.policy,
    everybody: input.everybody,
    signal,
  });
  // M8: it takes no replica's place, or an old copy could be all that a reader sees.
  return input.given === undefined ? replies : [...replies, input.given];
}

/** M8: a URL that nothing opens is listed and takes no place of one that can be asked (U1). */
function selectReplicas(replicas: readonly Replica[], max = replicas.length): readonly Replica[] {
  let left = max;
  return replicas.filter(({ opens }) => !opens || left-- > 0);
}
