import type { JsonObject } from "../bytes/json.js";
import type { Signer } from "../ports.js";
import type { Profile } from "../profile/profile.js";
import { planBatch } from "./write/batch.js";
import { type Batch, createBatch } from "./write/batch-builder.js";
import { planChange } from "./write/change.js";
import { type DeleteHandle, type DeleteOptions, planDeleteImmutable, planDeleteMutable } from "./write/delete.js";
import { handleOf } from "./write/handle.js";
import { planPutMerging } from "./write/merge.js";
import type { OperationHandle } from "./write/operation.js";
import {
  planReleaseName,
  planRenew,
  planTransfer,
  type ReleaseOptions,
  type TransferOptions,
} from "./write/ownership.js";
import type { WriteOptions, WritePlan } from "./write/plan.js";
import { baseOf } from "./write/position.js";
import { planPutImmutable } from "./write/put.js";
import { planPutImmutableAgain, planPutMutableAgain } from "./write/put-again.js";
import type {
  PutImmutableHandle,
  PutImmutableOptions,
  PutMutableHandle,
  PutMutableOptions,
} from "./write/put-options.js";
import { planRebasing } from "./write/rebase.js";
import { planRecoverName, type RecoverOptions } from "./write/recover.js";
import { planRegister, type RegisterHandle, type RegisterOptions } from "./write/register.js";
import { type ReservedOutpoint, reservedOutpoints } from "./write/reserved.js";
import {
  type PendingWrite,
  pendingWrites,
  type ResumedWrite,
  type ResumeOptions,
  resumeWrites,
} from "./write/resume.js";
import { planRotateKey, type RotateKeyOptions } from "./write/rotate.js";
import {
  type NextData,
  planUpdateMutable,
  type UpdateMutableHandle,
  type UpdateMutableOptions,
} from "./write/update-mutable.js";
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

/** Makes the change of the newest profile; called again where `rebase` makes the change on a newer one. */
export type NextProfile = (
  profile: Profile,
) => Omit<ProfileUpdate, "replace"> | Promise<Omit<ProfileUpdate, "replace">>;

