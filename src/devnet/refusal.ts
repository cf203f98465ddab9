import { HawserError, isHawserError } from "../errors.js";

/** JSON-RPC error codes of a node's `sendrawtransaction`. */
export type RpcCode = -22 | -25 | -26 | -27;

/** The error for a transaction that the devnet refuses; `attempts[0]` has the node's code and reason. */
export function refused(txid: string, rpcCode: RpcCode, reason: string): HawserError<"CHAIN_BROADCAST_REFUSED"> {
  return new HawserError("CHAIN_BROADCAST_REFUSED", `The devnet refused transaction ${txid || "?"}: ${reason}.`, {
    txid,
    attempts: [{ label: "devnet", code: String(rpcCode), message: reason }],
  });
}

/** The text with which an Esplora server passes on a node's refusal, or null when `error` is none. */
export function rpcErrorText(error: unknown): string | null {
  if (!isHawserError(error, "CHAIN_BROADCAST_REFUSED")) return null;
  const attempt = error.details.attempts[0];
  if (attempt === undefined) return null;
  return `sendrawtransaction RPC error: ${JSON.stringify({ code: Number(attempt.code), message: attempt.message })}`;
}
