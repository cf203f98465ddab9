import { decodeHex, reversed } from "../../bytes/hex.js";
import type { InclusionClaim } from "../../ports.js";
import type { Transaction } from "../transaction.js";
import { isCoinbase } from "../transaction.js";
import type { ElectrumCalls } from "./electrum-calls.js";
import { invalidAnswer, serverRefusal } from "./electrum-error.js";
import { electrumLimits } from "./electrum-limits.js";
import type { ElectrumTransactions } from "./electrum-transactions.js";

const OP_RETURN = 0x6a;

/**
 * Where a transaction is in the chain, or null where the server does not see it in a block. The protocol gives a proof
 * for a height alone, so where the height that is known is not the server's, it is looked up in the history of a script
 * that the transaction pays or spends.
 */
export async function fetchInclusion(
  calls: ElectrumCalls,
  transactions: ElectrumTransactions,
  txid: string,
  height: number,
  signal: AbortSignal | undefined,
): Promise<InclusionClaim | null> {
  let refusal: unknown = null;
  try {
    // Nothing that anybody looks for is in block 0: there it means that no height is known.
    if (height > 0) return await fetchProof(calls, txid, height, signal);
  } catch (error) {
    if (serverRefusal(error) === null) throw error;
    refusal = error;
  }
  const tx = await transactions.parsed(txid, signal);
  if (tx === null) return null;
  const found = await findHeight(calls, transactions, tx, signal);
  if (found === null) return null;
  // The server has it there after all, and yet refuses the proof.
  if (found === height) throw refusal;
  return fetchProof(calls, txid, found, signal);
}

async function fetchProof(
  calls: ElectrumCalls,
  txid: string,
  height: number,
  signal: AbortSignal | undefined,
): Promise<InclusionClaim> {
  const { block_height: at, merkle, pos: position } = await calls.merkle(txid, height, signal);
  if (at !== height) throw invalidAnswer(calls.url, `a proof for block ${at} in place of ${height}`);
  return { height, position, branch: merkle.map((hash) => reversed(decodeHex(hash, 32))) };
}

/** The height that the server's histories give a transaction; null in the mempool. */
async function findHeight(
  calls: ElectrumCalls,
  transactions: ElectrumTransactions,
  tx: Transaction,
  signal: AbortSignal | undefined,
): Promise<number | null> {
  const paid = tx.outputs.map(({ script }) => script).filter((script) => script[0] !== OP_RETURN);
  const scripts = paid.slice(0, electrumLimits.maxPlaceSearches);
  if (scripts.length === 0) scripts.push(...(await spentScripts(transactions, tx, signal)));
  let failure: unknown = invalidAnswer(calls.url, `it indexes no script of ${tx.txid}`);
  for (const script of scripts) {
    try {
      const entry = (await calls.history(script, signal)).find(({ txid }) => txid === tx.txid);
      if (entry !== undefined) return entry.height;
      failure = invalidAnswer(calls.url, `it has ${tx.txid}, and leaves it out of the history of a script`);
    } catch (error) {
      // One of its scripts may be flooded; another tells the same.
      if (serverRefusal(error) === null) throw error;
      failure = error;
    }
  }
  throw failure;
}

/** The script that vin 0 spends: a transaction that pays nobody is still in that one's history. */
async function spentScripts(
  transactions: ElectrumTransactions,
  tx: Transaction,
  signal: AbortSignal | undefined,
): Promise<readonly Uint8Array[]> {
  const outpoint = tx.inputs[0]?.outpoint;
  if (outpoint === undefined || isCoinbase(tx)) return [];
  const script = (await transactions.parsed(outpoint.txid, signal))?.outputs[outpoint.vout]?.script;
  return script === undefined ? [] : [script];
}
