import { equalBytes } from "../../bytes/bytes.js";
import { invalidArgument, unreachable } from "../../bytes/guards.js";
import { isHex } from "../../bytes/hex.js";
import { sha256 } from "../../crypto/hash.js";
import { HawserError, isHawserError } from "../../errors.js";
import { contentKey } from "../../immutable/key.js";
import { putObject } from "../../immutable/put.js";
import type { PutRecord } from "../../mutable/put.js";
import { type PutAgainInput, putRecordAgain } from "../../mutable/put-again.js";
import { type IndexEntry, immutableKey, keyPath, mutableKey } from "../../profile/entry.js";
import { parseId } from "../../profile/id.js";
import { isLeaf, parseNode } from "../../profile/index-node.js";
import { getEntry } from "../../profile/index-tree.js";
import { encodeProfile, parseProfile } from "../../profile/profile.js";
import { assertHeld, type ProviderOutcome } from "../../route/provider-writes.js";
import { loadProfile, nodeLoader } from "../documents.js";
import { finishedOperation, handleOf } from "./handle.js";
import type { JournalEntry } from "./journal.js";
import { type OperationHandle, worstOutcomes } from "./operation.js";
import { noCost, type WriteOptions, type WritePlan } from "./plan.js";
import { type NameBase, positionOf, standOf, withProfile } from "./position.js";
import { assertRecordData, surveyInput } from "./put.js";
import type { PutImmutableHandle, PutMutableHandle } from "./put-options.js";
import { isRouteDeep } from "./touching.js";
import type { WriterCore } from "./writer-core.js";

/** An operation that was sent, with what it anchored under one key and still does. */
interface Anchored {
  readonly base: NameBase;
  readonly entry: IndexEntry;
  /** Null where the operation is at depth and the journal has let go of it. */
  readonly pending: JournalEntry | null;
  /** The index nodes that lead to the key, and the profile last. */
  readonly documents: readonly Uint8Array[];
}

/** Plans storing a record, and what leads to it, once more (W2): signs nothing and makes no transaction. */
export async function planPutMutableAgain(
  core: WriterCore,
  name: string,
  id: string,
  data: Uint8Array,
  txid: string,
  options: WriteOptions,
): Promise<WritePlan<PutMutableHandle>> {
  assertRecordData(data);
  const key = mutableKey(parseId(id));
  const required = core.required(options, "record", "object");
  const anchored = await anchoredBy(core, name, key, txid, options);
  const { base, entry } = anchored;
  if (entry.kind !== "mutable") throw mismatch(txid, key, "it anchored something else under this key");
  const { route } = entry;
  return planAgain(options, async (signal) => {
    const input = { ...surveyInput(core, base, route, { ...options, signal }), data, required };
    const { put, moved } = await storedAgain({ ...input, deferFloor: !(await isRouteDeep(core, base, route)) });
    if (put === null && moved === null) throw mismatch(txid, key, "no record of these data is known any more");
    const stored = await storeDocuments(core, anchored, [], txid, { ...options, signal });
    // A record that was put since is the newest, and stays; all that leads to it is stored all the same.
    if (put === null) throw moved ?? unreachable("a put without outcome");
    const providers = worstOutcomes(put.providers, stored.providers);
    return Object.assign(withProviders(stored, providers), { record: put.record, route });
  });
}

/** As {@link planPutMutableAgain}, for immutable data. */
export async function planPutImmutableAgain(
  core: WriterCore,
  name: string,
  data: Uint8Array,
  txid: string,
  options: WriteOptions,
): Promise<WritePlan<PutImmutableHandle>> {
  const key = contentKey(data);
  core.required(options, "object");
  const anchored = await anchoredBy(core, name, immutableKey(key), txid, options);
  const { entry } = anchored;
  if (entry.kind !== "immutable") throw mismatch(txid, entry.key, "it anchored something else under this key");
  return planAgain(options, async (signal) => {
    const stored = await storeDocuments(core, anchored, [data], txid, { ...options, signal });
    return Object.assign(stored, { key, content: entry.content });
  });
}

function planAgain<Handle extends OperationHandle>(
  options: WriteOptions,
  store: (signal: AbortSignal | undefined) => Promise<Handle>,
): WritePlan<Handle> {
  return {
    cost: noCost,
    approvals: 0,
    transactions: [],
    affectedIds: [],
    run: ({ signal = options.signal } = {}) => store(signal),
  };
}

interface StoredAgain {
  readonly put: PutRecord | null;
  /** That the record is not the newest any more. */
  readonly moved: HawserError | null;
}

async function storedAgain(input: PutAgainInput): Promise<StoredAgain> {
  try {
    return { put: await putRecordAgain(input), moved: null };
  } catch (error) {
    if (isHawserError(error, "CONFLICT_RECORD_MOVED")) return { put: null, moved: error };
    throw error;
  }
}

/**
 * Finds an operation by its txid, and what it anchored under a key.
 *
 * @throws INPUT_INVALID, INPUT_TXID_UNKNOWN, INPUT_TXID_MISMATCH, CONFLICT_PENDING where it is another writer's and not
 *   at depth yet; PROFILE_UNAVAILABLE, INDEX_UNAVAILABLE
 */
