import { describe, expect, test } from "vitest";
import { decodeHex, encodeHex } from "../../../src/bytes/hex.js";
import { parseHeader, workOfBits } from "../../../src/chain/header.js";
import { genesisInternal, getNetwork, type NetworkId, networks } from "../../../src/chain/network.js";
import { mainnetGenesisHeader } from "./mining.js";

describe("network table", () => {
  test("section 9: the constants of every network", () => {
    const rows = Object.values(networks).map((network) => [
      network.id,
      network.rules,
      network.protocolStart,
      network.minAgeBlocks,
      network.maxAgeBlocks,
      network.termBlocks,
      network.graceBlocks,
      network.cooldownBlocks,
      network.minConfirmations,
      network.beaconDelayBlocks,
      network.bondSats,
      network.maxTipAgeMs,
      network.powLimitBits.toString(16),
      network.bech32Prefix,
    ]);
    expect(rows).toEqual([
      ["mainnet", "mainnet", 953568, 6, 2016, 105120, 8640, 1008, 6, 4320, 10000n, 28800000, "1d00ffff", "bc"],
      ["testnet4", "testnet4", 110880, 3, 2016, 52560, 4320, 144, 12, 4320, 1000n, 28800000, "1d00ffff", "tb"],
      ["signet", "signet", 290304, 1, 2016, 52560, 4320, 144, 2, 144, 1000n, 28800000, "1e0377ae", "tb"],
      ["regtest", "regtest", 0, 1, 200, 200, 20, 5, 1, 10, 1000n, null, "207fffff", "bcrt"],
    ]);
  });

  test("section 9: a checkpoint is the last block of a period and the protocol starts above it", () => {
    for (const { checkpoint, protocolStart, id } of Object.values(networks)) {
      if (id === "regtest") continue;
      expect((checkpoint.height + 1) % 2016).toBe(0);
      expect(protocolStart).toBe(checkpoint.height + 1);
    }
  });

  test("section 9: mainnet's minimum work is its checkpoint's; where the work is unknown the start is weak", () => {
    const { mainnet, testnet4, signet, regtest } = networks;
    expect(mainnet.minimumWork).toBe(0x12fa7ecf8d5705e356fd4a680n);
    expect(mainnet.checkpoint).toMatchObject({
      chainWork: mainnet.minimumWork,
      nextBits: 0x170240c3,
      weakStart: false,
    });
    for (const network of [testnet4, signet]) {
      expect(network.minimumWork).toBe(0n);
      expect(network.checkpoint).toMatchObject({ chainWork: 0n, nextBits: null, weakStart: true, header: null });
    }
    expect(regtest).toMatchObject({ minimumWork: 0n, checkpoint: { weakStart: false, nextBits: 0x207fffff } });
  });

  test("section 9: regtest begins at its own genesis block", () => {
    const { checkpoint, genesisHash } = networks.regtest;
    const header = parseHeader(decodeHex(checkpoint.header ?? ""));
    expect(header.hash).toBe(genesisHash);
    expect(checkpoint.hash).toBe(genesisHash);
    expect(checkpoint.height).toBe(0);
    expect(checkpoint.chainWork).toBe(workOfBits(header.bits));
  });

  test("notation: G is in internal order, and mainnet's begins 6fe28c0a", () => {
    expect(encodeHex(genesisInternal(networks.mainnet))).toMatch(/^6fe28c0a/);
    expect(parseHeader(decodeHex(mainnetGenesisHeader)).hash).toBe(networks.mainnet.genesisHash);
    const starts = Object.values(networks).map(({ genesisHash }) => genesisHash.slice(0, 24));
    expect(starts).toEqual([
      "000000000019d6689c085ae1",
      "00000000da84f2bafbbc53de",
      "00000008819873e925422c1f",
      "0f9188f13cb7b2c71f2a335e",
    ]);
  });

  test("getNetwork finds the four networks and refuses everything else", () => {
    for (const id of ["mainnet", "testnet4", "signet", "regtest"] satisfies NetworkId[]) {
      expect(getNetwork(id)).toBe(networks[id]);
    }
    for (const id of ["testnet3", "Mainnet", "", "constructor", "__proto__"]) {
      expect(() => getNetwork(id)).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
    }
  });
});
