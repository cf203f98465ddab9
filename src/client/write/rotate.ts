import { assertBytes, unreachable } from "../../bytes/guards.js";
import { encodeHex } from "../../bytes/hex.js";
import { isXOnlyPoint } from "../../crypto/schnorr.js";
import { HawserError, isHawserError } from "../../errors.js";
import { limits } from "../../limits.js";
import { getRecord } from "../../mutable/get.js";
import type { MutableRecord } from "../../mutable/record.js";
import type { Signer } from "../../ports.js";
import { mutableEntry, mutableKey, type Route } from "../../profile/entry.js";
import { changeIndex, listEntries } from "../../profile/index-tree.js";
import { createLimiter } from "../../profile/limiter.js";
import { parseProfile } from "../../profile/profile.js";
import { effectiveKey } from "../../route/route.js";
import { loadProfile } from "../documents.js";
import { planChange } from "./change.js";
import { newEpochs } from "./epochs.js";
import { handleOf } from "./handle.js";
import type { JournalEntry, JournalFloor } from "./journal.js";
import { recordUrls } from "./new-route.js";
import type { OperationHandle } from "./operation.js";
import type { WriteOptions, WritePlan } from "./plan.js";
import { baseOf, type NameBase } from "./position.js";
import { storeRecord } from "./put.js";
import { planContinued } from "./single.js";
import type { WriterCore } from "./writer-core.js";

/** Versions from here on are no honest writer's; a stolen key may have signed the highest, to block all later ones. */
const MAX_KEPT_VERSION = 2 ** 52;

/** Options of `rotateKey`. */
export interface RotateKeyOptions extends WriteOptions {
  /**
   * Records that are not carried over: all of them, or those of some ids. Their routes stay, and read as
   * RECORD_UNAVAILABLE until the new key signs something. For a key that was stolen, whose newest records may be the
   * thief's. Default: none.
   */
  readonly dropRecords?: boolean | readonly string[] | undefined;
}

/**
 * Plans the change of the key that signs a name's records. Every route under the old key begins a new life (M6), and its
 * record is read, verified and signed again by the new key before the UPDATE is sent, so that nothing goes missing.
 */
export async function planRotateKey(
  core: WriterCore,
  name: string,
  signer: Signer,
  options: RotateKeyOptions,
): Promise<WritePlan<OperationHandle>> {
  assertBytes("signer.publicKey", signer.publicKey, 32);
  if (!isXOnlyPoint(signer.publicKey)) {
    const reason = "it is not the x coordinate of a point";
    throw new HawserError("INPUT_KEY_INVALID", `The new key cannot be used: ${reason}.`, { reason });
  }
  const base = await baseOf(core, name, options);
  const newKey = encodeHex(signer.publicKey);
  const oldKey = effectiveKey({ pubkey: null }, base.profile, base.ownerKey);
  const oldHex = oldKey === null ? null : encodeHex(oldKey);
  if (oldHex === newKey && base.profile.pubkey !== null) {
    const begun = await begunRotation(core, base, newKey, options);
    if (begun !== null) return planContinued(core, begun, options);
    const reason = "it is the key that the profile names already";
    throw new HawserError("INPUT_KEY_INVALID", `The new key cannot be used: ${reason}.`, { reason });
  }
  const routes: Route[] = [];
  for await (const entry of listEntries(base.profile.index, base.load, { prefix: "m:", signal: options.signal })) {
    // A route that names another key is a delegate's, and stays his.
    if (entry.kind !== "mutable" || (entry.route.pubkey ?? oldHex) !== oldHex) continue;
    if (oldHex !== newKey) routes.push(entry.route);
  }
  const ids = routes.map(({ id }) => id);
  const epochs = await newEpochs(core, base, ids, options);
  const moves = routes.map((from): Move => {
    const epoch = epochs.get(from.id) ?? unreachable("an id without epoch");
    return { from, to: { ...from, pubkey: null, minVer: null, epoch, urls: recordUrls(core, base, from.id, epoch) } };
  });
  const changes = moves.map(({ to }) => ({ key: mutableKey(to.id), entry: mutableEntry(to) }));
  const { root, written } = await changeIndex(base.profile.index, changes, base.load);
  const profile = { ...base.profile, pubkey: newKey, index: root };
  return planChange(
    core,
    base,
    {
      profile,
      objects: [...written.values()],
      affectedIds: changes.map(({ key }) => key),
      storedKinds: moves.length > 0 ? ["record"] : [],
      storeRecords: (signal) => carryOver(core, base, moves, signer, { ...options, signal }),
    },
    options,
    (operation) => handleOf(operation, {}),
  );
}

