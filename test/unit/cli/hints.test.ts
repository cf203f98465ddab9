import { describe, expect, it } from "vitest";
import { addressOfScript, readPlace } from "../../../src/cli/address.js";
import { hintOf } from "../../../src/cli/hints.js";
import { usageError } from "../../../src/cli/usage.js";
import { HawserError } from "../../../src/errors.js";

const context = { network: "regtest", addresses: ["one", "two"] } as const;
const script = `0014${"11".repeat(20)}`;
const address = "bcrt1qzyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3lgth6c";

describe("hintOf", () => {
  it.each<[HawserError, RegExp]>([
    [new HawserError("WALLET_FUNDS_INSUFFICIENT", "", { neededSats: "1", availableSats: "0" }), /^Fund one or two /],
    [new HawserError("NETWORK_ABORTED", "", { operation: "x" }), /Run the same command again/],
    [new HawserError("CHAIN_TIMEOUT", "", { operation: "x", waitedMs: 1 }), /Run the same command again/],
    [
      new HawserError("WALLET_NOT_OWNER", "", { name: "alice", ownerScript: script }),
      new RegExp(`^It belongs to ${address}; this key has one and two\\.$`),
    ],
    [new HawserError("NAME_UNSEALED", "", { name: "alice", txid: "" }), /"hawser name recover alice"/],
    [new HawserError("NAME_NOT_REGISTERED", "", { name: "alice", status: "free" }), /"hawser name register alice"/],
    [new HawserError("NAME_NOT_REGISTERED", "", { name: "alice", status: "released" }), /"hawser name show alice"/],
    [new HawserError("CONFLICT_PENDING", "", { name: "alice", operation: "" }), /"hawser name show alice"/],
    [
      new HawserError("CONFLICT_PENDING", "", { name: "alice", operation: "", unseals: true }),
      /^Once that is mined, "hawser name recover alice"/,
    ],
    [new HawserError("ROUTE_KEY_MISMATCH", "", { id: "x", expected: "", got: "" }), /--signer-key/],
    [new HawserError("ROUTE_NO_KEY", "", { id: "x" }), /rotate-key/],
  ])("%s", (error, hint) => {
    expect(hintOf(error, context)).toMatch(hint);
  });

  it("names the key file only where it is what lacks", () => {
    const error = new HawserError("INPUT_CONFIG_INVALID", "", { setting: "wallet", reason: "" });
    expect(hintOf(error, { ...context, addresses: [] })).toContain("--key-file");
    expect(hintOf(error, context)).toBe(null);
    expect(hintOf(new HawserError("NAME_SEALED", "", { name: "alice" }), context)).toBe(null);
    expect(hintOf(new Error("x"), context)).toBe(null);
  });
});

describe("places", () => {
  const fail = (expected: string, got: string): HawserError => usageError("TO", expected, got);

  it("are addresses of the network, or scripts in hex", () => {
    expect(readPlace(address, "regtest", fail)).toEqual(readPlace(script, "regtest", fail));
    expect(readPlace(script, "regtest", fail).address).toBe(address);
    expect(addressOfScript(script, "regtest")).toBe(address);
    expect(addressOfScript("76a9", "regtest")).toBe("76a9");
  });

  it.each([
    "",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    "0014aa",
    script.slice(0, -1),
    "76a9",
    address.slice(0, -1),
  ])("%j is none", (text) => {
    expect(() => readPlace(text, "regtest", fail)).toThrow(
      expect.objectContaining({
        code: "INPUT_INVALID",
        message: expect.stringContaining("of regtest (bcrt1...)") as string,
      }),
    );
  });
});
