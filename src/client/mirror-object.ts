import { throwIfAborted } from "../deadline.js";
import { type Attempt, HawserError } from "../errors.js";
import { verifyObject } from "../immutable/verify.js";
import { attemptOfAnything } from "../route/fetch.js";
import { fetchFirstValid } from "../route/fetch-first.js";
import { objectPath } from "../route/layout.js";
import { objectReplicas } from "../route/replicas.js";
import { cachedObject } from "./documents.js";
import { fetchOptions } from "./item-fetch.js";
import { type MirrorPlaces, sourcesOf, targetsOf } from "./mirror-places.js";
import type { MirrorOutcome } from "./mirrored.js";

/** An object to copy. */
export interface ObjectToCopy {
  /** SHA-256, hex. */
  readonly hash: string;
  readonly maxBytes: number;
  /** URLs of exactly this object. */
  readonly urls: readonly string[];
  /** The profile's `storage`. */
  readonly bases: readonly string[];
}

/** What copying an object came to. */
export interface CopiedObject {
  readonly outcomes: readonly MirrorOutcome[];
  /** The object; null where nobody has it. */
  readonly bytes: Uint8Array | null;
}

/**
 * Brings an object to every target that lacks it. Each is asked for it first, and what does not hash to its key counts as
 * lacking; where all have it nobody else is asked. One that could not be asked is left alone.
 *
 * @throws NETWORK_ABORTED
 */
export async function copyObject(
  places: MirrorPlaces,
  wanted: ObjectToCopy,
  signal: AbortSignal | undefined,
): Promise<CopiedObject> {
  const { hash, maxBytes } = wanted;
  const path = objectPath(hash);
  const fetch = fetchOptions(places, "object", maxBytes, signal);
  const copies: Uint8Array[] = [];
  const looked = await Promise.all(
    targetsOf(places, "object").map(async (target) => {
      if (target.lost !== null) return { target, verdict: "unknown", attempt: target.lost } as const;
      const { verdict, attempt, bytes } = await target.look(path, hash, fetch);
      // Of several targets that have it one copy is enough.
      if (bytes !== null && copies.length === 0) copies.push(bytes);
      return { target, verdict, attempt } as const;
    }),
  );
  throwIfAborted(signal, "The mirror");
  let [bytes = null]: (Uint8Array | null)[] = copies;
  let reason: Attempt | null = null;
  if (bytes === null && looked.some(({ verdict }) => verdict === "missing" || verdict === "wrong")) {
    try {
      bytes = await loadObject(places, wanted, signal);
    } catch (error) {
      throwIfAborted(signal, "The mirror");
      reason = attemptOfAnything("sources", error);
    }
  }
  const source = bytes;
  const outcomes = await Promise.all(
    looked.map(async ({ target, verdict, attempt }): Promise<MirrorOutcome> => {
      const { label } = target;
      if (verdict === "present") return { label, outcome: "held", attempt: null };
      if (verdict === "unknown") return { label, outcome: "failed", attempt };
      if (source === null) return { label, outcome: "unavailable", attempt: reason };
      return target.store(path, hash, source, fetch);
    }),
  );
  throwIfAborted(signal, "The mirror");
  return { outcomes, bytes };
}

/**
 * An object from wherever it can be had.
 *
 * @param alsoTargets - whether the targets are asked as well, and first
 * @throws CONTENT_UNAVAILABLE, CONTENT_UNVERIFIED, NETWORK_TIME_LIMIT, NETWORK_ABORTED
 */
export async function loadObject(
  places: MirrorPlaces,
  { hash, maxBytes, urls, bases }: ObjectToCopy,
  signal: AbortSignal | undefined,
  alsoTargets = false,
): Promise<Uint8Array> {
  const { core, from } = places;
  const isOpen = from === null;
  const cached = isOpen ? await cachedObject(core, hash) : null;
  if (cached !== null) return cached;
  const targets = targetsOf(places, "object").filter(({ lost }) => lost === null);
  const replicas = objectReplicas({
    storage: [...(alsoTargets ? targets.map(({ provider }) => provider) : []), ...sourcesOf(places, "object")],
    urlReader: isOpen ? core.parts.urlReader : null,
    path: objectPath(hash),
    urls: isOpen ? urls : [],
    bases: isOpen ? bases : [],
  });
  const { value } = await fetchFirstValid(replicas, (bytes) => verifyObject(bytes, hash), {
    ...fetchOptions(places, "object", maxBytes, signal, replicas.length),
    fail: (attempts, anyWrong) => {
      const code = anyWrong ? "CONTENT_UNVERIFIED" : "CONTENT_UNAVAILABLE";
      const tried = attempts.map((one) => `${one.label}: ${one.code}`).join(", ");
      return new HawserError(code, `No place has ${hash} (${tried === "" ? "none was asked" : tried}).`, {
        key: hash,
        attempts,
      });
    },
  });
  return value;
}
