import type { ProviderOutcome } from "../../route/provider-writes.js";
import { finishedOperation } from "./handle.js";
import type { OperationHandle, WaitOptions } from "./operation.js";
import type { NameBase } from "./position.js";
import { lastTouching } from "./touching.js";
import type { WriterCore } from "./writer-core.js";

/**
 * The handle of a write that sends no transaction of its own. Where an operation under way makes the same change, or the
 * route that the write is under, readers see nothing before that one is at depth: then that is waited for. So a call that
 * is made again after a crash does not say that something is done which nobody can read.
 *
 * @param keys - keys of the index that the write is about
 */
export async function unsentOperation(
  core: WriterCore,
  base: NameBase,
  keys: readonly string[],
  providers: readonly ProviderOutcome[],
): Promise<OperationHandle> {
  const finished = finishedOperation(core.newId(), providers);
  const entry = await lastTouching(core, base, keys);
  if (entry?.ready !== true) return finished;
  const operation = core.operation(entry, { resumed: true });
  return {
    id: finished.id,
    txids: finished.txids,
    providers,
    get state() {
      return operation.state;
    },
    wait: (options?: WaitOptions) => operation.wait(options),
  };
}
