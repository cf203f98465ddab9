import { equalBytes } from "../../bytes/bytes.js";
import { parseTransaction, type Transaction } from "../../chain/transaction.js";
import { HawserError, isHawserError } from "../../errors.js";
import {
  type BumpOptions,
  type BumpTransaction,
  changeVoutOf,
  type PaidSize,
  planChild,
  planReplacement,
  virtualSize,
} from "../../plan/bump.js";
import { createCoin, type FundingCoin } from "../../plan/coin-selection.js";
import { SEAL_VOUT } from "../../plan/operations.js";
import type { PlannedInput } from "../../plan/psbt.js";
import type { WalletAccount } from "../../ports.js";
import type { JournalEntry, JournalTransaction } from "./journal.js";
import type { WriteOptions } from "./plan.js";
import { signedFor } from "./versions.js";
import type { WriterCore } from "./writer-core.js";

/** The transaction whose fee is to be raised, and how. */
export interface BumpTarget {
  readonly entry: JournalEntry;
  /** Replaced, or for a `child` the PREORDER that stays. */
  readonly transaction: JournalTransaction;
  readonly how: "replacement" | "child";
  /** The unmined transactions that the new one builds on, the oldest first. */
  readonly below: readonly JournalTransaction[];
}

/** Everything that building one needs. */
interface Desk {
  readonly core: WriterCore;
  readonly target: BumpTarget;
  readonly accounts: readonly WalletAccount[];
  readonly options: WriteOptions;
  readonly common: BumpOptions;
}

/**
 * Builds the transaction, unsigned; coins are looked up only where what is there does not pay.
 *
 * @throws WALLET_FUNDS_INSUFFICIENT, WALLET_NOT_OWNER, INPUT_FEE_TOO_HIGH, CHAIN_UNAVAILABLE
 * @throws CONFLICT_PENDING where something that is not this writer's operation spends what would be replaced
 */
export async function planBumpTransaction(
  core: WriterCore,
  target: BumpTarget,
  options: WriteOptions,
): Promise<BumpTransaction> {
  const { network } = core.parts.core.parts;
  const parents: PaidSize[] = [];
  for (const { raw } of target.below) parents.push(await paidBy(core, parseTransaction(raw), options));
  const common: BumpOptions = {
    network,
    name: target.entry.name,
    feeRateSatsPerVbyte: await core.desk.feeRate(options.feeRateSatsPerVbyte, options.signal),
    parents,
    replaced: null,
    feeGuards: core.feeGuards(options),
    reserved: await core.reserved(),
  };
  const desk: Desk = { core, target, accounts: await core.accounts(), options, common };
  const plan = await (target.how === "child" ? childPlan(desk) : replacementPlan(desk));
  try {
    return plan([]);
  } catch (error) {
    if (!isHawserError(error, "WALLET_FUNDS_INSUFFICIENT")) throw error;
  }
  return plan(await core.desk.coins(desk.accounts, options.signal));
}

type Plan = (coins: readonly FundingCoin[]) => BumpTransaction;

async function replacementPlan(desk: Desk): Promise<Plan> {
  const { core, target, common, options } = desk;
  const transaction = parseTransaction(target.transaction.raw);
  const { kind } = target.transaction;
  if (kind === "preorder") throw new HawserError("BUG_UNREACHABLE", "A PREORDER is not replaced.", { what: "bump" });
  // BIP125, rule 3: what spends from it would go with it. Of this writer's operations it is the last.
  for (const vout of [SEAL_VOUT, changeVoutOf(kind)]) await assertUnspent(desk, transaction, vout);
  const inputs = await inputsOf(desk, transaction);
  const replaced = await paidBy(core, transaction, options);
  return (coins) => planReplacement({ ...common, kind, transaction, inputs, replaced, coins });
}