async function anchoredBy(
  core: WriterCore,
  name: string,
  key: string,
  txid: string,
  options: WriteOptions,
): Promise<Anchored> {
  if (!isHex(txid, 32)) throw invalidArgument("txid", "64 lower-case hex digits", txid);
  // Of what is journalled and not mined the same bytes are sent again here.
  const stand = await standOf(core, name, options);
  const hasTxid = (one: { readonly txid: string }): boolean => one.txid === txid;
  const pending = stand.entries.find(({ ready, transactions }) => ready && transactions.some(hasTxid)) ?? null;
  const { state, tipState } = stand.resolution;
  const operation = tipState.operations.find(hasTxid);
  if (pending === null && operation === undefined) {
    const message = `${name} has no operation ${txid}, and nothing of one is kept here.`;
    throw new HawserError("INPUT_TXID_UNKNOWN", message, { name, txid });
  }
  if (pending === null && !state.operations.some(hasTxid)) {
    const message = `The operation ${txid} of ${name} is another writer's and not at depth yet.`;
    throw new HawserError("CONFLICT_PENDING", message, { name, operation: txid });
  }
  const base = await withProfile(core, positionOf(stand, { mayBeUnsealed: true }), options);
  const { entry, documents } = await documentsOf(base, key);
  const profileHash = pending?.profileHash ?? operation?.profileHash ?? null;
  if (profileHash === null) throw mismatch(txid, key, "it anchored no profile");
  const isNow = equalBytes(profileHash, sha256(encodeProfile(base.profile)));
  const then = isNow ? entry : await entryThen(core, base, pending, profileHash, key, options);
  if (then === null) throw mismatch(txid, key, "it did not anchor it");
  if (entry === null || !isSameLife(then, entry)) throw mismatch(txid, key, "a later operation ended it");
  return { base, entry, pending, documents };
}

/** What an operation's profile has under a key, where a later one has replaced that profile. */
async function entryThen(
  core: WriterCore,
  { name }: NameBase,
  pending: JournalEntry | null,
  profileHash: Uint8Array,
  key: string,
  options: WriteOptions,
): Promise<IndexEntry | null> {
  const own = pending?.objects.at(-1);
  return core.session(`What ${name} had under ${key}`, options, async (session) => {
    const profile =
      own === undefined
        ? (await loadProfile(core.parts.core, session, name, profileHash)).value
        : parseProfile(own, name);
    return (await getEntry(profile.index, key, nodeLoader(core.parts.core, session, profile))).entry;
  });
}

/** M6: another epoch is another life of an id. */
function isSameLife(then: IndexEntry, now: IndexEntry): boolean {
  return then.kind === "immutable" || (now.kind === "mutable" && then.route.epoch === now.route.epoch);
}

/**
 * The entry under a key, and all documents that a put of it may have made: the nodes on its path, the leaf's siblings,
 * which a leaf that grew too large was split into, and the profile.
 */
async function documentsOf(
  { profile, load }: NameBase,
  key: string,
): Promise<{ readonly entry: IndexEntry | null; readonly documents: readonly Uint8Array[] }> {
  const nodes = new Map<string, Uint8Array>();
  const keep = async (hash: string): Promise<Uint8Array> => {
    const bytes = nodes.get(hash) ?? (await load(hash));
    nodes.set(hash, bytes);
    return bytes;
  };
  const { entry, hashes } = await getEntry(profile.index, key, keep);
  const above = hashes.at(-2);
  const depth = hashes.length - 1;
  const parent =
    above === undefined ? profile.index : parseNode(nodes.get(above) ?? new Uint8Array(), keyPath(key).slice(0, depth));
  if (!isLeaf(parent)) {
    for (const hash of parent.children) if (hash !== null) await keep(hash);
  }
  return { entry, documents: [...nodes.values(), encodeProfile(profile)] };
}

/** Stores data and documents; of a pending operation all that it has, and sends it again (W2). */
async function storeDocuments(
  core: WriterCore,
  { pending, documents }: Anchored,
  data: readonly Uint8Array[],
  txid: string,
  options: WriteOptions,
): Promise<OperationHandle> {
  const { signal, timeoutMs, onEvent } = options;
  const required = core.required(options, "object");
  if (pending !== null && pending.objects.length > 0) {
    const operation = core.operation(pending, { resumed: true });
    await operation.wait({ until: "broadcast", signal, timeoutMs, onEvent });
    assertHeld(operation.providers, required);
    return handleOf(operation, {});
  }
  let providers: readonly ProviderOutcome[] = [];
  for (const bytes of [...data, ...documents]) {
    const stored = await putObject({ ...core.objectWrite(signal), bytes, required });
    providers = worstOutcomes(providers, stored.providers);
  }
  if (pending !== null) return withProviders(handleOf(core.operation(pending, { resumed: true }), {}), providers);
  return { ...finishedOperation(core.newId(), providers), txids: [txid] };
}

function withProviders(handle: OperationHandle, providers: readonly ProviderOutcome[]): OperationHandle {
  return Object.defineProperty(handle, "providers", { value: providers, enumerable: true });
}

function mismatch(txid: string, key: string, reason: string): HawserError<"INPUT_TXID_MISMATCH"> {
  const message = `The operation ${txid} cannot be called again for ${key}: ${reason}.`;
  return new HawserError("INPUT_TXID_MISMATCH", message, { txid, key, reason });
}
