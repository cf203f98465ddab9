import { describe, expect, it } from "vitest";
import { concatBytes } from "../../../src/bytes/bytes.js";
import { bitsOfTarget, parseHeader, targetOfBits, workOfBits } from "../../../src/chain/header.js";
import { HeaderChain, meetsMinimumWork, selectBestChain } from "../../../src/chain/header-chain.js";
import { type Network, networks } from "../../../src/chain/network.js";
import { limits } from "../../../src/limits.js";
import {
  EASY_BITS,
  easyMainnet,
  easySignet,
  easyTestnet4,
  GENESIS_TIME_SEC,
  genesisHeaders,
  HALF_BITS,
  type HeaderFields,
  LATE_MS,
  mainnetFromGenesis,
  mineHeader,
  mineRun,
} from "./mining.js";

const halfMainnet: Network = {
  ...easyMainnet,
  checkpoint: { ...easyMainnet.checkpoint, nextBits: HALF_BITS },
};

/** Every network's rules, with the bits of the period above its checkpoint. */
const all: readonly (readonly [string, Network, number])[] = [
  ["mainnet", halfMainnet, HALF_BITS],
  ["testnet4", easyTestnet4, HALF_BITS],
  ["signet", easySignet, HALF_BITS],
  ["regtest", networks.regtest, EASY_BITS],
];
const weak: readonly (readonly [string, Network])[] = [
  ["testnet4", easyTestnet4],
  ["signet", easySignet],
];

describe.each(all)("V1: the rules of every network, on %s", (id, network, bits) => {
  const empty = HeaderChain.fromCheckpoint(network);
  const first = { previousHash: empty.tipHash, timeSec: GENESIS_TIME_SEC + 600 };
  const { chain, stopped } = empty.extend(
    empty.tipHeight + 1,
    mineRun({ ...first, count: 20, spacingSec: 600, bits }),
    LATE_MS,
  );
  const tipSec = chain.tipTimeSec ?? 0;

  /** What becomes of one more header. */
  const after = (changes: Partial<HeaderFields>, nowMs = LATE_MS): object => {
    const header = mineHeader({ previousHash: chain.tipHash, timeSec: tipSec + 600, bits, ...changes });
    const step = chain.extend(chain.tipHeight + 1, header, nowMs);
    expect(step.chain === chain).toBe(step.stopped !== null);
    return step.stopped === null ? { accepted: step.accepted } : { ...step.stopped.details, code: step.stopped.code };
  };
  const refusal = (reason: string): object => ({
    code: "CHAIN_HEADER_INVALID",
    height: chain.tipHeight + 1,
    reason,
  });

  it(`V1: ${id}: valid headers extend the chain`, () => {
    expect(stopped).toBeNull();
    expect(chain.tipHeight).toBe(empty.tipHeight + 20);
    expect(chain.work).toBe(empty.work + 20n * workOfBits(bits));
    expect(after({})).toEqual({ accepted: 1 });
  });

  it(`V1: ${id}: another previous hash is refused`, () => {
    expect(after({ previousHash: "22".repeat(32) })).toEqual(refusal("does not name the header before it"));
    expect(after({ previousHash: chain.hashAt(chain.tipHeight - 1) ?? "" })).toEqual(
      refusal("does not name the header before it"),
    );
  });

  it(`V1: ${id}: other bits are refused, harder ones too`, () => {
    for (const wrong of [0x201fffff, bits - 1, bits === EASY_BITS ? HALF_BITS : EASY_BITS]) {
      const reason = `has bits ${wrong.toString(16)}, expected ${bits.toString(16)}`;
      expect(after({ bits: wrong })).toEqual(refusal(reason));
    }
  });

  it(`V1: ${id}: a hash above the target is refused`, () => {
    expect(after({ miss: true })).toEqual(refusal("has a hash above its target"));
  });

  it(`V1: ${id}: a time at the median is refused`, () => {
    // The sixth last of 11 headers that are 600 s apart.
    expect(after({ timeSec: tipSec - 5 * 600 })).toEqual(refusal("has a time at or below the median before it"));
    expect(after({ timeSec: tipSec - 5 * 600 + 1 })).toEqual({ accepted: 1 });
  });

  it(`V1: ${id}: a time more than 2 hours ahead is refused`, () => {
    const timeSec = tipSec + 600;
    const nowMs = timeSec * 1000 - limits.headerMaxAheadMs;
    expect(limits.headerMaxAheadMs).toBe(7_200_000);
    expect(after({ timeSec }, nowMs)).toEqual({ accepted: 1 });
    expect(after({ timeSec }, nowMs - 1)).toEqual(refusal("has a time more than 2 hours ahead"));
  });

  it(`V1: ${id}: a chain without the checkpoint is refused whatever its work`, () => {
    const foreign = mineRun({ previousHash: "33".repeat(32), timeSec: GENESIS_TIME_SEC, count: 30, bits });
    expect(chain.extend(empty.tipHeight + 1, foreign, LATE_MS)).toMatchObject({
      chain,
      accepted: 0,
      stopped: { code: "CHAIN_WORK_INSUFFICIENT", details: { work: "0" } },
    });
  });

  it(`V1: ${id}: a chain with less than the minimum work is told apart`, () => {
    const more = { ...network, minimumWork: chain.work };
    const again = HeaderChain.fromStored(more, chain.rawRange(empty.tipHeight + 1, 20), LATE_MS);
    expect(meetsMinimumWork(again)).toBe(true);
    const less = HeaderChain.fromStored(more, chain.rawRange(empty.tipHeight + 1, 19), LATE_MS);
    expect(meetsMinimumWork(less)).toBe(false);
  });
});

