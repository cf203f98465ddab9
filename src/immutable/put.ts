import { assertBytes } from "../bytes/guards.js";
import { HawserError, isHawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { StorageProvider, WriteCondition } from "../ports.js";
import { ReadBudget } from "../route/budget.js";
import { confirmStored } from "../route/confirm-write.js";
import { fetchOne, type ReplicaReply } from "../route/fetch.js";
import { objectPath } from "../route/layout.js";
import {
  assertHeld,
  assertRequired,
  isAmbiguous,
  openProvider,
  type ProviderOutcome,
  restingWrites,
  storeOnEach,
  type WriteOptions,
  waitToWriteAgain,
  writeOnce,
} from "../route/provider-writes.js";
import { keepersOf, providerReplica } from "../route/replicas.js";
import { contentKey } from "./key.js";
import { verifyObject } from "./verify.js";

/** Times that a condition may fail before the provider is given up. */
const MAX_MOVES = 2;

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
  const resting = restingWrites(storage, required, input);
  const providers = await storeOnEach(
    storage,
    input,
    async (provider) => resting.get(provider) ?? storeObject(provider, path, key, input),
  );
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
  const confirmed = (): Promise<ProviderOutcome> =>
    confirmStored(provider, path, input, () => outcomeThere(provider, path, key, input));
  if (!provider.conditional) {
    const outcome = await writeOnce(provider, path, input.bytes, { kind: "object" }, input);
    return outcome === "stored" ? confirmed() : movedAgain(label);
  }
  const startedAtMs = input.clock.nowMs();
  let condition: WriteCondition | undefined = { ifAbsent: true };
  for (let tries = 1, moves = 0; moves < MAX_MOVES; tries++) {
    const write = { kind: "object" as const, ...(condition === undefined ? {} : { condition }) };
    let lost: { readonly error: unknown } | null = null;
    try {
      if ((await writeOnce(provider, path, input.bytes, write, input)) === "stored") return await confirmed();
      moves++;
    } catch (error) {
      if (!isAmbiguous(error)) throw error;
      lost = { error };
    }
    // Something lies there, or may. Only bytes that hash to the path count as held; anything else is damage and is replaced.
    const there = await readThere(provider, path, input);
    if (there.outcome === "bytes" && isObject(there.bytes, key)) {
      // Where only the answer was lost, they are what this write stored.
      return { label, outcome: lost === null ? "held" : "stored", attempt: null };
    }
    if (lost !== null && !(await waitToWriteAgain(lost.error, tries, input, startedAtMs))) throw lost.error;
    // Where nothing was found the same condition holds as before.
    if (lost === null || there.outcome === "bytes") condition = conditionFor(there);
  }
  return movedAgain(label);
}

function conditionFor(there: ReplicaReply): WriteCondition | undefined {
  return there.outcome === "bytes" && there.tag !== null ? { ifTag: there.tag } : undefined;
}

/** What became of a write as what lies there shows it; null where that is something else. */
async function outcomeThere(
  provider: StorageProvider,
  path: string,
  key: string,
  input: PutObjectInput,
): Promise<ProviderOutcome | null> {
  const { label } = provider;
  const there = await readThere(provider, path, input);
  if (there.outcome === "bytes" && isObject(there.bytes, key)) return { label, outcome: "stored", attempt: null };
  return there.outcome === "unreachable" ? { label, outcome: "failed", attempt: there.attempt } : null;
}

/** What lies at the path, looked for once. */
async function readThere(provider: StorageProvider, path: string, input: PutObjectInput): Promise<ReplicaReply> {
  const { clock, timeoutMs, signal } = input;
  const budget = new ReadBudget({ clock, signal });
  return fetchOne(providerReplica(provider, path), {
    clock,
    budget,
    kind: "object",
    maxBytes: limits.objectMaxBytes,
    timeoutMs,
    signal,
  });
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
