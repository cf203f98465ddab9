import type { JournalEntry, JournalTransaction, TransactionVersion } from "./journal.js";

/** Every version that a transaction has had, the newest first: only one of them can be mined (W3). */
export function versionsOf({ txid, raw, earlier = [] }: JournalTransaction): readonly TransactionVersion[] {
  return [{ txid, raw }, ...[...earlier].reverse()];
}

/** Everything that was signed for an entry: each version of each transaction, and of what raises the fee of one. */
export function signedFor({ transactions }: Pick<JournalEntry, "transactions">): readonly TransactionVersion[] {
  return transactions.flatMap((transaction) => [...versionsOf(transaction), ...(transaction.children ?? [])]);
}

/** Whether one of these operations is a version of the last transaction of an entry: then the entry's change is made. */
export function isAmong({ transactions }: JournalEntry, operations: readonly { readonly txid: string }[]): boolean {
  const last = transactions.at(-1);
  return last !== undefined && operations.some(({ txid }) => isVersion(last, txid));
}

/** Whether a transaction has or had this txid. */
export function isVersion(transaction: JournalTransaction, txid: string): boolean {
  return versionsOf(transaction).some((version) => version.txid === txid);
}
