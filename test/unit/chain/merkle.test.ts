import { describe, expect, test } from "vitest";
import { concatBytes } from "../../../src/bytes/bytes.js";
import { decodeHex, encodeHex, reversed } from "../../../src/bytes/hex.js";
import { type BlockHeader, parseHeader } from "../../../src/chain/header.js";
import { type InclusionToVerify, merkleBranch, merkleRoot, verifyBlockInclusions } from "../../../src/chain/merkle.js";
import type { Transaction } from "../../../src/chain/transaction.js";
import { hash256 } from "../../../src/crypto/hash.js";
import { coinbase, leafOf, payment, payment64 } from "./transactions.js";

function headerWith(root: Uint8Array): BlockHeader {
  const bytes = new Uint8Array(80);
  bytes.set(root, 36);
  return parseHeader(bytes);
}

interface Block {
  readonly header: BlockHeader;
  readonly claim: (position: number) => InclusionToVerify;
  readonly txids: readonly string[];
}

function blockOf(txs: readonly Transaction[]): Block {
  const txids = txs.map((tx) => tx.txid);
  return {
    header: headerWith(merkleRoot(txids)),
    txids,
    claim: (position) => {
      const tx = txs[position];
      if (tx === undefined) throw new Error("no such transaction");
      return { tx, position, branch: merkleBranch(txids, position) };
    },
  };
}

function verify(
  header: BlockHeader,
  claims: readonly InclusionToVerify[],
  proof: InclusionToVerify | null = null,
): ReturnType<typeof verifyBlockInclusions> {
  return verifyBlockInclusions({ header, height: 100, claims, coinbase: proof });
}

/** The reason of the only refusal. */
function reasonOf(result: ReturnType<typeof verifyBlockInclusions>): string {
  expect(result.refused).toHaveLength(1);
  return result.refused[0]?.reason ?? "";
}

const plain = blockOf([coinbase(1), ...[1, 2, 3, 4].map((mark) => payment(mark, { witness: true }))]);
const internal = (txid: string): Uint8Array => reversed(decodeHex(txid));

/** A tree of depth 2 whose pair over positions 2 and 3 is also a transaction of 64 bytes. */
function ambiguous(): {
  header: BlockHeader;
  coinbase: InclusionToVerify;
  leaf: InclusionToVerify;
  other: InclusionToVerify;
} {
  const { raw } = payment64(2, 0x5a);
  const left = raw.slice(0, 32);
  const right = raw.slice(32);
  const first = coinbase(5);
  const second = payment(6);
  const top = hash256(concatBytes(internal(first.txid), internal(second.txid)));
  const bottom = hash256(raw);
  return {
    header: headerWith(hash256(concatBytes(top, bottom))),
    coinbase: { tx: first, position: 0, branch: [internal(second.txid), bottom] },
    other: { tx: second, position: 1, branch: [internal(first.txid), bottom] },
    leaf: { tx: leafOf(right), position: 3, branch: [left, top] },
  };
}

/** A block whose last transaction has 64 bytes, and a leaf invented below it. */
function below64(): {
  header: BlockHeader;
  fake: InclusionToVerify;
  coinbase: InclusionToVerify;
  real: InclusionToVerify;
} {
  const real = payment64(4, 0x33);
  const block = blockOf([coinbase(8), payment(1), payment(2), real]);
  const upper = merkleBranch(block.txids, 3);
  return {
    header: block.header,
    real: block.claim(3),
    coinbase: block.claim(0),
    fake: { tx: leafOf(real.raw.slice(32)), position: 7, branch: [real.raw.slice(0, 32), ...upper] },
  };
}

