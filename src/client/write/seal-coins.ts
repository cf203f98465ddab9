import { parseTransaction } from "../../chain/transaction.js";
import { HawserError } from "../../errors.js";
import { createCoin, type FundingCoin } from "../../plan/coin-selection.js";
import type { WalletAccount } from "../../ports.js";
import type { NamePosition } from "./position.js";
import type { WriterCore } from "./writer-core.js";

/** The seal of a name as an input. The transaction that made it is one of the proven ones, or this writer's own. */
export function sealCoin({ name, resolution, stack }: NamePosition, owner: WalletAccount): FundingCoin {
  const pending = stack.at(-1)?.transactions.at(-1);
  if (pending !== undefined) return createCoin(parseTransaction(pending.raw), 1, owner);
  const { seal } = resolution.tipState;
  if (seal !== null) {
    for (const { raw } of resolution.stored.transactions) {
      const tx = parseTransaction(raw);
      if (tx.txid === seal.outpoint.txid) return createCoin(tx, seal.outpoint.vout, owner);
    }
  }
  throw new HawserError("BUG_UNREACHABLE", `The seal of ${name} is not among its operations.`, { what: "seal" });
}

/** Coins that are spent to make RECOVERs void, and what those RECOVERs pay in fees. */
export interface Voids {
  readonly voids: readonly FundingCoin[];
  readonly replacedSats: bigint;
}

/**
 * W9: the coins by which RECOVERs that came too late are made void. Whatever spends these coins next keeps a RECOVER of
 * long ago from counting should the name ever be unsealed again.
 *
 * @throws CHAIN_UNAVAILABLE, WALLET_NOT_OWNER
 */
export async function voidsOf(
  core: WriterCore,
  { name, lost }: NamePosition,
  signal: AbortSignal | undefined,
): Promise<Voids> {
  const voids: FundingCoin[] = [];
  let replacedSats = 0n;
  for (const { transactions } of lost) {
    const last = transactions.at(-1);
    if (last === undefined) continue;
    const { inputs, outputs } = parseTransaction(last.raw);
    const txids = inputs.map(({ outpoint }) => outpoint.txid);
    const previous = await core.desk.transactions(txids, signal);
    const spent = inputs.map(({ outpoint }) => ({ outpoint, tx: previous.get(outpoint.txid) }));
    for (const { outpoint, tx } of spent) replacedSats += tx?.outputs[outpoint.vout]?.valueSats ?? 0n;
    for (const { valueSats } of outputs) replacedSats -= valueSats;
    const [first] = spent;
    const output = first?.tx?.outputs[first.outpoint.vout];
    if (first?.tx === undefined || output === undefined) continue;
    voids.push(createCoin(first.tx, first.outpoint.vout, await core.ownerAccount(name, output.script)));
  }
  return { voids, replacedSats };
}
