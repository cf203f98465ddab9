import { equalBytes } from "../../bytes/bytes.js";
import { assertBytes, unreachable } from "../../bytes/guards.js";
import { encodeHex } from "../../bytes/hex.js";
import { HawserError } from "../../errors.js";
import { contentKey } from "../../immutable/key.js";
import { putObject } from "../../immutable/put.js";
import { limits } from "../../limits.js";
import { floorKey } from "../../mutable/floor.js";
import { raiseFloor } from "../../mutable/floor-cache.js";
import { type PutRecord, putRecord } from "../../mutable/put.js";
import type { MutableRecord, RecordContext } from "../../mutable/record.js";
import type { KnownVersions } from "../../mutable/select-version.js";
import type { Signer } from "../../ports.js";
import {
  type Content,
  immutableEntry,
  immutableKey,
  mutableEntry,
  mutableKey,
  type Route,
} from "../../profile/entry.js";
import { parseId } from "../../profile/id.js";
import { changeIndex, getEntry } from "../../profile/index-tree.js";
import { recordPath } from "../../route/layout.js";
import { assertEpochReachable, effectiveKey, requireEffectiveKey } from "../../route/route.js";
import { planChange } from "./change.js";
import { newEpochs } from "./epochs.js";
import { finishedOperation, handleOf } from "./handle.js";
import type { JournalEntry } from "./journal.js";
import type { OperationHandle } from "./operation.js";
import { noCost, type WriteOptions, type WritePlan } from "./plan.js";
import { type NameBase, positionOf, standOf, withProfile } from "./position.js";
import type { WriterCore } from "./writer-core.js";

/** Options of `putMutable`. */
export interface PutMutableOptions extends WriteOptions {
  /** Whether a missing route may be made, which takes a transaction; false fails with `ROUTE_MISSING`. Default true. */
  readonly create?: boolean | undefined;
  /**
   * Whether a missing route may be made under this signer's key although the profile names another. Else that is
   * ROUTE_KEY_MISMATCH: a key that was replaced must not come back by mistake. Default false.
   */
  readonly delegate?: boolean | undefined;
  /** Exactly this version; it must be above every version that is known. Default: one more. */
  readonly version?: number | undefined;
  /** Computes the version from what is known. */
  readonly nextVersion?: ((known: KnownVersions) => number) | undefined;
}

/** A record that was put. */
export interface PutMutableHandle extends OperationHandle {
  readonly record: MutableRecord;
  readonly route: Route;
}

/** Options of `putImmutable`. */
export interface PutImmutableOptions extends WriteOptions {
  /** Media type, 1 to 127 bytes; a label that readers must not trust. */
  readonly type?: string | undefined;
  /** File name, 1 to 255 bytes; a label, never a path. */
  readonly fileName?: string | undefined;
}

/** Immutable data that was put. */
export interface PutImmutableHandle extends OperationHandle {
  /** SHA-256 of the data, hex. */
  readonly key: string;
  readonly content: Content;
}

/** Plans a put of a record: without transaction where the route exists (W5), else with a new route. */
export async function planPutMutable(
  core: WriterCore,
  name: string,
  givenId: string,
  data: Uint8Array,
  options: PutMutableOptions,
): Promise<WritePlan<PutMutableHandle>> {
  const id = parseId(givenId);
  assertData(data, limits.recordDataMaxBytes);
  const stand = await standOf(core, name, options);
  const base = await withProfile(core, positionOf(stand, { mayBeUnsealed: true }), options);
  const { entry } = await getEntry(base.profile.index, mutableKey(id), base.load);
  if (entry?.kind === "mutable") return planPutRecord(core, base, entry.route, data, options);
  if (options.create === false) {
    throw new HawserError("ROUTE_MISSING", `${name} has no route for ${id}, and create is false.`, { id });
  }
  positionOf(stand);
  return planNewRoute(core, base, id, data, options);
}

function planPutRecord(
  core: WriterCore,
  base: NameBase,
  route: Route,
  data: Uint8Array,
  options: PutMutableOptions,
): WritePlan<PutMutableHandle> {
  const { tipState, asOf } = base.resolution;
  assertEpochReachable(route, base.stack.length > 0 ? asOf.tipHeight + 1 : (tipState.profileHeight ?? -1));
  return {
    cost: noCost,
    approvals: 0,
    transactions: [],
    affectedIds: [],
    run: async ({ signal = options.signal } = {}) => {
      options.onEvent?.({ stage: "store", message: `Storing ${route.id}` });
      const put = await storeUnderRoute(core, base, route, data, { ...options, signal });
      return { ...finishedOperation(core.newId(), put.providers), record: put.record, route };
    },
  };
}

/** Signs and stores a record under a route that the index has, at depth or not yet (W5: without transaction). */
export async function storeUnderRoute(
  core: WriterCore,
  base: NameBase,
  route: Route,
  data: Uint8Array,
  options: PutMutableOptions,
): Promise<PutRecord> {
  const { state, tipState } = base.resolution;
  let touching: JournalEntry | null = null;
  for (const entry of base.entries) if (await core.journal.affects(entry, mutableKey(route.id))) touching = entry;
  // M7: under a route that readers do not see yet the floor rises with the change that makes it.
  const isDeep = touching === null && sameHash(state.profileHash, tipState.profileHash);
  const put = await storeRecord(core, base, route, data, options, { deferFloor: !isDeep });
  if (touching !== null && !(await core.journal.setFloor(touching, { id: route.id, ...put.floor }))) {
    const { cache, network } = core.parts.core.parts;
    const key = floorKey({ network, name: base.name, tenure: base.tenure, id: route.id });
    await raiseFloor(cache, key, put.floor);
  }
  return put;
}