async function childPlan(desk: Desk): Promise<Plan> {
  const { core, target, common, accounts, options } = desk;
  const preorder = parseTransaction(target.transaction.raw);
  const vout = changeVoutOf("preorder");
  const output = preorder.outputs[vout];
  const account = output && accounts.find(({ script }) => equalBytes(script, output.script));
  if (account === undefined) {
    const message =
      `The PREORDER of ${target.entry.name} has no change that this wallet holds, and it cannot be replaced, since that ` +
      "would void its REGISTER; wait until it is mined.";
    throw new HawserError("WALLET_FUNDS_INSUFFICIENT", message, { neededSats: "1", availableSats: "0" });
  }
  await assertUnspent(desk, preorder, vout);
  const last = target.transaction.children?.at(-1);
  if (last === undefined)
    return (coins) => planChild({ ...common, spent: [createCoin(preorder, vout, account)], coins });
  const child = parseTransaction(last.raw);
  const spent = await inputsOf(desk, child);
  const replaced = await paidBy(core, child, options);
  return (coins) => planChild({ ...common, spent, replaced, coins });
}

/** What a transaction of this writer spends, as coins of the wallet, with its sequences. */
async function inputsOf(
  { core, target, accounts, options }: Desk,
  { inputs }: Transaction,
): Promise<readonly PlannedInput[]> {
  const previous = await previousOf(core, inputs, options);
  const coins: PlannedInput[] = [];
  for (const { outpoint, sequence } of inputs) {
    const tx = previous(outpoint.txid);
    const script = tx.outputs[outpoint.vout]?.script ?? new Uint8Array();
    const own = accounts.find((one) => equalBytes(one.script, script));
    const account = own ?? (await core.ownerAccount(target.entry.name, script));
    coins.push({ ...createCoin(tx, outpoint.vout, account), sequence });
  }
  return coins;
}

async function paidBy(core: WriterCore, transaction: Transaction, options: WriteOptions): Promise<PaidSize> {
  const previous = await previousOf(core, transaction.inputs, options);
  let feeSats = 0n;
  for (const { outpoint } of transaction.inputs) {
    feeSats += previous(outpoint.txid).outputs[outpoint.vout]?.valueSats ?? 0n;
  }
  for (const { valueSats } of transaction.outputs) feeSats -= valueSats;
  return { feeSats, vbytes: virtualSize(transaction) };
}

/** The transactions that inputs spend: this writer's own, which sources may not show, and others by their txids (V3). */
async function previousOf(
  core: WriterCore,
  inputs: Transaction["inputs"],
  { signal }: WriteOptions,
): Promise<(txid: string) => Transaction> {
  const found = new Map<string, Transaction>();
  const wanted = new Set(inputs.map(({ outpoint }) => outpoint.txid));
  for (const { txid, raw } of (await core.journal.entries()).flatMap(signedFor)) {
    if (wanted.delete(txid)) found.set(txid, parseTransaction(raw));
  }
  for (const [txid, tx] of await core.desk.transactions(wanted, signal)) found.set(txid, tx);
  return (txid) => {
    const tx = found.get(txid);
    if (tx === undefined) throw new HawserError("BUG_UNREACHABLE", `${txid} was not fetched.`, { what: "previous" });
    return tx;
  };
}

/** A payment that somebody made of its change or seal would become void with it. @throws CONFLICT_PENDING */
async function assertUnspent(
  { core, target, options }: Desk,
  { txid, outputs }: Transaction,
  vout: number,
): Promise<void> {
  const output = outputs[vout];
  if (output === undefined) return;
  const spender = await core.desk.unminedSpender({ txid, vout }, output.script, options.signal);
  if (spender === null || target.transaction.children?.some((child) => child.txid === spender) === true) return;
  const { name } = target.entry;
  const message = `${txid} of ${name} cannot be given a higher fee: ${spender}, which is not mined, spends from it.`;
  throw new HawserError("CONFLICT_PENDING", message, { name, operation: spender });
}
