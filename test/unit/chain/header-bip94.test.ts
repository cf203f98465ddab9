import { beforeAll, describe, expect, it } from "vitest";
import { concatBytes } from "../../../src/bytes/bytes.js";
import { parseHeader, retargetBits, workOfBits } from "../../../src/chain/header.js";
import { HeaderChain } from "../../../src/chain/header-chain.js";
import type { Network } from "../../../src/chain/network.js";
import {
  EASY_BITS,
  easyMainnet,
  easySignet,
  easyTestnet4,
  GENESIS_TIME_SEC,
  HALF_BITS,
  headerOf,
  LATE_MS,
  mineHeader,
  mineSteps,
  type Step,
} from "./mining.js";

const FIRST = 2_016;
const PERIOD = 2_016;
const MINIMAL = EASY_BITS;

/** Steps of one spacing with the period's bits; `late` comes 1,201 s after its parent and has the easiest ones. */
function steps(count: number, { bits = HALF_BITS, late }: { bits?: number; late?: number } = {}): Step[] {
  let timeSec = GENESIS_TIME_SEC;
  return Array.from({ length: count }, (_, i) => {
    timeSec += i === late ? 1_201 : 600;
    return { timeSec, bits: i === late ? MINIMAL : bits };
  });
}

function chainOf(network: Network, list: readonly Step[]): HeaderChain {
  const empty = HeaderChain.fromCheckpoint(network);
  const { chain, stopped } = empty.extend(FIRST, mineSteps(empty.tipHash, list), LATE_MS);
  expect(stopped).toBeNull();
  return chain;
}

/** What becomes of one more header, dated so many seconds after the tip. */
function next(chain: HeaderChain, afterSec: number, bits: number): string | null {
  const timeSec = (chain.tipTimeSec ?? 0) + afterSec;
  const header = mineHeader({ previousHash: chain.tipHash, timeSec, bits });
  const { accepted, stopped } = chain.extend(chain.tipHeight + 1, header, LATE_MS);
  expect(accepted).toBe(stopped === null ? 1 : 0);
  if (stopped === null) return null;
  expect(stopped).toMatchObject({ code: "CHAIN_HEADER_INVALID", details: { height: chain.tipHeight + 1 } });
  return stopped.code === "CHAIN_HEADER_INVALID" ? stopped.details.reason : stopped.message;
}

const wrongBits = (got: number, expected: number): string =>
  `has bits ${got.toString(16)}, expected ${expected.toString(16)}`;

