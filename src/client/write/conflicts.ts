import { encodeHex } from "../../bytes/hex.js";
import { HawserError, type NameNow } from "../../errors.js";
import type { ThreadState } from "../../name/thread.js";
import { outpointKey } from "../../plan/coin-selection.js";
import type { JournalEntry } from "./journal.js";

/** C5: the REGISTER can no longer follow its PREORDER. */
export function expiredError(
  { name, tenure: txid }: JournalEntry,
  maxAgeBlocks: number,
): HawserError<"NAME_PREORDER_EXPIRED"> {
  const message = `The PREORDER is older than ${maxAgeBlocks} blocks; register ${name} anew.`;
  return new HawserError("NAME_PREORDER_EXPIRED", message, { name, txid, maxAgeBlocks });
}

/** C5: the name is another's. */
export function takenError({ name }: JournalEntry, tenure: string | null): HawserError<"CONFLICT_NAME_TAKEN"> {
  const details = { name, tenure: tenure ?? "" };
  return new HawserError("CONFLICT_NAME_TAKEN", `${name} was registered by somebody else.`, details);
}

/**
 * W4: the seal that the operation spends is not the name's any more.
 *
 * @param got - what is there instead: `txid:vout` of a seal, a txid, or the name's status
 * @param tipState - what is proven of the name up to the tip
 * @param vanished - txid of the operation that it builds on, where that one is gone; null where it is not
 */
export function movedError(
  { name, spends }: JournalEntry,
  got: string,
  tipState: ThreadState,
  vanished: string | null = null,
): HawserError<"CONFLICT_NAME_MOVED"> {
  const message =
    vanished === null
      ? `Another operation changed ${name} first; nothing was overwritten.`
      : `The operation ${vanished}, which this change of ${name} builds on, is not in the chain any more; make it again.`;
  return new HawserError("CONFLICT_NAME_MOVED", message, {
    name,
    expected: spends ?? "",
    got,
    state: nameNow(tipState),
  });
}

/** What is proven of a name, as an error tells it. */
export function nameNow({ status, tenure, ownerScript, seal, lastOperation, profileHash }: ThreadState): NameNow {
  return {
    status,
    tenure,
    ownerScript: ownerScript === null ? null : encodeHex(ownerScript),
    seal: seal === null ? null : outpointKey(seal.outpoint),
    txid: lastOperation?.txid ?? null,
    height: lastOperation?.height ?? null,
    profileHash: profileHash === null ? null : encodeHex(profileHash),
  };
}
