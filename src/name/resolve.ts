import { Evidence } from "../chain/evidence.js";
import type { HeaderChain } from "../chain/header-chain.js";
import { everySourceForeign } from "../chain/source-network.js";
import { askTips, syncHeaders, type Tips } from "../chain/sync-headers.js";
import {
  createPanel,
  dissolve,
  firstAnswer,
  judgeSeat,
  type Panel,
  type Seat,
  verdictOf,
  witnesses,
} from "../chain/union.js";
import { attemptOf, HawserError } from "../errors.js";
import { limits } from "../limits.js";
import { describeBlocks } from "./as-of.js";
import { Inquiry } from "./inquiry.js";
import { kindOf, pendingOperations, type Unmined } from "./pending.js";
import type { Resolution, ResolveInput } from "./resolution.js";
import { threadOfStored, unsupported } from "./select-stored.js";
import type { StoredName } from "./stored-name.js";
import {
  candidateRecover,
  candidateRegister,
  type Frontier,
  type FrontierSeal,
  findFrontier,
  runThread,
  type ThreadInput,
  type ThreadState,
} from "./thread.js";

/** How a resolution ended, with what is worth keeping whichever way it did. */
export interface ResolveOutcome {
  readonly chain: HeaderChain;
  /** To be kept for the next read: what was proven once cannot be withheld again. */
  readonly stored: StoredName;
  /** The error is CHAIN_UNAVAILABLE, CHAIN_NETWORK_MISMATCH or CHAIN_UNSUPPORTED_OPERATION. */
  readonly result: Resolution | HawserError;
  /** How each source ended. */
  readonly seats: readonly Seat[];
}

/**
 * The state of a name at height E, from the union of all sources (V1 to V7). Asks in parallel what can be asked in
 * parallel: with a stored state the tips and the spend of the stored seal travel together.
 *
 * @throws CHAIN_WORK_INSUFFICIENT, NETWORK_ABORTED
 */
export async function resolveName(input: ResolveInput): Promise<ResolveOutcome> {
  const panel = createPanel(input.sources, input.clock, input.signal, input);
  try {
    return await new Resolver(input, panel).run();
  } finally {
    dissolve(panel);
  }
}

class Resolver {
  readonly #in: ResolveInput;
  readonly #panel: Panel;
  readonly #evidence: Evidence;
  readonly #inquiry: Inquiry;
  /** Whether something that was mined, and that the thread rests on, could not be had from anybody. */
  #unresolved = false;
  /** Whether the beacon was asked beside the headers up to the hint alone. */
  #isHinted = false;
  /** What is asked of the beacon beside the tips. */
  #beacon: Promise<void> = Promise.resolve();

  constructor(input: ResolveInput, panel: Panel) {
    this.#in = input;
    this.#panel = panel;
    this.#evidence = new Evidence(panel);
    this.#inquiry = new Inquiry(input, panel, this.#evidence);
  }

