import { assertInteger, invalidArgument } from "../bytes/guards.js";
import type { Network } from "../chain/network.js";
import type { TransactionOutput } from "../chain/transaction.js";
import { addressOf } from "./address.js";
import { type CoinSelection, type FundingCoin, selectCoins } from "./coin-selection.js";
import { assertFeeRateAllowed, estimateVbytes, feeOf } from "./fee.js";
import { SEAL_VOUT, updateOutputs } from "./operations.js";
import { updateReserve } from "./registration.js";
import { createSingle, type SealedPlan, type SingleOptions } from "./single.js";

/** How a name's profile is to be replaced, or the name handed over. */
export interface UpdateOptions extends SingleOptions {
  readonly kind: "update" | "transfer";
  /** The seal that the change is based on (W4), mined or pending; its account is the current owner. */
  readonly seal: FundingCoin;
  /** The new owner of a TRANSFER (C3). */
  readonly newOwnerScript?: Uint8Array | undefined;
  /** 32 bytes; all zero for no profile (C10). */
  readonly profileHash: Uint8Array;
  /** UPDATEs whose fees are added to the seal when coins have to pay. Default 0: the seal keeps its value. */
  readonly reserveUpdates?: number | undefined;
}

/**
 * Plans an UPDATE or a TRANSFER (C2): one input while what the seal holds above the bond pays the fee, else the seal
 * keeps its value and coins pay.
 *
 * @throws WALLET_FUNDS_INSUFFICIENT, INPUT_FEE_TOO_HIGH, INPUT_INVALID
 * @throws CHAIN_TRANSACTION_INVALID when the seal or a coin is not what its transaction says
 */
export function planUpdate(options: UpdateOptions): SealedPlan {
  const { network, kind, seal, newOwnerScript, feeRateSatsPerVbyte: rate, feeGuards } = options;
  assertFeeRateAllowed(rate, feeGuards);
  assertSeal(seal, network);
  if ((kind === "transfer") !== (newOwnerScript !== undefined)) {
    throw invalidArgument("newOwnerScript", "a script in a TRANSFER and none in an UPDATE", newOwnerScript);
  }
  return planFromSeal(options) ?? planFromCoins(options);
}

/** C7: what is below the bond is no seal. @throws INPUT_INVALID */
export function assertSeal({ valueSats }: FundingCoin, { bondSats }: Network): void {
  if (valueSats >= bondSats) return;
  throw invalidArgument("seal.valueSats", `at least the bond of ${bondSats} sat`, valueSats);
}

function outputsOf(options: UpdateOptions, sealSats: bigint): readonly TransactionOutput[] {
  const { network, kind, profileHash, seal, newOwnerScript = seal.account.script } = options;
  return updateOutputs({ network, kind, profileHash, ownerScript: newOwnerScript, sealSats });
}

function planFromSeal(options: UpdateOptions): SealedPlan | null {
  const { network, seal, feeRateSatsPerVbyte, voids = [] } = options;
  const scripts = outputsOf(options, network.bondSats).map((output) => output.script);
  const vbytes = estimateVbytes({ inputs: [seal.account.kind], outputs: scripts });
  const feeSats = feeOf(feeRateSatsPerVbyte, vbytes);
  // C7: a seal below the bond would leave the name unsealed.
  if (voids.length > 0 || seal.valueSats - feeSats < network.bondSats) return null;
  return finish(options, { coins: [], change: null, feeSats, vbytes }, seal.valueSats - feeSats);
}

function planFromCoins(options: UpdateOptions): SealedPlan {
  const { network, seal, voids = [], coins = [], reserved, feeRateSatsPerVbyte, reserveUpdates = 0 } = options;
  assertInteger("reserveUpdates", reserveUpdates, 0, 10_000);
  const { account } = seal;
  const refilled = network.bondSats + updateReserve(network, account, feeRateSatsPerVbyte, reserveUpdates);
  const sealSats = refilled > seal.valueSats ? refilled : seal.valueSats;
  const outputs = outputsOf(options, sealSats);
  const { changeScript = account.script } = options;
  const fixed = [seal, ...voids];
  return finish(options, selectCoins({ coins, fixed, outputs, feeRateSatsPerVbyte, changeScript, reserved }), sealSats);
}

function finish(options: UpdateOptions, selection: CoinSelection, sealSats: bigint): SealedPlan {
  const { network, kind, name, seal, newOwnerScript, voids = [], feeGuards } = options;
  const { feeSats } = selection;
  const what =
    newOwnerScript === undefined ? `Update "${name}"` : `Transfer "${name}" to ${addressOf(newOwnerScript, network)}`;
  const { planned, change } = createSingle({
    ...selection,
    kind,
    description: `${what} on ${network.id}: fee ${feeSats} sat`,
    fixed: [seal, ...voids],
    outputs: outputsOf(options, sealSats),
    feeGuards,
  });
  const addedSats = sealSats - seal.valueSats;
  return {
    transactions: [planned],
    cost: { feeSats, bondSats: 0n, reserveSats: addedSats > 0n ? addedSats : 0n, beaconSats: 0n },
    seal: { outpoint: { txid: planned.txid, vout: SEAL_VOUT }, valueSats: sealSats },
    change,
  };
}
