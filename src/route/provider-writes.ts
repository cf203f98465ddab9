import { invalidArgument } from "../bytes/guards.js";
import { throwIfAborted, withDeadline } from "../deadline.js";
import { type Attempt, HawserError, isHawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { Clock, StorageProvider, StorageWriteOptions, StoredKind, WriteOutcome } from "../ports.js";
import { attemptOfAnything } from "./fetch.js";
import { callPlace, type StoragePolicy } from "./policy.js";
import type { StorageCall } from "./policy-options.js";
import { keepersOf } from "./replicas.js";

/** What became of the bytes at one provider (W7). */
export interface ProviderOutcome {
  readonly label: string;
  /** `held`: it had them before. `moved`: something else came first. `failed`: it does not have them, or may not. */
  readonly outcome: "stored" | "held" | "moved" | "failed";
  /** Why, for `moved` and `failed`. */
  readonly attempt: Attempt | null;
}

/** How providers are written to. */
export interface WriteOptions {
  readonly clock: Clock;
  /** ms that each call has, with all that repeat it. Default: the policy's, which is 30,000. */
  readonly timeoutMs?: number | undefined;
  /** Which calls are repeated, which providers are left alone, and whether writes are confirmed. Default: none. */
  readonly policy?: StoragePolicy | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How many providers hold the bytes. */
function countHeld(outcomes: readonly ProviderOutcome[]): number {
  return outcomes.filter(({ outcome }) => outcome === "stored" || outcome === "held").length;
}

/** Guards `required` of W7 before anything is sent: those count that keep the kind. @throws INPUT_INVALID */
export function assertRequired(required: number, providers: readonly StorageProvider[], kind: StoredKind): void {
  const most = keepersOf(providers, kind).length;
  if (!Number.isSafeInteger(required) || required < 1 || required > most) {
    throw invalidArgument(
      "required",
      `integer from 1 to ${most}, the number of providers that keep ${kind}s`,
      required,
    );
  }
}

/** W7: success is counted by provider. @throws STORAGE_UNAVAILABLE */
export function assertHeld(outcomes: readonly ProviderOutcome[], required: number): void {
  const stored = countHeld(outcomes);
  if (stored >= required) return;
  const attempts = outcomes.flatMap(({ attempt }) => (attempt === null ? [] : [attempt]));
  throw new HawserError("STORAGE_UNAVAILABLE", `${stored} providers hold the bytes, ${required} are required.`, {
    required,
    stored,
    attempts,
  });
}

/** Providers that are ready to be written to, and what became of the others. */
export interface Opened<P extends StorageProvider> {
  readonly ready: readonly P[];
  readonly failed: readonly ProviderOutcome[];
}

/**
 * Providers that took no writes of late and are left alone for a time, as failed ones. Never so many that fewer than
 * `required` are left. That one gives nothing to readers does not matter here.
 */
export function restingWrites<P extends StorageProvider>(
  providers: readonly P[],
  required: number,
  { policy, clock }: WriteOptions,
): ReadonlyMap<P, ProviderOutcome> {
  const labels = providers.map(({ label }) => label);
  const resting = policy?.health?.resting(labels, "write", required, clock.nowMs());
  return new Map(
    providers.flatMap((provider) => {
      const { label } = provider;
      const attempt = resting?.get(label);
      return attempt === undefined ? [] : [[provider, { label, outcome: "failed", attempt }] as const];
    }),
  );
}

/**
 * Opens every provider at once, before it is looked at whether it writes conditionally. One that cannot be opened is a
 * failed one, and is opened again by the next write.
 *
 * @param required - how many must hold what is then written
 * @throws NETWORK_ABORTED
 */
export async function openEach<P extends StorageProvider>(
  providers: readonly P[],
  required: number,
  options: WriteOptions,
): Promise<Opened<P>> {
  const ready = new Set<P>();
  const resting = restingWrites(providers, required, options);
  const outcomes = await storeOnEach(providers, options, async (provider): Promise<ProviderOutcome> => {
    const left = resting.get(provider);
    if (left !== undefined) return left;
    await openProvider(provider, options);
    ready.add(provider);
    return { label: provider.label, outcome: "held", attempt: null };
  });
  return {
    ready: providers.filter((provider) => ready.has(provider)),
    failed: outcomes.filter(({ outcome }) => outcome === "failed"),
  };
}

/** Lets a provider find out what its server can do. @throws NETWORK_TIMEOUT, NETWORK_ABORTED, and what it throws */
export async function openProvider(provider: StorageProvider, options: WriteOptions): Promise<void> {
  if (provider.open === undefined) return;
  await callProvider(
    provider,
    options,
    () => true,
    async (signal) => provider.open?.({ signal }),
  );
}

/** Takes the copy at a path away. @throws NETWORK_TIMEOUT, NETWORK_ABORTED, and what the provider throws */
export async function removeOnce(provider: StorageProvider, path: string, options: WriteOptions): Promise<boolean> {
  const isGone: unknown = await callProvider(
    provider,
    options,
    () => true,
    async (signal) => provider.remove(path, { signal }),
  );
  return isGone === true;
}

/** One change at a provider with its deadline, and again where that is safe and makes sense. */
function callProvider(
  { label }: StorageProvider,
  options: WriteOptions,
  mayRepeat: StorageCall["mayRepeat"],
  run: (signal: AbortSignal) => Promise<unknown>,
): Promise<unknown> {
  const { clock, signal, policy } = options;
  const call: StorageCall = {
    place: label,
    operation: "write",
    clock,
    timeoutMs: writeTimeoutOf(options),
    signal,
    mayRepeat,
  };
  return callPlace(policy, call, (timeoutMs) => withDeadline({ clock, timeoutMs, signal, what: label }, run));
}

function writeTimeoutOf({ timeoutMs, policy }: WriteOptions): number {
  return timeoutMs ?? policy?.settings.objectTimeoutMs ?? limits.objectTimeoutMs;
}

/**
 * Runs `store` for every provider at once. Whatever it throws makes that provider's outcome `failed`; one provider
 * that is down never stops the others.
 *
 * @throws NETWORK_ABORTED
 */
export async function storeOnEach<P extends StorageProvider>(
  providers: readonly P[],
  options: WriteOptions,
  store: (provider: P) => Promise<ProviderOutcome>,
): Promise<readonly ProviderOutcome[]> {
  throwIfAborted(options.signal, "The write");
  const outcomes = await Promise.all(
    providers.map(async (provider): Promise<ProviderOutcome> => {
      const { label } = provider;
      try {
        return await store(provider);
      } catch (error) {
        return { label, outcome: "failed", attempt: attemptOfAnything(label, error) };
      }
    }),
  );
  throwIfAborted(options.signal, "The write");
  return outcomes;
}

/**
 * One write with its deadline. Only a write without a condition is repeated as it is: after a conditional one whose answer
 * was lost the condition does not hold any more if it took place.
 *
 * @throws NETWORK_TIMEOUT, NETWORK_ANSWER_INVALID, and what the provider throws
 */
export async function writeOnce(
  provider: StorageProvider,
  path: string,
  body: Uint8Array,
  write: StorageWriteOptions,
  options: WriteOptions,
): Promise<WriteOutcome> {
  const { label } = provider;
  const mayRepeat = write.condition === undefined ? () => true : undefined;
  const outcome = await callProvider(provider, options, mayRepeat, async (signal) =>
    provider.write(path, body, { ...write, signal }),
  );
  if (outcome === "stored" || outcome === "moved") return outcome;
  const reason = "neither stored nor moved";
  throw new HawserError("NETWORK_ANSWER_INVALID", `${label} returned ${reason}.`, { url: label, reason });
}

/** Whether a write that failed so may have taken place all the same: its answer was lost, or says nothing of it. */
export function isAmbiguous(error: unknown): boolean {
  if (!isHawserError(error)) return true;
  return error.code.startsWith("NETWORK_") && error.code !== "NETWORK_ABORTED";
}

/**
 * Waits until a conditional write that failed may be made again, under a condition that holds now.
 *
 * @param tries - how often it was made
 * @returns false where it is not to be
 * @throws NETWORK_ABORTED
 */
export async function waitToWriteAgain(
  error: unknown,
  tries: number,
  options: WriteOptions,
  startedAtMs: number,
): Promise<boolean> {
  const { clock, signal, policy } = options;
  const health = await policy?.load();
  if (health === undefined || health === null) return false;
  const call = { clock, signal, timeoutMs: writeTimeoutOf(options) };
  return (await health.waitToRepeat(error, tries, call, startedAtMs)) !== null;
}
