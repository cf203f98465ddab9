import { isCoinbase, type Transaction } from "../chain/transaction.js";
import { decodePayload, type OperationKind } from "./operation.js";
import type { PendingOperation } from "./resolution.js";
import type { ThreadState } from "./thread.js";

/** A transaction that is said to wait in the mempool, and the labels of the sources that say so. */
export interface Unmined {
  readonly tx: Transaction;
  readonly reportedBy: readonly string[];
}

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
  unmined: readonly Unmined[],
): readonly PendingOperation[] {
  const pending: PendingOperation[] = atTip.operations
    .filter((operation) => operation.height > height)
    .map(({ txid, kind, height: at }) => ({ txid, kind, height: at, reportedBy: [] }));
  for (const spend of [atTip.unsealed, atTip.unsupported]) {
    if (spend !== null && spend.height > height) {
      pending.push({ txid: spend.txid, kind: null, height: spend.height, reportedBy: [] });
    }
  }
  for (const { tx, reportedBy } of unmined) pending.push({ txid: tx.txid, kind: kindOf(tx), height: null, reportedBy });
  return pending;
}
