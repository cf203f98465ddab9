import { assertBytes } from "../bytes/guards.js";
import { HawserError, isHawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { StorageProvider, StoredBytes } from "../ports.js";
import { ReadBudget } from "../route/budget.js";
import { fetchOne } from "../route/fetch.js";
import { objectPath } from "../route/layout.js";
import {
  assertHeld,
  assertRequired,
  openProvider,
  type ProviderOutcome,
  storeOnEach,
  type WriteOptions,
  writeOnce,
} from "../route/provider-writes.js";
import { keepersOf, providerReplica } from "../route/replicas.js";
import { contentKey } from "./key.js";
import { verifyObject } from "./verify.js";

/** A write of one object: data of I1, a profile or an index node. */
export interface PutObjectInput extends WriteOptions {
  /** At most 1 MiB. */
  readonly bytes: Uint8Array;
  readonly storage: readonly StorageProvider[];
  /** Providers that must hold the bytes (W7). Default 1. */
  readonly required?: number | undefined;
}

/** Where an object lies now. */
export interface PutObject {
  /** I1's key. */
  readonly key: string;
  /** Section 10's path. */
  readonly path: string;
  readonly providers: readonly ProviderOutcome[];
}

/**
 * Stores an object under its hash at every provider that keeps objects. It can be repeated at will: the same bytes have the same path (W1).
 *
 * @throws INPUT_TOO_LARGE, INPUT_INVALID; STORAGE_UNAVAILABLE when fewer than `required` hold it; NETWORK_ABORTED
 */
export async function putObject(input: PutObjectInput): Promise<PutObject> {
  const { bytes, required = 1 } = input;
  assertBytes("bytes", bytes);
  if (bytes.length > limits.objectMaxBytes) {
    const details = { what: "object", bytes: bytes.length, maxBytes: limits.objectMaxBytes };
    throw new HawserError("INPUT_TOO_LARGE", `An object has at most ${details.maxBytes} bytes.`, details);
  }
  assertRequired(required, input.storage, "object");
  const storage = keepersOf(input.storage, "object");
  const key = contentKey(bytes);
  const path = objectPath(key);
  const providers = await storeOnEach(storage, input, (provider) => storeObject(provider, path, key, input));
  assertHeld(providers, required);
  return { key, path, providers };
}

async function storeObject(
  provider: StorageProvider,
  path: string,
  key: string,
  input: PutObjectInput,
): Promise<ProviderOutcome> {
  const { label } = provider;
  await openProvider(provider, input);
  if (!provider.conditional) {
    const outcome = await writeOnce(provider, path, input.bytes, { kind: "object" }, input);
    return outcome === "stored" ? { label, outcome, attempt: null } : movedAgain(label);
  }
  const created = await writeOnce(
    provider,
    path,
    input.bytes,
    { kind: "object", condition: { ifAbsent: true } },
    input,
  );
  if (created === "stored") return { label, outcome: "stored", attempt: null };
  // Something lies there. Only bytes that hash to the path count as held; anything else is damage and is replaced.
  const there = await readThere(provider, path, input);
  if (there !== null && isObject(there.bytes, key)) return { label, outcome: "held", attempt: null };
  const tag = there?.tag ?? null;
  const condition = tag === null ? {} : { condition: { ifTag: tag } };
  const replaced = await writeOnce(provider, path, input.bytes, { kind: "object", ...condition }, input);
  return replaced === "stored" ? { label, outcome: "stored", attempt: null } : movedAgain(label);
}

/** What lies at the path; null also for what cannot be read because it is larger than any object. */
async function readThere(provider: StorageProvider, path: string, input: PutObjectInput): Promise<StoredBytes | null> {
  const { clock, timeoutMs, signal } = input;
  const budget = new ReadBudget({ clock, signal });
  const reply = await fetchOne(providerReplica(provider, path), {
    clock,
    budget,
    kind: "object",
    maxBytes: limits.objectMaxBytes,
    timeoutMs,
    signal,
  });
  return reply.outcome === "bytes" ? reply : null;
}

function isObject(bytes: Uint8Array, key: string): boolean {
  try {
    verifyObject(bytes, key);
    return true;
  } catch (error) {
    if (isHawserError(error, "CONTENT_UNVERIFIED")) return false;
    throw error;
  }
}

function movedAgain(label: string): ProviderOutcome {
  const message = "Another writer keeps changing the object.";
  return { label, outcome: "failed", attempt: { label, code: "moved", message } };
}
