import { abortedError, throwIfAborted } from "../../deadline.js";
import { HawserError, isHawserError } from "../../errors.js";
import { putObject } from "../../immutable/put.js";
import { floorKey } from "../../mutable/floor.js";
import { raiseFloor } from "../../mutable/floor-cache.js";
import { parseName } from "../../name/name.js";
import type { Resolution } from "../../name/resolution.js";
import type { Clock, ProgressEvent, StorageProvider } from "../../ports.js";
import type { ProviderOutcome } from "../../route/provider-writes.js";
import type { ReaderCore } from "../reader-core.js";
import type { ChainDesk } from "./chain-desk.js";
import type { Journal, JournalEntry, JournalTransaction } from "./journal.js";

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
  #providers: readonly ProviderOutcome[];

  constructor(parts: OperationParts, entry: JournalEntry, providers: readonly ProviderOutcome[] = []) {
    this.#parts = parts;
    this.entry = entry;
    this.#providers = providers;
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
      throwIfAborted(signal, "The write");
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
    const { accepted, refused, attempts } = await desk.broadcast(raw, signal);
    if (accepted > 0) return;
    const { place } = await desk.place(txid, 0, signal);
    if (place.at !== "nowhere") return;
    if (refused > 0) await this.#explainRefusal(transaction, signal);
    const said = attempts.map(({ message }) => message).join(" ");
    const details = { txid, attempts };
    throw new HawserError(
      "CHAIN_BROADCAST_REFUSED",
      `No source took the ${kind.toUpperCase()} ${txid}. ${said}`,
      details,
    );
  }

  /** Why a transaction cannot be sent, where the chain tells; such an operation is over and leaves the journal. */
  async #explainRefusal({ kind }: JournalTransaction, signal: AbortSignal | undefined): Promise<void> {
    if (kind === "preorder") {
      // The PREORDER was never mined and its inputs are gone: nothing of this registration can have an effect any more.
      await this.#parts.journal.drop(this.entry);
      return;
    }
    const resolution = await this.#resolve(signal);
    if (resolution === null) return;
    await this.#assertNotMoved(resolution);
    const rival = resolution.pending.find(({ height, txid }) => height === null && !this.txids.includes(txid));
    if (rival !== undefined && this.entry.kind === "update") {
      await this.#parts.journal.drop(this.entry);
      throw this.#moved(rival.txid);
    }
  }

  /** REGISTER reveals the name, so it is sent only when the next block may hold it (W9: not before MIN_AGE). */
  async #sendRegister(watch: Watch): Promise<void> {
    const { desk, core, journal } = this.#parts;
    const { minAgeBlocks, maxAgeBlocks } = core.parts.network;
    const [preorder, register] = this.entry.transactions;
    if (preorder === undefined || register === undefined) return;
    for (;;) {
      const found = await this.#tolerant(() => desk.place(preorder.txid, 0, watch.signal));
      if (found?.place.at === "block") {
        const age = found.tipHeight + 1 - found.place.height;
        if (age > maxAgeBlocks && (await this.#placeOf(register, watch)) === "nowhere") {
          await journal.drop(this.entry);
          const details = { name: this.entry.name, txid: preorder.txid, maxAgeBlocks };
          const message = `The PREORDER is older than ${maxAgeBlocks} blocks; register ${this.entry.name} anew.`;
          throw new HawserError("NAME_PREORDER_EXPIRED", message, details);
        }
        if (age >= minAgeBlocks) break;
        watch.onEvent?.({
          stage: "wait",
          message: `The PREORDER is ${age - 1} blocks deep; REGISTER needs ${minAgeBlocks}`,
        });
      } else {
        watch.onEvent?.({ stage: "wait", message: "Waiting for the PREORDER to be mined" });
        if (found?.place.at === "nowhere") await this.#tolerant(() => desk.broadcast(preorder.raw, watch.signal));
      }
      await watch.pause();
    }
    await this.#send(register, watch);
  }

  async #placeOf({ txid }: JournalTransaction, { signal }: Watch): Promise<string> {
    return (await this.#parts.desk.place(txid, 0, signal)).place.at;
  }

  async #waitForDepth(watch: Watch): Promise<void> {
    const last = this.entry.transactions.at(-1);
    if (last === undefined) return;
    for (;;) {
      const resolution = await this.#resolve(watch.signal);
      if (resolution !== null) {
        if (resolution.state.operations.some(({ txid }) => txid === last.txid)) return;
        await this.#assertNotMoved(resolution);
        const seen =
          resolution.tipState.operations.some(({ txid }) => txid === last.txid) ||
          resolution.pending.some(({ txid }) => txid === last.txid);
        watch.onEvent?.({
          stage: "wait",
          message: `Waiting for ${last.txid} to be at depth (tip ${resolution.asOf.tipHeight})`,
        });
        // Servers forget, and a reorganisation can put a transaction back: the same bytes are sent again.
        if (!seen) await this.#tolerant(() => this.#parts.desk.broadcast(last.raw, watch.signal));
      }
      await watch.pause();
    }
  }

  /** W4: whoever spent the seal first wins. The loser's change is not lost: its caller can make it on the new state. */
  async #assertNotMoved({ tipState }: Resolution): Promise<void> {
    const last = this.entry.transactions.at(-1);
    if (last === undefined || tipState.operations.some(({ txid }) => txid === last.txid)) return;
    const { name, tenure } = this.entry;
    const held = tipState.status === "active" || tipState.status === "grace";
    if (held && tipState.tenure !== tenure) {
      await this.#parts.journal.drop(this.entry);
      const details = { name, tenure: tipState.tenure ?? "" };
      throw new HawserError("CONFLICT_NAME_TAKEN", `${name} was registered by somebody else.`, details);
    }
    if (this.entry.kind === "register") return;
    const expected = this.entry.spends ?? "";
    const seal = tipState.seal === null ? null : `${tipState.seal.outpoint.txid}:${tipState.seal.outpoint.vout}`;
    if (held && seal === expected) return;
    await this.#parts.journal.drop(this.entry);
    throw this.#moved(seal ?? tipState.status);
  }

  #moved(got: string): HawserError<"CONFLICT_NAME_MOVED"> {
    const { name, spends } = this.entry;
    const message = `Another operation changed ${name} first; nothing was overwritten.`;
    return new HawserError("CONFLICT_NAME_MOVED", message, { name, expected: spends ?? "", got });
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

/** The public face of an operation, with what the caller of one method gets besides; its state goes on changing. */
export function handleOf<Extra extends object>(operation: PendingOperation, extra: Extra): OperationHandle & Extra {
  const handle: OperationHandle = {
    id: operation.id,
    txids: operation.txids,
    get state() {
      return operation.state;
    },
    get providers() {
      return operation.providers;
    },
    wait: (options?: WaitOptions) => operation.wait(options),
  };
  return Object.assign(handle, extra);
}

/** A write that needed no transaction: it is done. */
export function finishedOperation(id: string, providers: readonly ProviderOutcome[]): OperationHandle {
  return { id, txids: [], state: "done", providers, wait: () => Promise.resolve() };
}

/** Per provider the worse of two outcomes. */
export function worstOutcomes(
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
