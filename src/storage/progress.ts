import { limits } from "../limits.js";
import type { StoredKind } from "../ports.js";
import type { Progress } from "../runtime/progress.js";

/** How long a provider's server may be silent, by what is asked for. Defaults: {@link limits}. */
export type StorageProgress = Partial<Readonly<Record<StoredKind, Progress>>>;

const defaults: Readonly<Record<StoredKind, Progress>> = {
  record: { firstByteMs: limits.recordFirstByteMs, idleMs: limits.recordIdleMs },
  object: { firstByteMs: limits.objectFirstByteMs, idleMs: limits.objectIdleMs },
};

/**
 * The patience with one exchange. A server answers an upload when it has all of it, so the body's time is added.
 *
 * @param uploadBytes - Size of the request's body. Default 0.
 */
export function progressOf(kind: StoredKind, given: StorageProgress | undefined, uploadBytes = 0): Progress {
  const { firstByteMs, idleMs } = given?.[kind] ?? defaults[kind];
  const uploadMs = Math.ceil((uploadBytes * 1_000) / limits.uploadMinBytesPerSecond);
  return { firstByteMs: firstByteMs + uploadMs, idleMs };
}
