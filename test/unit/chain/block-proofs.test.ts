import { describe, expect, it } from "vitest";
import { concatBytes } from "../../../src/bytes/bytes.js";
import { decodeHex, reversed } from "../../../src/bytes/hex.js";
import { BlockProofs } from "../../../src/chain/block-proofs.js";
import { parseHeader } from "../../../src/chain/header.js";
import { HeaderChain } from "../../../src/chain/header-chain.js";
import { type InclusionToVerify, merkleBranch, merkleRoot } from "../../../src/chain/merkle.js";
import { networks } from "../../../src/chain/network.js";
import type { Transaction } from "../../../src/chain/transaction.js";
import { hash256 } from "../../../src/crypto/hash.js";
import { GENESIS_TIME_SEC, LATE_MS, mineHeader } from "./mining.js";
import { coinbase, leafOf, payment, payment64 } from "./transactions.js";

const internal = (txid: string): Uint8Array => reversed(decodeHex(txid));

/** Blocks with these Merkle roots, from height 1 on. */
function chainOf(...roots: readonly Uint8Array[]): HeaderChain {
  let previousHash = networks.regtest.genesisHash;
  const headers = roots.map((root, i) => {
    const header = mineHeader({ previousHash, timeSec: GENESIS_TIME_SEC + 600 * (i + 1), merkleRoot: root });
    previousHash = parseHeader(header).hash;
    return header;
  });
  return HeaderChain.fromStored(networks.regtest, concatBytes(...headers), LATE_MS);
}

function rootOf(txs: readonly Transaction[]): Uint8Array {
  return merkleRoot(txs.map(({ txid }) => txid));
}

function claimOf(txs: readonly Transaction[], position: number): InclusionToVerify {
  const tx = txs[position];
  if (tx === undefined) throw new Error("no such transaction");
  const txids = txs.map(({ txid }) => txid);
  return { tx, position, branch: merkleBranch(txids, position) };
}

const txids = (proofs: BlockProofs): readonly string[] => proofs.proven.map(({ tx }) => tx.txid);

const block = [coinbase(1), ...[1, 2, 3, 4].map((mark) => payment(mark, { witness: true }))];
const chain = chainOf(rootOf(block), rootOf([coinbase(2), payment(9)]));
const [first, second] = [claimOf(block, 1), claimOf(block, 2)];
const wrongBranch = { ...first, branch: first.branch.map(() => new Uint8Array(32)) };

describe("V2: claims about blocks", () => {
  it("V2: stand where the header says so", () => {
    const proofs = new BlockProofs();
    expect(proofs.add(chain, 1, first)).toBe("proven");
    expect(proofs.add(chain, 1, second)).toBe("proven");
    expect(txids(proofs)).toEqual([first.tx.txid, second.tx.txid]);
    expect(proofs.get(first.tx.txid)).toMatchObject({ height: 1, position: 1, blockHash: chain.hashAt(1) });
    expect(proofs.get(block[3]?.txid ?? "")).toBeNull();
  });

  it("V2: are refused in another block, at another position, or by another branch", () => {
    const proofs = new BlockProofs();
    expect(proofs.add(chain, 2, first)).toBe("refused");
    expect(proofs.add(chain, 1, { ...first, position: 2 })).toBe("refused");
    expect(proofs.add(chain, 1, wrongBranch)).toBe("refused");
    expect(proofs.proven).toEqual([]);
  });

  it("V2: are refused in a block that the chain does not hold", () => {
    const proofs = new BlockProofs();
    for (const height of [3, -1, 1.5, 2 ** 53]) expect(proofs.add(chain, height, first)).toBe("refused");
    expect(proofs.addCoinbase(chain, 3, claimOf(block, 0))).toBe(false);
    expect(proofs.proven).toEqual([]);
  });

  it("V2: a wrong one takes nothing down that was proven before", () => {
    const proofs = new BlockProofs();
    proofs.add(chain, 1, first);
    proofs.add(chain, 1, second);
    expect(proofs.add(chain, 1, { ...claimOf(block, 3), position: 0 })).toBe("refused");
    expect(proofs.add(chain, 1, wrongBranch)).toBe("refused");
    expect(proofs.add(chain, 2, first)).toBe("refused");
    expect([...txids(proofs)].sort()).toEqual([first.tx.txid, second.tx.txid].sort());
    expect(proofs.get(first.tx.txid)?.height).toBe(1);
    expect(proofs.add(chain, 1, claimOf(block, 3))).toBe("proven");
  });

  it("C11: a proven transaction may get a new witness", () => {
    const proofs = new BlockProofs();
    const bare = payment(1);
    expect(bare.txid).toBe(first.tx.txid);
    proofs.add(chain, 1, { ...first, tx: bare });
    expect(proofs.get(bare.txid)?.tx.raw).toEqual(bare.raw);
    expect(proofs.add(chain, 1, first)).toBe("proven");
    expect(proofs.get(bare.txid)?.tx.raw).toEqual(first.tx.raw);
    expect(proofs.proven).toHaveLength(1);
  });
});

