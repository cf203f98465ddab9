import { Transaction as TransactionBuilder } from "bitcoinjs-lib/src/transaction";
import { getNetwork, type NetworkId } from "../../../src/chain/network.js";
import { parseTransaction, type Transaction } from "../../../src/chain/transaction.js";
import { sha256 } from "../../../src/crypto/hash.js";
import { createCoin, type FundingCoin } from "../../../src/plan/coin-selection.js";
import type { PlannedTransaction } from "../../../src/plan/psbt.js";
import type { Random, WalletAccount } from "../../../src/ports.js";
import { type PrivateKeyWallet, privateKeyWallet } from "../../../src/wallet/private-key.js";

/** Random bytes that are the same in every run. */
export function seededRandom(seed: string): Random {
  let counter = 0;
  return {
    bytes: (length) => sha256(new TextEncoder().encode(`${seed} ${counter++}`)).slice(0, length),
  };
}

export interface TestWallet {
  readonly wallet: PrivateKeyWallet;
  readonly privateKey: Uint8Array;
  readonly p2tr: WalletAccount;
  readonly p2wpkh: WalletAccount;
}

/** A wallet over a key that follows from `seed`. */
export async function testWallet(seed = "wallet", network: NetworkId = "regtest"): Promise<TestWallet> {
  const privateKey = sha256(new TextEncoder().encode(seed));
  const wallet = privateKeyWallet({ privateKey, network, random: seededRandom(seed) });
  const [p2tr, p2wpkh] = await wallet.accounts();
  if (p2tr === undefined || p2wpkh === undefined) throw new Error("expected two accounts");
  return { wallet, privateKey, p2tr, p2wpkh };
}

/** A transaction that pays these outputs out of nowhere; another `label` gives another txid. */
export function payingTransaction(
  outputs: readonly { readonly script: Uint8Array; readonly valueSats: bigint }[],
  label = "",
): Transaction {
  const builder = new TransactionBuilder();
  builder.version = 2;
  builder.addInput(sha256(new TextEncoder().encode(`paying ${label}`)), 0);
  for (const { script, valueSats } of outputs) builder.addOutput(script, valueSats);
  return parseTransaction(builder.toBuffer());
}

/** One coin of each value, all in one transaction. */
export function coinsOf(account: WalletAccount, valuesSats: readonly bigint[], label = ""): FundingCoin[] {
  const transaction = payingTransaction(
    valuesSats.map((valueSats) => ({ script: account.script, valueSats })),
    label,
  );
  return valuesSats.map((_, vout) => createCoin(transaction, vout, account));
}

/** Signs planned transactions as a caller would. */
export function sign(wallet: PrivateKeyWallet, planned: readonly PlannedTransaction[]): Promise<readonly Uint8Array[]> {
  return wallet.signPsbts(
    planned.map(({ psbt, inputsToSign, description }) => ({ psbt, inputs: inputsToSign, description })),
  );
}

/** The virtual size of a signed transaction. */
export function vbytesOf(raw: Uint8Array): number {
  const { strippedSize } = parseTransaction(raw);
  return Math.ceil((3 * strippedSize + raw.length) / 4);
}

export const regtest = getNetwork("regtest");
