import { isHawserError } from "../../errors.js";
import { nothingYet } from "../../mutable/select-version.js";
import { currentRecord } from "./current.js";
import type { WritePlan } from "./plan.js";
import { type ComposeRecord, type PutMutableHandle, type PutMutableOptions, planPutMutable } from "./put.js";
import { planRebasing } from "./rebase.js";
import { triesOf } from "./update-mutable.js";
import type { WriterCore } from "./writer-core.js";

/** Plans a put of a record that is merged with another writer's when that came first, as its options say. */
export async function planPutMerging(
  core: WriterCore,
  name: string,
  id: string,
  data: Uint8Array,
  options: PutMutableOptions,
): Promise<WritePlan<PutMutableHandle>> {
  const { merge } = options;
  const tries = triesOf(options);
  let hadRoute = false;
  return planRebasing(
    core,
    name,
    options,
    (lost) => {
      const isRaced = isHawserError(lost, "CONFLICT_RECORD_MOVED");
      const compose: ComposeRecord = async (base, route) => {
        const appeared = lost !== null && !hadRoute;
        if (!isRaced && !appeared) {
          hadRoute = true;
          return { data };
        }
        // W5: a route that another writer made meanwhile has a record that this put knew nothing of.
        if (merge === undefined) return { data, basis: nothingYet };
        const { current, basis } = await currentRecord(core, base, route, options);
        const merged = await merge({ mine: data, theirs: current.branches });
        if (merged === null) throw lost;
        return { data: merged, basis };
      };
      // The version that was asked for is taken.
      return planPutMutable(core, name, id, data, isRaced ? { ...options, version: undefined } : options, compose);
    },
    merge === undefined ? 0 : tries - 1,
  );
}