describe("V2: where a coinbase decides", () => {
  /** A tree of depth 2 whose pair over positions 2 and 3 is also a transaction of 64 bytes. */
  const { raw } = payment64(2, 0x5a);
  const top = [coinbase(5), payment(6)] as const;
  const bottom = hash256(raw);
  const topHash = hash256(concatBytes(internal(top[0].txid), internal(top[1].txid)));
  const ambiguous = chainOf(hash256(concatBytes(topHash, bottom)));
  const leaf = { tx: leafOf(raw.slice(32)), position: 3, branch: [raw.slice(0, 32), topHash] };
  const proof = { tx: top[0], position: 0, branch: [internal(top[1].txid), bottom] };

  it("V2: a pair that parses as a transaction leaves a claim open until it is there", () => {
    const proofs = new BlockProofs();
    expect(proofs.add(ambiguous, 1, leaf)).toBe("open");
    expect(proofs.proven).toEqual([]);
    expect(proofs.addCoinbase(ambiguous, 1, proof)).toBe(true);
    expect(txids(proofs)).toEqual([leaf.tx.txid]);
    expect(proofs.add(ambiguous, 1, leaf)).toBe("proven");
  });

  it("V2: it may be there before", () => {
    const proofs = new BlockProofs();
    expect(proofs.addCoinbase(ambiguous, 1, proof)).toBe(true);
    expect(proofs.add(ambiguous, 1, leaf)).toBe("proven");
  });

  it("V2: one that is none, or not proven, is not taken and keeps the right one out of nothing", () => {
    const proofs = new BlockProofs();
    proofs.add(ambiguous, 1, leaf);
    expect(proofs.addCoinbase(ambiguous, 1, { ...proof, branch: [bottom, bottom] })).toBe(false);
    expect(proofs.addCoinbase(ambiguous, 1, { ...proof, tx: top[1], branch: [internal(top[0].txid), bottom] })).toBe(
      false,
    );
    expect(proofs.addCoinbase(ambiguous, 1, { ...proof, tx: coinbase(6) })).toBe(false);
    expect(proofs.coinbases.size).toBe(0);
    expect(proofs.proven).toEqual([]);
    expect(proofs.addCoinbase(ambiguous, 1, proof)).toBe(true);
    expect(proofs.proven).toHaveLength(1);
  });

  it("V2: the first one stays, at position 0", () => {
    const proofs = new BlockProofs();
    expect(proofs.addCoinbase(ambiguous, 1, { ...proof, position: 7 })).toBe(true);
    expect(proofs.addCoinbase(ambiguous, 1, { ...proof, tx: coinbase(6) })).toBe(true);
    expect([...proofs.coinbases]).toEqual([[1, proof]]);
  });

  it("V2: proofs of two depths stand only at the coinbase's", () => {
    const last = payment64(4, 0x21);
    const txs = [coinbase(3), payment(1), payment(2), last];
    const deep = chainOf(rootOf(txs));
    const half = hash256(concatBytes(internal(txs[0]?.txid ?? ""), internal(txs[1]?.txid ?? "")));
    const invented = {
      tx: leafOf(last.raw.slice(32)),
      position: 7,
      branch: [last.raw.slice(0, 32), internal(txs[2]?.txid ?? ""), half],
    };
    const proofs = new BlockProofs();
    expect(proofs.add(deep, 1, claimOf(txs, 1))).toBe("proven");
    expect(proofs.add(deep, 1, invented)).toBe("open");
    expect(proofs.proven).toEqual([]);
    expect(proofs.addCoinbase(deep, 1, claimOf(txs, 0))).toBe(true);
    expect(txids(proofs)).toEqual([txs[1]?.txid]);
    expect(proofs.add(deep, 1, invented)).toBe("refused");
    expect(txids(proofs)).toEqual([txs[1]?.txid]);
  });
});