/** The journalled change by which the key became the profile's, unless readers see it already. */
async function begunRotation(
  core: WriterCore,
  { name, entries, resolution }: NameBase,
  newKey: string,
  options: WriteOptions,
): Promise<JournalEntry | null> {
  const begun = entries.find(({ objects }) => {
    const last = objects.at(-1);
    return last !== undefined && parseProfile(last, name).pubkey === newKey;
  });
  const { profileHash } = resolution.state;
  if (begun === undefined || profileHash === null) return null;
  const { value } = await core.session(`The profile of ${name}`, options, (session) =>
    loadProfile(core.parts.core, session, name, profileHash),
  );
  return value.pubkey === newKey ? null : begun;
}

interface Move {
  readonly from: Route;
  readonly to: Route;
}

/** Signs the newest record of each route anew. @throws what reads and puts of records throw */
async function carryOver(
  core: WriterCore,
  base: NameBase,
  moves: readonly Move[],
  signer: Signer,
  options: RotateKeyOptions,
): Promise<readonly JournalFloor[]> {
  const { dropRecords = false, onEvent } = options;
  const isDropped = (id: string): boolean =>
    typeof dropRecords === "boolean" ? dropRecords : dropRecords.includes(id);
  const limit = createLimiter(limits.indexMaxParallel);
  const kept = moves.filter(({ from }) => !isDropped(from.id));
  onEvent?.({ stage: "store", message: `Signing records (${kept.length}) with the new key` });
  const floors = await Promise.all(
    kept.map((move) =>
      limit(async () => {
        const record = await presentRecord(core, base, move.from, options);
        return record === null ? [] : [await signAnew(core, base, move, record, signer, options)];
      }),
    ),
  );
  return floors.flat();
}

/** The newest record of a route, or null where every place says that there is none yet. */
async function presentRecord(
  core: WriterCore,
  base: NameBase,
  route: Route,
  options: WriteOptions,
): Promise<MutableRecord | null> {
  const { network, urlReader, cache, clock, policy, storage } = core.parts.core.parts;
  const context = { network, name: base.name, tenure: base.tenure, id: route.id, epoch: route.epoch };
  const publicKey = effectiveKey(route, base.profile, base.ownerKey);
  // M2: under no key there is no record that verifies.
  if (publicKey === null) return null;
  try {
    const { record } = await core.session(`The record ${route.id}`, options, ({ budget, signal }) =>
      getRecord({
        context,
        publicKey,
        route,
        storage: [...new Set([...storage, ...core.parts.storage])],
        urlReader,
        cache,
        clock,
        policy,
        budget,
        signal,
      }),
    );
    return record;
  } catch (error) {
    const isEmpty =
      isHawserError(error, "RECORD_UNAVAILABLE") && error.details.attempts.every(({ code }) => code === "absent");
    if (isEmpty) return null;
    throw error;
  }
}

async function signAnew(
  core: WriterCore,
  base: NameBase,
  { to }: Move,
  { data, ver }: MutableRecord,
  signer: Signer,
  options: WriteOptions,
): Promise<JournalFloor> {
  const profile = { ...base.profile, pubkey: encodeHex(signer.publicKey) };
  // The version stays, since readers may have asked for this one or later; but not one that leaves no room above it.
  const version = ver < MAX_KEPT_VERSION ? ver : undefined;
  const put = { deferFloor: true, keepPending: false, signer };
  const { floor } = await storeRecord(core, { ...base, profile }, to, data, { ...options, version }, put);
  return { id: to.id, ...floor };
}
