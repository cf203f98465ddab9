import { utf8 } from "../../bytes/bytes.js";
import { type Attempt, isHawserError } from "../../errors.js";
import { limits } from "../../limits.js";
import { type Name, parseName } from "../../name/name.js";
import type { ProgressEvent, StorageProvider, StoredKind } from "../../ports.js";
import { getEntries } from "../../profile/index-tree.js";
import { createLimiter } from "../../profile/limiter.js";
import { ReadBudget } from "../../route/budget.js";
import { attemptOfAnything, fetchOne } from "../../route/fetch.js";
import { openProvider, removeOnce, restingWrites } from "../../route/provider-writes.js";
import { keepersOf, providerReplica } from "../../route/replicas.js";
import type { JournalRemoval } from "./journal.js";
import { type NamePosition, positionOf, standOf, withProfile } from "./position.js";
import type { RemovalList } from "./removals.js";
import type { WriterCore } from "./writer-core.js";

/** What one provider made of the copies that it was to remove (W8). */
export interface RemovalOutcome {
  readonly label: string;
  /** Copies that are gone. */
  readonly removed: number;
  /** Copies that stay: the provider keeps what it has, or something else still needs them. */
  readonly kept: number;
  /** Copies that may still be there; `resume` tries them again. */
  readonly failed: number;
  /** Why, for the first that was kept or failed. */
  readonly attempt: Attempt | null;
}

/** Options of {@link clearCopies}. */
export interface ClearOptions {
  /** Only what this operation took out of the index. Default: everything of the name. */
  readonly operation?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: ProgressEvent) => void) | undefined;
}

/**
 * Removes the copies of what a name does not list any more, at depth (W8). An object is addressed by its content alone,
 * so it stays where anything else that this writer knows of still needs it: another entry of the name, another name
 * that was written with this cache, or, if it has the form of one, an index. What fails is kept and tried again.
 *
 * @throws NETWORK_ABORTED, CACHE_UNAVAILABLE, CACHE_CORRUPT
 */
export async function clearCopies(
  core: WriterCore,
  name: Name,
  { operation, signal, onEvent }: ClearOptions,
): Promise<readonly RemovalOutcome[]> {
  const tallies = new Map(core.parts.storage.map((provider) => [provider, emptyTally(provider)]));
  for (const list of await core.removals.lists(name)) {
    if (operation !== undefined && list.operation !== operation) continue;
    onEvent?.({ stage: "store", message: `Removing copies (${list.removes.length}) at ${tallies.size} providers` });
    await core.removals.replace(list, await clearList(core, list, tallies, signal));
  }
  return [...tallies.values()].filter(({ removed, kept, failed }) => removed + kept + failed > 0);
}

type Tally = { -readonly [member in keyof RemovalOutcome]: RemovalOutcome[member] };

function emptyTally({ label }: StorageProvider): Tally {
  return { label, removed: 0, kept: 0, failed: 0, attempt: null };
}

/** Removes what a list names at every provider. @returns what is to be tried again */
async function clearList(
  core: WriterCore,
  { name, removes }: RemovalList,
  tallies: ReadonlyMap<StorageProvider, Tally>,
  signal: AbortSignal | undefined,
): Promise<readonly JournalRemoval[]> {
  const needed = await neededBy(core, parseName(name), removes, signal);
  const limit = createLimiter(limits.batchMaxParallel);
  const left = await Promise.all(
    removes.map((removal) =>
      limit(async () => {
        const keepers = keepersOf([...tallies.keys()], kindOf(removal));
        const results = await Promise.all(
          keepers.map(async (provider) => {
            const tally = tallies.get(provider) ?? emptyTally(provider);
            const result = needed.get(removal.key) ?? (await clearOne(core, provider, removal, signal));
            tally[result.outcome]++;
            if (result.outcome !== "removed") tally.attempt ??= { ...result.attempt, label: provider.label };
            return result.outcome;
          }),
        );
        return results.includes("failed") ? [removal] : [];
      }),
    ),
  );
  return left.flat();
}

/** A provider has no copy of what it does not keep. */
function kindOf({ key }: JournalRemoval): StoredKind {
  return key.startsWith("i:") ? "object" : "record";
}

type Cleared =
  | { readonly outcome: "removed" }
  | { readonly outcome: "kept" | "failed"; readonly attempt: Omit<Attempt, "label"> };

