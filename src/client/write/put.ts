import { assertBytes, assertInteger, unreachable } from "../../bytes/guards.js";
import { HawserError } from "../../errors.js";
import { contentKey } from "../../immutable/key.js";
import { putObject } from "../../immutable/put.js";
import { limits } from "../../limits.js";
import { assertRouteKey, type PutRecord, putRecord } from "../../mutable/put.js";
import type { RecordContext } from "../../mutable/record.js";
import { nothingYet, type RecordBasis } from "../../mutable/select-version.js";
import type { SurveyInput } from "../../mutable/survey.js";
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
import { assertEpochReachable, requireEffectiveKey } from "../../route/route.js";
import { planChange } from "./change.js";
import { newEpochs } from "./epochs.js";
import { handleOf } from "./handle.js";
import { createRoute, newRouteKey, recordUrls } from "./new-route.js";
import { noCost, type WriteOptions, type WritePlan } from "./plan.js";
import { type NameBase, positionOf, standOf, withProfile } from "./position.js";
import type {
  PutImmutableHandle,
  PutImmutableOptions,
  PutMutableHandle,
  PutMutableOptions,
  RecordOptions,
} from "./put-options.js";
import { sendParents } from "./single.js";
import { storeWithFloor } from "./touching.js";
import { unsentOperation } from "./unsent.js";
import type { WriterCore } from "./writer-core.js";

export type { PutImmutableHandle, PutImmutableOptions, PutMutableHandle, PutMutableOptions } from "./put-options.js";

/** Makes the data once the route is known. */
export type ComposeRecord = (
  base: NameBase,
  route: Route,
) => Promise<{ readonly data: Uint8Array; readonly basis?: RecordBasis | undefined }>;

/**
 * Plans a put of a record: without transaction where the route exists (W5), else with a new route.
 *
 * @param compose - makes the data for a route that exists. Default: the data as given
 */
export async function planPutMutable(
  core: WriterCore,
  name: string,
  givenId: string,
  data: Uint8Array,
  options: PutMutableOptions,
  compose: ComposeRecord = () => Promise.resolve({ data }),
): Promise<WritePlan<PutMutableHandle>> {
  const id = parseId(givenId);
  assertRecordData(data);
  assertMaxAge(options.maxAgeMs);
  const stand = await standOf(core, name, options);
  const base = await withProfile(core, positionOf(stand, { mayBeUnsealed: true }), options);
  const { entry } = await getEntry(base.profile.index, mutableKey(id), base.load);
  if (entry?.kind === "mutable") {
    const { route } = entry;
    const { maxAgeMs = route.maxAgeMs } = options;
    const record = { ...options, ...(await compose(base, route)) };
    if (maxAgeMs === route.maxAgeMs) return planPutRecord(core, base, route, record.data, record);
    positionOf(stand);
    return planChangedRoute(core, base, route, record.data, { ...record, maxAgeMs });
  }
  if (options.create === false) {
    throw new HawserError("ROUTE_MISSING", `${name} has no route for ${id}, and create is false.`, { id });
  }
  positionOf(stand);
  return planNewRoute(core, base, id, data, options);
}

/** Plans a put under a route that exists, without a transaction. */
export function planPutRecord(
  core: WriterCore,
  base: NameBase,
  route: Route,
  data: Uint8Array,
  options: RecordOptions,
): WritePlan<PutMutableHandle> {
  const { tipState, asOf } = base.resolution;
  assertEpochReachable(route, base.stack.length > 0 ? asOf.tipHeight + 1 : (tipState.profileHeight ?? -1));
  return {
    cost: noCost,
    approvals: 0,
    transactions: [],
    affectedIds: [],
    run: async ({ signal = options.signal } = {}) => {
      await sendParents(core, base, { ...options, signal });
      options.onEvent?.({ stage: "store", message: `Storing ${route.id}` });
      const put = await storeUnderRoute(core, base, route, data, { ...options, signal });
      const handle = await unsentOperation(core, base, [mutableKey(route.id)], put.providers);
      return Object.assign(handle, { record: put.record, route });
    },
  };
}

/** Signs and stores a record under a route that the index has, at depth or not yet (W5: without transaction). */
export function storeUnderRoute(
  core: WriterCore,
  base: NameBase,
  route: Route,
  data: Uint8Array,
  options: RecordOptions,
): Promise<PutRecord> {
  return storeWithFloor(core, base, route, (deferFloor) =>
    storeRecord(core, base, route, data, options, { deferFloor, keepPending: true }),
  );
}

