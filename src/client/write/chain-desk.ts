import { equalBytes } from "../../bytes/bytes.js";
import { Evidence } from "../../chain/evidence.js";
import { askTips, syncHeaders } from "../../chain/sync-headers.js";
import { isCoinbase, type Transaction } from "../../chain/transaction.js";
import { ask, createPanel, type Panel } from "../../chain/union.js";
import { type Attempt, attemptOf, HawserError } from "../../errors.js";
import { decodePayload } from "../../name/operation.js";
import { createCoin, type FundingCoin, outpointKey } from "../../plan/coin-selection.js";
import { medianFeeRate } from "../../plan/fee.js";
import type { WalletAccount } from "../../ports.js";
import type { ReaderCore } from "../reader-core.js";

/** blocks - a coinbase output cannot be spent before (consensus). */
const COINBASE_MATURITY = 100;
/** blocks - the confirmation target that fee rates are asked for. */
const FEE_TARGET_BLOCKS = 6;
/** coins - of one account that are looked at, the largest first. */
const MAX_COINS = 100;

/** Where a transaction is. */
export type Place =
  | { readonly at: "block"; readonly height: number }
  | { readonly at: "mempool" }
  | { readonly at: "nowhere" };

/** What a writer asks of the chain sources beside what readers ask. */
export class ChainDesk {
  readonly #core: ReaderCore;

  constructor(core: ReaderCore) {
    this.#core = core;
  }

  #panel(signal: AbortSignal | undefined): Panel {
    return createPanel(this.#core.parts.sources, this.#core.parts.clock, signal);
  }

  /**
   * The caller's fee rate, else the median over all sources (W9), in sat/vB.
   *
   * @throws CHAIN_UNAVAILABLE when no source names one
   */
  async feeRate(given: number | undefined, signal?: AbortSignal): Promise<number> {
    if (given !== undefined) return given;
    const panel = this.#panel(signal);
    const rates = await Promise.all(
      panel.seats.map((seat) =>
        ask(panel, seat, (source, inner) => source.feeRate(FEE_TARGET_BLOCKS, { signal: inner })),
      ),
    );
    const known = rates.flatMap((rate) =>
      rate !== null && Number.isFinite(rate.value) && rate.value > 0 ? [rate.value] : [],
    );
    const median = medianFeeRate(known);
    if (median !== null) return median;
    throw unavailable("No chain source names a fee rate; pass one.", panel);
  }

  /**
   * Coins that may pay: confirmed outputs of the accounts that every answering source calls unspent. An output that
   * an operation made is left out whatever a caller remembers of it: it may be a name's seal (W9).
   *
   * @throws CHAIN_UNAVAILABLE when no source answers
   */
  async coins(
    accounts: readonly WalletAccount[],
    reserved: ReadonlySet<string>,
    signal?: AbortSignal,
  ): Promise<readonly FundingCoin[]> {
    const panel = this.#panel(signal);
    const tipHeight = (await this.#core.chain()).tipHeight;
    const evidence = new Evidence(panel);
    const lists = await Promise.all(
      accounts.map(async (account) => {
        const answers = await Promise.all(
          panel.seats.map((seat) =>
            ask(panel, seat, (source, inner) => source.unspent(account.script, { signal: inner })),
          ),
        );
        const known = answers.flatMap((answer) => (answer === null ? [] : [answer.value]));
        if (known.length === 0) throw unavailable("No chain source tells what the wallet's accounts hold.", panel);
        const [first = [], ...others] = known;
        const sets = others.map((list) => new Set(list.map(outpointKey)));
        const shared = first
          .filter((coin) => coin.height !== null && sets.every((set) => set.has(outpointKey(coin))))
          .filter((coin) => !reserved.has(outpointKey(coin)))
          .sort((a, b) => (a.valueSats < b.valueSats ? 1 : a.valueSats > b.valueSats ? -1 : 0))
          .slice(0, MAX_COINS);
        const coins = await Promise.all(
          shared.map(async ({ txid, vout, height }) => {
            // V3: the value is read from the transaction itself, never from a server's word.
            const tx = await evidence.transaction(txid, panel.seats);
            const output = tx?.outputs[vout];
            if (tx === null || output === undefined || !equalBytes(output.script, account.script)) return [];
            if (isCoinbase(tx) && (height ?? tipHeight) + COINBASE_MATURITY > tipHeight + 1) return [];
            return mayBeSeal(tx, vout) ? [] : [createCoin(tx, vout, account)];
          }),
        );
        return coins.flat();
      }),
    );
    return lists.flat();
  }

  /**
   * Where a transaction is by the best chain; "nowhere" only says that no source that answered knows it.
   *
   * @throws CHAIN_UNAVAILABLE when no source answers at all
   */
  async place(txid: string, nearHeight: number, signal?: AbortSignal): Promise<{ place: Place; tipHeight: number }> {
    const panel = this.#panel(signal);
    const chain = await syncHeaders(panel, await askTips(panel), await this.#core.chain());
    const seats = panel.seats.filter((seat) => seat.chain !== null);
    if (seats.length === 0) throw unavailable("No chain source answers.", panel);
    await this.#core.adopt(chain);
    const { tipHeight } = chain;
    const evidence = new Evidence(panel);
    if (await evidence.search(chain, txid, nearHeight)) {
      const proven = evidence.proven.find((entry) => entry.tx.txid === txid);
      if (proven !== undefined) return { place: { at: "block", height: proven.height }, tipHeight };
    }
    const known = await evidence.transaction(txid, seats);
    return { place: { at: known === null ? "nowhere" : "mempool" }, tipHeight };
  }

  /**
   * Sends a transaction to every source; one that takes it is enough.
   *
   * @returns what each source that did not take it said
   */
  async broadcast(
    raw: Uint8Array,
    signal?: AbortSignal,
  ): Promise<{ accepted: number; refused: number; attempts: Attempt[] }> {
    const panel = this.#panel(signal);
    const answers = await Promise.all(
      panel.seats.map(async (seat) => {
        const sent = await ask(panel, seat, (source, inner) => source.broadcast(raw, { signal: inner }));
        return { seat, sent };
      }),
    );
    const failed = answers.filter(({ sent }) => sent === null).map(({ seat }) => seat);
    return {
      accepted: answers.length - failed.length,
      refused: failed.filter((seat) => seat.failure?.code === "CHAIN_BROADCAST_REFUSED").length,
      attempts: failed.map((seat) => attemptOf(seat.label, seat.failure)),
    };
  }
}

/** Whether an output was made as a seal, or to become one, by its transaction's payload (C1, C7). */
function mayBeSeal(tx: Transaction, vout: number): boolean {
  const first = tx.outputs[0];
  if (vout !== 1 || first === undefined) return false;
  const payload = decodePayload(first.script, first.valueSats);
  return payload !== null && !(payload.is === "known" && payload.payload.kind === "release");
}

function unavailable(message: string, panel: Panel): HawserError<"CHAIN_UNAVAILABLE"> {
  const attempts = panel.seats.map((seat) => attemptOf(seat.label, seat.failure));
  return new HawserError("CHAIN_UNAVAILABLE", message, { needed: 1, answered: 0, attempts });
}
