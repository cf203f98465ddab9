import { throwIfAborted } from "../../deadline.js";
import { HawserError } from "../../errors.js";
import { parseName } from "../../name/name.js";
import type { SignedTransaction } from "../../plan/check-signed.js";
import { type BumpTarget, planBumpTransaction } from "./bump-transaction.js";
import { handleOf } from "./handle.js";
import type { JournalEntry, JournalTransaction } from "./journal.js";
import type { OperationHandle } from "./operation.js";
import { noCost, type WriteOptions, type WritePlan } from "./plan.js";
import { chainOf, childOf } from "./stack.js";
import { isAmong, signedFor } from "./versions.js";
import type { WriterCore } from "./writer-core.js";

/** An operation whose fee was raised. */
export interface BumpHandle extends OperationHandle {
  /** The transaction that was made for it. */
  readonly bump: {
    readonly txid: string;
    /** `replacement`: of the operation, or of the last one that builds on it. `child`: of a PREORDER, which stays. */
    readonly how: BumpTarget["how"];
    /** Id of the operation whose transaction was replaced: it may be one that builds on the one that was named. */
    readonly operation: string;
  };
}

/**
 * Plans a higher fee for an operation that is not mined: a replacement of the last one that builds on it, itself where
 * none does, or a payment for its PREORDER (W9).
 *
 * @param given - the operation's id, any txid that it has had, or a name: the last operation of it
 */
export async function planBump(core: WriterCore, given: string, options: WriteOptions): Promise<WritePlan<BumpHandle>> {
  const journalled = await core.journal.entries();
  const entry = findEntry(journalled, given);
  if (entry === null) throw notPending(given, "unknown");
  const name = parseName(entry.name);
  const resolution = await core.session(`The state of ${name}`, options, (session) =>
    core.parts.core.resolve(name, session),
  );
  const { operations } = resolution.tipState;
  if (isAmong(entry, operations)) throw notPending(given, "mined");
  if (!entry.ready) throw notPending(given, "unsent");
  await core.fate(entry).assertNotMoved(resolution);
  const entries = journalled.filter((other) => other.name === entry.name);
  const unmined = chainOf(entry, entries).filter((other) => !isAmong(other, operations));
  const target = await targetOf(core, unmined, options);
  const planned = await planBumpTransaction(core, target, options);
  const { psbt, txid, description } = planned;
  return {
    cost: { ...noCost, feeSats: planned.feeSats },
    approvals: 1,
    transactions: [{ psbt, txid, description }],
    affectedIds: entry.affectedIds,
    run: async ({ signal = options.signal } = {}) => {
      const [signed] = await core.sign([planned], options);
      if (signed === undefined) throw new HawserError("BUG_UNREACHABLE", "Nothing was signed.", { what: "sign" });
      throwIfAborted(signal, `The higher fee of ${name}`);
      // W3: before it is sent. Whichever version is mined, the journal knows it.
      await journalBump(core, target, signed);
      return send(core, entry, target, signed, { ...options, signal });
    },
  };
}

/** By id, by any txid or by name; of a name the last one that nothing builds on. */
function findEntry(entries: readonly JournalEntry[], given: string): JournalEntry | null {
  const found = entries.find((entry) => entry.id === given || signedFor(entry).some(({ txid }) => txid === given));
  if (found !== undefined) return found;
  const named = entries.filter(({ name }) => name === given);
  return named.filter(({ ready }) => ready).at(-1) ?? named.at(-1) ?? null;
}

/** What has to be done so that all of these operations, each building on the one before it, are mined. */
async function targetOf(
  core: WriterCore,
  unmined: readonly JournalEntry[],
  { signal }: WriteOptions,
): Promise<BumpTarget> {
  const transactions: { readonly entry: JournalEntry; readonly transaction: JournalTransaction }[] = [];
  for (const entry of unmined) {
    for (const transaction of entry.transactions) {
      const isMined =
        transaction.kind === "preorder" && (await core.desk.place(transaction.txid, 0, signal)).place.at === "block";
      if (!isMined) transactions.push({ entry, transaction });
    }
  }
  const [first] = transactions;
  const last = transactions.at(-1);
  if (first === undefined || last === undefined) {
    throw new HawserError("BUG_UNREACHABLE", "An operation has no transaction.", { what: "bump" });
  }
  // W9: no other REGISTER is needed, and none can be had, before the PREORDER is mined.
  const isPreorder = first.transaction.kind === "preorder" && last.transaction.kind === "register";
  const target = isPreorder ? first : last;
  const below = isPreorder ? [first] : transactions.filter((one) => one !== last);
  return {
    ...target,
    how: isPreorder ? "child" : "replacement",
    below: below.map(({ transaction }) => transaction),
  };
}

