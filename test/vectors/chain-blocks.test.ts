import { Transaction as BitcoinTransaction } from "bitcoinjs-lib";
import { describe, expect, test } from "vitest";
import { concatBytes } from "../../src/bytes/bytes.js";
import { encodeHex, reversed } from "../../src/bytes/hex.js";
import { parseHeader, targetOfBits } from "../../src/chain/header.js";
import { merkleBranch, merkleRoot, verifyBlockInclusions } from "../../src/chain/merkle.js";
import { isCoinbase, parseTransaction } from "../../src/chain/transaction.js";
import { blockNames, readBlock } from "./chain-files.js";
import { hasSharedVectors } from "./shared.js";

describe.skipIf(!hasSharedVectors())("real blocks", () => {
  describe.each(blockNames)("%s", (name) => {
    const { file, bytes, header, raws } = hasSharedVectors() ? readBlock(name) : ({} as ReturnType<typeof readBlock>);

    test("V1: header fields, hash and proof of work", () => {
      const parsed = parseHeader(header);
      expect(parsed).toMatchObject({
        hash: file.hash,
        previousHash: file.previousblockhash,
        timeSec: file.time,
        nonce: file.nonce,
        bits: Number.parseInt(file.bits, 16),
      });
      expect(BigInt(`0x${parsed.hash}`)).toBeLessThanOrEqual(targetOfBits(parsed.bits) ?? 0n);
    });

    test("V2: every transaction parses to its listed txid and to what bitcoinjs-lib reads", () => {
      expect(raws).toHaveLength(file.tx.length);
      const joined = concatBytes(...raws);
      expect(encodeHex(bytes.subarray(bytes.length - joined.length))).toBe(encodeHex(joined));
      raws.forEach((raw, i) => {
        const ours = parseTransaction(raw);
        const theirs = BitcoinTransaction.fromBuffer(raw);
        expect(ours.txid).toBe(file.tx[i]);
        expect(ours.txid).toBe(theirs.getId());
        expect(ours.version).toBe(theirs.version);
        expect(ours.lockTime).toBe(theirs.locktime);
        expect(ours.strippedSize).toBe(theirs.byteLength(false));
        expect(encodeHex(ours.raw)).toBe(encodeHex(raw));
        expect(isCoinbase(ours)).toBe(theirs.isCoinbase());
        expect(
          ours.inputs.map((input) => [
            input.outpoint.txid,
            input.outpoint.vout,
            encodeHex(input.scriptSig),
            input.sequence,
            input.witness.map(encodeHex),
          ]),
        ).toEqual(
          theirs.ins.map((input) => [
            encodeHex(reversed(input.hash)),
            input.index,
            encodeHex(input.script),
            input.sequence,
            input.witness.map(encodeHex),
          ]),
        );
        expect(ours.outputs.map((output) => [output.valueSats, encodeHex(output.script)])).toEqual(
          theirs.outs.map((output) => [output.value, encodeHex(output.script)]),
        );
      });
    });

    test("V2: the Merkle root is the header's", () => {
      const root = merkleRoot(file.tx);
      expect(encodeHex(reversed(root))).toBe(file.merkleroot);
      expect(encodeHex(root)).toBe(encodeHex(parseHeader(header).merkleRoot));
    });

    test("V2: every transaction is proven at its position, alone and together", () => {
      const parsed = parseHeader(header);
      const claims = raws.map((raw, position) => ({
        tx: parseTransaction(raw),
        position,
        branch: merkleBranch(file.tx, position),
      }));
      const together = verifyBlockInclusions({ header: parsed, height: file.height, claims, coinbase: null });
      expect(together.refused).toEqual([]);
      expect(together.proven.map(({ tx, position }) => [tx.txid, position])).toEqual(
        file.tx.map((txid, position) => [txid, position]),
      );
      for (const claim of claims) {
        const alone = verifyBlockInclusions({ header: parsed, height: file.height, claims: [claim], coinbase: null });
        expect(alone.refused).toEqual([]);
        expect(alone.proven[0]).toMatchObject({ position: claim.position, blockHash: file.hash, height: file.height });
      }
    });
  });
});
