import { describe, expect, it } from "vitest";
import { encodeHex } from "../../../src/bytes/hex.js";
import type { ErrorCode, ForkProof } from "../../../src/errors.js";
import { parseRecord } from "../../../src/mutable/record.js";
import { verifyForkProof } from "../../../src/mutable/verify-fork.js";
import { context, digestOf, errorOf, signed, stranger, writer } from "./world.js";

const text = (body: Uint8Array): string => new TextDecoder().decode(body);

const proof: ForkProof = {
  network: "regtest",
  name: "alice",
  tenure: context.tenure,
  id: "settings",
  epoch: 7,
  ver: 5,
  pubkey: encodeHex(writer.publicKey),
  records: [text(signed(5, "x")), text(signed(5, "y"))],
};
const { sig } = parseRecord(signed(5, "y"));
const known = JSON.stringify({ id: "settings", sha256: digestOf("y"), ver: 5, sig });

describe("a fork's proof", () => {
  it("M9: a fork's proof is checked without anything but itself", () => {
    expect(verifyForkProof(proof)).toBe(proof);
    expect(verifyForkProof(JSON.parse(JSON.stringify(proof)) as ForkProof)).toEqual(proof);
  });

  it("M9: a fork's proof may know one side by its digest alone", () => {
    const cached: ForkProof = { ...proof, records: [proof.records[0], known] };
    expect(verifyForkProof(cached)).toBe(cached);
  });

  it.each<[string, Partial<Record<keyof ForkProof, unknown>>, ErrorCode]>([
    ["the same data twice", { records: [proof.records[0], ` ${proof.records[0]}`] }, "RECORD_INVALID"],
    ["the same data by its digest", { records: [proof.records[1], known] }, "RECORD_INVALID"],
    ["another version", { records: [proof.records[0], text(signed(6, "y"))] }, "RECORD_INVALID"],
    ["another id", { records: [proof.records[0], text(signed(5, "y", { context: { id: "b" } }))] }, "RECORD_INVALID"],
    [
      "a forged side",
      { records: [proof.records[0], text(signed(5, "y", { signer: stranger }))] },
      "RECORD_SIGNATURE_INVALID",
    ],
    ["another epoch", { epoch: 8 }, "RECORD_SIGNATURE_INVALID"],
    ["another tenure", { tenure: "2f".repeat(32) }, "RECORD_SIGNATURE_INVALID"],
    ["another name", { name: "bob" }, "RECORD_SIGNATURE_INVALID"],
    ["another network", { network: "signet" }, "RECORD_SIGNATURE_INVALID"],
    ["another key", { pubkey: encodeHex(stranger.publicKey) }, "RECORD_SIGNATURE_INVALID"],
    ["a digest without signature", { records: [proof.records[0], known.replace(sig, "")] }, "RECORD_INVALID"],
    ["a digest that is none", { records: [proof.records[0], known.replace(digestOf("y"), "y")] }, "RECORD_INVALID"],
    ["a side that is no object", { records: [proof.records[0], "7"] }, "RECORD_INVALID"],
    ["a side with more members", { records: [proof.records[0], known.replace("{", '{"x":1,')] }, "RECORD_INVALID"],
    ["one record", { records: [proof.records[0]] }, "INPUT_INVALID"],
    ["no records", { records: undefined }, "INPUT_INVALID"],
    ["an unknown network", { network: "x" }, "INPUT_INVALID"],
    ["a number for a key", { pubkey: 7 }, "INPUT_INVALID"],
  ])("M9: there is no proof of a fork with %s", (_, changes, code) => {
    errorOf(code, () => verifyForkProof({ ...proof, ...changes } as ForkProof));
  });
});
