import { assertInteger, invalidArgument } from "../bytes/guards.js";
import type { ReadPolicy } from "./policy.js";
import type { SessionOptions } from "./reader-core.js";

/** Options of every read. */
export interface ReadOptions extends SessionOptions {
  /**
   * Whom the read may ask. Default `network`. What comes out of the cache is verified anew: the name's operations on
   * the stored headers, documents and objects by their hashes, records by their signatures, the floor (M5) and, by the
   * clock, `maxAgeMs` (M10); every other option holds too. It is `from: "cache"` with the `asOf` of the last complete
   * read of the name, for which no source stands any more. `maxTipAgeMs` is not applied to it: `asOf.tipAgeMs` tells.
   */
  readonly policy?: ReadPolicy | undefined;
}

/** Options of `getMutable`. */
export interface MutableReadOptions extends ReadOptions {
  /** Refuse versions below; part of the floor (M5, M11). */
  readonly minVersion?: number | undefined;
  /** Ignore versions above (M11). */
  readonly maxVersion?: number | undefined;
  /** Ignore records for which this returns false (M11). */
  readonly checkVersion?: ((record: { readonly ver: number; readonly data: Uint8Array }) => boolean) | undefined;
  /** Ask only this many replicas. Default: all of them (M8). */
  readonly replicas?: number | undefined;
  /** bytes - raises the 1 MiB of data that a record may have (M3). A smaller value changes nothing. */
  readonly maxBytes?: number | undefined;
}

/** Options of `list`. */
export interface ListOptions extends ReadOptions {
  /** Only keys that begin with this, such as `m:settings/` or `i:`. */
  readonly prefix?: string | undefined;
}

/** M11: a bound that is no number would let every record pass the floor. @throws INPUT_INVALID */
export function assertBounds({ minVersion, maxVersion, maxBytes, replicas, checkVersion }: MutableReadOptions): void {
  for (const [option, value] of Object.entries({ minVersion, maxVersion, maxBytes })) {
    if (value !== undefined) assertInteger(option, value);
  }
  if (replicas !== undefined) assertInteger("replicas", replicas, 1);
  const check: unknown = checkVersion;
  if (check !== undefined && typeof check !== "function") throw invalidArgument("checkVersion", "function", check);
}
