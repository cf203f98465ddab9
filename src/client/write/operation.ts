import { abortedError } from "../../deadline.js";
import { type Attempt, HawserError, isHawserError } from "../../errors.js";
import { putObject } from "../../immutable/put.js";
import { floorKey } from "../../mutable/floor.js";
import { raiseFloor } from "../../mutable/floor-cache.js";
import { parseName } from "../../name/name.js";
import type { Resolution } from "../../name/resolution.js";
import type { ThreadState } from "../../name/thread.js";
import { outpointKey } from "../../plan/coin-selection.js";
import type { Clock, ProgressEvent, StorageProvider } from "../../ports.js";
import type { ProviderOutcome } from "../../route/provider-writes.js";
import type { ReaderCore } from "../reader-core.js";
import type { ChainDesk, Place } from "./chain-desk.js";
import { expiredError, movedError, takenError } from "./conflicts.js";
import type { Journal, JournalEntry, JournalTransaction } from "./journal.js";
import { parentsOf } from "./stack.js";

/** How far a write has come. `done`: it needed no transaction, or its last one is at depth. */
export type OperationState = "signed" | "stored" | "broadcast" | "done";

/** How to wait for an operation. */
export interface WaitOptions {
  /** `broadcast`: its first transaction was sent. `depth`: its last one is at depth, as readers need it. Default `depth`. */
  readonly until?: "broadcast" | "depth" | undefined;
  /** Stops waiting; what was sent stays sent, and the journal keeps the rest. */
  readonly signal?: AbortSignal | undefined;
  /** ms - stops waiting with `CHAIN_TIMEOUT`. Default: none. */
  readonly timeoutMs?: number | undefined;
  readonly onEvent?: ((event: ProgressEvent) => void) | undefined;
}

/** A write under way. It is journalled: should this process die, the same call made again goes on with it. */
export interface OperationHandle {
  readonly id: string;
  /** In the order in which they are sent; empty for a write without transaction. */
  readonly txids: readonly string[];
  readonly state: OperationState;
  /** What became of the bytes at each provider (W7): the worst outcome over all of them. */
  readonly providers: readonly ProviderOutcome[];
  /**
   * @throws NETWORK_ABORTED (with this operation's id), CHAIN_TIMEOUT, CONFLICT_NAME_MOVED, CONFLICT_NAME_TAKEN,
   *   NAME_PREORDER_EXPIRED, CHAIN_BROADCAST_REFUSED, STORAGE_UNAVAILABLE
   */
  wait(options?: WaitOptions): Promise<void>;
}

/** What carrying out an operation needs. */
export interface OperationParts {
  readonly core: ReaderCore;
  readonly desk: ChainDesk;
  readonly journal: Journal;
  readonly storage: readonly StorageProvider[];
  readonly clock: Clock;
  readonly pollIntervalMs: number;
}

/** Carries out a journalled write. Every step can be repeated, so it does not matter where an earlier run stopped. */
export class PendingOperation implements OperationHandle {
  readonly entry: JournalEntry;
  readonly #parts: OperationParts;
  #state: OperationState = "signed";
  #providers: readonly ProviderOutcome[] = [];
  /** Whether a source may have taken a transaction of this operation, in this run or an earlier one. */
  #mayBeOut: boolean;

  constructor(parts: OperationParts, entry: JournalEntry, { resumed }: { readonly resumed: boolean }) {
    this.#parts = parts;
    this.entry = entry;
    this.#mayBeOut = resumed;
  }

  get id(): string {
    return this.entry.id;
  }

  get txids(): readonly string[] {
    return this.entry.transactions.map(({ txid }) => txid);
  }

  get state(): OperationState {
    return this.#state;
  }

  get providers(): readonly ProviderOutcome[] {
    return this.#providers;
  }

