import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Block } from "bitcoinjs-lib";
import { describe, expect, it } from "vitest";
import { decodeHex } from "../../../src/bytes/hex.js";
import { matchesBlockFilter } from "../../../src/chain/block-filter.js";
import { HawserError } from "../../../src/errors.js";
import { buildBlockFilter } from "../../doubles/block-filter.js";
import { hasSharedVectors, sharedVectors } from "../../vectors/shared.js";
import { expectCode } from "../storage/expect-code.js";

const refuse = (reason: string): HawserError => new HawserError("NETWORK_ANSWER_INVALID", reason, { url: "a", reason });
const HASH = "5a".repeat(32);
const scripts = Array.from({ length: 300 }, (_, i) => Uint8Array.of(i % 97, ...new Uint8Array(i % 40).fill(i % 256)));
const filter = buildBlockFilter(HASH, scripts);

describe("matchesBlockFilter", () => {
  it.skipIf(!hasSharedVectors())("finds every script of BIP158's blocks, and makes its double's filters", () => {
    const path = join(sharedVectors, "bips/bip-0158_testnet-19.json");
    const [, ...rows] = JSON.parse(readFileSync(path, "utf8")) as [unknown, ...Row[]];
    expect(rows.length).toBeGreaterThan(8);
    for (const [, hash, block, previous, , expected] of rows) {
      const outputs = (Block.fromHex(block).transactions ?? []).flatMap((tx) => tx.outs.map(({ script }) => script));
      const all = [...outputs, ...previous.map((script) => decodeHex(script))];
      expect(Buffer.from(buildBlockFilter(hash, all)).toString("hex")).toBe(expected);
      const bytes = decodeHex(expected);
      for (const script of all.filter((one) => one.length > 0 && one[0] !== 0x6a)) {
        expect(matchesBlockFilter(bytes, hash, script, refuse)).toBe(true);
      }
      expect(matchesBlockFilter(bytes, hash, Uint8Array.of(1, 2, 3, 4), refuse)).toBe(false);
    }
  });

  it("tells what a block holds from what it does not", () => {
    for (const script of scripts) expect(matchesBlockFilter(filter, HASH, script, refuse)).toBe(script[0] !== 0x6a);
    for (let i = 0; i < 200; i++) {
      expect(matchesBlockFilter(filter, HASH, new Uint8Array(50).fill(i), refuse)).toBe(false);
    }
    // A filter is keyed by its block.
    const found = scripts.filter((script) => matchesBlockFilter(filter, "5b".repeat(32), script, refuse));
    expect(found.length).toBeLessThan(3);
  });

  it("finds nothing in an empty filter", () => {
    expect(matchesBlockFilter(Uint8Array.of(0), HASH, Uint8Array.of(1), refuse)).toBe(false);
    expect(matchesBlockFilter(new Uint8Array(0), HASH, Uint8Array.of(1), refuse)).toBe(false);
  });

  it("V5: a filter that was cut short is no answer", async () => {
    const cut = filter.subarray(0, filter.length - 200);
    // Which one fails depends on where its number would have stood; what is found before the cut is found.
    for (const script of scripts.filter((one) => one[0] !== 0x6a)) {
      let found: unknown;
      try {
        found = matchesBlockFilter(cut, HASH, script, refuse);
      } catch (error) {
        found = error;
      }
      if (found !== true) expect(found).toMatchObject({ code: "NETWORK_ANSWER_INVALID" });
    }
    const endless = Uint8Array.of(1, ...new Uint8Array(8).fill(0xff));
    await expectCode("NETWORK_ANSWER_INVALID", () => matchesBlockFilter(endless, HASH, Uint8Array.of(1), refuse));
    const onesToTheEnd = Uint8Array.of(1, 0xff, 0xff, 0xff);
    await expectCode("NETWORK_ANSWER_INVALID", () => matchesBlockFilter(onesToTheEnd, HASH, Uint8Array.of(1), refuse));
    const noRemainder = Uint8Array.of(1, 0xff, 0xf0, 0);
    await expectCode("NETWORK_ANSWER_INVALID", () => matchesBlockFilter(noRemainder, HASH, Uint8Array.of(1), refuse));
    for (const size of [Uint8Array.of(0xfd), Uint8Array.of(0xfd, 1, 0), Uint8Array.of(0xfe, 0xff, 0xff, 0xff, 0xff)]) {
      await expectCode("NETWORK_ANSWER_INVALID", () => matchesBlockFilter(size, HASH, Uint8Array.of(1), refuse));
    }
  });
});

type Row = readonly [
  height: number,
  hash: string,
  block: string,
  previous: readonly string[],
  previousHeader: string,
  filter: string,
  header: string,
  notes: string,
];
