import { HawserError, isHawserError } from "../../errors.js";
import { type Name, parseName } from "../../name/name.js";
import type { Resolution } from "../../name/resolution.js";
import { unsupported } from "../../name/select-stored.js";
import type { ThreadState } from "../../name/thread.js";
import type { LoadNode } from "../../profile/index-tree.js";
import { type Profile, parseProfile } from "../../profile/profile.js";
import { loadProfile, nodeLoader } from "../documents.js";
import type { JournalEntry } from "./journal.js";
import type { WriteOptions } from "./plan.js";
import { isLeftBehind, isLost, stackOf } from "./stack.js";
import type { WriterCore } from "./writer-core.js";

/** transactions - unconfirmed on top of each other: policy relays 25 in a row, and a foreign parent may be one. */
const MAX_STACK = 24;

/** A name and what this writer has under way for it. */
export interface NameStand {
  readonly name: Name;
  readonly resolution: Resolution;
  /** The journalled writes of the name that are not at depth, oldest first. */
  readonly entries: readonly JournalEntry[];
}

/** A name that this writer's next operation can build on. */
export interface NamePosition extends NameStand {
  readonly tenure: string;
  readonly ownerScript: Uint8Array;
  readonly ownerKey: Uint8Array | null;
  /** This writer's own operations that are not mined yet, oldest first: the next spends the last one's seal (W4). */
  readonly stack: readonly JournalEntry[];
  /** This writer's RECOVERs that came too late and are not mined: whatever comes next makes them void (W9). */
  readonly lost: readonly JournalEntry[];
}

/** A name as a change of its profile finds it: own writes that are not mined yet are included. */
export interface NameBase extends NamePosition {
  readonly profile: Profile;
  readonly load: LoadNode;
}

/**
 * How a name stands, unless `finishPending` is false after what was begun earlier was sent again (W3).
 *
 * @throws NAME_INVALID, CHAIN_UNAVAILABLE and what else reads and resent operations throw
 */
export async function standOf(core: WriterCore, given: string, options: WriteOptions): Promise<NameStand> {
  const name = parseName(given);
  const { finishPending = true } = options;
  if (finishPending) await resendJournalled(core, name, options);
  const resolution = await resolve(core, name, options);
  if (finishPending) await settleJournalled(core, name, resolution);
  return { name, resolution, entries: await core.journal.entries(name) };
}

/**
 * The place from which the next operation of a sealed name goes on.
 *
 * @param options - `mayBeUnsealed`: whether the name may also be unsealed, for what takes no transaction; default false
 * @throws NAME_NOT_REGISTERED, NAME_UNSEALED, CHAIN_UNSUPPORTED_OPERATION, CONFLICT_PENDING
 */
export function positionOf(stand: NameStand, { mayBeUnsealed = false } = {}): NamePosition {
  const position = heldPosition(stand);
  const { name, resolution, entries, stack } = position;
  const { unsealed } = resolution.tipState;
  if (unsealed !== null && !mayBeUnsealed) {
    const recover = entries.find(({ kind, spends }) => kind === "recover" && spends === unsealed.txid);
    if (recover !== undefined) throw pending(name, recover.id, "is being recovered");
    const details = { name, txid: unsealed.txid };
    throw new HawserError("NAME_UNSEALED", `The seal of ${name} was spent by ${unsealed.txid}; recover it.`, details);
  }
  const last = stack.at(-1);
  // After these the seal is somebody else's, or there is none.
  if (last?.kind === "transfer" || last?.kind === "release") throw pending(name, last.id, `has a pending ${last.kind}`);
  return position;
}

/** As {@link positionOf}, for a name that may be unsealed. @throws NAME_NOT_REGISTERED, CHAIN_UNSUPPORTED_OPERATION */
export function heldPosition(stand: NameStand): NamePosition {
  const { name, resolution, entries } = stand;
  const { tipState } = resolution;
  const { status, tenure, ownerScript, ownerKey } = tipState;
  if ((status !== "active" && status !== "grace") || tenure === null || ownerScript === null) {
    const register = entries.find(({ kind }) => kind === "register");
    if (register !== undefined) throw pending(name, register.id, "is being registered");
    const message = `${name} cannot be written: it is ${status}.`;
    throw new HawserError("NAME_NOT_REGISTERED", message, { name, status });
  }
  // C7: also above E, where a read does not fail yet: what is unknown must not be overwritten with what was before.
  const unknown = unsupported(tipState);
  if (unknown !== null) throw unknown;
  const lost = entries.filter((entry) => isLost(entry, tipState));
  return { ...stand, tenure, ownerScript, ownerKey, stack: stackOf(entries, tipState), lost };
}

/**
 * A position with the profile that a change replaces.
 *
 * @param replace - whether a profile that cannot be had may be taken for an empty one; default false
 * @throws PROFILE_UNAVAILABLE, PROFILE_INVALID and what {@link standOf} and {@link positionOf} throw
 */
export async function baseOf(
  core: WriterCore,
  name: string,
  options: WriteOptions,
  replace = false,
): Promise<NameBase> {
  return withProfile(core, positionOf(await standOf(core, name, options)), options, replace);
}

/** As {@link baseOf}, for a position that is known. */
export async function withProfile(
  core: WriterCore,
  position: NamePosition,
  options: WriteOptions,
  replace = false,
): Promise<NameBase> {
  const { name, stack } = position;
  // A renewal carries no object: then the profile is the one that was there before it.
  const own = stack
    .filter(({ objects }) => objects.length > 0)
    .at(-1)
    ?.objects.at(-1);
  const profile = own === undefined ? await minedProfile(core, position, options, replace) : parseProfile(own, name);
  return { ...position, profile, load: loaderOf(core, profile, options) };
}

