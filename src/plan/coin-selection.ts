import { equalBytes } from "../bytes/bytes.js";
import type { Transaction, TransactionOutput } from "../chain/transaction.js";
import { HawserError } from "../errors.js";
import type { Outpoint, WalletAccount } from "../ports.js";
import { dustSats, estimateVbytes, feeOf, type InputKind, inputVbytes } from "./fee.js";

/**
 * An unspent output that a wallet can sign for. `previousTransaction` proves value and script (V3): a source that
 * lies about a value would otherwise make the wallet pay the difference as a fee.
 */
export interface FundingCoin {
  readonly outpoint: Outpoint;
  readonly valueSats: bigint;
  readonly account: WalletAccount;
  readonly previousTransaction: Transaction;
}

/** All coins that will ever be; the parser does not check values (V2). */
const MAX_MONEY_SATS = 2_100_000_000_000_000n;

/** The key of an outpoint in a set: `txid:vout`. */
export function outpointKey({ txid, vout }: Outpoint): string {
  return `${txid}:${vout}`;
}

/**
 * The coin at `vout` of a transaction whose txid was computed.
 *
 * @throws CHAIN_TRANSACTION_INVALID when there is no such output or it does not pay the account
 */
export function createCoin(previousTransaction: Transaction, vout: number, account: WalletAccount): FundingCoin {
  const valueSats = previousTransaction.outputs[vout]?.valueSats ?? 0n;
  const coin = { outpoint: { txid: previousTransaction.txid, vout }, valueSats, account, previousTransaction };
  assertCoin(coin);
  return coin;
}

/**
 * V3: value and script are those of the previous transaction, whose hash is the outpoint's txid.
 *
 * @throws CHAIN_TRANSACTION_INVALID
 */
export function assertCoin({ outpoint, valueSats, account, previousTransaction }: FundingCoin): void {
  const output = previousTransaction.outputs[outpoint.vout];
  if (
    previousTransaction.txid !== outpoint.txid ||
    output === undefined ||
    output.valueSats !== valueSats ||
    valueSats > MAX_MONEY_SATS ||
    !equalBytes(output.script, account.script)
  ) {
    const reason = `output ${outpointKey(outpoint)} is not what its transaction says`;
    throw new HawserError("CHAIN_TRANSACTION_INVALID", `A coin cannot be used: ${reason}.`, { reason });
  }
}

/** What coins are wanted for. */
export interface CoinSelectionInput {
  /** Order and duplicates do not matter. */
  readonly coins: readonly FundingCoin[];
  /** Inputs that are spent in any case and come first, in this order: vin 0, and what has to be made void (W9). */
  readonly fixed?: readonly FundingCoin[] | undefined;
  /** Every output but the change. */
  readonly outputs: readonly TransactionOutput[];
  /** sat/vB. A coin that costs more at this rate than it brings is left alone. */
  readonly feeRateSatsPerVbyte: number;
  /** The fee of a size. Default: that of the rate. */
  readonly fee?: ((vbytes: number) => bigint) | undefined;
  /** Where the change goes. */
  readonly changeScript: Uint8Array;
  /** `txid:vout` of outputs that must not be spent: known seals and unspent PREORDER outputs (W9). */
  readonly reserved?: ReadonlySet<string> | undefined;
}

/** Which coins pay, and what is left. */
export interface CoinSelection {
  /** In the order of the inputs, without `fixed`. */
  readonly coins: readonly FundingCoin[];
  /** Null: too little to be worth an output; it is part of the fee. */
  readonly change: TransactionOutput | null;
  readonly feeSats: bigint;
  readonly vbytes: number;
}

/**
 * Takes the largest coins first until they pay for the outputs and the fee; equal values go by txid, then vout, so
 * that the same coins always give the same transaction. A coin that costs more than it brings is left alone. A change
 * output is made only where its value is above dust after its own cost.
 *
 * @throws WALLET_FUNDS_INSUFFICIENT
 * @throws CHAIN_TRANSACTION_INVALID when a coin is not what its transaction says
 */