describe.each(weak)("section 9: the weak start of %s", (id, network) => {
  const empty = HeaderChain.fromCheckpoint(network);
  const base = { previousHash: empty.tipHash, timeSec: GENESIS_TIME_SEC };
  const start = (bits: number, changes: Partial<HeaderFields> = {}): ReturnType<HeaderChain["extend"]> =>
    empty.extend(2_016, mineHeader({ ...base, bits, ...changes }), LATE_MS);

  it(`V1: ${id}: the shipped network begins above its checkpoint without work`, () => {
    const shipped = HeaderChain.fromCheckpoint(networks[network.id]);
    expect(shipped).toMatchObject({ tipHash: networks[network.id].checkpoint.hash, tipTimeSec: null, work: 0n });
    expect(shipped.tipHeight).toBe(networks[network.id].protocolStart - 1);
    expect(meetsMinimumWork(shipped)).toBe(true);
  });

  it(`V1: ${id}: the first header brings the bits of its period`, () => {
    for (const bits of [EASY_BITS, HALF_BITS, 0x201fffff]) {
      const { chain, stopped } = start(bits);
      expect(stopped).toBeNull();
      expect(chain.work).toBe(workOfBits(bits));
    }
  });

  it(`V1: ${id}: bits above the limit are refused`, () => {
    expect(start(0x2100ffff).stopped).toMatchObject({
      code: "CHAIN_HEADER_INVALID",
      details: { height: 2_016, reason: "has bits 2100ffff, which are no target within the limit" },
    });
    const hard = HeaderChain.fromCheckpoint({ ...network, powLimitBits: HALF_BITS });
    const easy = hard.extend(2_016, mineHeader({ ...base, bits: EASY_BITS }), LATE_MS);
    expect(easy.stopped?.details).toMatchObject({ reason: "has bits 207fffff, which are no target within the limit" });
    expect(hard.extend(2_016, mineHeader({ ...base, bits: HALF_BITS }), LATE_MS).stopped).toBeNull();
  });

  it(`V1: ${id}: bits that are zero, negative or above 256 bits are refused`, () => {
    for (const bits of [0, 0x20000000, 0x1d80ffff, 0x2200ffff]) {
      // Every hash is above such a target.
      expect(start(bits, { miss: true }).stopped).toMatchObject({
        code: "CHAIN_HEADER_INVALID",
        details: { reason: `has bits ${bits.toString(16).padStart(8, "0")}, which are no target within the limit` },
      });
    }
  });

  it(`V1: ${id}: bits in another form than a retarget gives them are refused`, () => {
    const bits = 0x21003fff;
    expect(bitsOfTarget(targetOfBits(bits) ?? 0n)).toBe(0x203fff00);
    expect(start(bits).stopped?.details).toMatchObject({
      reason: "has bits 21003fff, which are no target within the limit",
    });
    expect(start(0x203fff00).stopped).toBeNull();
  });

  it(`V1: ${id}: the first header must meet the target that it claims`, () => {
    expect(start(HALF_BITS, { miss: true }).stopped?.details).toMatchObject({ reason: "has a hash above its target" });
  });

  it(`V1: ${id}: the bits bind the rest of the first period`, () => {
    const { chain } = start(HALF_BITS);
    const next = { previousHash: chain.tipHash, timeSec: GENESIS_TIME_SEC + 600 };
    for (const bits of [EASY_BITS, 0x201fffff]) {
      expect(chain.extend(2_017, mineHeader({ ...next, bits }), LATE_MS).stopped?.details).toEqual({
        height: 2_017,
        reason: `has bits ${bits.toString(16)}, expected 203fffff`,
      });
    }
    expect(chain.extend(2_017, mineHeader({ ...next, bits: HALF_BITS }), LATE_MS).stopped).toBeNull();
  });

  it(`V1: ${id}: bits that cost more win against bits that cost less, whatever the height`, () => {
    const run = (bits: number, count: number): HeaderChain =>
      empty.extend(2_016, mineRun({ ...base, bits, count }), LATE_MS).chain;
    const cheap = run(EASY_BITS, 15);
    const dear = run(0x201fffff, 4);
    expect(selectBestChain(cheap, [dear])).toBe(dear);
    expect(cheap.extend(2_016, dear.rawRange(2_016, 4), LATE_MS).chain.work).toBe(dear.work);
  });

  it(`V1: ${id}: nothing about a header before the checkpoint is guessed: the median begins at the twelfth`, () => {
    let previousHash = empty.tipHash;
    const headers = Array.from({ length: 12 }, (_, i) => {
      const header = mineHeader({ previousHash, timeSec: GENESIS_TIME_SEC - i, bits: HALF_BITS });
      previousHash = parseHeader(header).hash;
      return header;
    });
    const { accepted, stopped } = empty.extend(2_016, concatBytes(...headers), LATE_MS);
    expect(accepted).toBe(11);
    expect(stopped?.details).toEqual({ height: 2_027, reason: "has a time at or below the median before it" });
  });

  it(`V1: ${id}: stored headers are checked again, the claimed bits included`, () => {
    const run = mineRun({ ...base, bits: HALF_BITS, count: 30 });
    const whole = HeaderChain.fromStored(network, run, LATE_MS);
    expect(whole.tipHeight).toBe(2_045);
    const damaged = run.slice();
    damaged[72] = (damaged[72] ?? 0) ^ 1;
    expect(HeaderChain.fromStored(network, damaged, LATE_MS).tipHeight).toBeLessThanOrEqual(2_016);
  });
});

