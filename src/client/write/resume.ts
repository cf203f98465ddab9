import { HawserError, isHawserError } from "../../errors.js";
import { dropPending, listPending, type PendingRecord } from "../../mutable/pending-record.js";
import { resumeRecord } from "../../mutable/resume-record.js";
import { type Name, parseName } from "../../name/name.js";
import { mutableKey } from "../../profile/entry.js";
import { getEntry } from "../../profile/index-tree.js";
import { assertEpochReachable, requireEffectiveKey } from "../../route/route.js";
import { clearCopies } from "./clear.js";
import { nameNow } from "./conflicts.js";
import type { JournalEntry, JournalKind } from "./journal.js";
import type { WriteOptions } from "./plan.js";
import { positionOf, standOf, withProfile } from "./position.js";
import { storeWithFloor } from "./touching.js";
import type { WriterCore } from "./writer-core.js";

/** A write of an earlier run, or of another program with the same cache, that is not finished. */
export interface PendingWrite {
  /** The operation's id; of a record `<id>@<epoch>`. */
  readonly id: string;
  readonly name: string;
  /** What it does: an operation, a record under a route that exists, or the removal of copies that were deleted. */
  readonly kind: JournalKind | "record" | "remove";
  /**
   * `interrupted`: it died, or still is, before anything of it was sent; making the call again takes its place.
   * `pending`: all that it needs is kept here, and `resume` goes on with it.
   */
  readonly state: "interrupted" | "pending";
  /** Its transactions, in the order in which they are sent. */
  readonly txids: readonly string[];
  /** Keys of the index that it is about, of many the first ones. */
  readonly affectedIds: readonly string[];
  /** How many keys it is about. */
  readonly affectedCount: number;
  /** Unix ms. */
  readonly createdAtMs: number;
}

/** What `resume` made of a pending write. */
export interface ResumedWrite extends PendingWrite {
  /** `done`: nothing of it is left. `waiting`: sent, and not at depth. `failed`: see `error`; what can be is kept. */
  readonly outcome: "done" | "waiting" | "interrupted" | "failed";
  readonly error: HawserError | null;
}

/** Options of `resume`. */
export interface ResumeOptions extends Pick<WriteOptions, "required" | "waitFor" | "timeoutMs" | "signal" | "onEvent"> {
  /** Only of this name. Default: of every name. */
  readonly name?: string | undefined;
}

/** Keys of a write that are shown. */
const SHOWN_KEYS = 100;

/** Every write that is not finished, of one name or all, oldest first; from the cache alone. */
export async function pendingWrites(core: WriterCore, givenName?: string): Promise<readonly PendingWrite[]> {
  const name = givenName === undefined ? undefined : parseName(givenName);
  return (await jobs(core, name)).map(({ write }) => write).sort((a, b) => a.createdAtMs - b.createdAtMs);
}

/**
 * Goes on with every write that is not finished (W3): sends the same signed bytes and stores the same data again, never
 * a second transaction. What fails does not keep the others from being tried.
 */
export async function resumeWrites(core: WriterCore, options: ResumeOptions): Promise<readonly ResumedWrite[]> {
  const name = options.name === undefined ? undefined : parseName(options.name);
  const resumed: ResumedWrite[] = [];
  for (const { write, finish } of await jobs(core, name)) {
    if (finish === null) {
      resumed.push({ ...write, outcome: "interrupted", error: null });
      continue;
    }
    try {
      resumed.push({ ...write, outcome: await finish(options), error: null });
    } catch (error) {
      if (isHawserError(error, "NETWORK_ABORTED") || !isHawserError(error)) throw error;
      const outcome = error.code === "CHAIN_TIMEOUT" ? "waiting" : "failed";
      resumed.push({ ...write, outcome, error });
    }
  }
  return resumed;
}

interface Job {
  readonly write: PendingWrite;
  /** Null where there is nothing to go on with. */
  readonly finish: ((options: ResumeOptions) => Promise<"done" | "waiting">) | null;
}

/** Operations first, oldest first: a later one builds on the one before it, and records may be under their routes. */
async function jobs(core: WriterCore, name: Name | undefined): Promise<readonly Job[]> {
  const { cache, network } = core.parts.core.parts;
  const entries = await core.journal.entries(name);
  const operations = await Promise.all(entries.map((entry) => operationJob(core, entry)));
  const records = (await listPending(cache, network.id, name)).map((record) => recordJob(core, record));
  const removals = (await core.removals.lists(name)).map(({ name: of, operation, createdAtMs, removes }): Job => {
    const keys = removes.map(({ key }) => key);
    const about = { affectedIds: keys.slice(0, SHOWN_KEYS), affectedCount: keys.length };
    return {
      write: { id: operation, name: of, kind: "remove", state: "pending", txids: [], createdAtMs, ...about },
      finish: (options) => finishRemoval(core, parseName(of), operation, options),
    };
  });
  return [...operations, ...records, ...removals];
}

