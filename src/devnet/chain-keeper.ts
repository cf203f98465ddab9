import { Block } from "bitcoinjs-lib/src/block";
import type { Chain, ChainBlock } from "./chain.js";
import { ChainLog, type LoggedChain } from "./chain-log.js";
import { unusable } from "./durable-file.js";
import { decodeTransaction, type KnownTransaction } from "./known-transaction.js";
import type { Mempool } from "./mempool.js";

/** Keeps a chain and its mempool in a log: what changed since the last call of {@link ChainKeeper.save}, as one change. */
export class ChainKeeper {
  readonly #log: ChainLog;
  readonly #chain: Chain;
  readonly #mempool: Mempool;
  /** The blocks that the log leads to, by height. */
  readonly #hashes: string[];
  /** The mempool that the log leads to. */
  #waiting: readonly string[];

  private constructor(log: ChainLog, chain: Chain, mempool: Mempool) {
    this.#log = log;
    this.#chain = chain;
    this.#mempool = mempool;
    this.#hashes = hashesAbove(chain, -1);
    this.#waiting = waitingIn(mempool).map(({ txid }) => txid);
  }

  /** Makes a log of a chain that was begun just now. */
  static create(file: string, chain: Chain, mempool: Mempool): ChainKeeper {
    const blocks = blocksAbove(chain, 0);
    const joined = waitingIn(mempool).map(({ raw }) => raw);
    return new ChainKeeper(ChainLog.create(file, { forkHeight: 0, blocks, left: [], joined }), chain, mempool);
  }

  /**
   * Brings an empty chain and mempool to where a log ends; `notices` are sentences about what was not as it should be.
   *
   * @throws INPUT_FILE_UNUSABLE
   */
  static open(
    file: string,
    chain: Chain,
    mempool: Mempool,
  ): { readonly keeper: ChainKeeper; readonly notices: readonly string[] } {
    const { log, logged } = ChainLog.open(file, (raw) => decodeTransaction(raw)?.getId() ?? null);
    try {
      connectAll(file, chain, logged);
      const notices: string[] = [];
      if (logged.tornBytes > 0) {
        notices.push(
          `${file}: the last change was cut short by a crash; its ${logged.tornBytes} bytes were cut off, and the chain is as before it, at block ${chain.height}.`,
        );
      }
      const lost = [...logged.waiting.values()].filter((raw) => {
        const tx = decodeTransaction(raw);
        return tx === null || !mempool.restore({ tx, txid: tx.getId(), raw, spent: [] });
      });
      if (lost.length > 0) notices.push(`${file}: ${lost.length} transactions of the mempool are no longer valid.`);
      log.trim();
      return { keeper: new ChainKeeper(log, chain, mempool), notices };
    } catch (error) {
      log.close();
      throw error;
    }
  }

  /** Writes what changed, if anything did, and waits for the disk. @throws STORAGE_REFUSED; the next call tries again */
  save(): void {
    const chain = this.#chain;
    let forkHeight = Math.min(this.#hashes.length - 1, chain.height);
    while (chain.blockAt(forkHeight)?.hash !== this.#hashes[forkHeight]) forkHeight--;
    const waiting = waitingIn(this.#mempool);
    const present = new Set(waiting.map(({ txid }) => txid));
    const stayed = this.#waiting.filter((txid) => present.has(txid));
    // Order matters to who reads it back: only what still leads the mempool can stay where the log has it.
    const differs = stayed.findIndex((txid, i) => txid !== waiting[i]?.txid);
    const kept = differs === -1 ? stayed.length : differs;
    const keeps = new Set(stayed.slice(0, kept));
    const left = this.#waiting.filter((txid) => !keeps.has(txid));
    const joined = waiting.slice(kept).map(({ raw }) => raw);
    const blocks = blocksAbove(chain, forkHeight);
    const same = forkHeight === this.#hashes.length - 1 && blocks.length + left.length + joined.length === 0;
    if (same) return;
    this.#log.append({ forkHeight, blocks, left, joined });
    this.#hashes.length = forkHeight + 1;
    for (const hash of hashesAbove(chain, forkHeight)) this.#hashes.push(hash);
    this.#waiting = waiting.map(({ txid }) => txid);
  }

  close(): void {
    this.#log.close();
  }
}

function connectAll(file: string, chain: Chain, { blocks }: LoggedChain): void {
  for (const raw of blocks) {
    try {
      chain.connect(Block.fromBuffer(raw));
    } catch (error) {
      throw unusable(file, `it is damaged: block ${chain.height + 1} is none`, error);
    }
  }
}

function blocksOver(chain: Chain, height: number): readonly ChainBlock[] {
  return Array.from({ length: chain.height - height }, (_, i) => chain.blockAt(height + 1 + i)).filter(
    (block) => block !== null,
  );
}

function hashesAbove(chain: Chain, height: number): string[] {
  return blocksOver(chain, height).map(({ hash }) => hash);
}

function blocksAbove(chain: Chain, height: number): readonly Uint8Array[] {
  return blocksOver(chain, height).map(({ raw }) => raw);
}

function waitingIn(mempool: Mempool): readonly KnownTransaction[] {
  return mempool.entries().map(({ known }) => known);
}