export function selectCoins(input: CoinSelectionInput): CoinSelection {
  const { fixed = [], outputs } = input;
  const usable = usableCoins(input);
  const alone = selectChange(input);
  if (alone !== null) return { coins: [], ...alone };
  const inputSats = fixed.reduce((sum, coin) => sum + coin.valueSats, 0n);
  const paying = { kinds: fixed.map(({ account }) => account.kind), inputSats };
  const chosen: FundingCoin[] = [];
  for (const coin of usable) {
    chosen.push(coin);
    paying.kinds.push(coin.account.kind);
    paying.inputSats += coin.valueSats;
    const balanced = balance(input, paying);
    if (balanced !== null) return { coins: chosen, ...balanced };
  }
  const scripts = outputs.map((output) => output.script);
  // Without any coin the need is told for one of the cheapest kind.
  const inputs: InputKind[] = chosen.length === 0 ? [...paying.kinds, "p2tr"] : paying.kinds;
  const neededSats = total(outputs) + feeFor(input, estimateVbytes({ inputs, outputs: scripts })) - inputSats;
  const availableSats = usable.reduce((sum, coin) => sum + coin.valueSats, 0n);
  throw new HawserError(
    "WALLET_FUNDS_INSUFFICIENT",
    `The wallet's coins do not suffice: needed ${neededSats} sat, available ${availableSats} sat.`,
    { neededSats: String(neededSats), availableSats: String(availableSats) },
  );
}

/** Fee and change where the fixed inputs pay alone, or null. */
export function selectChange(input: CoinSelectionInput): Omit<CoinSelection, "coins"> | null {
  const { fixed = [] } = input;
  if (fixed.length === 0) return null;
  const inputSats = fixed.reduce((sum, coin) => sum + coin.valueSats, 0n);
  return balance(input, { kinds: fixed.map(({ account }) => account.kind), inputSats });
}

const feeFor = ({ fee, feeRateSatsPerVbyte }: CoinSelectionInput, vbytes: number): bigint =>
  fee === undefined ? feeOf(feeRateSatsPerVbyte, vbytes) : fee(vbytes);

/** Fee and change of these inputs, or null where they do not pay for the outputs. */
function balance(
  input: CoinSelectionInput,
  { kinds, inputSats }: { readonly kinds: readonly InputKind[]; readonly inputSats: bigint },
): Omit<CoinSelection, "coins"> | null {
  const { outputs, changeScript } = input;
  const scripts = outputs.map((output) => output.script);
  const spareSats = inputSats - total(outputs);
  const vbytes = estimateVbytes({ inputs: kinds, outputs: scripts });
  if (spareSats < feeFor(input, vbytes)) return null;
  const withChange = estimateVbytes({ inputs: kinds, outputs: [...scripts, changeScript] });
  const feeSats = feeFor(input, withChange);
  if (spareSats - feeSats <= dustSats(changeScript)) return { change: null, feeSats: spareSats, vbytes };
  return { change: { valueSats: spareSats - feeSats, script: changeScript }, feeSats, vbytes: withChange };
}

const total = (outputs: readonly TransactionOutput[]): bigint =>
  outputs.reduce((sum, output) => sum + output.valueSats, 0n);

/** The coins that may pay and bring more than they cost, the largest first. */
export function usableCoins({
  coins,
  fixed = [],
  reserved,
  feeRateSatsPerVbyte,
}: Pick<CoinSelectionInput, "coins" | "fixed" | "reserved" | "feeRateSatsPerVbyte">): readonly FundingCoin[] {
  const seen = new Set<string>(fixed.map(({ outpoint }) => outpointKey(outpoint)));
  const usable: FundingCoin[] = [];
  for (const coin of coins) {
    const key = outpointKey(coin.outpoint);
    // W9: spending a seal as funding would leave a name unsealed; spending a PREORDER output voids a registration.
    if (seen.has(key) || reserved?.has(key) === true) continue;
    seen.add(key);
    assertCoin(coin);
    if (coin.valueSats > feeOf(feeRateSatsPerVbyte, inputVbytes(coin.account.kind))) usable.push(coin);
  }
  return usable.sort(compareCoins);
}

function compareCoins(a: FundingCoin, b: FundingCoin): number {
  if (a.valueSats !== b.valueSats) return a.valueSats > b.valueSats ? -1 : 1;
  if (a.outpoint.txid !== b.outpoint.txid) return a.outpoint.txid < b.outpoint.txid ? -1 : 1;
  return a.outpoint.vout - b.outpoint.vout;
}
