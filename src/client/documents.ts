import { encodeHex } from "../bytes/hex.js";
import type { Verified } from "../crypto/verified.js";
import { type Attempt, cacheMiss, HawserError } from "../errors.js";
import { type GotObject, getObject } from "../immutable/get.js";
import { verifyObject } from "../immutable/verify.js";
import { limits } from "../limits.js";
import { keepValue } from "../mutable/record-cache.js";
import type { Content } from "../profile/entry.js";
import type { LoadNode } from "../profile/index-tree.js";
import { type Profile, parseProfile } from "../profile/profile.js";
import { fetchFirstValid } from "../route/fetch-first.js";
import { objectPath } from "../route/layout.js";
import { objectReplicas } from "../route/replicas.js";
import type { ReaderCore, Session } from "./reader-core.js";

/** A document with where it came from. */
export interface Sourced<T> {
  readonly value: T;
  readonly from: "network" | "cache";
}

function objectKey(hash: string): string {
  return `object/${hash}`;
}

/** The bytes of an object that the cache holds, checked by hash; null if there are none. */
export async function cachedObject(core: ReaderCore, hash: string): Promise<Verified<Uint8Array> | null> {
  const bytes = await core.parts.cache.get(objectKey(hash));
  if (bytes === null) return null;
  try {
    return verifyObject(bytes, hash);
  } catch {
    return null;
  }
}

async function loadObject(
  core: ReaderCore,
  session: Session,
  what: "profile" | "node",
  hash: string,
  bases: readonly string[],
  maxBytes: number,
  unavailable: (attempts: readonly Attempt[]) => HawserError,
): Promise<Sourced<Uint8Array>> {
  const cached = await cachedObject(core, hash);
  if (cached !== null) return { value: cached, from: "cache" };
  if (session.offline) throw cacheMiss(what, hash);
  const { storage, urlReader, clock, cache, policy } = core.parts;
  const given = session.hint.bundle?.object(hash, maxBytes) ?? null;
  if (given !== null) {
    await cache.update(objectKey(hash), () => ({ value: given, result: undefined }));
    return { value: given, from: "network" };
  }
  const replicas = objectReplicas({ storage, urlReader, path: objectPath(hash), urls: [], bases });
  const { value } = await fetchFirstValid(replicas, (bytes) => verifyObject(bytes, hash), {
    clock,
    budget: session.budget,
    signal: session.signal,
    kind: "object",
    policy,
    maxBytes,
    fail: unavailable,
  });
  await cache.update(objectKey(hash), () => ({ value, result: undefined }));
  return { value, from: "network" };
}

/**
 * The profile that the chain anchors (P1, P5). P6: where no provider serves it, the previous profile is no answer.
 *
 * @throws PROFILE_UNAVAILABLE, PROFILE_INVALID, PROFILE_UNSUPPORTED
 */
export async function loadProfile(
  core: ReaderCore,
  session: Session,
  name: string,
  profileHash: Uint8Array,
): Promise<Sourced<Profile>> {
  const hash = encodeHex(profileHash);
  session.onEvent?.({ stage: "profile", message: `Fetching the profile of ${name}` });
  const { value, from } = await loadObject(core, session, "profile", hash, [], limits.profileMaxBytes, (attempts) => {
    const message = `The anchored profile ${hash} of ${name} could not be had from any provider.`;
    return new HawserError("PROFILE_UNAVAILABLE", message, { profileHash: hash, attempts });
  });
  return { value: parseProfile(value, name), from };
}

/** The profile from the cache alone, or null. */
export async function cachedProfile(core: ReaderCore, name: string, profileHash: Uint8Array): Promise<Profile | null> {
  const bytes = await cachedObject(core, encodeHex(profileHash));
  if (bytes === null) return null;
  try {
    return parseProfile(bytes, name);
  } catch {
    return null;
  }
}

/** Loads index nodes by hash. The tree checks what they hold. */
export function nodeLoader(core: ReaderCore, session: Session, profile: Profile): LoadNode {
  return async (hash) => {
    const loaded = await loadObject(core, session, "node", hash, profile.storage, limits.nodeMaxBytes, (attempts) => {
      return new HawserError("INDEX_UNAVAILABLE", `The index node ${hash} could not be had from any provider.`, {
        hash,
        attempts,
      });
    });
    return loaded.value;
  };
}

/** Loads index nodes from the cache alone; throws where a node is not there. */
export function cachedNodeLoader(core: ReaderCore): LoadNode {
  return async (hash) => {
    const bytes = await cachedObject(core, hash);
    if (bytes === null) throw new HawserError("INDEX_UNAVAILABLE", "Not cached.", { hash, attempts: [] });
    return bytes;
  };
}

/**
 * Immutable data that the index holds under `key` (I2), kept for reads that ask nobody.
 *
 * @throws CONTENT_UNAVAILABLE, CONTENT_UNVERIFIED, CACHE_MISS
 */
export async function loadContent(
  core: ReaderCore,
  { offline, budget, signal, hint }: Session,
  key: string,
  content: Content,
  { storage: bases }: Profile,
): Promise<Pick<GotObject, "bytes" | "attempts">> {
  const { storage, urlReader, clock, cache, policy } = core.parts;
  if (offline) {
    const bytes = await cachedObject(core, key);
    if (bytes === null) throw cacheMiss("object", key);
    return { bytes, attempts: [] };
  }
  const given = hint.bundle?.object(key, limits.objectMaxBytes);
  const got = await getObject({ key, content, storage, urlReader, bases, clock, budget, policy, signal, given });
  await keepValue(cache, objectKey(key), got.bytes, () => false);
  return got;
}
