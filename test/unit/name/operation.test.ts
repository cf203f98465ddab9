import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { concatBytes, utf8 } from "../../../src/bytes/bytes.js";
import { decodeHex, encodeHex } from "../../../src/bytes/hex.js";
import { networks } from "../../../src/chain/network.js";
import { nameId, parseName } from "../../../src/name/name.js";
import {
  decodePayload,
  encodePayload,
  type Payload,
  payloadScript,
  preorderCommitment,
} from "../../../src/name/operation.js";

const hash = new Uint8Array(32).fill(0xab);
const salt = new Uint8Array(8).fill(0xcd);
const H = "ab".repeat(32);
const longest = "n".repeat(31);

const rows: readonly (readonly [Payload, string])[] = [
  [{ kind: "preorder", commitment: hash }, `68777311${H}`],
  [
    { kind: "register", salt, profileHash: hash, name: "alice" },
    `68777312${"cd".repeat(8)}${H}${Buffer.from("alice").toString("hex")}`,
  ],
  [
    { kind: "register", salt, profileHash: hash, name: longest },
    `68777312${"cd".repeat(8)}${H}${Buffer.from(longest).toString("hex")}`,
  ],
  [{ kind: "update", profileHash: hash }, `68777313${H}`],
  [{ kind: "transfer", profileHash: hash }, `68777314${H}`],
  [{ kind: "release" }, "68777315"],
  [{ kind: "recover", profileHash: hash }, `68777316${H}`],
];

/** The payload script of these bytes, whatever they are. */
const scripted = (payload: Uint8Array): Uint8Array => concatBytes(Uint8Array.of(0x6a, payload.length), payload);
const decode = (hex: string) => decodePayload(scripted(decodeHex(hex)), 0n);

describe("C2", () => {
  it.each(rows)("C2: $kind has one byte form and is read back", (payload, hex) => {
    expect(encodeHex(encodePayload(payload))).toBe(hex);
    expect(decode(hex)).toEqual({ is: "known", payload });
    expect(encodeHex(payloadScript(encodePayload(payload)))).toBe(
      `6a${(hex.length / 2).toString(16).padStart(2, "0")}${hex}`,
    );
  });

  it.each([
    ["preorder", `68777311${H}`],
    ["update", `68777313${H}`],
    ["transfer", `68777314${H}`],
    ["release", "68777315"],
    ["recover", `68777316${H}`],
  ])("C1: a %s body with a byte more or less fails its row", (kind, hex) => {
    expect(decode(`${hex}00`)).toEqual({ is: "malformed", kind });
    if (kind !== "release") expect(decode(hex.slice(0, -2))).toEqual({ is: "malformed", kind });
  });

  it.each([
    ["no name", ""],
    ["a name that N1 refuses", "416c696365"],
    ["a BOM before the name", "efbbbf616c696365"],
    ["a byte above ASCII", "616cff"],
    ["a NUL", "616c00"],
  ])("C2: a REGISTER with %s fails its row", (_what, name) => {
    expect(decode(`68777312${"cd".repeat(8)}${H}${name}`)).toEqual({ is: "malformed", kind: "register" });
  });

  it("C2: a REGISTER that ends inside its hash fails its row", () => {
    expect(decode(`68777312${"cd".repeat(8)}`)).toEqual({ is: "malformed", kind: "register" });
  });

  it("C7: other versions and ops are told as unknown, with any body", () => {
    expect(decode(`68777310${H}`)).toEqual({ is: "unknown", version: 1, op: 0 });
    expect(decode("68777317")).toEqual({ is: "unknown", version: 1, op: 7 });
    expect(decode("6877731f")).toEqual({ is: "unknown", version: 1, op: 15 });
    expect(decode("68777303")).toEqual({ is: "unknown", version: 0, op: 3 });
    expect(decode(`68777323${H}`)).toEqual({ is: "unknown", version: 2, op: 3 });
    expect(decode("687773f5")).toEqual({ is: "unknown", version: 15, op: 5 });
  });
});

describe("C1", () => {
  const release = decodeHex("68777315");

  it("C1: the value must be 0", () => {
    expect(decodePayload(scripted(release), 1n)).toBeNull();
  });

  it("C1: nothing but one direct push of the whole rest is a payload", () => {
    for (const hex of [
      "",
      "6a",
      "6a04",
      "6a0468777315ff",
      "6a0568777315",
      "6a0368777315",
      "6a4c0468777315",
      "6b0468777315",
      "000468777315",
      "6a046877731500",
      "0468777315",
      "6a510468777315",
    ]) {
      expect(decodePayload(decodeHex(hex), 0n), hex).toBeNull();
    }
  });

  it("C1: a payload is 4 to 75 bytes", () => {
    const unknown = (length: number): Uint8Array => concatBytes(decodeHex("6877731f"), new Uint8Array(length - 4));
    expect(decodePayload(scripted(decodeHex("687773")), 0n)).toBeNull();
    expect(decodePayload(scripted(unknown(4)), 0n)).not.toBeNull();
    expect(decodePayload(scripted(unknown(75)), 0n)).not.toBeNull();
    // 76 is OP_PUSHDATA1, no direct push.
    expect(decodePayload(scripted(unknown(76)), 0n)).toBeNull();
    expect(() => payloadScript(unknown(76))).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
    expect(() => payloadScript(unknown(4).slice(1))).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
    expect(payloadScript(unknown(75)).length).toBe(77);
  });

  it("C2: what does not begin with hws is someone else's", () => {
    for (const hex of ["69777315", "68767315", "68777215", "48575315"]) expect(decode(hex), hex).toBeNull();
  });
});

describe("encodePayload", () => {
  it("refuses what a reader would not read back", () => {
    const short = hash.slice(1);
    for (const payload of [
      { kind: "preorder", commitment: short },
      { kind: "update", profileHash: short },
      { kind: "transfer", profileHash: short },
      { kind: "recover", profileHash: short },
      { kind: "register", salt, profileHash: short, name: "alice" },
      { kind: "register", salt: salt.slice(1), profileHash: hash, name: "alice" },
    ] satisfies Payload[]) {
      expect(() => encodePayload(payload)).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
    }
    expect(() => encodePayload({ kind: "register", salt, profileHash: hash, name: "Alice" })).toThrow(
      expect.objectContaining({ code: "NAME_INVALID" }),
    );
  });
});

describe("C4", () => {
  const ownerScript = concatBytes(Uint8Array.of(0x51, 32), hash);
  const name = parseName("alice");
  const sha = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();

  it("C4: the commitment is the tagged hash over network, name, salt and owner", () => {
    const tag = sha(utf8("hawser/preorder"));
    const genesis = decodeHex("6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000");
    const message = concatBytes(tag, tag, genesis, nameId(name), salt, sha(ownerScript));
    const commitment = preorderCommitment({ network: networks.mainnet, name, salt, ownerScript });
    expect(encodeHex(commitment)).toBe(encodeHex(sha(message)));
  });

  it("C4: a salt has 8 bytes", () => {
    expect(() => preorderCommitment({ network: networks.mainnet, name, salt: hash, ownerScript })).toThrow(
      expect.objectContaining({ code: "INPUT_INVALID" }),
    );
  });
});
