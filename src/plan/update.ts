import { assertInteger, invalidArgument } from "../bytes/guards.js";
import type { Network } from "../chain/network.js";
import { type FundingCoin, selectCoins } from "./coin-selection.js";
import { assertFeeAllowed, assertFeeRateAllowed, estimateVbytes, type FeeGuards, feeOf } from "./fee.js";
import { SEAL_VOUT, updateOutputs } from "./operations.js";
import { createPsbt, type PlannedTransaction } from "./psbt.js";
import { type PlanCost, type PlannedSeal, plannedChange, updateReserve } from "./registration.js";

/** How a name's profile is to be replaced. */
export interface UpdateOptions {
  readonly network: Network;
  readonly kind: "update";
  /** For the description only. */
  readonly name: string;
  /** The seal that the change is based on (W4), mined or pending; its account is the current owner. */
  readonly seal: FundingCoin;
  /** 32 bytes. */
  readonly profileHash: Uint8Array;
  /** sat/vB. */
  readonly feeRateSatsPerVbyte: number;
  /** Coins that pay where the seal's reserve is spent. Default: none. */
  readonly coins?: readonly FundingCoin[] | undefined;
  /** Where their change goes. Default: the owner script. */
  readonly changeScript?: Uint8Array | undefined;
  /** UPDATEs whose fees are added to the seal when coins have to pay. Default 0: the seal keeps its value. */
  readonly reserveUpdates?: number | undefined;
  readonly feeGuards?: FeeGuards | undefined;
  /** `txid:vout` of outputs that must not be spent as funding (W9). */
  readonly reserved?: ReadonlySet<string> | undefined;
}

/** An UPDATE to be signed. */
export interface UpdatePlan {
  readonly transactions: readonly [PlannedTransaction];
  readonly cost: PlanCost;
  /** The new seal: reserved from the moment that the transaction is signed. */
  readonly seal: PlannedSeal;
  readonly change: PlannedSeal | null;
}

/**
 * Plans an UPDATE (C2): one input while what the seal holds above the bond pays the fee, else the seal keeps its value
 * and coins pay.
 *
 * @throws WALLET_FUNDS_INSUFFICIENT, INPUT_FEE_TOO_HIGH, INPUT_INVALID
 * @throws CHAIN_TRANSACTION_INVALID when the seal or a coin is not what its transaction says
 */
export function planUpdate(options: UpdateOptions): UpdatePlan {
  const { network, seal, feeRateSatsPerVbyte: rate, feeGuards } = options;
  assertFeeRateAllowed(rate, feeGuards);
  if (seal.valueSats < network.bondSats) {
    throw invalidArgument("seal.valueSats", `at least the bond of ${network.bondSats} sat`, seal.valueSats);
  }
  return planFromSeal(options) ?? planFromCoins(options);
}

function planFromSeal(options: UpdateOptions): UpdatePlan | null {
  const { network, seal, profileHash, feeRateSatsPerVbyte } = options;
  const { kind, script } = seal.account;
  const scripts = updateOutputs(network, profileHash, script, network.bondSats).map((output) => output.script);
  const vbytes = estimateVbytes({ inputs: [kind], outputs: scripts });
  const feeSats = feeOf(feeRateSatsPerVbyte, vbytes);
  // C7: a seal below the bond would leave the name unsealed.
  if (seal.valueSats - feeSats < network.bondSats) return null;
  return finish(options, { coins: [], change: null, feeSats, vbytes, sealSats: seal.valueSats - feeSats });
}

function planFromCoins(options: UpdateOptions): UpdatePlan {
  const { network, seal, profileHash, feeRateSatsPerVbyte, coins = [], reserved, reserveUpdates = 0 } = options;
  assertInteger("reserveUpdates", reserveUpdates, 0, 10_000);
  const { script } = seal.account;
  const refilled = network.bondSats + updateReserve(network, seal.account, feeRateSatsPerVbyte, reserveUpdates);
  const sealSats = refilled > seal.valueSats ? refilled : seal.valueSats;
  const outputs = updateOutputs(network, profileHash, script, sealSats);
  const { changeScript = script } = options;
  const funding = selectCoins({ coins, first: seal, outputs, feeRateSatsPerVbyte, changeScript, reserved });
  return finish(options, { ...funding, sealSats });
}

interface Funded extends ReturnType<typeof selectCoins> {
  readonly sealSats: bigint;
}

function finish(options: UpdateOptions, { coins, change, feeSats, vbytes, sealSats }: Funded): UpdatePlan {
  const { network, kind, name, seal, profileHash, feeGuards } = options;
  assertFeeAllowed({ feeSats, vbytes }, feeGuards);
  const outputs = updateOutputs(network, profileHash, seal.account.script, sealSats);
  const inputs = [seal, ...coins];
  const { psbt, transaction } = createPsbt(inputs, change === null ? outputs : [...outputs, change]);
  const { txid } = transaction;
  const planned: PlannedTransaction = {
    kind,
    psbt,
    transaction,
    txid,
    description: `Update "${name}" on ${network.id}: fee ${feeSats} sat`,
    inputsToSign: inputs.map((_, index) => index),
    feeSats,
    vbytes,
  };
  const addedSats = sealSats - seal.valueSats;
  return {
    transactions: [planned],
    cost: { feeSats, bondSats: 0n, reserveSats: addedSats > 0n ? addedSats : 0n, beaconSats: 0n },
    seal: { outpoint: { txid, vout: SEAL_VOUT }, valueSats: sealSats },
    change: plannedChange(txid, outputs.length, change),
  };
}
