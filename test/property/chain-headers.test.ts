import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes } from "../../src/bytes/bytes.js";
import { encodeHex } from "../../src/bytes/hex.js";
import { bitsOfTarget, parseHeader, targetOfBits, workOfBits } from "../../src/chain/header.js";
import { HeaderChain, selectBestChain } from "../../src/chain/header-chain.js";
import { type Network, networks } from "../../src/chain/network.js";
import { isHawserError } from "../../src/errors.js";
import { GENESIS_TIME_SEC, headerOf, LATE_MS, mainnetFromGenesis, mineRegtest, mineRun } from "../unit/chain/mining.js";
import { readEarlyHeaders } from "../vectors/chain-files.js";
import { hasSharedVectors } from "../vectors/shared.js";
import { numRuns } from "./runs.js";

const regtest = HeaderChain.fromCheckpoint(networks.regtest);
const run = mineRegtest(300);
const full = regtest.extend(1, run, LATE_MS).chain;

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const changed = bytes.slice();
  changed[Math.floor(bit / 8)] = (changed[Math.floor(bit / 8)] ?? 0) ^ (1 << (bit % 8));
  return changed;
}

/** What V1 says of a run, slowly and from its text: the height at which it ends. */
function slowEnd(network: Network, headers: readonly Uint8Array[]): number {
  const times = [GENESIS_TIME_SEC];
  let previousHash = network.checkpoint.hash;
  for (const [i, raw] of headers.entries()) {
    const header = parseHeader(raw);
    const before = times.slice(-11).sort((a, b) => a - b);
    const median = before[Math.floor(before.length / 2)] ?? 0;
    const target = targetOfBits(network.powLimitBits) ?? 0n;
    if (header.previousHash !== previousHash || header.bits !== network.powLimitBits) return i;
    if (BigInt(`0x${header.hash}`) > target || header.timeSec <= median) return i;
    if (header.timeSec * 1000 > LATE_MS + 2 * 60 * 60 * 1000) return i;
    previousHash = header.hash;
    times.push(header.timeSec);
  }
  return headers.length;
}

