import { assertInteger } from "../bytes/guards.js";
import type { Network } from "../chain/network.js";
import type { TransactionOutput } from "../chain/transaction.js";
import { limits } from "../limits.js";
import type { Name } from "../name/name.js";
import type { Outpoint, WalletAccount } from "../ports.js";
import { createCoin, type FundingCoin, selectCoins } from "./coin-selection.js";
import { assertFeeAllowed, assertFeeRateAllowed, estimateVbytes, type FeeGuards, feeOf } from "./fee.js";
import { preorderOutputs, registerOutputs, SEAL_VOUT, updateOutputs } from "./operations.js";
import { createPsbt, type PlannedTransaction } from "./psbt.js";

/** What a write costs and locks, in sat. */
export interface PlanCost {
  /** Over all transactions of the plan. */
  readonly feeSats: bigint;
  /** Locked in the seal; comes back with a RELEASE. */
  readonly bondSats: bigint;
  /** Put into the seal for the fees of later UPDATEs. */
  readonly reserveSats: bigint;
  /** Paid to the beacon, from which anyone may sweep it. */
  readonly beaconSats: bigint;
}

/** A seal that a planned transaction makes. */
export interface PlannedSeal {
  readonly outpoint: Outpoint;
  readonly valueSats: bigint;
}

/** How a name is to be registered. */
export interface RegistrationOptions {
  readonly network: Network;
  readonly name: Name;
  /** 8 fresh random bytes: without them the commitment could be guessed from a list of names. */
  readonly salt: Uint8Array;
  /** Becomes the owner; its script also receives the PREORDER's vout 1. */
  readonly owner: WalletAccount;
  /** 32 bytes. */
  readonly profileHash: Uint8Array;
  /**
   * Coins that may pay. One that is not confirmed, out of a transaction that others can replace or malleate, puts the
   * PREORDER's txid, and with it the registration, in their hands: leave it out.
   */
  readonly coins: readonly FundingCoin[];
  readonly changeScript: Uint8Array;
  /** sat/vB, for both transactions and for the reserve. */
  readonly feeRateSatsPerVbyte: number;
  /** UPDATEs that the seal can pay for at this fee rate. Default `limits.reserveUpdates`. */
  readonly reserveUpdates?: number | undefined;
  readonly feeGuards?: FeeGuards | undefined;
  /** `txid:vout` of outputs that must not be spent (W9). */
  readonly reserved?: ReadonlySet<string> | undefined;
}

/** PREORDER and REGISTER, to be signed in one session. */
export interface RegistrationPlan {
  readonly transactions: readonly [preorder: PlannedTransaction, register: PlannedTransaction];
  readonly cost: PlanCost;
  /** txid of the PREORDER, display order. */
  readonly tenure: string;
  /** The PREORDER's vout 1: reserved until the REGISTER spends it. */
  readonly preorderOutpoint: Outpoint;
  /** The REGISTER's vout 1: reserved from the moment that it is signed. */
  readonly seal: PlannedSeal;
  /** The PREORDER's change, spendable at once. */
  readonly change: PlannedSeal | null;
}

/**
 * Plans PREORDER and REGISTER together (W9). The PREORDER's vout 1 holds exactly what the REGISTER needs (seal, beacon
 * and fee), so that the REGISTER has this one input and no change, and its nSequence of MIN_AGE keeps it out of blocks
 * until C5 admits it. Neither may be replaced once the REGISTER is signed.
 *
 * @throws WALLET_FUNDS_INSUFFICIENT, INPUT_FEE_TOO_HIGH, INPUT_INVALID
 * @throws CHAIN_TRANSACTION_INVALID when a coin is not what its transaction says
 */
export function planRegistration(options: RegistrationOptions): RegistrationPlan {
  const { network, name, salt, owner, profileHash, feeRateSatsPerVbyte: rate, feeGuards } = options;
  const { reserveUpdates = limits.reserveUpdates } = options;
  assertFeeRateAllowed(rate, feeGuards);
  assertInteger("reserveUpdates", reserveUpdates, 0, 10_000);

  const reserveSats = updateReserve(network, owner, rate, reserveUpdates);
  const sealSats = network.bondSats + reserveSats;
  const sealTerms = { network, name, salt, profileHash, ownerScript: owner.script, sealSats };
  const registered = registerOutputs(sealTerms);
  const registerVbytes = estimateVbytes({ inputs: [owner.kind], outputs: registered.map(({ script }) => script) });
  const registerFeeSats = feeOf(rate, registerVbytes);
  const valueSats = total(registered) + registerFeeSats;

  const committed = preorderOutputs({ network, name, salt, ownerScript: owner.script, valueSats });
  const { coins, changeScript, reserved } = options;
  const funding = selectCoins({ coins, outputs: committed, feeRateSatsPerVbyte: rate, changeScript, reserved });
  const feeSats = funding.feeSats + registerFeeSats;
  assertFeeAllowed({ feeSats, vbytes: funding.vbytes + registerVbytes, transactions: 2 }, feeGuards);

  const changeOutputs = funding.change === null ? [] : [funding.change];
  const preorder = createPsbt(funding.coins, [...committed, ...changeOutputs]);
  const sealed = createCoin(preorder.transaction, SEAL_VOUT, owner);
  const register = createPsbt([{ ...sealed, sequence: network.minAgeBlocks }], registered);
  const tenure = preorder.transaction.txid;
  return {
    transactions: [
      {
        kind: "preorder",
        ...preorder,
        txid: tenure,
        description: `Preorder "${name}" on ${network.id} (1 of 2): commits to the name, fee ${funding.feeSats} sat`,
        inputsToSign: funding.coins.map((_, index) => index),
        feeSats: funding.feeSats,
        vbytes: funding.vbytes,
      },
      {
        kind: "register",
        ...register,
        txid: register.transaction.txid,
        description: `Register "${name}" on ${network.id} (2 of 2): locks ${sealSats} sat, fee ${registerFeeSats} sat`,
        inputsToSign: [0],
        feeSats: registerFeeSats,
        vbytes: registerVbytes,
      },
    ],
    cost: { feeSats, bondSats: network.bondSats, reserveSats, beaconSats: total(registered) - sealSats },
    tenure,
    preorderOutpoint: sealed.outpoint,
    seal: { outpoint: { txid: register.transaction.txid, vout: SEAL_VOUT }, valueSats: sealSats },
    change: plannedChange(tenure, committed.length, funding.change),
  };
}

/** The fees of `updates` UPDATEs that the seal pays alone at this rate, in sat. */
export function updateReserve(network: Network, owner: WalletAccount, rate: number, updates: number): bigint {
  const terms = { network, kind: "update", profileHash: new Uint8Array(32), ownerScript: owner.script } as const;
  const outputs = updateOutputs({ ...terms, sealSats: network.bondSats });
  const vbytes = estimateVbytes({ inputs: [owner.kind], outputs: outputs.map(({ script }) => script) });
  return feeOf(rate, vbytes) * BigInt(updates);
}

/** Where the change of a planned transaction lies. */
function plannedChange(txid: string, vout: number, change: TransactionOutput | null): PlannedSeal | null {
  return change === null ? null : { outpoint: { txid, vout }, valueSats: change.valueSats };
}

const total = (outputs: readonly TransactionOutput[]): bigint =>
  outputs.reduce((sum, output) => sum + output.valueSats, 0n);
