import { type Attempt, HawserError, isHawserError } from "../../errors.js";
import { parseName } from "../../name/name.js";
import type { Resolution } from "../../name/resolution.js";
import type { ThreadState } from "../../name/thread.js";
import { outpointKey } from "../../plan/coin-selection.js";
import type { ReaderCore } from "../reader-core.js";
import type { ChainDesk, Place } from "./chain-desk.js";
import { expiredError, movedError, takenError } from "./conflicts.js";
import type { Journal, JournalEntry, JournalTransaction } from "./journal.js";
import { parentsOf } from "./stack.js";

/** What finding out about an operation needs. */
export interface FateParts {
  readonly core: ReaderCore;
  readonly desk: ChainDesk;
  readonly journal: Journal;
}

/** Whether a journalled operation can still count. What never can leaves the journal; its caller may make it anew. */
export class Fate {
  readonly #parts: FateParts;
  readonly #entry: JournalEntry;

  constructor(parts: FateParts, entry: JournalEntry) {
    this.#parts = parts;
    this.#entry = entry;
  }

  /** The name as sources tell it now, or null while they tell nothing. */
  resolve(signal: AbortSignal | undefined): Promise<Resolution | null> {
    const { core } = this.#parts;
    const name = parseName(this.#entry.name);
    return tolerant(() => core.run(`Waiting for ${name}`, { signal }, (session) => core.resolve(name, session)));
  }

  /** W4: the pending writes that this one builds on. If one goes, so does this. */
  async parents(): Promise<readonly JournalEntry[]> {
    return parentsOf(this.#entry, await this.#parts.journal.entries(this.#entry.name));
  }

  /**
   * Why nobody takes a transaction. The operation leaves the journal where it can have no effect any more: its inputs
   * are spent at depth, or no source ever had anything of it. One refusal alone tells neither.
   *
   * @param mayBeOut - whether a source may have taken a transaction of this operation
   */
  async refusal(
    { kind, txid, raw }: JournalTransaction,
    attempts: readonly Attempt[],
    mayBeOut: boolean,
    signal: AbortSignal | undefined,
  ): Promise<HawserError> {
    const { desk, journal } = this.#parts;
    const entry = this.#entry;
    const resolution = kind === "preorder" ? null : await this.resolve(signal);
    if (resolution !== null) {
      await this.assertNotMoved(resolution);
      const own = [entry, ...(await this.parents())].flatMap(({ transactions }) => transactions);
      const rival = resolution.pending.find(
        (other) => other.height === null && !own.some((transaction) => transaction.txid === other.txid),
      );
      if (rival !== undefined && kind !== "register") {
        // Said of a mempool, it is nobody's proof: what may be out stays in the journal until a block decides.
        if (!mayBeOut) await journal.drop(entry);
        return movedError(entry, rival.txid, resolution.tipState);
      }
    }
    if (!mayBeOut || (await desk.isVoid(raw, signal))) await journal.drop(entry);
    const said = attempts.map(({ message }) => message).join(" ");
    const message = `No source took the ${kind.toUpperCase()} ${txid}. ${said}`;
    return new HawserError("CHAIN_BROADCAST_REFUSED", message, { txid, attempts });
  }

  /** C5: a REGISTER that is mined too late never counts, and neither does one that somebody else's came before. */
  async assertCanCount({ asOf, tipState }: Resolution, preorder?: Place, register?: Place): Promise<void> {
    if (preorder?.at !== "block") return;
    const height = register?.at === "block" ? register.height : asOf.tipHeight + 1;
    if (height - preorder.height > this.#parts.core.parts.network.maxAgeBlocks) throw await this.expired();
    if (register?.at !== "block" || register.height > asOf.height) return;
    await this.#parts.journal.drop(this.#entry);
    throw takenError(this.#entry, tipState.tenure);
  }

  /** W4: whoever spent the seal first wins. The loser's change is not lost: its caller can make it on the new state. */
  async assertNotMoved({ state, tipState }: Resolution): Promise<void> {
    const entry = this.#entry;
    const last = entry.transactions.at(-1);
    if (last === undefined || tipState.operations.some(({ txid }) => txid === last.txid)) return;
    const held = tipState.status === "active" || tipState.status === "grace";
    if (held && tipState.tenure !== entry.tenure && (entry.kind !== "register" || isSettled(state, tipState))) {
      await this.#giveUp();
      throw takenError(entry, tipState.tenure);
    }
    if (entry.kind === "register") return;
    if (entry.kind === "recover") {
      if (held && tipState.unsealed?.txid === entry.spends) return;
      throw movedError(entry, tipState.lastOperation?.txid ?? tipState.status, tipState);
    }
    const parents = await this.parents();
    const expected = [entry, ...parents].map(({ spends }) => spends);
    const seal = tipState.seal === null ? null : outpointKey(tipState.seal.outpoint);
    if (held && seal !== null && expected.includes(seal)) return;
    const isMined = (txid: string): boolean => tipState.operations.some((operation) => operation.txid === txid);
    const oldest = madeBy(parents[0] ?? entry);
    if (held && !isMined(oldest)) {
      // V6: a reorganisation may have put it back where the next block finds it.
      const found = await tolerant(() => this.#parts.desk.place(oldest, 0));
      if (found?.place.at !== "nowhere") return;
    }
    await this.#giveUp();
    const direct = madeBy(entry);
    const got = seal ?? tipState.unsealed?.txid ?? tipState.status;
    throw movedError(entry, got, tipState, isMined(direct) ? null : direct);
  }

  /** C5: too old a PREORDER is of no use any more. */
  async expired(): Promise<HawserError<"NAME_PREORDER_EXPIRED">> {
    const { core, journal } = this.#parts;
    await journal.drop(this.#entry);
    return expiredError(this.#entry, core.parts.network.maxAgeBlocks);
  }

  /** Leaves the journal where nothing of it can count any more. W9: a RECOVER stays there until it is void. */
  async #giveUp(): Promise<void> {
    if (this.#entry.kind !== "recover") await this.#parts.journal.drop(this.#entry);
  }
}

/** While waiting, sources may be away for a while: what may succeed later is tried again, and null until then. */
export async function tolerant<T>(run: () => Promise<T>): Promise<T | null> {
  try {
    return await run();
  } catch (error) {
    if (isHawserError(error) && error.retry === "yes" && error.code !== "NETWORK_ABORTED") return null;
    throw error;
  }
}

/** txid of the transaction that made the seal which an operation spends. */
function madeBy({ spends }: JournalEntry): string {
  return spends?.split(":")[0] ?? "";
}

/** Whether a holder is one at depth too: a registration is given up only for one that a reorganisation will not undo. */
function isSettled(state: ThreadState, tipState: ThreadState): boolean {
  return (state.status === "active" || state.status === "grace") && state.tenure === tipState.tenure;
}
