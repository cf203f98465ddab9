import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes } from "../../src/bytes/bytes.js";
import { bitsOfTarget, parseHeader, targetOfBits, workOfBits } from "../../src/chain/header.js";
import { HeaderChain } from "../../src/chain/header-chain.js";
import type { Network } from "../../src/chain/network.js";
import {
  EASY_BITS,
  easySignet,
  easyTestnet4,
  GENESIS_TIME_SEC,
  HALF_BITS,
  headerOf,
  LATE_MS,
  mineHeader,
  mineSteps,
  type Step,
} from "../unit/chain/mining.js";
import { numRuns } from "./runs.js";

const PERIOD = 2_016;

/** One header of the model, which knows nothing of bytes. */
interface Block {
  readonly timeSec: number;
  readonly bits: number;
}

/**
 * A naive reading of the rules, made for this test: a growing list of blocks from height 2,016 on. Where the reader
 * looks at the first block of a period, this walks back to the last block that is no exception, as a full node does.
 */
class Model {
  readonly blocks: Block[] = [];
  readonly #hasExceptions: boolean;

  constructor(network: Network) {
    this.#hasExceptions = network.rules === "testnet4";
  }

  get height(): number {
    return PERIOD + this.blocks.length;
  }

  #at(height: number): Block {
    const block = this.blocks[height - PERIOD];
    if (block === undefined) throw new Error(`the model has no block ${height}`);
    return block;
  }

  /** The earliest time that the next block may have. */
  earliest(): number {
    const times = this.blocks.slice(-11).map(({ timeSec }) => timeSec);
    const median = times.length < 11 ? 0 : ([...times].sort((a, b) => a - b)[5] ?? 0);
    const parent = this.blocks.at(-1)?.timeSec ?? 0;
    const isGuarded = this.#hasExceptions && this.height % PERIOD === 0;
    return Math.max(median + 1, isGuarded ? parent - 600 : 0);
  }

  bitsAt(timeSec: number): number {
    const { height } = this;
    if (height === PERIOD) return HALF_BITS;
    const last = this.#at(height - 1);
    if (height % PERIOD === 0) {
      const first = this.#at(height - PERIOD);
      const span = Math.min(Math.max(last.timeSec - first.timeSec, 302_400), 4_838_400);
      const target = ((targetOfBits(this.#real(height - 1)) ?? 0n) * BigInt(span)) / 1_209_600n;
      const limit = targetOfBits(EASY_BITS) ?? 0n;
      return bitsOfTarget(target < limit ? target : limit);
    }
    if (this.#hasExceptions && timeSec - last.timeSec > 1_200) return EASY_BITS;
    return this.#real(height - 1);
  }

  /** The bits of the last block up to `height` that is no exception. */
  #real(height: number): number {
    let at = height;
    while (this.#hasExceptions && at % PERIOD !== 0 && this.#at(at).bits === EASY_BITS) at--;
    return this.#at(at).bits;
  }

  /** Adds a block as many seconds after its parent as the rules allow. */
  add(afterSec: number): Block {
    const parent = this.blocks.at(-1)?.timeSec ?? GENESIS_TIME_SEC;
    const timeSec = Math.max(this.earliest(), parent + afterSec);
    const block = { timeSec, bits: this.bitsAt(timeSec) };
    this.blocks.push(block);
    return block;
  }
}

/** The part of the first period that no run changes; it has exceptions, too. */
const FIXED = PERIOD - 25;
const spacings = fc.array(
  fc.oneof(
    fc.integer({ min: -4_000, max: 4_000 }),
    fc.constantFrom(-601, -600, -599, 0, 1_199, 1_200, 1_201, 1_202, 400_000),
  ),
  { minLength: 30, maxLength: 50 },
);

describe.each([
  ["testnet4", easyTestnet4],
  ["signet", easySignet],
] as const)("headers of %s at the end of a period", (id, network) => {
  const empty = HeaderChain.fromCheckpoint(network);
  const fixed = new Model(network);
  for (let i = 0; i < FIXED; i++) fixed.add(i % 7 === 3 ? 1_500 : 450);
  const start = empty.extend(PERIOD, mineSteps(empty.tipHash, fixed.blocks), LATE_MS).chain;
  const modelOf = (): Model => {
    const model = new Model(network);
    model.blocks.push(...fixed.blocks);
    return model;
  };
  const grow = (list: readonly number[]): readonly Step[] => {
    const model = modelOf();
    return list.map((afterSec) => model.add(afterSec));
  };

  it(`V1: ${id}: whatever the times, the blocks of a naive model are valid, and their work is counted`, () => {
    expect(start.tipHeight).toBe(PERIOD + FIXED - 1);
    fc.assert(
      fc.property(spacings, (list) => {
        const steps = grow(list);
        const { chain, accepted, stopped } = start.extend(
          start.tipHeight + 1,
          mineSteps(start.tipHash, steps),
          LATE_MS,
        );
        expect([accepted, stopped]).toEqual([list.length, null]);
        const work = steps.reduce((sum, { bits = 0 }) => sum + workOfBits(bits), start.work);
        expect(chain.work).toBe(work);
      }),
      { numRuns },
    );
  });

  it(`V1: ${id}: a block that the naive model would not make is refused, and nothing above it counts`, () => {
    const change = fc.record({ at: fc.nat(1_000), kind: fc.constantFrom("bits", "time", "previous", "hash") });
    fc.assert(
      fc.property(spacings, change, (list, { at, kind }) => {
        const steps = grow(list);
        const index = at % steps.length;
        const run = mineSteps(start.tipHash, steps);
        const model = modelOf();
        for (const afterSec of list.slice(0, index)) model.add(afterSec);
        const { previousHash, timeSec, bits } = parseHeader(headerOf(run, index));
        const fields = { previousHash, timeSec, bits };
        const changed = {
          bits: () => mineHeader({ ...fields, bits: bits === EASY_BITS ? HALF_BITS - 1 : bits - 1 }),
          time: () =>
            mineHeader({ ...fields, timeSec: model.earliest() - 1, bits: model.bitsAt(model.earliest() - 1) }),
          previous: () => mineHeader({ ...fields, previousHash: "44".repeat(32) }),
          hash: () => mineHeader({ ...fields, miss: true }),
        }[kind]();
        const broken = concatBytes(run.subarray(0, 80 * index), changed, run.subarray(80 * (index + 1)));
        const { accepted, stopped } = start.extend(start.tipHeight + 1, broken, LATE_MS);
        expect(accepted).toBe(index);
        expect(stopped).toMatchObject({
          code: "CHAIN_HEADER_INVALID",
          details: { height: start.tipHeight + 1 + index },
        });
      }),
      { numRuns },
    );
  });

  it(`V1: ${id}: one changed bit ends the chain there or at the next header`, () => {
    const list = Array.from({ length: 40 }, (_, i) => (i % 5 === 2 ? 1_300 : 500));
    const run = mineSteps(start.tipHash, grow(list));
    fc.assert(
      fc.property(fc.nat(run.length * 8 - 1), (bit) => {
        const broken = run.slice();
        broken[bit >> 3] = (broken[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const index = Math.floor(bit / 640);
        const { accepted } = start.extend(start.tipHeight + 1, broken, LATE_MS);
        expect([index, index + 1]).toContain(accepted);
      }),
      { numRuns: numRuns * 4 },
    );
  });

  it(`V1: ${id}: cut into calls of any size the chain is the same`, () => {
    fc.assert(
      fc.property(spacings, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 }), (list, sizes) => {
        const run = mineSteps(start.tipHash, grow(list));
        const whole = start.extend(start.tipHeight + 1, run, LATE_MS).chain;
        let chain = start;
        for (let turn = 0; chain.tipHeight < whole.tipHeight; turn++) {
          const from = chain.tipHeight - start.tipHeight;
          const size = sizes[turn % sizes.length] ?? 1;
          chain = chain.extend(chain.tipHeight + 1, run.subarray(80 * from, 80 * (from + size)), LATE_MS).chain;
        }
        expect([chain.tipHash, chain.work]).toEqual([whole.tipHash, whole.work]);
        const stored = HeaderChain.fromStored(network, whole.rawRange(PERIOD, whole.tipHeight - PERIOD + 1), LATE_MS);
        expect([stored.tipHash, stored.work]).toEqual([whole.tipHash, whole.work]);
      }),
      { numRuns: Math.ceil(numRuns / 5) },
    );
  });
});
