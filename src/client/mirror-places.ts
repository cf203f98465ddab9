import type { StorageReader, StoredKind } from "../ports.js";
import { keepersOf } from "../route/replicas.js";
import type { MirrorTarget } from "./mirror-target.js";
import type { ReaderCore } from "./reader-core.js";

/** Where a mirror reads from and writes to. */
export interface MirrorPlaces {
  readonly core: ReaderCore;
  readonly targets: readonly MirrorTarget[];
  /** Null: from everywhere. */
  readonly from: readonly StorageReader[] | null;
  /** ms - for each item. Default 60,000. */
  readonly timeoutMs: number | undefined;
  /** bytes of data that a record may have. */
  readonly maxDataBytes: number | undefined;
}

/** The targets that keep items of this kind. */
export function targetsOf({ targets }: MirrorPlaces, kind: StoredKind): readonly MirrorTarget[] {
  const keepers = new Set(
    keepersOf(
      targets.map(({ provider }) => provider),
      kind,
    ),
  );
  return targets.filter(({ provider }) => keepers.has(provider));
}

/** The providers that items of this kind are read from, beside the targets themselves. */
export function sourcesOf({ core, from, targets }: MirrorPlaces, kind: StoredKind): readonly StorageReader[] {
  if (from !== null) return keepersOf(from, kind);
  const own = new Set<StorageReader>(targets.map(({ provider }) => provider));
  return keepersOf(core.parts.storage, kind).filter((provider) => !own.has(provider));
}
