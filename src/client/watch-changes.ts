import type { HeaderChain } from "../chain/header-chain.js";
import type { Resolution } from "../name/resolution.js";
import type { NameState } from "./results.js";
import type { WatchChange, WatchResult } from "./watch-events.js";

/** One successful read. */
export interface Sight<Result extends WatchResult = WatchResult> {
  readonly result: Result;
  readonly resolution: Resolution;
}

type OperationChange = Extract<WatchChange, { readonly what: "operation" }>;

const MEMBERS = [
  "status",
  "unsealed",
  "tenure",
  "ownerScript",
  "ownerKey",
  "profileHash",
  "changesAtHeight",
] as const satisfies readonly (keyof NameState)[];

/** What is other in `now` than in `before`; empty where nothing is. The age of the tip and verdicts are no change. */
export function changesBetween(before: Sight, now: Sight): readonly WatchChange[] {
  return [
    ...reorganisation(before, now),
    ...block(before, now),
    ...operations(before, now),
    ...members(before.result.name, now.result.name),
    ...record(before.result, now.result),
  ];
}

function reorganisation(before: Sight, { resolution: { chain } }: Sight): readonly WatchChange[] {
  const height = firstOther(before.resolution.chain, chain);
  return height === null ? [] : [{ what: "reorganisation", height }];
}

/** The lowest height of a chain's blocks that are not in `now`; null where all of them are. */
function firstOther(shown: HeaderChain, now: HeaderChain): number | null {
  let height = shown.tipHeight;
  while (height > shown.baseHeight && now.hashAt(height) !== shown.hashAt(height)) height--;
  return height === shown.tipHeight ? null : height + 1;
}

function block({ result: { asOf: before } }: Sight, { result: { asOf } }: Sight): readonly WatchChange[] {
  const { height, hash, tipHeight } = asOf;
  if (hash === before.hash && tipHeight === before.tipHeight) return [];
  return [{ what: "block", height, hash, tipHeight }];
}

function operations(before: Sight, now: Sight): readonly WatchChange[] {
  const [shown, known] = [operationsOf(before), operationsOf(now)];
  const placed = [...known.values()].filter((operation) => {
    const old = shown.get(operation.txid);
    return old?.height !== operation.height || old.applied !== operation.applied;
  });
  const gone = [...shown.values()].filter(({ txid }) => !known.has(txid));
  return [...placed, ...gone.map(({ txid, kind }) => ({ what: "withdrawn" as const, txid, kind }))];
}

/** Every operation that a read shows, in the order of the chain, what is unmined last. */
function operationsOf({ resolution: { state, pending } }: Sight): ReadonlyMap<string, OperationChange> {
  const applied = state.operations.map(({ txid, kind, height }): OperationChange => {
    return { what: "operation", txid, kind, height, applied: true };
  });
  if (state.unsealed !== null) applied.push({ what: "operation", kind: null, applied: true, ...state.unsealed });
  const seen = pending.map(({ txid, kind, height }): OperationChange => {
    return { what: "operation", txid, kind, height, applied: false };
  });
  return new Map([...applied, ...seen].map((operation) => [operation.txid, operation]));
}

function members(before: NameState, now: NameState): readonly WatchChange[] {
  const changed = MEMBERS.filter((member) => JSON.stringify(before[member]) !== JSON.stringify(now[member]));
  return changed.length === 0 ? [] : [{ what: "name", members: changed }];
}

function record(before: WatchResult, now: WatchResult): readonly WatchChange[] {
  const [old, { epoch, ver }] = [versionOf(before), versionOf(now)];
  return old.epoch === epoch && old.ver === ver ? [] : [{ what: "record", epoch, ver }];
}

function versionOf(result: WatchResult): { readonly epoch: number | null; readonly ver: number | null } {
  return "ver" in result ? { epoch: result.route.epoch, ver: result.ver } : { epoch: null, ver: null };
}