async function operationJob(core: WriterCore, entry: JournalEntry): Promise<Job> {
  const { id, name, kind, ready, transactions, createdAtMs } = entry;
  const affectedIds: string[] = [];
  let affectedCount = 0;
  for await (const part of core.journal.changes(entry)) {
    affectedIds.push(...part.affectedIds.slice(0, SHOWN_KEYS - affectedIds.length));
    affectedCount += part.affectedIds.length;
  }
  const txids = transactions.map(({ txid }) => txid);
  const state = ready ? "pending" : "interrupted";
  return {
    write: { id, name, kind, state, txids, affectedIds, affectedCount, createdAtMs },
    finish: ready ? (options) => finishOperation(core, entry, options) : null,
  };
}

async function finishOperation(
  core: WriterCore,
  entry: JournalEntry,
  { waitFor = "depth", required, timeoutMs, signal, onEvent }: ResumeOptions,
): Promise<"done" | "waiting"> {
  const operation = core.operation(entry, { resumed: true, required });
  if (waitFor === "depth") await operation.wait({ timeoutMs, signal, onEvent });
  else await operation.advance({ signal, onEvent });
  if (operation.state !== "done") return "waiting";
  await clearCopies(core, parseName(entry.name), { operation: entry.id, signal, onEvent });
  return "done";
}

async function finishRemoval(
  core: WriterCore,
  name: Name,
  operation: string,
  { signal, onEvent }: ResumeOptions,
): Promise<"done"> {
  const outcomes = await clearCopies(core, name, { operation, signal, onEvent });
  const failed = outcomes.filter(({ failed: count }) => count > 0);
  if (failed.length === 0) return "done";
  const attempts = failed.flatMap(({ attempt }) => attempt ?? []);
  const message = `Copies of ${name} may still be at ${failed.map(({ label }) => label).join(", ")}.`;
  throw new HawserError("STORAGE_UNAVAILABLE", message, {
    required: outcomes.length,
    stored: outcomes.length - failed.length,
    attempts,
  });
}

function recordJob(core: WriterCore, record: PendingRecord): Job {
  const { name, id, epoch, createdAtMs } = record;
  const about = { affectedIds: [mutableKey(id)], affectedCount: 1 };
  return {
    write: { id: `${id}@${epoch}`, name, kind: "record", state: "pending", txids: [], createdAtMs, ...about },
    finish: (options) => finishRecord(core, record, options),
  };
}

async function finishRecord(core: WriterCore, record: PendingRecord, options: ResumeOptions): Promise<"done"> {
  const { network, urlReader, cache, clock, policy, storage: readers } = core.parts.core.parts;
  const { id, epoch, tenure, ver } = record;
  const name = parseName(record.name);
  const context = { network, name, tenure, id, epoch };
  const writeOptions = { ...options, finishPending: false };
  const stand = await standOf(core, name, writeOptions);
  // M6: nobody reads a record of another life, of the name or of the id.
  const giveUp = async (got: string): Promise<HawserError> => {
    await dropPending(cache, context, ver);
    const message = `${name} has no route ${id} with epoch ${epoch} any more; version ${ver} is given up.`;
    const details = { name, expected: `${id}@${epoch}`, got, state: nameNow(stand.resolution.tipState) };
    return new HawserError("CONFLICT_NAME_MOVED", message, details);
  };
  const { state, tipState, asOf } = stand.resolution;
  if (![state.tenure, tipState.tenure].includes(tenure)) throw await giveUp(tipState.tenure ?? tipState.status);
  const base = await withProfile(core, positionOf(stand, { mayBeUnsealed: true }), writeOptions);
  const { entry } = await getEntry(base.profile.index, mutableKey(id), base.load);
  const route = entry?.kind === "mutable" ? entry.route : null;
  if (route?.epoch !== epoch || base.tenure !== tenure) {
    throw await giveUp(route === null ? "none" : `${id}@${route.epoch}`);
  }
  assertEpochReachable(route, base.stack.length > 0 ? asOf.tipHeight + 1 : (tipState.profileHeight ?? -1));
  const publicKey = requireEffectiveKey(route, base.profile, base.ownerKey);
  const { storage } = core.parts;
  const required = core.required(options, "record");
  const { signal } = options;
  const input = { context, route, publicKey, storage, readers, urlReader, cache, clock, policy, required, signal };
  await storeWithFloor(core, base, route, (deferFloor) => resumeRecord({ ...input, deferFloor }, record));
  return "done";
}
