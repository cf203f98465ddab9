import { encode as encodeSignature } from "bitcoinjs-lib/src/script_signature";
import { Transaction } from "bitcoinjs-lib/src/transaction";
import { concatBytes, equalBytes } from "../bytes/bytes.js";
import { assertBytes, invalidArgument } from "../bytes/guards.js";
import { decodeHex, reversed } from "../bytes/hex.js";
import { publicKeyOf, signEcdsa } from "../crypto/ecdsa.js";
import { HawserError } from "../errors.js";
import type { Outpoint } from "../ports.js";
import type { Chain } from "./chain.js";
import { type Coin, outpointKey } from "./known-transaction.js";
import type { Mempool } from "./mempool.js";
import { type Miner, minerKeyHash, minerPrivateKey, minerScript } from "./miner.js";
import { dustLimitSats } from "./standard.js";

const MATURITY = 100;
const FEE_SATS_PER_VBYTE = 2;
const MOST_SATS = 100_000_000_000n;
/** Mined for one payment at most: late blocks pay nothing, and waiting for them would never end. */
const MOST_BLOCKS = 100;

/** Pays regtest coins that its miner has earned. */
export class Faucet {
  readonly #chain: Chain;
  readonly #mempool: Mempool;
  readonly #miner: Miner;

  constructor(chain: Chain, mempool: Mempool, miner: Miner) {
    this.#chain = chain;
    this.#mempool = mempool;
    this.#miner = miner;
  }

  /**
   * Pays `valueSats` to `script` and mines one block, which confirms it and whatever else the mempool holds. Further
   * blocks are mined first when too few coinbases are ripe.
   *
   * @param valueSats - 1 to 100,000,000,000 (1,000 BTC).
   * @throws INPUT_INVALID, WALLET_FUNDS_INSUFFICIENT, and CHAIN_BROADCAST_REFUSED where relay refuses the output.
   */
  pay(script: Uint8Array, valueSats: bigint): Outpoint {
    assertBytes("script", script);
    if (typeof valueSats !== "bigint" || valueSats < 1n || valueSats > MOST_SATS) {
      throw invalidArgument("valueSats", `bigint from 1 to ${MOST_SATS}`, valueSats);
    }
    for (let mined = 0; ; mined++) {
      const raw = this.#createPayment(script, valueSats);
      if (raw !== null) {
        const { txid } = this.#mempool.accept(raw);
        this.#miner.mine();
        return { txid, vout: 0 };
      }
      if (mined === MOST_BLOCKS) throw this.#tooPoor(valueSats);
      this.#miner.mine();
    }
  }

  #ripeCoins(): readonly Coin[] {
    const next = this.#chain.height + 1;
    return [...this.#chain.coins()].filter(
      ({ txid, vout, coinbase, height, script }) =>
        equalBytes(script, minerScript) &&
        (!coinbase || next - (height ?? next) >= MATURITY) &&
        // After a reorganisation an earlier payment may wait again.
        this.#mempool.spendOf(outpointKey(txid, vout)) === null,
    );
  }

  #createPayment(script: Uint8Array, valueSats: bigint): Uint8Array | null {
    const chosen: Coin[] = [];
    let sum = 0n;
    for (const coin of this.#ripeCoins()) {
      chosen.push(coin);
      sum += coin.valueSats;
      const change = sum - valueSats - BigInt(FEE_SATS_PER_VBYTE * sizeOf(chosen.length, script));
      if (change >= 0n) return signed(chosen, script, valueSats, change);
    }
    return null;
  }

  #tooPoor(neededSats: bigint): HawserError<"WALLET_FUNDS_INSUFFICIENT"> {
    const availableSats = this.#ripeCoins().reduce((sum, coin) => sum + coin.valueSats, 0n);
    return new HawserError(
      "WALLET_FUNDS_INSUFFICIENT",
      `The faucet has ${availableSats} of ${neededSats} sat, and its blocks no longer pay enough.`,
      { neededSats: String(neededSats), availableSats: String(availableSats) },
    );
  }
}

/** Virtual bytes of a payment with change. */
function sizeOf(inputs: number, script: Uint8Array): number {
  return 12 + 69 * inputs + 11 + script.length + 31;
}

function signed(coins: readonly Coin[], script: Uint8Array, valueSats: bigint, change: bigint): Uint8Array {
  const tx = new Transaction();
  tx.version = 2;
  for (const { txid, vout } of coins) tx.addInput(reversed(decodeHex(txid)), vout, 0xfffffffd);
  tx.addOutput(script, valueSats);
  if (change >= dustLimitSats(minerScript)) tx.addOutput(minerScript, change);
  const scriptCode = concatBytes(Uint8Array.of(0x76, 0xa9, 0x14), minerKeyHash, Uint8Array.of(0x88, 0xac));
  coins.forEach(({ valueSats: spent }, vin) => {
    const digest = tx.hashForWitnessV0(vin, scriptCode, spent, Transaction.SIGHASH_ALL);
    const signature = encodeSignature(signEcdsa(digest, minerPrivateKey), Transaction.SIGHASH_ALL);
    tx.setWitness(vin, [signature, publicKeyOf(minerPrivateKey)]);
  });
  return tx.toBuffer();
}