  async run(): Promise<ResolveOutcome> {
    const { chain: before, stored, minConfirmations } = this.#in;
    this.#event("headers", "Asking the chain sources for their tips");
    const storedSeals = this.#askStoredSeals(before, stored);
    // Where the tips end the read first, as an abort does, nobody hears of this any more.
    storedSeals.catch(() => undefined);
    const tips = await askTips(this.#panel);
    const isAhead = tips.some((tip) => tip !== null && tip.height - minConfirmations + 1 > before.tipHeight);
    const [chain, askedEarly] = await Promise.all([
      this.#syncHeaders(tips, before),
      storedSeals.then(async (seals) => {
        if (seals.length === 0) await this.#exploreBeacon();
        else if (isAhead) {
          // By now every source has named the tip that it stands for.
          this.#inquiry.forgetAbsences();
          await this.#inquiry.askSeals(this.#panel.seats, seals);
        }
        return seals.length > 0 && !isAhead;
      }),
    ]);
    // V6: E. Nothing of the protocol is at or below a checkpoint, so a chain too short for E is read there.
    const height = Math.max(chain.baseHeight, chain.tipHeight - minConfirmations + 1);
    // An absence that was asked for beside the tip speaks of E only if E was already mined when it was asked.
    const wasKnown = before.hashAt(height) === chain.hashAt(height);
    if (askedEarly && !wasKnown) this.#inquiry.forgetAbsences();

    this.#evidence.restore(chain, stored);
    this.#inquiry.noteRestored();
    this.#event("name", `Following the operations of ${this.#in.name}`);
    // V8: before a source is asked for more of the beacon than the thread turns out to need.
    if (this.#isHinted) {
      await this.#inquiry.proveHints(chain);
      await this.#prove(chain);
    }
    await this.#followThread(chain);
    const state = await this.#withOwnerKey(chain, runThread(this.#thread(), height));
    return this.#conclude(chain, height, state);
  }

  async #syncHeaders(tips: Tips, before: HeaderChain): Promise<HeaderChain> {
    const filled = await this.#in.fillHeaders?.(this.#panel, tips, before);
    return syncHeaders(this.#panel, tips, filled ?? before);
  }

  /** For a stored name the spends of its seals are asked beside the tips. Gives those seals. */
  async #askStoredSeals(before: HeaderChain, stored: StoredName): Promise<readonly FrontierSeal[]> {
    if (stored.transactions.length === 0) return [];
    const frontier = findFrontier(threadOfStored({ ...this.#in, chain: before, stored }), before.tipHeight);
    const { seals } = frontier;
    if (seals.length > 0) {
      // No source was ever asked about the beacon of operations that come out of a bundle (section 11).
      this.#beacon = this.#inquiry.askUnaskedBeacon(frontier);
      this.#beacon.catch(() => undefined);
      await this.#inquiry.askSeals(this.#panel.seats, seals);
    }
    return seals;
  }

  /** For any other name the beacon is asked beside the headers, by sources that have named their tips. */
  async #exploreBeacon(): Promise<void> {
    const { hint } = this.#in;
    this.#isHinted = hint !== undefined && (await this.#inquiry.askBeaconUpTo(hint));
    if (!this.#isHinted) await this.#inquiry.askBeacon(this.#panel.seats, null);
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
      const frontier = await this.#frontier(chain, seats);
      await Promise.all([
        this.#inquiry.askSeals(seats, frontier.seals),
        this.#beacon.then(() => this.#inquiry.askBeacon(seats, frontier)),
      ]);
      const before = this.#evidence.proven.length;
      await this.#prove(chain);
      if (this.#evidence.proven.length === before) break;
    }
  }

  /** The frontier of what is proven, with hints where that leaves the beacon open (V8). */
  async #frontier(chain: HeaderChain, seats: readonly Seat[]): Promise<Frontier> {
    const frontier = findFrontier(this.#thread(), chain.tipHeight);
    if (!this.#inquiry.wantsHints(seats, frontier)) return frontier;
    await this.#inquiry.proveHints(chain);
    await this.#provePrevious(chain);
    return findFrontier(this.#thread(), chain.tipHeight);
  }

  async #prove(chain: HeaderChain): Promise<void> {
    await this.#inquiry.prove(chain);
    await this.#provePrevious(chain);
  }

  /**
   * Proves the PREORDER of each REGISTER and fetches the output that each RECOVER spends (C5, V3). Both were mined, so
   * an honest source has them: what stays open afterwards means that no answer is complete, never "not registered".
   */
  async #provePrevious(chain: HeaderChain): Promise<void> {
    const { name, network } = this.#in;
    const found = await Promise.all(
      this.#evidence.proven.map(async ({ tx, height }) => {
        const txid = tx.inputs[0]?.outpoint.txid;
        const isRegister = candidateRegister(tx, name, network);
        if (txid === undefined || (!isRegister && !candidateRecover(tx, name, network))) return true;
        const previous = await this.#evidence.transaction(txid, this.#panel.seats);
        if (previous === null) return false;
        return !isRegister || kindOf(previous) !== "preorder" || this.#evidence.search(chain, txid, height);
      }),
    );
    this.#unresolved = found.includes(false);
  }

  /**
   * C11: a witness is not committed by a txid, so a source can hide the owner's key by altering it. Where the key is
   * missing, the other sources are asked for the same transactions.
   */
  async #withOwnerKey(chain: HeaderChain, state: ThreadState): Promise<ThreadState> {
    for (const txid of state.ownerKeyMissingIn) {
      const found = await firstAnswer(this.#panel, this.#panel.seats, async (seat) => {
        if (!(await this.#evidence.refetch(chain, txid, seat))) return null;
        const again = runThread(this.#thread(), state.height);
        return again.ownerKey === null ? null : again;
      });
      if (found !== null) return found;
    }
    return state;
  }

  async #conclude(chain: HeaderChain, height: number, state: ThreadState): Promise<ResolveOutcome> {
    const frontier = findFrontier(this.#thread(), chain.tipHeight);
    const unmined = await this.#inquiry.unminedSpends(frontier, chain);
    this.#inquiry.judgeOmissions(chain, height);
    const complete = this.#panel.seats.filter((seat) => this.#isComplete(seat, chain, height, frontier));
    const atTip = runThread(this.#thread(), chain.tipHeight);
    const stored = this.#toStore(complete, frontier);
    const failure = this.#shortage(complete, chain, height) ?? unsupported(state);
    const result = failure ?? this.#resolution({ chain, height, state, atTip, stored, complete, unmined });
    return { chain, stored, result, seats: this.#panel.seats };
  }

  /** V5: too few complete answers, and what each of the others said. */
  #shortage(complete: readonly Seat[], chain: HeaderChain, height: number): HawserError | null {
    const { seats } = this.#panel;
    const needed = this.#in.requireAllSources ? seats.length : this.#in.minSources;
    if (complete.length >= needed) return null;
    const foreign = everySourceForeign(this.#panel, this.#in.network);
    if (foreign !== null) return foreign;
    const attempts = seats
      .filter((seat) => !complete.includes(seat))
      .map((seat) => {
        if (seat.failure !== null) return attemptOf(seat.label, seat.failure);
        const verdict = verdictOf(seat, chain, height, false);
        return { label: seat.label, code: "CHAIN_UNAVAILABLE", message: `its answer is not complete: ${verdict}` };
      });
    return new HawserError(
      "CHAIN_UNAVAILABLE",
      `Expected complete answers from ${needed} chain sources, got ${complete.length}.`,
      { needed, answered: complete.length, attempts },
    );
  }

  #resolution({ chain, height, state, atTip, stored, complete, unmined }: Conclusion): Resolution {
    const { network, clock } = this.#in;
    // M6's b: by the network's own depth, not the reader's.
    const b = chain.tipHeight - network.minConfirmations;
    return {
      state,
      pending: pendingOperations(atTip, height, unmined),
      asOf: {
        ...describeBlocks(chain, height, chain.tipHeight, clock.nowMs()),
        partial: complete.length < this.#panel.seats.length,
        sources: this.#panel.seats.map((seat) => judgeSeat(seat, chain, height, complete.includes(seat))),
      },
      chain,
      tipState: atTip,
      stored,
      recentOperations: atTip.operations.filter((operation) => operation.height > b),
    };
  }

  /** V5: the same source answered every absence on which the union rests, on the best chain (V4). */
  #isComplete(seat: Seat, chain: HeaderChain, height: number, frontier: Frontier): boolean {
    if (this.#unresolved || seat.gone || seat.lies > 0 || !witnesses(seat, chain, height)) return false;
    return this.#inquiry.answeredAll(seat, frontier, chain);
  }

  #toStore(complete: readonly Seat[], frontier: Frontier): StoredName {
    const { beacon } = frontier;
    const evidence = this.#evidence.stored();
    if (beacon === null) return { ...evidence, beacon: null };
    const register = beacon.txid;
    // A REGISTER that a reorganisation moved may have another before it now, of which nobody was asked.
    const old = this.#inquiry.beaconStands ? this.#in.stored.beacon : null;
    const checkedAtMs = new Map(old?.register === register ? old.checkedAtMs : []);
    for (const seat of complete) {
      if (this.#inquiry.gaveHistory(seat, frontier)) checkedAtMs.set(seat.label, this.#in.clock.nowMs());
    }
    return { ...evidence, beacon: { register, checkedAtMs } };
  }

  #event(stage: string, message: string): void {
    this.#in.onEvent?.({ stage, message });
  }
}

interface Conclusion {
  readonly chain: HeaderChain;
  readonly height: number;
  readonly state: ThreadState;
  readonly atTip: ThreadState;
  readonly stored: StoredName;
  readonly complete: readonly Seat[];
  readonly unmined: readonly Unmined[];
}
