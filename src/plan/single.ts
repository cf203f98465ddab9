import type { Network } from "../chain/network.js";
import type { TransactionOutput } from "../chain/transaction.js";
import type { CoinSelection, FundingCoin } from "./coin-selection.js";
import { assertFeeAllowed, type FeeGuards } from "./fee.js";
import { createPsbt, type PlannedTransaction } from "./psbt.js";
import type { PlanCost, PlannedSeal } from "./registration.js";

/** An operation after the registration, to be signed: one transaction. */
export interface SinglePlan {
  readonly transactions: readonly [PlannedTransaction];
  readonly cost: PlanCost;
  /** The new seal, reserved from the moment that the transaction is signed; null for a RELEASE. */
  readonly seal: PlannedSeal | null;
  readonly change: PlannedSeal | null;
}

/** As {@link SinglePlan}, for an operation that makes a seal. */
export interface SealedPlan extends SinglePlan {
  readonly seal: PlannedSeal;
}

/** What every operation after the registration is planned from. */
export interface SingleOptions {
  readonly network: Network;
  /** For the description, and for the beacon of a RECOVER. */
  readonly name: string;
  /** sat/vB. */
  readonly feeRateSatsPerVbyte: number;
  /** Coins that pay where the fixed inputs do not suffice. Default: none. */
  readonly coins?: readonly FundingCoin[] | undefined;
  /** Coins that are spent in any case, behind vin 0, so that what else spends them becomes void (W9). Default: none. */
  readonly voids?: readonly FundingCoin[] | undefined;
  /** Where change goes. Default: the owner script. */
  readonly changeScript?: Uint8Array | undefined;
  readonly feeGuards?: FeeGuards | undefined;
  /** `txid:vout` of outputs that must not be spent as funding (W9). */
  readonly reserved?: ReadonlySet<string> | undefined;
}

/** A transaction whose inputs and fee are decided. */
export interface SingleDraft extends CoinSelection {
  readonly kind: PlannedTransaction["kind"];
  readonly description: string;
  /** vin 0 first; the chosen coins follow. */
  readonly fixed: readonly FundingCoin[];
  /** Without the change. */
  readonly outputs: readonly TransactionOutput[];
  readonly feeGuards: FeeGuards | undefined;
}

/**
 * The transaction of a draft, unsigned.
 *
 * @throws INPUT_FEE_TOO_HIGH, CHAIN_TRANSACTION_INVALID when an input is not what its transaction says
 */
export function createSingle(draft: SingleDraft): {
  readonly planned: PlannedTransaction;
  readonly change: PlannedSeal | null;
} {
  const { kind, fixed, coins, outputs, change, feeSats, vbytes, feeGuards, description } = draft;
  assertFeeAllowed({ feeSats, vbytes }, feeGuards);
  const inputs = [...fixed, ...coins];
  const { psbt, transaction } = createPsbt(inputs, change === null ? outputs : [...outputs, change]);
  const { txid } = transaction;
  return {
    planned: {
      kind,
      psbt,
      transaction,
      txid,
      description,
      inputsToSign: inputs.map((_, index) => index),
      feeSats,
      vbytes,
    },
    change: change === null ? null : { outpoint: { txid, vout: outputs.length }, valueSats: change.valueSats },
  };
}
