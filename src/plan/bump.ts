import type { Network } from "../chain/network.js";
import type { Transaction, TransactionOutput } from "../chain/transaction.js";
import { HawserError } from "../errors.js";
import type { OperationKind } from "../name/operation.js";
import { type CoinSelection, type FundingCoin, selectChange, selectCoins, usableCoins } from "./coin-selection.js";
import { assertFeeAllowed, assertFeeRateAllowed, dustSats, estimateVbytes, type FeeGuards, feeOf } from "./fee.js";
import { SEAL_VOUT } from "./operations.js";
import { createPsbt, type PlannedInput, type PlannedTransaction } from "./psbt.js";

/** What a transaction pays and how large it is. */
export interface PaidSize {
  readonly feeSats: bigint;
  readonly vbytes: number;
}

/** What the fee of a transaction depends on that is to bring others into a block. */
export interface BumpFeeTerms {
  /** sat/vB that the transaction and each of `parents` are to be worth to a miner. */
  readonly feeRateSatsPerVbyte: number;
  /** The unmined transactions below it, each spending from the one before it, the oldest first. */
  readonly parents: readonly PaidSize[];
  /** What it drives out of the mempool; null for a child, which replaces nothing. */
  readonly replaced: PaidSize | null;
}

/** What the two sorts of bump have in common. */
export interface BumpOptions extends BumpFeeTerms {
  readonly network: Network;
  /** For the description. */
  readonly name: string;
  /** Coins that pay where what is there does not suffice; confirmed ones alone (BIP125, rule 2). Default: none. */
  readonly coins?: readonly FundingCoin[] | undefined;
  readonly feeGuards?: FeeGuards | undefined;
  /** `txid:vout` of outputs that must not be spent as funding (W9). */
  readonly reserved?: ReadonlySet<string> | undefined;
}

/** Which transaction is to be replaced. */
export interface ReplacementOptions extends BumpOptions {
  /** Never a PREORDER: that would void its REGISTER (W9). */
  readonly kind: Exclude<OperationKind, "preorder">;
  readonly transaction: Transaction;
  /** What it spends, in its order and with its sequences. */
  readonly inputs: readonly PlannedInput[];
  readonly replaced: PaidSize;
}

/** Which payment is to bring a PREORDER into a block. */
export interface ChildOptions extends BumpOptions {
  /** The PREORDER's change first; then what an earlier such payment spends, which the new one replaces. */
  readonly spent: readonly FundingCoin[];
}

/** A transaction that raises a fee, to be signed. */
export type BumpTransaction = Omit<PlannedTransaction, "kind">;

/** sat/vB - what nodes want, unless they were set up otherwise, for relaying another transaction in place of one. */
const RELAY_STEP_SATS_PER_VBYTE = 1;

/**
 * The least fee for a size, in sat. What parents lack goes on top of the transaction's own, and not what some of them pay
 * beyond the rate: a miner takes those without the others. A replacement pays more than what it replaces: as a rate, and
 * in all, with its own relay on top (BIP125, rules 3 and 4).
 */
export function bumpFee({ feeRateSatsPerVbyte: rate, parents, replaced }: BumpFeeTerms): (vbytes: number) => bigint {
  let missingSats = 0n;
  let mostMissingSats = 0n;
  for (const { feeSats, vbytes } of [...parents].reverse()) {
    missingSats += feeOf(rate, vbytes) - feeSats;
    if (missingSats > mostMissingSats) mostMissingSats = missingSats;
  }
  return (vbytes) => {
    const fees = [feeOf(rate, vbytes) + mostMissingSats];
    if (replaced !== null) {
      fees.push(replaced.feeSats + feeOf(RELAY_STEP_SATS_PER_VBYTE, vbytes));
      fees.push((replaced.feeSats * BigInt(vbytes)) / BigInt(replaced.vbytes) + 1n);
    }
    return fees.reduce((most, fee) => (fee > most ? fee : most));
  };
}

/** The virtual size of a signed transaction. */
export function virtualSize({ raw, strippedSize }: Transaction): number {
  return Math.ceil((strippedSize * 3 + raw.length) / 4);
}

/**
 * Plans the same operation with a higher fee: the same inputs and so the same vin 0, the same payload, owner and beacon.
 * The change pays, then what the seal holds above the bond, then further coins.
 *
 * @throws WALLET_FUNDS_INSUFFICIENT, INPUT_FEE_TOO_HIGH, INPUT_INVALID
 * @throws CHAIN_TRANSACTION_INVALID when an input is not what its transaction says
 */
