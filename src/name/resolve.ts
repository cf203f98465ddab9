import { Evidence } from "../chain/evidence.js";
import type { HeaderChain } from "../chain/header-chain.js";
import { askTips, syncHeaders } from "../chain/sync-headers.js";
import { isCoinbase, type Transaction } from "../chain/transaction.js";
import { createPanel, type Panel, type Seat, verdictOf, witnesses } from "../chain/union.js";
import { attemptOf, HawserError, isHawserError } from "../errors.js";
import { limits } from "../limits.js";
import { Inquiry } from "./inquiry.js";
import { decodePayload } from "./operation.js";
import type { PendingOperation, Resolution, ResolveInput } from "./resolution.js";
import type { StoredName } from "./stored-name.js";
import {
  candidateRecover,
  candidateRegister,
  type Frontier,
  findFrontier,
  runThread,
  type ThreadInput,
  type ThreadState,
} from "./thread.js";

/**
 * The state of a name at height E, from the union of all sources (V1 to V7). Asks in parallel what can be asked in
 * parallel: with a stored state the tips and the spend of the stored seal travel together.
 *
 * @throws CHAIN_UNAVAILABLE, CHAIN_WORK_INSUFFICIENT, CHAIN_UNSUPPORTED_OPERATION, NETWORK_ABORTED
 */
export async function resolveName(input: ResolveInput): Promise<Resolution> {
  const panel = createPanel(input.sources, input.clock, input.signal);
  return new Resolver(input, panel).run();
}

/**
 * The state that stored operations give on the stored chain, proven anew but asked of nobody; null when nothing usable
 * is stored. A guess at what a read will find, never an answer.
 */
export function stateFromStored(input: StoredInput, minConfirmations: number): ThreadState | null {
  const thread = threadOfStored(input);
  return thread === null ? null : runThread(thread, input.chain.tipHeight - minConfirmations + 1);
}

/** A stored name and the chain to prove it on. */
export type StoredInput = Pick<ResolveInput, "network" | "name" | "chain" | "stored" | "clock">;

function threadOfStored({ network, name, chain, stored, clock }: StoredInput): ThreadInput | null {
  if (stored.transactions.length === 0) return null;
  const evidence = new Evidence(createPanel([], clock, undefined));
  try {
    evidence.restore(chain, stored);
  } catch {
    return null;
  }
  return { network, name, transactions: evidence.proven, previous: evidence.previous };
}

class Resolver {
  readonly #in: ResolveInput;
  readonly #panel: Panel;
  readonly #evidence: Evidence;
  readonly #inquiry: Inquiry;
  /** Whether something that was mined, and that the thread rests on, could not be had from anybody. */
  #unresolved = false;

  constructor(input: ResolveInput, panel: Panel) {
    this.#in = input;
    this.#panel = panel;
    this.#evidence = new Evidence(panel);
    this.#inquiry = new Inquiry(input, panel, this.#evidence);
  }

