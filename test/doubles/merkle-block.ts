import { createHash } from "node:crypto";

const hash256 = (bytes: Uint8Array): Buffer =>
  createHash("sha256").update(createHash("sha256").update(bytes).digest()).digest();

/** A `merkleblock` (BIP37) of some transactions of a block, its txids in display order. */
export function buildMerkleBlock(
  header: Uint8Array,
  txids: readonly string[],
  wanted: (txid: string) => boolean,
): Uint8Array {
  const rows: Buffer[][] = [txids.map((txid) => Buffer.from(txid, "hex").reverse())];
  const marked: boolean[][] = [txids.map((txid) => wanted(txid))];
  for (let row = rows[0] ?? []; row.length > 1; row = rows.at(-1) ?? []) {
    const marks = marked.at(-1) ?? [];
    const at = (i: number): Buffer => row[i] ?? row.at(-1) ?? Buffer.alloc(32);
    const width = Math.ceil(row.length / 2);
    rows.push(Array.from({ length: width }, (_, i) => hash256(Buffer.concat([at(2 * i), at(2 * i + 1)]))));
    marked.push(Array.from({ length: width }, (_, i) => marks[2 * i] === true || marks[2 * i + 1] === true));
  }
  const hashes: Buffer[] = [];
  const bits: boolean[] = [];
  const walk = (height: number, position: number): void => {
    const isMarked = marked[height]?.[position] === true;
    bits.push(isMarked);
    if (height === 0 || !isMarked) {
      hashes.push(rows[height]?.[position] ?? Buffer.alloc(32));
      return;
    }
    walk(height - 1, 2 * position);
    if (2 * position + 1 < (rows[height - 1]?.length ?? 0)) walk(height - 1, 2 * position + 1);
  };
  walk(rows.length - 1, 0);
  const flags = Buffer.alloc(Math.ceil(bits.length / 8));
  bits.forEach((bit, i) => {
    if (bit) flags[i >> 3] = (flags[i >> 3] ?? 0) | (1 << (i % 8));
  });
  const count = Buffer.alloc(4);
  count.writeUInt32LE(txids.length);
  return Uint8Array.from(Buffer.concat([header, count, size(hashes.length), ...hashes, size(flags.length), flags]));
}

function size(value: number): Buffer {
  return value < 0xfd ? Buffer.from([value]) : Buffer.from([0xfd, value & 0xff, value >> 8]);
}
