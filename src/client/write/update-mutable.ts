import { assertInteger } from "../../bytes/guards.js";
import { HawserError } from "../../errors.js";
import type { MutableRecord } from "../../mutable/record.js";
import type { CurrentOptions, CurrentRecord } from "../../mutable/select-current.js";
import { mutableKey, type Route } from "../../profile/entry.js";
import { parseId } from "../../profile/id.js";
import { getEntry } from "../../profile/index-tree.js";
import { currentRecord } from "./current.js";
import { finishedOperation } from "./handle.js";
import type { OperationHandle } from "./operation.js";
import { noCost, type WriteOptions, type WritePlan } from "./plan.js";
import { positionOf, standOf, withProfile } from "./position.js";
import { assertRecordData, planPutRecord } from "./put.js";
import { planRebasing } from "./rebase.js";
import type { WriterCore } from "./writer-core.js";

/** How often a record is put, the first time included, before another writer's being faster is an error. */
const DEFAULT_TRIES = 5;
const MAX_TRIES = 100;

/** Options of `updateMutable`. It pays nothing, so those about fees are without effect. */
export interface UpdateMutableOptions extends WriteOptions, CurrentOptions {
  /** How often `next` may be called before another writer's being faster is an error, 1 to 100. Default 5. */
  readonly tries?: number | undefined;
}

/** Makes new data of the newest record; null or undefined leaves it as it is. */
export type NextData = (
  current: CurrentRecord,
) => Uint8Array | null | undefined | Promise<Uint8Array | null | undefined>;

/** A record that was changed, or left as it was. */
export interface UpdateMutableHandle extends OperationHandle {
  /** The record that was put; where `next` left it, the newest, and of a fork the first branch. */
  readonly record: MutableRecord;
  readonly route: Route;
  /** Whether something was put. */
  readonly changed: boolean;
}

/** Plans a change of a record: read, change, write. `next` is called for the plan, and again after a lost race. */
export async function planUpdateMutable(
  core: WriterCore,
  name: string,
  givenId: string,
  next: NextData,
  options: UpdateMutableOptions,
): Promise<WritePlan<UpdateMutableHandle>> {
  const id = parseId(givenId);
  const tries = triesOf(options);
  const make = async (): Promise<WritePlan<UpdateMutableHandle>> => {
    const position = positionOf(await standOf(core, name, options), { mayBeUnsealed: true });
    const base = await withProfile(core, position, options);
    const { entry } = await getEntry(base.profile.index, mutableKey(id), base.load);
    if (entry?.kind !== "mutable") {
      throw new HawserError("ROUTE_MISSING", `${name} has no route for ${id}; put a first record.`, { id });
    }
    const { route } = entry;
    const { current, newest, basis } = await currentRecord(core, base, route, options);
    const data = (await next(current)) ?? null;
    if (data === null) return leftAlone(core, newest.record, route);
    assertRecordData(data);
    const plan = planPutRecord(core, base, route, data, { ...options, basis });
    return { ...plan, run: async (run) => Object.assign(await plan.run(run), { changed: true }) };
  };
  return planRebasing(core, name, options, make, tries - 1);
}

/** @throws INPUT_INVALID */
export function triesOf({ tries = DEFAULT_TRIES }: { readonly tries?: number | undefined }): number {
  assertInteger("tries", tries, 1, MAX_TRIES);
  return tries;
}

function leftAlone(core: WriterCore, record: MutableRecord, route: Route): WritePlan<UpdateMutableHandle> {
  return {
    cost: noCost,
    approvals: 0,
    transactions: [],
    affectedIds: [],
    run: () => Promise.resolve({ ...finishedOperation(core.newId(), []), record, route, changed: false }),
  };
}
