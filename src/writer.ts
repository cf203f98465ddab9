import { assertInteger } from "./bytes/guards.js";
import type { NetworkId } from "./chain/network.js";
import { coreOf, type Reader } from "./client/reader.js";
import { createWriterFrom, type Writer } from "./client/writer.js";
import { HawserError } from "./errors.js";
import type { Random, Signer, StorageProvider, Wallet } from "./ports.js";
import { keepersOf } from "./route/replicas.js";
import { systemRandom } from "./runtime/random.js";

/** How to build a {@link Writer}. */
export interface WriterOptions {
  /** Its sources, cache and clock are the writer's too. */
  readonly reader: Reader;
  /** Where data is written: each kind to the providers that keep it. */
  readonly storage: readonly StorageProvider[];
  /** Signs transactions. Not needed to put records to routes that exist. */
  readonly wallet?: Wallet | undefined;
  /** Signs records; `registerName` writes its key into the profile. */
  readonly signer?: Signer | undefined;
  /** Providers that must hold the bytes (W7), of those that keep their kind. Default 1. */
  readonly required?: number | undefined;
  /**
   * Whether the application still needs an object (its SHA-256, hex), asked before copies of deleted immutable data are
   * removed. Objects are addressed by content alone, so names that share a provider share them: an application that
   * writes names with several caches has to know of them. Default: what this cache knows is all there is.
   */
  readonly isReferenced?: ((hash: string) => boolean | Promise<boolean>) | undefined;
  /** ms between two looks at the chain while waiting. Default: 500 on regtest, else 15,000. */
  readonly pollIntervalMs?: number | undefined;
  readonly random?: Random | undefined;
}

/**
 * Builds a writer.
 *
 * @throws INPUT_INVALID, INPUT_CONFIG_INVALID when the wallet is of another network than the reader
 */
export function createWriter(options: WriterOptions): Writer {
  const core = coreOf(options.reader);
  const { required = 1, pollIntervalMs = core.parts.network.id === "regtest" ? 500 : 15_000 } = options;
  const most = Math.max(1, ...(["object", "record"] as const).map((kind) => keepersOf(options.storage, kind).length));
  assertInteger("required", required, 1, most);
  assertInteger("pollIntervalMs", pollIntervalMs, 1, 3_600_000);
  assertSameNetwork(options.wallet, core.parts.network.id);
  return createWriterFrom({
    core,
    storage: options.storage,
    wallet: options.wallet ?? null,
    signer: options.signer ?? null,
    clock: core.parts.clock,
    random: options.random ?? systemRandom,
    required,
    pollIntervalMs,
    isReferenced: options.isReferenced ?? null,
  });
}

/** One key has coins on every network: those of another one are not there, and its addresses may look the same. */
function assertSameNetwork(wallet: Wallet | undefined, expected: NetworkId): void {
  const network = wallet?.network;
  if (network === undefined || network === expected) return;
  const reason = `it signs for ${network}, the reader reads ${expected}`;
  throw new HawserError("INPUT_CONFIG_INVALID", `The wallet cannot be used: ${reason}.`, { setting: "wallet", reason });
}

export type { BatchHandle, BatchResult } from "./client/write/batch.js";
export type { Batch } from "./client/write/batch-builder.js";
export type { BumpHandle } from "./client/write/bump.js";
export type { RemovalOutcome } from "./client/write/clear.js";
export type { DeleteHandle, DeleteOptions } from "./client/write/delete.js";
export type { BatchData, ContentLabels, DeleteEditOptions } from "./client/write/edit.js";
export type { NewRouteOptions } from "./client/write/new-route.js";
export type { OperationHandle, OperationState, WaitOptions } from "./client/write/operation.js";
export type { ReleaseOptions, TransferOptions } from "./client/write/ownership.js";
export type { WriteOptions, WritePlan } from "./client/write/plan.js";
export type {
  PutImmutableHandle,
  PutImmutableOptions,
  PutMutableHandle,
  PutMutableOptions,
  RecordRace,
} from "./client/write/put-options.js";
export type { RecoverOptions } from "./client/write/recover.js";
export type { RegisterHandle, RegisterOptions } from "./client/write/register.js";
export type { ReservedOutpoint } from "./client/write/reserved.js";
export type { PendingWrite, ResumedWrite, ResumeOptions } from "./client/write/resume.js";
export type { RotateKeyOptions } from "./client/write/rotate.js";
export type { NextData, UpdateMutableHandle, UpdateMutableOptions } from "./client/write/update-mutable.js";
export type { NextProfile, ProfileUpdate, Writer, WriterPlans } from "./client/writer.js";
export type { CurrentRecord } from "./mutable/select-current.js";
export type { PlanCost } from "./plan/registration.js";
