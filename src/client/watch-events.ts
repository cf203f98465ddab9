import type { HawserError } from "../errors.js";
import type { MutableReadOptions } from "./read-options.js";
import type { FoundMutable, FoundName, NameState, NotFound } from "./results.js";

/** Options of `watch`. Those of a read hold for each of its reads; `hint` only until one of them succeeded. */
export interface WatchOptions extends Omit<MutableReadOptions, "policy" | "onEvent"> {
  /** Watches this record too; without it the name alone. */
  readonly id?: string | undefined;
  /** ms - between two reads while no source tells of a change. Records are found by these alone. Default 60,000. */
  readonly pollIntervalMs?: number | undefined;
  /** ms - between two reads at least, however often sources tell of changes. Default 1,000. */
  readonly minIntervalMs?: number | undefined;
}

/** What a watch reads. */
export type WatchResult = FoundName | FoundMutable | NotFound;

/** What is other than in the event before. */
export type WatchChange =
  /** The answer is as of another block, or the tip is. */
  | { readonly what: "block"; readonly height: number; readonly hash: string; readonly tipHeight: number }
  /** What was shown is not on the best chain any more: from this height on its blocks are others, or gone. */
  | { readonly what: "reorganisation"; readonly height: number }
  /**
   * A new operation, or one that got to another place: in the mempool while `height` is null (then unproven), mined,
   * and at last applied (V6). `kind` is null for a spend of the seal that is no operation.
   */
  | {
      readonly what: "operation";
      readonly txid: string;
      readonly kind: string | null;
      readonly height: number | null;
      readonly applied: boolean;
    }
  /** An operation that was shown is neither in the chain nor pending any more, or is of a tenure that has ended. */
  | { readonly what: "withdrawn"; readonly txid: string; readonly kind: string | null }
  /** The members of the name's state that differ. */
  | { readonly what: "name"; readonly members: readonly Exclude<keyof NameState, "pending">[] }
  /** Another version of the record; null where the index does not hold it any more. */
  | { readonly what: "record"; readonly epoch: number | null; readonly ver: number | null }
  /** Reads succeed again after `failed`. */
  | { readonly what: "recovered" };

/** What a watch tells. Every `result` is verified as that of a single read is. */
export type WatchEvent<Result extends WatchResult = WatchResult> =
  /** The first state. */
  | { readonly type: "present"; readonly result: Result }
  | { readonly type: "changed"; readonly changes: readonly WatchChange[]; readonly result: Result }
  /** A read that failed; it is made again after `retryInMs`, which grows while it goes on failing. */
  | {
      readonly type: "failed";
      readonly error: HawserError;
      /** How many reads failed in a row, this one included. */
      readonly failures: number;
      readonly retryInMs: number;
    };

/** A watch. It asks nobody before the first `next()`, and reads only while `next()` is waited for. */
export interface NameWatch<Result extends WatchResult = WatchResult>
  extends AsyncIterableIterator<WatchEvent<Result>, undefined>,
    AsyncDisposable {
  /** Ends it, also one whose `next()` is waited for. */
  return(): Promise<IteratorResult<WatchEvent<Result>, undefined>>;
}
