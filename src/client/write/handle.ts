import type { ProviderOutcome } from "../../route/provider-writes.js";
import type { OperationHandle, PendingOperation, WaitOptions } from "./operation.js";

/** The public face of an operation, with what the caller of one method gets besides; its state goes on changing. */
export function handleOf<Extra extends object>(operation: PendingOperation, extra: Extra): OperationHandle & Extra {
  const handle: OperationHandle = {
    id: operation.id,
    get txids() {
      return operation.txids;
    },
    get state() {
      return operation.state;
    },
    get providers() {
      return operation.providers;
    },
    wait: (options?: WaitOptions) => operation.wait(options),
  };
  return Object.assign(handle, extra);
}

/** A write that needed no transaction: it is done. */
export function finishedOperation(id: string, providers: readonly ProviderOutcome[]): OperationHandle {
  return { id, txids: [], state: "done", providers, wait: () => Promise.resolve() };
}
