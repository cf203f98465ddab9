import type { Attempt } from "../errors.js";
import type { StorageProvider, StorageReader } from "../ports.js";
import type { SessionOptions } from "./reader-core.js";
import type { FoundName } from "./results.js";

/** Options of `repair`. */
export interface RepairOptions extends SessionOptions {
  /** What is to hold everything afterwards. Opened where it has to be; whoever made it closes it. */
  readonly to: StorageProvider | readonly StorageProvider[];
  /**
   * ms - for finding the name, and again for each item. Each call to a provider has at most 15 s of it for a record, 30 s
   * for anything else. Default 60,000.
   */
  readonly timeoutMs?: number | undefined;
  /** Items that are worked on at the same time, 1 to 256; each takes up to its own size in memory. Default 8. */
  readonly maxParallel?: number | undefined;
  /** bytes - raises the 1 MiB of data that a record may have (M3). */
  readonly maxBytes?: number | undefined;
  /** Is told of each item, in turn, when its outcome is known; the work waits for it. */
  readonly onItem?: ((item: MirroredItem) => void | Promise<void>) | undefined;
}

/** Options of `mirror`. */
export interface MirrorOptions extends RepairOptions {
  /**
   * Where everything is read from, and nowhere else; nothing of it is trusted. Default: every place that the reader and
   * the name's own URLs lead to, the targets and the cache included.
   */
  readonly from?: readonly StorageReader[] | undefined;
  /**
   * Whether a mirror that was cut off before goes on from there, within 24 hours and while the profile is the same: what
   * it found or stored at the targets by then is not looked at again. Records always are. Default true.
   */
  readonly resume?: boolean | undefined;
}

/**
 * What became of an item at a provider. `stored`: it was missing, wrong or behind, was written and then read back. `held`:
 * it was there. `moved`: it holds a newer record than what was to be copied, which stays. `failed`: it does not have it,
 * or may not. `unavailable`: there is nothing to copy: nobody has it, or it is a fork (M9) or a replay (M5).
 */
export interface MirrorOutcome {
  readonly label: string;
  readonly outcome: "stored" | "held" | "moved" | "failed" | "unavailable";
  /** Why, for `moved`, `failed` and `unavailable`. */
  readonly attempt: Attempt | null;
}

interface Mirrored {
  /** Section 10's path; null for what has none here. */
  readonly path: string | null;
  /** One for each provider that keeps items of this kind. */
  readonly outcomes: readonly MirrorOutcome[];
}

/** One thing that belongs to a name, and what became of it. */
export type MirroredItem =
  | (Mirrored & { readonly kind: "profile" /** SHA-256, hex. */; readonly hash: string })
  /** What is below a node that is `unavailable` was left out. `prefix`: the hex digits that lead to it in the index. */
  | (Mirrored & { readonly kind: "node"; readonly hash: string; readonly prefix: string })
  | (Mirrored & {
      readonly kind: "record";
      readonly id: string;
      readonly epoch: number;
      /** The version that was copied, or was to be; null for none. */
      readonly ver: number | null;
    })
  /** `key`: as in the index. */
  | (Mirrored & { readonly kind: "object"; readonly key: string });

/** What a mirror or repair did at one provider. */
export interface MirrorCount {
  readonly label: string;
  readonly stored: number;
  readonly held: number;
  readonly moved: number;
  readonly failed: number;
  readonly unavailable: number;
  /** bytes - that were stored. */
  readonly bytes: number;
}

/** What a mirror or repair did. */
export interface FoundMirror extends FoundName {
  /** SHA-256 of the profile, hex. */
  readonly profileHash: string;
  /** Everything of the name that they keep is at every provider: nothing `failed` or is `unavailable`. */
  readonly complete: boolean;
  /** Whether it went on where an earlier one was cut off; what that one did is not counted. */
  readonly resumed: boolean;
  /** In the order of `to`. */
  readonly providers: readonly MirrorCount[];
}
