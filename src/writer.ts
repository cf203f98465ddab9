import { assertInteger } from "./bytes/guards.js";
import { coreOf, type Reader } from "./client/reader.js";
import { createWriterFrom, type Writer } from "./client/writer.js";
import type { Random, Signer, StorageProvider, Wallet } from "./ports.js";
import { systemRandom } from "./runtime/random.js";

/** How to build a {@link Writer}. */
export interface WriterOptions {
  /** Its sources, cache and clock are the writer's too. */
  readonly reader: Reader;
  /** Where data is written. */
  readonly storage: readonly StorageProvider[];
  /** Signs transactions. Not needed to put records to routes that exist. */
  readonly wallet?: Wallet | undefined;
  /** Signs records; `registerName` writes its key into the profile. */
  readonly signer?: Signer | undefined;
  /** Providers that must hold the bytes (W7). Default 1. */
  readonly required?: number | undefined;
  /** ms between two looks at the chain while waiting. Default: 500 on regtest, else 15,000. */
  readonly pollIntervalMs?: number | undefined;
  readonly random?: Random | undefined;
}

/**
 * Builds a writer.
 *
 * @throws INPUT_INVALID
 */
export function createWriter(options: WriterOptions): Writer {
  const core = coreOf(options.reader);
  const { required = 1, pollIntervalMs = core.parts.network.id === "regtest" ? 500 : 15_000 } = options;
  assertInteger("required", required, 1, Math.max(1, options.storage.length));
  assertInteger("pollIntervalMs", pollIntervalMs, 1, 3_600_000);
  return createWriterFrom({
    core,
    storage: options.storage,
    wallet: options.wallet ?? null,
    signer: options.signer ?? null,
    clock: core.parts.clock,
    random: options.random ?? systemRandom,
    required,
    pollIntervalMs,
  });
}

export type { OperationHandle, OperationState, WaitOptions } from "./client/write/operation.js";
export type { WriteOptions, WritePlan } from "./client/write/plan.js";
export type {
  PutImmutableHandle,
  PutImmutableOptions,
  PutMutableHandle,
  PutMutableOptions,
} from "./client/write/put.js";
export type { RegisterHandle, RegisterOptions } from "./client/write/register.js";
export type { ProfileUpdate, Writer, WriterPlans } from "./client/writer.js";
export type { PlanCost } from "./plan/registration.js";
