import { invalidArgument } from "../../bytes/guards.js";
import { contentKey } from "../../immutable/key.js";
import { putObject } from "../../immutable/put.js";
import { limits } from "../../limits.js";
import { nothingYet } from "../../mutable/select-version.js";
import type { StoredKind } from "../../ports.js";
import { changeIndex } from "../../profile/index-tree.js";
import { createLimiter } from "../../profile/limiter.js";
import type { ProviderOutcome } from "../../route/provider-writes.js";
import { planChange } from "./change.js";
import { clearCopies, type RemovalOutcome } from "./clear.js";
import { dataOf, type Edit } from "./edit.js";
import { type PlannedEdits, planEdits, type RecordEdit } from "./edits-plan.js";
import type { JournalFloor } from "./journal.js";
import { type OperationHandle, worstOutcomes } from "./operation.js";
import { noCost, type WriteOptions, type WritePlan } from "./plan.js";
import { type NameBase, positionOf, standOf, withProfile } from "./position.js";
import { storeRecord, storeUnderRoute } from "./put.js";
import { sendParents } from "./single.js";
import { unsentOperation } from "./unsent.js";
import type { WriterCore } from "./writer-core.js";

/** What became of one change of a batch. */
export interface BatchResult {
  /** The key of the index: `m:<id>` or `i:<SHA-256>`. */
  readonly key: string;
  /** Whether the index held it before. */
  readonly existed: boolean;
  /** The version of a record that was put, else null. */
  readonly ver: number | null;
}

/** A batch that was carried out. */
export interface BatchHandle extends OperationHandle {
  /** One for each change, in the order in which they were given. */
  readonly results: readonly BatchResult[];
  /** What became of the copies that were deleted, by provider (W8); empty until the operation is at depth. */
  readonly removals: readonly RemovalOutcome[];
}

/**
 * Plans any number of changes as one transaction (W6). Puts to ids that have a route need none (W5) and are visible at
 * once; everything else becomes visible together, or not at all, when the transaction is at depth.
 *
 * Data is stored before the transaction is sent, `limits.batchMaxParallel` at a time, and never all in memory where it
 * is given by functions.
 */
export async function planBatch(
  core: WriterCore,
  name: string,
  edits: readonly Edit[],
  options: WriteOptions,
): Promise<WritePlan<BatchHandle>> {
  if (edits.length === 0) throw invalidArgument("batch", "at least one change", edits);
  const stand = await standOf(core, name, options);
  const base = await withProfile(core, positionOf(stand, { mayBeUnsealed: true }), options);
  const planned = await planEdits(core, base, edits, options);
  const storedKinds: readonly StoredKind[] = [
    ...(planned.objects.length > 0 ? (["object"] as const) : []),
    ...(planned.records.length > 0 ? (["record"] as const) : []),
  ];
  core.required(options, ...storedKinds);
  if (planned.changes.length === 0) return planUnchanged(core, base, planned, options);
  positionOf(stand);
  const { root, written } = await changeIndex(base.profile.index, planned.changes, base.load);
  await letOthersRun(core, options.signal);
  const run = new BatchRun(core, base, planned, options);
  const change = {
    profile: { ...base.profile, index: root },
    objects: [],
    affectedIds: planned.changes.map(({ key }) => key),
    removes: planned.removes,
    storedKinds,
    storeRecords: (signal: AbortSignal | undefined) => run.store([...written.values()], signal),
  };
  return planChange(core, base, change, options, (operation) => {
    let removals: readonly RemovalOutcome[] = [];
    return {
      id: operation.id,
      results: run.results,
      get txids() {
        return operation.txids;
      },
      get state() {
        return operation.state;
      },
      get providers() {
        return worstOutcomes(run.providers, operation.providers);
      },
      get removals() {
        return removals;
      },
      wait: async (waiting) => {
        await operation.wait(waiting);
        if (operation.state !== "done" || removals.length > 0) return;
        removals = await clearCopies(core, base.name, { ...waiting, operation: operation.id });
      },
    };
  });
}

/**
 * After long work without a wait: connections that servers closed meanwhile must be noticed before the next request takes
 * one of them, and an abort be heard.
 */
function letOthersRun(core: WriterCore, signal: AbortSignal | undefined): Promise<void> {
  return core.parts.clock.delay(0, signal);
}

