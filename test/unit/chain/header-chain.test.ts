import { describe, expect, test } from "vitest";
import { concatBytes } from "../../../src/bytes/bytes.js";
import { encodeHex } from "../../../src/bytes/hex.js";
import { bitsOfTarget, parseHeader, targetOfBits } from "../../../src/chain/header.js";
import { HeaderChain, meetsMinimumWork, selectBestChain } from "../../../src/chain/header-chain.js";
import { networks } from "../../../src/chain/network.js";
import {
  EASY_BITS,
  easyMainnet,
  GENESIS_TIME_SEC,
  headerOf,
  LATE_MS,
  mainnetFromGenesis,
  mineHeader,
  mineRegtest,
  mineRun,
} from "./mining.js";

const regtest = HeaderChain.fromCheckpoint(networks.regtest);
const easy = HeaderChain.fromCheckpoint(easyMainnet);
const { genesisHash } = networks.regtest;

function grown(run: Uint8Array, from = regtest): HeaderChain {
  const { chain, stopped } = from.extend(from.tipHeight + 1, run, LATE_MS);
  expect(stopped).toBeNull();
  return chain;
}

function hashOf(header: Uint8Array): string {
  return parseHeader(header).hash;
}

/** A header on regtest's genesis, with these times before it. */
function onTimes(times: readonly number[], timeSec: number, from = regtest): ReturnType<HeaderChain["extend"]> {
  let chain = from;
  for (const time of times) {
    const step = chain.extend(
      chain.tipHeight + 1,
      mineHeader({ previousHash: chain.tipHash, timeSec: GENESIS_TIME_SEC + time }),
      LATE_MS,
    );
    expect(step.stopped).toBeNull();
    chain = step.chain;
  }
  const next = mineHeader({ previousHash: chain.tipHash, timeSec: GENESIS_TIME_SEC + timeSec });
  return chain.extend(chain.tipHeight + 1, next, LATE_MS);
}

