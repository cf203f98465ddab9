import { invalidArgument } from "../bytes/guards.js";
import type { Verified } from "../crypto/verified.js";
import { type Attempt, HawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { Clock, StorageReader, UrlReader } from "../ports.js";
import type { Content } from "../profile/entry.js";
import type { ReadBudget } from "../route/budget.js";
import { fetchFirstValid } from "../route/fetch-first.js";
import { objectPath } from "../route/layout.js";
import type { StoragePolicy } from "../route/policy.js";
import { objectReplicas } from "../route/replicas.js";
import { parseContentKey } from "./key.js";
import { verifyObject } from "./verify.js";

/** A read of one immutable object. */
export interface GetObjectInput {
  /** The key that the name's index holds. */
  readonly key: string;
  /** The index's entry of this key: I2's proof that the owner vouches for the data comes before its bytes. */
  readonly content: Content;
  readonly storage: readonly StorageReader[];
  readonly urlReader: UrlReader | null;
  /** The profile's `storage`. */
  readonly bases: readonly string[];
  readonly clock: Clock;
  readonly budget: ReadBudget;
  /** Which replicas are asked first, and which calls are repeated. Default: in their order, and none. */
  readonly policy?: StoragePolicy | undefined;
  /** ms after which the next replica is asked beside one that has not answered. Default 1,500. */
  readonly hedgeDelayMs?: number | undefined;
  /** ms that each replica has. Default 30,000. */
  readonly objectTimeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The object itself, out of a bundle: then nobody is asked. */
  readonly given?: Uint8Array | null | undefined;
}

/** Bytes that hash to their key. */
export interface GotObject {
  readonly bytes: Verified<Uint8Array>;
  /** The replica that served them. */
  readonly label: string;
  /** Replicas that failed before. */
  readonly attempts: readonly Attempt[];
}

/**
 * Reads an immutable object of at most 1 MiB: the first replica whose bytes hash to the key (I2).
 *
 * @throws CONTENT_UNVERIFIED when a replica answered with other bytes and none with the right ones;
 * CONTENT_UNAVAILABLE when none answered; INPUT_INVALID for a key that is none, or I3's, which cannot be read yet;
 * NETWORK_TIME_LIMIT, NETWORK_ABORTED
 */
export async function getObject(input: GetObjectInput): Promise<GotObject> {
  const { storage, urlReader, content, bases, clock, budget, hedgeDelayMs, objectTimeoutMs, signal } = input;
  const { kind, key } = parseContentKey(input.key);
  if (kind !== "sha256") throw invalidArgument("key", "the key of data up to 1 MiB (I1)", key);
  const { given = null } = input;
  if (given !== null) return { bytes: verifyObject(given, key), label: "bundle", attempts: [] };
  const places = { storage, urlReader, path: objectPath(key), urls: content.urls ?? [], bases };
  const { value, label, attempts } = await fetchFirstValid(
    objectReplicas(places),
    (bytes) => verifyObject(bytes, key),
    {
      clock,
      budget,
      kind: "object",
      maxBytes: limits.objectMaxBytes,
      timeoutMs: objectTimeoutMs,
      hedgeDelayMs,
      policy: input.policy,
      signal,
      fail: (failed, anyWrong) => notFound(key, failed, anyWrong),
    },
  );
  return { bytes: value, label, attempts };
}

function notFound(key: string, attempts: readonly Attempt[], anyWrong: boolean): HawserError {
  return anyWrong
    ? new HawserError("CONTENT_UNVERIFIED", `No replica served bytes that hash to ${key}.`, { key, attempts })
    : new HawserError("CONTENT_UNAVAILABLE", `No replica answered with the data of ${key}.`, { key, attempts });
}
