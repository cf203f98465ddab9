import { Block } from "bitcoinjs-lib/src/block";
import { encodeHex } from "../bytes/hex.js";
import type { JsonObject } from "../bytes/json.js";
import type { ChainBlock } from "./chain.js";
import type { ChainView, SeenSpend, SeenTransaction } from "./chain-view.js";
import { displayHash, feeOf, type KnownTransaction } from "./known-transaction.js";
import { scriptAsm } from "./script-asm.js";
import { addressOf, kindOfScript } from "./script-kind.js";

/** A block as `/block/:hash` and `/blocks` show it. */
export function blockJson({ block, height, hash, raw, medianTimeSec, transactions }: ChainBlock): JsonObject {
  return {
    id: hash,
    height,
    version: block.version,
    timestamp: block.timestamp,
    tx_count: transactions.length,
    size: raw.length,
    weight: block.weight(),
    merkle_root: displayHash(block.merkleRoot ?? new Uint8Array(32)),
    previousblockhash: height === 0 ? null : displayHash(block.prevHash ?? new Uint8Array(32)),
    mediantime: medianTimeSec,
    nonce: block.nonce,
    bits: block.bits,
    difficulty: difficultyOf(block.bits),
  };
}

/** How many times harder than bits 1d00ffff. */
function difficultyOf(bits: number): number {
  const target = Block.calculateTarget(bits).reduce((number, byte) => number * 256 + byte, 0);
  return (0xffff * 2 ** 208) / target;
}

/** Where a transaction is. */
export function statusJson(block: ChainBlock | null): JsonObject {
  if (block === null) return { confirmed: false };
  return {
    confirmed: true,
    block_height: block.height,
    block_hash: block.hash,
    block_time: block.block.timestamp,
  };
}

function outputJson(script: Uint8Array, valueSats: bigint): JsonObject {
  const address = addressOf(script);
  return {
    scriptpubkey: encodeHex(script),
    scriptpubkey_asm: scriptAsm(script),
    scriptpubkey_type: kindOfScript(script),
    ...(address === null ? {} : { scriptpubkey_address: address }),
    value: Number(valueSats),
  };
}

/** A transaction as `/tx/:txid` and the histories show it. */
export function transactionJson({ known, block }: SeenTransaction): JsonObject {
  const { tx, txid, raw } = known;
  return {
    txid,
    version: tx.version,
    locktime: tx.locktime,
    vin: tx.ins.map((_, vin) => inputJson(known, vin)),
    vout: tx.outs.map(({ script, value }) => outputJson(script, value)),
    size: raw.length,
    weight: tx.weight(),
    fee: tx.isCoinbase() ? 0 : Number(feeOf(known)),
    status: statusJson(block),
  };
}

function inputJson({ tx, spent }: KnownTransaction, vin: number): JsonObject {
  const input = tx.ins[vin];
  if (input === undefined) return {};
  const coin = spent[vin];
  const inner = coin !== undefined && kindOfScript(coin.script) === "v0_p2wsh" ? input.witness.at(-1) : undefined;
  return {
    txid: displayHash(input.hash),
    vout: input.index,
    prevout: coin === undefined ? null : outputJson(coin.script, coin.valueSats),
    scriptsig: encodeHex(input.script),
    scriptsig_asm: scriptAsm(input.script),
    ...(input.witness.length === 0 ? {} : { witness: input.witness.map(encodeHex) }),
    is_coinbase: tx.isCoinbase(),
    sequence: input.sequence,
    ...(inner === undefined ? {} : { inner_witnessscript_asm: scriptAsm(inner) }),
  };
}

/** An answer to "what spends this output". */
export function outspendJson(spend: SeenSpend | null): JsonObject {
  if (spend === null) return { spent: false };
  return { spent: true, txid: spend.txid, vin: spend.vin, status: statusJson(spend.block) };
}

/** The unspent outputs of a script. */
export function unspentJson(view: ChainView, hash: string): readonly JsonObject[] {
  return view
    .outputs(hash)
    .filter(({ spend }) => spend === null)
    .map(({ coin, made }) => ({
      txid: coin.txid,
      vout: coin.vout,
      status: statusJson(made.block),
      value: Number(coin.valueSats),
    }));
}

/** Counts and sums of a script, mined and unmined apart. */
export function statsJson(view: ChainView, hash: string): JsonObject {
  const outputs = view.outputs(hash);
  const sum = (chosen: typeof outputs): number => chosen.reduce((total, { coin }) => total + Number(coin.valueSats), 0);
  const stats = (mined: boolean): JsonObject => {
    const funded = outputs.filter(({ made }) => (made.block !== null) === mined);
    const spent = outputs.filter(({ spend }) => spend !== null && (spend.block !== null) === mined);
    return {
      funded_txo_count: funded.length,
      funded_txo_sum: sum(funded),
      spent_txo_count: spent.length,
      spent_txo_sum: sum(spent),
      tx_count: (mined ? view.history(hash) : view.pendingHistory(hash)).length,
    };
  };
  return { chain_stats: stats(true), mempool_stats: stats(false) };
}
