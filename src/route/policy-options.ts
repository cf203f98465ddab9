import type { Clock } from "../ports.js";

/** How storage is asked and given to. Every default stands in `limits`, with its reason in `docs/guides/replicas.md`. */
export interface StoragePolicyOptions {
  /** calls - of one provider for one thing, the first included; 1 repeats nothing. Default 3. */
  readonly attempts?: number | undefined;
  /** ms - the longest wait before the second call; it doubles for each further one (full jitter). Default 250. */
  readonly retryDelayMs?: number | undefined;
  /** ms - the longest wait before any call. Default 5,000. */
  readonly retryMaxDelayMs?: number | undefined;
  /** ms - a server that asks for a longer wait (`Retry-After`) is given up at once. Default 30,000. */
  readonly retryAfterMaxMs?: number | undefined;
  /** ms - after which a second place is asked for an object beside one that has not answered, at most. Default 1,500. */
  readonly hedgeDelayMs?: number | undefined;
  /** ms - the least of that, however fast the place was of late. Default 400. */
  readonly hedgeMinDelayMs?: number | undefined;
  /** places - that are asked for an object at the same time; 1 never asks a second one early. Default 3. */
  readonly hedgeMaxInFlight?: number | undefined;
  /** failures - of a place in a row before it is left alone for a time. Default 3. */
  readonly failuresBeforePause?: number | undefined;
  /** ms - for which it is left alone, at first and then each further time; none: never. Default 30 s, 2, 10 and 60 min. */
  readonly pausesMs?: readonly number[] | undefined;
  /** ms - that one place has to give or take a record, repeated calls included. Default 15,000. */
  readonly recordTimeoutMs?: number | undefined;
  /** ms - that one place has to give or take an object, or to remove a copy. Default 30,000. */
  readonly objectTimeoutMs?: number | undefined;
  /** Whether what a provider says it stored is read back from it, else `STORAGE_LOST`. Default false. */
  readonly confirmWrites?: boolean | undefined;
  /** ms - before it is read back a second time, for stores that show a write late. Default 1,000. */
  readonly confirmDelayMs?: number | undefined;
}

/** The options with their defaults. */
export type StorageSettings = {
  readonly [Name in keyof StoragePolicyOptions]-?: NonNullable<StoragePolicyOptions[Name]>;
};

/** What is judged apart: that a place takes no writes says nothing of what it gives. */
export type StorageOperation = "record" | "object" | "write";

/** One thing that is asked of one place. */
export interface StorageCall {
  /** A provider's label or a URL's origin; null where its failures are not counted. */
  readonly place: string | null;
  readonly operation: StorageOperation;
  readonly clock: Clock;
  /** ms - for all calls together. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Whether it may be called once more, asked each time. Default: never. */
  readonly mayRepeat?: (() => boolean) | undefined;
}
