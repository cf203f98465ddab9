import { bech32, bech32m } from "bech32";
import { fromBech32, toBech32 } from "bitcoinjs-lib/src/address";
import { describe, expect, it } from "vitest";
import { decodeHex, encodeHex } from "../../../src/bytes/hex.js";
import { networks } from "../../../src/chain/network.js";
import { isOwnerScript } from "../../../src/chain/script.js";
import { addressOf, scriptOfAddress } from "../../../src/plan/address.js";

const { mainnet, testnet4, signet, regtest } = networks;
const invalid = expect.objectContaining({ code: "INPUT_INVALID" });

describe("addresses", () => {
  // Pairs from BIP173 and BIP350.
  it.each([
    ["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", mainnet, "0014751e76e8199196d454941c45d1b3a323f1433bd6"],
    [
      "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
      testnet4,
      "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
    ],
    [
      "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
      mainnet,
      "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    ],
    [
      "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c",
      signet,
      "5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
    ],
    ["bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", regtest, "0014751e76e8199196d454941c45d1b3a323f1433bd6"],
  ])("%s", (address, network, script) => {
    expect(addressOf(decodeHex(script), network)).toBe(address);
    expect(encodeHex(scriptOfAddress(address, network))).toBe(script);
    expect(encodeHex(scriptOfAddress(address.toUpperCase(), network))).toBe(script);
  });

  it.each([
    ["another network", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"],
    ["bech32 for version 1", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd"],
    ["bech32m for version 0", "bc1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqd5r9kx"],
    ["a wrong checksum", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"],
    ["version 2", "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs"],
    ["version 16", "bc1sw50qgdz25j"],
    ["a program of another length", "bc1rw5uspcuh"],
    ["version 2 with a program of 32 bytes", toBech32(new Uint8Array(32), 2, "bc")],
    ["version 1 with a program of 20 bytes", toBech32(new Uint8Array(20), 1, "bc")],
    ["version 0 with a program of 33 bytes", toBech32(new Uint8Array(33), 0, "bc")],
    ["legacy", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"],
    ["nothing", ""],
  ])("refuses %s", (_, address) => {
    expect(() => scriptOfAddress(address, mainnet)).toThrow(invalid);
  });

  it("refuses what is no string, and scripts that are not C3's", () => {
    expect(() => scriptOfAddress(undefined as unknown as string, mainnet)).toThrow(invalid);
    expect(() => addressOf(decodeHex("6a026869"), mainnet)).toThrow(invalid);
  });

  it("are those that bitcoinjs-lib reads and writes, whatever version, length, checksum and padding", () => {
    let accepted = 0;
    for (const encoding of [bech32, bech32m]) {
      for (let version = 0; version < 32; version++) {
        for (let length = 0; length <= 66; length++) {
          // Lengths that no bytes have leave bits over, all zero or not.
          for (const last of [0, 1, 16]) {
            const words = Array.from({ length }, (_, index) => (index === length - 1 ? last : (index * 7) % 32));
            const address = encoding.encode("bc", [version, ...words]);
            const ours = orNull(() => scriptOfAddress(address, mainnet));
            const theirs = orNull(() => fromBech32(address));
            const script =
              theirs === null
                ? null
                : Uint8Array.from([
                    theirs.version === 0 ? 0 : 0x50 + theirs.version,
                    theirs.data.length,
                    ...theirs.data,
                  ]);
            expect(ours, address).toEqual(script !== null && isOwnerScript(script) ? script : null);
            if (ours === null || theirs === null) continue;
            accepted++;
            expect(addressOf(ours, mainnet)).toBe(address);
            expect(toBech32(theirs.data, theirs.version, "bc")).toBe(address);
          }
        }
      }
    }
    expect(accepted).toBeGreaterThan(3);
  });

  it("refuses mixed case, an address without a version, and bits that are left over", () => {
    const [address, words] = ["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", new Array<number>(52).fill(0)];
    expect(() => scriptOfAddress(address.replace("q", "Q"), mainnet)).toThrow(invalid);
    for (const encoding of [bech32, bech32m]) {
      expect(() => scriptOfAddress(encoding.encode("bc", []), mainnet)).toThrow(invalid);
    }
    expect(() => scriptOfAddress(bech32m.encode("bc", [1, ...words]), mainnet)).not.toThrow();
    expect(() => scriptOfAddress(bech32m.encode("bc", [1, ...words.slice(1), 1]), mainnet)).toThrow(invalid);
    expect(() => scriptOfAddress(bech32m.encode("bc", [1, ...words, 0]), mainnet)).toThrow(invalid);
  });
});

function orNull<T>(run: () => T): T | null {
  try {
    return run();
  } catch {
    return null;
  }
}
