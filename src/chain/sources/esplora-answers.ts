import * as z from "zod/mini";
import { decodeHex, encodeHex, reversed } from "../../bytes/hex.js";
import { hash256 } from "../../crypto/hash.js";
import { HawserError } from "../../errors.js";
import { limits } from "../../limits.js";

/**
 * The shapes of Esplora's answers: github.com/Blockstream/esplora, API.md. Members that are not used are ignored. The
 * values in them have guards of their own: each kind of value that zod checks itself adds to what every reader loads.
 */

const HASH = /^[0-9a-f]{64}$/;

const integer = (min: number, max: number): z.ZodMiniCustom<number> =>
  z.custom<number>((value: unknown) => Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max);
const list = <Item extends z.ZodMiniType>(item: Item, max: number): z.ZodMiniArray<Item> =>
  z.array(item).check(z.refine(({ length }) => length <= max));

const hash = z.custom<string>((value: unknown) => typeof value === "string" && HASH.test(value));
const uint32 = integer(0, 0xffff_ffff);
const height = integer(0, 0x7fff_ffff);
const status = z.object({ confirmed: z.boolean(), block_height: z.optional(z.nullable(height)) });

const block = z.object({
  id: hash,
  height,
  version: integer(-0x8000_0000, 0xffff_ffff),
  timestamp: uint32,
  merkle_root: hash,
  previousblockhash: z.optional(z.nullable(hash)),
  nonce: uint32,
  bits: uint32,
});

/** `GET /blocks` and `/blocks/:height`. */
export const blocksAnswer = list(block, 100);
/** `GET /scripthash/:hash/txs` and its pages. */
export const historyAnswer = z.array(z.object({ txid: hash, status }));
/** `GET /tx/:txid/merkle-proof`; hashes in display order. */
export const merkleProofAnswer = z.object({
  block_height: height,
  merkle: list(hash, limits.merkleMaxLevels),
  pos: uint32,
});
/** `GET /tx/:txid/outspend/:vout`. */
export const outspendAnswer = z.object({
  spent: z.boolean(),
  txid: z.optional(z.nullable(hash)),
  status: z.optional(z.nullable(status)),
});
/** `GET /scripthash/:hash/utxo`. */
export const unspentAnswer = z.array(
  z.object({ txid: hash, vout: uint32, value: integer(0, Number.MAX_SAFE_INTEGER), status }),
);
/** `GET /fee-estimates`: sat/vB by target in blocks. */
export const feesAnswer = z.custom<Readonly<Record<string, number>>>(
  (value: unknown) =>
    value instanceof Object && !Array.isArray(value) && Object.values(value).every((rate) => Number.isFinite(rate)),
);

/** A block of {@link blocksAnswer}. */
export type Block = z.infer<typeof block>;
type Status = z.infer<typeof status>;

/** The error for an answer that does not have its documented shape. */
export function invalidAnswer(url: string, reason: string): HawserError<"NETWORK_ANSWER_INVALID"> {
  return new HawserError("NETWORK_ANSWER_INVALID", `${url} gave an answer that cannot be read: ${reason}.`, {
    url,
    reason,
  });
}

/** The answer's bytes as UTF-8 text without white space around it. @throws NETWORK_ANSWER_INVALID */
export function parseText(bytes: Uint8Array, url: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes).trim();
  } catch {
    throw invalidAnswer(url, "not UTF-8");
  }
}

/** The answer's bytes as a hash in display order. @throws NETWORK_ANSWER_INVALID */
export function parseHash(bytes: Uint8Array, url: string): string {
  const text = parseText(bytes, url);
  if (!HASH.test(text)) throw invalidAnswer(url, "not a hash");
  return text;
}

/** The answer's bytes as JSON of the shape `schema`. @throws NETWORK_ANSWER_INVALID */
export function parseAnswer<Schema extends z.ZodMiniType>(
  schema: Schema,
  bytes: Uint8Array,
  url: string,
): z.infer<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(parseText(bytes, url));
  } catch {
    throw invalidAnswer(url, "not JSON");
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const path = parsed.error.issues[0]?.path.map(String).join(".") ?? "";
  throw invalidAnswer(url, `not the documented shape at ${path === "" ? "the top" : path}`);
}

/** Height of what a status speaks of; null in the mempool. @throws NETWORK_ANSWER_INVALID */
export function confirmedHeight({ confirmed, block_height: at }: Status, url: string): number | null {
  if (!confirmed) return null;
  if (at === undefined || at === null) throw invalidAnswer(url, "confirmed without a height");
  return at;
}

/**
 * The block's 80-byte header, rebuilt from its fields: Esplora serves no headers in bulk.
 *
 * @throws NETWORK_ANSWER_INVALID when the fields do not hash to the block's id
 */
export function rebuildHeader(from: Block, url: string): Uint8Array {
  const header = new Uint8Array(80);
  const view = new DataView(header.buffer);
  view.setUint32(0, from.version >>> 0, true);
  // The genesis block has no previous block and 32 zero bytes in its place.
  if (from.previousblockhash !== undefined && from.previousblockhash !== null) {
    header.set(reversed(decodeHex(from.previousblockhash, 32)), 4);
  }
  header.set(reversed(decodeHex(from.merkle_root, 32)), 36);
  view.setUint32(68, from.timestamp, true);
  view.setUint32(72, from.bits, true);
  view.setUint32(76, from.nonce, true);
  if (encodeHex(reversed(hash256(header))) !== from.id) {
    throw invalidAnswer(url, `the fields of block ${from.height} do not hash to its id`);
  }
  return header;
}
