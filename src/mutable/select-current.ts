import { unreachable } from "../bytes/guards.js";
import type { Verified } from "../crypto/verified.js";
import { isHawserError } from "../errors.js";
import { contradictsFloor } from "./floor.js";
import type { MutableRecord } from "./record.js";
import { floorOf, selectRecord } from "./select.js";
import { basisOf, type RecordBasis } from "./select-version.js";
import type { Survey, SurveyInput } from "./survey.js";
import type { Candidate } from "./verify-replies.js";

/** What a change of a record starts from. */
export interface CurrentRecord {
  readonly ver: number;
  /** The newest data; at a fork that of the first branch. */
  readonly data: Uint8Array;
  /** Whether two data were signed under this version (M9). What is put next heals that. */
  readonly forked: boolean;
  /**
   * Every data under this version that replicas serve, in an order that the replicas have no influence on. One, unless
   * it is forked; at a fork there may be one more, which only this cache remembers and nobody serves any more.
   */
  readonly branches: readonly Verified<MutableRecord>[];
}

/** A record to change, with what is checked when the change is put. */
export interface SelectedCurrent {
  readonly current: CurrentRecord;
  readonly newest: Candidate;
  readonly basis: RecordBasis;
}

/** How the record is chosen. */
export interface CurrentOptions {
  /** Whether a record that is older than its route's `maxAgeMs` will do (M10). Default false. */
  readonly dangerAllowExpired?: boolean | undefined;
}

/**
 * The newest record, as a read would choose it, but with every branch of a fork at the top instead of an error.
 *
 * @throws RECORD_FROM_FUTURE, RECORD_UNVERIFIED, RECORD_UNAVAILABLE, RECORD_STALE, RECORD_EXPIRED, as `selectRecord`
 */
export function selectCurrent(
  input: SurveyInput,
  { known, floor, replicas }: Survey,
  nowMs: number,
  { dangerAllowExpired = false }: CurrentOptions = {},
): SelectedCurrent {
  const { route } = input;
  try {
    selectRecord({
      ...input,
      replies: replicas.map(({ reply }) => reply),
      floor: floorOf(route, floor, undefined),
      cached: floor,
      nowMs,
    });
  } catch (error) {
    const isExpired = dangerAllowExpired && isHawserError(error, "RECORD_EXPIRED");
    if (!isExpired && !isHawserError(error, "RECORD_FORKED")) throw error;
  }
  const top = known.candidates.filter(({ record }) => record.ver === known.branches[0]?.ver);
  const distinct = [...new Map(top.map((candidate) => [candidate.sha256, candidate])).values()];
  const [newest, ...others] = distinct.sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1));
  if (newest === undefined) return unreachable("a record was selected out of none");
  const { ver, data } = newest.record;
  const forked = others.length > 0 || contradictsFloor(floor, { epoch: route.epoch, ver }, newest.sha256);
  return {
    current: { ver, data, forked, branches: [newest, ...others].map(({ record }) => record) },
    newest,
    basis: basisOf(known),
  };
}
