import { planBatch } from "./batch.js";
import type { RemovalOutcome } from "./clear.js";
import { type DeleteEditOptions, EditList } from "./edit.js";
import type { OperationHandle } from "./operation.js";
import type { WriteOptions, WritePlan } from "./plan.js";
import type { WriterCore } from "./writer-core.js";

/** Options of `deleteMutable` and `deleteImmutable`. */
export interface DeleteOptions extends WriteOptions, DeleteEditOptions {}

/** An entry that was taken out of a name's index. */
export interface DeleteHandle extends OperationHandle {
  /** The key that the index had, such as `m:settings`. */
  readonly key: string;
  /** Whether the index held it. If not, nothing was sent. */
  readonly existed: boolean;
  /** What each provider made of the copies (W8); empty until the operation is at depth. */
  readonly removals: readonly RemovalOutcome[];
}

/** Plans the end of a route and its record. */
export function planDeleteMutable(
  core: WriterCore,
  name: string,
  id: string,
  options: DeleteOptions,
): Promise<WritePlan<DeleteHandle>> {
  const list = new EditList();
  list.deleteMutable(id, options);
  return planDelete(core, name, list, options);
}

/** Plans the end of an entry of immutable data. */
export function planDeleteImmutable(
  core: WriterCore,
  name: string,
  key: string,
  options: DeleteOptions,
): Promise<WritePlan<DeleteHandle>> {
  const list = new EditList();
  list.deleteImmutable(key, options);
  return planDelete(core, name, list, options);
}

/** A delete is a batch of one change. */
async function planDelete(
  core: WriterCore,
  name: string,
  { edits }: EditList,
  options: DeleteOptions,
): Promise<WritePlan<DeleteHandle>> {
  const plan = await planBatch(core, name, edits, options);
  return {
    ...plan,
    run: async (running) => {
      const handle = await plan.run(running);
      const [{ key, existed } = { key: "", existed: false }] = handle.results;
      return {
        id: handle.id,
        key,
        existed,
        get txids() {
          return handle.txids;
        },
        get state() {
          return handle.state;
        },
        get providers() {
          return handle.providers;
        },
        get removals() {
          return handle.removals;
        },
        wait: (waiting) => handle.wait(waiting),
      };
    },
  };
}
