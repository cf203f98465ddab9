import { abortedError } from "../../deadline.js";
import { HawserError } from "../../errors.js";
import { putObject } from "../../immutable/put.js";
import { limits } from "../../limits.js";
import { floorKey } from "../../mutable/floor.js";
import { raiseFloor } from "../../mutable/floor-cache.js";
import type { Resolution } from "../../name/resolution.js";
import type { Clock, ProgressEvent, StorageProvider } from "../../ports.js";
import { createLimiter } from "../../profile/limiter.js";
import type { ProviderOutcome } from "../../route/provider-writes.js";
import { keepersOf } from "../../route/replicas.js";
import type { Place } from "./chain-desk.js";
import { Fate, type FateParts, tolerant } from "./fate.js";
import type { JournalEntry, JournalFloor, JournalTransaction } from "./journal.js";
import type { Removals } from "./removals.js";
import { isAmong, versionsOf, withMinedVersion } from "./versions.js";

/**
 * How far a write has come. `done`: it needed no transaction, or the last one that it needs, be it of an earlier write, is
 * at depth.
 */
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
export interface OperationParts extends FateParts {
  readonly removals: Removals;
  readonly storage: readonly StorageProvider[];
  readonly clock: Clock;
  readonly pollIntervalMs: number;
}

/** Carries out a journalled write. Every step can be repeated, so it does not matter where an earlier run stopped. */
export class PendingOperation implements OperationHandle {
  readonly #parts: OperationParts;
  #entry: JournalEntry;
  #fate: Fate;
  #state: OperationState = "signed";
  #providers: readonly ProviderOutcome[] = [];
  /** Whether a source may have taken a transaction of this operation, in this run or an earlier one. */
  #mayBeOut: boolean;

  constructor(parts: OperationParts, entry: JournalEntry, { resumed }: { readonly resumed: boolean }) {
    this.#parts = parts;
    this.#fate = new Fate(parts, entry);
    this.#entry = entry;
    this.#mayBeOut = resumed;
  }

