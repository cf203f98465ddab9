import * as z from "zod/mini";
import { concatBytes } from "../../bytes/bytes.js";
import { decodeHex, isHex } from "../../bytes/hex.js";
import { limits } from "../../limits.js";
import { HEADER_BYTES } from "../header.js";
import { invalidAnswer } from "./electrum-error.js";
import { electrumLimits } from "./electrum-limits.js";

/**
 * The shapes of an Electrum server's answers, protocol 1.4, 1.6 and 1.7: electrumx.readthedocs.io, and for 1.7 the
 * handlers of spesmilo/electrumx. Members that are not used are ignored.
 */

const integer = (min: number, max: number): z.ZodMiniCustom<number> =>
  z.custom<number>((value: unknown) => Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max);
const hex = (minBytes: number, maxBytes: number): z.ZodMiniCustom<string> =>
  z.custom<string>((value: unknown) => isHex(value) && value.length >= 2 * minBytes && value.length <= 2 * maxBytes);
const list = <Item extends z.ZodMiniType>(item: Item, max: number): z.ZodMiniArray<Item> =>
  z.array(item).check(z.refine(({ length }) => length <= max));

const hash = hex(32, 32);
const header = hex(HEADER_BYTES, HEADER_BYTES);
const height = integer(0, 0x7fff_ffff);
/** 0 in the mempool, -1 there with parents that are in the mempool, too. */
const heightOrLess = integer(-1, 0x7fff_ffff);
const branch = list(hash, limits.merkleMaxLevels);
// The shortest entry takes more bytes than this, so that no honest answer within the byte cap has more.
const mostEntries = Math.ceil(electrumLimits.listMaxBytes / 64);

const proof = { root: z.optional(hash), branch: z.optional(branch) };

/** `blockchain.headers.subscribe`. */
export const tipAnswer = z.object({ height, hex: header });
/** `blockchain.block.headers`: `hex` up to 1.5, `headers` from 1.6 on; with the proof of the last one for a `cp_height`. */
export const headersAnswer = z.object({
  count: integer(0, limits.headersPerCall),
  max: integer(1, 0x7fff_ffff),
  hex: z.optional(hex(0, limits.headersPerCall * HEADER_BYTES)),
  headers: z.optional(list(header, limits.headersPerCall)),
  ...proof,
});
/** `blockchain.block.header` with a `cp_height`. */
export const headerAnswer = z.object({ header, ...proof });
const historyList = list(z.object({ tx_hash: hash, height: heightOrLess }), mostEntries);
/** `get_history` of a script hash. */
export const historyAnswer = historyList;
/** `get_history` of a script, from 1.7 on. */
export const wrappedHistoryAnswer = z.object({ history: historyList });
const unspentList = list(
  z.object({
    tx_hash: hash,
    tx_pos: integer(0, 0xffff_ffff),
    value: integer(0, Number.MAX_SAFE_INTEGER),
    height: heightOrLess,
  }),
  mostEntries,
);
/** `listunspent` of a script hash. */
export const unspentAnswer = unspentList;
/** `listunspent` of a script, from 1.7 on. */
export const wrappedUnspentAnswer = z.object({ utxos: unspentList });
/** `blockchain.transaction.get`. */
export const transactionAnswer = hex(1, limits.transactionMaxBytes);
/** `blockchain.transaction.get_merkle`; hashes in display order. */
export const merkleAnswer = z.object({ block_height: height, merkle: branch, pos: integer(0, 0xffff_ffff) });
/** `blockchain.transaction.id_from_pos` without a proof, and `blockchain.transaction.broadcast`. */
export const txidAnswer = hash;
/** `blockchain.outpoint.get_status`, from 1.7 on. */
export const outpointAnswer = z.object({
  funder_height: z.optional(heightOrLess),
  spender_txhash: z.optional(hash),
  spender_height: z.optional(heightOrLess),
});
/** `blockchain.estimatefee`: BTC/kvB, or -1. */
export const feeAnswer = z.custom<number>((value: unknown) => typeof value === "number" && Number.isFinite(value));
/** The status of a subscribed script; null for one without history. */
export const statusAnswer = z.nullable(hash);

/** A server's result as the shape `schema`. @throws NETWORK_ANSWER_INVALID */
export function parseAnswer<Schema extends z.ZodMiniType>(
  schema: Schema,
  value: unknown,
  url: string,
): z.infer<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const path = parsed.error.issues[0]?.path.map(String).join(".") ?? "";
  throw invalidAnswer(url, `not the documented shape at ${path === "" ? "the top" : path}`);
}

/** The headers of an answer, whichever way the server's version sends them. @throws NETWORK_ANSWER_INVALID */
export function headerBytes(answer: z.infer<typeof headersAnswer>, url: string): Uint8Array {
  const { count, hex: joined, headers } = answer;
  const bytes = headers === undefined ? decodeHex(joined ?? "") : concatBytes(...headers.map((one) => decodeHex(one)));
  if (bytes.length !== count * HEADER_BYTES) throw invalidAnswer(url, `headers that are not the ${count} it names`);
  return bytes;
}

/** A height as ports have it: null in the mempool. */
export function minedHeight(at: number): number | null {
  return at > 0 ? at : null;
}
