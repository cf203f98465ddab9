import { Evidence } from "../chain/evidence.js";
import { createPanel } from "../chain/union.js";
import { HawserError } from "../errors.js";
import { describeBlocks } from "./as-of.js";
import { pendingOperations } from "./pending.js";
import type { Resolution, ResolveInput } from "./resolution.js";
import { runThread, type ThreadInput, type ThreadState } from "./thread.js";

/** A stored name and the chain to prove it on. */
export type StoredInput = Pick<ResolveInput, "network" | "name" | "chain" | "stored" | "clock">;

/** The thread of what is stored, as far as it proves on the chain; asks nobody. */
export function threadOfStored({ network, name, chain, stored, clock }: StoredInput): ThreadInput {
  const evidence = new Evidence(createPanel([], clock, undefined));
  evidence.restore(chain, stored);
  return { network, name, transactions: evidence.proven, previous: evidence.previous };
}

/**
 * The state that stored operations give on the stored chain, proven anew but asked of nobody; null when nothing is
 * stored. A guess at what a read will find, never an answer.
 */
export function stateFromStored(input: StoredInput, minConfirmations: number): ThreadState | null {
  if (input.stored.transactions.length === 0) return null;
  return runThread(threadOfStored(input), input.chain.tipHeight - minConfirmations + 1);
}

/** How strong an earlier read has to be to stand for one of now. */
export interface StoredDemands {
  readonly minConfirmations: number;
  /** Complete answers (V5). */
  readonly minSources: number;
}

/**
 * What the last complete read of a name found, proven anew, as of the block that it was read at; null where none is
 * stored, or where more is known by now.
 *
 * @throws CHAIN_UNSUPPORTED_OPERATION
 */
export function selectStored(
  input: StoredInput,
  { minConfirmations, minSources }: StoredDemands,
): Pick<Resolution, "state" | "pending" | "asOf"> | null {
  const { chain, stored, clock } = input;
  const { readAt } = stored;
  // V6: after a reorganisation nobody was asked about the blocks that are there now.
  if (!readAt || chain.hashAt(readAt.height) !== readAt.hash) return null;
  // V5: a reader that needed fewer sources may share this cache.
  if (readAt.agreed < minSources) return null;
  const thread = threadOfStored(input);
  const deepest = Math.max(chain.baseHeight, chain.tipHeight - minConfirmations + 1);
  const latest = runThread(thread, deepest);
  // C7: also where it was found by a read that then failed.
  const failure = unsupported(latest);
  if (failure !== null) throw failure;
  // An operation that was proven since: what came before it is older than what is known.
  if (Math.max(latest.lastOperation?.height ?? 0, latest.unsealed?.height ?? 0) > readAt.height) return null;
  // V6: a reader of less depth may share this cache too.
  const height = Math.min(readAt.height, deepest);
  const tipHeight = Math.min(readAt.tipHeight, chain.tipHeight);
  return {
    state: runThread(thread, height),
    pending: pendingOperations(runThread(thread, chain.tipHeight), height, []),
    asOf: { ...describeBlocks(chain, height, tipHeight, clock.nowMs()), partial: true, sources: [] },
  };
}

/** C7: a later version moved the name on; the older profile is not an answer. */
export function unsupported({ unsupported: by }: ThreadState): HawserError | null {
  if (by === null) return null;
  return new HawserError(
    "CHAIN_UNSUPPORTED_OPERATION",
    `The name was changed by an operation of a later protocol version at height ${by.height}.`,
    by,
  );
}