  async run(): Promise<Resolution> {
    const { chain: before, stored, minConfirmations } = this.#in;
    this.#event("headers", "Asking the chain sources for their tips");
    const storedSeals = this.#askStoredSeals(before, stored);
    const tips = await askTips(this.#panel);
    const [chain] = await Promise.all([
      syncHeaders(this.#panel, tips, before),
      storedSeals.then((asked) => (asked ? undefined : this.#exploreBeacon())),
    ]);
    const height = chain.tipHeight - minConfirmations + 1;
    // An absence that was asked for beside the tip speaks of E only if E was already mined when it was asked.
    const wasKnown = height <= before.tipHeight && before.hashAt(height) === chain.hashAt(height);
    if (!wasKnown) this.#inquiry.forgetEarlyAbsences();

    this.#restore(chain, stored);
    this.#event("name", `Following the operations of ${this.#in.name}`);
    await this.#followThread(chain);
    const state = await this.#withOwnerKey(chain, runThread(this.#thread(), height));
    return this.#conclude(chain, height, state);
  }

  #restore(chain: HeaderChain, stored: StoredName): void {
    try {
      this.#evidence.restore(chain, stored);
    } catch (error) {
      // A damaged cache entry costs a longer read, never a wrong one: what did restore was proven.
      if (!isHawserError(error)) throw error;
    }
  }

  /** For a stored name the spends of its seals are asked beside the tips. Whether there was anything to ask. */
  async #askStoredSeals(before: HeaderChain, stored: StoredName): Promise<boolean> {
    const input = threadOfStored({ ...this.#in, chain: before, stored });
    const seals = input === null ? [] : findFrontier(input, before.tipHeight).seals;
    await this.#inquiry.askSeals(this.#panel.seats, seals, true);
    return seals.length > 0;
  }

  /** For any other name the beacon is asked beside the headers, by sources that have named their tips. */
  async #exploreBeacon(): Promise<void> {
    await this.#inquiry.askBeacon(this.#panel.seats, null);
    this.#inquiry.explore();
  }

  #thread(): ThreadInput {
    const { network, name } = this.#in;
    return { network, name, transactions: this.#evidence.proven, previous: this.#evidence.previous };
  }

  /** Asks, proves and asks again until nothing that any source knows is missing (V4, V5). */
  async #followThread(chain: HeaderChain): Promise<void> {
    const seats = this.#panel.seats.filter((seat) => seat.chain !== null);
    // V8: every round proves at least one transaction, so their cap is a cap on rounds too.
    for (let round = 0; round < limits.sourceMaxTransactions; round++) {
      const frontier = findFrontier(this.#thread(), chain.tipHeight);
      await Promise.all([this.#inquiry.askSeals(seats, frontier.seals), this.#inquiry.askBeacon(seats, frontier)]);
      const before = this.#evidence.proven.length;
      const reports = [...(await this.#inquiry.beaconReports(chain)), ...this.#inquiry.sealReports(chain)];
      await this.#evidence.prove(chain, reports);
      await this.#provePrevious(chain);
      if (this.#evidence.proven.length === before) break;
    }
    await Promise.all([...this.#inquiry.unmined].map((txid) => this.#evidence.transaction(txid, [])));
  }

  /**
   * Proves the PREORDER of each REGISTER and fetches the output that each RECOVER spends (C5, V3). Both were mined, so
   * an honest source has them: what stays open afterwards means that no answer is complete, never "not registered".
   */
  async #provePrevious(chain: HeaderChain): Promise<void> {
    const { name, network } = this.#in;
    this.#unresolved = false;
    const seats = this.#panel.seats.filter((seat) => seat.chain !== null);
    await Promise.all(
      this.#evidence.proven.map(async ({ tx, height }) => {
        const outpoint = tx.inputs[0]?.outpoint;
        if (outpoint === undefined) return;
        const isRegister = candidateRegister(tx, name, network);
        if (!isRegister && !candidateRecover(tx, name, network)) return;
        const [previous] = await Promise.all([
          this.#evidence.transaction(outpoint.txid, seats),
          isRegister && !this.#evidence.isProven(outpoint.txid)
            ? this.#evidence.locate(outpoint.txid, height, seats)
            : null,
        ]);
        if (previous === null) this.#unresolved = true;
        else if (
          isRegister &&
          isPreorder(previous) &&
          !(await this.#evidence.proveSearched(chain, outpoint.txid, height, seats))
        ) {
          this.#unresolved = true;
        }
      }),
    );
  }

  /**
   * C11: a witness is not committed by a txid, so a source can hide the owner's key by altering it. Where the key is
   * missing, the other sources are asked for the same transactions.
   */
  async #withOwnerKey(chain: HeaderChain, state: ThreadState): Promise<ThreadState> {
    for (const txid of state.ownerKeyMissingIn) {
      for (const seat of this.#panel.seats) {
        if (!(await this.#evidence.refetch(chain, txid, seat))) continue;
        const again = runThread(this.#thread(), state.height);
        if (again.ownerKey !== null) return again;
      }
    }
    return state;
  }

  #conclude(chain: HeaderChain, height: number, state: ThreadState): Resolution {
    const { network, clock, minSources, requireAllSources } = this.#in;
    const frontier = findFrontier(this.#thread(), chain.tipHeight);
    const complete = this.#panel.seats.filter((seat) => this.#isComplete(seat, chain, height, frontier));
    const needed = requireAllSources ? this.#panel.seats.length : minSources;
    if (complete.length < needed) {
      const attempts = this.#panel.seats
        .filter((seat) => !complete.includes(seat))
        .map((seat) => {
          if (seat.failure !== null) return attemptOf(seat.label, seat.failure);
          const verdict = verdictOf(seat, chain, height, false);
          return { label: seat.label, code: "CHAIN_UNAVAILABLE", message: `its answer is not complete: ${verdict}` };
        });
      throw new HawserError(
        "CHAIN_UNAVAILABLE",
        `Expected complete answers from ${needed} chain sources, got ${complete.length}.`,
        { needed, answered: complete.length, attempts },
      );
    }
    // C7: a later version moved the name on; the older profile is not an answer.
    if (state.unsupported !== null) {
      throw new HawserError(
        "CHAIN_UNSUPPORTED_OPERATION",
        `The name was changed by an operation of a later protocol version at height ${state.unsupported.height}.`,
        state.unsupported,
      );
    }
    this.#inquiry.judgeOmissions(height);
    const header = chain.headerAt(height);
    const tipTimeMs = (chain.tipTimeSec ?? 0) * 1000;
    const atTip = runThread(this.#thread(), chain.tipHeight);
    // M6's b: by the network's own depth, not the reader's.
    const b = chain.tipHeight - network.minConfirmations;
    return {
      state,
      pending: this.#pending(atTip, height),
      asOf: {
        height,
        hash: chain.hashAt(height) ?? network.genesisHash,
        time: header?.timeSec ?? 0,
        tipHeight: chain.tipHeight,
        tipAgeMs: Math.max(0, clock.nowMs() - tipTimeMs),
        partial: complete.length < this.#panel.seats.length,
        sources: this.#panel.seats.map((seat) => {
          return { label: seat.label, verdict: verdictOf(seat, chain, height, complete.includes(seat)) };
        }),
      },
      chain,
      tipState: atTip,
      stored: this.#toStore(complete, atTip),
      recentOperations: atTip.operations.filter((operation) => operation.height > b),
    };
  }

  /** V5: the same source answered every absence on which the union rests, on the best chain (V4). */
  #isComplete(seat: Seat, chain: HeaderChain, height: number, frontier: Frontier): boolean {
    if (this.#unresolved || seat.lied || !witnesses(seat, chain, height)) return false;
    return this.#inquiry.answeredAll(seat, frontier, chain.tipHeight);
  }

  #pending(atTip: ThreadState, height: number): PendingOperation[] {
    const pending: PendingOperation[] = atTip.operations
      .filter((operation) => operation.height > height)
      .map(({ txid, kind, height: at }) => ({ txid, kind, height: at }));
    if (atTip.unsealed !== null && atTip.unsealed.height > height) {
      pending.push({ txid: atTip.unsealed.txid, kind: null, height: atTip.unsealed.height });
    }
    for (const txid of this.#inquiry.unmined) {
      if (this.#evidence.isProven(txid)) continue;
      pending.push({ txid, kind: this.#kindOf(txid), height: null });
    }
    return pending;
  }

  #kindOf(txid: string): string | null {
    const output = this.#evidence.previous.get(txid)?.outputs[0];
    if (output === undefined) return null;
    const payload = decodePayload(output.script, output.valueSats);
    return payload?.is === "known" ? payload.payload.kind : null;
  }

  #toStore(complete: readonly Seat[], atTip: ThreadState): StoredName {
    const register = atTip.operations.find((operation) => operation.kind === "register")?.txid ?? null;
    const { transactions, coinbases, previous } = this.#evidence.stored();
    if (register === null) return { transactions, coinbases, previous, beacon: null };
    const old = this.#in.stored.beacon;
    const checkedAtMs = new Map(old !== null && old.register === register ? old.checkedAtMs : []);
    for (const seat of complete)
      if (this.#inquiry.gaveHistory(seat)) checkedAtMs.set(seat.label, this.#in.clock.nowMs());
    return { transactions, coinbases, previous, beacon: { register, checkedAtMs } };
  }

  #event(stage: string, message: string): void {
    this.#in.onEvent?.({ stage, message });
  }
}

function isPreorder(tx: Transaction): boolean {
  const output = tx.outputs[0];
  // C1: a coinbase is never an operation.
  if (output === undefined || isCoinbase(tx)) return false;
  const payload = decodePayload(output.script, output.valueSats);
  return payload?.is === "known" && payload.payload.kind === "preorder";
}
