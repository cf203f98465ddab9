import { Evidence, type Report } from "../chain/evidence.js";
import type { HeaderChain } from "../chain/header-chain.js";
import { syncHeaders } from "../chain/sync-headers.js";
import type { Transaction } from "../chain/transaction.js";
import { ask, createPanel, type Panel, type Seat, verdictOf, witnesses } from "../chain/union.js";
import { attemptOf, HawserError, isHawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { HistoryEntry, Outpoint, Outspend } from "../ports.js";
import { beaconScript } from "./name.js";
import { decodePayload } from "./operation.js";
import type { PendingOperation, Resolution, ResolveInput } from "./resolution.js";
import type { StoredName } from "./stored-name.js";
import {
  candidateRecover,
  candidateRegister,
  findFrontier,
  runThread,
  type ThreadInput,
  type ThreadState,
} from "./thread.js";

/** A spend of the seal as sources tell it, for one outpoint. */
interface SealAnswers {
  readonly outpoint: string;
  readonly bySeat: Map<Seat, Outspend>;
}

/** transactions - fetched beside one another. */
const PARALLEL_FETCHES = 8;

const keyOf = (outpoint: Outpoint): string => `${outpoint.txid}:${outpoint.vout}`;

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
  readonly #beaconScript: Uint8Array;
  readonly #history = new Map<Seat, readonly HistoryEntry[]>();
  /** Beacon entries that are no REGISTER or RECOVER of this name; their raw bytes say so, so no proof is needed. */
  readonly #foreign = new Set<string>();
  readonly #mempool = new Set<string>();
  #unresolved = false;
  #seal: SealAnswers = { outpoint: "", bySeat: new Map() };

  constructor(input: ResolveInput, panel: Panel) {
    this.#in = input;
    this.#panel = panel;
    this.#evidence = new Evidence(panel);
    this.#beaconScript = beaconScript(input.name, input.network);
  }

  async run(): Promise<Resolution> {
    const { chain: before, stored, minConfirmations } = this.#in;
    this.#event("headers", "Asking the chain sources for their tips");
    const early = this.#askEarly(before, stored);
    const chain = await syncHeaders(this.#panel, before);
    await early;
    const height = chain.tipHeight - minConfirmations + 1;
    // An absence that was asked for beside the tip speaks of E only if E was already mined when it was asked.
    const sealWasKnown = height <= before.tipHeight && before.hashAt(height) === chain.hashAt(height);
    if (!sealWasKnown) this.#seal = { outpoint: "", bySeat: new Map() };

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

  /** What can be asked before the headers are known: the seal's spend for a stored name, else the beacon's history. */
  async #askEarly(before: HeaderChain, stored: StoredName): Promise<void> {
    const seal = stored.transactions.length === 0 ? null : this.#storedSeal(before, stored);
    if (seal !== null) {
      await this.#askSeal(seal.outpoint, seal.script, this.#panel.seats);
      return;
    }
    await this.#askBeacon(this.#panel.seats);
    for (const [seat, entries] of this.#history) {
      for (const { txid, height } of entries.slice(0, 8))
        if (height !== null) this.#evidence.prefetch({ txid, height, seat });
    }
  }

  #storedSeal(before: HeaderChain, stored: StoredName): { outpoint: Outpoint; script: Uint8Array } | null {
    const input = threadOfStored({ ...this.#in, chain: before, stored });
    return input === null ? null : findFrontier(input, before.tipHeight).seal;
  }

  #thread(): ThreadInput {
    const { network, name } = this.#in;
    return { network, name, transactions: this.#evidence.proven, previous: this.#evidence.previous };
  }

  /** Asks, proves and asks again until nothing that any source knows is missing (V4, V5). */
  async #followThread(chain: HeaderChain): Promise<void> {
    for (;;) {
      const frontier = findFrontier(this.#thread(), chain.tipHeight);
      const asks: Promise<void>[] = [];
      const seats = this.#panel.seats.filter((seat) => seat.chain !== null);
      if (frontier.seal !== null) {
        const { outpoint, script } = frontier.seal;
        if (this.#seal.outpoint !== keyOf(outpoint)) this.#seal = { outpoint: keyOf(outpoint), bySeat: new Map() };
        asks.push(this.#askSeal(outpoint, script, seats));
      }
      asks.push(this.#askBeacon(seats.filter((seat) => !this.#beaconKnown(seat, frontier))));
      await Promise.all(asks);
      const before = this.#evidence.proven.length;
      const registers = await this.#beaconReports(chain);
      await this.#evidence.prove(chain, [...registers, ...this.#sealReports(chain)]);
      await this.#provePrevious(chain);
      this.#judgeSeal(chain);
      if (this.#evidence.proven.length === before) break;
    }
    await Promise.all([...this.#mempool].map((txid) => this.#evidence.transaction(txid, [])));
  }

  /** V5: beacon entries older than the REGISTER of a live and sealed tenure need not be asked again within a day. */
  #beaconKnown(seat: Seat, frontier: { ended: boolean }): boolean {
    if (this.#history.has(seat)) return true;
    const { beacon } = this.#in.stored;
    const checkedAtMs = beacon?.checkedAtMs.get(seat.label);
    if (beacon === null || checkedAtMs === undefined || frontier.ended) return false;
    if (!this.#evidence.isProven(beacon.register)) return false;
    const ageMs = this.#in.clock.nowMs() - checkedAtMs;
    return ageMs >= 0 && ageMs < limits.beaconAbsenceMaxAgeMs;
  }

  async #askBeacon(seats: readonly Seat[]): Promise<void> {
    await Promise.all(
      seats.map(async (seat) => {
        if (this.#history.has(seat)) return;
        const answer = await ask(this.#panel, seat, (source, signal) => source.history(this.#beaconScript, { signal }));
        if (answer === null) return;
        if (answer.value.length > limits.historyMaxEntries) {
          const reason = `a history of ${answer.value.length} entries`;
          const details = { url: seat.label, reason };
          seat.failure = new HawserError("NETWORK_ANSWER_INVALID", `${seat.label} reported ${reason}.`, details);
          return;
        }
        this.#history.set(seat, answer.value);
      }),
    );
  }

  async #askSeal(outpoint: Outpoint, script: Uint8Array, seats: readonly Seat[]): Promise<void> {
    const answers: SealAnswers =
      this.#seal.outpoint === keyOf(outpoint) ? this.#seal : { outpoint: keyOf(outpoint), bySeat: new Map() };
    this.#seal = answers;
    await Promise.all(
      seats.map(async (seat) => {
        if (answers.bySeat.has(seat)) return;
        const answer = await ask(this.#panel, seat, (source, signal) => source.outspend(outpoint, script, { signal }));
        if (answer !== null) answers.bySeat.set(seat, answer.value);
      }),
    );
  }

  #sealReports(chain: HeaderChain): Report[] {
    const reports: Report[] = [];
    for (const [seat, spent] of this.#seal.bySeat) {
      if (!spent.spent) continue;
      if (spent.height === null || spent.height > chain.tipHeight) this.#mempool.add(spent.txid);
      else reports.push({ txid: spent.txid, height: spent.height, seat });
    }
    return reports;
  }

  /** Whether a source called the seal unspent although another one proved its spend at a height that both reach. */
  #judgeSeal(chain: HeaderChain): void {
    const height = chain.tipHeight - this.#in.minConfirmations + 1;
    const spender = this.#evidence.proven.find(
      (entry) =>
        entry.height <= height && entry.tx.inputs.some((input) => keyOf(input.outpoint) === this.#seal.outpoint),
    );
    if (spender === undefined) return;
    for (const [seat, spent] of this.#seal.bySeat) {
      if (!spent.spent && seat.reach >= spender.height) seat.withheld = true;
    }
  }

  /** The beacon's entries that may be a REGISTER or RECOVER of this name, by their raw bytes. */
  async #beaconReports(chain: HeaderChain): Promise<Report[]> {
    const { name, network } = this.#in;
    const open: Report[] = [];
    for (const [seat, entries] of this.#history) {
      for (const { txid, height } of entries) {
        // Above the best chain's tip nothing can be proven yet; the next read will see it.
        if (height === null || height > chain.tipHeight) continue;
        if (!this.#foreign.has(txid) && !this.#evidence.isProven(txid)) open.push({ txid, height, seat });
      }
    }
    const reports: Report[] = [];
    for (let i = 0; i < open.length; i += PARALLEL_FETCHES) {
      await Promise.all(
        open.slice(i, i + PARALLEL_FETCHES).map(async (report) => {
          const tx = await this.#evidence.transaction(report.txid, [report.seat]);
          if (tx !== null && !candidateRegister(tx, name, network) && !candidateRecover(tx, name, network)) {
            this.#foreign.add(report.txid);
          } else reports.push(report);
        }),
      );
    }
    return reports;
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
    const { network, clock, minSources, requireAllSources, minConfirmations } = this.#in;
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
    for (const seat of this.#panel.seats) this.#judgeOmissions(seat, height);
    const header = chain.headerAt(height);
    const tipTimeMs = (chain.tipTimeSec ?? 0) * 1000;
    const atTip = runThread(this.#thread(), chain.tipHeight);
    const b = chain.tipHeight - minConfirmations;
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

  /** V5: the same source answered every absence on which the union rests. */
  #isComplete(seat: Seat, chain: HeaderChain, height: number, frontier: ReturnType<typeof findFrontier>): boolean {
    if (this.#unresolved || seat.lied || !witnesses(seat, chain, height)) return false;
    if (!this.#beaconKnown(seat, frontier)) return false;
    if (frontier.seal === null) return true;
    if (this.#seal.outpoint !== keyOf(frontier.seal.outpoint)) return false;
    const spent = this.#seal.bySeat.get(seat);
    return spent !== undefined && (!spent.spent || spent.height === null || spent.height > chain.tipHeight);
  }

  /** Whether a source left out an entry of the beacon's history that another one proved. */
  #judgeOmissions(seat: Seat, readHeight: number): void {
    const entries = this.#history.get(seat);
    if (entries === undefined) return;
    const listed = new Set(entries.map((entry) => entry.txid));
    const { name, network } = this.#in;
    for (const { tx, height } of this.#evidence.proven) {
      if (!candidateRegister(tx, name, network) && !candidateRecover(tx, name, network)) continue;
      if (height <= Math.min(seat.reach, readHeight) && !listed.has(tx.txid)) seat.withheld = true;
    }
  }

  #pending(atTip: ThreadState, height: number): PendingOperation[] {
    const pending: PendingOperation[] = atTip.operations
      .filter((operation) => operation.height > height)
      .map(({ txid, kind, height: at }) => ({ txid, kind, height: at }));
    if (atTip.unsealed !== null && atTip.unsealed.height > height) {
      pending.push({ txid: atTip.unsealed.txid, kind: null, height: atTip.unsealed.height });
    }
    for (const txid of this.#mempool) {
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
    for (const seat of complete) if (this.#history.has(seat)) checkedAtMs.set(seat.label, this.#in.clock.nowMs());
    return { transactions, coinbases, previous, beacon: { register, checkedAtMs } };
  }

  #event(stage: string, message: string): void {
    this.#in.onEvent?.({ stage, message });
  }
}

function isPreorder(tx: Transaction): boolean {
  const output = tx.outputs[0];
  if (output === undefined) return false;
  const payload = decodePayload(output.script, output.valueSats);
  return payload?.is === "known" && payload.payload.kind === "preorder";
}
