import { invalidArgument } from "../bytes/guards.js";
import { HawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { WalletAccount } from "../ports.js";

/** Kinds of inputs whose size is known before they are signed. */
export type InputKind = WalletAccount["kind"];

/** What a caller lets a write cost (W9). */
export interface FeeGuards {
  /** sat/vB, default `limits.maxFeeRateSatsPerVbyte`. */
  readonly maxFeeRateSatsPerVbyte?: number | undefined;
  /** sat, over all transactions of the write. Default: no limit of its own. */
  readonly maxFeeSats?: bigint | undefined;
}

/** The inputs and outputs that make a transaction's size. */
export interface TransactionShape {
  readonly inputs: readonly InputKind[];
  /** scriptPubKeys. */
  readonly outputs: readonly Uint8Array[];
}

const WEIGHT_PER_BYTE = 4;
/** Version and lock time. */
const FIXED_BYTES = 8;
/** Marker and flag. */
const SEGWIT_WEIGHT = 2;
/** Outpoint, empty scriptSig, sequence. */
const INPUT_BYTES = 36 + 1 + 4;
/** weight units - the largest witness that a standard signature makes, item counts and lengths included. */
const WITNESS_WEIGHT: { readonly [kind in InputKind]: number } = {
  // DER of a low-S signature is at most 71 bytes; the sighash byte and a 33-byte key follow.
  p2wpkh: 1 + 1 + 72 + 1 + 33,
  // A DEFAULT signature. One with an explicit ALL is a byte longer.
  p2tr: 1 + 1 + 64,
};
/** sat/vB - below which nodes do not take a transaction, unless they were set up otherwise. */
const RELAY_MIN_SATS_PER_VBYTE = 1;
/** sat/vB - at which relay policy asks whether an output is worth spending. */
const DUST_RATE = 3;
/** vbytes - of the input that spends an output, in the same policy. */
const SPEND_SEGWIT_VBYTES = 67;
const SPEND_LEGACY_VBYTES = 148;
const OP_RETURN = 0x6a;
/** vbytes - of the largest change output (P2WSH, P2TR). */
const CHANGE_MAX_VBYTES = 43;
/** sat - dust of the costliest change output (P2PKH). */
const CHANGE_MAX_DUST_SATS = 546n;

const compactSizeBytes = (value: number): number => (value < 0xfd ? 1 : value <= 0xffff ? 3 : 5);

const outputBytes = (script: Uint8Array): number => 8 + compactSizeBytes(script.length) + script.length;

/**
 * The virtual size of a signed transaction: exact for P2TR with DEFAULT signatures, and the greatest that signing can
 * give for P2WPKH (a short signature saves a quarter of a vbyte).
 */
export function estimateVbytes({ inputs, outputs }: TransactionShape): number {
  let bytes = FIXED_BYTES + compactSizeBytes(inputs.length) + compactSizeBytes(outputs.length);
  let weight = SEGWIT_WEIGHT;
  for (const kind of inputs) {
    bytes += INPUT_BYTES;
    weight += WITNESS_WEIGHT[kind];
  }
  for (const script of outputs) bytes += outputBytes(script);
  return Math.ceil((weight + WEIGHT_PER_BYTE * bytes) / WEIGHT_PER_BYTE);
}

/** The vbytes that one more input of `kind` adds, rounded up. */
export function inputVbytes(kind: InputKind): number {
  return Math.ceil((WEIGHT_PER_BYTE * INPUT_BYTES + WITNESS_WEIGHT[kind]) / WEIGHT_PER_BYTE);
}

/**
 * The fee of `vbytes` at a rate, rounded up. Rates are counted in thousandths of a satoshi, so that the result does
 * not depend on how a fraction is held.
 *
 * @param feeRateSatsPerVbyte - sat/vB, above 0; fractions are allowed.
 * @throws INPUT_INVALID
 */
export function feeOf(feeRateSatsPerVbyte: number, vbytes: number): bigint {
  assertFeeRate("feeRateSatsPerVbyte", feeRateSatsPerVbyte);
  const millisats = BigInt(Math.ceil(Number((feeRateSatsPerVbyte * 1000).toFixed(3)))) * BigInt(vbytes);
  return (millisats + 999n) / 1000n;
}

/** The least value that nodes relay in an output of `script`: 294 for P2WPKH, 330 for P2WSH and P2TR, 0 for OP_RETURN. */
export function dustSats(script: Uint8Array): bigint {
  if (script[0] === OP_RETURN) return 0n;
  const version = script[0] ?? 0;
  const isWitness =
    script.length >= 4 &&
    script.length <= 42 &&
    (version === 0 || (version >= 0x51 && version <= 0x60)) &&
    script[1] === script.length - 2;
  const spend = isWitness ? SPEND_SEGWIT_VBYTES : SPEND_LEGACY_VBYTES;
  return BigInt(DUST_RATE * (outputBytes(script) + spend));
}

/**
 * Guards a fee rate before anything is built (W9).
 *
 * @throws INPUT_INVALID when it is not a rate
 * @throws INPUT_FEE_TOO_HIGH
 */
export function assertFeeRateAllowed(feeRateSatsPerVbyte: number, guards: FeeGuards = {}): void {
  assertFeeRate("feeRateSatsPerVbyte", feeRateSatsPerVbyte);
  const max = maxRateOf(guards);
  if (feeRateSatsPerVbyte > max) throw tooHigh("fee rate", `${feeRateSatsPerVbyte} sat/vB`, `${max} sat/vB`);
}

/**
 * Guards the fee of one transaction, or of all transactions of a write together (W9). What was too little to become a
 * change output is part of the fee and is let pass.
 *
 * @param transactions - How many transactions `feeSats` and `vbytes` cover, default 1.
 * @throws INPUT_FEE_TOO_HIGH
 */
export function assertFeeAllowed(
  { feeSats, vbytes, transactions = 1 }: { feeSats: bigint; vbytes: number; transactions?: number | undefined },
  guards: FeeGuards = {},
): void {
  const maxRate = maxRateOf(guards);
  const lostChange = CHANGE_MAX_DUST_SATS * BigInt(transactions);
  const maxByRate = feeOf(maxRate, vbytes + CHANGE_MAX_VBYTES * transactions) + lostChange;
  if (feeSats > maxByRate) throw tooHigh("fee", `${feeSats} sat for ${vbytes} vB`, `${maxRate} sat/vB`);
  const { maxFeeSats } = guards;
  if (maxFeeSats !== undefined && feeSats > maxFeeSats) throw tooHigh("fee", `${feeSats} sat`, `${maxFeeSats} sat`);
}

/**
 * The median of the fee rates that sources gave (W9): of three, one alone can make a write neither dear nor stuck. Of an
 * even number the lower middle one, but never less than nodes relay. Values that are no rates are left out; null when
 * none is left.
 */
export function medianFeeRate(ratesSatsPerVbyte: readonly number[]): number | null {
  const rates = ratesSatsPerVbyte.filter(isFeeRate).sort((a, b) => a - b);
  const median = rates[Math.floor((rates.length - 1) / 2)];
  return median === undefined ? null : Math.max(median, RELAY_MIN_SATS_PER_VBYTE);
}

const isFeeRate = (value: unknown): value is number =>
  typeof value === "number" && Number.isFinite(value) && value > 0 && value <= 21e6;

function assertFeeRate(argument: string, value: unknown): asserts value is number {
  if (!isFeeRate(value)) throw invalidArgument(argument, "a number of sat/vB above 0", value);
}

function maxRateOf(guards: FeeGuards): number {
  const max = guards.maxFeeRateSatsPerVbyte ?? limits.maxFeeRateSatsPerVbyte;
  assertFeeRate("maxFeeRateSatsPerVbyte", max);
  return max;
}

function tooHigh(what: string, got: string, max: string): HawserError<"INPUT_FEE_TOO_HIGH"> {
  return new HawserError("INPUT_FEE_TOO_HIGH", `The ${what} is too high: got ${got}, at most ${max}.`, {
    what,
    got,
    max,
  });
}
