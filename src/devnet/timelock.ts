import type { Transaction } from "bitcoinjs-lib/src/transaction";
import type { Chain } from "./chain.js";
import type { Coin } from "./known-transaction.js";

/** BIP68: with this bit an input's sequence is no lock. */
export const SEQUENCE_DISABLED = 0x80000000;
/** BIP68: with this bit the lock counts units of 512 seconds, else blocks. */
export const SEQUENCE_TIME = 0x00400000;
/** BIP68: the bits that count. */
export const SEQUENCE_MASK = 0x0000ffff;
const LOCKTIME_IS_TIME = 500_000_000;

/** Whether `nLockTime` lets a transaction into the next block (BIP113: time is the median's). */
export function isFinal(tx: Transaction, chain: Chain): boolean {
  if (tx.locktime === 0 || tx.ins.every(({ sequence }) => sequence === 0xffffffff)) return true;
  const limit = tx.locktime < LOCKTIME_IS_TIME ? chain.height + 1 : chain.tip.medianTimeSec;
  return tx.locktime < limit;
}

/** Whether BIP68 lets a transaction into the next block; an unconfirmed coin counts as mined in that block. */
export function sequenceLocksPass(tx: Transaction, spent: readonly Coin[], chain: Chain): boolean {
  if (tx.version < 2) return true;
  const next = chain.height + 1;
  return tx.ins.every(({ sequence }, vin) => {
    if (sequence >= SEQUENCE_DISABLED) return true;
    const coinHeight = spent[vin]?.height ?? next;
    const count = sequence & SEQUENCE_MASK;
    if ((sequence & SEQUENCE_TIME) === 0) return next >= coinHeight + count;
    const coinTime = (chain.blockAt(Math.max(coinHeight - 1, 0)) ?? chain.tip).medianTimeSec;
    return chain.tip.medianTimeSec >= coinTime + count * 512;
  });
}