describe("V1: BIP94's 20-minute exception", () => {
  const chain = chainOf(easyTestnet4, steps(5));

  it("V1: a testnet4 block 1,200 s after its parent has the bits of its period", () => {
    expect(next(chain, 1_200, HALF_BITS)).toBeNull();
    expect(next(chain, 1_200, MINIMAL)).toBe(wrongBits(MINIMAL, HALF_BITS));
  });

  it("V1: a testnet4 block 1,201 s after its parent has the easiest target and no other", () => {
    expect(next(chain, 1_201, MINIMAL)).toBeNull();
    expect(next(chain, 1_201, HALF_BITS)).toBe(wrongBits(HALF_BITS, MINIMAL));
    expect(next(chain, 100_000, MINIMAL)).toBeNull();
  });

  it("V1: the hash of an exception is held against the easiest target", () => {
    const fields = { previousHash: chain.tipHash, timeSec: (chain.tipTimeSec ?? 0) + 1_201, bits: MINIMAL };
    const missed = chain.extend(chain.tipHeight + 1, mineHeader({ ...fields, miss: true }), LATE_MS);
    expect(missed.stopped?.details).toMatchObject({ reason: "has a hash above its target" });
  });

  it("V1: the testnet4 block after an exception has the bits of its period again", () => {
    const after = chainOf(easyTestnet4, steps(5, { late: 4 }));
    expect(after.headerAt(after.tipHeight)?.bits).toBe(MINIMAL);
    expect(next(after, 600, HALF_BITS)).toBeNull();
    expect(next(after, 600, MINIMAL)).toBe(wrongBits(MINIMAL, HALF_BITS));
    expect(next(after, 1_201, MINIMAL)).toBeNull();
  });

  it("V1: time that runs backwards is no exception", () => {
    expect(next(chain, -500, HALF_BITS)).toBeNull();
    expect(next(chain, -500, MINIMAL)).toBe(wrongBits(MINIMAL, HALF_BITS));
  });

  it("V1: exceptions count with the work of their own target", () => {
    const after = chainOf(easyTestnet4, steps(6, { late: 3 }));
    expect(after.work).toBe(5n * workOfBits(HALF_BITS) + workOfBits(MINIMAL));
    // And what a fork gives up is taken off as it was counted.
    const fork = mineSteps(after.hashAt(2_018) ?? "", [{ timeSec: GENESIS_TIME_SEC + 9_000, bits: MINIMAL }], 9);
    expect(after.extend(2_019, fork, LATE_MS).chain.work).toBe(3n * workOfBits(HALF_BITS) + workOfBits(MINIMAL));
  });

  it.each([
    ["signet", easySignet],
    ["mainnet", { ...easyMainnet, checkpoint: { ...easyMainnet.checkpoint, nextBits: HALF_BITS } }],
  ])("V1: there is none on %s", (_, network) => {
    const other = chainOf(network, steps(5));
    expect(next(other, 1_201, HALF_BITS)).toBeNull();
    expect(next(other, 1_201, MINIMAL)).toBe(wrongBits(MINIMAL, HALF_BITS));
  });

  it("V1: headers that come one by one are judged as those that come at once", () => {
    const list = steps(40).map((step, i) => (i % 3 === 1 ? { timeSec: step.timeSec, bits: MINIMAL } : step));
    let timeSec = GENESIS_TIME_SEC;
    const timed = list.map(({ bits }) => {
      timeSec += bits === MINIMAL ? 1_300 : 500;
      return { timeSec, bits: bits ?? MINIMAL };
    });
    const whole = chainOf(easyTestnet4, timed);
    let chain = HeaderChain.fromCheckpoint(easyTestnet4);
    for (let height = FIRST; height <= whole.tipHeight; height++) {
      chain = chain.extend(height, whole.rawRange(height, 1), LATE_MS).chain;
    }
    expect([chain.tipHash, chain.work]).toEqual([whole.tipHash, whole.work]);
  });
});

