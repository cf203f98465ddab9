import { invalidArgument } from "../bytes/guards.js";
import { throwIfAborted, withDeadline } from "../deadline.js";
import { type Attempt, HawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { Clock, StorageProvider, StorageWriteOptions, StoredKind, WriteOutcome } from "../ports.js";
import { attemptOfAnything } from "./fetch.js";
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
  /** ms that each call has. Default 30,000. */
  readonly timeoutMs?: number | undefined;
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
 * Opens every provider at once, before it is looked at whether it writes conditionally. One that cannot be opened is a
 * failed one, and is opened again by the next write.
 *
 * @throws NETWORK_ABORTED
 */
export async function openEach<P extends StorageProvider>(
  providers: readonly P[],
  options: WriteOptions,
): Promise<Opened<P>> {
  const ready = new Set<P>();
  const outcomes = await storeOnEach(providers, options, async (provider): Promise<ProviderOutcome> => {
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
export async function openProvider(
  provider: StorageProvider,
  { clock, timeoutMs = limits.objectTimeoutMs, signal }: WriteOptions,
): Promise<void> {
  if (provider.open === undefined) return;
  await withDeadline({ clock, timeoutMs, signal, what: provider.label }, async (inner) =>
    provider.open?.({ signal: inner }),
  );
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

/** One write with its deadline. @throws NETWORK_TIMEOUT, NETWORK_ANSWER_INVALID, and what the provider throws */
export async function writeOnce(
  provider: StorageProvider,
  path: string,
  body: Uint8Array,
  write: StorageWriteOptions,
  { clock, timeoutMs = limits.objectTimeoutMs, signal }: WriteOptions,
): Promise<WriteOutcome> {
  const { label } = provider;
  const outcome: unknown = await withDeadline({ clock, timeoutMs, signal, what: label }, (inner) =>
    provider.write(path, body, { ...write, signal: inner }),
  );
  if (outcome === "stored" || outcome === "moved") return outcome;
  const reason = "neither stored nor moved";
  throw new HawserError("NETWORK_ANSWER_INVALID", `${label} returned ${reason}.`, { url: label, reason });
}
