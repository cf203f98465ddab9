import type { AuditOptions, FoundAudit } from "./audited.js";
import type { FoundMirror, MirrorOptions, RepairOptions } from "./mirrored.js";
import type { NotFound } from "./results.js";

/** What a reader does for the copies of a name's data. None of it needs a key: records are signed already. */
export interface ReplicaUpkeep {
  /**
   * What every replica holds of all that belongs to a name: its profile, index nodes, objects and records. Each is asked
   * as strangers ask it, by its public URL and without credentials (U1). A replica that is missing ends nothing, and a
   * node that nobody has is an item, too; only what is below it is left out. Memory does not depend on how much the name
   * has.
   *
   * @throws INPUT_INVALID, and as `getName`; while iterating also PROFILE_INVALID, PROFILE_UNSUPPORTED, INDEX_INVALID,
   *   NETWORK_TIME_LIMIT above 100,000 nodes that nobody has, NETWORK_ABORTED, CACHE_UNAVAILABLE, CACHE_CORRUPT
   */
  audit(name: string, options?: AuditOptions): Promise<FoundAudit | NotFound>;
  /**
   * Copies all that belongs to a name to providers: what they lack, what is wrong there, and records that are older than
   * the newest. Everything is verified when it is read, and read back after it was written. Objects and index nodes come
   * first, then records, the profile last. What a provider holds of other names or former times stays. One that was cut
   * off goes on where it was (`resume`); a second run writes nothing that is there.
   *
   * A provider that cannot be opened, or fails 16 times in a row, is left alone for the rest of the run.
   *
   * @throws INPUT_INVALID, and as `getName`; PROFILE_UNAVAILABLE, PROFILE_INVALID, PROFILE_UNSUPPORTED, INDEX_INVALID;
   *   STORAGE_UNAVAILABLE when every provider is left alone; NETWORK_TIME_LIMIT above 100,000 nodes that nobody has,
   *   NETWORK_ABORTED, CACHE_UNAVAILABLE, CACHE_CORRUPT
   */
  mirror(name: string, options: MirrorOptions): Promise<FoundMirror | NotFound>;
  /**
   * Brings every provider given to the newest state of a name, from wherever it can be had, the cache included: as
   * {@link ReplicaUpkeep.mirror}, but all of it is looked at in every run, and each item is read once for all of them.
   *
   * @throws as {@link ReplicaUpkeep.mirror}
   */
  repair(name: string, options: RepairOptions): Promise<FoundMirror | NotFound>;
}
