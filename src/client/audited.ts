import type { Attempt } from "../errors.js";
import type { SessionOptions } from "./reader-core.js";
import type { FoundName } from "./results.js";

/** Options of `audit`. */
export interface AuditOptions extends SessionOptions {
  /**
   * ms - for finding the name, and again for each item: an audit lasts as long as the name has data. Each replica has at
   * most 15 s of it for a record, 30 s for anything else. Default 60,000.
   */
  readonly timeoutMs?: number | undefined;
  /** Only records (`m:`) or objects (`i:`) whose key begins so. Nodes are audited in any case. Default: all. */
  readonly prefix?: string | undefined;
  /** Items that are looked at at the same time, 1 to 256. Default 8. */
  readonly maxParallel?: number | undefined;
  /** bytes - raises the 1 MiB of data that a record may have (M3). */
  readonly maxBytes?: number | undefined;
}

/**
 * What a replica is worth for an item. `present`: the bytes that hash to its key, or the newest version of the record.
 * `behind`: an older version. `missing`: the server says that it has nothing there. `wrong`: it serves what does not
 * verify. `forked`: two data are signed under the newest version. `unknown`: it could not be asked.
 */
export type AuditVerdict = "present" | "behind" | "missing" | "wrong" | "forked" | "unknown";

/** What one replica holds of an item. */
export interface AuditedReplica {
  /** The provider's label, or the URL. */
  readonly label: string;
  /** Where the item was asked for, or would have been; null where the provider has no public URL. */
  readonly url: string | null;
  /** Whether it was asked as strangers ask: by its URL, without credentials. False: the provider itself was asked. */
  readonly public: boolean;
  readonly verdict: AuditVerdict;
  /** The version of a record that verifies; null for anything else. */
  readonly ver: number | null;
  /** Why, for `missing`, `wrong` and `unknown`. */
  readonly attempt: Attempt | null;
}

interface Audited {
  /** Section 10's path; null for what has none here. */
  readonly path: string | null;
  readonly replicas: readonly AuditedReplica[];
  /**
   * Why it could not be audited, or what is below it could not: nobody has the profile or the node (`PROFILE_UNAVAILABLE`,
   * `INDEX_UNAVAILABLE`), a route without a key or of an epoch that is refused (`ROUTE_*`), a UnixFS root (`unsupported`).
   */
  readonly skipped: { readonly code: string; readonly message: string } | null;
}

/** One thing that belongs to a name, and what each replica holds of it. */
export type AuditedItem =
  | (Audited & { readonly kind: "profile" /** SHA-256, hex. */; readonly hash: string })
  /** `prefix`: the hex digits that lead to it in the index. */
  | (Audited & { readonly kind: "node"; readonly hash: string; readonly prefix: string })
  | (Audited & {
      readonly kind: "record";
      readonly id: string;
      readonly epoch: number;
      /** The highest version that is known of; null where nothing is. */
      readonly newestVer: number | null;
    })
  /** `key`: as in the index. */
  | (Audited & { readonly kind: "object"; readonly key: string });

/** An audit under way. */
export interface FoundAudit extends FoundName {
  /**
   * The profile, then nodes, records and objects in the order of the index, a node before what is below it. It can be
   * iterated once, and asks nobody before that.
   */
  readonly items: AsyncIterable<AuditedItem>;
}
