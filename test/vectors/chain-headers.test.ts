import { Block } from "bitcoinjs-lib";
import { describe, expect, test } from "vitest";
import { decodeHex, encodeHex, reversed } from "../../src/bytes/hex.js";
import { bitsOfTarget, parseHeader, retargetBits, targetOfBits, workOfBits } from "../../src/chain/header.js";
import { HeaderChain } from "../../src/chain/header-chain.js";
import { type Checkpoint, networks } from "../../src/chain/network.js";
import { LATE_MS, mainnetFromGenesis } from "../unit/chain/mining.js";
import { readBlock, readCheckpoints, readEarlyHeaders, readJson } from "./chain-files.js";
import { hasSharedVectors } from "./shared.js";

interface SpvHeader {
  readonly hex: string;
  readonly hash: string;
  readonly timestamp: number;
  readonly height: number;
}

interface SpvVectors {
  readonly retargetAlgorithm: readonly { readonly input: readonly [SpvHeader, SpvHeader, SpvHeader] }[];
  readonly validateHeaderChain: readonly { readonly input: string; readonly output: number }[];
  readonly validateHeaderChainError: readonly { readonly comment: string; readonly input: string }[];
}

interface BlockVectors {
  readonly targets: readonly { readonly bits: string; readonly expected: string }[];
  readonly valid: readonly {
    readonly description: string;
    readonly id: string;
    readonly version: number;
    readonly prevHash: string;
    readonly merkleRoot: string;
    readonly timestamp: number;
    readonly bits: number;
    readonly nonce: number;
    readonly hex: string;
    readonly valid: boolean;
  }[];
  readonly invalid: readonly { readonly hex: string }[];
}

const NOW_MS = Date.UTC(2026, 10, 1);

/** Work of the blocks from genesis to `height`, read off the checkpoints' targets. */
function workFromCheckpoints(height: number): bigint {
  const targets = readCheckpoints("mainnet").map(({ target }) => target);
  let work = 0n;
  for (let start = 0; start <= height; start += 2016) {
    const target = start === 0 ? targetOfBits(0x1d00ffff) : targets[start / 2016 - 1];
    if (target === null || target === undefined) throw new Error(`no target for the period at ${start}`);
    work += BigInt(Math.min(2016, height + 1 - start)) * workOfBits(bitsOfTarget(target));
  }
  return work;
}

/** The compact target in a header, as hex. */
function bitsIn(header: Uint8Array): string {
  return parseHeader(header).bits.toString(16).padStart(8, "0");
}

/** Mainnet's rules above the block that `header` names as the one before it. */
function chainBefore(header: ReturnType<typeof parseHeader>): HeaderChain {
  const checkpoint = {
    height: 2_015,
    hash: header.previousHash,
    header: null,
    chainWork: 0n,
    nextBits: header.bits,
    weakStart: false,
  };
  return HeaderChain.fromCheckpoint({ ...networks.mainnet, checkpoint });
}

