import { invalidArgument } from "../bytes/guards.js";
import type { Verified } from "../crypto/verified.js";
import { type Attempt, HawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { Route } from "../profile/entry.js";
import { compareVersion, contradictsFloor, type Floor, greatestFloor } from "./floor.js";
import type { MutableRecord, RecordContext } from "./record.js";
import { createForkProof } from "./verify-fork.js";
import { type Candidate, type CheckedReply, type VerifyRepliesInput, verifyReplies } from "./verify-replies.js";

/** What one replica's reply was worth (M8). */
export interface ReplicaVerdict {
  readonly label: string;
  readonly verdict: "fresh" | "behind" | "unverified" | "forked" | "future" | "refused" | "unreachable" | "absent";
  /** The version that it served, or null if it served none that verifies. */
  readonly ver: number | null;
  /** One sentence, or null where the verdict says it all. */
  readonly reason: string | null;
}

/** The caller's bounds (M11). */
export interface RecordBounds {
  /** Lowest version, under the route's epoch; part of the floor. */
  readonly minVersion?: number | undefined;
  /** Highest version; a record above it is dropped. */
  readonly maxVersion?: number | undefined;
  /** The caller's own verdict on a verified record; one that it refuses is dropped. */
  readonly accept?: ((record: Verified<MutableRecord>) => boolean) | undefined;
}

/** What {@link selectRecord} decides on. */
export interface SelectInput extends RecordBounds, VerifyRepliesInput {
  readonly context: RecordContext;
  /** Its id and epoch are those of `context`. */
  readonly route: Route;
  /** The greatest floor that is known (M5). The route's and the caller's are applied in any case. */
  readonly floor: Floor;
  /** What the cache keeps, for its digest (M9). */
  readonly cached: Floor | null;
  readonly nowMs: number;
}

/** The record to return, and what every replica said. */
export interface SelectedRecord {
  readonly record: Verified<MutableRecord>;
  /** The bytes as they were served. */
  readonly body: Uint8Array;
  /** SHA-256 of the data, hex. */
  readonly sha256: string;
  /** One per reply, in their order. */
  readonly replicas: readonly ReplicaVerdict[];
}

/** M5: the floor under which nothing is returned: route, cache and caller together. */
export function floorOf(route: Route, cached: Floor | null, minVersion: number | undefined): Floor {
  return greatestFloor({ epoch: route.epoch, ver: Math.max(route.minVer ?? 0, minVersion ?? 0), sha256: null }, cached);
}

/**
 * Chooses the record to return among everything that the replicas said (M5, M8 to M11). The order of the replies has no
 * influence on the version that is chosen, nor on the error.
 *
 * @throws RECORD_FROM_FUTURE, RECORD_UNVERIFIED or RECORD_UNAVAILABLE where nothing can be chosen, in this order; then
 * RECORD_STALE, RECORD_EXPIRED, RECORD_FORKED, in this order
 */
export function selectRecord(input: SelectInput): SelectedRecord {
  const { context, route, cached, nowMs, publicKey } = input;
  if (route.id !== context.id || route.epoch !== context.epoch) {
    throw invalidArgument("route", "the route of the context's id and epoch", route);
  }
  const judge = createJudge(input);
  const judged = verifyReplies(input).map((reply) => ({ reply, dropped: judge(reply) }));
  const verified = judged.flatMap(({ reply }) => (reply.kind === "verified" ? [reply.candidate] : []));
  const eligible = judged.flatMap(({ reply, dropped }) =>
    reply.kind === "verified" && dropped === null ? [reply.candidate] : [],
  );
  const attempts = judged.map(({ reply, dropped }) => attemptOfReply(reply, dropped));
  const [first, ...rest] = eligible;
  if (first === undefined) throw nothingToChoose(context.id, judged, attempts);

  // M8: the highest, not the first that answers: a lagging replica is only behind.
  const best = rest.reduce((highest, other) => (other.record.ver > highest.record.ver ? other : highest), first);
  const { ver } = best.record;
  const version = { epoch: route.epoch, ver };

  // M5: below the floor is a replay.
  const floor = greatestFloor(input.floor, floorOf(route, cached, input.minVersion));
  if (compareVersion(version, floor) < 0) throw staleError(context.id, version, floor, attempts);

  // M10: replicas that show nothing new can hold a reader back for maxAgeMs at most.
  if (route.maxAgeMs !== null && nowMs - ver > route.maxAgeMs) {
    const details = { id: context.id, ageMs: nowMs - ver, maxAgeMs: route.maxAgeMs };
    throw new HawserError(
      "RECORD_EXPIRED",
      `The newest record of ${JSON.stringify(context.id)} is ${details.ageMs} ms old, at most ${route.maxAgeMs} are allowed.`,
      details,
    );
  }

  // M9: two data under the version that would be returned. A record that the caller's predicate refused counts, since
  // a predicate that breaks the tie would hide the fork.
  const rival =
    verified.find((other) => other.record.ver === ver && other.sha256 !== best.sha256) ??
    (contradictsFloor(cached, version, best.sha256) ? cached : null);
  if (rival !== null) {
    throw new HawserError(
      "RECORD_FORKED",
      `Two different data of ${JSON.stringify(context.id)} are signed under version ${ver}.`,
      { proof: createForkProof(context, publicKey, best, rival), attempts },
    );
  }

  const forked = forkedVersions(verified, cached, route.epoch);
  const replicas = judged.map(({ reply, dropped }) => verdictOf(reply, dropped, ver, forked));
  return { record: best.record, body: best.body, sha256: best.sha256, replicas };
}

/** M10: whether a version is too far ahead of the clock to be believed. */
export function isFromFuture(route: Route, ver: number, nowMs: number): boolean {
  return route.maxAgeMs !== null && ver > nowMs + limits.recordMaxAheadMs;
}

type Dropped = "future" | "refused" | null;

interface Judged {
  readonly reply: CheckedReply;
  readonly dropped: Dropped;
}

/** Says what is dropped before the highest is chosen; asks the caller's predicate once per distinct record. */
function createJudge({ route, nowMs, maxVersion, accept }: SelectInput): (reply: CheckedReply) => Dropped {
  const verdicts = new Map<Candidate, Dropped>();
  const judge = ({ record }: Candidate): Dropped => {
    // M10: a version ahead of time would outlive every later one and never expire.
    if (isFromFuture(route, record.ver, nowMs)) return "future";
    // M11
    if (maxVersion !== undefined && record.ver > maxVersion) return "refused";
    return accept === undefined || accept(record) ? null : "refused";
  };
  return (reply) => {
    if (reply.kind !== "verified") return null;
    const known = verdicts.get(reply.candidate);
    if (known !== undefined) return known;
    const verdict = judge(reply.candidate);
    verdicts.set(reply.candidate, verdict);
    return verdict;
  };
}

/** M8: the outcome where no record is left, never "absent": the index says that the id exists. */
function nothingToChoose(id: string, judged: readonly Judged[], attempts: readonly Attempt[]): HawserError {
  const details = { id, attempts };
  const which = JSON.stringify(id);
  if (judged.some(({ dropped }) => dropped === "future")) {
    return new HawserError("RECORD_FROM_FUTURE", `Only records ahead of the clock were served for ${which}.`, details);
  }
  if (judged.some(({ reply }) => reply.kind === "unverified")) {
    return new HawserError("RECORD_UNVERIFIED", `No record that was served for ${which} verifies.`, details);
  }
  return new HawserError("RECORD_UNAVAILABLE", `No replica answered with the record of ${which}.`, details);
}

function staleError(
  id: string,
  got: { readonly epoch: number; readonly ver: number },
  { epoch, ver }: Floor,
  attempts: readonly Attempt[],
): HawserError<"RECORD_STALE"> {
  return new HawserError(
    "RECORD_STALE",
    `The newest record of ${JSON.stringify(id)} is (${got.epoch}, ${got.ver}), older than the known (${epoch}, ${ver}).`,
    { id, got, floor: { epoch, ver }, attempts },
  );
}

function attemptOfReply(reply: CheckedReply, dropped: Dropped): Attempt {
  if (reply.kind !== "verified") return reply.attempt;
  const { label } = reply;
  return { label, code: dropped ?? "answered", message: `It has version ${reply.candidate.record.ver}.` };
}

/** M9: versions under which two different data verify, or other data than the cache knows. */
function forkedVersions(verified: readonly Candidate[], cached: Floor | null, epoch: number): ReadonlySet<number> {
  const digests = new Map<number, string>();
  const forked = new Set<number>();
  for (const { record, sha256 } of verified) {
    const known = digests.get(record.ver) ?? sha256;
    digests.set(record.ver, known);
    if (known !== sha256 || contradictsFloor(cached, { epoch, ver: record.ver }, sha256)) forked.add(record.ver);
  }
  return forked;
}

function verdictOf(reply: CheckedReply, dropped: Dropped, best: number, forked: ReadonlySet<number>): ReplicaVerdict {
  const { label } = reply;
  if (reply.kind !== "verified") return { label, verdict: reply.kind, ver: null, reason: reply.attempt.message };
  const { ver } = reply.candidate.record;
  if (dropped !== null) return { label, verdict: dropped, ver, reason: null };
  if (ver === best) return { label, verdict: "fresh", ver, reason: null };
  return { label, verdict: forked.has(ver) ? "forked" : "behind", ver, reason: null };
}
