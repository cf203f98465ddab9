import * as scripts from "bitcoinjs-lib/src/script";
import { Transaction } from "bitcoinjs-lib/src/transaction";
import { concatBytes, equalBytes } from "../bytes/bytes.js";
import { unreachable } from "../bytes/guards.js";
import { verifyEcdsa } from "../crypto/ecdsa.js";
import { hash160, sha256 } from "../crypto/hash.js";
import { verifySchnorr } from "../crypto/schnorr.js";
import type { Coin } from "./known-transaction.js";
import { kindOfScript } from "./script-kind.js";
import { SEQUENCE_DISABLED, SEQUENCE_MASK, SEQUENCE_TIME } from "./timelock.js";

/**
 * Why an input may not spend its coin, in a node's words, or null when it may. Checked are P2WPKH, P2TR by its key and
 * the beacon of protocol N3; other scripts are refused, since accepting what was not checked would be worse.
 *
 * @param spent - The coins of all inputs, in their order.
 */
export function checkInput(tx: Transaction, vin: number, spent: readonly Coin[]): string | null {
  const input = tx.ins[vin];
  const coin = spent[vin];
  if (input === undefined || coin === undefined) return unreachable("an input without a coin");
  const kind = kindOfScript(coin.script);
  if (kind !== "v0_p2wpkh" && kind !== "v0_p2wsh" && kind !== "v1_p2tr") return unchecked(`${kind} output`);
  if (input.script.length > 0) return failed("Witness requires empty scriptSig");
  if (kind === "v0_p2wpkh") return checkKeyHash(tx, vin, coin, input.witness);
  if (kind === "v1_p2tr") return checkTaproot(tx, vin, spent, coin, input.witness);
  return checkBeacon(tx, input.sequence, coin, input.witness);
}

const failed = (why: string): string => `mandatory-script-verify-flag-failed (${why})`;
const unchecked = (what: string): string => `bad-txns-nonstandard-inputs (the devnet does not check a ${what})`;

/** BIP141 and BIP143. */
function checkKeyHash(tx: Transaction, vin: number, coin: Coin, witness: readonly Uint8Array[]): string | null {
  if (witness.length === 0) return failed("Witness program was passed an empty witness");
  const [signature, publicKey] = witness;
  if (signature === undefined || publicKey === undefined || witness.length !== 2) {
    return failed("Witness program hash mismatch");
  }
  const keyHash = coin.script.subarray(2);
  if (!equalBytes(hash160(publicKey), keyHash)) return failed("Script failed an OP_EQUALVERIFY operation");
  if (publicKey.length !== 33) return failed("Using non-compressed keys in segwit");
  if (signature.length === 0)
    return failed("Script evaluated without error but finished with a false/empty top stack element");
  const decoded = decodeSignature(signature);
  if (decoded === null) return failed("Non-canonical DER signature");
  if (isHighS(decoded.signature)) return failed("Non-canonical signature: S value is unnecessarily high");
  const scriptCode = concatBytes(Uint8Array.of(0x76, 0xa9, 0x14), keyHash, Uint8Array.of(0x88, 0xac));
  const digest = tx.hashForWitnessV0(vin, scriptCode, coin.valueSats, decoded.hashType);
  return verifyEcdsa(decoded.signature, digest, publicKey)
    ? null
    : failed("Signature must be zero for failed CHECK(MULTI)SIG operation");
}

function decodeSignature(der: Uint8Array): { readonly signature: Uint8Array; readonly hashType: number } | null {
  try {
    // The decoder admits BIP66's one encoding alone.
    return scripts.signature.decode(der);
  } catch {
    return null;
  }
}

const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

function isHighS(signature: Uint8Array): boolean {
  return signature.subarray(32).reduce((number, byte) => (number << 8n) | BigInt(byte), 0n) > HALF_ORDER;
}

const TAPROOT_HASH_TYPES: readonly number[] = [0x01, 0x02, 0x03, 0x81, 0x82, 0x83];

/** BIP341, the key path. */
function checkTaproot(
  tx: Transaction,
  vin: number,
  spent: readonly Coin[],
  coin: Coin,
  witness: readonly Uint8Array[],
): string | null {
  const [signature] = witness;
  if (signature === undefined) return failed("Witness program was passed an empty witness");
  if (witness.length > 1) return unchecked("Taproot script path or annex");
  if (signature.length !== 64 && signature.length !== 65) return failed("Invalid Schnorr signature size");
  const hashType = signature[64] ?? Transaction.SIGHASH_DEFAULT;
  const isSingle = (hashType & Transaction.SIGHASH_OUTPUT_MASK) === Transaction.SIGHASH_SINGLE;
  if (signature.length === 65 && !TAPROOT_HASH_TYPES.includes(hashType)) {
    return failed("Invalid Schnorr signature hash type");
  }
  if (isSingle && vin >= tx.outs.length) return failed("Invalid Schnorr signature hash type");
  const digest = tx.hashForWitnessV1(
    vin,
    spent.map(({ script }) => script),
    spent.map(({ valueSats }) => valueSats),
    hashType,
  );
  return verifySchnorr(signature.subarray(0, 64), digest, coin.script.subarray(2))
    ? null
    : failed("Invalid Schnorr signature");
}

/** BIP112 for `<32 bytes> OP_DROP <delay> OP_CHECKSEQUENCEVERIFY`, the witness script of N3. */
function checkBeacon(tx: Transaction, sequence: number, coin: Coin, witness: readonly Uint8Array[]): string | null {
  const witnessScript = witness.at(-1);
  if (witnessScript === undefined) return failed("Witness program was passed an empty witness");
  if (!equalBytes(sha256(witnessScript), coin.script.subarray(2))) return failed("Witness program hash mismatch");
  const delay = beaconDelay(witnessScript);
  if (delay === null) return unchecked("P2WSH output other than a beacon");
  if (witness.length > 1) return failed("Stack size must be exactly one after execution");
  if (delay < 0) return failed("Negative locktime");
  const disabled = Math.floor(delay / SEQUENCE_DISABLED) % 2 === 1;
  if (!disabled && !sequenceSatisfies(tx.version, sequence, delay)) return failed("Locktime requirement not satisfied");
  return delay === 0
    ? failed("Script evaluated without error but finished with a false/empty top stack element")
    : null;
}

function sequenceSatisfies(version: number, sequence: number, delay: number): boolean {
  if (version < 2 || sequence >= SEQUENCE_DISABLED) return false;
  if ((sequence & SEQUENCE_TIME) !== (delay & SEQUENCE_TIME)) return false;
  return (delay & SEQUENCE_MASK) <= (sequence & SEQUENCE_MASK);
}

/** The number in a beacon's witness script, minimally pushed, or null when the script has another form. */
function beaconDelay(witnessScript: Uint8Array): number | null {
  if (witnessScript[0] !== 0x20 || witnessScript[33] !== 0x75) return null;
  const chunks = scripts.decompile(witnessScript);
  if (chunks === null || chunks.length !== 4 || chunks[3] !== 0xb2) return null;
  if (!equalBytes(scripts.compile(chunks), witnessScript)) return null;
  const pushed = chunks[2];
  if (pushed === undefined) return null;
  if (typeof pushed === "number") {
    if (pushed === 0x4f) return -1;
    if (pushed === 0x00) return 0;
    return pushed >= 0x51 && pushed <= 0x60 ? pushed - 0x50 : null;
  }
  try {
    return scripts.number.decode(pushed, 5, true);
  } catch {
    return null;
  }
}