  get entry(): JournalEntry {
    return this.#entry;
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
    await this.#run(until, {
      ...options,
      pause: async () => {
        const waitedMs = clock.nowMs() - startedMs;
        if (options.timeoutMs !== undefined && waitedMs >= options.timeoutMs) throw this.#timeout(waitedMs);
        await clock.delay(this.#parts.pollIntervalMs, signal);
      },
    });
  }

  /** Does everything that can be done now, without waiting for a block. @throws as {@link OperationHandle.wait} */
  async advance(options: Pick<WaitOptions, "signal" | "onEvent"> = {}): Promise<void> {
    const notYet = new Error("not yet");
    try {
      await this.#run("depth", { ...options, pause: () => Promise.reject(notYet) });
    } catch (error) {
      if (error !== notYet) throw error;
    }
  }

  async #run(until: "broadcast" | "depth", watch: Watch): Promise<void> {
    try {
      if (this.#state === "signed") await this.#store(watch);
      if (this.#state === "stored") await this.#sendFirst(watch);
      if (until === "depth" && this.#state === "broadcast") await this.#finish(watch);
    } catch (error) {
      if (watch.signal?.aborted === true) throw abortedError(`Operation ${this.id}`, error);
      throw error;
    }
  }

  /** W1: what the transaction leads to is in storage before the transaction is sent. */
  async #store({ signal, onEvent }: Watch): Promise<void> {
    const { storage, clock, core } = this.#parts;
    const { objects, required } = this.entry;
    const { length: providers } = keepersOf(storage, "object");
    onEvent?.({ stage: "store", message: `Storing objects (${objects.length}) at providers (${providers})` });
    for (const bytes of objects) {
      const { providers } = await putObject({ bytes, storage, required, clock, policy: core.parts.policy, signal });
      this.#providers = worstOutcomes(this.#providers, providers);
    }
    this.#state = "stored";
  }

  async #sendFirst(watch: Watch): Promise<void> {
    await this.#refresh();
    const [first] = this.entry.transactions;
    if (first !== undefined) {
      await this.#send(first, watch);
      await this.#sendChild(first, watch);
    }
    this.#state = "broadcast";
  }

  /**
   * What other runs of this program made of the operation meanwhile: its fee may have been raised (W3). One that the
   * journal has dropped may be done in a version that this run never saw.
   */
  async #refresh(resolution: Resolution | null = null): Promise<void> {
    const found = await this.#parts.journal.current(this.#entry);
    if (found !== null) this.#entry = { ...found, required: this.#entry.required };
    else if (resolution !== null) this.#entry = withMinedVersion(this.#entry, resolution.stored.transactions);
    this.#fate = new Fate(this.#parts, this.#entry);
  }

  async #finish(watch: Watch): Promise<void> {
    if (this.entry.kind === "register") await this.#sendRegister(watch);
    await this.#waitForDepth(watch);
    await this.settle();
  }

  /** What follows once the last transaction is at depth: floors rise (M7), copies may go (W8), and the journal lets go. */
  async settle(): Promise<void> {
    // W4: what it builds on is at depth as well, and a record under a route of that may be what the caller was told of.
    for (const parent of await this.#fate.parents()) await this.#letGo(parent);
    await this.#letGo(this.entry);
    this.#state = "done";
  }

  async #letGo(entry: JournalEntry): Promise<void> {
    const { core, journal, removals } = this.#parts;
    const { name, tenure } = entry;
    const limit = createLimiter(limits.batchMaxParallel);
    // As the journal has it now: another run may have put a newer record since this one read it.
    for await (const { floors, removes } of journal.changes(entry)) {
      const raise = async ({ id, ...floor }: JournalFloor): Promise<void> => {
        const key = floorKey({ network: core.parts.network, name, tenure, id });
        await raiseFloor(core.parts.cache, key, floor);
      };
      // Side by side: a cache on disk then keeps several of them with one commit.
      await Promise.all(floors.map((floor) => limit(() => raise(floor))));
      await removals.add(entry, removes);
    }
    await journal.drop(entry);
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
    const { place } = await this.#find(transaction, signal);
    if (place.at !== "nowhere") return;
    // A source that gave no answer may have taken it all the same.
    this.#mayBeOut = mayHaveBeenOut || sent.refused < sent.attempts.length;
    throw await this.#fate.refusal(transaction, sent.attempts, this.#mayBeOut, signal);
  }

  /** Sends what servers forgot, or what a reorganisation put back. @throws CHAIN_BROADCAST_REFUSED where it is void */
  async #sendAgain(transaction: JournalTransaction, { signal }: Watch): Promise<void> {
    const { desk } = this.#parts;
    const { accepted, attempts } = await desk.broadcast(transaction.raw, signal);
    if (accepted > 0) return;
    if (!(await desk.isVoid(transaction.raw, signal))) return;
    if ((await this.#find(transaction, signal)).place.at === "block") return;
    throw await this.#fate.refusal(transaction, attempts, this.#mayBeOut, signal);
  }

  /** Sends the newest payment that raises a transaction's fee, which is none of the operation's own steps. */
  async #sendChild({ children = [] }: JournalTransaction, { signal }: Watch): Promise<void> {
    const child = children.at(-1);
    if (child !== undefined) await this.#parts.desk.broadcast(child.raw, signal);
  }

  /** Where a transaction is, in whichever version, and whether that is the newest. */
  async #find(
    transaction: JournalTransaction,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly place: Place; readonly isNewest: boolean; readonly tipHeight: number }> {
    let tipHeight = 0;
    for (const { txid } of versionsOf(transaction)) {
      const found = await this.#parts.desk.place(txid, 0, signal);
      if (found.place.at !== "nowhere") return { ...found, isNewest: txid === transaction.txid };
      tipHeight = found.tipHeight;
    }
    return { place: { at: "nowhere" }, isNewest: false, tipHeight };
  }

  /** REGISTER reveals the name, so it is sent only when the next block may hold it (W9: not before MIN_AGE). */
  async #sendRegister(watch: Watch): Promise<void> {
    const { desk, core } = this.#parts;
    const { minAgeBlocks, maxAgeBlocks } = core.parts.network;
    for (;;) {
      await this.#refresh();
      const [preorder, register] = this.entry.transactions;
      if (preorder === undefined || register === undefined) return;
      const found = await tolerant(() => desk.place(preorder.txid, 0, watch.signal));
      if (found?.place.at === "block") {
        const age = found.tipHeight + 1 - found.place.height;
        if (age > maxAgeBlocks && (await this.#find(register, watch.signal)).place.at === "nowhere") {
          throw await this.#fate.expired();
        }
        if (age >= minAgeBlocks) {
          // Of a name that somebody else has by now, a REGISTER would cost its fee for nothing.
          const resolution = await this.#fate.resolve(watch.signal);
          if (resolution !== null) await this.#fate.assertNotMoved(resolution);
          await this.#send(register, watch);
          return;
        }
        watch.onEvent?.({
          stage: "wait",
          message: `The PREORDER is ${age - 1} blocks deep; REGISTER needs ${minAgeBlocks}`,
        });
      } else {
        watch.onEvent?.({ stage: "wait", message: "Waiting for the PREORDER to be mined" });
        if (found?.place.at === "nowhere") await tolerant(() => this.#sendAgain(preorder, watch));
        await this.#sendChild(preorder, watch);
      }
      await watch.pause();
    }
  }

  async #waitForDepth(watch: Watch): Promise<void> {
    for (;;) {
      const resolution = await this.#fate.resolve(watch.signal);
      await this.#refresh(resolution);
      const last = this.entry.transactions.at(-1);
      if (last === undefined) return;
      if (resolution !== null) {
        if (isAmong(this.entry, resolution.state.operations)) return;
        await this.#fate.assertNotMoved(resolution);
        const mined = isAmong(this.entry, resolution.tipState.operations);
        watch.onEvent?.({
          stage: "wait",
          message: `Waiting for ${last.txid} to be at depth (tip ${resolution.asOf.tipHeight})`,
        });
        if (!mined) await tolerant(() => this.#keepAlive(resolution, watch));
      }
      await watch.pause();
    }
  }

  /** For what is not mined: whether it still can be, and that sources have it. */
  async #keepAlive(resolution: Resolution, watch: Watch): Promise<void> {
    const missing: JournalTransaction[] = [];
    const places = new Map<JournalTransaction["kind"], Place>();
    for (const transaction of this.entry.transactions) {
      const { place, isNewest } = await this.#find(transaction, watch.signal);
      places.set(transaction.kind, place);
      if (place.at !== "block" && !isNewest) missing.push(transaction);
    }
    await this.#fate.assertCanCount(resolution, places.get("preorder"), places.get("register"));
    // W4: without its parents nobody takes it.
    if (missing.length > 0) {
      for (const parent of await this.#fate.parents())
        for (const transaction of parent.transactions) {
          await this.#parts.desk.broadcast(transaction.raw, watch.signal);
        }
    }
    for (const transaction of missing) await this.#sendAgain(transaction, watch);
  }

  #timeout(waitedMs: number): HawserError<"CHAIN_TIMEOUT"> {
    const details = { operation: this.id, waitedMs };
    return new HawserError("CHAIN_TIMEOUT", `Operation ${this.id} is not at depth after ${waitedMs} ms.`, details);
  }
}

interface Watch extends Pick<WaitOptions, "signal" | "onEvent"> {
  readonly pause: () => Promise<void>;
}

/** Per provider the worse of two outcomes. */
export function worstOutcomes(
  before: readonly ProviderOutcome[],
  now: readonly ProviderOutcome[],
): readonly ProviderOutcome[] {
  const worst = new Map(before.map((outcome) => [outcome.label, outcome]));
  for (const outcome of now) {
    const earlier = worst.get(outcome.label);
    if (earlier === undefined || isHeld(earlier)) worst.set(outcome.label, outcome);
  }
  return [...worst.values()];
}

function isHeld({ outcome }: ProviderOutcome): boolean {
  return outcome === "stored" || outcome === "held";
}