/** The methods of a writer without their effects: what each would cost, send and change. */
export interface WriterPlans {
  registerName(name: string, options?: RegisterOptions): Promise<WritePlan<RegisterHandle>>;
  renewName(name: string, options?: WriteOptions): Promise<WritePlan<OperationHandle>>;
  transferName(name: string, to: Uint8Array | string, options?: TransferOptions): Promise<WritePlan<OperationHandle>>;
  releaseName(name: string, options?: ReleaseOptions): Promise<WritePlan<OperationHandle>>;
  recoverName(name: string, options?: RecoverOptions): Promise<WritePlan<OperationHandle>>;
  updateProfile(
    name: string,
    update: ProfileUpdate | NextProfile,
    options?: WriteOptions,
  ): Promise<WritePlan<OperationHandle>>;
  rotateKey(name: string, signer: Signer, options?: RotateKeyOptions): Promise<WritePlan<OperationHandle>>;
  putMutable(
    name: string,
    id: string,
    data: Uint8Array,
    options?: PutMutableOptions,
  ): Promise<WritePlan<PutMutableHandle>>;
  updateMutable(
    name: string,
    id: string,
    next: NextData,
    options?: UpdateMutableOptions,
  ): Promise<WritePlan<UpdateMutableHandle>>;
  putImmutable(name: string, data: Uint8Array, options?: PutImmutableOptions): Promise<WritePlan<PutImmutableHandle>>;
  deleteMutable(name: string, id: string, options?: DeleteOptions): Promise<WritePlan<DeleteHandle>>;
  deleteImmutable(name: string, key: string, options?: DeleteOptions): Promise<WritePlan<DeleteHandle>>;
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
  /**
   * Renews the clock (C9) and changes nothing else. Needs no profile from anybody.
   *
   * @throws as {@link Writer.updateProfile}
   */
  renewName(name: string, options?: WriteOptions): Promise<OperationHandle>;
  /**
   * Hands a name over, with the seal and what it holds. By default the name then has no profile (W9), so that nothing of
   * the old owner's is shown as the new one's.
   *
   * @param to - the new owner: a P2WPKH, P2WSH or P2TR script (C3), or such an address of the network
   * @throws ROUTE_MISSING (a key of `keep` that the index does not hold), and as {@link Writer.updateProfile}
   */
  transferName(name: string, to: Uint8Array | string, options?: TransferOptions): Promise<OperationHandle>;
  /**
   * Gives a name up for good and pays the bond back. From its height on the name resolves to nothing; it can be
   * registered again after the cooldown (C9). Nothing is deleted from storage.
   *
   * @throws as {@link Writer.updateProfile}
   */
  releaseName(name: string, options?: ReleaseOptions): Promise<OperationHandle>;
  /**
   * Seals a name again whose seal was spent by something that is no operation (C8), with the profile that it has. Needs a
   * confirmed coin of the owner script, and locks the bond anew.
   *
   * @throws NAME_SEALED, NAME_NOT_REGISTERED, WALLET_NOT_OWNER, CONFLICT_NAME_MOVED (another RECOVER was first)
   */
  recoverName(name: string, options?: RecoverOptions): Promise<OperationHandle>;
  /**
   * Changes the profile's own parts. What an object names replaces what is there, also after a `rebase`; a function makes
   * its change of the profile that there is then.
   *
   * @throws NAME_NOT_REGISTERED, NAME_UNSEALED, WALLET_NOT_OWNER, CONFLICT_NAME_MOVED, CONFLICT_PENDING
   */
  updateProfile(name: string, update: ProfileUpdate | NextProfile, options?: WriteOptions): Promise<OperationHandle>;
  /**
   * Makes another key sign a name's records, in one transaction however many there are. Each record under the old key is
   * read, verified and signed anew under a new epoch (M6), so that nothing that the old key ever signed counts any more.
   * Write with the new signer afterwards.
   *
   * @throws INPUT_KEY_INVALID, RECORD_* where a record cannot be read (see `dropRecords`), and as
   *   {@link Writer.updateProfile}
   */
  rotateKey(name: string, signer: Signer, options?: RotateKeyOptions): Promise<OperationHandle>;
  /**
   * Puts a record of at most 1 MiB. A new id takes one transaction, a known one none, unless `maxAgeMs` changes. What was
   * there is not looked at; see {@link Writer.updateMutable} for changes of it.
   *
   * @throws INPUT_ID_INVALID, INPUT_TOO_LARGE, ROUTE_MISSING, ROUTE_KEY_MISMATCH, CONFLICT_RECORD_MOVED, with `txid`
   *   INPUT_TXID_UNKNOWN and INPUT_TXID_MISMATCH, and as {@link Writer.updateProfile}
   */
  putMutable(name: string, id: string, data: Uint8Array, options?: PutMutableOptions): Promise<PutMutableHandle>;
  /**
   * Reads a record, has `next` change it, and puts what that returns above it. `next` gets the newest record, and at a fork
   * every branch; when another writer's version comes first it is called again with that one, at most `tries` times in
   * all. Never makes a transaction. An update that fails for another reason may have been stored by some providers.
   *
   * @throws ROUTE_MISSING, ROUTE_KEY_MISMATCH (before `next` is called), CONFLICT_RECORD_MOVED, RECORD_* where the record
   *   cannot be read, STORAGE_UNAVAILABLE, and what `next` throws
   */
  updateMutable(name: string, id: string, next: NextData, options?: UpdateMutableOptions): Promise<UpdateMutableHandle>;
  /**
   * Puts data of at most 1 MiB under its hash and lists it in the name's index, in one transaction.
   *
   * @throws INPUT_TOO_LARGE, with `txid` INPUT_TXID_UNKNOWN and INPUT_TXID_MISMATCH, and as {@link Writer.updateProfile}
   */
  putImmutable(name: string, data: Uint8Array, options?: PutImmutableOptions): Promise<PutImmutableHandle>;
  /**
   * Takes an id out of the index, in one transaction, and removes its record from storage once that is at depth (W8).
   * Should the id be made again, no earlier record can be shown under it (M6). An id that is not there is left alone.
   *
   * @throws INPUT_ID_INVALID, and as {@link Writer.updateProfile}
   */
  deleteMutable(name: string, id: string, options?: DeleteOptions): Promise<DeleteHandle>;
  /**
   * Takes immutable data out of the index, in one transaction, and removes its copies from storage once that is at depth
   * (W8), unless something else needs the same bytes. A key that is not there is left alone.
   *
   * @param key - as `putImmutable` returned it
   * @throws INPUT_INVALID, and as {@link Writer.updateProfile}
   */
  deleteImmutable(name: string, key: string, options?: DeleteOptions): Promise<DeleteHandle>;
  /** Collects any number of changes of one name, to be made by one transaction (W6). @throws NAME_INVALID */
  batch(name: string): Batch;
  /**
   * Every write that an earlier run began and did not finish, oldest first; from the cache alone. Those that this program
   * is carrying out right now are listed too.
   *
   * @throws NAME_INVALID, CACHE_UNAVAILABLE, CACHE_CORRUPT
   */
  pending(name?: string): Promise<readonly PendingWrite[]>;
  /**
   * Goes on with every pending write (W3): the same signed bytes, never a second transaction. What became of each is in
   * the answer; one that fails does not keep the others from being tried.
   *
   * @throws NAME_INVALID, NETWORK_ABORTED, CACHE_UNAVAILABLE, CACHE_CORRUPT
   */
  resume(options?: ResumeOptions): Promise<readonly ResumedWrite[]>;
  /**
   * The outputs that a wallet must leave alone: seals, PREORDER outputs, and what pending operations spend. From the
   * cache alone, so only of names that this writer has read or written.
   *
   * @throws CACHE_UNAVAILABLE, CACHE_CORRUPT, WALLET_REFUSED
   */
  reservedOutpoints(): Promise<readonly ReservedOutpoint[]>;
}

