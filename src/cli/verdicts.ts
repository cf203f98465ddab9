import type { SourceReason, SourceVerdict } from "../chain/union.js";
import type { NotFound } from "../client/results.js";
import type { ReplicaVerdict } from "../mutable/select.js";
import type { AsOf } from "../name/resolution.js";
import type { Cell, Tone } from "./output.js";
import { count } from "./text.js";

const REPLICA_TONES: Readonly<Record<ReplicaVerdict["verdict"], Tone>> = {
  fresh: "good",
  behind: "warn",
  unverified: "bad",
  forked: "bad",
  future: "bad",
  refused: "warn",
  unreachable: "warn",
  absent: "warn",
};
const SOURCE_TONES: Readonly<Record<SourceVerdict, Tone>> = {
  agreed: "good",
  behind: "warn",
  withheld: "bad",
  lied: "bad",
  "other-chain": "bad",
  "other-network": "bad",
  unreachable: "warn",
};

/** A row for each replica (M8). */
export function replicaRows(replicas: readonly ReplicaVerdict[]): readonly (readonly Cell[])[] {
  return replicas.map(({ label, verdict, ver, reason }) => [
    label,
    { text: verdict, tone: REPLICA_TONES[verdict] },
    ver === null ? abbreviated(reason ?? "") : `version ${ver}`,
  ]);
}

/** A row for each chain source (V4, V5). */
export function sourceRows({ sources }: Pick<AsOf, "sources">): readonly (readonly Cell[])[] {
  return sources.map(({ label, verdict, reason }) => {
    const cells: readonly Cell[] = [label, { text: verdict, tone: SOURCE_TONES[verdict] }];
    return reason === undefined ? cells : [...cells, reasonCell(reason)];
  });
}

/** What a source failed with. */
function reasonCell({ code, message, restsForMs }: SourceReason): string {
  const rest = restsForMs === undefined ? "" : `not asked for ${Math.ceil(restsForMs / 1000)} s: `;
  return abbreviated(`${rest}${code}: ${message}`);
}

/** {@link replicaRows} among other rows. */
export function replicaNotes(replicas: readonly ReplicaVerdict[]): readonly (readonly Cell[])[] {
  return replicaRows(replicas).map((row) => ["replica", ...row]);
}

/** {@link sourceRows} among other rows. */
export function sourceNotes(asOf: Pick<AsOf, "sources">): readonly (readonly Cell[])[] {
  return sourceRows(asOf).map((row) => ["source", ...row]);
}

/** Which block an answer holds for (V7). */
export function asOfLine({ height, tipHeight, tipAgeMs, sources, ...rest }: AsOf): string {
  const agreed = sources.filter(({ verdict }) => verdict === "agreed").length;
  const age = tipAgeMs < 120_000 ? `${Math.round(tipAgeMs / 1000)} s` : `${Math.round(tipAgeMs / 60_000)} min`;
  const isCached = sources.length === 0;
  const by = isCached ? "from the cache, no source asked" : `${agreed} of ${count(sources.length, "source")} agreed`;
  const reserves = [
    rest.partial && !isCached ? ", not all answered" : "",
    rest.weakStart ? ", weak start" : "",
    rest.signaturesUnchecked ? ", block signatures not checked" : "",
  ];
  return `as of block ${height} (tip ${tipHeight}, ${age} old), ${by}${reserves.join("")}`;
}

/** Why there is nothing, on one line. */
export function notFoundLine(what: string, { why, name: state, asOf }: NotFound): string {
  const reasons = {
    "no-name": `the name is ${state.status}`,
    "no-profile": "the name has no profile",
    "not-in-index": "the name's index does not hold it",
  } as const;
  return `${what} does not exist: ${reasons[why]}, ${asOfLine(asOf)}`;
}

/** Keys and hashes are shown whole with `--json` only. */
function abbreviated(text: string): string {
  return text.replace(/\b([0-9a-f]{8})[0-9a-f]{24,}\b/g, "$1...");
}