/**
 * Keeps the new transaction durably. One that builds on what is to be replaced, made by another run meanwhile, would
 * become void: then nothing is replaced.
 *
 * @throws CONFLICT_PENDING
 */
async function journalBump(core: WriterCore, target: BumpTarget, signed: SignedTransaction): Promise<void> {
  const { entry } = target;
  const kept = await core.journal.revise(entry, (transactions) => withBump(transactions, target, signed));
  if (kept === null) throw inTheWay(entry, entry.id);
  if (target.how === "child") return;
  const child = childOf(entry, await core.journal.entries(entry.name));
  if (child === null) return;
  await withdraw(core, target, signed);
  throw inTheWay(entry, child.id);
}

/** The transactions with the new one; null where another run changed the one that it is for. */
function withBump(
  transactions: readonly JournalTransaction[],
  { transaction, how }: BumpTarget,
  { txid, raw }: SignedTransaction,
): readonly JournalTransaction[] | null {
  const { earlier = [], children = [] } = transaction;
  const isSame = (now: JournalTransaction): boolean =>
    now.txid === transaction.txid && now.children?.at(-1)?.txid === children.at(-1)?.txid;
  if (!transactions.some(isSame)) return null;
  const bumped: JournalTransaction =
    how === "child"
      ? { ...transaction, children: [...children, { txid, raw }] }
      : { ...transaction, txid, raw, earlier: [...earlier, { txid: transaction.txid, raw: transaction.raw }] };
  return transactions.map((now) => (isSame(now) ? bumped : now));
}

/** Puts back what was there, where the journal still has the new one as the newest: no source has it. */
async function withdraw(
  core: WriterCore,
  { entry, transaction }: BumpTarget,
  signed: SignedTransaction,
): Promise<void> {
  const isNewest = ({ txid, children }: JournalTransaction): boolean =>
    txid === signed.txid || children?.at(-1)?.txid === signed.txid;
  await core.journal.revise(entry, (now) => now.map((one) => (isNewest(one) ? transaction : one)));
}

async function send(
  core: WriterCore,
  named: JournalEntry,
  target: BumpTarget,
  signed: SignedTransaction,
  options: WriteOptions,
): Promise<BumpHandle> {
  const { signal, timeoutMs, onEvent } = options;
  const until = { until: "broadcast", signal, timeoutMs, onEvent } as const;
  // W4: without what it builds on nobody takes it.
  for (const { raw } of target.below) await core.desk.broadcast(raw, signal);
  const operation = core.operation(target.entry, { resumed: true });
  await operation.wait(until);
  if (await isDue(core, target, signal)) await assertTaken(core, target, signed, signal);
  const handle = named.id === target.entry.id ? operation : core.operation(named, { resumed: true });
  await handle.wait(until);
  return handleOf(handle, { bump: { txid: signed.txid, how: target.how, operation: target.entry.id } });
}

/** Whether it may be sent: a REGISTER, which reveals the name, not before MIN_AGE (W9). */
async function isDue(
  core: WriterCore,
  { entry, transaction }: BumpTarget,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (transaction.kind !== "register") return true;
  const { place, tipHeight } = await core.desk.place(entry.tenure, 0, signal);
  return place.at === "block" && tipHeight + 1 - place.height >= core.parts.core.parts.network.minAgeBlocks;
}

/**
 * What every source refuses is withdrawn, so that what comes next builds on the version that they have.
 *
 * @throws CHAIN_BROADCAST_REFUSED
 */
async function assertTaken(
  core: WriterCore,
  target: BumpTarget,
  signed: SignedTransaction,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { txid, raw } = signed;
  const { accepted, refused, attempts } = await core.desk.broadcast(raw, signal);
  if (accepted > 0 || (await core.desk.place(txid, 0, signal)).place.at !== "nowhere") return;
  if (refused === attempts.length) await withdraw(core, target, signed);
  const said = attempts.map(({ message }) => message).join(" ");
  throw new HawserError("CHAIN_BROADCAST_REFUSED", `No source took ${txid}, which pays a higher fee. ${said}`, {
    txid,
    attempts,
  });
}

function inTheWay({ name }: JournalEntry, operation: string): HawserError<"CONFLICT_PENDING"> {
  const message = `Another run of this program changed what is pending of ${name}; look again.`;
  return new HawserError("CONFLICT_PENDING", message, { name, operation });
}

function notPending(
  operation: string,
  state: "unknown" | "mined" | "unsent",
): HawserError<"INPUT_OPERATION_NOT_PENDING"> {
  const why = {
    unknown: "no operation under way has this id or txid",
    mined: "it is mined",
    unsent: "its records are not stored, so nothing was sent",
  }[state];
  const message = `The fee of ${operation} cannot be raised: ${why}.`;
  return new HawserError("INPUT_OPERATION_NOT_PENDING", message, { operation, state });
}
