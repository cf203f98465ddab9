import { invalidArgument } from "../bytes/guards.js";
import type { Verified } from "../crypto/verified.js";
import { limits } from "../limits.js";
import type { Route } from "../profile/entry.js";
import { type NewerRecord, recordMovedError } from "./conflict.js";
import { contradictsFloor, type Floor } from "./floor.js";
import type { MutableRecord } from "./record.js";
import type { SignedVersion } from "./reserve.js";
import { isFromFuture } from "./select.js";
import type { Candidate, CheckedReply } from "./verify-replies.js";

/** What a writer knows about the versions of an id under its route's epoch. */
export interface KnownVersions {
  /** The highest version on any replica or in the cache; 0 when there is none. */
  readonly highest: number;
  /** The records under the highest version that replicas serve, one for each distinct data: more than one is a fork. */
  readonly branches: readonly Verified<MutableRecord>[];
  /** What this cache's writers took last, or null. */
  readonly signed: SignedVersion | null;
  /** What this cache's readers and writers returned last under this epoch, or null. */
  readonly cached: Floor | null;
  /** Every verified record that counts. */
  readonly candidates: readonly Candidate[];
}

/** Sums up what replicas and cache say (W5). Records from the future do not count, as for readers (M10). */
export function selectKnown(
  route: Route,
  checked: readonly CheckedReply[],
  cachedFloor: Floor | null,
  signed: SignedVersion | null,
  nowMs: number,
): KnownVersions {
  const candidates = checked.flatMap((reply) =>
    reply.kind === "verified" && !isFromFuture(route, reply.candidate.record.ver, nowMs) ? [reply.candidate] : [],
  );
  const cached = cachedFloor?.epoch === route.epoch ? cachedFloor : null;
  const served = candidates.reduce((highest, { record }) => Math.max(highest, record.ver), 0);
  const branches = new Map<string, Verified<MutableRecord>>();
  for (const { record, sha256 } of candidates) {
    if (record.ver === served && !branches.has(sha256)) branches.set(sha256, record);
  }
  const highest = Math.max(served, cached?.ver ?? 0, signed?.ver ?? 0);
  return { highest, branches: [...branches.values()], signed, cached, candidates };
}

/** What the caller wants to write. */
export interface WantedVersion {
  readonly route: Route;
  readonly known: KnownVersions;
  /** SHA-256 of the data, hex. */
  readonly sha256: string;
  readonly nowMs: number;
  /** Exactly this version. */
  readonly version?: number | undefined;
  /** Computes the version out of what is known. */
  readonly nextVersion?: ((known: KnownVersions) => number) | undefined;
  /** What the data was made from: another top than this is a conflict, and nothing is taken for a retry. */
  readonly basis?: RecordBasis | undefined;
}

/** The top of the versions as somebody saw it who made new data from it. */
export interface RecordBasis {
  /** As `highest` of {@link KnownVersions}. */
  readonly highest: number;
  /** SHA-256 of each distinct data under the highest version that replicas served, hex, sorted. */
  readonly digests: readonly string[];
}

/** What the first record of a life is based on. */
export const nothingYet: RecordBasis = { highest: 0, digests: [] };

/** What data that is made from what is known is based on. */
export function basisOf({ highest, candidates, branches }: KnownVersions): RecordBasis {
  const top = candidates.filter(({ record }) => record.ver === branches[0]?.ver);
  return { highest, digests: [...new Set(top.map(({ sha256 }) => sha256))].sort() };
}

/**
 * Chooses the version to sign (W5): above everything known, or the one that was already taken for the same data when
 * an earlier put of it did not succeed, so that a retry sends the same bytes.
 *
 * @throws INPUT_INVALID for a version that no reader would accept, or that `nextVersion` computed too low;
 * CONFLICT_RECORD_MOVED when `version` is no longer above everything known, or `basis` is not the top any more
 */
export function selectVersion(wanted: WantedVersion): number {
  const { route, known, version, nextVersion, nowMs, basis } = wanted;
  // W5: data that was made from an older record must not bury a newer one.
  if (basis !== undefined && !sameBasis(basis, basisOf(known))) {
    throw recordMovedError(route.id, basis.highest + 1, known.highest, newestOf(known));
  }
  if (basis === undefined && isRetry(wanted)) return known.signed?.ver ?? 0;
  const timed = route.maxAgeMs !== null;
  const proposed = version ?? nextVersion?.(known) ?? Math.max(known.highest + 1, route.minVer ?? 1, timed ? nowMs : 1);
  const got = version === undefined ? "nextVersion" : "version";
  const max = timed ? nowMs + limits.recordMaxAheadMs : Number.MAX_SAFE_INTEGER;
  const least = Math.max(1, route.minVer ?? 1, route.maxAgeMs === null ? 1 : nowMs - route.maxAgeMs);
  if (!Number.isSafeInteger(proposed) || proposed < least || proposed > max) {
    throw invalidArgument(got, `integer from ${least} to ${max}`, proposed);
  }
  if (proposed > known.highest) return proposed;
  if (version === undefined) throw invalidArgument(got, `integer above ${known.highest}`, proposed);
  throw recordMovedError(route.id, version, known.highest, newestOf(known));
}

function sameBasis(a: RecordBasis, b: RecordBasis): boolean {
  return a.highest === b.highest && a.digests.join() === b.digests.join();
}

/** The newest record that replicas serve, of a fork any branch. */
export function newestOf({ candidates, branches }: KnownVersions): NewerRecord | null {
  const newest = candidates.find(({ record }) => record.ver === branches[0]?.ver);
  return newest === undefined ? null : { ver: newest.record.ver, sha256: newest.sha256, data: newest.record.data };
}

/** Whether the version that was taken last was for this data and may be sent again. */
function isRetry({ route, known, sha256, version, nowMs }: WantedVersion): boolean {
  const { signed, highest, candidates, cached } = known;
  if (signed === null || signed.sha256 !== sha256 || signed.ver !== highest) return false;
  if (version === undefined ? signed.done : version !== signed.ver) return false;
  if (route.maxAgeMs !== null && nowMs - signed.ver > route.maxAgeMs) return false;
  // Another device has other data under this version: a fork is healed above it, not fed.
  return (
    !contradictsFloor(cached, { epoch: route.epoch, ver: signed.ver }, sha256) &&
    !candidates.some((other) => other.record.ver === signed.ver && other.sha256 !== sha256)
  );
}