describe("V1: where a testnet4 period ends", () => {
  /** A period whose last header is an exception, and one without any. */
  let plain: HeaderChain;
  let late: HeaderChain;
  const retargeted = (chain: HeaderChain, bits: number, limit = MINIMAL): number =>
    retargetBits(bits, chain.headerAt(FIRST)?.timeSec ?? 0, chain.tipTimeSec ?? 0, limit);
  beforeAll(() => {
    plain = chainOf(easyTestnet4, steps(PERIOD));
    late = chainOf(easyTestnet4, steps(PERIOD, { late: PERIOD - 1 }));
  });

  it("V1: the first testnet4 block of a period cannot be an exception", () => {
    const bits = retargeted(plain, HALF_BITS);
    expect(bits).not.toBe(MINIMAL);
    expect(next(plain, 1_201, bits)).toBeNull();
    expect(next(plain, 1_201, MINIMAL)).toBe(wrongBits(MINIMAL, bits));
    expect(next(plain, 100_000, MINIMAL)).toBe(wrongBits(MINIMAL, bits));
  });

  it("V1: the testnet4 retarget takes the bits of the period's first block, not of its last", () => {
    expect(late.headerAt(late.tipHeight)?.bits).toBe(MINIMAL);
    const bits = retargeted(late, HALF_BITS);
    const fromLast = retargeted(late, MINIMAL);
    expect(fromLast).not.toBe(bits);
    expect(next(late, 600, bits)).toBeNull();
    expect(next(late, 600, fromLast)).toBe(wrongBits(fromLast, bits));
  });

  it("V1: the testnet4 retarget takes the time of the period's last block, also where that is an exception", () => {
    const untilSecondLast = retargetBits(
      HALF_BITS,
      late.headerAt(FIRST)?.timeSec ?? 0,
      late.headerAt(late.tipHeight - 1)?.timeSec ?? 0,
      MINIMAL,
    );
    expect(next(late, 600, untilSecondLast)).toBe(wrongBits(untilSecondLast, retargeted(late, HALF_BITS)));
  });

  it("V1: the bits of the next testnet4 period are those of its own first block", () => {
    const bits = retargeted(late, HALF_BITS);
    const first = mineHeader({ previousHash: late.tipHash, timeSec: (late.tipTimeSec ?? 0) + 600, bits });
    const chain = late.extend(late.tipHeight + 1, first, LATE_MS).chain;
    expect(chain.tipHeight).toBe(FIRST + PERIOD);
    expect(next(chain, 600, bits)).toBeNull();
    expect(next(chain, 600, HALF_BITS)).toBe(wrongBits(HALF_BITS, bits));
    expect(next(chain, 1_201, MINIMAL)).toBeNull();
    expect(chain.work).toBe(late.work + workOfBits(bits));
  });

  it("V1: the first testnet4 block of a period is at most 600 s older than its parent", () => {
    const bits = retargeted(plain, HALF_BITS);
    expect(next(plain, -600, bits)).toBeNull();
    expect(next(plain, -601, bits)).toBe("begins a period more than 600 s before the header before it");
  });

  it("V1: within a testnet4 period the median alone bounds how far a time may step back", () => {
    const inside = chainOf(easyTestnet4, steps(20));
    expect(next(inside, -601, HALF_BITS)).toBeNull();
    expect(next(inside, -5 * 600 + 1, HALF_BITS)).toBeNull();
    expect(next(inside, -5 * 600, HALF_BITS)).toBe("has a time at or below the median before it");
  });

  it("V1: a testnet4 period's first block may be old where its parent's time is not known: above the checkpoint", () => {
    const empty = HeaderChain.fromCheckpoint(easyTestnet4);
    const header = mineHeader({ previousHash: empty.tipHash, timeSec: 1, bits: HALF_BITS });
    expect(empty.extend(FIRST, header, LATE_MS)).toMatchObject({ accepted: 1, stopped: null });
  });

  it("V1: signet retargets from the bits of the last block and knows no 600 s rule", () => {
    const chain = chainOf(easySignet, steps(PERIOD));
    const bits = retargeted(chain, HALF_BITS);
    expect(next(chain, -601, bits)).toBeNull();
    expect(next(chain, 600, HALF_BITS)).toBe(wrongBits(HALF_BITS, bits));
    const first = mineHeader({ previousHash: chain.tipHash, timeSec: (chain.tipTimeSec ?? 0) + 1, bits });
    const both = chain.extend(chain.tipHeight + 1, first, LATE_MS).chain;
    expect(next(both, 600, bits)).toBeNull();
    expect(next(both, 600, HALF_BITS)).toBe(wrongBits(HALF_BITS, bits));
  });

  it("V1: a fork near the end of a period is judged by the headers of the fork", () => {
    const { bits } = parseHeader(plain.rawRange(FIRST, 1));
    const from = plain.tipHeight - 2;
    const timeSec = (plain.headerAt(from)?.timeSec ?? 0) + 1_201;
    const tail = mineSteps(plain.hashAt(from) ?? "", [
      { timeSec, bits: MINIMAL },
      { timeSec: timeSec + 600, bits },
    ]);
    const { chain, stopped } = plain.extend(from + 1, tail, LATE_MS);
    expect(stopped).toBeNull();
    const expected = retargetBits(HALF_BITS, plain.headerAt(FIRST)?.timeSec ?? 0, timeSec + 600, MINIMAL);
    expect(next(chain, 600, expected)).toBeNull();
    expect(next(chain, 600, retargeted(plain, HALF_BITS))).toBe(wrongBits(retargeted(plain, HALF_BITS), expected));
    expect(concatBytes(headerOf(tail, 0), headerOf(tail, 1))).toEqual(chain.rawRange(from + 1, 2));
  });
});
