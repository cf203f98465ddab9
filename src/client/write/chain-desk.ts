import { equalBytes } from "../../bytes/bytes.js";
import { isHex } from "../../bytes/hex.js";
import { Evidence } from "../../chain/evidence.js";
import type { HeaderChain } from "../../chain/header-chain.js";
import { askOutspend } from "../../chain/source-calls.js";
import { askTips, syncHeaders } from "../../chain/sync-headers.js";
import { isCoinbase, parseTransaction, type Transaction } from "../../chain/transaction.js";
import { ask, createPanel, type Panel, type Seat } from "../../chain/union.js";
import { type Attempt, attemptOf, HawserError } from "../../errors.js";
import { decodePayload } from "../../name/operation.js";
import { createCoin, type FundingCoin, outpointKey } from "../../plan/coin-selection.js";
import { medianFeeRate } from "../../plan/fee.js";
import type { Outpoint, UnspentOutput, WalletAccount } from "../../ports.js";
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

interface Look {
  readonly panel: Panel;
  readonly chain: HeaderChain;
  readonly seats: readonly Seat[];
  readonly evidence: Evidence;
}

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
    // Those alone that follow the chain: a source of another network would name another network's rate.
    const { panel, seats } = await this.#look(signal);
    const rates = await Promise.all(
      seats.map((seat) => ask(panel, seat, (source, inner) => source.feeRate(FEE_TARGET_BLOCKS, { signal: inner }))),
    );
    const median = medianFeeRate(rates.flatMap((rate) => rate?.value ?? []));
    if (median !== null) return median;
    throw unavailable("No chain source names a fee rate; pass one.", panel);
  }

  /**
   * Coins that may pay: confirmed outputs of the accounts that every answering source calls unspent. An output that
   * an operation made is left out whatever a caller remembers of it: it may be a name's seal (W9).
   *
   * @throws CHAIN_UNAVAILABLE when no source answers
   */
  async coins(accounts: readonly WalletAccount[], signal?: AbortSignal): Promise<readonly FundingCoin[]> {
    const { panel, chain, seats, evidence } = await this.#look(signal);
    const { tipHeight } = chain;
    const lists = await Promise.all(
      accounts.map(async (account) => {
        const answers = await Promise.all(
          seats.map((seat) =>
            ask(panel, seat, async (source, inner) =>
              parseUnspent(seat.label, await source.unspent(account.script, { signal: inner })),
            ),
          ),
        );
        const known = answers.flatMap((answer) => (answer === null ? [] : [answer.value]));
        if (known.length === 0) throw unavailable("No chain source tells what the wallet's accounts hold.", panel);
        // W9: what one source alone calls confirmed could be replaced, and the tenure with it.
        const [first = [], ...others] = known.map((list) => list.filter(({ height }) => height !== null));
        const sets = others.map((list) => new Set(list.map(outpointKey)));
        const shared = first
          .filter((coin) => sets.every((set) => set.has(outpointKey(coin))))
          .sort((a, b) => (a.valueSats < b.valueSats ? 1 : a.valueSats > b.valueSats ? -1 : 0))
          .slice(0, MAX_COINS);
        const coins = await Promise.all(
          shared.map(async ({ txid, vout, height }) => {
            // V3: the value is read from the transaction itself, never from a server's word.
            const tx = await evidence.transaction(txid, seats);
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
    const { chain, seats, evidence } = await this.#look(signal);
    const { tipHeight } = chain;
    if (await evidence.search(chain, txid, nearHeight)) {
      const proven = evidence.proven.find((entry) => entry.tx.txid === txid);
      if (proven !== undefined) return { place: { at: "block", height: proven.height }, tipHeight };
    }
    const known = await evidence.transaction(txid, seats);
    return { place: { at: known === null ? "nowhere" : "mempool" }, tipHeight };
  }

  /**
   * Whether a transaction can never be mined because another one, which is proven at depth, spends one of its inputs.
   *
   * @throws CHAIN_UNAVAILABLE when no source answers at all
   */
  async isVoid(raw: Uint8Array, signal?: AbortSignal): Promise<boolean> {
    const { txid, inputs } = parseTransaction(raw);
    const { panel, chain, seats, evidence } = await this.#look(signal);
    const settledHeight = chain.tipHeight - this.#core.parts.minConfirmations + 1;
    for (const { outpoint } of inputs) {
      const previous = await evidence.transaction(outpoint.txid, seats);
      const script = previous?.outputs[outpoint.vout]?.script;
      if (script === undefined) continue;
      const answers = await Promise.all(seats.map((seat) => askOutspend(panel, seat, outpoint, script)));
      for (const answer of answers) {
        if (answer?.spent !== true || answer.height === null || answer.txid === txid) continue;
        await evidence.search(chain, answer.txid, answer.height);
      }
      const spenders = evidence.proven.filter(({ tx, height }) => tx.txid !== txid && height <= settledHeight);
      const key = outpointKey(outpoint);
      if (spenders.some(({ tx }) => tx.inputs.some((input) => outpointKey(input.outpoint) === key))) return true;
    }
    return false;
  }

  /**
   * txid of the unmined transaction that spends an output; null where it is unspent, and where not every source that
   * answers names the same one: a word about a mempool is nobody's proof.
   *
   * @throws CHAIN_UNAVAILABLE when no source answers at all
   */
  async unminedSpender(outpoint: Outpoint, script: Uint8Array, signal?: AbortSignal): Promise<string | null> {
    const { panel, seats } = await this.#look(signal);
    const answers = await Promise.all(seats.map((seat) => askOutspend(panel, seat, outpoint, script)));
    const [first, ...others] = answers.filter((answer) => answer !== null);
    if (first?.spent !== true || first.height !== null) return null;
    return others.every((other) => other.spent && other.txid === first.txid) ? first.txid : null;
  }

  /**
   * The transactions that others spend, each by its computed txid (V3).
   *
   * @throws CHAIN_UNAVAILABLE when no source has one of them
   */
  async transactions(txids: Iterable<string>, signal?: AbortSignal): Promise<ReadonlyMap<string, Transaction>> {
    const panel = this.#panel(signal);
    const evidence = new Evidence(panel);
    const found = new Map<string, Transaction>();
    for (const txid of new Set(txids)) {
      const tx = await evidence.transaction(txid, panel.seats);
      if (tx === null) throw unavailable(`No chain source has the transaction ${txid}.`, panel);
      found.set(txid, tx);
    }
    return found;
  }

  /** The best chain by all sources, and those of them that answered. */
  async #look(signal: AbortSignal | undefined): Promise<Look> {
    const panel = this.#panel(signal);
    const chain = await syncHeaders(panel, await askTips(panel), await this.#core.chain());
    const seats = panel.seats.filter((seat) => seat.chain !== null);
    if (seats.length === 0) throw unavailable("No chain source answers.", panel);
    await this.#core.adopt(chain);
    return { panel, chain, seats, evidence: new Evidence(panel) };
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

/** Sources may be anybody's code: a list of the wrong shape is no answer. @throws NETWORK_ANSWER_INVALID */
function parseUnspent(label: string, answer: unknown): readonly UnspentOutput[] {
  if (Array.isArray(answer) && answer.every(isUnspentOutput)) return answer;
  const details = { url: label, reason: "not a list of outputs" };
  throw new HawserError("NETWORK_ANSWER_INVALID", `The answer of ${label} is wrong: ${details.reason}.`, details);
}

function isUnspentOutput(item: unknown): item is UnspentOutput {
  if (typeof item !== "object" || item === null) return false;
  const { txid, vout, valueSats, height } = item as { readonly [member in keyof UnspentOutput]?: unknown };
  return (
    isHex(txid, 32) &&
    Number.isSafeInteger(vout) &&
    typeof valueSats === "bigint" &&
    (height === null || Number.isSafeInteger(height))
  );
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
