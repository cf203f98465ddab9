import { assertInteger } from "../bytes/guards.js";
import { limits } from "../limits.js";
import type { Name } from "../name/name.js";
import { type FundingCoin, selectCoins } from "./coin-selection.js";
import { assertFeeRateAllowed } from "./fee.js";
import { recoverOutputs, SEAL_VOUT } from "./operations.js";
import { updateReserve } from "./registration.js";
import { createSingle, type SealedPlan, type SingleOptions } from "./single.js";

/** How an unsealed name is to be sealed again. */
export interface RecoverOptions extends SingleOptions {
  readonly name: Name;
  /** vin 0: any output of the owner script that is no seal and no unspent PREORDER output (W9). */
  readonly authority: FundingCoin;
  /** 32 bytes; all zero for no profile (C10). */
  readonly profileHash: Uint8Array;
  /** UPDATEs that the seal can pay for at this fee rate. Default `limits.reserveUpdates`. */
  readonly reserveUpdates?: number | undefined;
}

/**
 * Plans a RECOVER (C2, C8): bond and beacon are paid anew, since the old seal went elsewhere.
 *
 * @throws WALLET_FUNDS_INSUFFICIENT, INPUT_FEE_TOO_HIGH, INPUT_INVALID
 * @throws CHAIN_TRANSACTION_INVALID when a coin is not what its transaction says
 */
export function planRecover(options: RecoverOptions): SealedPlan {
  const { network, name, authority, profileHash, voids = [], coins = [], reserved, feeGuards } = options;
  const { feeRateSatsPerVbyte, reserveUpdates = limits.reserveUpdates } = options;
  const { script: ownerScript } = authority.account;
  const { changeScript = ownerScript } = options;
  assertFeeRateAllowed(feeRateSatsPerVbyte, feeGuards);
  assertInteger("reserveUpdates", reserveUpdates, 0, 10_000);
  const reserveSats = updateReserve(network, authority.account, feeRateSatsPerVbyte, reserveUpdates);
  const sealSats = network.bondSats + reserveSats;
  const outputs = recoverOutputs({ network, name, profileHash, ownerScript, sealSats });
  const fixed = [authority, ...voids];
  const selection = selectCoins({ coins, fixed, outputs, feeRateSatsPerVbyte, changeScript, reserved });
  const { feeSats } = selection;
  const { planned, change } = createSingle({
    ...selection,
    kind: "recover",
    description: `Recover "${name}" on ${network.id}: locks ${sealSats} sat, fee ${feeSats} sat`,
    fixed,
    outputs,
    feeGuards,
  });
  const beaconSats = outputs.reduce((sum, { valueSats }) => sum + valueSats, -sealSats);
  return {
    transactions: [planned],
    cost: { feeSats, bondSats: network.bondSats, reserveSats, beaconSats },
    seal: { outpoint: { txid: planned.txid, vout: SEAL_VOUT }, valueSats: sealSats },
    change,
  };
}