async function planNewRoute(
  core: WriterCore,
  base: NameBase,
  id: string,
  data: Uint8Array,
  options: PutMutableOptions,
): Promise<WritePlan<PutMutableHandle>> {
  const { network } = core.parts.core.parts;
  // Whose name it is comes before whose key it is.
  await core.ownerAccount(base.name, base.ownerScript);
  const signerKey = encodeHex(core.signer().publicKey);
  const inherited = effectiveKey({ pubkey: null }, base.profile, base.ownerKey);
  const isInherited = inherited !== null && encodeHex(inherited) === signerKey;
  if (base.profile.pubkey !== null && !isInherited && options.delegate !== true) {
    const details = { id, expected: base.profile.pubkey, got: signerKey };
    const message = `The signer's key ${signerKey} is not the profile's; a route of its own must be asked for (delegate).`;
    throw new HawserError("ROUTE_KEY_MISMATCH", message, details);
  }
  const epoch = (await newEpochs(core, base, [id], options)).get(id) ?? unreachable("an id without epoch");
  const path = recordPath({ network: network.id, name: base.name, id, epoch });
  const urls = core.parts.storage.flatMap((provider) => provider.urlOf(path) ?? []);
  const route: Route = {
    id,
    urls: [...new Set(urls)].slice(0, limits.urlsMax),
    pubkey: isInherited ? null : signerKey,
    epoch,
    minVer: null,
    maxAgeMs: null,
  };
  const change = { key: mutableKey(id), entry: mutableEntry(route) };
  const { root, written } = await changeIndex(base.profile.index, [change], base.load);
  let put: PutRecord | null = null;
  return planChange(
    core,
    base,
    {
      profile: { ...base.profile, index: root },
      objects: [...written.values()],
      affectedIds: [change.key],
      storeRecords: async (signal) => {
        put = await storeRecord(core, base, route, data, { ...options, signal }, { deferFloor: true });
        return [{ id, ...put.floor }];
      },
    },
    options,
    (operation) => {
      if (put === null) throw new HawserError("BUG_UNREACHABLE", "No record was stored.", { what: "record" });
      return handleOf(operation, { record: put.record, route });
    },
  );
}

/** Signs and stores a record under a route, existing or to come; the key that must have signed is the base's (M2). */
export function storeRecord(
  core: WriterCore,
  base: Pick<NameBase, "name" | "tenure" | "profile" | "ownerKey">,
  route: Route,
  data: Uint8Array,
  options: PutMutableOptions,
  { deferFloor, signer = core.signer() }: { readonly deferFloor: boolean; readonly signer?: Signer | undefined },
): Promise<PutRecord> {
  const { network, urlReader, cache, clock, storage: readers } = core.parts.core.parts;
  const context: RecordContext = { network, name: base.name, tenure: base.tenure, id: route.id, epoch: route.epoch };
  return putRecord({
    context,
    route,
    publicKey: requireEffectiveKey(route, base.profile, base.ownerKey),
    signer,
    data,
    version: options.version,
    nextVersion: options.nextVersion,
    storage: core.parts.storage,
    readers,
    urlReader,
    cache,
    clock,
    required: core.required(options),
    signal: options.signal,
    deferFloor,
  });
}

/** Plans a put of immutable data: with a new entry, or without transaction where the index has the key already. */
export async function planPutImmutable(
  core: WriterCore,
  name: string,
  data: Uint8Array,
  options: PutImmutableOptions,
): Promise<WritePlan<PutImmutableHandle>> {
  assertData(data, limits.objectMaxBytes);
  const key = contentKey(data);
  const stand = await standOf(core, name, options);
  const base = await withProfile(core, positionOf(stand, { mayBeUnsealed: true }), options);
  const { entry: found } = await getEntry(base.profile.index, immutableKey(key), base.load);
  const present = found?.kind === "immutable" ? found.content : null;
  const content: Content = {
    size: data.length,
    type: options.type ?? present?.type ?? null,
    name: options.fileName ?? present?.name ?? null,
    urls: present?.urls ?? null,
  };
  // W2: the same put once more stores the bytes again and sends nothing.
  if (present !== null && content.type === present.type && content.name === present.name) {
    return planStoreAgain(core, key, present, data, options);
  }
  positionOf(stand);
  const entry = immutableEntry(key, content);
  const { root, written } = await changeIndex(base.profile.index, [{ key: entry.key, entry }], base.load);
  const change = {
    profile: { ...base.profile, index: root },
    objects: [data, ...written.values()],
    affectedIds: [entry.key],
  };
  return planChange(core, base, change, options, (operation) => handleOf(operation, { key, content }));
}

function planStoreAgain(
  core: WriterCore,
  key: string,
  content: Content,
  bytes: Uint8Array,
  options: PutImmutableOptions,
): WritePlan<PutImmutableHandle> {
  return {
    cost: noCost,
    approvals: 0,
    transactions: [],
    affectedIds: [],
    run: async ({ signal = options.signal } = {}) => {
      const { storage, clock } = core.parts;
      const { providers } = await putObject({ bytes, storage, required: core.required(options), clock, signal });
      return { ...finishedOperation(core.newId(), providers), key, content };
    },
  };
}

function sameHash(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : equalBytes(a, b);
}

function assertData(data: Uint8Array, maxBytes: number): void {
  assertBytes("data", data);
  if (data.length <= maxBytes) return;
  const details = { what: "data", bytes: data.length, maxBytes };
  throw new HawserError("INPUT_TOO_LARGE", `Data has at most ${maxBytes} bytes, got ${data.length}.`, details);
}
