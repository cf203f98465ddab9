import { describe, expect, it } from "vitest";
import { concatBytes } from "../../../src/bytes/bytes.js";
import { parseBlock } from "../../../src/chain/block.js";
import { parseHeader } from "../../../src/chain/header.js";
import { merkleRoot } from "../../../src/chain/merkle.js";
import { networks } from "../../../src/chain/network.js";
import type { Transaction } from "../../../src/chain/transaction.js";
import { HawserError } from "../../../src/errors.js";
import { expectCode } from "../storage/expect-code.js";
import { GENESIS_TIME_SEC, mineHeader } from "./mining.js";
import { coinbase, payment } from "./transactions.js";

const refuse = (reason: string): HawserError => new HawserError("NETWORK_ANSWER_INVALID", reason, { url: "a", reason });

/** A raw block of these transactions, or of a header that is for others. */
function blockOf(transactions: readonly Transaction[], headed: readonly Transaction[] = transactions): Uint8Array {
  const header = mineHeader({
    previousHash: networks.regtest.genesisHash,
    timeSec: GENESIS_TIME_SEC + 600,
    merkleRoot: merkleRoot(headed.map(({ txid }) => txid)),
  });
  const raws = transactions.map(({ raw }) => raw);
  return concatBytes(header, Uint8Array.of(transactions.length), ...raws);
}

const [a, b, c] = [coinbase(1), payment(2, { witness: true }), payment(3)];

describe("parseBlock", () => {
  it("gives the transactions in their order, with the block's hash", () => {
    const raw = blockOf([a, b, c]);
    const block = parseBlock(raw, refuse);
    expect(block.hash).toBe(parseHeader(raw.subarray(0, 80)).hash);
    expect(block.transactions).toEqual([a, b, c]);
    expect(parseBlock(blockOf([a]), refuse).transactions).toEqual([a]);
  });

  it("V8: refuses a block that is cut, too long, or of other transactions than its header", async () => {
    const raw = blockOf([a, b, c]);
    const bad: readonly (readonly [string, Uint8Array])[] = [
      ["nothing", new Uint8Array(0)],
      ["a header alone", raw.subarray(0, 80)],
      ["no transactions", concatBytes(raw.subarray(0, 80), Uint8Array.of(0))],
      ["a transaction that is cut", raw.subarray(0, raw.length - 1)],
      ["one byte more", concatBytes(raw, Uint8Array.of(0))],
      ["a transaction less", blockOf([a, b], [a, b, c])],
      ["a transaction more", blockOf([a, b, c], [a, b])],
      ["another order", blockOf([a, c, b], [a, b, c])],
      [
        "a count that is not the shortest",
        concatBytes(raw.subarray(0, 80), Uint8Array.of(0xfd, 3, 0), raw.subarray(81)),
      ],
    ];
    for (const [what, bytes] of bad) {
      const error = await expectCode("NETWORK_ANSWER_INVALID", () => parseBlock(bytes, refuse));
      expect(error.message, what).not.toBe("");
    }
  });

  it("does not read past its own bytes in a larger buffer", () => {
    const raw = blockOf([a, b]);
    const larger = concatBytes(Uint8Array.of(9, 9, 9), raw, Uint8Array.of(9));
    expect(parseBlock(larger.subarray(3, 3 + raw.length), refuse).transactions).toEqual([a, b]);
  });
});
