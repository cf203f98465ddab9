import { invalidArgument, unreachable } from "../../bytes/guards.js";
import { contentKey } from "../../immutable/key.js";
import { limits } from "../../limits.js";
import {
  type Content,
  type IndexEntry,
  immutableEntry,
  immutableKey,
  mutableEntry,
  mutableKey,
  type Route,
} from "../../profile/entry.js";
import { getEntries, type IndexChange } from "../../profile/index-tree.js";
import { createLimiter } from "../../profile/limiter.js";
import { objectPath, recordPath } from "../../route/layout.js";
import { type BatchData, type ContentLabels, type DeleteEditOptions, dataOf, type Edit } from "./edit.js";
import { newEpochs } from "./epochs.js";
import type { JournalRemoval } from "./journal.js";
import { createRoute, newRouteKey } from "./new-route.js";
import type { WriteOptions } from "./plan.js";
import type { NameBase } from "./position.js";
import type { WriterCore } from "./writer-core.js";

/** A record to sign and store. */
export interface RecordEdit {
  readonly route: Route;
  readonly data: BatchData;
  /** Whether the route comes with this change; else the record needs no transaction (W5). */
  readonly isNew: boolean;
}

/** An object to store. */
export interface ObjectEdit {
  readonly key: string;
  readonly data: BatchData;
}

/** What edits come to on the index that they change. */
export interface PlannedEdits {
  readonly changes: readonly IndexChange[];
  readonly records: readonly RecordEdit[];
  readonly objects: readonly ObjectEdit[];
  readonly removes: readonly JournalRemoval[];
  /** The key of each edit, in the order of the edits, and whether the index held it before. */
  readonly keys: readonly { readonly key: string; readonly existed: boolean }[];
}

/**
 * Finds out what edits change: which routes are new, under which epochs (M6), and which copies lose their entry.
 *
 * @throws INPUT_INVALID, INPUT_TOO_LARGE, ROUTE_KEY_MISMATCH, WALLET_NOT_OWNER, and what reading the index throws
 */
export async function planEdits(
  core: WriterCore,
  base: NameBase,
  edits: readonly Edit[],
  options: WriteOptions,
): Promise<PlannedEdits> {
  const targets = await targetsOf(edits);
  const keys = targets.map(({ key }) => key);
  assertOneDelete(edits, keys);
  const found = await getEntries(base.profile.index, [...new Set(keys)], base.load);
  const planned: Collected = { changes: new Map(), records: [], objects: new Map(), removes: [] };
  const fresh: FreshRoute[] = [];
  for (const [at, edit] of edits.entries()) {
    const { key, size } = targets[at] ?? unreachable("an edit without key");
    const entry = found.get(key);
    if (edit.kind === "delete") planDelete(core, base, entry, edit.options, planned);
    else if (edit.kind === "putImmutable") planImmutable({ key, data: edit.data }, size, edit.options, entry, planned);
    else if (entry?.kind === "mutable") planned.records.push({ route: entry.route, data: edit.data, isNew: false });
    else fresh.push(edit);
  }
  await planFresh(core, base, fresh, options, planned);
  return {
    changes: [...planned.changes].map(([key, entry]) => ({ key, entry })),
    records: planned.records,
    objects: [...planned.objects].map(([key, data]) => ({ key, data })),
    removes: planned.removes,
    keys: keys.map((key) => ({ key, existed: found.has(key) })),
  };
}

interface Collected {
  readonly changes: Map<string, IndexEntry | null>;
  readonly records: RecordEdit[];
  readonly objects: Map<string, BatchData>;
  readonly removes: JournalRemoval[];
}

type FreshRoute = Extract<Edit, { readonly kind: "putMutable" }>;

interface Target {
  /** Of the index. */
  readonly key: string;
  /** bytes - of immutable data, else 0. */
  readonly size: number;
}

/** What each edit is about; immutable data is asked for and hashed, a few at a time. */
function targetsOf(edits: readonly Edit[]): Promise<readonly Target[]> {
  const limit = createLimiter(limits.batchMaxParallel);
  return Promise.all(
    edits.map(async (edit) => {
      if (edit.kind === "delete") return { key: edit.key, size: 0 };
      if (edit.kind === "putMutable") return { key: mutableKey(edit.id), size: 0 };
      return limit(async () => {
        const bytes = await dataOf(edit.data, limits.objectMaxBytes);
        return { key: immutableKey(contentKey(bytes)), size: bytes.length };
      });
    }),
  );
}

function assertOneDelete(edits: readonly Edit[], keys: readonly string[]): void {
  const deleted = new Set(edits.flatMap((edit) => (edit.kind === "delete" ? [edit.key] : [])));
  for (const [at, key] of keys.entries()) {
    if (edits[at]?.kind === "putImmutable" && deleted.has(key)) throw invalidArgument("batch", "one change a key", key);
  }
}

function planDelete(
  core: WriterCore,
  { name }: NameBase,
  entry: IndexEntry | undefined,
  { keepCopies = false }: DeleteEditOptions,
  { changes, removes }: Collected,
): void {
  // What is not there is deleted already.
  if (entry === undefined) return;
  const { key } = entry;
  changes.set(key, null);
  if (keepCopies) return;
  const network = core.parts.core.parts.network.id;
  if (entry.kind === "mutable") {
    const { id, epoch } = entry.route;
    removes.push({ key, path: recordPath({ network, name, id, epoch }) });
    return;
  }
  const hash = key.slice("i:".length);
  // Larger data is a tree of blocks (I3), which this version neither makes nor removes.
  if (/^[0-9a-f]{64}$/.test(hash)) removes.push({ key, path: objectPath(hash) });
}

function planImmutable(
  { key, data }: ObjectEdit,
  size: number,
  { type, fileName }: ContentLabels,
  entry: IndexEntry | undefined,
  { changes, objects }: Collected,
): void {
  if (objects.has(key)) return;
  objects.set(key, data);
  const present = entry?.kind === "immutable" ? entry.content : null;
  const content: Content = {
    size: present?.size ?? size,
    type: type ?? present?.type ?? null,
    name: fileName ?? present?.name ?? null,
    urls: present?.urls ?? null,
  };
  if (present !== null && content.type === present.type && content.name === present.name) return;
  changes.set(key, immutableEntry(key.slice("i:".length), content));
}

async function planFresh(
  core: WriterCore,
  base: NameBase,
  fresh: readonly FreshRoute[],
  options: WriteOptions,
  { changes, records }: Collected,
): Promise<void> {
  const [first] = fresh;
  if (first === undefined) return;
  // Whose name it is comes before whose key it is, and both before a wait for an epoch.
  await core.ownerAccount(base.name, base.ownerScript);
  for (const { id, options: route } of fresh) newRouteKey(core, base, id, route);
  const ids = fresh.map(({ id }) => id);
  const epochs = await newEpochs(core, base, ids, options);
  for (const { id, data, options: given } of fresh) {
    const route = createRoute(core, base, id, epochs.get(id) ?? unreachable("an id without epoch"), given);
    changes.set(mutableKey(id), mutableEntry(route));
    records.push({ route, data, isNew: true });
  }
}
