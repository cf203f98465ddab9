import * as scripts from "bitcoinjs-lib/src/script";
import type { Transaction } from "bitcoinjs-lib/src/transaction";
import { isUnspendable } from "./known-transaction.js";
import { kindOfScript } from "./script-kind.js";

const MOST_MONEY_SATS = 2_100_000_000_000_000n;
const MOST_WEIGHT = 400_000;
/** Relay refuses what is shorter without witness: 64 bytes could pass for an inner Merkle node. */
const LEAST_STRIPPED_SIZE = 65;
/** The whole OP_RETURN script; nodes before Core 30 relay no more, so neither does the devnet. */
const MOST_DATA_SCRIPT_BYTES = 83;
const DUST_SATS_PER_BYTE = 3;

/** Why no block may hold the transaction, whatever it spends, or null. */
export function invalidReason(tx: Transaction): string | null {
  if (tx.outs.length === 0) return "bad-txns-vout-empty";
  let total = 0n;
  for (const { value } of tx.outs) {
    if (value < 0n) return "bad-txns-vout-negative";
    if (value > MOST_MONEY_SATS) return "bad-txns-vout-toolarge";
    total += value;
  }
  if (total > MOST_MONEY_SATS) return "bad-txns-txouttotal-toolarge";
  const keys = new Set(tx.ins.map(({ hash, index }) => `${hash.toString()}:${index}`));
  if (keys.size !== tx.ins.length) return "bad-txns-inputs-duplicate";
  if (tx.isCoinbase()) return "coinbase";
  if (tx.ins.some(({ hash, index }) => index === 0xffffffff && hash.every((byte) => byte === 0))) {
    return "bad-txns-prevout-null";
  }
  return null;
}

/** Why nodes do not relay the transaction although a block may hold it, or null. */
export function nonstandardReason(tx: Transaction): string | null {
  if (tx.version < 1 || tx.version > 2) return "version";
  if (tx.weight() > MOST_WEIGHT) return "tx-size";
  let dataOutputs = 0;
  for (const { script, value } of tx.outs) {
    const kind = kindOfScript(script);
    if (kind === "unknown" || kind === "empty") return "scriptpubkey";
    if (kind === "op_return") {
      dataOutputs++;
      const pushes = scripts.decompile(script.subarray(1));
      if (pushes === null || !scripts.isPushOnly(pushes)) return "scriptpubkey";
      if (script.length > MOST_DATA_SCRIPT_BYTES) return "datacarrier";
    }
    if (value < dustLimitSats(script)) return "dust";
  }
  if (dataOutputs > 1) return "multi-op-return";
  return tx.byteLength(false) < LEAST_STRIPPED_SIZE ? "tx-size-small" : null;
}

/** The least value that relay admits for an output: what spending it would cost at 3 sat/vB. */
export function dustLimitSats(script: Uint8Array): bigint {
  if (isUnspendable(script)) return 0n;
  const witness = kindOfScript(script).startsWith("v");
  const outputBytes = 8 + (script.length < 0xfd ? 1 : 3) + script.length;
  return BigInt((outputBytes + (witness ? 67 : 148)) * DUST_SATS_PER_BYTE);
}