async function clearOne(
  core: WriterCore,
  provider: StorageProvider,
  { key, path }: JournalRemoval,
  signal: AbortSignal | undefined,
): Promise<Cleared> {
  try {
    if (key.startsWith("i:") && (await looksLikeDocument(core, provider, path, signal))) {
      return { outcome: "kept", attempt: { code: "needed", message: "It has the form of a profile or index node." } };
    }
    const { clock } = core.parts;
    const options = { clock, policy: core.parts.core.parts.policy, signal };
    // They stay listed, and go once it takes changes again.
    const left = restingWrites([provider], 0, options).get(provider);
    if (left?.attempt !== undefined && left.attempt !== null) return { outcome: "failed", attempt: left.attempt };
    await openProvider(provider, options);
    if (await removeOnce(provider, path, options)) return { outcome: "removed" };
    return { outcome: "kept", attempt: { code: "kept", message: "The provider keeps what it has." } };
  } catch (error) {
    if (isHawserError(error, "NETWORK_ABORTED")) throw error;
    const attempt = error instanceof Unread ? error.attempt : attemptOfAnything(provider.label, error);
    return { outcome: "failed", attempt };
  }
}

/** Data may be the very bytes of an index node or profile, of this name or another one: those are never removed. */
async function looksLikeDocument(
  core: WriterCore,
  provider: StorageProvider,
  path: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { clock } = core.parts;
  const budget = new ReadBudget({ clock, signal });
  const reply = await fetchOne(providerReplica(provider, path), {
    clock,
    policy: core.parts.core.parts.policy,
    budget,
    kind: "object",
    maxBytes: limits.objectMaxBytes,
    signal,
  });
  if (reply.outcome === "unreachable") throw new Unread(reply.attempt);
  if (reply.outcome === "absent") return false;
  return documentHeads.some((head) => head.every((byte, at) => reply.bytes[at] === byte));
}

/** What a provider holds could not be found out. */
class Unread extends Error {
  readonly attempt: Attempt;

  constructor(attempt: Attempt) {
    super(attempt.message);
    this.attempt = attempt;
  }
}

const documentHeads = ['{"hawser":', '{"entries":[', '{"children":['].map(utf8);

/** What still needs an object, by its key; what could not be found out needs it too, until it can. */
async function neededBy(
  core: WriterCore,
  name: Name,
  removes: readonly JournalRemoval[],
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, Cleared>> {
  const needed = new Map<string, Cleared>();
  // A record's path names its epoch, which no other life of the id has (M6).
  const keys = removes.flatMap(({ key }) => (key.startsWith("i:") ? [key] : []));
  if (keys.length === 0) return needed;
  for (const other of new Set([name, ...(await core.journal.names())])) {
    try {
      const options = { signal, finishPending: false };
      const position = positionOf(await standOf(core, other, options), { mayBeUnsealed: true });
      const base = await withProfile(core, position, options);
      const entries = await getEntries(base.profile.index, keys, base.load);
      const attempt = { code: "needed", message: `The index of ${other} lists it.` };
      for (const key of entries.keys()) needed.set(key, { outcome: "kept", attempt });
      for (const key of await maybeListed(core, position, keys)) {
        if (!needed.has(key)) needed.set(key, { outcome: "failed", attempt: underWay(other) });
      }
    } catch (error) {
      if (isHawserError(error, "NETWORK_ABORTED")) throw error;
      // A name that nobody holds lists nothing.
      if (isHawserError(error, "NAME_NOT_REGISTERED")) continue;
      const attempt = attemptOfAnything(other, error);
      for (const key of keys) if (!needed.has(key)) needed.set(key, { outcome: "failed", attempt });
    }
  }
  const { isReferenced } = core.parts;
  if (isReferenced === null) return needed;
  for (const key of keys) {
    if (needed.has(key) || !(await isReferenced(key.slice("i:".length)))) continue;
    needed.set(key, { outcome: "kept", attempt: { code: "needed", message: "The application still refers to it." } });
  }
  return needed;
}

/** Keys that a change under way may list again: another device's, or one that this program has not made ready yet. */
async function maybeListed(
  core: WriterCore,
  { entries, resolution }: NamePosition,
  keys: readonly string[],
): Promise<readonly string[]> {
  const own = new Set(entries.flatMap(({ transactions }) => transactions.map(({ txid }) => txid)));
  // One source's word is enough: its change may refer to what is about to go, and copies can go later.
  if (resolution.pending.some(({ height, txid }) => height === null && !own.has(txid))) return keys;
  const listed: string[] = [];
  for (const entry of entries) {
    if (entry.ready) continue;
    for (const key of keys) if (await core.journal.affects(entry, key)) listed.push(key);
  }
  return listed;
}

function underWay(name: Name): Omit<Attempt, "label"> {
  return { code: "pending", message: `A change of ${name} that may list it is under way.` };
}