/** Builds a writer from parts that are complete; `hawser/writer` exports the one that fills in defaults. */
export function createWriterFrom(parts: WriterParts): Writer {
  const core = new WriterCore(parts);
  const rebasing = <Handle extends OperationHandle>(
    name: string,
    options: WriteOptions,
    make: () => Promise<WritePlan<Handle>>,
  ): Promise<WritePlan<Handle>> => planRebasing(core, name, options, make);
  const make: WriterPlans = {
    registerName: (name, options = {}) => planRegister(core, name, options),
    renewName: (name, options = {}) => rebasing(name, options, () => planRenew(core, name, options)),
    transferName: (name, to, options = {}) => rebasing(name, options, () => planTransfer(core, name, to, options)),
    releaseName: (name, options = {}) => rebasing(name, options, () => planReleaseName(core, name, options)),
    recoverName: (name, options = {}) => rebasing(name, options, () => planRecoverName(core, name, options)),
    updateProfile: (name, update, options = {}) =>
      rebasing(name, options, () => planUpdateProfile(core, name, update, options)),
    rotateKey: (name, signer, options = {}) =>
      rebasing(name, options, () => planRotateKey(core, name, signer, options)),
    putMutable: (name, id, data, options = {}) =>
      options.txid === undefined
        ? planPutMerging(core, name, id, data, options)
        : planPutMutableAgain(core, name, id, data, options.txid, options),
    updateMutable: (name, id, next, options = {}) => planUpdateMutable(core, name, id, next, options),
    putImmutable: (name, data, options = {}) =>
      options.txid === undefined
        ? rebasing(name, options, () => planPutImmutable(core, name, data, options))
        : planPutImmutableAgain(core, name, data, options.txid, options),
    deleteMutable: (name, id, options = {}) =>
      rebasing(name, options, () => planDeleteMutable(core, name, id, options)),
    deleteImmutable: (name, key, options = {}) =>
      rebasing(name, options, () => planDeleteImmutable(core, name, key, options)),
  };
  // Finishing what is pending is an effect, which a plan has none of.
  const only = <Options extends WriteOptions>(options?: Options): Options =>
    ({ finishPending: false, ...options }) as Options;
  return {
    plan: {
      registerName: (name, options) => make.registerName(name, only(options)),
      renewName: (name, options) => make.renewName(name, only(options)),
      transferName: (name, to, options) => make.transferName(name, to, only(options)),
      releaseName: (name, options) => make.releaseName(name, only(options)),
      recoverName: (name, options) => make.recoverName(name, only(options)),
      updateProfile: (name, update, options) => make.updateProfile(name, update, only(options)),
      rotateKey: (name, signer, options) => make.rotateKey(name, signer, only(options)),
      putMutable: (name, id, data, options) => make.putMutable(name, id, data, only(options)),
      updateMutable: (name, id, next, options) => make.updateMutable(name, id, next, only(options)),
      putImmutable: (name, data, options) => make.putImmutable(name, data, only(options)),
      deleteMutable: (name, id, options) => make.deleteMutable(name, id, only(options)),
      deleteImmutable: (name, key, options) => make.deleteImmutable(name, key, only(options)),
    },
    registerName: async (name, options = {}) => carryOut(await make.registerName(name, options), options),
    renewName: async (name, options = {}) => carryOut(await make.renewName(name, options), options),
    transferName: async (name, to, options = {}) => carryOut(await make.transferName(name, to, options), options),
    releaseName: async (name, options = {}) => carryOut(await make.releaseName(name, options), options),
    recoverName: async (name, options = {}) => carryOut(await make.recoverName(name, options), options),
    rotateKey: async (name, signer, options = {}) => carryOut(await make.rotateKey(name, signer, options), options),
    updateProfile: async (name, update, options = {}) =>
      carryOut(await make.updateProfile(name, update, options), options),
    putMutable: async (name, id, data, options = {}) =>
      carryOut(await make.putMutable(name, id, data, options), options),
    updateMutable: async (name, id, next, options = {}) =>
      carryOut(await make.updateMutable(name, id, next, options), options),
    putImmutable: async (name, data, options = {}) => carryOut(await make.putImmutable(name, data, options), options),
    deleteMutable: async (name, id, options = {}) => carryOut(await make.deleteMutable(name, id, options), options),
    deleteImmutable: async (name, key, options = {}) =>
      carryOut(await make.deleteImmutable(name, key, options), options),
    batch: (name) =>
      createBatch(name, {
        plan: (edits, options = {}) => rebasing(name, options, () => planBatch(core, name, edits, only(options))),
        commit: async (edits, options = {}) =>
          carryOut(await rebasing(name, options, () => planBatch(core, name, edits, options)), options),
      }),
    pending: (name) => pendingWrites(core, name),
    resume: (options = {}) => resumeWrites(core, options),
    reservedOutpoints: () => reservedOutpoints(core),
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
  update: ProfileUpdate | NextProfile,
  options: WriteOptions,
): Promise<WritePlan<OperationHandle>> {
  const base = await baseOf(core, name, options, typeof update === "function" ? false : update.replace);
  const { about, storage } = typeof update === "function" ? await update(base.profile) : update;
  const profile: Profile = {
    ...base.profile,
    ...(about === undefined ? {} : { about }),
    ...(storage === undefined ? {} : { storage }),
  };
  const change = { profile, objects: [], affectedIds: [] };
  return planChange(core, base, change, options, (operation) => handleOf(operation, {}));
}
