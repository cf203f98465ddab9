import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { encodeHex } from "../../../src/bytes/hex.js";
import { networks } from "../../../src/chain/network.js";
import { isHawserError } from "../../../src/errors.js";
import { beaconScript, beaconWitnessScript, nameId, parseName } from "../../../src/name/name.js";

const sha = (...parts: readonly (Uint8Array | string)[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

describe("N1", () => {
  it.each(["a", "0", "alice", "a-b", "a--b", "abc--d", "x".repeat(31), `a${"-".repeat(1)}${"b".repeat(29)}`])(
    "N1: admits %j",
    (name) => {
      expect(parseName(name)).toBe(name);
    },
  );

  it.each([
    "",
    "x".repeat(32),
    "-a",
    "a-",
    "-",
    "Alice",
    " alice",
    "alice ",
    "alice\n",
    "al_ice",
    "al.ice",
    "alicé",
    "аlice",
    "xn--abc",
    "ab--",
    "ab--c",
    "a\u0000b",
  ])("N1: refuses %j", (name) => {
    expect(() => parseName(name)).toThrow(expect.objectContaining({ code: "NAME_INVALID" }));
  });

  it.each([
    ["undefined", undefined],
    ["null", null],
    ["a number", 7],
    ["an array", ["alice"]],
    ["a String object", new String("alice")],
    ["bytes", new Uint8Array(3)],
  ])("N1: refuses %s, which is no string", (_what, name) => {
    expect(() => parseName(name)).toThrow(expect.objectContaining({ code: "NAME_INVALID" }));
  });

  it("N1: an error quotes no more than the start of a long string", () => {
    try {
      parseName("x".repeat(100_000));
    } catch (error) {
      expect(isHawserError(error, "NAME_INVALID") && error.details.name.length).toBe(64);
      return;
    }
    expect.unreachable();
  });
});

describe("N2, N3", () => {
  const tag = sha("hawser/name");
  const nid = sha(tag, tag, "alice");

  it("N2: the id is the tagged hash of the name", () => {
    expect(encodeHex(nameId(parseName("alice")))).toBe(nid.toString("hex"));
  });

  it.each([
    ["mainnet", "7502e010b2"],
    ["testnet4", "7502e010b2"],
    ["signet", "75029000b2"],
    ["regtest", "755ab2"],
  ] as const)("N3: the witness script on %s pushes its delay minimally", (id, end) => {
    const script = beaconWitnessScript(parseName("alice"), networks[id]);
    expect(encodeHex(script)).toBe(`20${nid.toString("hex")}${end}`);
    const output = beaconScript(parseName("alice"), networks[id]);
    expect(encodeHex(output)).toBe(`0020${sha(script).toString("hex")}`);
  });
});
