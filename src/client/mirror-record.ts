import { throwIfAborted } from "../deadline.js";
import { type Attempt, isHawserError } from "../errors.js";
import { floorKey } from "../mutable/floor.js";
import { readFloor } from "../mutable/floor-cache.js";
import { recordBodyLimit } from "../mutable/record.js";
import { recordKey } from "../mutable/record-cache.js";
import { type NewestRecord, selectNewest } from "../mutable/select-newest.js";
import { storeRecord } from "../mutable/store.js";
import type { SurveyedReplica, SurveyInput } from "../mutable/survey.js";
import { type Candidate, type CheckedReply, verifyReplies } from "../mutable/verify-replies.js";
import type { Name } from "../name/name.js";
import type { ThreadState } from "../name/thread.js";
import type { Route } from "../profile/entry.js";
import type { Profile } from "../profile/profile.js";
import { attemptOfAnything, type FetchOptions, fetchAll, fetchOne, type ReplicaReply } from "../route/fetch.js";
import { recordPath } from "../route/layout.js";
import { recordReplicas } from "../route/replicas.js";
import { assertEpochReachable, requireEffectiveKey } from "../route/route.js";
import { contextOf } from "./early.js";
import { fetchOptions } from "./item-fetch.js";
import { type MirrorPlaces, sourcesOf, targetsOf } from "./mirror-places.js";
import { lostAttempt, type MirrorTarget } from "./mirror-target.js";
import type { MirrorOutcome } from "./mirrored.js";

/** Whose records are copied. */
export interface RecordOwner {
  readonly name: Name;
  readonly state: ThreadState;
  readonly profile: Profile;
}

/** What copying a record came to. */
export interface CopiedRecord {
  readonly outcomes: readonly MirrorOutcome[];
  readonly ver: number | null;
  /** Of the record's body. */
  readonly size: number;
}

/**
 * Brings the newest record of a route to every target that has an older one, or none that verifies, by the rules of a
 * writer: nothing newer is ever replaced, and what could not be looked at is left alone. A fork (M9), a replay (M5) and a
 * route that readers refuse are not copied.
 *
 * @throws NETWORK_ABORTED, CACHE_CORRUPT, CACHE_UNAVAILABLE
 */
