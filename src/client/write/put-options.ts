import type { MutableRecord } from "../../mutable/record.js";
import type { KnownVersions, RecordBasis } from "../../mutable/select-version.js";
import type { Content, Route } from "../../profile/entry.js";
import type { NewRouteOptions } from "./new-route.js";
import type { OperationHandle } from "./operation.js";
import type { WriteOptions } from "./plan.js";

/** Options of `putMutable`. */
export interface PutMutableOptions extends WriteOptions, NewRouteOptions {
  /** Whether a missing route may be made, which takes a transaction; false fails with `ROUTE_MISSING`. Default true. */
  readonly create?: boolean | undefined;
  /** Exactly this version; it must be above every version that is known. Default: one more. */
  readonly version?: number | undefined;
  /** Computes the version from what is known. */
  readonly nextVersion?: ((known: KnownVersions) => number) | undefined;
  /**
   * ms - readers refuse a record that is older, and its versions are Unix milliseconds (M10). 1 to 2^53 - 1, or null for
   * no limit. On a route that has another value this takes a transaction. Default: as the route has it; none for a new one.
   */
  readonly maxAgeMs?: number | null | undefined;
  /**
   * Called when another writer's version came first, with the newest data; what it returns is put above that. Null gives
   * up, with the conflict. Default: a conflict is an error.
   */
  readonly merge?: ((race: RecordRace) => Uint8Array | null | Promise<Uint8Array | null>) | undefined;
  /** Puts before `merge` is not called any more, 1 to 100. Default 5. */
  readonly tries?: number | undefined;
  /**
   * Of a transaction that was sent, by this writer or another of the name: stores its profile, the index nodes that lead
   * to the id, and the same signed record once more, everywhere, and makes no new transaction (W2).
   */
  readonly txid?: string | undefined;
}

/** What `merge` makes one of. */
export interface RecordRace {
  /** What was to be put. */
  readonly mine: Uint8Array;
  /** What is there: one, or at a fork each branch. */
  readonly theirs: readonly { readonly ver: number; readonly data: Uint8Array }[];
}

/** Options of one put of a record, with what its data was made from. */
export interface RecordOptions extends PutMutableOptions {
  readonly basis?: RecordBasis | undefined;
}

/** A record that was put. */
export interface PutMutableHandle extends OperationHandle {
  readonly record: MutableRecord;
  readonly route: Route;
}

/** Options of `putImmutable`. */
export interface PutImmutableOptions extends WriteOptions {
  /** Media type, 1 to 127 bytes; a label that readers must not trust. */
  readonly type?: string | undefined;
  /** File name, 1 to 255 bytes; a label, never a path. */
  readonly fileName?: string | undefined;
  /**
   * Of a transaction that was sent: stores its profile, the index nodes that lead to the data, and the data once more,
   * everywhere, and makes no new transaction (W2).
   */
  readonly txid?: string | undefined;
}

/** Immutable data that was put. */
export interface PutImmutableHandle extends OperationHandle {
  /** SHA-256 of the data, hex. */
  readonly key: string;
  readonly content: Content;
}
