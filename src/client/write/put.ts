import { assertBytes } from "../../bytes/guards.js";
import { encodeHex } from "../../bytes/hex.js";
import { HawserError } from "../../errors.js";
import { contentKey } from "../../immutable/key.js";
import { putObject } from "../../immutable/put.js";
import { limits } from "../../limits.js";
import { floorKey } from "../../mutable/floor.js";
import { raiseFloor } from "../../mutable/floor-cache.js";
import { type PutRecord, putRecord } from "../../mutable/put.js";
import type { MutableRecord, RecordContext } from "../../mutable/record.js";
import { cachedEpochs } from "../../mutable/reserve.js";
import type { KnownVersions } from "../../mutable/select-version.js";
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
import { assertEpochReachable, effectiveKey, nextEpoch, requireEffectiveKey } from "../../route/route.js";
import { loadProfile, nodeLoader } from "../documents.js";
import { planChange } from "./change.js";
import { finishedOperation, handleOf } from "./handle.js";
import type { OperationHandle } from "./operation.js";
import { noCost, type WriteOptions, type WritePlan } from "./plan.js";
import type { NameBase, WriterCore } from "./writer-core.js";

/** Options of `putMutable`. */
export interface PutMutableOptions extends WriteOptions {
  /** Whether a missing route may be made, which takes a transaction; false fails with `ROUTE_MISSING`. Default true. */
  readonly create?: boolean | undefined;
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
  const base = await core.base(name, options);
  const { entry } = await getEntry(base.profile.index, mutableKey(id), base.load);
  if (entry?.kind === "mutable") return planPutRecord(core, base, entry.route, data, options);
  if (options.create === false) {
    throw new HawserError("ROUTE_MISSING", `${name} has no route for ${id}, and create is false.`, { id });
  }
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
  const touching = base.stack.filter(({ affectedIds }) => affectedIds.includes(mutableKey(route.id))).at(-1);
  assertEpochReachable(route, base.stack.length > 0 ? asOf.tipHeight + 1 : (tipState.profileHeight ?? -1));
  return {
    cost: noCost,
    approvals: 0,
    transactions: [],
    affectedIds: [],
    run: async ({ signal = options.signal } = {}) => {
      options.onEvent?.({ stage: "store", message: `Storing ${route.id}` });
      // M7: under a route that no block anchors yet the floor rises with the change that makes it.
      const put = await storeRecord(core, base, route, data, { ...options, signal }, touching !== undefined);
      if (touching !== undefined) {
        const floors = [...touching.floors.filter(({ id }) => id !== route.id), { id: route.id, ...put.floor }];
        const { cache, network } = core.parts.core.parts;
        const key = floorKey({ network, name: base.name, tenure: base.tenure, id: route.id });
        if (!(await core.journal.amend({ ...touching, floors }))) await raiseFloor(cache, key, put.floor);
      }
      return { ...finishedOperation(core.newId(), put.providers), record: put.record, route };
    },
  };
}

async function planNewRoute(
  core: WriterCore,
  base: NameBase,
  id: string,
  data: Uint8Array,
  options: PutMutableOptions,
): Promise<WritePlan<PutMutableHandle>> {
  const { network } = core.parts.core.parts;
  const signerKey = encodeHex(core.signer().publicKey);
  const epoch = await newEpoch(core, base, id, options);
  const path = recordPath({ network: network.id, name: base.name, id, epoch });
  const urls = core.parts.storage.flatMap((provider) => provider.urlOf(path) ?? []);
  const inherited = effectiveKey({ pubkey: null }, base.profile, base.ownerKey);
  const isInherited = inherited !== null && encodeHex(inherited) === signerKey;
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
        put = await storeRecord(core, base, route, data, { ...options, signal }, true);
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

/** M6: an epoch above every life that this id can have had, so that no earlier record can be shown under it. */
async function newEpoch(core: WriterCore, base: NameBase, id: string, options: WriteOptions): Promise<number> {
  const { network, cache, clock } = core.parts.core.parts;
  const place = { network, name: base.name, tenure: base.tenure, id };
  const recent = await core.session(`Earlier lives of ${id}`, options, async (session) =>
    Promise.all(
      base.resolution.recentOperations.map(async ({ height, profileHash }) => {
        if (profileHash === null) return [];
        try {
          const { value } = await loadProfile(core.parts.core, session, base.name, profileHash);
          const { entry } = await getEntry(value.index, mutableKey(id), nodeLoader(core.parts.core, session, value));
          return entry?.kind === "mutable" && entry.route.epoch <= height ? [entry.route.epoch] : [];
        } catch (error) {
          // A profile that nobody serves any more: a route in it has an epoch of at most its height, or is refused.
          if (error instanceof HawserError && error.outcome === "unknown") return [height];
          throw error;
        }
      }),
    ),
  );
  const knownEpochs = [...recent.flat(), ...(await cachedEpochs(cache, place))];
  const { tipHeight } = base.resolution.asOf;
  const { epoch, waitForTip } = nextEpoch({ tipHeight, minConfirmations: network.minConfirmations, knownEpochs });
  if (waitForTip === null) return epoch;
  const startedMs = clock.nowMs();
  for (;;) {
    const { asOf } = await core.session("The tip", options, (session) => core.parts.core.resolve(base.name, session));
    if (asOf.tipHeight >= waitForTip) return epoch;
    const message = `Waiting for block ${waitForTip}: the last life of ${id} is too recent (tip ${asOf.tipHeight})`;
    options.onEvent?.({ stage: "wait", message });
    const waitedMs = clock.nowMs() - startedMs;
    if (options.timeoutMs !== undefined && waitedMs >= options.timeoutMs) {
      throw new HawserError("CHAIN_TIMEOUT", `Block ${waitForTip} was not mined in time.`, { operation: id, waitedMs });
    }
    await clock.delay(core.parts.pollIntervalMs, options.signal);
  }
}

function storeRecord(
  core: WriterCore,
  base: NameBase,
  route: Route,
  data: Uint8Array,
  options: PutMutableOptions,
  deferFloor: boolean,
): Promise<PutRecord> {
  const { network, urlReader, cache, clock, storage: readers } = core.parts.core.parts;
  const context: RecordContext = { network, name: base.name, tenure: base.tenure, id: route.id, epoch: route.epoch };
  return putRecord({
    context,
    route,
    publicKey: requireEffectiveKey(route, base.profile, base.ownerKey),
    signer: core.signer(),
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
  const base = await core.base(name, options);
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

function assertData(data: Uint8Array, maxBytes: number): void {
  assertBytes("data", data);
  if (data.length <= maxBytes) return;
  const details = { what: "data", bytes: data.length, maxBytes };
  throw new HawserError("INPUT_TOO_LARGE", `Data has at most ${maxBytes} bytes, got ${data.length}.`, details);
}
