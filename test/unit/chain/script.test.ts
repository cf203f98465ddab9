import { script as bitcoinScript, payments } from "bitcoinjs-lib";
import { describe, expect, test } from "vitest";
import { decodeHex, encodeHex } from "../../../src/bytes/hex.js";
import { isOwnerScript, p2wshScript, pushNumber, scriptHex, scriptKind } from "../../../src/chain/script.js";

const twenty = "11".repeat(20);
const thirtyTwo = "22".repeat(32);

describe("scripts", () => {
  test("C3: the three owner scripts", () => {
    expect(scriptKind(decodeHex(`0014${twenty}`))).toBe("p2wpkh");
    expect(scriptKind(decodeHex(`0020${thirtyTwo}`))).toBe("p2wsh");
    expect(scriptKind(decodeHex(`5120${thirtyTwo}`))).toBe("p2tr");
  });

  test.each([
    ["empty", ""],
    ["P2PKH", `76a914${twenty}88ac`],
    ["P2SH", `a914${twenty}87`],
    ["version 1 with 20 bytes", `5114${twenty}`],
    ["version 2", `5220${thirtyTwo}`],
    ["version 16", `6020${thirtyTwo}`],
    ["P2WPKH with a byte more", `0014${twenty}00`],
    ["P2WPKH with a byte less", `0014${"11".repeat(19)}`],
    ["P2WSH with a byte more", `0020${thirtyTwo}00`],
    ["P2TR with a byte less", `5120${"22".repeat(31)}`],
    ["22 bytes with another push", `0013${twenty}`],
    ["34 bytes with another push", `0021${thirtyTwo}`],
    ["34 bytes with a pushdata opcode", `004c${thirtyTwo}`],
    ["P2TR's length in 22 bytes", `5120${twenty}`],
    ["pay to anchor", "51024e73"],
  ])("C3: %s is no owner script", (_, hex) => {
    expect(isOwnerScript(decodeHex(hex))).toBe(false);
    expect(scriptKind(decodeHex(hex))).toBeNull();
  });

  test("N3: numbers are pushed as bitcoinjs-lib pushes them", () => {
    for (const value of [
      0,
      1,
      10,
      16,
      17,
      127,
      128,
      144,
      255,
      256,
      4320,
      32767,
      32768,
      65535,
      8388607,
      8388608,
      2 ** 31 - 1,
    ]) {
      const expected = bitcoinScript.compile([
        value <= 16 ? (value === 0 ? 0 : 0x50 + value) : bitcoinScript.number.encode(value),
      ]);
      expect(encodeHex(pushNumber(value))).toBe(encodeHex(expected));
    }
    expect(encodeHex(pushNumber(4320))).toBe("02e010");
    expect(encodeHex(pushNumber(144))).toBe("029000");
    expect(encodeHex(pushNumber(10))).toBe("5a");
  });

  test("pushNumber refuses what has no push here", () => {
    for (const value of [-1, 2 ** 31, 1.5, Number.NaN]) {
      expect(() => pushNumber(value)).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
    }
  });

  test("N3: P2WSH is the SHA-256 of the witness script", () => {
    const witnessScript = decodeHex(`20${thirtyTwo}7502e010b2`);
    const expected = payments.p2wsh({ redeem: { output: witnessScript } }).output ?? new Uint8Array();
    expect(scriptHex(p2wshScript(witnessScript))).toBe(encodeHex(expected));
    expect(scriptKind(p2wshScript(witnessScript))).toBe("p2wsh");
  });
});
