import { invalidArgument } from "../bytes/guards.js";
import { throwIfAborted, withDeadline } from "../deadline.js";
import { type Attempt, HawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { Clock, StorageProvider, StorageWriteOptions, WriteOutcome } from "../ports.js";
import { attemptOfAnything } from "./fetch.js";

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

/** Guards `required` of W7 before anything is sent. @throws INPUT_INVALID */
export function assertRequired(required: number, providers: readonly StorageProvider[]): void {
  if (!Number.isSafeInteger(required) || required < 1 || required > providers.length) {
    throw invalidArgument("required", `integer from 1 to ${providers.length}, the number of providers`, required);
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
