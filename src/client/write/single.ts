import { throwIfAborted } from "../../deadline.js";
import { HawserError, isHawserError } from "../../errors.js";
import type { ThreadState } from "../../name/thread.js";
import type { FundingCoin } from "../../plan/coin-selection.js";
import { estimateVbytes } from "../../plan/fee.js";
import type { SingleOptions, SinglePlan } from "../../plan/single.js";
import type { StoredKind } from "../../ports.js";
import { movedError } from "./conflicts.js";
import { handleOf } from "./handle.js";
import type { JournalEntry, JournalFloor, JournalKind, JournalRemoval } from "./journal.js";
import type { OperationHandle, PendingOperation } from "./operation.js";
import { noCost, type WriteOptions, type WritePlan } from "./plan.js";
import { assertUncontested, type NamePosition } from "./position.js";
import { voidsOf } from "./seal-coins.js";
import { newerSeal } from "./stack.js";
import type { WriterCore } from "./writer-core.js";

/** Stores what a transaction needs besides objects, and tells the floors to raise once it is at depth. */
export type StoreRecords = (signal: AbortSignal | undefined) => Promise<readonly JournalFloor[]>;

/** An operation of one transaction on a name that is held. */
export interface SingleOperation {
  readonly kind: Exclude<JournalKind, "register">;
  /** As in a {@link JournalEntry}. */
  readonly spends: string;
  /** What the transaction anchors; 32 zero bytes where it anchors nothing. */
  readonly profileHash: Uint8Array;
  /** Data, index nodes and last the profile: stored before the transaction is sent (W1), in that order. */
  readonly objects: readonly Uint8Array[];
  readonly affectedIds: readonly string[];
  /** Copies to remove once it is at depth (W8). Default: none. */
  readonly removes?: readonly JournalRemoval[] | undefined;
  /** Runs after the wallet signed and before anything is sent. */
  readonly storeRecords?: StoreRecords | undefined;
  /** What `storeRecords` stores. Default: nothing. */
  readonly storedKinds?: readonly StoredKind[] | undefined;
  /** Whether coins are needed in any case; else they are looked up only where the seal does not suffice. */
  readonly needsCoins: boolean;
  /** Builds the transaction. @throws WALLET_FUNDS_INSUFFICIENT, which is asked again with coins */
  readonly plan: (funds: SingleOptions) => SinglePlan;
}

/** Plans an operation of one transaction: what it costs, and how it is signed, journalled, stored and sent. */
export async function planSingle<Handle extends OperationHandle>(
  core: WriterCore,
  position: NamePosition,
  operation: SingleOperation,
  options: WriteOptions,
  toHandle: (operation: PendingOperation) => Handle,
): Promise<WritePlan<Handle>> {
  const { name, tenure } = position;
  assertUncontested(position);
  // W7: what stores nothing needs no provider.
  const kinds: readonly StoredKind[] = [
    ...(operation.objects.length > 0 ? (["object"] as const) : []),
    ...(operation.storedKinds ?? []),
  ];
  const required = kinds.length > 0 ? core.required(options, ...kinds) : 0;
  const plan = await planWithFunding(core, position, operation, options);
  return {
    cost: plan.cost,
    approvals: 1,
    transactions: plan.transactions.map(({ psbt, txid, description }) => ({ psbt, txid, description })),
    affectedIds: operation.affectedIds,
    run: async ({ signal = options.signal } = {}) => {
      await sendParents(core, position, { ...options, signal });
      const [signed] = await core.sign(plan.transactions, options);
      if (signed === undefined) throw new HawserError("BUG_UNREACHABLE", "Nothing was signed.", { what: "sign" });
      throwIfAborted(signal, `The ${operation.kind} of ${name}`);
      const { kind, spends, profileHash, objects, affectedIds, removes = [], storeRecords } = operation;
      const entry: JournalEntry = {
        id: core.newId(),
        kind,
        name,
        tenure,
        spends,
        salt: null,
        profileHash,
        transactions: [{ kind, txid: signed.txid, raw: signed.raw }],
        objects,
        affectedIds,
        floors: [],
        removes,
        parts: [],
        ready: storeRecords === undefined,
        required,
        createdAtMs: core.parts.clock.nowMs(),
      };
      // W3: before the first effect, so that another run of this program can finish what this one began, or give it up.
      await core.journal.put(entry);
      const ready = storeRecords === undefined ? entry : await withRecords(core, entry, storeRecords, signal);
      if (position.stack.length > 0) await assertNewest(core, ready, position.resolution.tipState);
      const pending = core.operation(ready, { resumed: false });
      const { timeoutMs, onEvent } = options;
      await pending.wait({ until: "broadcast", signal, timeoutMs, onEvent });
      return toHandle(pending);
    },
  };
}

