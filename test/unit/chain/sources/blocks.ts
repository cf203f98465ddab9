import { createHash } from "node:crypto";

/** A block as Esplora describes it; extra members as real servers send them. */
export interface EsploraBlock {
  readonly id: string;
  readonly height: number;
  readonly version: number;
  readonly timestamp: number;
  readonly tx_count: number;
  readonly merkle_root: string;
  readonly previousblockhash: string | null;
  readonly nonce: number;
  readonly bits: number;
  readonly difficulty: number;
}

const flip = (hex: string): Buffer => Buffer.from(Buffer.from(hex, "hex").reverse());

/** The 80 bytes that a block's fields stand for, made independently of the code under test. */
export function headerOf(block: Omit<EsploraBlock, "id" | "height" | "tx_count" | "difficulty">): Buffer {
  const number = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value < 0 ? value + 2 ** 32 : value);
    return bytes;
  };
  return Buffer.concat([
    number(block.version),
    block.previousblockhash === null ? Buffer.alloc(32) : flip(block.previousblockhash),
    flip(block.merkle_root),
    number(block.timestamp),
    number(block.bits),
    number(block.nonce),
  ]);
}

/** A chain of `length` blocks from height 0 on. Proof of work is not the source's business. */
export function makeBlocks(length: number): readonly EsploraBlock[] {
  const blocks: EsploraBlock[] = [];
  for (let height = 0; height < length; height++) {
    const fields = {
      // Servers print the version signed or unsigned.
      version: height % 3 === 0 ? 0x2000_0004 : height % 3 === 1 ? -2 : 0xe000_0000,
      timestamp: 1_700_000_000 + height * 600,
      merkle_root: createHash("sha256").update(`root ${height}`).digest("hex"),
      previousblockhash: blocks[height - 1]?.id ?? null,
      nonce: 4_294_967_295 - height,
      bits: 0x207f_ffff,
    };
    const hash = createHash("sha256")
      .update(createHash("sha256").update(headerOf(fields)).digest())
      .digest("hex");
    blocks.push({ ...fields, id: flip(hash).toString("hex"), height, tx_count: 1, difficulty: 4.656542373906925e-10 });
  }
  return blocks;
}