describe("Merkle proofs", () => {
  test("V2: proves every position, with its place and block", () => {
    for (let count = 1; count <= 9; count++) {
      const block = blockOf([coinbase(1), ...Array.from({ length: count - 1 }, (_, i) => payment(i + 1))]);
      const claims = Array.from({ length: count }, (_, position) => block.claim(position));
      const { proven, refused, coinbaseWouldHelp } = verify(block.header, claims);
      expect({ refused, coinbaseWouldHelp }).toEqual({ refused: [], coinbaseWouldHelp: false });
      expect(proven.map(({ tx, position, height, blockHash }) => [tx.txid, position, height, blockHash])).toEqual(
        block.txids.map((txid, position) => [txid, position, 100, block.header.hash]),
      );
    }
  });

  test("V2: a branch that does not lead to the root is refused", () => {
    const claim = plain.claim(2);
    const wrong = { ...claim, branch: claim.branch.map((item, i) => (i === 1 ? item.map((byte) => byte ^ 1) : item)) };
    expect(reasonOf(verify(plain.header, [wrong]))).toMatch(/does not lead/);
    expect(reasonOf(verify(headerWith(new Uint8Array(32)), [claim]))).toMatch(/does not lead/);
    expect(reasonOf(verify(plain.header, [{ ...claim, tx: payment(9) }]))).toMatch(/does not lead/);
    expect(reasonOf(verify(plain.header, [{ ...claim, position: 3 }]))).toMatch(/does not lead/);
    expect(reasonOf(verify(plain.header, [{ ...claim, branch: claim.branch.slice(0, -1) }]))).toMatch(/does not lead/);
  });

  test("V2: an item of a branch has 32 bytes", () => {
    const claim = plain.claim(2);
    for (const length of [0, 31, 33, 64]) {
      const branch = [new Uint8Array(length), ...claim.branch.slice(1)];
      expect(reasonOf(verify(plain.header, [{ ...claim, branch }]))).toMatch(/no hash/);
    }
  });

  test("V2: the position is fully consumed", () => {
    const claim = plain.claim(2);
    for (const position of [2 + 8, 2 + 2 ** 32, 2 ** 53, -1, 2.5, Number.NaN]) {
      expect(reasonOf(verify(plain.header, [{ ...claim, position }]))).toMatch(/outside the branch/);
    }
    const single = blockOf([coinbase(1)]);
    expect(verify(single.header, [single.claim(0)]).proven).toHaveLength(1);
    expect(reasonOf(verify(single.header, [{ ...single.claim(0), position: 1 }]))).toMatch(/outside the branch/);
  });

  test("V2: at most 30 levels", () => {
    const deep = (levels: number): ReturnType<typeof verifyBlockInclusions> => {
      const tx = payment(1);
      const branch = Array.from({ length: levels }, (_, i) => new Uint8Array(32).fill(i + 1));
      const root = branch.reduce((node, sibling) => hash256(concatBytes(node, sibling)), internal(tx.txid));
      return verify(headerWith(root), [{ tx, position: 0, branch }]);
    };
    expect(deep(30).proven).toHaveLength(1);
    expect(reasonOf(deep(31))).toMatch(/more than 30 levels/);
    expect(deep(31).coinbaseWouldHelp).toBe(false);
  });

  test("V2: positions above 2^16 fold right", () => {
    const tx = payment(1);
    const position = 0b101010101010101010101010101010;
    let node = internal(tx.txid);
    const branch = Array.from({ length: 30 }, (_, i) => new Uint8Array(32).fill(i + 1));
    branch.forEach((sibling, i) => {
      node = hash256(((position >> i) & 1) === 1 ? concatBytes(sibling, node) : concatBytes(node, sibling));
    });
    expect(verify(headerWith(node), [{ tx, position, branch }]).proven).toHaveLength(1);
  });

  test("V2: the copy that balances an odd row is no leaf (CVE-2012-2459)", () => {
    const last = plain.claim(4);
    expect(encodeHex(last.branch[0] ?? new Uint8Array())).toBe(encodeHex(internal(last.tx.txid)));
    expect(verify(plain.header, [last]).proven).toHaveLength(1);
    expect(reasonOf(verify(plain.header, [{ ...last, position: 5 }]))).toMatch(/left sibling/);
    // The copy one row up, over a pair that exists once.
    expect(reasonOf(verify(plain.header, [{ ...last, position: 6 }]))).toMatch(/left sibling/);
    expect(reasonOf(verify(plain.header, [{ ...last, position: 7 }]))).toMatch(/left sibling/);
  });

  test("V2: a transaction of 64 stripped bytes is refused, witness or not, coinbase proof or not (CVE-2017-12842)", () => {
    const { header, real, coinbase: proof } = below64();
    expect(verify(header, [real], proof)).toMatchObject({ proven: [], coinbaseWouldHelp: false });
    expect(reasonOf(verify(header, [real], proof))).toMatch(/64 bytes/);
  });

  test("V2: a leaf invented below a transaction of 64 bytes is refused (CVE-2017-12842)", () => {
    const { header, fake, coinbase: proof } = below64();
    const alone = verify(header, [fake]);
    expect(reasonOf(alone)).toMatch(/parses as a transaction/);
    expect(alone.coinbaseWouldHelp).toBe(true);
    const settled = verify(header, [fake], proof);
    expect(reasonOf(settled)).toMatch(/coinbase's depth/);
    expect(settled).toMatchObject({ proven: [], coinbaseWouldHelp: false });
  });

  test("V2: an inner pair counts at every level of the branch", () => {
    // Any hash whose fifth byte is 1 is the first half of a transaction with this second half.
    const half = payment64(3).raw.slice(32);
    for (const level of [0, 1, 2]) {
      const branch = [1, 2, 3].map((fill) => new Uint8Array(32).fill(fill));
      branch[level] = half;
      const nodeAt = (leaf: Uint8Array, height: number): Uint8Array =>
        branch.slice(0, height).reduce((node, sibling) => hash256(concatBytes(node, sibling)), leaf);
      let leaf = hash256(half);
      while (nodeAt(leaf, level)[4] !== 1) leaf = hash256(leaf);
      const claim = { tx: leafOf(leaf), position: 0, branch };
      expect(reasonOf(verify(headerWith(nodeAt(leaf, 3)), [claim]))).toMatch(/parses as a transaction/);
    }
  });

  test("V2: an honest pair that parses as a transaction stands with a coinbase proof of the same depth", () => {
    const { header, leaf, other, coinbase: proof } = ambiguous();
    const without = verify(header, [leaf, other]);
    expect(without.proven.map(({ position }) => position)).toEqual([1]);
    expect(without).toMatchObject({ refused: [{ txid: leaf.tx.txid }], coinbaseWouldHelp: true });
    const withProof = verify(header, [leaf, other], proof);
    expect(withProof.proven.map(({ position }) => position)).toEqual([3, 1]);
    expect(withProof).toMatchObject({ refused: [], coinbaseWouldHelp: false });
    expect(verify(header, [leaf, proof]).proven.map(({ position }) => position)).toEqual([3, 0]);
  });

  test("V2: where depths differ nothing stands without a coinbase proof", () => {
    // Two leaves, and a transaction of the row above whose bytes happen to be known: both fold to the root.
    const a = payment(1);
    const bottom = hash256(concatBytes(internal(a.txid), internal(payment(2).txid)));
    const first = coinbase(3);
    const second = payment(4);
    const top = hash256(concatBytes(internal(first.txid), internal(second.txid)));
    const header = headerWith(hash256(concatBytes(top, bottom)));
    const deep = { tx: a, position: 2, branch: [internal(payment(2).txid), top] };
    const shallow = { tx: leafOf(bottom), position: 1, branch: [top] };
    const proof = { tx: first, position: 0, branch: [internal(second.txid), bottom] };

    const without = verify(header, [deep, shallow]);
    expect(without.proven).toHaveLength(0);
    expect(without.refused.map(({ reason }) => reason)).toEqual(Array(2).fill("proofs of one block differ in depth"));
    expect(without.coinbaseWouldHelp).toBe(true);

    const withProof = verify(header, [deep, shallow], proof);
    expect(withProof.proven.map(({ tx }) => tx.txid)).toEqual([a.txid]);
    expect(withProof.refused).toEqual([{ txid: shallow.tx.txid, reason: "not at the coinbase's depth" }]);
    expect(withProof.coinbaseWouldHelp).toBe(false);
  });

  test("V2: a claim that does not fold does not take others along", () => {
    const claim = plain.claim(2);
    const junk = { tx: payment(9), position: 0, branch: [new Uint8Array(32)] };
    const result = verify(plain.header, [junk, claim]);
    expect(result.proven.map(({ position }) => position)).toEqual([2]);
    expect(result.coinbaseWouldHelp).toBe(false);
  });

  test("V2: a coinbase proof is a coinbase at position 0 whose branch leads to the root", () => {
    const { header, leaf, other, coinbase: proof } = ambiguous();
    const refusedWith = (coinbaseProof: InclusionToVerify): readonly string[] => {
      const result = verify(header, [leaf], coinbaseProof);
      expect(result).toMatchObject({ proven: [], coinbaseWouldHelp: true });
      return result.refused.map(({ reason }) => reason);
    };
    // `other` is at position 1, and a branch given for the coinbase is read at position 0.
    expect(refusedWith(other)).toContain("not a coinbase");
    expect(refusedWith({ ...proof, tx: coinbase(99) })).toContain("branch does not lead to the block's Merkle root");
    expect(refusedWith({ ...proof, branch: proof.branch.slice(1) })).toContain(
      "branch does not lead to the block's Merkle root",
    );
    expect(refusedWith({ ...proof, branch: [] })).toContain("branch does not lead to the block's Merkle root");
  });

  test("V2: a payment at position 0 or a coinbase elsewhere is no coinbase proof", () => {
    const { raw } = payment64(2, 0x5a);
    const bottom = hash256(raw);
    const leaf = (top: Uint8Array): InclusionToVerify => ({
      tx: leafOf(raw.slice(32)),
      position: 3,
      branch: [raw.slice(0, 32), top],
    });
    const [first, second] = [payment(6), coinbase(5)];
    const top = hash256(concatBytes(internal(first.txid), internal(second.txid)));
    const header = headerWith(hash256(concatBytes(top, bottom)));
    const claims = [
      leaf(top),
      { tx: first, position: 0, branch: [internal(second.txid), bottom] },
      { tx: second, position: 1, branch: [internal(first.txid), bottom] },
    ];
    const result = verify(header, claims);
    expect(result.proven.map(({ position }) => position)).toEqual([0, 1]);
    expect(result.coinbaseWouldHelp).toBe(true);
  });

  test("V2: the coinbase's own branch may hold a pair that parses as a transaction", () => {
    const { raw } = payment64(2, 0x5a);
    const first: Transaction = { ...coinbase(5), txid: leafOf(raw.slice(0, 32)).txid };
    const proof = { tx: first, position: 0, branch: [raw.slice(32)] };
    const claim = { tx: leafOf(raw.slice(32)), position: 1, branch: [raw.slice(0, 32)] };
    const result = verify(headerWith(hash256(raw)), [claim], proof);
    expect(result.proven.map(({ position }) => position)).toEqual([1]);
  });

  test("merkleRoot and merkleBranch refuse what is no list of txids", () => {
    const input = expect.objectContaining({ code: "INPUT_INVALID" }) as unknown;
    expect(() => merkleRoot([])).toThrow(input);
    expect(() => merkleRoot(["00"])).toThrow(input);
    expect(() => merkleBranch(plain.txids, 5)).toThrow(input);
    expect(() => merkleBranch(plain.txids, -1)).toThrow(input);
  });
});