export function planReplacement(options: ReplacementOptions): BumpTransaction {
  const { network, name, kind, transaction, inputs, replaced, coins = [], reserved, parents } = options;
  const { feeRateSatsPerVbyte, feeGuards } = options;
  assertFeeRateAllowed(feeRateSatsPerVbyte, feeGuards);
  const changeVout = changeVoutOf(kind);
  const outputs = transaction.outputs.slice(0, changeVout);
  const [authority] = inputs;
  const changeScript = transaction.outputs[changeVout]?.script ?? authority?.account.script ?? new Uint8Array();
  const fee = bumpFee(options);
  const terms = { coins, fixed: inputs, outputs, changeScript, reserved, feeRateSatsPerVbyte, fee };
  const alone = selectChange(terms);
  const draft: Draft =
    alone !== null
      ? { outputs, coins: [], ...alone }
      : (fromReserve(options, fee) ?? { outputs, ...selectCoins(terms) });
  const what = `${kind.toUpperCase()} of "${name}" on ${network.id}`;
  const below = parents.length === 0 ? "" : `, and so that of ${parents.length} below it`;
  const description = `Raise the fee of the ${what} from ${replaced.feeSats} to ${draft.feeSats} sat${below}`;
  return createBump([...inputs, ...draft.coins], draft, description, feeGuards);
}

/**
 * Plans a payment of a PREORDER's change to the same script, with a fee for both. The PREORDER itself stays as it is (W9).
 *
 * @throws WALLET_FUNDS_INSUFFICIENT, INPUT_FEE_TOO_HIGH, INPUT_INVALID
 * @throws CHAIN_TRANSACTION_INVALID when a coin is not what its transaction says
 */
export function planChild(options: ChildOptions): BumpTransaction {
  const { network, name, spent, coins = [], reserved, feeRateSatsPerVbyte, feeGuards } = options;
  assertFeeRateAllowed(feeRateSatsPerVbyte, feeGuards);
  const fee = bumpFee(options);
  const script = spent[0]?.account.script ?? new Uint8Array();
  const inputs = [...spent];
  const further = [...usableCoins({ coins, fixed: spent, reserved, feeRateSatsPerVbyte })];
  for (;;) {
    const vbytes = estimateVbytes({ inputs: inputs.map(({ account }) => account.kind), outputs: [script] });
    const feeSats = fee(vbytes);
    const valueSats = inputs.reduce((sum, coin) => sum + coin.valueSats, -feeSats);
    if (valueSats > dustSats(script)) {
      const change = { valueSats, script };
      const description = `Raise the fee of the PREORDER of "${name}" on ${network.id}: pays ${feeSats} sat for it`;
      return createBump(inputs, { outputs: [], change, feeSats, vbytes }, description, feeGuards);
    }
    const next = further.shift();
    if (next === undefined) {
      const neededSats = dustSats(script) + 1n - valueSats;
      const message = `The PREORDER's change and the wallet's confirmed coins do not pay for a child: ${neededSats} sat are missing.`;
      throw new HawserError("WALLET_FUNDS_INSUFFICIENT", message, {
        neededSats: String(neededSats),
        availableSats: "0",
      });
    }
    inputs.push(next);
  }
}

/** Where an operation's change is, if it has one (C2). */
export function changeVoutOf(kind: OperationKind): number {
  if (kind === "release") return 1;
  return kind === "register" || kind === "recover" ? 3 : 2;
}

interface Draft extends CoinSelection {
  readonly outputs: readonly TransactionOutput[];
}

/** What the seal holds above the bond pays; a change that does not suffice goes with it. */
function fromReserve(
  { network, kind, transaction, inputs }: ReplacementOptions,
  fee: (vbytes: number) => bigint,
): Draft | null {
  const outputs = transaction.outputs.slice(0, changeVoutOf(kind));
  const seal = outputs[SEAL_VOUT];
  if (seal === undefined) return null;
  const kinds = inputs.map(({ account }) => account.kind);
  const vbytes = estimateVbytes({ inputs: kinds, outputs: outputs.map(({ script }) => script) });
  const feeSats = fee(vbytes);
  const spentSats = inputs.reduce((sum, { valueSats }) => sum + valueSats, 0n);
  const otherSats = outputs.reduce((sum, { valueSats }) => sum + valueSats, -seal.valueSats);
  const valueSats = spentSats - otherSats - feeSats;
  // C7: a seal below the bond would leave the name unsealed.
  if (valueSats < network.bondSats) return null;
  const resealed = outputs.map((output, vout) => (vout === SEAL_VOUT ? { ...output, valueSats } : output));
  return { outputs: resealed, coins: [], change: null, feeSats, vbytes };
}

function createBump(
  inputs: readonly PlannedInput[],
  { outputs, change, feeSats, vbytes }: Omit<Draft, "coins">,
  description: string,
  feeGuards: FeeGuards | undefined,
): BumpTransaction {
  assertFeeAllowed({ feeSats, vbytes }, feeGuards);
  const { psbt, transaction } = createPsbt(inputs, change === null ? outputs : [...outputs, change]);
  const { txid } = transaction;
  return { psbt, transaction, txid, description, inputsToSign: inputs.map((_, index) => index), feeSats, vbytes };
}
