import { describe, expect, it } from "vitest";
import { concatBytes } from "../../../src/bytes/bytes.js";
import { merkleBranch, merkleRoot } from "../../../src/chain/merkle.js";
import { parseMerkleBlock } from "../../../src/chain/merkle-block.js";
import { networks } from "../../../src/chain/network.js";
import { HawserError } from "../../../src/errors.js";
import { buildMerkleBlock } from "../../doubles/merkle-block.js";
import { expectCode } from "../storage/expect-code.js";
import { GENESIS_TIME_SEC, mineHeader } from "./mining.js";

const refuse = (reason: string): HawserError => new HawserError("NETWORK_ANSWER_INVALID", reason, { url: "a", reason });
const txidsOf = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => (i + 1).toString(16).padStart(64, "0"));
const headerOf = (txids: readonly string[]): Uint8Array =>
  mineHeader({
    previousHash: networks.regtest.genesisHash,
    timeSec: GENESIS_TIME_SEC + 600,
    merkleRoot: merkleRoot(txids),
  });
const FLAGS = 84 + 1;

describe("parseMerkleBlock", () => {
  it("gives place and branch of what the proof is about", () => {
    for (const count of [1, 2, 3, 4, 5, 6, 7, 11]) {
      const txids = txidsOf(count);
      const header = headerOf(txids);
      for (let position = 0; position < count; position++) {
        const raw = buildMerkleBlock(header, txids, (txid) => txid === txids[position]);
        const { transactionCount, matches } = parseMerkleBlock(raw, refuse);
        expect(transactionCount).toBe(count);
        expect(matches).toEqual([{ txid: txids[position], position, branch: merkleBranch(txids, position) }]);
      }
    }
  });

  it("gives each of several, and none of a proof of nothing", () => {
    const txids = txidsOf(7);
    const raw = buildMerkleBlock(headerOf(txids), txids, (txid) => txid === txids[1] || txid === txids[6]);
    expect(parseMerkleBlock(raw, refuse).matches.map(({ position, branch }) => [position, branch])).toEqual([
      [1, merkleBranch(txids, 1)],
      [6, merkleBranch(txids, 6)],
    ]);
    expect(
      parseMerkleBlock(
        buildMerkleBlock(headerOf(txids), txids, () => false),
        refuse,
      ).matches,
    ).toEqual([]);
  });

  it("V2: refuses a proof of which anything is missing, left over or not as it must be", async () => {
    const txids = txidsOf(3);
    const raw = buildMerkleBlock(headerOf(txids), txids, (txid) => txid === txids[0]);
    const hashes = raw.subarray(FLAGS, raw.length - 2);
    const [header, count, flagBytes] = [raw.subarray(0, 80), raw.subarray(80, 84), raw.subarray(raw.length - 2)];
    const edited = (at: number, value: number): Uint8Array => {
      const bytes = raw.slice();
      bytes[at] = value;
      return bytes;
    };
    const bad: readonly (readonly [string, Uint8Array, RegExp])[] = [
      ["nothing", new Uint8Array(0), /expected 80 more bytes/],
      ["one byte less", raw.subarray(0, raw.length - 1), /more bytes/],
      ["one byte more", concatBytes(raw, Uint8Array.of(0)), /1 bytes after the proof/],
      ["no transactions", edited(80, 0), /got 0/],
      ["more transactions than a block has", edited(82, 1), /got 65539/],
      ["another root", edited(40, 1), /does not lead/],
      [
        "a hash more",
        concatBytes(header, count, Uint8Array.of(4), hashes, new Uint8Array(32), flagBytes),
        /more hashes/,
      ],
      [
        "a hash that is not asked for",
        concatBytes(header, Uint8Array.of(4, 0, 0, 0), Uint8Array.of(4), hashes, new Uint8Array(32), flagBytes),
        /hashes that no flag|does not lead/,
      ],
      ["a hash less", concatBytes(header, count, Uint8Array.of(2), hashes.subarray(0, 64), flagBytes), /fewer hashes/],
      [
        "flags that are not asked for",
        concatBytes(raw.subarray(0, raw.length - 2), Uint8Array.of(2, raw.at(-1) ?? 0, 0)),
        /flags that no node/,
      ],
      ["no flags", concatBytes(raw.subarray(0, raw.length - 2), Uint8Array.of(0)), /fewer flags/],
      ["padding", edited(raw.length - 1, (raw.at(-1) ?? 0) | 0x80), /padding/],
      [
        "a size that is not the shortest",
        concatBytes(raw.subarray(0, 84), Uint8Array.of(0xfd, 3, 0), raw.subarray(85)),
        /not minimal/,
      ],
    ];
    for (const [what, bytes, reason] of bad) {
      const error = await expectCode("NETWORK_ANSWER_INVALID", () => parseMerkleBlock(bytes, refuse));
      expect(error.message, what).toMatch(reason);
    }
  });

  it("V2: refuses hashes that no flag asks for", async () => {
    const txids = txidsOf(4);
    const header = headerOf(txids);
    const root = merkleRoot(txids);
    const of = (hashes: readonly Uint8Array[]): Uint8Array =>
      concatBytes(header, Uint8Array.of(4, 0, 0, 0, hashes.length), ...hashes, Uint8Array.of(1, 0));
    expect(parseMerkleBlock(of([root]), refuse).matches).toEqual([]);
    const error = await expectCode("NETWORK_ANSWER_INVALID", () => parseMerkleBlock(of([root, root]), refuse));
    expect(error.message).toMatch(/hashes that no flag/);
  });

  it("V2: refuses a node that equals its left sibling (CVE-2012-2459)", async () => {
    const [a = "", b = "", c = ""] = txidsOf(3);
    // Four leaves with the root of three: the last is the copy that balances the row.
    const header = headerOf([a, b, c]);
    const raw = buildMerkleBlock(header, [a, b, c, c], (txid) => txid === c);
    const error = await expectCode("NETWORK_ANSWER_INVALID", () => parseMerkleBlock(raw, refuse));
    expect(error.message).toMatch(/equals its left sibling/);
  });
});