  async wait(options: WaitOptions = {}): Promise<void> {
    const { until = "depth", signal } = options;
    const { clock } = this.#parts;
    const startedMs = clock.nowMs();
    const watch: Watch = {
      ...options,
      pause: async () => {
        const waitedMs = clock.nowMs() - startedMs;
        if (options.timeoutMs !== undefined && waitedMs >= options.timeoutMs) throw this.#timeout(waitedMs);
        await clock.delay(this.#parts.pollIntervalMs, signal);
      },
    };
    try {
      if (this.#state === "signed") await this.#store(watch);
      if (this.#state === "stored") await this.#sendFirst(watch);
      if (until === "depth" && this.#state === "broadcast") await this.#finish(watch);
    } catch (error) {
      if (signal?.aborted === true) throw abortedError(`Operation ${this.id}`, error);
      throw error;
    }
  }

  /** W1: what the transaction leads to is in storage before the transaction is sent. */
  async #store({ signal, onEvent }: Watch): Promise<void> {
    const { storage, clock } = this.#parts;
    const { objects, required } = this.entry;
    onEvent?.({ stage: "store", message: `Storing objects (${objects.length}) at providers (${storage.length})` });
    for (const bytes of objects) {
      const { providers } = await putObject({ bytes, storage, required, clock, signal });
      this.#providers = worstOutcomes(this.#providers, providers);
    }
    this.#state = "stored";
  }

  async #sendFirst(watch: Watch): Promise<void> {
    const [first] = this.entry.transactions;
    if (first !== undefined) await this.#send(first, watch);
    this.#state = "broadcast";
  }

  async #finish(watch: Watch): Promise<void> {
    if (this.entry.kind === "register") await this.#sendRegister(watch);
    await this.#waitForDepth(watch);
    await this.settle();
  }

  /** What follows once the last transaction is at depth: the floors rise (M7) and the journal lets go. */
  async settle(): Promise<void> {
    const { core, journal } = this.#parts;
    const { name, tenure, floors } = this.entry;
    for (const { id, ...floor } of floors) {
      const key = floorKey({ network: core.parts.network, name, tenure, id });
      await raiseFloor(core.parts.cache, key, floor);
    }
    await journal.drop(this.entry);
    this.#state = "done";
  }

  /** Sends a transaction, unless it is there already: the same signed bytes each time, never a second one (W2). */
  async #send(transaction: JournalTransaction, { signal, onEvent }: Watch): Promise<void> {
    const { desk } = this.#parts;
    const { kind, txid, raw } = transaction;
    onEvent?.({ stage: "broadcast", message: `Sending the ${kind.toUpperCase()} ${txid}` });
    const mayHaveBeenOut = this.#mayBeOut;
    this.#mayBeOut = true;
    const sent = await desk.broadcast(raw, signal);
    if (sent.accepted > 0) return;
    const { place } = await desk.place(txid, 0, signal);
    if (place.at !== "nowhere") return;
    // A source that gave no answer may have taken it all the same.
    this.#mayBeOut = mayHaveBeenOut || sent.refused < sent.attempts.length;
    throw await this.#refusal(transaction, sent.attempts, signal);
  }