/** W4: what a plan builds on may never have been sent, where a run died before that; the direct methods sent it already. */
export async function sendParents(
  core: WriterCore,
  { stack }: Pick<NamePosition, "stack">,
  { finishPending, signal, timeoutMs, onEvent }: WriteOptions,
): Promise<void> {
  if (finishPending !== false) return;
  for (const entry of stack) {
    await core.operation(entry, { resumed: true }).wait({ until: "broadcast", signal, timeoutMs, onEvent });
  }
}

/** Goes on with an operation that an earlier run began: nothing new is signed or paid. */
export function planContinued(
  core: WriterCore,
  entry: JournalEntry,
  options: WriteOptions,
): WritePlan<OperationHandle> {
  return {
    cost: noCost,
    approvals: 0,
    transactions: [],
    affectedIds: entry.affectedIds,
    run: async ({ signal = options.signal } = {}) => {
      const operation = core.operation(entry, { resumed: true });
      const { timeoutMs, onEvent } = options;
      await operation.wait({ until: "broadcast", signal, timeoutMs, onEvent });
      return handleOf(operation, {});
    },
  };
}

/** Stores the records and only then makes the entry one that may be sent (W1). What failed before is given up. */
async function withRecords(
  core: WriterCore,
  entry: JournalEntry,
  storeRecords: StoreRecords,
  signal: AbortSignal | undefined,
): Promise<JournalEntry> {
  let floors: readonly JournalFloor[];
  try {
    floors = await storeRecords(signal);
  } catch (error) {
    await core.journal.drop(entry);
    throw error;
  }
  const ready: JournalEntry = { ...entry, floors, ready: true };
  if (await core.journal.amend(ready)) return ready;
  const message = `Another run of this program has given up the change of ${entry.name}; nothing was sent.`;
  throw new HawserError("CONFLICT_PENDING", message, { name: entry.name, operation: entry.id });
}

/** Gives up a change of what another run replaced meanwhile, to raise its fee. @throws CONFLICT_NAME_MOVED */
async function assertNewest(core: WriterCore, entry: JournalEntry, tipState: ThreadState): Promise<void> {
  const seal = newerSeal(entry, await core.journal.entries(entry.name));
  if (seal === null) return;
  await core.journal.drop(entry);
  throw movedError(entry, seal, tipState, entry.spends?.split(":")[0]);
}

async function planWithFunding(
  core: WriterCore,
  position: NamePosition,
  operation: SingleOperation,
  options: WriteOptions,
): Promise<SinglePlan> {
  const { network } = core.parts.core.parts;
  const reserved = await core.reserved(operation.spends);
  const rate = await core.desk.feeRate(options.feeRateSatsPerVbyte, options.signal);
  const { voids, replacedSats } = await voidsOf(core, position, options.signal);
  const funds: SingleOptions = {
    network,
    name: position.name,
    feeRateSatsPerVbyte: voids.length === 0 ? rate : Math.max(rate, replacingRate(voids, replacedSats)),
    voids,
    feeGuards: core.feeGuards(options),
    reserved,
  };
  if (!operation.needsCoins) {
    try {
      return operation.plan(funds);
    } catch (error) {
      if (!isHawserError(error, "WALLET_FUNDS_INSUFFICIENT")) throw error;
    }
  }
  const accounts = await core.accounts();
  return operation.plan({ ...funds, coins: await core.desk.coins(accounts, options.signal) });
}

/**
 * BIP125: what replaces others pays what they paid, and the relay of itself on top. Counted for the smallest transaction
 * that it can become, so that a larger one pays more.
 */
function replacingRate(voids: readonly FundingCoin[], replacedSats: bigint): number {
  const vbytes = estimateVbytes({ inputs: ["p2tr", ...voids.map(({ account }) => account.kind)], outputs: [] });
  return Math.ceil(Number(replacedSats) / vbytes) + 1;
}