export async function copyRecord(
  places: MirrorPlaces,
  route: Route,
  { name, state, profile }: RecordOwner,
  signal: AbortSignal,
): Promise<CopiedRecord> {
  const { core, maxDataBytes, from } = places;
  const { network, cache, clock, urlReader, policy } = core.parts;
  const targets = targetsOf(places, "record");
  let publicKey: Uint8Array;
  try {
    assertEpochReachable(route, state.profileHeight ?? -1);
    publicKey = requireEffectiveKey(route, profile, state.ownerKey);
  } catch (error) {
    if (!isHawserError(error)) throw error;
    return nothingToCopy(targets, attemptOfAnything(route.id, error), null);
  }
  const context = contextOf(network, name, state, route);
  const path = recordPath({ network: network.id, name, id: route.id, epoch: route.epoch });
  const asked = targets.filter(({ lost }) => lost === null).map(({ provider }) => provider);
  const replicas = recordReplicas({
    storage: [...asked, ...sourcesOf(places, "record")],
    urlReader: from === null ? urlReader : null,
    path,
    urls: from === null ? route.urls : [],
  });
  const fetch = fetchOptions(places, "record", recordBodyLimit({ maxDataBytes }), signal, replicas.length);
  const replies = await fetchAll(replicas, fetch);
  const verify = (given: readonly ReplicaReply[]): readonly CheckedReply[] =>
    verifyReplies({ context, publicKey, replies: given, maxDataBytes });
  const checked = verify(replies);
  const kept = from === null ? await cache.get(recordKey(context)) : null;
  const copies: ReplicaReply[] = kept === null ? [] : [{ label: "cache", outcome: "bytes", bytes: kept, tag: null }];
  const counts = (i: number): boolean => from === null || from.some((one) => one === replicas[i]?.provider);
  const known = { route, cached: await readFloor(cache, floorKey(context)), nowMs: clock.nowMs() };
  const select = (given: readonly CheckedReply[]): NewestRecord =>
    selectNewest({ ...known, checked: [...given, ...verify(copies)] });
  const newest = select(checked.filter((_, i) => counts(i)));
  const { candidate, ver } = newest;
  // M9: what a target holds is not copied, but may be the other side of a fork.
  const all = select(checked);
  const forked = all.forked && all.ver === ver;
  if (candidate === null || forked) {
    return nothingToCopy(targets, whyNothing(route.id, { ver, forked }, checked), ver);
  }

  const surveyed = replicas.flatMap((replica, i): SurveyedReplica[] => {
    const [reply, one] = [replies[i], checked[i]];
    return reply === undefined || one === undefined ? [] : [{ replica, reply, checked: one }];
  });
  const { timeoutMs: recordTimeoutMs } = fetch;
  const settings = { clock, policy, recordTimeoutMs, signal, maxDataBytes };
  const common = { context, publicKey, route, urlReader: null, cache, ...settings };
  const outcomes = await Promise.all(
    targets.map(async (target): Promise<MirrorOutcome> => {
      const { label, lost, provider } = target;
      if (lost !== null) return { label, outcome: "failed", attempt: lost };
      const survey: SurveyInput = { ...common, storage: [provider] };
      const { providers } = await storeRecord({ survey, replicas: surveyed, path, candidate });
      const [outcome = { label, outcome: "failed", attempt: null }] = providers;
      return outcome.outcome === "stored" ? readBack(target, path, candidate, fetch, verify) : outcome;
    }),
  );
  throwIfAborted(signal, "The mirror");
  return { outcomes, ver: candidate.record.ver, size: candidate.body.length };
}

/** That a target said so is not enough: what it then gives back counts. */
async function readBack(
  target: MirrorTarget,
  path: string,
  { record, sha256 }: Candidate,
  fetch: FetchOptions,
  verify: (replies: readonly ReplicaReply[]) => readonly CheckedReply[],
): Promise<MirrorOutcome> {
  const { label } = target;
  const [there] = verify([await fetchOne(target.replica(path), fetch)]);
  if (there?.kind === "unreachable") return { label, outcome: "failed", attempt: there.attempt };
  const found = there?.kind === "verified" ? there.candidate : null;
  const isThere = found?.record.ver === record.ver ? found.sha256 === sha256 : (found?.record.ver ?? 0) > record.ver;
  if (isThere) return { label, outcome: "stored", attempt: null };
  return { label, outcome: "failed", attempt: lostAttempt(label, path) };
}

function nothingToCopy(targets: readonly MirrorTarget[], attempt: Attempt, ver: number | null): CopiedRecord {
  return { ver, size: 0, outcomes: targets.map(({ label }) => ({ label, outcome: "unavailable", attempt })) };
}

function whyNothing(
  id: string,
  { forked, ver }: Omit<NewestRecord, "candidate">,
  checked: readonly CheckedReply[],
): Attempt {
  const because = (code: string, message: string): Attempt => ({ label: id, code, message });
  if (forked) return because("RECORD_FORKED", `Two data are signed under version ${ver}; neither is copied.`);
  const served = checked.flatMap((reply) => (reply.kind === "verified" ? [reply.candidate.record.ver] : []));
  if (served.length > 0) {
    const least = ver === null ? "the newest that is known" : `version ${ver}`;
    return because("RECORD_STALE", `Only records that are older than ${least}, or ahead of the clock, can be had.`);
  }
  const anyWrong = checked.some(({ kind }) => kind === "unverified");
  return because(
    anyWrong ? "RECORD_UNVERIFIED" : "RECORD_UNAVAILABLE",
    anyWrong ? "No record that can be had verifies." : "No place answered with the record.",
  );
}
