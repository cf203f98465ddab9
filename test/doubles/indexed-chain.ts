import { createHash } from "node:crypto";
import { Block, Transaction } from "bitcoinjs-lib";
import type {
  ChainFeed,
  ChainView,
  ViewBlock,
  ViewedChain,
  ViewInput,
  ViewOutput,
  ViewSpend,
  ViewTransaction,
  ViewUnspent,
} from "./chain-view.js";

const OP_RETURN = 0x6a;

interface ParsedBlock extends ViewBlock {
  readonly transactions: readonly Transaction[];
}

/** The chain of a node with the indexes of a server, built from the node's raw blocks alone. */
export class IndexedChain implements ViewedChain {
  readonly #feed: ChainFeed;
  #blocks: ParsedBlock[] = [];
  #state: Snapshot | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(feed: ChainFeed) {
    this.#feed = feed;
  }

  read(): Promise<ChainView> {
    // One after the other: two readings at once would each append the same blocks.
    const next = this.#turn.then(() => this.#read());
    this.#turn = next.catch(() => undefined);
    return next;
  }

  submit(raw: Uint8Array): Promise<string> {
    return this.#feed.submit(raw);
  }

  async #read(): Promise<ChainView> {
    const changed = await this.#follow();
    const pending = await this.#feed.mempool();
    const known = this.#state;
    if (known !== null && !changed && pending.join() === known.mempool.join()) return known;
    const raws = await Promise.all(pending.map((txid) => this.#feed.pending(txid)));
    const next = new Snapshot(
      this.#blocks.slice(),
      raws.filter((raw) => raw !== null),
      (target) => this.#feed.feeRate(target),
    );
    this.#state = next;
    return next;
  }

  /** Takes over the node's blocks; whether any is new or gone. */
  async #follow(): Promise<boolean> {
    const tip = await this.#feed.tipHeight();
    let kept = Math.min(this.#blocks.length, tip + 1);
    while (kept > 0 && this.#blocks[kept - 1]?.hash !== (await this.#feed.blockHash(kept - 1))) kept--;
    const changed = kept !== this.#blocks.length || kept !== tip + 1;
    this.#blocks = this.#blocks.slice(0, kept);
    while (this.#blocks.length <= tip) {
      const start = this.#blocks.length;
      const heights = Array.from({ length: Math.min(32, tip + 1 - start) }, (_, i) => start + i);
      this.#blocks.push(
        ...(await Promise.all(
          heights.map(async (height) => {
            const hash = await this.#feed.blockHash(height);
            const raw = await this.#feed.block(hash);
            const transactions = Block.fromBuffer(Buffer.from(raw)).transactions ?? [];
            const txids = transactions.map((tx) => tx.getId());
            return { height, hash, header: raw.subarray(0, 80), raw, txids, transactions };
          }),
        )),
      );
    }
    return changed;
  }
}

class Snapshot implements ChainView {
  readonly mempool: readonly string[];
  readonly feeRate: (targetBlocks: number) => number | null;
  readonly #blocks: readonly ViewBlock[];
  readonly #heights = new Map<string, number>();
  readonly #transactions = new Map<string, ViewTransaction>();
  readonly #spends = new Map<string, ViewSpend>();
  readonly #scripts = new Map<string, ViewTransaction[]>();

  constructor(
    blocks: readonly ParsedBlock[],
    pending: readonly Uint8Array[],
    feeRate: (targetBlocks: number) => number | null,
  ) {
    this.feeRate = feeRate;
    this.#blocks = blocks;
    for (const { hash, height, txids, transactions } of blocks) {
      this.#heights.set(hash, height);
      for (const [position, tx] of transactions.entries()) this.#index(tx, txids[position]!, height, position);
    }
    this.mempool = pending.map((raw) => {
      const tx = Transaction.fromBuffer(Buffer.from(raw));
      const txid = tx.getId();
      this.#index(tx, txid, null, null);
      return txid;
    });
  }

  get tipHeight(): number {
    return this.#blocks.length - 1;
  }

  blockAt(height: number): ViewBlock | null {
    return this.#blocks[height] ?? null;
  }

  heightOf(hash: string): number | null {
    return this.#heights.get(hash) ?? null;
  }

  transaction(txid: string): ViewTransaction | null {
    return this.#transactions.get(txid) ?? null;
  }

  history(script: Uint8Array): readonly ViewTransaction[] {
    return this.historyOfHash(hashOf(script));
  }

  historyOfHash(scriptHash: string): readonly ViewTransaction[] {
    return this.#scripts.get(scriptHash) ?? [];
  }

  unspentOfHash(scriptHash: string): readonly ViewUnspent[] {
    return this.historyOfHash(scriptHash).flatMap(({ txid, height, outputs }) =>
      outputs.flatMap((output, vout) =>
        isIndexed(output) && hashOf(output.script) === scriptHash && this.spenderOf(txid, vout) === null
          ? [{ ...output, txid, vout, height }]
          : [],
      ),
    );
  }

  spenderOf(txid: string, vout: number): ViewSpend | null {
    return this.#spends.get(`${txid}:${vout}`) ?? null;
  }

  #index(tx: Transaction, txid: string, height: number | null, position: number | null): void {
    const outputs = tx.outs.map(({ value, script }) => ({ valueSats: value, script }));
    const inputs = tx.isCoinbase() ? [] : tx.ins.map(({ hash, index }) => this.#input(hash, index));
    const touched = new Set(outputs.filter(isIndexed).map(({ script }) => hashOf(script)));
    let feeSats = 0n;
    inputs.forEach(({ txid: from, vout, spent }, vin) => {
      this.#spends.set(`${from}:${vout}`, { txid, vin, height });
      if (spent !== null) touched.add(hashOf(spent.script));
      feeSats += spent?.valueSats ?? 0n;
    });
    if (inputs.length > 0) for (const { valueSats } of outputs) feeSats -= valueSats;
    const raw = Uint8Array.from(tx.toBuffer());
    const seen = { txid, raw, vsize: tx.virtualSize(), height, position, inputs, outputs, feeSats };
    this.#transactions.set(txid, seen);
    for (const hash of touched) {
      const history = this.#scripts.get(hash);
      if (history === undefined) this.#scripts.set(hash, [seen]);
      else history.push(seen);
    }
  }

  #input(hash: Uint8Array, vout: number): ViewInput {
    const txid = Buffer.from(hash).reverse().toString("hex");
    return { txid, vout, spent: this.#transactions.get(txid)?.outputs[vout] ?? null };
  }
}

function isIndexed({ script }: ViewOutput): boolean {
  return script[0] !== OP_RETURN;
}

function hashOf(script: Uint8Array): string {
  return createHash("sha256").update(script).digest("hex");
}
