import { parseName } from "../../name/name.js";
import type { BatchHandle } from "./batch.js";
import { type BatchData, type ContentLabels, type DeleteEditOptions, type Edit, EditList } from "./edit.js";
import type { NewRouteOptions } from "./new-route.js";
import type { WriteOptions, WritePlan } from "./plan.js";

/**
 * Changes of one name that are made by one transaction. Nothing happens before `commit`; a batch can be committed again
 * where that failed.
 */
export interface Batch {
  /** How many changes there are. */
  readonly size: number;
  /** @throws INPUT_ID_INVALID, INPUT_TOO_LARGE, INPUT_INVALID (also for a second change of an id) */
  putMutable(id: string, data: BatchData, options?: NewRouteOptions): this;
  /** The same bytes twice are one object. @throws INPUT_TOO_LARGE, INPUT_INVALID */
  putImmutable(data: BatchData, options?: ContentLabels): this;
  /** @throws INPUT_ID_INVALID, INPUT_INVALID (also for a second change of an id) */
  deleteMutable(id: string, options?: DeleteEditOptions): this;
  /** @throws INPUT_INVALID */
  deleteImmutable(key: string, options?: DeleteEditOptions): this;
  /** What the batch would cost, send and change; data is read for its hashes. @throws as {@link Batch.commit} */
  plan(options?: WriteOptions): Promise<WritePlan<BatchHandle>>;
  /**
   * Stores the data, sends one transaction, and waits as `waitFor` says. What needs the transaction becomes visible
   * together or not at all; a put to an id that has a route already needs none and is visible at once (W5).
   *
   * @throws INPUT_INVALID for an empty batch and for data that its function gives otherwise the second time, and as
   *   `updateProfile` of the writer
   */
  commit(options?: WriteOptions): Promise<BatchHandle>;
}

/** What carries a batch out. */
export interface BatchRunner {
  readonly plan: (edits: readonly Edit[], options?: WriteOptions) => Promise<WritePlan<BatchHandle>>;
  readonly commit: (edits: readonly Edit[], options?: WriteOptions) => Promise<BatchHandle>;
}

/** @throws NAME_INVALID */
export function createBatch(name: string, runner: BatchRunner): Batch {
  parseName(name);
  const list = new EditList();
  const batch: Batch = {
    get size() {
      return list.edits.length;
    },
    putMutable(id, data, options = {}) {
      list.putMutable(id, data, options);
      return batch;
    },
    putImmutable(data, options = {}) {
      list.putImmutable(data, options);
      return batch;
    },
    deleteMutable(id, options = {}) {
      list.deleteMutable(id, options);
      return batch;
    },
    deleteImmutable(key, options = {}) {
      list.deleteImmutable(key, options);
      return batch;
    },
    plan: (options) => runner.plan([...list.edits], options),
    commit: (options) => runner.commit([...list.edits], options),
  };
  return batch;
}