describe("header chain", () => {
  test("V1: begins at the checkpoint", () => {
    expect(regtest).toMatchObject({
      baseHeight: 0,
      tipHeight: 0,
      tipHash: genesisHash,
      tipTimeSec: GENESIS_TIME_SEC,
      work: 2n,
    });
    expect(regtest.headerAt(0)?.hash).toBe(genesisHash);
    const mainnet = HeaderChain.fromCheckpoint(networks.mainnet);
    expect(mainnet).toMatchObject({ baseHeight: 953_567, tipHeight: 953_567, tipTimeSec: null });
    expect(mainnet.tipHash).toBe(networks.mainnet.checkpoint.hash);
    expect(mainnet.work).toBe(0x12fa7ecf8d5705e356fd4a680n);
    expect(mainnet.headerAt(953_567)).toBeNull();
    expect(meetsMinimumWork(mainnet)).toBe(true);
  });

  test("V1: accepts valid headers and answers for each of them", () => {
    const run = mineRegtest(600);
    const { chain, accepted, stopped } = regtest.extend(1, run, LATE_MS);
    expect({ accepted, stopped }).toEqual({ accepted: 600, stopped: null });
    expect(chain).toMatchObject({ tipHeight: 600, tipHash: hashOf(headerOf(run, 599)), work: 2n + 1200n });
    expect(chain.tipTimeSec).toBe(GENESIS_TIME_SEC + 600 * 600);
    for (const height of [1, 255, 256, 257, 512, 513, 600]) {
      const header = parseHeader(headerOf(run, height - 1));
      expect(chain.headerAt(height)).toEqual(header);
      expect(chain.hashAt(height)).toBe(header.hash);
      expect(chain.heightOf(header.hash)).toBe(height);
    }
    expect(chain.heightOf(genesisHash)).toBe(0);
    expect(encodeHex(chain.rawRange(1, 600))).toBe(encodeHex(run));
    expect(encodeHex(chain.rawRange(200, 100))).toBe(encodeHex(run.subarray(199 * 80, 299 * 80)));
    expect(regtest.tipHeight).toBe(0);
  });

  test("what a chain does not hold is null, and a range of it is refused", () => {
    const chain = grown(mineRegtest(3));
    for (const height of [-1, 4, 1.5, Number.NaN]) {
      expect(chain.headerAt(height)).toBeNull();
      expect(chain.hashAt(height)).toBeNull();
    }
    for (const hash of ["", "zz", "00".repeat(32), genesisHash.toUpperCase()]) expect(chain.heightOf(hash)).toBeNull();
    const prefix = chain.tipHash.slice(0, 62);
    expect(chain.heightOf(`${prefix}${chain.tipHash.endsWith("00") ? "01" : "00"}`)).toBeNull();
    const first = chain.hashAt(1) ?? "";
    expect(chain.heightOf((first.startsWith("0") ? "1" : "0") + first.slice(1))).toBeNull();
    for (const [start, count] of [
      [0, 1],
      [1, 4],
      [5, 0],
      [4, 1],
      [1, -1],
    ] as const) {
      expect(() => chain.rawRange(start, count)).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
    }
    expect(chain.rawRange(4, 0)).toHaveLength(0);
  });

  test("a chain does not change when another is built on it or its input is overwritten", () => {
    const run = mineRegtest(5);
    const base = grown(run);
    const before = encodeHex(base.rawRange(1, 5));
    run.fill(0);
    const fork = mineRun({
      previousHash: base.hashAt(3) ?? "",
      timeSec: GENESIS_TIME_SEC + 9000,
      count: 4,
      version: 8,
    });
    const forked = base.extend(4, fork, LATE_MS).chain;
    const longer = grown(mineRun({ previousHash: base.tipHash, timeSec: GENESIS_TIME_SEC + 9000, count: 3 }), base);
    expect(forked.tipHeight).toBe(7);
    expect(longer.tipHeight).toBe(8);
    expect(encodeHex(base.rawRange(1, 5))).toBe(before);
    expect(encodeHex(longer.rawRange(1, 5))).toBe(before);
    expect(encodeHex(forked.rawRange(1, 3))).toBe(before.slice(0, 3 * 160));
    const raw = base.rawRange(1, 5);
    raw.fill(0);
    base.headerAt(2)?.merkleRoot.fill(1);
    expect(encodeHex(base.rawRange(1, 5))).toBe(before);
  });

  test("extend refuses arguments of the wrong kind", () => {
    for (const [start, nowMs] of [
      [-1, 0],
      [1.5, 0],
      [1, Number.NaN],
    ] as const) {
      expect(() => regtest.extend(start, mineRegtest(1), nowMs)).toThrow(
        expect.objectContaining({ code: "INPUT_INVALID" }),
      );
    }
    expect(() => regtest.extend(1, "00" as unknown as Uint8Array, 0)).toThrow(
      expect.objectContaining({ code: "INPUT_INVALID" }),
    );
  });

  test("V1: ends before a header that does not name the one before it", () => {
    const run = mineRegtest(5);
    const broken = concatBytes(run.subarray(0, 160), run.subarray(240));
    const { chain, accepted, stopped } = regtest.extend(1, broken, LATE_MS);
    expect({ accepted, tip: chain.tipHeight }).toEqual({ accepted: 2, tip: 2 });
    expect(stopped).toMatchObject({ code: "CHAIN_HEADER_INVALID", details: { height: 3 } });
    expect(stopped?.message).toMatch(/name the header before/);
  });

  test("V1: a run that begins above the tip does not connect", () => {
    const run = mineRegtest(3);
    const { chain, accepted, stopped } = regtest.extend(2, run.subarray(80), LATE_MS);
    expect(chain).toBe(regtest);
    expect(accepted).toBe(0);
    expect(stopped).toMatchObject({ code: "CHAIN_HEADER_INVALID", details: { height: 2 } });
    expect(stopped?.message).toMatch(/does not connect/);
  });

  test("V1: whole headers before a cut one count", () => {
    const run = mineRegtest(2);
    const { chain, accepted, stopped } = regtest.extend(1, run.subarray(0, 159), LATE_MS);
    expect({ accepted, tip: chain.tipHeight }).toEqual({ accepted: 1, tip: 1 });
    expect(stopped).toMatchObject({ code: "CHAIN_HEADER_INVALID", details: { height: 2 } });
    expect(grown(run).extend(1, run.subarray(0, 81), LATE_MS)).toMatchObject({
      accepted: 1,
      stopped: { details: { height: 2 } },
    });
    expect(regtest.extend(1, new Uint8Array(), LATE_MS)).toEqual({ chain: regtest, accepted: 0, stopped: null });
  });

  test("V1: refuses a hash above the target", () => {
    const missed = mineHeader({ previousHash: genesisHash, timeSec: GENESIS_TIME_SEC + 600, miss: true });
    const { accepted, stopped } = regtest.extend(1, missed, LATE_MS);
    expect(accepted).toBe(0);
    expect(stopped?.message).toMatch(/above its target/);
  });

  test("V1: the target is that of the bits, not of the limit of another network", () => {
    const network = { ...networks.regtest, powLimitBits: 0x2000ffff };
    const fields = { previousHash: genesisHash, timeSec: GENESIS_TIME_SEC + 600, bits: 0x2000ffff };
    const chain = HeaderChain.fromCheckpoint(network);
    expect(chain.extend(1, mineHeader({ ...fields, miss: true }), LATE_MS).stopped?.message).toMatch(
      /above its target/,
    );
    expect(chain.extend(1, mineHeader(fields), LATE_MS).stopped).toBeNull();
  });

  test("V1: on regtest every header has bits 207fffff, also where another network retargets", () => {
    const wrong = mineHeader({ previousHash: genesisHash, timeSec: GENESIS_TIME_SEC + 600, bits: 0x207ffffe });
    expect(regtest.extend(1, wrong, LATE_MS).stopped?.message).toMatch(/has bits 207ffffe, expected 207fffff/);
    const chain = grown(mineRegtest(2_020, { spacingSec: 1 }));
    expect(chain.tipHeight).toBe(2_020);
    expect(chain.headerAt(2_016)?.bits).toBe(EASY_BITS);
    const other = mineHeader({ previousHash: chain.hashAt(2_015) ?? "", timeSec: LATE_MS / 1000, bits: 0x201fffff });
    expect(chain.extend(2_016, other, LATE_MS).stopped?.message).toMatch(/has bits/);
  });

  test("V1: on regtest the median is checked from height 1", () => {
    expect(onTimes([], 0).stopped?.message).toMatch(/median/);
    expect(onTimes([], 1).stopped).toBeNull();
  });

  test("V1: with an even number of headers the median is the upper one of the middle two", () => {
    expect(onTimes([100], 100).stopped?.message).toMatch(/median/);
    expect(onTimes([100], 101).stopped).toBeNull();
    expect(onTimes([100, 200], 100).stopped?.message).toMatch(/median/);
    expect(onTimes([100, 200], 101).stopped).toBeNull();
    expect(onTimes([100, 200, 150], 150).stopped?.message).toMatch(/median/);
    expect(onTimes([100, 200, 150], 151).stopped).toBeNull();
  });

  test("V1: the median is of the last 11 headers in order of time, not of height", () => {
    const times = [11000, 11100, 11001, 11200, 11002, 11300, 11003, 11400, 11500, 11600, 11700];
    const median = 11200;
    const chain = grown(mineRegtest(20, { spacingSec: 1 }));
    expect(onTimes(times, median, chain).stopped?.message).toMatch(/median/);
    expect(onTimes(times, median + 1, chain).stopped).toBeNull();
  });

  test("V1: a fork's median is that of its own headers", () => {
    const chain = grown(mineRegtest(30));
    const previousHash = chain.hashAt(10) ?? "";
    const timeAt = (height: number): number => chain.headerAt(height)?.timeSec ?? 0;
    const low = mineHeader({ previousHash, timeSec: timeAt(5), version: 9 });
    expect(chain.extend(11, low, LATE_MS).stopped?.message).toMatch(/median/);
    const above = mineHeader({ previousHash, timeSec: timeAt(5) + 1, version: 9 });
    expect(chain.extend(11, above, LATE_MS)).toMatchObject({ accepted: 1, stopped: null });
  });

  test("V1: above a checkpoint of unknown time the median is checked from the twelfth header on", () => {
    let previousHash = easy.tipHash;
    const headers: Uint8Array[] = [];
    for (let i = 0; i < 12; i++) {
      const header = mineHeader({ previousHash, timeSec: GENESIS_TIME_SEC + 5_000 - 100 * i });
      headers.push(header);
      previousHash = hashOf(header);
    }
    const { accepted, stopped } = easy.extend(2_016, concatBytes(...headers), LATE_MS);
    expect(accepted).toBe(11);
    expect(stopped).toMatchObject({ details: { height: 2_027 } });
    expect(stopped?.message).toMatch(/median/);
  });

  test("V1: a time up to 2 hours ahead of the clock is taken, one second more is not", () => {
    const header = mineHeader({ previousHash: genesisHash, timeSec: GENESIS_TIME_SEC + 600 });
    const latest = (GENESIS_TIME_SEC + 600 - 2 * 3600) * 1000;
    expect(regtest.extend(1, header, latest).stopped).toBeNull();
    const { chain, stopped } = regtest.extend(1, header, latest - 1);
    expect(chain).toBe(regtest);
    expect(stopped?.message).toMatch(/2 hours ahead/);
  });

  test("V1: the first period has the checkpoint's bits and the next ones are retargeted", () => {
    const wrong = mineHeader({ previousHash: easy.tipHash, timeSec: GENESIS_TIME_SEC, bits: 0x203fffff });
    expect(easy.extend(2_016, wrong, LATE_MS).stopped?.message).toMatch(/expected 207fffff/);

    const spacingSec = 300;
    const first = mineRun({ previousHash: easy.tipHash, timeSec: GENESIS_TIME_SEC, count: 2_016, spacingSec });
    const chain = grown(first, easy);
    const next = { previousHash: chain.tipHash, timeSec: GENESIS_TIME_SEC + 2_016 * spacingSec };
    const target = targetOfBits(EASY_BITS) ?? 0n;
    // The period's span is that between its first and its last header: 2,015 intervals.
    const bits = bitsOfTarget((target * BigInt(2_015 * spacingSec)) / 1_209_600n);
    expect(chain.extend(4_032, mineHeader(next), LATE_MS).stopped?.message).toMatch(/has bits 207fffff/);
    const off = mineHeader({ ...next, bits: bitsOfTarget(target / 2n) });
    expect(chain.extend(4_032, off, LATE_MS).stopped?.message).toMatch(/has bits/);

    const second = mineRun({ ...next, bits, count: 10 });
    const both = easy.extend(2_016, concatBytes(first, second), LATE_MS);
    expect(both).toMatchObject({ accepted: 2_026, stopped: null });
    expect(both.chain.work).toBe(1_000n + 2_016n * 2n + 10n * ((1n << 256n) / ((targetOfBits(bits) ?? 0n) + 1n)));
    expect(grown(second, chain).work).toBe(both.chain.work);
    // Work that a fork gives up is taken off at the rate at which it was counted.
    const fork = mineRun({ previousHash: chain.hashAt(4_030) ?? "", timeSec: next.timeSec, count: 1, version: 9 });
    expect(both.chain.extend(4_031, fork, LATE_MS).chain.work).toBe(1_000n + 2_016n * 2n);
  });

  test("V1: a header within a period keeps its bits", () => {
    const chain = grown(mineRun({ previousHash: easy.tipHash, timeSec: GENESIS_TIME_SEC, count: 3 }), easy);
    const wrong = mineHeader({ previousHash: chain.tipHash, timeSec: GENESIS_TIME_SEC + 3_000, bits: 0x203fffff });
    expect(chain.extend(2_019, wrong, LATE_MS).stopped?.message).toMatch(/has bits 203fffff, expected 207fffff/);
  });

  test("V1: a fork below the checkpoint is refused whatever its work", () => {
    const foreign = mineRun({ previousHash: "11".repeat(32), timeSec: GENESIS_TIME_SEC, count: 3 });
    for (const start of [2_015, 2_016]) {
      const { chain, accepted, stopped } = easy.extend(start, foreign, LATE_MS);
      expect(chain).toBe(easy);
      expect(accepted).toBe(0);
      expect(stopped).toMatchObject({ code: "CHAIN_WORK_INSUFFICIENT" });
    }
    const below = easy.extend(2_013, foreign, LATE_MS);
    expect(below).toMatchObject({ accepted: 2, stopped: { code: "CHAIN_WORK_INSUFFICIENT" } });
    const long = grown(mineRun({ previousHash: easy.tipHash, timeSec: GENESIS_TIME_SEC, count: 5 }), easy);
    expect(long.extend(2_016, foreign, LATE_MS)).toMatchObject({
      chain: long,
      stopped: { code: "CHAIN_WORK_INSUFFICIENT" },
    });
  });

  test("V1: headers at and below the checkpoint are passed over when the checkpoint is among them", () => {
    const genesis = mineHeader({ previousHash: "33".repeat(32), timeSec: GENESIS_TIME_SEC });
    const network = { ...easyMainnet, checkpoint: { ...easyMainnet.checkpoint, hash: hashOf(genesis) } };
    const chain = HeaderChain.fromCheckpoint(network);
    const above = mineRun({ previousHash: hashOf(genesis), timeSec: GENESIS_TIME_SEC + 1, count: 2 });
    const sent = concatBytes(new Uint8Array(80), genesis, above);
    const step = chain.extend(2_014, sent, LATE_MS);
    expect(step).toMatchObject({ accepted: 4, stopped: null });
    expect(step.chain.tipHeight).toBe(2_017);
    expect(chain.extend(2_000, sent, LATE_MS)).toEqual({ chain, accepted: 4, stopped: null });
  });

  test("V1: headers that the chain holds are passed over", () => {
    const run = mineRegtest(10);
    const chain = grown(run.subarray(0, 6 * 80));
    expect(chain.extend(1, run.subarray(0, 4 * 80), LATE_MS)).toEqual({ chain, accepted: 4, stopped: null });
    const step = chain.extend(4, run.subarray(3 * 80), LATE_MS);
    expect(step).toMatchObject({ accepted: 7, stopped: null });
    expect(step.chain.tipHeight).toBe(10);
    expect(step.chain.work).toBe(22n);
  });

  test("V1: a valid header that differs begins a fork, an invalid one changes nothing", () => {
    const chain = grown(mineRegtest(10));
    const previousHash = chain.hashAt(6) ?? "";
    const fork = mineRun({ previousHash, timeSec: GENESIS_TIME_SEC + 9_000, count: 2, version: 9 });
    const forked = chain.extend(7, fork, LATE_MS);
    expect(forked).toMatchObject({ accepted: 2, stopped: null });
    expect(forked.chain).toMatchObject({ tipHeight: 8, work: 18n });
    expect(forked.chain.hashAt(6)).toBe(previousHash);
    expect(forked.chain.hashAt(9)).toBeNull();
    expect(forked.chain.heightOf(chain.hashAt(9) ?? "")).toBeNull();

    const wrong = mineHeader({ previousHash, timeSec: GENESIS_TIME_SEC + 9_000, bits: 0x203fffff });
    const refused = chain.extend(7, wrong, LATE_MS);
    expect(refused.chain).toBe(chain);
    expect(refused).toMatchObject({ accepted: 0, stopped: { details: { height: 7 } } });
  });

  test("V1: most work wins, not the greatest height", () => {
    const spacingSec = 300;
    const start = { previousHash: easy.tipHash, timeSec: GENESIS_TIME_SEC };
    const fast = grown(mineRun({ ...start, count: 2_016, spacingSec }), easy);
    const slow = grown(mineRun({ ...start, count: 2_016, spacingSec: 600, version: 9 }), easy);
    const bits = bitsOfTarget(((targetOfBits(EASY_BITS) ?? 0n) * BigInt(2_015 * spacingSec)) / 1_209_600n);
    const heavy = grown(
      mineRun({ previousHash: fast.tipHash, timeSec: GENESIS_TIME_SEC + 700_000, count: 3, bits }),
      fast,
    );
    const slowBits = bitsOfTarget(((targetOfBits(EASY_BITS) ?? 0n) * BigInt(2_015 * 600)) / 1_209_600n);
    const tail = { previousHash: slow.tipHash, timeSec: GENESIS_TIME_SEC + 2_000_000, count: 4, bits: slowBits };
    const long = grown(mineRun(tail), slow);
    expect(long.tipHeight).toBeGreaterThan(heavy.tipHeight);
    expect(heavy.work).toBeGreaterThan(long.work);
    expect(selectBestChain(long, [heavy])).toBe(heavy);
    expect(selectBestChain(heavy, [long])).toBe(heavy);
    expect(selectBestChain(easy, [long, heavy, slow])).toBe(heavy);
  });

  test("V1: on equal work the stored chain stays, else the first completed one", () => {
    const a = grown(mineRegtest(4, { version: 1 }));
    const b = grown(mineRegtest(4, { version: 2 }));
    const c = grown(mineRegtest(5, { version: 3 }));
    expect(selectBestChain(a, [b])).toBe(a);
    expect(selectBestChain(b, [a])).toBe(b);
    expect(selectBestChain(regtest, [b, a])).toBe(b);
    expect(selectBestChain(a, [b, c])).toBe(c);
    expect(selectBestChain(a, [])).toBe(a);
  });

  test("V1: chains of two networks are not compared", () => {
    expect(() => selectBestChain(regtest, [easy])).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
  });

  test("V1: a chain below the shipped minimum work is told apart", () => {
    const network = { ...networks.regtest, minimumWork: 8n };
    const empty = HeaderChain.fromCheckpoint(network);
    expect(meetsMinimumWork(empty.extend(1, mineRegtest(2), LATE_MS).chain)).toBe(false);
    expect(meetsMinimumWork(empty.extend(1, mineRegtest(3), LATE_MS).chain)).toBe(true);
  });

  test("V1: stored headers are checked again and end before the first damaged one", () => {
    const run = mineRegtest(20);
    const stored = HeaderChain.fromStored(networks.regtest, run, LATE_MS);
    expect(stored).toMatchObject({ tipHeight: 20, work: 42n, tipHash: grown(run).tipHash });
    for (const at of [0, 10, 19]) {
      const damaged = run.slice();
      damaged[80 * at + 20] = (damaged[80 * at + 20] ?? 0) ^ 1;
      expect(HeaderChain.fromStored(networks.regtest, damaged, LATE_MS).tipHeight).toBe(at);
    }
    expect(HeaderChain.fromStored(mainnetFromGenesis, run, LATE_MS).tipHeight).toBe(0);
    expect(HeaderChain.fromStored(networks.regtest, new Uint8Array(), LATE_MS).tipHeight).toBe(0);
  });
});
