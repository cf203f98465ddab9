import { assertInteger, invalidArgument } from "../bytes/guards.js";
import { limits } from "../limits.js";
import type { Clock, Random } from "../ports.js";
import type { StorageHealth } from "./storage-health.js";

/** How storage is asked and given to. Every default stands in `limits`, with its reason in `docs/guides/replicas.md`. */
export interface StoragePolicyOptions {
  /** calls - of one provider for one thing, the first included; 1 repeats nothing. Default 3. */
  readonly attempts?: number | undefined;
  /** ms - the longest wait before the second call; it doubles for each further one (full jitter). Default 250. */
  readonly retryDelayMs?: number | undefined;
  /** ms - the longest wait before any call. Default 5,000. */
  readonly retryMaxDelayMs?: number | undefined;
  /** ms - a server that asks for a longer wait (`Retry-After`) is given up at once. Default 30,000. */
  readonly retryAfterMaxMs?: number | undefined;
  /** ms - after which a second place is asked for an object beside one that has not answered, at most. Default 1,500. */
  readonly hedgeDelayMs?: number | undefined;
  /** ms - the least of that, however fast the place was of late. Default 400. */
  readonly hedgeMinDelayMs?: number | undefined;
  /** places - that are asked for an object at the same time; 1 never asks a second one early. Default 3. */
  readonly hedgeMaxInFlight?: number | undefined;
  /** failures - of a place in a row before it is left alone for a time. Default 3. */
  readonly failuresBeforePause?: number | undefined;
  /** ms - for which it is left alone, at first and then each further time; none: never. Default 30 s, 2, 10 and 60 min. */
  readonly pausesMs?: readonly number[] | undefined;
  /** ms - that one place has to give or take a record, repeated calls included. Default 15,000. */
  readonly recordTimeoutMs?: number | undefined;
  /** ms - that one place has to give or take an object, or to remove a copy. Default 30,000. */
  readonly objectTimeoutMs?: number | undefined;
  /** Whether what a provider says it stored is read back from it, else `STORAGE_LOST`. Default false. */
  readonly confirmWrites?: boolean | undefined;
  /** ms - before it is read back a second time, for stores that show a write late. Default 1,000. */
  readonly confirmDelayMs?: number | undefined;
}

/** The options with their defaults. */
export type StorageSettings = {
  readonly [Name in keyof StoragePolicyOptions]-?: NonNullable<StoragePolicyOptions[Name]>;
};

/** What is judged apart: that a place takes no writes says nothing of what it gives. */
export type StorageOperation = "record" | "object" | "write";

/** One thing that is asked of one place. */
export interface StorageCall {
  /** A provider's label or a URL's origin; null where its failures are not counted. */
  readonly place: string | null;
  readonly operation: StorageOperation;
  readonly clock: Clock;
  /** ms - for all calls together. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Whether it may be called once more, asked each time. Default: never. */
  readonly mayRepeat?: (() => boolean) | undefined;
}

/** ms - no wait is longer than a day. */
const LONGEST_MS = 86_400_000;
const LEAST: Readonly<Record<string, number>> = {
  attempts: 1,
  hedgeMaxInFlight: 1,
  failuresBeforePause: 1,
  recordTimeoutMs: 1,
  objectTimeoutMs: 1,
};

/**
 * How the storage of one reader and its writers is treated: when calls are repeated, when a second place is asked, and
 * which places are left alone. It decides whom to ask and never what is true. What it needs once something failed is
 * loaded then.
 */
export class StoragePolicy {
  readonly settings: StorageSettings;
  readonly #random: Random;
  #health: StorageHealth | null = null;

  /** @throws INPUT_INVALID */
  constructor(options: StoragePolicyOptions, random: Random) {
    this.settings = settingsOf(options);
    this.#random = random;
  }

  /** Null as long as every place has always answered. */
  get health(): StorageHealth | null {
    return this.#health;
  }

  /** Null where it cannot be loaded, which an outage can be the cause of: then nothing is repeated or left alone. */
  async load(): Promise<StorageHealth | null> {
    if (this.#health !== null) return this.#health;
    const loaded = await import("./storage-health.js").catch(() => null);
    this.#health ??= loaded === null ? null : new loaded.StorageHealth(this.settings, this.#random);
    return this.#health;
  }
}

/**
 * Calls a place under a policy: again where it failed for the moment, with what is left of the time.
 *
 * @throws what the last call throws
 */
export async function callPlace<T>(
  policy: StoragePolicy | undefined,
  call: StorageCall,
  run: (timeoutMs: number) => Promise<T>,
): Promise<T> {
  const startedAtMs = call.clock.nowMs();
  try {
    const result = await run(call.timeoutMs);
    policy?.health?.note(call, null, startedAtMs);
    return result;
  } catch (error) {
    const health = await policy?.load();
    if (health === undefined || health === null) throw error;
    return health.recover(error, call, startedAtMs, run);
  }
}

function settingsOf(options: StoragePolicyOptions): StorageSettings {
  const settings: StorageSettings = {
    attempts: options.attempts ?? limits.storageAttempts,
    retryDelayMs: options.retryDelayMs ?? limits.storageRetryDelayMs,
    retryMaxDelayMs: options.retryMaxDelayMs ?? limits.storageRetryMaxDelayMs,
    retryAfterMaxMs: options.retryAfterMaxMs ?? limits.storageRetryAfterMaxMs,
    hedgeDelayMs: options.hedgeDelayMs ?? limits.storageHedgeMs,
    hedgeMinDelayMs: options.hedgeMinDelayMs ?? limits.storageHedgeMinMs,
    hedgeMaxInFlight: options.hedgeMaxInFlight ?? limits.storageHedgeMaxInFlight,
    failuresBeforePause: options.failuresBeforePause ?? limits.storageFailuresBeforePause,
    pausesMs: options.pausesMs ?? [
      limits.storagePauseMs,
      limits.storageSecondPauseMs,
      limits.storageThirdPauseMs,
      limits.storagePauseMaxMs,
    ],
    recordTimeoutMs: options.recordTimeoutMs ?? limits.recordTimeoutMs,
    objectTimeoutMs: options.objectTimeoutMs ?? limits.objectTimeoutMs,
    confirmWrites: options.confirmWrites ?? false,
    confirmDelayMs: options.confirmDelayMs ?? limits.storageConfirmDelayMs,
  };
  for (const [name, value] of Object.entries<unknown>(settings)) {
    const argument = `storagePolicy.${name}`;
    if (name === "confirmWrites") {
      if (typeof value !== "boolean") throw invalidArgument(argument, "true or false", value);
      continue;
    }
    if (name === "pausesMs" && !Array.isArray(value)) throw invalidArgument(argument, "a list", value);
    const numbers: readonly unknown[] = Array.isArray(value) ? value : [value];
    for (const number of numbers) assertInteger(argument, number, LEAST[name] ?? 0, LONGEST_MS);
  }
  return settings;
}
