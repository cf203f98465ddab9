/** Basic block filters, made after BIP158. */

const P = 19n;
const M = 784_931n;
const MASK = (1n << 64n) - 1n;

/** The filter of a block with these scripts: of its outputs, and of the outputs that it spends. */
export function buildBlockFilter(blockHash: string, scripts: readonly Uint8Array[]): Uint8Array {
  const distinct = new Map(
    scripts.filter((script) => script.length > 0 && script[0] !== 0x6a).map((s) => [Buffer.from(s).toString("hex"), s]),
  );
  const key = Buffer.from(blockHash, "hex").reverse();
  const range = BigInt(distinct.size) * M;
  const values = [...distinct.values()]
    .map((script) => (sipHash(key.readBigUInt64LE(0), key.readBigUInt64LE(8), Buffer.from(script)) * range) >> 64n)
    .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  let bits = "";
  let last = 0n;
  for (const value of values) {
    const delta = value - last;
    last = value;
    bits += `${"1".repeat(Number(delta >> P))}0${(delta & ((1n << P) - 1n)).toString(2).padStart(Number(P), "0")}`;
  }
  const bytes = bits.match(/.{1,8}/g)?.map((byte) => Number.parseInt(byte.padEnd(8, "0"), 2)) ?? [];
  const count = values.length;
  return Uint8Array.from([...(count < 0xfd ? [count] : [0xfd, count & 0xff, count >> 8]), ...bytes]);
}

/** SipHash-2-4, after its paper. */
function sipHash(k0: bigint, k1: bigint, data: Buffer): bigint {
  const v = [0x736f6d6570736575n ^ k0, 0x646f72616e646f6dn ^ k1, 0x6c7967656e657261n ^ k0, 0x7465646279746573n ^ k1];
  const get = (i: number): bigint => v[i] ?? 0n;
  const add = (to: number, from: number): void => {
    v[to] = (get(to) + get(from)) & MASK;
  };
  const turn = (i: number, by: bigint): void => {
    v[i] = ((get(i) << by) | (get(i) >> (64n - by))) & MASK;
  };
  const mix = (to: number, from: number): void => {
    v[to] = get(to) ^ get(from);
  };
  const round = (): void => {
    add(0, 1);
    add(2, 3);
    turn(1, 13n);
    turn(3, 16n);
    mix(1, 0);
    mix(3, 2);
    turn(0, 32n);
    add(2, 1);
    add(0, 3);
    turn(1, 17n);
    turn(3, 21n);
    mix(1, 2);
    mix(3, 0);
    turn(2, 32n);
  };
  const padded = Buffer.concat([data, Buffer.alloc(8 - (data.length % 8))]);
  padded[padded.length - 1] = data.length & 0xff;
  for (let at = 0; at < padded.length; at += 8) {
    const word = padded.readBigUInt64LE(at);
    v[3] = get(3) ^ word;
    round();
    round();
    v[0] = get(0) ^ word;
  }
  v[2] = get(2) ^ 0xffn;
  for (let i = 0; i < 4; i++) round();
  return get(0) ^ get(1) ^ get(2) ^ get(3);
}
