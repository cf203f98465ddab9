/**
 * What the doubles of this directory, servers that tests made themselves after published documents, see of a chain.
 * Everything is in display order and lower-case hex unless it is bytes.
 */

/** A block of the best chain. */
export interface ViewBlock {
  readonly height: number;
  readonly hash: string;
  /** 80 bytes. */
  readonly header: Uint8Array;
  /** With witnesses. */
  readonly raw: Uint8Array;
  /** In the order of the block. */
  readonly txids: readonly string[];
}

/** An input of a {@link ViewTransaction}. */
export interface ViewInput {
  readonly txid: string;
  readonly vout: number;
  /** Script and value of the output that it spends; null in a coinbase. */
  readonly spent: ViewOutput | null;
}

/** An output of a {@link ViewTransaction}. */
export interface ViewOutput {
  readonly valueSats: bigint;
  readonly script: Uint8Array;
}

/** A transaction in the chain or the mempool. */
export interface ViewTransaction {
  readonly txid: string;
  /** With witnesses. */
  readonly raw: Uint8Array;
  readonly vsize: number;
  /** null in the mempool. */
  readonly height: number | null;
  /** Index in its block; null in the mempool. */
  readonly position: number | null;
  readonly inputs: readonly ViewInput[];
  readonly outputs: readonly ViewOutput[];
  /** 0 for a coinbase. */
  readonly feeSats: bigint;
}

/** The input that spends an output. */
export interface ViewSpend {
  readonly txid: string;
  readonly vin: number;
  /** null in the mempool. */
  readonly height: number | null;
}

/** An unspent output of a script. */
export interface ViewUnspent extends ViewOutput {
  readonly txid: string;
  readonly vout: number;
  /** null in the mempool. */
  readonly height: number | null;
}

/** The chain and mempool of one moment. */
export interface ChainView {
  readonly tipHeight: number;
  /** null above the tip. */
  blockAt(height: number): ViewBlock | null;
  /** null for a block that is not in the best chain. */
  heightOf(hash: string): number | null;
  transaction(txid: string): ViewTransaction | null;
  /**
   * All transactions that pay or spend a script: mined ones in chain order, then those of the mempool in the order of
   * their arrival. OP_RETURN outputs are not indexed.
   */
  history(script: Uint8Array): readonly ViewTransaction[];
  /** The same by the SHA-256 of the script, plain hex (Electrum shows it reversed). */
  historyOfHash(scriptHash: string): readonly ViewTransaction[];
  /** Unspent outputs of a script, those of the mempool included. */
  unspentOfHash(scriptHash: string): readonly ViewUnspent[];
  /** What spends an output, mempool included; null where nothing does. */
  spenderOf(txid: string, vout: number): ViewSpend | null;
  /** txids of the mempool in the order of arrival. */
  readonly mempool: readonly string[];
  /** sat/vB for confirmation within so many blocks; null where the node has no estimate. */
  feeRate(targetBlocks: number): number | null;
}

/** A chain that goes on while a double serves it. */
export interface ViewedChain {
  /** The chain as it is now. */
  read(): Promise<ChainView>;
  /** Sends a raw transaction to the node; gives its txid. @throws SubmitRefused */
  submit(raw: Uint8Array): Promise<string>;
}

/** The node's refusal of a transaction, with the code and reason of `sendrawtransaction`. */
export class SubmitRefused extends Error {
  readonly code: number;

  constructor(code: number, reason: string) {
    super(reason);
    this.code = code;
  }
}

/** Where an {@link import("./indexed-chain.js").IndexedChain} has its blocks from: a devnet or a node. */
export interface ChainFeed {
  tipHeight(): Promise<number>;
  blockHash(height: number): Promise<string>;
  block(hash: string): Promise<Uint8Array>;
  /** txids, parents before children. */
  mempool(): Promise<readonly string[]>;
  /** A raw transaction of the mempool; null when it has left it. */
  pending(txid: string): Promise<Uint8Array | null>;
  feeRate(targetBlocks: number): number | null;
  /** @throws SubmitRefused */
  submit(raw: Uint8Array): Promise<string>;
}
