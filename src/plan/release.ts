import { type FundingCoin, selectCoins } from "./coin-selection.js";
import { assertFeeRateAllowed } from "./fee.js";
import { releaseOutputs } from "./operations.js";
import { createSingle, type SingleOptions, type SinglePlan } from "./single.js";
import { assertSeal } from "./update.js";

/** How a name is to be given up. */
export interface ReleaseOptions extends SingleOptions {
  /** Mined or pending; its account is the current owner. */
  readonly seal: FundingCoin;
}

/**
 * Plans a RELEASE (C2): the seal pays the fee, and what is left of it goes to `changeScript`, the bond included. Where the
 * fee eats it up, coins pay; where what is left is dust, there is no second output.
 *
 * @throws WALLET_FUNDS_INSUFFICIENT, INPUT_FEE_TOO_HIGH, INPUT_INVALID
 * @throws CHAIN_TRANSACTION_INVALID when the seal or a coin is not what its transaction says
 */
export function planRelease(options: ReleaseOptions): SinglePlan {
  const { network, name, seal, voids = [], coins = [], reserved, feeRateSatsPerVbyte, feeGuards } = options;
  const { changeScript = seal.account.script } = options;
  assertFeeRateAllowed(feeRateSatsPerVbyte, feeGuards);
  assertSeal(seal, network);
  const fixed = [seal, ...voids];
  const outputs = releaseOutputs();
  const selection = selectCoins({ coins, fixed, outputs, feeRateSatsPerVbyte, changeScript, reserved });
  const { feeSats } = selection;
  const backSats = selection.change?.valueSats ?? 0n;
  const { planned, change } = createSingle({
    ...selection,
    kind: "release",
    description: `Release "${name}" on ${network.id}: pays back ${backSats} sat, fee ${feeSats} sat`,
    fixed,
    outputs,
    feeGuards,
  });
  // The bond was paid at the registration; what comes back of it is a negative cost.
  const cost = { feeSats, bondSats: -network.bondSats, reserveSats: network.bondSats - seal.valueSats, beaconSats: 0n };
  return { transactions: [planned], cost, seal: null, change };
}
