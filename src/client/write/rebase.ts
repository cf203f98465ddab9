import { assertInteger } from "../../bytes/guards.js";
import { HawserError, isHawserError } from "../../errors.js";
import type { OperationHandle, WaitOptions } from "./operation.js";
import type { WriteOptions, WritePlan } from "./plan.js";
import type { WriterCore } from "./writer-core.js";

/** What a write lost to. */
export type Lost = HawserError<"CONFLICT_NAME_MOVED" | "CONFLICT_PENDING" | "CONFLICT_RECORD_MOVED">;

/** Makes a plan; with what the one before lost to, anew on the state that there is now. */
export type MakePlan<Handle extends OperationHandle> = (lost: Lost | null) => Promise<WritePlan<Handle>>;

/** times - the most that a write is made again. */
const MAX_AGAIN = 100;

/**
 * A plan that is made again on the newer state when it loses a race, while it runs or while its handle is waited for.
 * Only what the write itself loses counts: that an earlier one of this name was lost is its caller's to hear.
 *
 * @param name - for messages
 * @param recordTries - how often it is made again after CONFLICT_RECORD_MOVED; default never
 * @throws INPUT_INVALID, and what `make` throws
 */
export async function planRebasing<Handle extends OperationHandle>(
  core: WriterCore,
  name: string,
  options: WriteOptions,
  make: MakePlan<Handle>,
  recordTries = 0,
): Promise<WritePlan<Handle>> {
  const { rebase = 0 } = options;
  assertInteger("rebase", rebase, 0, MAX_AGAIN);
  const left = { rebase, records: recordTries };
  const planned = rebase === 0 ? make : (lost: Lost | null) => unhindered(core, name, options, () => make(lost));
  const first = await planned(null);
  if (rebase === 0 && recordTries === 0) return first;

  const again = async (error: unknown, signal: AbortSignal | undefined): Promise<Handle> => {
    let failure = error;
    for (;;) {
      if (!isLost(failure) || !take(left, failure)) throw failure;
      options.onEvent?.({ stage: "wait", message: `${failure.message} Making the change again.` });
      const plan = await planned(failure);
      try {
        return await plan.run({ signal });
      } catch (next) {
        failure = next;
      }
    }
  };
  return {
    ...first,
    run: async ({ signal = options.signal } = {}) => {
      let handle: Handle;
      try {
        handle = await first.run({ signal });
      } catch (error) {
        handle = await again(error, signal);
      }
      return following(handle, again);
    },
  };
}

interface Left {
  rebase: number;
  records: number;
}

function isLost(error: unknown): error is Lost {
  const codes = ["CONFLICT_NAME_MOVED", "CONFLICT_PENDING", "CONFLICT_RECORD_MOVED"] as const;
  return codes.some((code) => isHawserError(error, code));
}

function take(left: Left, { code }: Lost): boolean {
  return code === "CONFLICT_RECORD_MOVED" ? left.records-- > 0 : left.rebase-- > 0;
}

/** A handle that goes on as that of the change which was made in the place of a lost one. */
function following<Handle extends OperationHandle>(
  first: Handle,
  again: (error: unknown, signal: AbortSignal | undefined) => Promise<Handle>,
): Handle {
  let latest = first;
  let next: Promise<Handle> | null = null;
  const wait = async (options: WaitOptions = {}): Promise<void> => {
    for (;;) {
      const waited = latest;
      try {
        await waited.wait(options);
        return;
      } catch (error) {
        // Two that wait for one change must not make it again twice.
        if (waited === latest) {
          next ??= again(error, options.signal);
          try {
            latest = await next;
          } finally {
            next = null;
          }
        }
      }
    }
  };
  return new Proxy(first, {
    get: (_, member) => (member === "wait" ? wait : (Reflect.get(latest, member) as unknown)),
  });
}

/** Waits until what stands in a change's way is mined. @throws CHAIN_TIMEOUT, NETWORK_ABORTED */
async function unhindered<T>(core: WriterCore, name: string, options: WriteOptions, run: () => Promise<T>): Promise<T> {
  const { clock, pollIntervalMs } = core.parts;
  const startedMs = clock.nowMs();
  for (;;) {
    try {
      return await run();
    } catch (error) {
      if (!isHawserError(error, "CONFLICT_PENDING")) throw error;
      const waitedMs = clock.nowMs() - startedMs;
      if (options.timeoutMs !== undefined && waitedMs >= options.timeoutMs) {
        const details = { operation: error.details.operation, waitedMs };
        throw new HawserError("CHAIN_TIMEOUT", `${name} is still held up after ${waitedMs} ms.`, details, {
          cause: error,
        });
      }
      options.onEvent?.({ stage: "wait", message: error.message });
      await clock.delay(pollIntervalMs, options.signal);
    }
  }
}
