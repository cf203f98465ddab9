import { equalBytes } from "../bytes/bytes.js";
import { Cursor, CursorError } from "../bytes/cursor.js";
import { type HawserError, isHawserError } from "../errors.js";
import { HEADER_BYTES, parseHeader } from "./header.js";
import { merkleRoot } from "./merkle.js";
import { readTransaction, type Transaction } from "./transaction.js";

/** A whole block. That its header is in some chain is not known. */
export interface Block {
  /** Display order, hex. */
  readonly hash: string;
  /** In their order in the block; their `raw` are views of the block's bytes. */
  readonly transactions: readonly Transaction[];
}

/**
 * A raw block, of which no byte is left over and whose transactions are exactly those of its header's Merkle root: one
 * that was cut short, or put together from others, is none.
 *
 * @throws what `fail` makes of the reason
 */
export function parseBlock(raw: Uint8Array, fail: (reason: string) => HawserError): Block {
  const transactions: Transaction[] = [];
  const cursor = new Cursor(raw);
  try {
    const { hash, merkleRoot: root } = parseHeader(cursor.take(HEADER_BYTES));
    const count = cursor.compactSize();
    if (count === 0) throw fail("a block without transactions");
    for (let i = 0; i < count; i++) transactions.push(readTransaction(cursor));
    if (cursor.remaining > 0) throw fail(`${cursor.remaining} bytes after the block`);
    if (!equalBytes(merkleRoot(transactions.map(({ txid }) => txid)), root)) {
      throw fail("a block whose transactions are not those of its Merkle root");
    }
    return { hash, transactions };
  } catch (error) {
    if (error instanceof CursorError || isHawserError(error, "CHAIN_TRANSACTION_INVALID")) throw fail(error.message);
    throw error;
  }
}
