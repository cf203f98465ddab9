import { utf8 } from "../bytes/bytes.js";
import { encodeHex } from "../bytes/hex.js";
import { sha256 } from "../crypto/hash.js";
import { isHawserError } from "../errors.js";
import type { StoredBytes, WriteCondition, WriteOutcome } from "../ports.js";
import { objectPath } from "../route/layout.js";
import { systemRandom } from "../runtime/random.js";

/** What a probe does to a service; each throws as a provider's methods do. */
export interface Probed {
  write(path: string, body: Uint8Array, condition: WriteCondition): Promise<WriteOutcome>;
  read(path: string): Promise<StoredBytes | null>;
  remove(path: string): Promise<unknown>;
}

// A tag that no body has: services make theirs of digests and counters.
const STALE_TAG = '"00000000000000000000000000000000"';

/**
 * Finds out whether writes can be conditional, by doing each of them: creating where nothing is and where something is,
 * replacing by a tag that is not right, by the right one, and where nothing is. Services that ignore a condition overwrite
 * without a word, so one that was not seen to refuse does not count.
 *
 * It writes a small object of random text to its own path of the layout and removes it. Where it may not remove it, what
 * stays is a valid object that nothing refers to.
 *
 * @throws what `probed` throws, but for a service's saying that it knows no conditions
 */
export async function probeConditions(probed: Probed): Promise<boolean> {
  const { path, body } = scratchObject();
  const { path: never } = scratchObject();
  // What may be there in the end. Removing what is not there would leave a mark in a bucket with versions.
  const left = new Set<string>();
  const outcome = async (at: string, condition: WriteCondition): Promise<WriteOutcome | "unsupported"> => {
    const wasLeft = left.has(at);
    left.add(at);
    const seen = await writeUnder(probed, at, body, condition);
    if (seen !== "stored" && !wasLeft) left.delete(at);
    return seen;
  };
  try {
    if ((await outcome(path, { ifAbsent: true })) !== "stored") return false;
    if ((await outcome(path, { ifAbsent: true })) !== "moved") return false;
    const tag = (await probed.read(path))?.tag ?? null;
    // Without the tag, for example where CORS hides it, nothing can be replaced.
    if (tag === null || tag === STALE_TAG) return false;
    if ((await outcome(path, { ifTag: STALE_TAG })) !== "moved") return false;
    if ((await outcome(path, { ifTag: tag })) !== "stored") return false;
    return (await outcome(never, { ifTag: tag })) === "moved";
  } finally {
    await Promise.allSettled([...left].map((at) => probed.remove(at)));
  }
}

async function writeUnder(
  probed: Probed,
  path: string,
  body: Uint8Array,
  condition: WriteCondition,
): Promise<WriteOutcome | "unsupported"> {
  try {
    return await probed.write(path, body, condition);
  } catch (error) {
    if (saysUnsupported(error)) return "unsupported";
    throw error;
  }
}

/** 501, or 400: a service that takes the header for a mistake. */
function saysUnsupported(error: unknown): boolean {
  if (isHawserError(error, "STORAGE_UNSUPPORTED")) return true;
  if (!isHawserError(error, "NETWORK_STATUS")) return false;
  return error.details.status === 400 && error.details.reason !== "RequestTimeout";
}

function scratchObject(): { readonly path: string; readonly body: Uint8Array } {
  const body = utf8(`hawser probe ${encodeHex(systemRandom.bytes(16))}\n`);
  return { path: objectPath(encodeHex(sha256(body))), body };
}
