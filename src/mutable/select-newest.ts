import type { Route } from "../profile/entry.js";
import { compareVersion, contradictsFloor, type Floor } from "./floor.js";
import { floorOf, isFromFuture } from "./select.js";
import type { Candidate, CheckedReply } from "./verify-replies.js";

/** What {@link selectNewest} decides on. */
export interface NewestInput {
  readonly route: Route;
  /** Every reply, verified. */
  readonly checked: readonly CheckedReply[];
  /** What the cache keeps. */
  readonly cached: Floor | null;
  readonly nowMs: number;
}

/** The newest record that is known of, for those who copy records. */
export interface NewestRecord {
  /** The highest version under the route's epoch that is known of, by replicas, the cache or the route; null: none. */
  readonly ver: number | null;
  /** What readers may be given. Null where nothing verifies, and for a replay (M5) or a fork (M9). */
  readonly candidate: Candidate | null;
  /** Two data are signed under that version, or other data than the cache knows (M9). */
  readonly forked: boolean;
}

/**
 * The newest of the records that replicas hold, by the order and the floor of M5 and M8; records from the future (M10) do
 * not count. Age (M10) does not matter: whoever reads judges it by a clock of their own.
 */
export function selectNewest({ route, checked, cached, nowMs }: NewestInput): NewestRecord {
  const eligible = checked.flatMap((reply) =>
    reply.kind === "verified" && !isFromFuture(route, reply.candidate.record.ver, nowMs) ? [reply.candidate] : [],
  );
  const floor = floorOf(route, cached, undefined);
  const known = floor.epoch === route.epoch && floor.ver > 0 ? floor.ver : null;
  const [first, ...rest] = eligible;
  if (first === undefined) return { ver: known, candidate: null, forked: false };
  const best = rest.reduce((highest, other) => (other.record.ver > highest.record.ver ? other : highest), first);
  const version = { epoch: route.epoch, ver: best.record.ver };
  // M5: below the floor is a replay, which must not be spread.
  if (compareVersion(version, floor) < 0) return { ver: known ?? version.ver, candidate: null, forked: false };
  // M9: which of two data is the right one is not for a copy to decide.
  const forked =
    eligible.some(({ record, sha256 }) => record.ver === version.ver && sha256 !== best.sha256) ||
    contradictsFloor(cached, version, best.sha256);
  return { ver: version.ver, candidate: forked ? null : best, forked };
}