describe("section 9: where the start is not weak", () => {
  it("V1: a checkpoint with known next bits binds the first header", () => {
    const network = { ...easySignet, checkpoint: { ...easySignet.checkpoint, nextBits: HALF_BITS } };
    const chain = HeaderChain.fromCheckpoint(network);
    const fields = { previousHash: chain.tipHash, timeSec: GENESIS_TIME_SEC };
    expect(chain.extend(2_016, mineHeader({ ...fields, bits: EASY_BITS }), LATE_MS).stopped?.details).toMatchObject({
      reason: "has bits 207fffff, expected 203fffff",
    });
    expect(chain.extend(2_016, mineHeader({ ...fields, bits: HALF_BITS }), LATE_MS).stopped).toBeNull();
  });

  it("V1: above a header that is known, the first one has its bits", () => {
    const chain = HeaderChain.fromCheckpoint({ ...mainnetFromGenesis, powLimitBits: EASY_BITS });
    const header = mineHeader({ previousHash: chain.tipHash, timeSec: LATE_MS / 1000, bits: EASY_BITS });
    expect(chain.extend(1, header, LATE_MS).stopped?.details).toMatchObject({
      reason: "has bits 207fffff, expected 1d00ffff",
    });
  });

  it("section 9: genesis blocks hash to the table", () => {
    for (const network of Object.values(networks)) {
      expect(parseHeader(genesisHeaders[network.id])).toMatchObject({
        hash: network.genesisHash,
        bits: network.powLimitBits,
      });
    }
  });
});
