import * as z from "zod/mini";
import { isHex } from "../../bytes/hex.js";
import { limits } from "../../limits.js";
import type { CoreRpc } from "./bitcoin-core-rpc.js";

/** The shapes of results, as `bitcoin-cli help` documents them; members that are not used are ignored. */

const integer = (min: number, max: number): z.ZodMiniCustom<number> =>
  z.custom<number>((value: unknown) => Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max);
const hash = z.custom<string>((value: unknown) => isHex(value, 32));
const height = integer(0, 0x7fff_ffff);
const uint32 = integer(0, 0xffff_ffff);
const amount = z.custom<number>((value: unknown) => Number.isFinite(value) && Number(value) >= 0);

/** transactions - more than a block can hold. */
const BLOCK_MAX_TRANSACTIONS = Math.ceil(limits.blockMaxBytes / 60);

/** A block hash, or a txid. */
export const hashResult = hash;
/** `getblockchaininfo`. */
export const chainInfoResult = z.object({
  blocks: height,
  bestblockhash: hash,
  pruned: z.optional(z.boolean()),
  pruneheight: z.optional(height),
});
/** `getblockheader` with details; a block that is not in the best chain has -1 confirmations. */
export const headerResult = z.object({ hash, height, confirmations: integer(-1, 0x7fff_ffff) });
/** `getblock` of verbosity 1. */
export const blockResult = z.object({
  hash,
  height,
  tx: z.array(hash).check(z.refine(({ length }) => length > 0 && length <= BLOCK_MAX_TRANSACTIONS)),
});
/** `scanblocks start`. Core 25 does not say whether it was completed. */
export const scanBlocksResult = z.object({
  from_height: height,
  to_height: height,
  relevant_blocks: z.array(hash),
  completed: z.optional(z.boolean()),
});
/** `scantxoutset start`. */
export const scanOutputsResult = z.object({
  success: z.boolean(),
  unspents: z.array(z.object({ txid: hash, vout: uint32, amount, height })),
});
/** `getdescriptoractivity`; what is in no block has no height. */
export const activityResult = z.object({
  activity: z.array(
    z.union([
      z.object({ type: z.literal("receive"), txid: hash, vout: uint32, amount, blockhash: z.optional(hash) }),
      z.object({
        type: z.literal("spend"),
        spend_txid: hash,
        prevout_txid: hash,
        prevout_vout: uint32,
        blockhash: z.optional(hash),
      }),
    ]),
  ),
});
/** `getrawmempool`. */
export const mempoolResult = z.array(hash);
/** `gettxout`. */
export const outputResult = z.nullable(z.object({ bestblock: hash, confirmations: integer(0, 0x7fff_ffff) }));
/** `gettxspendingprevout` of one output. */
export const spenderResult = z.array(
  z.object({ txid: hash, vout: uint32, spendingtxid: z.optional(hash), blockhash: z.optional(hash) }),
);
/** `getrawtransaction` of verbosity 1: of a mined one where the server has an index. */
export const placeResult = z.object({ txid: hash, blockhash: z.optional(hash) });
/** `getrawtransaction` of verbosity 2, whose inputs tell where what they spend was mined (Core 25). */
export const previousResult = z.object({
  txid: hash,
  vin: z.array(z.object({ txid: z.optional(hash), prevout: z.optional(z.object({ height: z.optional(height) })) })),
});
/** `estimatesmartfee`: BTC/kvB. */
export const smartFeeResult = z.object({ feerate: z.optional(amount) });
/** `estimatefee` of servers without the former: BTC/kB, or -1. */
export const feeResult = z.number();
/** `getblockfilter`. */
export const filterResult = z.object({ filter: z.string() });
/** Bytes in hex. */
export const hexResult = z.string();

/** A result of the shape `schema`. @throws NETWORK_ANSWER_INVALID */
export function parseResult<Schema extends z.ZodMiniType>(
  rpc: CoreRpc,
  method: string,
  schema: Schema,
  result: unknown,
): z.infer<Schema> {
  const parsed = schema.safeParse(result);
  if (parsed.success) return parsed.data;
  const path = parsed.error.issues[0]?.path.map(String).join(".") ?? "";
  throw rpc.invalid(`the result of ${method} is not of the documented shape at ${path === "" ? "the top" : path}`);
}

/** The bytes of a result in hex. @throws NETWORK_ANSWER_INVALID */
export function parseHexResult(rpc: CoreRpc, method: string, result: unknown): Uint8Array {
  const text = parseResult(rpc, method, hexResult, result);
  if (!isHex(text)) throw rpc.invalid(`the result of ${method} is not hex`);
  // Much faster than decodeHex, and a block has millions of digits.
  return new Uint8Array(Buffer.from(text, "hex"));
}

/** An amount in BTC, as JSON shows it, in satoshis. */
export function satsOf(btc: number): bigint {
  return BigInt(Math.round(btc * 100_000_000));
}
