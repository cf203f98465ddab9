import type { Cache, Clock, StorageProvider, StorageReader, UrlReader } from "../ports.js";
import type { Route } from "../profile/entry.js";
import { ReadBudget } from "../route/budget.js";
import { type FetchOptions, fetchAll, type ReplicaReply } from "../route/fetch.js";
import { recordPath } from "../route/layout.js";
import type { StoragePolicy } from "../route/policy.js";
import { type Replica, recordReplicas } from "../route/replicas.js";
import { type Floor, floorKey } from "./floor.js";
import { readFloor } from "./floor-cache.js";
import { type ParseRecordOptions, type RecordContext, recordBodyLimit } from "./record.js";
import { readSigned, signedKey } from "./reserve.js";
import { type KnownVersions, selectKnown } from "./select-version.js";
import { type CheckedReply, verifyReplies } from "./verify-replies.js";

/** What a writer looks at before it writes. */
export interface SurveyInput extends ParseRecordOptions {
  readonly context: RecordContext;
  /** The effective key (M2), x-only. */
  readonly publicKey: Uint8Array;
  /** Its id and epoch are those of `context`. */
  readonly route: Route;
  /** The providers that will be written to. */
  readonly storage: readonly StorageProvider[];
  /** More places to read: what the application reads from but does not write to. */
  readonly readers?: readonly StorageReader[] | undefined;
  readonly urlReader: UrlReader | null;
  readonly cache: Cache;
  readonly clock: Clock;
  /** How calls are repeated and writes treated. All replicas are asked in any case (W5). Default: each call once. */
  readonly policy?: StoragePolicy | undefined;
  /** ms that each call to a replica or provider has. Default 15,000. */
  readonly recordTimeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What one place holds. */
export interface SurveyedReplica {
  readonly replica: Replica;
  readonly reply: ReplicaReply;
  readonly checked: CheckedReply;
}

/** Everything that is known about the versions of an id (W5). */
export interface Survey {
  readonly known: KnownVersions;
  /** The cached floor, of any epoch. */
  readonly floor: Floor | null;
  readonly replicas: readonly SurveyedReplica[];
}

/**
 * Reads what all replicas and the cache know (W5). `known.branches` has every data of a fork at the top, for a caller
 * that wants to change what is there: it then puts with `version: known.highest + 1`.
 *
 * @throws NETWORK_ABORTED, CACHE_UNAVAILABLE, CACHE_CORRUPT
 */
export async function surveyRecord(input: SurveyInput): Promise<Survey> {
  const { context, route, cache, clock, storage, readers = [], urlReader } = input;
  // The cache first: a version that another writer takes after this shows as a conflict when this one takes its own.
  const signed = await readSigned(cache, signedKey(context));
  const floor = await readFloor(cache, floorKey(context));
  const { network, name, id, epoch } = context;
  const path = recordPath({ network: network.id, name, id, epoch });
  const replicas = recordReplicas({ storage: [...storage, ...readers], urlReader, path, urls: route.urls });
  const replies = await fetchAll(replicas, surveyFetch(input));
  const checked = verifyReplies({ ...input, replies });
  return {
    known: selectKnown(route, checked, floor, signed, clock.nowMs()),
    floor,
    replicas: replicas.flatMap((replica, i) => {
      const reply = replies[i];
      const one = checked[i];
      return reply === undefined || one === undefined ? [] : [{ replica, reply, checked: one }];
    }),
  };
}

/** How a writer reads records. */
export function surveyFetch(input: SurveyInput): FetchOptions {
  const { clock, signal, recordTimeoutMs, policy } = input;
  return {
    clock,
    budget: new ReadBudget({ clock, signal }),
    kind: "record",
    maxBytes: recordBodyLimit(input),
    timeoutMs: recordTimeoutMs,
    policy,
    // W5: a version that only a place holds that is left alone would be written over.
    everybody: true,
    signal,
  };
}
