import { script as scripts, Transaction } from "bitcoinjs-lib";
import { concatBytes, utf8 } from "../../../src/bytes/bytes.js";
import { decodeHex, reversed } from "../../../src/bytes/hex.js";
import { publicKeyOf, signEcdsa } from "../../../src/crypto/ecdsa.js";
import { hash160, sha256 } from "../../../src/crypto/hash.js";
import { signSchnorr } from "../../../src/crypto/schnorr.js";

/** A test key with the output scripts that it can spend. */
export class TestKey {
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
  /** P2WPKH. */
  readonly p2wpkh: Uint8Array;
  /** P2TR whose output key is the key itself, untweaked. */
  readonly p2tr: Uint8Array;

  constructor(seed: string) {
    this.privateKey = sha256(utf8(seed));
    this.publicKey = publicKeyOf(this.privateKey);
    this.p2wpkh = concatBytes(Uint8Array.of(0x00, 0x14), hash160(this.publicKey));
    this.p2tr = concatBytes(Uint8Array.of(0x51, 0x20), this.publicKey.slice(1));
  }
}

/** A coin to spend. */
export interface TestCoin {
  readonly txid: string;
  readonly vout: number;
  readonly valueSats: bigint;
  readonly script: Uint8Array;
  readonly sequence?: number;
}

/** An unsigned transaction. */
export function unsigned(
  coins: readonly TestCoin[],
  outputs: readonly (readonly [Uint8Array, bigint])[],
  options: { readonly version?: number; readonly locktime?: number } = {},
): Transaction {
  const tx = new Transaction();
  tx.version = options.version ?? 2;
  tx.locktime = options.locktime ?? 0;
  for (const coin of coins) tx.addInput(reversed(decodeHex(coin.txid)), coin.vout, coin.sequence ?? 0xfffffffd);
  for (const [script, value] of outputs) tx.addOutput(script, value);
  return tx;
}

/** Signs every P2WPKH and P2TR input with `key`. */
export function sign(tx: Transaction, coins: readonly TestCoin[], key: TestKey, hashType?: number): Transaction {
  coins.forEach((coin, vin) => {
    if (coin.script[0] === 0x51) signTaproot(tx, coins, vin, key, hashType ?? Transaction.SIGHASH_DEFAULT);
    else if (coin.script[1] === 0x14) signKeyHash(tx, coin, vin, key, hashType ?? Transaction.SIGHASH_ALL);
  });
  return tx;
}

/** The BIP143 digest of a P2WPKH input. */
export function keyHashDigest(tx: Transaction, coin: TestCoin, vin: number, hashType: number): Uint8Array {
  const code = concatBytes(Uint8Array.of(0x76, 0xa9, 0x14), coin.script.slice(2), Uint8Array.of(0x88, 0xac));
  return tx.hashForWitnessV0(vin, code, coin.valueSats, hashType);
}

function signKeyHash(tx: Transaction, coin: TestCoin, vin: number, key: TestKey, hashType: number): void {
  const signature = signEcdsa(keyHashDigest(tx, coin, vin, hashType), key.privateKey);
  tx.setWitness(vin, [scripts.signature.encode(signature, hashType), key.publicKey]);
}

function signTaproot(tx: Transaction, coins: readonly TestCoin[], vin: number, key: TestKey, hashType: number): void {
  const digest = tx.hashForWitnessV1(
    vin,
    coins.map(({ script }) => script),
    coins.map(({ valueSats }) => valueSats),
    hashType,
  );
  // Whether the key's point is even does not matter: BIP340 signing negates it where it is not.
  const signature = signSchnorr(digest, key.privateKey, new Uint8Array(32));
  tx.setWitness(vin, [hashType === 0 ? signature : concatBytes(signature, Uint8Array.of(hashType))]);
}

/** A signed transaction's bytes. */
export function payment(
  key: TestKey,
  coins: readonly TestCoin[],
  outputs: readonly (readonly [Uint8Array, bigint])[],
  options: { readonly version?: number; readonly locktime?: number } = {},
): Uint8Array {
  return sign(unsigned(coins, outputs, options), coins, key).toBuffer();
}

/** An OP_RETURN script with one direct push (or OP_PUSHDATA1 above 75 bytes). */
export function dataScript(data: Uint8Array): Uint8Array {
  const head = data.length > 75 ? [0x6a, 0x4c, data.length] : [0x6a, data.length];
  return concatBytes(Uint8Array.from(head), data);
}

/** The beacon's witness script on regtest (N3), with its delay pushed as OP_10. */
export const beaconWitness = concatBytes(Uint8Array.of(0x20), sha256(utf8("some name")), decodeHex("755ab2"));
/** The P2WSH script of {@link beaconWitness}. */
export const beacon = concatBytes(Uint8Array.of(0x00, 0x20), sha256(beaconWitness));

/** txid of raw bytes. */
export function txidOf(raw: Uint8Array): string {
  return Transaction.fromBuffer(raw).getId();
}
