import { equalBytes } from "../../bytes/bytes.js";
import { parseTransaction, type Transaction } from "../../chain/transaction.js";
import { outpointKey } from "../../plan/coin-selection.js";
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
function isVersion(transaction: JournalTransaction, txid: string): boolean {
  return versionsOf(transaction).some((version) => version.txid === txid);
}

/**
 * An entry with the version of its last transaction that is among these, where the entry does not know it: another run
 * made it, and dropped the entry once it was at depth. It spends the same vin 0, and payload and owner are the same.
 */
export function withMinedVersion(entry: JournalEntry, mined: readonly { readonly raw: Uint8Array }[]): JournalEntry {
  const last = entry.transactions.at(-1);
  if (last === undefined) return entry;
  const own = parseTransaction(last.raw);
  const found = mined.map(({ raw }) => parseTransaction(raw)).find((tx) => doTheSame(tx, own));
  if (found === undefined || isVersion(last, found.txid)) return entry;
  const { txid, raw } = found;
  const revised = { ...last, earlier: [...(last.earlier ?? []), { txid, raw }] };
  return { ...entry, transactions: [...entry.transactions.slice(0, -1), revised] };
}

function doTheSame(a: Transaction, b: Transaction): boolean {
  const [vin0, other] = [a.inputs[0]?.outpoint, b.inputs[0]?.outpoint];
  if (vin0 === undefined || other === undefined || outpointKey(vin0) !== outpointKey(other)) return false;
  return [0, 1].every((vout) => {
    const [one, two] = [a.outputs[vout]?.script, b.outputs[vout]?.script];
    return one === two || (one !== undefined && two !== undefined && equalBytes(one, two));
  });
}