describe.skipIf(!hasSharedVectors())("real headers", () => {
  test("V1: the first 1,111 mainnet headers link, hash and meet their targets", () => {
    const raw = readEarlyHeaders();
    const { chain, accepted, stopped } = HeaderChain.fromCheckpoint(mainnetFromGenesis).extend(1, raw, LATE_MS);
    expect({ accepted, stopped }).toEqual({ accepted: 1_111, stopped: null });
    expect(chain.work).toBe(1_112n * 0x100010001n);
    expect(encodeHex(chain.rawRange(1, 1_111))).toBe(encodeHex(raw));
    expect(chain.hashAt(1)).toBe("00000000839a8e6886ab5951d76f411475428afc90947ee320161bbf18eb6048");
    for (let height = 1; height <= 1_111; height++) {
      const bytes = raw.subarray(80 * (height - 1), 80 * height);
      expect(chain.hashAt(height)).toBe(Block.fromBuffer(bytes).getId());
    }
  });

  test("V1: nine real retargets", () => {
    const { retargetAlgorithm } = readJson("headers/bitcoin-spv_testVectors.json") as SpvVectors;
    expect(retargetAlgorithm).toHaveLength(9);
    for (const { input } of retargetAlgorithm) {
      const [first, last, next] = input.map((entry) => {
        const header = parseHeader(decodeHex(entry.hex.slice(2)));
        expect(header.timeSec).toBe(entry.timestamp);
        expect(header.hash).toBe(entry.hash.slice(2));
        return header;
      });
      if (first === undefined || last === undefined || next === undefined) throw new Error("three headers expected");
      expect(retargetBits(last.bits, first.timeSec, last.timeSec, 0x1d00ffff)).toBe(next.bits);
    }
  });

  test("V1: a header chain of another project is accepted with its difficulty", () => {
    const { validateHeaderChain } = readJson("headers/bitcoin-spv_testVectors.json") as SpvVectors;
    for (const { input, output } of validateHeaderChain) {
      const raw = decodeHex(input.slice(2));
      const chain = chainBefore(parseHeader(raw.subarray(0, 80)));
      const step = chain.extend(2_016, raw, NOW_MS);
      expect(step).toMatchObject({ accepted: raw.length / 80, stopped: null });
      const limit = targetOfBits(0x1d00ffff) ?? 0n;
      let difficulty = 0n;
      for (let height = 2_016; height <= step.chain.tipHeight; height++) {
        difficulty += limit / (targetOfBits(step.chain.headerAt(height)?.bits ?? 0) ?? 1n);
      }
      expect(difficulty).toBe(BigInt(output));
    }
  });

  test("V1: broken header chains of another project are refused for their reason", () => {
    const { validateHeaderChainError } = readJson("headers/bitcoin-spv_testVectors.json") as SpvVectors;
    // One vector is dated 2078.
    const nowMs = Date.UTC(2080, 0, 1);
    const reasons = validateHeaderChainError.map(({ comment, input }) => {
      const raw = decodeHex(input.slice(2));
      const { accepted, stopped } = chainBefore(parseHeader(raw.subarray(0, 80))).extend(2_016, raw, nowMs);
      return [comment, accepted, stopped?.details];
    });
    expect(reasons).toEqual([
      // Bytes are missing in the first header, so its fields are shifted.
      ["Header bytes not multiple of 80", 0, { height: 2_016, reason: "has a hash above its target" }],
      ["Header bytes not a valid chain", 1, { height: 2_017, reason: "does not name the header before it" }],
      ["Header does not meet its own difficulty target", 2, { height: 2_018, reason: "has a hash above its target" }],
    ]);
  });

  test("V1: bitcoinjs-lib's headers, targets and proofs of work", () => {
    const { targets, valid, invalid } = readJson("bitcoinjs-lib/block.json") as BlockVectors;
    for (const { bits, expected } of targets) {
      const compact = Number.parseInt(bits, 16);
      // Two of them have the sign bit, which bitcoinjs-lib ignores and consensus refuses.
      expect(targetOfBits(compact)).toBe((compact & 0x800000) === 0 ? BigInt(`0x${expected}`) : null);
    }
    for (const vector of valid) {
      const header = parseHeader(decodeHex(vector.hex.slice(0, 160)));
      expect(header).toMatchObject({
        hash: vector.id,
        version: vector.version,
        previousHash: encodeHex(reversed(decodeHex(vector.prevHash))),
        timeSec: vector.timestamp,
        bits: vector.bits,
        nonce: vector.nonce,
      });
      expect(encodeHex(header.merkleRoot)).toBe(vector.merkleRoot);
      const { stopped } = chainBefore(header).extend(2_016, decodeHex(vector.hex.slice(0, 160)), NOW_MS);
      expect([vector.description, stopped === null]).toEqual([vector.description, vector.valid]);
    }
    for (const { hex } of invalid) {
      expect(() => parseHeader(decodeHex(hex))).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
    }
  });

  test("section 9: checkpoints are on an independent list", () => {
    for (const id of ["mainnet", "testnet4", "signet"] as const) {
      const { height, hash } = networks[id].checkpoint;
      expect(readCheckpoints(id)[(height + 1) / 2016 - 1]?.hash).toBe(hash);
    }
    const { checkpoint } = networks.mainnet;
    const list = readCheckpoints("mainnet");
    expect(list).toHaveLength(473);
    expect(bitsOfTarget(list.at(-1)?.target ?? 0n)).toBe(checkpoint.nextBits);
    expect(targetOfBits(checkpoint.nextBits ?? 0)).toBe(list.at(-1)?.target);
  });

  test("section 9: every checkpoint of the independent lists has the work that its network asks for", () => {
    const lengths = { mainnet: 473, testnet4: 69, signet: 153 };
    for (const id of ["mainnet", "testnet4", "signet"] as const) {
      const limit = targetOfBits(networks[id].powLimitBits) ?? 0n;
      const list = readCheckpoints(id);
      expect(list).toHaveLength(lengths[id]);
      expect(new Set(list.map(({ hash }) => hash)).size).toBe(list.length);
      list.forEach(({ hash }, i) => {
        // An entry's target is that of the period above it; those of testnet4 and signet are not known.
        const target = id === "mainnet" && i > 0 ? (list[i - 1]?.target ?? 0n) : limit;
        expect(BigInt(`0x${hash}`)).toBeLessThanOrEqual(target);
      });
    }
  });

  test("section 9: mainnet's work is the sum over the checkpoints, which a real node's chainwork confirms", () => {
    const { file } = readBlock("bitcoin_mainnet_951658");
    expect(workFromCheckpoints(file.height)).toBe(BigInt(`0x${file.chainwork ?? ""}`));
    expect(workFromCheckpoints(networks.mainnet.checkpoint.height)).toBe(networks.mainnet.checkpoint.chainWork);
  });

  describe.each([
    ["mainnet", "bitcoin_mainnet_951658"],
    ["testnet4", "bitcoin_testnet4_40000"],
    ["signet", "bitcoin_signet_31500"],
  ] as const)("a real block of %s", (id, name) => {
    const { file, header } = readBlock(name);
    const claimed = Number.parseInt(file.bits, 16);
    /** The network's rules above the block before this one. */
    const chainOn = (changes: Partial<Checkpoint> = {}): HeaderChain => {
      const known = { height: 2_015, hash: file.previousblockhash, header: null, chainWork: 0n, nextBits: null };
      const checkpoint = { ...known, weakStart: true, ...changes };
      return HeaderChain.fromCheckpoint({ ...networks[id], checkpoint });
    };
    const reasonFor = (chain: HeaderChain, raw: Uint8Array, nowMs = NOW_MS): unknown => {
      const { stopped, accepted } = chain.extend(2_016, raw, nowMs);
      expect(accepted).toBe(stopped === null ? 1 : 0);
      return stopped === null ? null : [stopped.code, stopped.details];
    };
    const refused = (reason: string): unknown => ["CHAIN_HEADER_INVALID", { height: 2_016, reason }];

    test(`V1: ${id}: it meets its target, which is within the limit`, () => {
      const { chain, stopped } = chainOn().extend(2_016, header, NOW_MS);
      expect(stopped).toBeNull();
      expect(chain).toMatchObject({ tipHash: file.hash, tipTimeSec: file.time, work: workOfBits(claimed) });
      expect(reasonFor(chainOn({ nextBits: claimed }), header)).toBeNull();
    });

    test(`V1: ${id}: it is refused where other bits are expected`, () => {
      const reason = `has bits ${file.bits}, expected 1b0404cb`;
      expect(reasonFor(chainOn({ nextBits: 0x1b0404cb }), header)).toEqual(refused(reason));
    });

    test(`V1: ${id}: it is refused above another block, and two hours before its time`, () => {
      expect(reasonFor(chainOn({ hash: file.hash }), header)).toEqual([
        "CHAIN_WORK_INSUFFICIENT",
        { work: "0", minimumWork: networks[id].minimumWork.toString(16) },
      ]);
      const nowMs = file.time * 1000 - 2 * 60 * 60 * 1000;
      expect(reasonFor(chainOn(), header, nowMs)).toBeNull();
      expect(reasonFor(chainOn(), header, nowMs - 1)).toEqual(refused("has a time more than 2 hours ahead"));
    });

    test(`V1: ${id}: with any one bit changed it is refused`, () => {
      for (let bit = 0; bit < 640; bit++) {
        const changed = header.slice();
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const reason = reasonFor(chainOn({ nextBits: claimed }), changed);
        const isBits = bit >= 576 && bit < 608;
        const isPrevious = bit >= 32 && bit < 288;
        if (isPrevious) expect(reason).toMatchObject(["CHAIN_WORK_INSUFFICIENT", { work: "0" }]);
        else if (isBits) expect(reason).toEqual(refused(`has bits ${bitsIn(changed)}, expected ${file.bits}`));
        else expect(reason).toEqual(refused("has a hash above its target"));
      }
    });

    test(`V1: ${id}: it has too little work for a limit below its bits`, () => {
      const checkpoint = { ...networks.testnet4.checkpoint, height: 2_015, hash: file.previousblockhash };
      const chain = HeaderChain.fromCheckpoint({ ...networks[id], powLimitBits: 0x1702068e, checkpoint });
      const reason = `has bits ${file.bits}, which are no target within the limit`;
      expect(reasonFor(chain, header)).toEqual(refused(reason));
    });
  });

  test("V1: signet's blocks are too easy for testnet4 and mainnet", () => {
    const { file, header } = readBlock("bitcoin_signet_31500");
    for (const id of ["mainnet", "testnet4"] as const) {
      const checkpoint = { ...networks.testnet4.checkpoint, height: 2_015, hash: file.previousblockhash };
      const chain = HeaderChain.fromCheckpoint({ ...networks[id], checkpoint });
      expect(chain.extend(2_016, header, NOW_MS).stopped?.details).toMatchObject({
        reason: `has bits ${file.bits}, which are no target within the limit`,
      });
    }
  });

  test("V1: a real header below the checkpoint does not extend mainnet's chain", () => {
    const { header, file } = readBlock("bitcoin_mainnet_951658");
    const mainnet = HeaderChain.fromCheckpoint(networks.mainnet);
    expect(mainnet.extend(953_568, header, NOW_MS).stopped).toMatchObject({ code: "CHAIN_WORK_INSUFFICIENT" });
    expect(mainnet.extend(file.height, header, NOW_MS)).toEqual({ chain: mainnet, accepted: 1, stopped: null });
  });
});