describe("header chain", () => {
  test.skipIf(!hasSharedVectors())("V1: one flipped bit in a real header ends the chain before it", () => {
    const real = readEarlyHeaders().subarray(0, 80 * 60);
    const chain = HeaderChain.fromCheckpoint(mainnetFromGenesis);
    fc.assert(
      fc.property(fc.nat(80 * 60 * 8 - 1), (bit) => {
        const { accepted, stopped } = chain.extend(1, flip(real, bit), LATE_MS);
        expect(accepted).toBe(Math.floor(bit / 640));
        expect(stopped).not.toBeNull();
      }),
      { numRuns: numRuns * 4 },
    );
  });

  test("V1: one flipped bit in a chain of easy headers cuts it there or at the next one", () => {
    fc.assert(
      fc.property(fc.nat(run.length * 8 - 1), (bit) => {
        const at = Math.floor(bit / 640);
        const { accepted } = regtest.extend(1, flip(run, bit), LATE_MS);
        expect([at, at + 1]).toContain(accepted);
      }),
      { numRuns },
    );
  });

  test("V1: times and order decide as a slow reading of the rules does", () => {
    const steps = fc.array(fc.integer({ min: -2_000, max: 3_000 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(steps, (spacings) => {
        const headers: Uint8Array[] = [];
        let previousHash = networks.regtest.genesisHash;
        let timeSec = GENESIS_TIME_SEC;
        for (const spacing of spacings) {
          timeSec += spacing;
          const header = mineRun({ previousHash, timeSec, count: 1 });
          headers.push(header);
          previousHash = parseHeader(header).hash;
        }
        expect(regtest.extend(1, concatBytes(...headers), LATE_MS).accepted).toBe(slowEnd(networks.regtest, headers));
      }),
      { numRuns },
    );
  });

  test("V1: cut into calls of any size, in any overlap, the chain is the same", () => {
    const cuts = fc.array(fc.record({ back: fc.nat(40), size: fc.nat(120) }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(cuts, (calls) => {
        let chain = regtest;
        for (const { back, size } of calls) {
          const start = Math.max(1, chain.tipHeight + 1 - back);
          const step = chain.extend(start, run.subarray(80 * (start - 1), 80 * (start - 1 + size)), LATE_MS);
          expect(step.stopped).toBeNull();
          chain = step.chain;
        }
        expect(encodeHex(chain.rawRange(1, chain.tipHeight))).toBe(encodeHex(run.subarray(0, 80 * chain.tipHeight)));
        expect(chain.work).toBe(2n + 2n * BigInt(chain.tipHeight));
        expect(HeaderChain.fromStored(networks.regtest, chain.rawRange(1, chain.tipHeight), LATE_MS).tipHash).toBe(
          chain.tipHash,
        );
      }),
      { numRuns },
    );
  });

  test("V1: after any reorganisations the chain is what its headers alone would give, and most work wins", () => {
    const forks = fc.array(fc.record({ depth: fc.nat(30), length: fc.integer({ min: 1, max: 40 }) }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(forks, (list) => {
        let stored = regtest.extend(1, run.subarray(0, 80 * 40), LATE_MS).chain;
        list.forEach(({ depth, length }, i) => {
          const from = Math.max(0, stored.tipHeight - depth);
          const fields = { previousHash: stored.hashAt(from) ?? "", version: i + 10, count: length };
          const fork = mineRun({ ...fields, timeSec: GENESIS_TIME_SEC + 600 * (from + 1) });
          const { chain, stopped } = stored.extend(from + 1, fork, LATE_MS);
          expect(stopped).toBeNull();
          expect(chain.tipHeight).toBe(from + length);
          const replayed = HeaderChain.fromStored(networks.regtest, chain.rawRange(1, chain.tipHeight), LATE_MS);
          expect([replayed.tipHash, replayed.work]).toEqual([chain.tipHash, chain.work]);
          const best = selectBestChain(stored, [chain]);
          expect(best).toBe(chain.tipHeight > stored.tipHeight ? chain : stored);
          stored = best;
        });
      }),
      { numRuns },
    );
  });

  test("V1: mutated and random bytes never throw anything but a HawserError", () => {
    const edits = fc.array(fc.tuple(fc.nat(run.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(edits, fc.nat(310), fc.nat(run.length), (changes, start, cut) => {
        const bytes = run.slice(0, cut);
        for (const [at, value] of changes) bytes[at % Math.max(1, cut)] = value;
        for (const chain of [regtest, full]) {
          const { accepted, stopped } = chain.extend(start, bytes, LATE_MS);
          expect(accepted).toBeLessThanOrEqual(bytes.length / 80);
          expect(stopped === null || isHawserError(stopped)).toBe(true);
        }
        HeaderChain.fromStored(networks.regtest, bytes, LATE_MS);
        HeaderChain.fromStored(networks.mainnet, bytes, LATE_MS);
      }),
      { numRuns },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(regtest.extend(1, bytes, LATE_MS).chain).toBe(regtest);
        try {
          parseHeader(bytes);
        } catch (error) {
          expect(isHawserError(error)).toBe(true);
        }
      }),
      { numRuns },
    );
  });

  test("V1: compact targets survive the way there and back, and work falls as the target grows", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: (1n << 255n) - 1n }), (target) => {
        const bits = bitsOfTarget(target);
        const rounded = targetOfBits(bits) ?? 0n;
        expect(rounded).toBeLessThanOrEqual(target);
        expect(rounded + (target >> 15n)).toBeGreaterThanOrEqual(target);
        expect(bitsOfTarget(rounded)).toBe(bits);
        expect(workOfBits(bits)).toBeGreaterThanOrEqual((1n << 256n) / (target + 1n));
      }),
      { numRuns: numRuns * 4 },
    );
  });

  test("V1: headers read back are the ones that were given", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), (height) => {
        const header = parseHeader(headerOf(run, height - 1));
        expect(full.headerAt(height)).toEqual(header);
        expect(full.heightOf(header.hash)).toBe(height);
      }),
      { numRuns },
    );
  });
});