  /** Sends what servers forgot, or what a reorganisation put back. @throws CHAIN_BROADCAST_REFUSED where it is void */
  async #sendAgain(transaction: JournalTransaction, { signal }: Watch): Promise<void> {
    const { desk } = this.#parts;
    const { accepted, attempts } = await desk.broadcast(transaction.raw, signal);
    if (accepted > 0) return;
    if (await desk.isVoid(transaction.raw, signal)) throw await this.#refusal(transaction, attempts, signal);
  }

  /**
   * Why nobody takes a transaction. The operation leaves the journal where it can have no effect any more: its inputs
   * are spent at depth, or no source ever had anything of it. One refusal alone tells neither.
   */
  async #refusal(
    { kind, txid, raw }: JournalTransaction,
    attempts: readonly Attempt[],
    signal: AbortSignal | undefined,
  ): Promise<HawserError> {
    const { desk, journal } = this.#parts;
    const resolution = kind === "preorder" ? null : await this.#resolve(signal);
    if (resolution !== null) {
      await this.#assertNotMoved(resolution);
      const own = [this.entry, ...(await this.#parents())].flatMap(({ transactions }) => transactions);
      const rival = resolution.pending.find(
        (other) => other.height === null && !own.some((transaction) => transaction.txid === other.txid),
      );
      if (rival !== undefined && kind !== "register") {
        // Said of a mempool, it is nobody's proof: what may be out stays in the journal until a block decides.
        if (!this.#mayBeOut) await journal.drop(this.entry);
        return movedError(this.entry, rival.txid, resolution.tipState);
      }
    }
    if (!this.#mayBeOut || (await desk.isVoid(raw, signal))) await journal.drop(this.entry);
    const said = attempts.map(({ message }) => message).join(" ");
    const message = `No source took the ${kind.toUpperCase()} ${txid}. ${said}`;
    return new HawserError("CHAIN_BROADCAST_REFUSED", message, { txid, attempts });
  }

  /** REGISTER reveals the name, so it is sent only when the next block may hold it (W9: not before MIN_AGE). */
  async #sendRegister(watch: Watch): Promise<void> {
    const { desk, core } = this.#parts;
    const { minAgeBlocks, maxAgeBlocks } = core.parts.network;
    const [preorder, register] = this.entry.transactions;
    if (preorder === undefined || register === undefined) return;
    for (;;) {
      const found = await this.#tolerant(() => desk.place(preorder.txid, 0, watch.signal));
      if (found?.place.at === "block") {
        const age = found.tipHeight + 1 - found.place.height;
        if (age > maxAgeBlocks && (await desk.place(register.txid, 0, watch.signal)).place.at === "nowhere") {
          throw await this.#expired();
        }
        if (age >= minAgeBlocks) break;
        watch.onEvent?.({
          stage: "wait",
          message: `The PREORDER is ${age - 1} blocks deep; REGISTER needs ${minAgeBlocks}`,
        });
      } else {
        watch.onEvent?.({ stage: "wait", message: "Waiting for the PREORDER to be mined" });
        if (found?.place.at === "nowhere") await this.#tolerant(() => this.#sendAgain(preorder, watch));
      }
      await watch.pause();
    }
    // Of a name that somebody else has by now, a REGISTER would cost its fee for nothing.
    const resolution = await this.#resolve(watch.signal);
    if (resolution !== null) await this.#assertNotMoved(resolution);
    await this.#send(register, watch);
  }

  async #waitForDepth(watch: Watch): Promise<void> {
    const last = this.entry.transactions.at(-1);
    if (last === undefined) return;
    for (;;) {
      const resolution = await this.#resolve(watch.signal);
      if (resolution !== null) {
        if (resolution.state.operations.some(({ txid }) => txid === last.txid)) return;
        await this.#assertNotMoved(resolution);
        const mined = resolution.tipState.operations.some(({ txid }) => txid === last.txid);
        watch.onEvent?.({
          stage: "wait",
          message: `Waiting for ${last.txid} to be at depth (tip ${resolution.asOf.tipHeight})`,
        });
        if (!mined) await this.#tolerant(() => this.#keepAlive(resolution, watch));
      }
      await watch.pause();
    }
  }

  /** For what is not mined: whether it still can be, and that sources have it. */
  async #keepAlive(resolution: Resolution, watch: Watch): Promise<void> {
    const missing: JournalTransaction[] = [];
    const places = new Map<JournalTransaction["kind"], Place>();
    for (const transaction of this.entry.transactions) {
      const { place } = await this.#parts.desk.place(transaction.txid, 0, watch.signal);
      places.set(transaction.kind, place);
      if (place.at === "nowhere") missing.push(transaction);
    }
    await this.#assertCanCount(resolution, places.get("preorder"), places.get("register"));
    // W4: without its parents nobody takes it.
    if (missing.length > 0) {
      for (const parent of await this.#parents())
        for (const transaction of parent.transactions) {
          await this.#parts.desk.broadcast(transaction.raw, watch.signal);
        }
    }
    for (const transaction of missing) await this.#sendAgain(transaction, watch);
  }

  /** C5: a REGISTER that is mined too late never counts, and neither does one that somebody else's came before. */
  async #assertCanCount({ asOf, tipState }: Resolution, preorder?: Place, register?: Place): Promise<void> {
    if (preorder?.at !== "block") return;
    const height = register?.at === "block" ? register.height : asOf.tipHeight + 1;
    if (height - preorder.height > this.#parts.core.parts.network.maxAgeBlocks) throw await this.#expired();
    if (register?.at !== "block" || register.height > asOf.height) return;
    await this.#parts.journal.drop(this.entry);
    throw takenError(this.entry, tipState.tenure);
  }

  /** W4: whoever spent the seal first wins. The loser's change is not lost: its caller can make it on the new state. */
  async #assertNotMoved({ state, tipState }: Resolution): Promise<void> {
    const { entry } = this;
    const last = entry.transactions.at(-1);
    if (last === undefined || tipState.operations.some(({ txid }) => txid === last.txid)) return;
    const held = tipState.status === "active" || tipState.status === "grace";
    if (held && tipState.tenure !== entry.tenure && (entry.kind !== "register" || isSettled(state, tipState))) {
      await this.#giveUp();
      throw takenError(this.entry, tipState.tenure);
    }
    if (entry.kind === "register") return;
    if (entry.kind === "recover") {
      if (held && tipState.unsealed?.txid === entry.spends) return;
      throw movedError(this.entry, tipState.lastOperation?.txid ?? tipState.status, tipState);
    }
    const parents = await this.#parents();
    const expected = [entry, ...parents].map(({ spends }) => spends);
    const seal = tipState.seal === null ? null : outpointKey(tipState.seal.outpoint);
    if (held && seal !== null && expected.includes(seal)) return;
    const isMined = (txid: string): boolean => tipState.operations.some((operation) => operation.txid === txid);
    const oldest = madeBy(parents[0] ?? entry);
    if (held && !isMined(oldest)) {
      // V6: a reorganisation may have put it back where the next block finds it.
      const found = await this.#tolerant(() => this.#parts.desk.place(oldest, 0));
      if (found?.place.at !== "nowhere") return;
    }
    await this.#giveUp();
    const direct = madeBy(entry);
    const got = seal ?? tipState.unsealed?.txid ?? tipState.status;
    throw movedError(this.entry, got, tipState, isMined(direct) ? null : direct);
  }

  /** Leaves the journal where nothing of it can count any more. W9: a RECOVER stays there until it is void. */
  async #giveUp(): Promise<void> {
    if (this.entry.kind !== "recover") await this.#parts.journal.drop(this.entry);
  }

  /** W4: the pending writes that this one builds on. If one goes, so does this. */
  async #parents(): Promise<readonly JournalEntry[]> {
    return parentsOf(this.entry, await this.#parts.journal.entries(this.entry.name));
  }

  async #expired(): Promise<HawserError<"NAME_PREORDER_EXPIRED">> {
    const { core, journal } = this.#parts;
    await journal.drop(this.entry);
    return expiredError(this.entry, core.parts.network.maxAgeBlocks);
  }

  #resolve(signal: AbortSignal | undefined): Promise<Resolution | null> {
    const { core } = this.#parts;
    const name = parseName(this.entry.name);
    return this.#tolerant(() => core.run(`Waiting for ${name}`, { signal }, (session) => core.resolve(name, session)));
  }

  /** While waiting, sources may be away for a while: what may succeed later is tried again. */
  async #tolerant<T>(run: () => Promise<T>): Promise<T | null> {
    try {
      return await run();
    } catch (error) {
      if (isHawserError(error) && error.retry === "yes" && error.code !== "NETWORK_ABORTED") return null;
      throw error;
    }
  }

  #timeout(waitedMs: number): HawserError<"CHAIN_TIMEOUT"> {
    const details = { operation: this.id, waitedMs };
    return new HawserError("CHAIN_TIMEOUT", `Operation ${this.id} is not at depth after ${waitedMs} ms.`, details);
  }
}

interface Watch extends WaitOptions {
  readonly pause: () => Promise<void>;
}

/** txid of the transaction that made the seal which an operation spends. */
function madeBy({ spends }: JournalEntry): string {
  return spends?.split(":")[0] ?? "";
}

/** Whether a holder is one at depth too: a registration is given up only for one that a reorganisation will not undo. */
function isSettled(state: ThreadState, tipState: ThreadState): boolean {
  return (state.status === "active" || state.status === "grace") && state.tenure === tipState.tenure;
}

/** Per provider the worse of two outcomes. */
function worstOutcomes(
  before: readonly ProviderOutcome[],
  now: readonly ProviderOutcome[],
): readonly ProviderOutcome[] {
  if (before.length === 0) return now;
  return now.map((outcome, index) => {
    const earlier = before[index];
    return earlier === undefined || isHeld(earlier) ? outcome : earlier;
  });
}

function isHeld({ outcome }: ProviderOutcome): boolean {
  return outcome === "stored" || outcome === "held";
}