/** Changes that leave the index as it is: nothing is sent. */
function planUnchanged(
  core: WriterCore,
  base: NameBase,
  planned: PlannedEdits,
  options: WriteOptions,
): WritePlan<BatchHandle> {
  return {
    cost: noCost,
    approvals: 0,
    transactions: [],
    affectedIds: [],
    run: async ({ signal = options.signal } = {}) => {
      await sendParents(core, base, { ...options, signal });
      const run = new BatchRun(core, base, planned, options);
      await run.store([], signal);
      const keys = planned.keys.map(({ key }) => key);
      const unsent = await unsentOperation(core, base, keys, run.providers);
      let removals: readonly RemovalOutcome[] = [];
      const { id, txids, providers } = unsent;
      return {
        id,
        txids,
        providers,
        results: run.results,
        get state() {
          return unsent.state;
        },
        get removals() {
          return removals;
        },
        wait: async (waiting) => {
          await unsent.wait(waiting);
          if (unsent.state === "done") removals = await clearCopies(core, base.name, { ...waiting });
        },
      };
    },
  };
}

/** One run of a batch: stores what it needs and remembers what became of it. */
class BatchRun {
  readonly #core: WriterCore;
  readonly #base: NameBase;
  readonly #planned: PlannedEdits;
  readonly #options: WriteOptions;
  readonly #versions = new Map<string, number>();
  #providers: readonly ProviderOutcome[] = [];
  #stored = 0;

  constructor(core: WriterCore, base: NameBase, planned: PlannedEdits, options: WriteOptions) {
    this.#core = core;
    this.#base = base;
    this.#planned = planned;
    this.#options = options;
  }

  get providers(): readonly ProviderOutcome[] {
    return this.#providers;
  }

  get results(): readonly BatchResult[] {
    return this.#planned.keys.map(({ key, existed }) => ({ key, existed, ver: this.#versions.get(key) ?? null }));
  }

  /** W1: data and index nodes first, then records. */
  async store(nodes: readonly Uint8Array[], signal: AbortSignal | undefined): Promise<readonly JournalFloor[]> {
    const { objects, records } = this.#planned;
    const total = objects.length + nodes.length + records.length;
    const limit = createLimiter(limits.batchMaxParallel);
    const each = async <T>(job: () => Promise<T>): Promise<T> => {
      const result = await limit(job);
      this.#tell(total);
      return result;
    };
    if (total > 0) this.#tell(total, 0);
    await Promise.all([
      ...objects.map(({ key, data }) => each(async () => this.#putObject(await this.#sameData(key, data), signal))),
      ...nodes.map((bytes) => each(() => this.#putObject(bytes, signal))),
    ]);
    const put = (isNew: boolean) =>
      Promise.all(
        records.flatMap((record) => (record.isNew === isNew ? [each(() => this.#putRecord(record, signal))] : [])),
      );
    const floors = await put(true);
    // What is visible at once comes last, when nothing else of the batch can fail for want of a provider.
    await put(false);
    await letOthersRun(this.#core, signal);
    return floors.flat();
  }

  /** The data of a key once more. @throws INPUT_INVALID where it is not what was hashed */
  async #sameData(key: string, data: PlannedEdits["objects"][number]["data"]): Promise<Uint8Array> {
    const bytes = await dataOf(data, limits.objectMaxBytes);
    if (`i:${contentKey(bytes)}` !== key) throw invalidArgument("data", `the data of ${key} once more`, bytes);
    return bytes;
  }

  async #putObject(bytes: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const required = this.#core.required(this.#options, "object");
    const { providers } = await putObject({ ...this.#core.objectWrite(signal), bytes, required });
    this.#providers = worstOutcomes(this.#providers, providers);
  }

  async #putRecord(
    { route, data, isNew }: RecordEdit,
    signal: AbortSignal | undefined,
  ): Promise<readonly JournalFloor[]> {
    const bytes = await dataOf(data, limits.recordDataMaxBytes);
    const options = { ...this.#options, signal, onEvent: undefined };
    const put = isNew
      ? // W5: what lies under an epoch that nobody had yet is of another device that is creating the id.
        await storeRecord(
          this.#core,
          this.#base,
          route,
          bytes,
          { ...options, basis: nothingYet },
          { deferFloor: true, keepPending: false },
        )
      : await storeUnderRoute(this.#core, this.#base, route, bytes, options);
    this.#versions.set(`m:${route.id}`, put.record.ver);
    this.#providers = worstOutcomes(this.#providers, put.providers);
    return isNew ? [{ id: route.id, ...put.floor }] : [];
  }

  #tell(total: number, step = 1): void {
    this.#stored += step;
    const message = `Stored ${this.#stored} of ${total} objects and records`;
    this.#options.onEvent?.({ stage: "store", message, done: this.#stored, total });
  }
}