async function planNewRoute(
  core: WriterCore,
  base: NameBase,
  id: string,
  data: Uint8Array,
  options: PutMutableOptions,
): Promise<WritePlan<PutMutableHandle>> {
  // Whose name it is comes before whose key it is, and both before a wait for an epoch.
  await core.ownerAccount(base.name, base.ownerScript);
  newRouteKey(core, base, id, options);
  const epoch = await newEpoch(core, base, id, options);
  const route = { ...createRoute(core, base, id, epoch, options), maxAgeMs: options.maxAgeMs ?? null };
  // W5: what lies under an epoch that nobody had yet is of another device that is creating the id.
  return planRoute(core, base, route, data, { ...options, basis: nothingYet });
}

/** Gives a route another `maxAgeMs`, with a record under it. M6: with or without one, it is another life. */
async function planChangedRoute(
  core: WriterCore,
  base: NameBase,
  present: Route,
  data: Uint8Array,
  options: RecordOptions & { readonly maxAgeMs: number | null },
): Promise<WritePlan<PutMutableHandle>> {
  const { id } = present;
  await core.ownerAccount(base.name, base.ownerScript);
  assertRouteKey(present, requireEffectiveKey(present, base.profile, base.ownerKey), core.signer());
  const { maxAgeMs } = options;
  const isSameLife = (maxAgeMs === null) === (present.maxAgeMs === null);
  if (isSameLife) return planRoute(core, base, { ...present, maxAgeMs }, data, options);
  const epoch = await newEpoch(core, base, id, options);
  const route: Route = { ...present, epoch, urls: recordUrls(core, base, id, epoch), minVer: null, maxAgeMs };
  return planRoute(core, base, route, data, { ...options, basis: nothingYet });
}

async function newEpoch(core: WriterCore, base: NameBase, id: string, options: WriteOptions): Promise<number> {
  return (await newEpochs(core, base, [id], options)).get(id) ?? unreachable("an id without epoch");
}

/** Plans the change that brings a route, with its first record. */
async function planRoute(
  core: WriterCore,
  base: NameBase,
  route: Route,
  data: Uint8Array,
  options: RecordOptions,
): Promise<WritePlan<PutMutableHandle>> {
  const { id } = route;
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
      storedKinds: ["record"],
      storeRecords: async (signal) => {
        put = await storeRecord(
          core,
          base,
          route,
          data,
          { ...options, signal },
          { deferFloor: true, keepPending: false },
        );
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

interface StoreOptions {
  readonly deferFloor: boolean;
  /** False where the change that brings the route is journalled. */
  readonly keepPending: boolean;
  readonly signer?: Signer | undefined;
}

/** Signs and stores a record under a route, existing or to come; the key that must have signed is the base's (M2). */
export function storeRecord(
  core: WriterCore,
  base: Pick<NameBase, "name" | "tenure" | "profile" | "ownerKey">,
  route: Route,
  data: Uint8Array,
  options: RecordOptions,
  { deferFloor, keepPending, signer = core.signer() }: StoreOptions,
): Promise<PutRecord> {
  return putRecord({
    ...surveyInput(core, base, route, options),
    signer,
    data,
    version: options.version,
    nextVersion: options.nextVersion,
    basis: options.basis,
    inTurn: options.merge !== undefined,
    required: core.required(options, "record"),
    deferFloor,
    keepPending,
  });
}

/** How a writer looks at the record of a route. @throws ROUTE_NO_KEY */
export function surveyInput(
  core: WriterCore,
  base: Pick<NameBase, "name" | "tenure" | "profile" | "ownerKey">,
  route: Route,
  { signal }: WriteOptions,
): SurveyInput {
  const { network, urlReader, cache, clock, policy, storage: readers } = core.parts.core.parts;
  const context: RecordContext = { network, name: base.name, tenure: base.tenure, id: route.id, epoch: route.epoch };
  const publicKey = requireEffectiveKey(route, base.profile, base.ownerKey);
  return { context, route, publicKey, storage: core.parts.storage, readers, urlReader, cache, clock, policy, signal };
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
    return planStoreAgain(core, base, key, present, data, options);
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
  base: NameBase,
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
      await sendParents(core, base, { ...options, signal });
      const required = core.required(options, "object");
      const { providers } = await putObject({ ...core.objectWrite(signal), bytes, required });
      return Object.assign(await unsentOperation(core, base, [immutableKey(key)], providers), { key, content });
    },
  };
}

/** @throws INPUT_INVALID, INPUT_TOO_LARGE */
export function assertRecordData(data: Uint8Array): void {
  assertData(data, limits.recordDataMaxBytes);
}

function assertMaxAge(maxAgeMs: number | null | undefined): void {
  if (maxAgeMs !== undefined && maxAgeMs !== null) assertInteger("maxAgeMs", maxAgeMs, 1);
}

function assertData(data: Uint8Array, maxBytes: number): void {
  assertBytes("data", data);
  if (data.length <= maxBytes) return;
  const details = { what: "data", bytes: data.length, maxBytes };
  throw new HawserError("INPUT_TOO_LARGE", `Data has at most ${maxBytes} bytes, got ${data.length}.`, details);
}
