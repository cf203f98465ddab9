import type { JsonObject } from "../bytes/json.js";
import type { Profile } from "../profile/profile.js";
import { planChange } from "./write/change.js";
import { handleOf } from "./write/handle.js";
import type { OperationHandle } from "./write/operation.js";
import type { WriteOptions, WritePlan } from "./write/plan.js";
import {
  type PutImmutableHandle,
  type PutImmutableOptions,
  type PutMutableHandle,
  type PutMutableOptions,
  planPutImmutable,
  planPutMutable,
} from "./write/put.js";
import { planRegister, type RegisterHandle, type RegisterOptions } from "./write/register.js";
import { WriterCore, type WriterParts } from "./write/writer-core.js";

/** What `updateProfile` changes; what is absent stays. */
export interface ProfileUpdate {
  readonly about?: JsonObject | undefined;
  /** Base URLs of places that hold the name's objects, at most 16 (U1). */
  readonly storage?: readonly string[] | undefined;
  /**
   * Begin with an empty profile where nobody serves the present one, or what it holds is no profile. All its routes and
   * content entries end. Default false.
   */
  readonly replace?: boolean | undefined;
}

/** The methods of a writer without their effects: what each would cost, send and change. */
export interface WriterPlans {
  registerName(name: string, options?: RegisterOptions): Promise<WritePlan<RegisterHandle>>;
  updateProfile(name: string, update: ProfileUpdate, options?: WriteOptions): Promise<WritePlan<OperationHandle>>;
  putMutable(
    name: string,
    id: string,
    data: Uint8Array,
    options?: PutMutableOptions,
  ): Promise<WritePlan<PutMutableHandle>>;
  putImmutable(name: string, data: Uint8Array, options?: PutImmutableOptions): Promise<WritePlan<PutImmutableHandle>>;
}

/**
 * Writes names and data. Each method is its plan, run, and waited for as `waitFor` says; it resolves to a handle of the
 * operation. All throw NAME_INVALID, CHAIN_UNAVAILABLE, INPUT_FEE_TOO_HIGH, WALLET_FUNDS_INSUFFICIENT, WALLET_REFUSED,
 * WALLET_ANSWER_INVALID, STORAGE_UNAVAILABLE, CHAIN_BROADCAST_REFUSED, CHAIN_TIMEOUT, NETWORK_ABORTED and
 * CACHE_UNAVAILABLE.
 */
export interface Writer {
  readonly plan: WriterPlans;
  /**
   * Registers a name with PREORDER and REGISTER, or goes on with a registration that an earlier run began.
   *
   * @throws CONFLICT_NAME_TAKEN, CONFLICT_PENDING (another call is registering it), NAME_BEACON_FLOODED,
   *   NAME_PREORDER_EXPIRED
   */
  registerName(name: string, options?: RegisterOptions): Promise<RegisterHandle>;
  /** @throws NAME_NOT_REGISTERED, NAME_UNSEALED, WALLET_NOT_OWNER, CONFLICT_NAME_MOVED, CONFLICT_PENDING */
  updateProfile(name: string, update: ProfileUpdate, options?: WriteOptions): Promise<OperationHandle>;
  /**
   * Puts a record of at most 1 MiB. A new id takes one transaction, a known one none.
   *
   * @throws INPUT_ID_INVALID, INPUT_TOO_LARGE, ROUTE_MISSING, ROUTE_KEY_MISMATCH, CONFLICT_RECORD_MOVED, and as
   *   {@link Writer.updateProfile}
   */
  putMutable(name: string, id: string, data: Uint8Array, options?: PutMutableOptions): Promise<PutMutableHandle>;
  /**
   * Puts data of at most 1 MiB under its hash and lists it in the name's index, in one transaction.
   *
   * @throws INPUT_TOO_LARGE, and as {@link Writer.updateProfile}
   */
  putImmutable(name: string, data: Uint8Array, options?: PutImmutableOptions): Promise<PutImmutableHandle>;
}

/** Builds a writer from parts that are complete; `hawser/writer` exports the one that fills in defaults. */
export function createWriterFrom(parts: WriterParts): Writer {
  const core = new WriterCore(parts);
  const plan: WriterPlans = {
    registerName: (name, options = {}) => planRegister(core, name, options),
    updateProfile: (name, update, options = {}) => planUpdateProfile(core, name, update, options),
    putMutable: (name, id, data, options = {}) => planPutMutable(core, name, id, data, options),
    putImmutable: (name, data, options = {}) => planPutImmutable(core, name, data, options),
  };
  return {
    plan,
    registerName: async (name, options = {}) => carryOut(await plan.registerName(name, options), options),
    updateProfile: async (name, update, options = {}) =>
      carryOut(await plan.updateProfile(name, update, options), options),
    putMutable: async (name, id, data, options = {}) =>
      carryOut(await plan.putMutable(name, id, data, options), options),
    putImmutable: async (name, data, options = {}) => carryOut(await plan.putImmutable(name, data, options), options),
  };
}

async function carryOut<Handle extends OperationHandle>(
  plan: WritePlan<Handle>,
  { waitFor = "depth", signal, timeoutMs, onEvent }: WriteOptions,
): Promise<Handle> {
  const handle = await plan.run();
  await handle.wait({ until: waitFor, signal, timeoutMs, onEvent });
  return handle;
}

async function planUpdateProfile(
  core: WriterCore,
  name: string,
  update: ProfileUpdate,
  options: WriteOptions,
): Promise<WritePlan<OperationHandle>> {
  const base = await core.base(name, options, update.replace);
  const profile: Profile = {
    ...base.profile,
    ...(update.about === undefined ? {} : { about: update.about }),
    ...(update.storage === undefined ? {} : { storage: update.storage }),
  };
  const change = { profile, objects: [], affectedIds: [] };
  return planChange(core, base, change, options, (operation) => handleOf(operation, {}));
}
