import { isCoinbase, type Transaction } from "../chain/transaction.js";
import { decodePayload, type OperationKind } from "./operation.js";
import type { PendingOperation } from "./resolution.js";
import type { ThreadState } from "./thread.js";

/** What an operation's transaction says that it is, or null (C1: a coinbase is never an operation). */
export function kindOf(tx: Transaction): OperationKind | null {
  const output = tx.outputs[0];
  if (output === undefined || isCoinbase(tx)) return null;
  const payload = decodePayload(output.script, output.valueSats);
  return payload?.is === "known" ? payload.payload.kind : null;
}

/** V6: what is mined above E, and what is said to be in the mempool. None of it is applied. */
export function pendingOperations(
  atTip: ThreadState,
  height: number,
  unmined: readonly Transaction[],
): readonly PendingOperation[] {
  const pending: PendingOperation[] = atTip.operations
    .filter((operation) => operation.height > height)
    .map(({ txid, kind, height: at }) => ({ txid, kind, height: at }));
  for (const spend of [atTip.unsealed, atTip.unsupported]) {
    if (spend !== null && spend.height > height) pending.push({ txid: spend.txid, kind: null, height: spend.height });
  }
  for (const tx of unmined) pending.push({ txid: tx.txid, kind: kindOf(tx), height: null });
  return pending;
}