/** The profile hash that is read once everything that is under way is mined; 32 zero bytes for none (C10). */
export function profileHashOf({ stack, resolution }: NamePosition): Uint8Array {
  return stack.at(-1)?.profileHash ?? resolution.tipState.profileHash ?? new Uint8Array(32);
}

async function minedProfile(
  core: WriterCore,
  { name, resolution }: NamePosition,
  options: WriteOptions,
  replace: boolean,
): Promise<Profile> {
  const { profileHash } = resolution.tipState;
  if (profileHash === null) return core.newProfile(name);
  try {
    const load = await core.session(`The profile of ${name}`, options, (session) =>
      loadProfile(core.parts.core, session, name, profileHash),
    );
    return load.value;
  } catch (error) {
    const isGone = isHawserError(error, "PROFILE_UNAVAILABLE") || isHawserError(error, "PROFILE_INVALID");
    if (replace && isGone) return core.newProfile(name);
    throw error;
  }
}

/** Each node that a change reads has the requests and the time of a read of its own. */
export function loaderOf(core: WriterCore, profile: Profile, options: WriteOptions): LoadNode {
  return (hash) =>
    core.session(`The index of ${profile.name}`, options, (session) =>
      nodeLoader(core.parts.core, session, profile)(hash),
    );
}

/**
 * W4: of two transactions that spend one seal a later one with a higher fee drives the other out, so a change does not
 * compete with one that waits already. One source's word for that is not enough where others do not see it: what it
 * names may be unsigned, and nodes refuse a real conflict by themselves.
 *
 * @throws CONFLICT_PENDING
 */
export function assertUncontested({ name, resolution, stack, lost }: NamePosition): void {
  const own = new Set([...stack, ...lost].flatMap(({ transactions }) => transactions.map(({ txid }) => txid)));
  const agreed = resolution.asOf.sources.filter(({ verdict }) => verdict === "agreed").map(({ label }) => label);
  const rival = resolution.pending.find(
    ({ height, txid, reportedBy }) =>
      height === null && !own.has(txid) && agreed.every((label) => reportedBy.includes(label)),
  );
  if (rival !== undefined) throw pending(name, rival.txid, `has the unconfirmed operation ${rival.txid}`);
  const last = stack.at(-1);
  if (last !== undefined && stack.length >= MAX_STACK) {
    throw pending(name, last.id, `has ${stack.length} unconfirmed changes`);
  }
}

function pending(name: Name, operation: string, what: string): HawserError<"CONFLICT_PENDING"> {
  const message = `${name} ${what}; wait until that is mined.`;
  return new HawserError("CONFLICT_PENDING", message, { name, operation });
}

function resolve(core: WriterCore, name: Name, options: WriteOptions): Promise<Resolution> {
  return core.session(`The state of ${name}`, options, (session) => core.parts.core.resolve(name, session));
}

/** Sends the journalled writes of a name again: another run may have died before any of its steps. */
async function resendJournalled(core: WriterCore, name: Name, options: WriteOptions): Promise<void> {
  const entries = await core.journal.entries(name);
  if (entries.length === 0) return;
  const resolution = await resolve(core, name, options);
  for (const entry of entries) {
    const isRegister = entry.kind === "register";
    // Another run is still storing what it needs, or died at it; then the next change takes its place.
    if (!entry.ready || isLost(entry, resolution.tipState)) continue;
    if (isSettled(entry, resolution) || (!isRegister && isMined(entry, resolution.tipState))) continue;
    const { signal, onEvent, timeoutMs } = options;
    const operation = core.operation(entry, { resumed: true });
    await operation.wait({ until: isRegister ? "depth" : "broadcast", signal, onEvent, timeoutMs });
  }
}

/** What is at depth leaves the journal, also where nobody waited for it, and so does what nothing was sent of. */
async function settleJournalled(core: WriterCore, name: Name, resolution: Resolution): Promise<void> {
  const entries = await core.journal.entries(name);
  for (const entry of entries) {
    if (isMined(entry, resolution.state)) await core.operation(entry, { resumed: true }).settle();
    // W8: what was never at depth has taken nothing out of the index.
    else if (isSettled(entry, resolution)) await core.journal.drop(entry);
    else if (isLeftBehind(entry, entries, resolution.tipState)) await core.journal.drop(entry);
    else if (isLost(entry, resolution.tipState) && (await isHarmless(core, entry, resolution))) {
      await core.journal.drop(entry);
    }
  }
}

/** W9: a RECOVER that came too late can count only while it may still be mined. */
async function isHarmless(core: WriterCore, { transactions }: JournalEntry, { asOf }: Resolution): Promise<boolean> {
  const last = transactions.at(-1);
  if (last === undefined) return true;
  const { place } = await core.desk.place(last.txid, asOf.tipHeight);
  if (place.at === "block") return place.height <= asOf.height;
  return core.desk.isVoid(last.raw);
}

function isMined({ transactions }: JournalEntry, state: ThreadState): boolean {
  return state.operations.some(({ txid }) => txid === transactions.at(-1)?.txid);
}

/** Whether nothing is left to be sent: its last transaction is at depth, or the tenure that it changes has ended. */
function isSettled(entry: JournalEntry, { state, tipState }: Resolution): boolean {
  const spendsSeal = entry.kind !== "register" && entry.kind !== "recover";
  const isOver = spendsSeal && ![state.tenure, tipState.tenure].includes(entry.tenure);
  return isOver || isMined(entry, state);
}
