import { assertInteger, invalidArgument } from "../bytes/guards.js";
import { limits } from "../limits.js";
import type { Random } from "../ports.js";
import type { StorageCall, StoragePolicyOptions, StorageSettings } from "./policy-options.js";
import type { StorageHealth } from "./storage-health.js";

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
