import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Block } from "bitcoinjs-lib";
import { decodeHex } from "../../src/bytes/hex.js";
import { sharedVectors } from "./shared.js";

/** A file of the shared vectors as text. */
function readText(path: string): string {
  return readFileSync(join(sharedVectors, path), "utf8");
}

/** A JSON file of the shared vectors. */
export function readJson(path: string): unknown {
  return JSON.parse(readText(path));
}

/** A whole block, taken apart by bitcoinjs-lib. */
export interface BlockFile {
  readonly hash: string;
  readonly height: number;
  readonly merkleroot: string;
  readonly bits: string;
  readonly nonce: number;
  readonly time: number;
  readonly previousblockhash: string;
  readonly tx: readonly string[];
  readonly block: string;
  readonly chainwork?: string;
}

export const blockNames = ["bitcoin_mainnet_951658", "bitcoin_testnet4_40000", "bitcoin_signet_31500"] as const;

/** The block, its 80-byte header and its raw transactions. */
export function readBlock(name: (typeof blockNames)[number]): {
  readonly file: BlockFile;
  readonly bytes: Uint8Array;
  readonly header: Uint8Array;
  readonly raws: readonly Uint8Array[];
} {
  const file = readJson(`blocks/${name}.json`) as BlockFile;
  const bytes = decodeHex(file.block);
  const raws = (Block.fromBuffer(bytes).transactions ?? []).map((tx) => tx.toBuffer());
  return { file, bytes, header: bytes.subarray(0, 80), raws };
}

/** Mainnet headers from height 1 to 1,111. */
export function readEarlyHeaders(): Uint8Array {
  return new Uint8Array(readFileSync(join(sharedVectors, "headers/mainnet_headers_from_1.bin")));
}

/** `[block hash, target of the next period]`; targets exceed 2^53, so they are read as text. */
export function readCheckpoints(network: string): readonly { readonly hash: string; readonly target: bigint }[] {
  const pairs = readText(`checkpoints/${network}.json`).matchAll(/"([0-9a-f]{64})",\s*([0-9]+)/g);
  return Array.from(pairs, (match) => ({ hash: match[1] ?? "", target: BigInt(match[2] ?? "") }));
}
